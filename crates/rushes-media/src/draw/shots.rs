//! How a dance is filmed: which shot when, cut or eased on the bar, with pushes on the beat.
//!
//! What does not live here: what is in the picture (`film`), and cuts between films (`crate::edit`).

use super::geom::{V2, v2};
use super::rng::Dice;
use super::still::DESIGN;

/// Where the camera is: how near, and which place of the design stays where it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Camera {
    pub(crate) zoom: f32,
    pub(crate) focus: V2,
}

/// How near, and how high the middle is as a share of the picture; how often, against the others.
struct Shot {
    zoom: f32,
    height: f32,
    share: f32,
}

const fn shot(zoom: f32, height: f32, share: f32) -> Shot {
    Shot { zoom, height, share }
}

/// From the whole stage to the face: dancing is told by feet, so wide shots come most.
const SHOTS: [Shot; 6] = [
    shot(1.0, 0.56, 3.0),
    shot(1.10, 0.52, 3.0),
    shot(1.20, 0.60, 1.6),
    shot(1.36, 0.46, 1.5),
    shot(1.70, 0.34, 1.2),
    shot(2.15, 0.27, 0.8),
];
/// From this zoom on feet are out of the picture, and the next shot shows them again.
const NEAR: f32 = 1.5;
/// Shots nearer to each other than this ease into one another; others are cut.
const EASED: f32 = 0.16;
/// Shots at least this far apart are cut; between the two a cut would look like a mistake.
const CUT: f32 = 0.3;
/// Beats a shot may change on.
const BAR: f32 = 4.0;

/// The shots of one film, followed from frame to frame.
pub(crate) struct Shots {
    bars: Vec<usize>,
    downbeat: f32,
    /// Where the camera looks, pixels beside the middle: it follows the dancer slowly.
    aside: f32,
}

impl Shots {
    /// Draws the shots by seed; one that does not cut stays wide.
    pub(crate) fn new(seed: u64, downbeat: usize, cuts: bool) -> Self {
        let mut dice = Dice::new(seed, "camera");
        let mut bars: Vec<usize> = vec![0];
        while bars.len() < 128 {
            let last = bars[bars.len() - 1];
            let stays = bars.len() % 2 == 1 && SHOTS[last].zoom < NEAR && dice.chance(0.7);
            bars.push(if !cuts {
                usize::from(bars.len() % 4 > 1)
            } else if stays {
                last
            } else {
                next(&mut dice, last)
            });
        }
        Self { bars, downbeat: downbeat as f32, aside: 0.0 }
    }

    /// The camera at a beat; `dancer` is how far beside the middle who dances is, pixels. Called frame by frame.
    pub(crate) fn at(&mut self, beat: f32, pulse: f32, dancer: f32, seconds: f32) -> Camera {
        self.aside += (dancer - self.aside) * (1.0 - (-2.5 * seconds).exp());
        let place = ((beat - self.downbeat) / BAR).max(0.0);
        let bar = place as usize;
        let shot = |bar: usize| &SHOTS[self.bars[bar % self.bars.len()]];
        let (from, to) = (shot(bar.saturating_sub(1)), shot(bar));
        let eased = ((place - bar as f32) * BAR / 1.5).clamp(0.0, 1.0);
        let share = if (from.zoom - to.zoom).abs() > EASED { 1.0 } else { eased * eased * (3.0 - 2.0 * eased) };
        let mix = |a: f32, b: f32| a + (b - a) * share;
        // A slow push through the bar, and a short one on each beat.
        let zoom = mix(from.zoom, to.zoom) * (1.0 + 0.022 * (place - bar as f32)) + 0.02 * pulse;
        // The place that stays is chosen so that the dancer comes to the middle, as far as the picture reaches.
        let reach = (self.aside * 0.85 * zoom / (zoom - 1.0).max(0.02)).clamp(-DESIGN.0 * 0.5, DESIGN.0 * 0.5);
        Camera { zoom, focus: v2(DESIGN.0 * 0.5 + reach, DESIGN.1 * mix(from.height, to.height)) }
    }
}

/// Another shot than the last; after a near one a wide one.
fn next(dice: &mut Dice, last: usize) -> usize {
    let weight = |i: usize| {
        let jump = (SHOTS[i].zoom - SHOTS[last].zoom).abs();
        let fits = i != last && !(SHOTS[last].zoom >= NEAR && SHOTS[i].zoom >= NEAR) && !(EASED..CUT).contains(&jump);
        if fits { SHOTS[i].share } else { 0.0 }
    };
    let mut left = dice.unit() * (0..SHOTS.len()).map(weight).sum::<f32>();
    for i in 0..SHOTS.len() {
        left -= weight(i);
        if left <= 0.0 && weight(i) > 0.0 {
            return i;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draw_shots_change_on_bars_show_feet_mostly_and_follow_the_dancer() {
        let mut wide = 0;
        for seed in 0..40 {
            let mut shots = Shots::new(seed, 2, true);
            let mut before: Option<Camera> = None;
            for frame in 0..900 {
                let beat = frame as f32 / 15.0;
                let camera = shots.at(beat, 0.0, 120.0, 1.0 / 30.0);
                wide += usize::from(camera.zoom < NEAR);
                let jumped = before.is_some_and(|b| (camera.zoom - b.zoom).abs() > 0.1);
                let into_bar = (beat - 2.0).rem_euclid(BAR);
                assert!(!jumped || into_bar < 1.0 / 15.0 + 1e-3, "seed {seed}: cut {into_bar} beats after a bar began");
                before = Some(camera);
            }
            let dancer = DESIGN.0 * 0.5 + 120.0;
            let last = before.unwrap();
            let seen = last.focus.x + (dancer - last.focus.x) * last.zoom - DESIGN.0 * 0.5;
            assert!(seen < 125.0, "seed {seed}: the dancer is {seen} px beside the middle at {}", last.zoom);
        }
        assert!(wide > 40 * 900 * 6 / 10, "{wide} of 36000 frames show the feet");
    }

    #[test]
    fn draw_shots_of_a_rehearsal_have_no_cuts() {
        let mut shots = Shots::new(3, 0, false);
        let zooms: Vec<f32> = (0..900).map(|frame| shots.at(frame as f32 / 15.0, 0.0, 0.0, 1.0 / 30.0).zoom).collect();
        assert!(zooms.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.03));
    }
}
