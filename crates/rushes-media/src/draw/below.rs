//! Below the waist: skirts that swing and shoes that stand.
//!
//! What does not live here: trousers and tights (`garments`).

use super::body::{Limb, Torso, WAIST};
use super::brush::Brush;
use super::colour::{Rgb, Tone};
use super::figure::Moment;
use super::geom::{Node, Ribbon, V2, blob, curve, ellipse, spline, v2};
use super::rig::{View, sign};
use super::spec::CharacterSpec;
use super::wardrobe::{Cut, Mark, Shoes};

/// A skirt: length in heads, flare against the hips, pleats.
pub(crate) fn skirt(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso, legs: &[Limb; 2], moment: &Moment, (length, flare, pleats): (f32, f32, usize)) {
    let tone = spec.cloth(cut.bottom.0);
    let head = brush.head;
    let (left, right) = (torso.spot(-1.0, WAIST - 0.04), torso.spot(1.0, WAIST - 0.04));
    let middle = (left + right) * 0.5;
    let down = (torso.spot(0.0, 1.9) - middle).unit();
    let reach = length * head;
    // The hem covers the legs however far apart they are.
    let knee = ((length - 0.85) / 1.6).clamp(0.05, 1.0);
    let spread = legs.iter().map(|l| (l.ribbon.at(knee * 0.5, 0.0) - middle).x.abs() + l.ribbon.half[3] * 1.25).fold(0.0, f32::max);
    let half = (torso.ribbon.half[8] * flare * (1.0 + moment.hanging.flare)).max(spread);
    let swing = moment.hanging.hem * head * length * 0.55;
    let rise = moment.hanging.flare * head * 0.22;
    let hip = torso.ribbon.half[8] * 1.06;
    let side = |s: f32, t: f32| -> V2 {
        let top = if s < 0.0 { left } else { right };
        let wide = if t < 0.34 { (right.x - left.x) * 0.5 + (hip - (right.x - left.x) * 0.5) * (t / 0.34).powf(0.8) } else { hip + (half - hip) * ((t - 0.34) / 0.66) };
        let base = if t <= 0.0 { top } else { middle + down * ((reach - rise) * t) };
        v2(middle.x + (base.x - middle.x) * f32::from(u8::from(t > 0.0)) + s * wide + swing * t * t, base.y)
    };
    let hem = |u: f32| -> V2 {
        let ends = (side(-1.0, 1.0), side(1.0, 1.0));
        let p = ends.0.lerp(ends.1, (u + 1.0) * 0.5);
        p + down * ((1.0 - u * u) * 0.11 * head)
    };
    let tooth = |i: usize| if pleats > 7 && i % 2 == 1 { 0.03 * head } else { 0.0 };
    let mut nodes: Vec<Node> = vec![Node::Corner(left), Node::Smooth(side(-1.0, 0.2)), Node::Smooth(side(-1.0, 0.5))];
    let count = pleats * 2;
    nodes.extend((0..=count).map(|i| Node::Corner(hem(i as f32 / count as f32 * 2.0 - 1.0) - down * tooth(i))));
    nodes.extend([Node::Smooth(side(1.0, 0.5)), Node::Smooth(side(1.0, 0.2)), Node::Corner(right)]);
    let path = spline(&nodes, true, |p| p);
    brush.outline(&[&path], tone);
    brush.body(&path, tone);
    let waist = |u: f32| left.lerp(right, (u + 1.0) * 0.5);
    for i in 0..pleats {
        let (a, b) = (i as f32 / pleats as f32 * 2.0 - 1.0, (i as f32 + if pleats > 7 { 0.46 } else { 0.3 }) / pleats as f32 * 2.0 - 1.0);
        let bend = |u: f32| waist(u * 0.94).lerp(hem(u), 0.42) + v2(u * 0.05 * head, 0.0);
        let dark = spline(
            &[Node::Corner(waist(a * 0.94)), Node::Smooth(bend(a)), Node::Corner(hem(a)), Node::Corner(hem(b)), Node::Smooth(bend((a + b) * 0.5)), Node::Corner(waist(a * 0.94))],
            true,
            |p| p,
        );
        brush.shadow(&dark, tone);
    }
    let far = spline(&[Node::Corner(waist(0.55)), Node::Smooth(waist(0.6).lerp(hem(0.66), 0.5)), Node::Corner(hem(0.70)), Node::Corner(hem(1.0)), Node::Smooth(side(1.0, 0.5)), Node::Corner(right)], true, |p| p);
    brush.fill(&far, tone.shade.alpha(0.55));
    let stripe: Vec<V2> = (0..=10).map(|i| hem(i as f32 / 5.0 - 1.0) - down * (0.085 * head)).collect();
    brush.line(&curve(&stripe), 0.022, spec.cloth(cut.trim).base.alpha(1.0));
    if cut.marks.contains(&Mark::Sequins) {
        for i in 0..14 {
            let u = (i as f32 * 0.618).fract() * 1.7 - 0.85;
            let p = waist(u * 0.9).lerp(hem(u), 0.3 + (i as f32 * 0.37).fract() * 0.6);
            brush.fill(&super::geom::star(p, 0.032 * head, 4, 0.0), spec.cloth(cut.trim).light.alpha(0.9));
        }
    }
    let band = Ribbon::new(vec![torso.spot(0.0, WAIST - 0.10), torso.spot(0.0, WAIST + 0.04)], vec![torso.ribbon.half[7] * 1.04, torso.ribbon.half[7] * 1.10]);
    brush.ribbon(&band, tone);
}

