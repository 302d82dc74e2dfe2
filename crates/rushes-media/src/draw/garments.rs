//! Clothes on the body: legs, tops, jackets, sleeves. Cuts and colours come from the wardrobe.
//!
//! What does not live here: shoes and skirts (`shoes`, `skirt`), collars and small things (`trimmings`).

use super::body::{self, Limb, Torso, WAIST};
use super::brush::Brush;
use super::figure::Moment;
use super::geom::{Node, Ribbon, curve, ellipse, spline, v2};
use super::rig::View;
use super::shoes;
use super::skirt;
use super::spec::CharacterSpec;
use super::trimmings;
use super::wardrobe::{Bottom, Cut, Mark, Neck, Over, Shoes};
use tiny_skia::Path;

/// What hangs behind the body: hoods and coat tails.
pub(crate) fn behind(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso) {
    if cut.over.1 == Over::Coat {
        let tone = spec.cloth(cut.over.0);
        let back = tail_ribbon(torso, brush.head, 1.02);
        let path = back.whole();
        brush.outline(&[&path], tone);
        brush.fill(&path, tone.shade.alpha(1.0));
    }
    if cut.top.1 == Neck::Hood {
        let tone = spec.cloth(cut.top.0);
        let at = torso.spot(0.0, 0.06);
        brush.solid(&[&ellipse(at, v2(0.47, 0.20) * brush.head, 0.0)], tone);
        brush.fill(&ellipse(at - v2(0.0, 0.01 * brush.head), v2(0.38, 0.13) * brush.head, 0.0), tone.shade.alpha(1.0));
    }
}

/// A coat's skirt: from the waist to the knee.
fn tail_ribbon(torso: &Torso, head: f32, wide: f32) -> Ribbon {
    let (waist, low) = (torso.spot(0.0, WAIST), torso.spot(0.0, body::TRUNK));
    let down = (low - waist).unit();
    let hip = torso.ribbon.half[8];
    let lengths = [0.0, 0.4, 0.9, 1.5, 2.1];
    let widths = [0.86, 1.06, 1.2, 1.32, 1.42];
    Ribbon::new(lengths.iter().map(|l| waist + down * (l * head)).collect(), widths.iter().map(|w| hip * w * wide).collect())
}

/// Legs with all that is on them.
pub(crate) fn legs(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, legs: &[Limb; 2], torso: &Torso, moment: &Moment, view: &View) {
    let (slot, reach) = cut.legs;
    // The leg that is bent more is the nearer one.
    let near = |side: usize| moment.bones.ankles[side].z + moment.bones.knees[side].z * 0.5;
    let order = if near(0) > near(1) { [1, 0] } else { [0, 1] };
    let tone = spec.cloth(cut.bottom.0);
    let seat = torso.ribbon.part(Torso::along(WAIST - 0.06), Torso::along(1.90)).wider(1.03, 0.0);
    let trousers = !matches!(cut.bottom.1, Bottom::Skirt { .. });
    if trousers {
        brush.underlay(&seat.grown(brush.look.line * brush.head).whole(), tone);
    }
    // Trousers fall over shoes, but into boots.
    let booted = cut.shoes.1 == Shoes::Boots;
    let mut stripes: Vec<(Ribbon, usize)> = Vec::new();
    for side in order {
        let leg = &legs[side];
        let bare = if reach >= 2.0 { spec.cloth(slot) } else { spec.skin_tone() };
        if !matches!(cut.bottom.1, Bottom::Trousers { .. }) {
            brush.limb(&leg.ribbon, bare);
            if cut.marks.contains(&Mark::SideStripe) && cut.bottom.1 == Bottom::Suit {
                trimmings::leg_stripe(brush, spec.cloth(cut.trim), &leg.ribbon, side);
            }
        }
        if !booted {
            shoes::shoe(brush, spec, cut, moment, side, view, leg);
        }
        match cut.bottom.1 {
            Bottom::Trousers { knee, hem } => stripes.push((trouser_leg(brush, spec, cut, leg, (knee, hem)), side)),
            Bottom::Shorts => short_leg(brush, spec, cut, leg),
            Bottom::Skirt { .. } | Bottom::Suit => {}
        }
        if booted {
            shoes::shoe(brush, spec, cut, moment, side, view, leg);
        }
    }
    if let Bottom::Skirt { length, flare, pleats } = cut.bottom.1 {
        return skirt::skirt(brush, spec, cut, torso, legs, moment, (length, flare, pleats));
    }
    let path = seat_path(&seat, brush.head);
    if brush.look.soft {
        // The seat fades into the legs' own shading.
        let b = path.bounds();
        let stops = [(0.0, tone.base.mix(tone.light, 0.2).alpha(1.0)), (0.62, tone.base.alpha(1.0)), (1.0, tone.base.alpha(0.0))];
        let from = if brush.look.fine { 0 } else { 1 };
        brush.shaded(&path, super::brush::linear(v2(b.left(), b.top()), v2(b.left(), b.bottom()), &stops[from..]));
        brush.weave(&path, tone);
    } else {
        brush.fill(&path, tone.base.alpha(1.0));
        brush.fill(&seat.band(-1.0, -0.60), tone.shade.alpha(1.0));
    }
    if cut.marks.contains(&Mark::SideStripe) {
        for (cloth, side) in stripes {
            trimmings::leg_stripe(brush, spec.cloth(cut.trim), &cloth.part(0.0, if booted { 0.90 } else { 1.0 }), side);
        }
    }
    let ink = brush.ink(tone);
    let (mid, low) = (torso.spot(0.0, 1.62), torso.spot(0.0, 1.98));
    brush.line(&curve(&[mid, mid.lerp(low, 0.5), low]), 0.011, ink);
}

