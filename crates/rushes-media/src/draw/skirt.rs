//! Skirts: from the waist to a hem that swings, flares and covers the legs.
//!
//! What does not live here: trousers and tights (`garments`), shoes (`shoes`).

use super::body::{Limb, Torso, WAIST};
use super::brush::Brush;
use super::colour::Tone;
use super::figure::Moment;
use super::geom::{Node, Ribbon, V2, curve, spline, star, v2};
use super::spec::CharacterSpec;
use super::wardrobe::{Cut, Mark};

/// More pleats than this and their hem is toothed.
const TOOTHED: usize = 7;

/// A skirt's outline in pixels, as functions of the place on it.
struct Cone {
    left: V2,
    right: V2,
    middle: V2,
    down: V2,
    /// Waist to hem.
    reach: f32,
    /// Half widths at the hip and at the hem.
    hip: f32,
    hem: f32,
    /// Sideways swing of the hem.
    swing: f32,
    /// How much further each side goes out, so that no leg shows beside the cloth.
    out: [f32; 2],
    head: f32,
}

impl Cone {
    fn new(head: f32, torso: &Torso, legs: &[Limb; 2], moment: &Moment, length: f32, flare: f32) -> Self {
        let (left, right) = (torso.spot(-1.0, WAIST - 0.04), torso.spot(1.0, WAIST - 0.04));
        let middle = (left + right) * 0.5;
        // The hem covers the legs however far apart they are.
        let knee = ((length - 0.85) / 1.6).clamp(0.05, 1.0);
        let spread = |l: &Limb| (l.ribbon.at(knee * 0.5, 0.0) - middle).x.abs() + l.ribbon.half[3] * 1.25;
        let wide = torso.ribbon.half[8];
        let mut cone = Self {
            left,
            right,
            middle,
            down: (torso.spot(0.0, 1.9) - middle).unit(),
            reach: (length - moment.hanging.flare * 0.22) * head,
            hip: wide * 1.06,
            hem: (wide * flare * (1.0 + moment.hanging.flare)).max(legs.iter().map(spread).fold(0.0, f32::max)),
            swing: moment.hanging.hem * head * length * 0.55,
            out: [0.0; 2],
            head,
        };
        let out = [-1.0, 1.0].map(|side| legs.iter().map(|leg| cone.lacks(side, leg)).fold(0.0, f32::max));
        cone.out = out;
        cone
    }

    /// How far a leg comes out of one side, pixels.
    fn lacks(&self, side: f32, leg: &Limb) -> f32 {
        let places = leg.ribbon.centre.iter().zip(&leg.ribbon.half);
        let lack = |(centre, half): (&V2, &f32)| {
            let from = *centre - self.middle;
            let t = (from.x * self.down.x + from.y * self.down.y) / self.reach;
            if (0.15..=1.0).contains(&t) { (centre.x - self.side(side, t).x) * side + half * 1.12 } else { 0.0 }
        };
        places.map(lack).fold(0.0, f32::max)
    }

    /// On the waistband: `u` from −1 (picture's left) to 1.
    fn waist(&self, u: f32) -> V2 {
        self.left.lerp(self.right, (u + 1.0) * 0.5)
    }

    /// On the outline of one side (−1 or 1): `t` from the waist (above 0) to the hem (1).
    fn side(&self, side: f32, t: f32) -> V2 {
        const HIP: f32 = 0.34;
        let waist = (self.right.x - self.left.x) * 0.5;
        let wide = if t < HIP {
            waist + (self.hip - waist) * (t / HIP).powf(0.8)
        } else {
            self.hip + (self.hem - self.hip) * ((t - HIP) / (1.0 - HIP))
        };
        let out = self.out[usize::from(side > 0.0)] * (t / 0.15).min(1.0);
        self.middle + self.down * (self.reach * t) + v2(side * (wide + out) + self.swing * t * t, 0.0)
    }

    /// On the hem: `u` from −1 to 1; its front hangs lower, as seen from slightly above.
    fn hem(&self, u: f32) -> V2 {
        self.side(-1.0, 1.0).lerp(self.side(1.0, 1.0), (u + 1.0) * 0.5) + self.down * ((1.0 - u * u) * 0.11 * self.head)
    }

    fn outline(&self, pleats: usize) -> tiny_skia::Path {
        let tooth = |i: usize| if pleats > TOOTHED && i % 2 == 1 { 0.03 * self.head } else { 0.0 };
        let count = pleats * 2;
        let mut nodes = vec![Node::Corner(self.left), Node::Smooth(self.side(-1.0, 0.2)), Node::Smooth(self.side(-1.0, 0.5))];
        nodes.extend((0..=count).map(|i| Node::Corner(self.hem(i as f32 / count as f32 * 2.0 - 1.0) - self.down * tooth(i))));
        nodes.extend([Node::Smooth(self.side(1.0, 0.5)), Node::Smooth(self.side(1.0, 0.2)), Node::Corner(self.right)]);
        spline(&nodes, true, |p| p)
    }