/// One shoe under its ankle; the sole touches the floor where the foot is planted.
pub(crate) fn shoe(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, moment: &Moment, side: usize, view: &View, leg: &Limb) {
    let (slot, kind) = cut.shoes;
    let tone = spec.cloth(slot);
    let (ankle, knee) = (view.at(moment.bones.ankles[side]), view.at(moment.bones.knees[side]));
    let out = sign(side);
    let lifted = (-moment.pose.feet[side].y).clamp(0.0, 1.0);
    let tilt = ((ankle - knee).unit().x * -0.25 * (1.0 + lifted)).clamp(-0.5, 0.5);
    let point = 1.0 + lifted * 0.35;
    let at = |x: f32, y: f32| ankle + v2(out * x, y * point).turned(tilt) * view.head;
    let shaft = match kind {
        Shoes::Boots => 0.40,
        Shoes::HighTops => 0.16,
        Shoes::Slippers => 0.10,
        Shoes::Sneakers | Shoes::Loafers => 0.0,
    };
    let toe = if kind == Shoes::Boots || kind == Shoes::Loafers { 0.92 } else { 1.0 };
    let upper = blob(&[at(-0.10, -0.06), at(0.095, -0.06), at(0.150 * toe, 0.075), at(0.205 * toe, 0.175), at(0.165 * toe, 0.250), at(0.045, 0.275), at(-0.080 * toe, 0.245), at(-0.110 * toe, 0.160), at(-0.105, 0.06)]);
    let sole = spline(
        &[Node::Corner(at(-0.112 * toe, 0.185)), Node::Smooth(at(-0.02, 0.238)), Node::Smooth(at(0.10, 0.245)), Node::Corner(at(0.212 * toe, 0.178)), Node::Smooth(at(0.185 * toe, 0.258)), Node::Smooth(at(0.05, 0.292)), Node::Smooth(at(-0.092 * toe, 0.258))],
        true,
        |p| p,
    );
    let bottom = Tone::of(if matches!(kind, Shoes::Boots | Shoes::Loafers | Shoes::Slippers) { spec.palette.dark.mix(Rgb(20, 16, 22), 0.5) } else { Rgb(240, 238, 232) });
    brush.outline(&[&upper, &sole], tone);
    if shaft > 0.0 {
        let mut ribbon = leg.ribbon.part(1.0 - shaft * 0.55, 1.0).wider(1.0, 0.035 * view.head);
        // Narrow at the ankle, where the shoe takes over.
        let last = (ribbon.half.len() - 1) as f32;
        for (i, half) in ribbon.half.iter_mut().enumerate() {
            *half *= 1.0 - 0.40 * (i as f32 / last - 0.4).max(0.0);
        }
        brush.ribbon(&ribbon, tone);
        let rim = leg.ribbon.part(1.0 - shaft * 0.55, 1.0 - shaft * 0.55 + 0.03).wider(1.04, 0.04 * view.head);
        brush.ribbon(&rim, if kind == Shoes::HighTops { Tone::of(Rgb(240, 238, 232)) } else { tone });
    }
    brush.body(&upper, tone);
    brush.shadow(&blob(&[at(0.095, -0.04), at(0.150 * toe, 0.075), at(0.203 * toe, 0.175), at(0.14 * toe, 0.20), at(0.09, 0.09)]), tone);
    brush.body(&sole, bottom);
    match kind {
        Shoes::Sneakers | Shoes::HighTops => {
            for y in [0.03, 0.075, 0.12] {
                brush.line(&curve(&[at(-0.035 + y * 0.2, y), at(0.03 + y * 0.3, y + 0.016), at(0.09 + y * 0.3, y - 0.005)]), 0.016, Rgb(250, 248, 244).alpha(0.95));
            }
            brush.line(&curve(&[at(-0.07, 0.185), at(0.05, 0.155), at(0.17, 0.15)]), 0.010, brush.ink(tone));
        }
        Shoes::Loafers => brush.line(&curve(&[at(-0.075, 0.10), at(0.04, 0.125), at(0.14, 0.09)]), 0.024, tone.light.alpha(0.8)),
        Shoes::Boots => brush.line(&curve(&[at(-0.09, 0.07), at(0.02, 0.105), at(0.13, 0.06)]), 0.012, brush.ink(tone)),
        Shoes::Slippers => {}
    }
    brush.fill(&ellipse(at(0.005, 0.19), v2(0.04, 0.022) * view.head, tilt), tone.light.alpha(0.45));
}