/// The seat ends in a soft point between the legs, and covers where they begin.
fn seat_path(seat: &Ribbon, head: f32) -> Path {
    let last = seat.centre.len() - 1;
    let way = (seat.centre[last] - seat.centre[last - 1]).unit();
    let mut nodes: Vec<Node> = (0..=last).map(|i| Node::Smooth(seat.at(i as f32 / last as f32, -1.0))).collect();
    nodes.push(Node::Smooth(seat.centre[last] + way * (0.13 * head)));
    nodes.extend((0..=last).rev().map(|i| Node::Smooth(seat.at(i as f32 / last as f32, 1.0))));
    for corner in [0, last, last + 2, 2 * last + 2] {
        nodes[corner] = Node::Corner(nodes[corner].at());
    }
    spline(&nodes, true, |p| p)
}

fn trouser_leg(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, leg: &Limb, (knee, hem): (f32, f32)) -> Ribbon {
    let tone = spec.cloth(cut.bottom.0);
    let limbs = spec.build.limbs * brush.head;
    let mut cloth = leg.cloth(spec.build.torso[2] * 0.495 * brush.head, knee * limbs, hem * limbs);
    // The hem falls onto the shoe.
    let end = cloth.centre.len() - 1;
    let way = (cloth.centre[end] - cloth.centre[end - 1]).unit();
    cloth.centre[end] = cloth.centre[end] + way * ((0.01 + hem * 0.22) * brush.head);
    if cut.shoes.1 == Shoes::Boots {
        cloth = cloth.part(0.0, 0.86);
    }
    brush.underlay(&cloth.grown(brush.look.line * brush.head).whole(), tone);
    brush.laid(&cloth, tone);
    let ink = tone.shade.mix(tone.line, 0.35).alpha(0.75);
    let fold = |along: f32, from: f32, to: f32| {
        curve(&[cloth.at(along, from), cloth.at(along + 0.025, (from + to) * 0.5), cloth.at(along + 0.02, to)])
    };
    brush.line(&fold(0.12, -0.6, 0.1), 0.009, ink);
    brush.line(&fold(0.50, 0.75, 0.05), 0.009, ink);
    brush.line(&fold(0.93, -0.7, 0.1), 0.009, ink);
    brush.line(&fold(0.965, 0.75, -0.1), 0.009, ink);
    cloth
}