    /// A dark fold between two places of the hem.
    fn fold(&self, a: f32, b: f32) -> tiny_skia::Path {
        let top = Node::Corner(self.waist(a * 0.94));
        let bend = |u: f32| Node::Smooth(self.waist(u * 0.94).lerp(self.hem(u), 0.42) + v2(u * 0.05 * self.head, 0.0));
        spline(&[top, bend(a), Node::Corner(self.hem(a)), Node::Corner(self.hem(b)), bend((a + b) * 0.5), top], true, |p| p)
    }
}

/// A skirt: length in heads, flare against the hips, pleats.
pub(crate) fn skirt(
    brush: &mut Brush<'_>,
    spec: &CharacterSpec,
    cut: &Cut,
    torso: &Torso,
    legs: &[Limb; 2],
    moment: &Moment,
    (length, flare, pleats): (f32, f32, usize),
) {
    let tone = spec.cloth(cut.bottom.0);
    let cone = Cone::new(brush.head, torso, legs, moment, length, flare);
    let path = cone.outline(pleats);
    brush.outline(&[&path], tone);
    brush.body(&path, tone);
    let fold = if pleats > TOOTHED { 0.46 } else { 0.3 };
    for i in 0..pleats {
        let at = |k: f32| k / pleats as f32 * 2.0 - 1.0;
        brush.shadow(&cone.fold(at(i as f32), at(i as f32 + fold)), tone);
    }
    shade(brush, &cone, tone);
    let stripe: Vec<V2> = (0..=10).map(|i| cone.hem(i as f32 / 5.0 - 1.0) - cone.down * (0.085 * brush.head)).collect();
    brush.line(&curve(&stripe), 0.022, spec.cloth(cut.trim).base.alpha(1.0));
    if cut.marks.contains(&Mark::Sequins) {
        for i in 0..14 {
            let u = (i as f32 * 0.618).fract() * 1.7 - 0.85;
            let p = cone.waist(u * 0.9).lerp(cone.hem(u), 0.3 + (i as f32 * 0.37).fract() * 0.6);
            brush.fill(&star(p, 0.032 * brush.head, 4, 0.0), spec.cloth(cut.trim).light.alpha(0.9));
        }
    }
    let wide = torso.ribbon.half[7];
    let band = Ribbon::new(vec![torso.spot(0.0, WAIST - 0.10), torso.spot(0.0, WAIST + 0.04)], vec![wide * 1.04, wide * 1.10]);
    brush.ribbon(&band, tone);
}

/// The side away from the light.
fn shade(brush: &mut Brush<'_>, cone: &Cone, tone: Tone) {
    let nodes = [
        Node::Corner(cone.waist(0.55)),
        Node::Smooth(cone.waist(0.6).lerp(cone.hem(0.66), 0.5)),
        Node::Corner(cone.hem(0.70)),
        Node::Corner(cone.hem(1.0)),
        Node::Smooth(cone.side(1.0, 0.5)),
        Node::Corner(cone.right),
    ];
    brush.fill(&spline(&nodes, true, |p| p), tone.shade.alpha(0.55));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::choreography::{Choreography, Music};
    use crate::draw::geom::v2;
    use crate::draw::rig::{Skeleton, View};
    use crate::draw::spring::Follow;
    use crate::draw::traits::BUILDS;

    #[test]
    fn draw_no_leg_shows_beside_a_skirt() {
        let view = View { floor: v2(360.0, 1193.0), head: 138.0 };
        for (seed, build) in BUILDS.iter().enumerate() {
            let dance = Choreography::new(Music::steady(126.0, 10.0), seed as u64);
            let mut follow = Follow::new(&[], &Skeleton::solve(build, &dance.pose(0.0)));
            for frame in 0..300 {
                let pose = dance.pose(f64::from(frame) / 30.0);
                let bones = Skeleton::solve(build, &pose);
                let hanging = follow.advance(&bones, 1.0 / 30.0);
                let (torso, legs) = (Torso::new(build, &bones, &view), [0, 1].map(|side| Limb::leg(build, &bones, side, &view)));
                let moment = Moment { bones, pose, hanging };
                for (length, flare) in [(1.32, 1.5), (2.15, 1.55)] {
                    let cone = Cone::new(view.head, &torso, &legs, &moment, length, flare);
                    for side in [-1.0, 1.0] {
                        let beside = legs.iter().map(|leg| cone.lacks(side, leg)).fold(0.0, f32::max);
                        assert!(beside <= 0.5, "{} frame {frame}: a leg shows {beside} px", build.word);
                        assert!(cone.out[0].max(cone.out[1]) < 1.6 * view.head, "the skirt is a tent");
                    }
                }
            }
        }
    }
}
