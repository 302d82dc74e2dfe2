//! How one shot becomes the next: mostly a hard cut, now and then a few frames of movement or light around it.
//!
//! Whatever it is, the source changes on the very frame of the cut, and no frame is added or lost. Which cut gets which
//! is not decided here.

use crate::run::encode::VideoSpec;
use serde::{Deserialize, Serialize};

/// How a segment takes over from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// At once.
    #[default]
    Cut,
    /// It begins a little closer and settles within a fifth of a second.
    Punch,
    /// The picture is swept aside, and the next one swept in, both blurred by the speed.
    Whip,
    /// Two bright frames.
    Flash,
    /// The light goes out over three frames and is back, closer, with the cut: for the one strongest moment.
    Dip,
}

/// What is done to one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Touch {
    /// 1 shows all of it.
    zoom: f64,
    /// Where the zoomed picture lies: −1 at its left edge, 1 at its right.
    shift: f64,
    /// Blur along the rows, in shares of the width.
    blur: f64,
    /// −1 black, 0 as it is, 1 white.
    light: f64,
}

const PLAIN: Touch = Touch { zoom: 1.0, shift: 0.0, blur: 0.0, light: 0.0 };
/// What a punch begins with.
const PUNCH_ZOOM: f64 = 1.10;
/// Room to sweep in.
const WHIP_ZOOM: f64 = 1.24;
const WHIP_BLUR: f64 = 0.085;

impl Transition {
    /// Whether nothing is done: lists that were kept before there were transitions say nothing of them.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    pub(super) fn is_cut(&self) -> bool {
        *self == Self::Cut
    }

    /// What is done to the last frames before the cut, at a frame rate.
    pub(super) fn before(self, fps: u32) -> Vec<Touch> {
        match self {
            Self::Whip => over(fps, 3, |done| {
                let speed = done * done;
                Touch { zoom: 1.0 + (WHIP_ZOOM - 1.0) * done, shift: speed, blur: WHIP_BLUR * speed, ..PLAIN }
            }),
            Self::Dip => over(fps, 3, |done| Touch { light: -0.88 * done, ..PLAIN }),
            Self::Cut | Self::Punch | Self::Flash => Vec::new(),
        }
    }

    /// What is done to the first frames after the cut.
    pub(super) fn after(self, fps: u32) -> Vec<Touch> {
        // Fast at first: what is left of the way falls by the cube.
        let settled = |zoom: f64, done: f64| 1.0 + (zoom - 1.0) * (1.0 - done).powi(3);
        match self {
            Self::Punch => over(fps, 6, |done| Touch { zoom: settled(PUNCH_ZOOM, done - 1.0 / 6.0), ..PLAIN }),
            Self::Dip => over(fps, 6, |done| {
                let light = if done < 0.2 { 0.22 } else { 0.0 };
                Touch { zoom: settled(PUNCH_ZOOM + 0.04, done - 1.0 / 6.0), light, ..PLAIN }
            }),
            Self::Whip => over(fps, 4, |done| {
                let left = (1.0 - (done - 0.25)).powi(3);
                Touch { zoom: 1.0 + (WHIP_ZOOM - 1.0) * left, shift: -left, blur: WHIP_BLUR * left * left, ..PLAIN }
            }),
            Self::Flash => over(fps, 2, |done| Touch { light: if done < 0.75 { 0.55 } else { 0.2 }, ..PLAIN }),
            Self::Cut => Vec::new(),
        }
    }
}

/// `frames` at 30 a second, as many at another rate as last as long; each is told how far it is, up to 1.
fn over(fps: u32, frames: u32, touch: impl Fn(f64) -> Touch) -> Vec<Touch> {
    let count = ((frames * fps + 15) / 30).max(1);
    (1..=count).map(|k| touch(f64::from(k) / f64::from(count))).collect()
}

impl Touch {
    /// The filters that do it, each after a comma.
    pub(super) fn filters(self, spec: VideoSpec) -> String {
        let mut filters = String::new();
        let (width, height) = (f64::from(spec.width), f64::from(spec.height));
        let even = |v: f64| (v / 2.0).round() as u32 * 2;
        if self.zoom > 1.002 {
            let (w, h) = (even(width / self.zoom).max(2), even(height / self.zoom).max(2));
            let x = even(f64::from(spec.width - w) / 2.0 * (1.0 + self.shift)).min(spec.width - w);
            filters.push_str(&format!(",crop={w}:{h}:{x}:{}", even(f64::from(spec.height - h) / 2.0)));
        }
        // Drawn together to few columns and apart again: as soft as a blur, without a blur's large buffers.
        let columns = even(1.0 / (1.15 * self.blur).max(1e-9)).max(4);
        if columns < spec.width / 2 {
            filters.push_str(&format!(",scale={columns}:{}:flags=area", spec.height));
        }
        if !filters.is_empty() {
            filters.push_str(&format!(",scale={}:{}:flags=bicubic", spec.width, spec.height));
        }
        if self.light > 0.0 {
            let (light, rest) = (self.light, 1.0 - self.light);
            filters.push_str(&format!(",lutyuv=y=val+(235-val)*{light:.3}:u=128+(val-128)*{rest:.3}:v=128+(val-128)*{rest:.3}"));
        } else if self.light < 0.0 {
            let rest = 1.0 + self.light;
            filters.push_str(&format!(",lutyuv=y=16+(val-16)*{rest:.3}:u=128+(val-128)*{rest:.3}:v=128+(val-128)*{rest:.3}"));
        }
        filters
    }
}