fn short_leg(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, leg: &Limb) {
    let tone = spec.cloth(cut.bottom.0);
    let cloth = leg.cover(0.55, 1.06, 1.34);
    brush.ribbon(&cloth, tone);
    let hem = cloth.part(0.90, 1.0);
    brush.fill(&hem.whole(), spec.cloth(cut.trim).base.alpha(1.0));
}

/// Top, neck, jacket and everything on them.
pub(crate) fn top(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso, moment: &Moment, view: &View) {
    let tone = spec.cloth(cut.top.0);
    body::neck(brush, spec, &moment.bones, view);
    let tucked = !matches!(cut.top.1, Neck::Hood) && cut.over.1 == Over::None && cut.bottom.1 != Bottom::Shorts || cut.over.1 != Over::None;
    let hem = if tucked { WAIST + 0.14 } else { WAIST + 0.44 };
    let loose = if tucked { 1.03 } else { 1.10 };
    let mut shirt = torso.ribbon.part(Torso::along(0.045), Torso::along(hem));
    shirt = shirt.wider(loose, 0.0);
    if cut.bottom.1 == Bottom::Suit {
        shirt = torso.ribbon.part(Torso::along(0.045), Torso::along(WAIST + 0.3)).wider(1.02, 0.0);
    }
    let path = shirt.whole();
    brush.underlay(&shirt.grown(brush.look.line * brush.head).whole(), tone);
    if brush.look.soft {
        brush.across(&shirt, &path, tone);
    } else {
        brush.fill(&path, tone.base.alpha(1.0));
        // Shoulders stay in the light; the shadow widens from the armpit down.
        brush.fill(&far_side(&shirt, 0.32, 0.50), tone.shade.alpha(1.0));
        brush.fill(&shirt.part(0.34, 1.0).band(0.98, 0.86), tone.light.alpha(brush.look.rim * 0.7));
    }
    folds(brush, torso, tone, hem);
    trimmings::on_top(brush, spec, cut, torso);
    trimmings::collar(brush, spec, cut, torso);
    over(brush, spec, cut, torso);
    trimmings::at_waist(brush, spec, cut, torso);
}

/// The shadow on a trunk's far side: it starts at the armpit and widens downwards to `inner` of the half width.
fn far_side(shape: &Ribbon, from: f32, inner: f32) -> Path {
    let mut side: Vec<Node> = (0..=6).map(|i| Node::Smooth(shape.at(from + (1.0 - from) * i as f32 / 6.0, -1.0))).collect();
    side.extend((0..=4).rev().map(|i| Node::Smooth(shape.at(from + 0.2 + (0.8 - from) * i as f32 / 4.0, -inner))));
    for corner in [0, 6, 7] {
        side[corner] = Node::Corner(side[corner].at());
    }
    spline(&side, true, |p| p)
}

/// A few creases where cloth gathers.
fn folds(brush: &mut Brush<'_>, torso: &Torso, tone: super::colour::Tone, hem: f32) {
    let ink = tone.shade.mix(tone.line, 0.25).alpha(0.6);
    for (u0, b0, u1, b1) in
        [(-0.85, 0.66, -0.45, 0.80), (0.85, 0.66, 0.5, 0.82), (-0.8, hem - 0.22, -0.35, hem - 0.14), (0.8, hem - 0.28, 0.4, hem - 0.16)]
    {
        brush.line(&curve(&[torso.spot(u0, b0), torso.spot((u0 + u1) * 0.5, (b0 + b1) * 0.5 + 0.035), torso.spot(u1, b1)]), 0.0095, ink);
    }
}

/// How a jacket is cut: hem below the neck base, opening at top and hem (share of the width), looseness.
fn jacket(over: Over) -> Option<(f32, f32, f32, f32)> {
    match over {
        Over::None => None,
        Over::Bomber => Some((1.52, 0.22, 0.36, 1.14)),
        Over::Blazer => Some((1.86, 0.16, 0.20, 1.10)),
        Over::Coat => Some((1.50, 0.20, 0.24, 1.12)),
        Over::Cardigan => Some((1.60, 0.20, 0.30, 1.08)),
        Over::StageJacket => Some((1.30, 0.24, 0.42, 1.10)),
    }
}

