//! Shoes: the sole touches the floor where the foot is planted.
//!
//! What does not live here: legs and what covers them (`body`, `garments`).

use super::body::Limb;
use super::brush::Brush;
use super::colour::{Rgb, Tone};
use super::figure::Moment;
use super::geom::{V2, blob, c, curve, ellipse, s, spline, v2};
use super::rig::{View, sign};
use super::spec::CharacterSpec;
use super::wardrobe::{Cut, Shoes};

/// Ankle to the sole's lowest point as seen from the front, heads: what a raised heel draws longer.
const SOLE: f32 = 0.28;
const RUBBER: Rgb = Rgb(240, 238, 232);

/// Where a shoe is: its own coordinates (heads, x outwards, y down, ankle at the origin) to pixels.
struct Last {
    ankle: V2,
    out: f32,
    tilt: f32,
    /// A lifted foot points down and is seen longer.
    point: f32,
    toe: f32,
    head: f32,
}

impl Last {
    fn at(&self, x: f32, y: f32) -> V2 {
        self.ankle + v2(self.out * x, y * self.point).turned(self.tilt) * self.head
    }
}

/// How far a shoe goes up the shin, as a share of half the leg.
const fn shaft(kind: Shoes) -> f32 {
    match kind {
        Shoes::Boots => 0.40,
        Shoes::HighTops => 0.16,
        Shoes::Slippers => 0.10,
        Shoes::Sneakers | Shoes::Loafers => 0.0,
    }
}

/// One shoe under its ankle.
pub(crate) fn shoe(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, moment: &Moment, side: usize, view: &View, leg: &Limb) {
    let (slot, kind) = cut.shoes;
    let tone = spec.cloth(slot);
    let (ankle, knee) = (view.at(moment.bones.ankles[side]), view.at(moment.bones.knees[side]));
    let lifted = (-moment.pose.feet[side].y).clamp(0.0, 1.0);
    let last = Last {
        ankle,
        out: sign(side),
        tilt: ((ankle - knee).unit().x * -0.25 * (1.0 + lifted)).clamp(-0.5, 0.5),
        point: 1.0 + lifted * 0.35 + moment.pose.heels[side] / SOLE,
        toe: if kind == Shoes::Boots || kind == Shoes::Loafers { 0.92 } else { 1.0 },
        head: view.head,
    };
    let toe = last.toe;
    let map = |p: V2| last.at(p.x, p.y);
    let upper = [
        s(-0.10, -0.06),
        s(0.095, -0.06),
        s(0.150 * toe, 0.075),
        s(0.205 * toe, 0.175),
        s(0.165 * toe, 0.250),
        s(0.045, 0.275),
        s(-0.080 * toe, 0.245),
        s(-0.110 * toe, 0.160),
        s(-0.105, 0.06),
    ];
    let sole = [
        c(-0.112 * toe, 0.185),
        s(-0.02, 0.238),
        s(0.10, 0.245),
        c(0.212 * toe, 0.178),
        s(0.185 * toe, 0.258),
        s(0.05, 0.292),
        s(-0.092 * toe, 0.258),
    ];
    let (upper, sole) = (spline(&upper, true, map), spline(&sole, true, map));
    brush.outline(&[&upper, &sole], tone);
    leg_of_shoe(brush, kind, tone, leg);
    brush.body(&upper, tone);
    let far =
        [last.at(0.095, -0.04), last.at(0.150 * toe, 0.075), last.at(0.203 * toe, 0.175), last.at(0.14 * toe, 0.20), last.at(0.09, 0.09)];
    brush.shadow(&blob(&far), tone);
    let dark = matches!(kind, Shoes::Boots | Shoes::Loafers | Shoes::Slippers);
    brush.body(&sole, Tone::of(if dark { spec.palette.dark.mix(Rgb(20, 16, 22), 0.5) } else { RUBBER }));
    details(brush, kind, tone, &last);
}

fn leg_of_shoe(brush: &mut Brush<'_>, kind: Shoes, tone: Tone, leg: &Limb) {
    let shaft = shaft(kind);
    if shaft <= 0.0 {
        return;
    }
    let top = 1.0 - shaft * 0.55;
    let mut ribbon = leg.ribbon.part(top, 1.0).wider(1.0, 0.035 * brush.head);
    // Narrow at the ankle, where the shoe takes over.
    let last = (ribbon.half.len() - 1) as f32;
    for (i, half) in ribbon.half.iter_mut().enumerate() {
        *half *= 1.0 - 0.40 * (i as f32 / last - 0.4).max(0.0);
    }
    brush.ribbon(&ribbon, tone);
    let rim = leg.ribbon.part(top, top + 0.03).wider(1.04, 0.04 * brush.head);
    brush.ribbon(&rim, if kind == Shoes::HighTops { Tone::of(RUBBER) } else { tone });
}

fn details(brush: &mut Brush<'_>, kind: Shoes, tone: Tone, last: &Last) {
    let ink = brush.ink(tone);
    let line = |a: (f32, f32), b: (f32, f32), c: (f32, f32)| curve(&[last.at(a.0, a.1), last.at(b.0, b.1), last.at(c.0, c.1)]);
    match kind {
        Shoes::Sneakers | Shoes::HighTops => {
            for y in [0.03, 0.075, 0.12] {
                let lace = line((-0.035 + y * 0.2, y), (0.03 + y * 0.3, y + 0.016), (0.09 + y * 0.3, y - 0.005));
                brush.line(&lace, 0.016, Rgb(250, 248, 244).alpha(0.95));
            }
            brush.line(&line((-0.07, 0.185), (0.05, 0.155), (0.17, 0.15)), 0.010, ink);
        }
        Shoes::Loafers => brush.line(&line((-0.075, 0.10), (0.04, 0.125), (0.14, 0.09)), 0.024, tone.light.alpha(0.8)),
        Shoes::Boots => brush.line(&line((-0.09, 0.07), (0.02, 0.105), (0.13, 0.06)), 0.012, ink),
        Shoes::Slippers => {}
    }
    brush.fill(&ellipse(last.at(0.005, 0.19), v2(0.04, 0.022) * last.head, last.tilt), tone.light.alpha(0.45));
}