/// The jacket: two fronts with the top between them.
fn over(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso) {
    let Some((hem, open_top, open_hem, loose)) = jacket(cut.over.1) else { return };
    let tone = spec.cloth(cut.over.0);
    let shape = torso.ribbon.part(Torso::along(0.03), Torso::along(hem)).wider(loose, 0.0);
    let edge = |u: f32, t: f32| shape.at(t, -u);
    let opening = |t: f32| open_top + (open_hem - open_top) * t;
    let centre = |u: f32, below: f32| torso.spot(u, below);
    let fronts: Vec<Path> = [-1.0, 1.0]
        .into_iter()
        .map(|side: f32| {
            let mut points: Vec<_> = (0..=8).map(|i| edge(side, i as f32 / 8.0)).collect();
            points.extend((0..=8).rev().map(|i| {
                let t = i as f32 / 8.0;
                centre(side * opening(t), 0.07 + (hem - 0.07) * t)
            }));
            super::geom::polygon(&points)
        })
        .collect();
    brush.solid(&fronts.iter().collect::<Vec<_>>(), tone);
    if !brush.look.soft {
        brush.fill(&far_side(&shape, 0.26, 0.64), tone.shade.alpha(1.0));
        brush.fill(&shape.part(0.3, 1.0).band(0.97, 0.84), tone.light.alpha(brush.look.rim * 0.7));
    }
    // The fronts' shadow on the top.
    let cast = torso.patch(&[(open_top, 0.12), (open_hem, hem), (open_hem - 0.09, hem), (open_top - 0.05, 0.12)]);
    brush.shadow(&cast, spec.cloth(cut.top.0));
    if cut.over.1 == Over::Coat {
        coat_fronts(brush, torso, tone);
    }
    trimmings::on_jacket(brush, spec, cut, torso, (hem, open_top, open_hem));
}

fn coat_fronts(brush: &mut Brush<'_>, torso: &Torso, tone: super::colour::Tone) {
    let tails = tail_ribbon(torso, brush.head, 1.0);
    let (left, right) = (tails.band(0.42, 1.0), tails.band(-1.0, -0.42));
    brush.solid(&[&left], tone);
    brush.solid(&[&right], tone);
    brush.shadow(&tails.band(-1.0, -0.80), tone);
    brush.shadow(&tails.band(0.42, 0.52), tone);
}

/// A sleeve with its cuff.
pub(crate) fn sleeve(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, limb: &Limb, torso: &Torso, side: usize) {
    if cut.sleeve <= 0.0 {
        return;
    }
    let tone = spec.cloth(cut.arms);
    let puffed = cut.sleeve < 1.0;
    let cloth = limb.cover(cut.sleeve, if puffed { 1.18 } else { 1.02 }, cut.fullness);
    brush.limb(&cloth, tone);
    let ink = tone.shade.mix(tone.line, 0.3).alpha(0.7);
    if !puffed {
        for (along, from, to) in [(0.50, 0.8, -0.1), (0.55, 0.85, 0.2), (0.40, -0.8, -0.2)] {
            brush.line(
                &curve(&[cloth.at(along, from), cloth.at(along + 0.025, (from + to) * 0.5), cloth.at(along + 0.015, to)]),
                0.009,
                ink,
            );
        }
    }
    if cut.marks.contains(&Mark::SleeveStripes) {
        trimmings::sleeve_stripes(brush, spec.cloth(cut.trim), &cloth);
    }
    let trim = if cut.fullness > 1.2 { spec.cloth(cut.trim) } else { tone };
    brush.ribbon(&cloth.part(if puffed { 0.84 } else { 0.93 }, 1.0).wider(1.04, 0.0), trim);
    // Shoulder and top are one cloth: no line between them above the armpit.
    if cut.arms == (if cut.over.1 == Over::None { cut.top.0 } else { cut.over.0 }) {
        let inward = (torso.spot(super::rig::sign(side) * 0.45, 0.30) - limb.ribbon.centre[0]).unit();
        let at = limb.ribbon.centre[0] + inward * (0.085 * brush.head);
        brush.fuse(at, v2(0.135, 0.105) * brush.head, tone);
    }
}
