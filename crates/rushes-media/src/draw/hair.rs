//! Hair: the mass behind the head, what swings, and the front over the face.
//!
//! What does not live here: the cuts (`haircuts`) and how strands swing (`spring`).

use super::brush::{Brush, linear};
use super::colour::Tone;
use super::face::HeadFrame;
use super::geom::{Node, Ribbon, V2, blob, c, curve, ellipse, s, spline, v2};
use super::haircuts::Strand;
use super::spec::CharacterSpec;
use tiny_skia::Path;

/// Everything behind neck and shoulders. `strands` are the hanging lines in pixels, one for each of the cut's.
pub(crate) fn behind(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, strands: &[Vec<V2>], sway: f32) {
    let tone = if spec.hair.shell.curls > 0 { spec.hair_tone() } else { behind_tone(spec.hair_tone()) };
    let shell = shell_path(spec, frame, sway);
    let back: Vec<(&Strand, &Vec<V2>)> = spec.hair.strands.iter().zip(strands).filter(|(s, _)| !s.front).collect();
    let locks: Vec<Ribbon> = back.iter().flat_map(|(strand, line)| split(strand, line, brush.head)).collect();
    let lock_paths: Vec<Path> = locks.iter().map(Ribbon::rounded).collect();
    brush.outline(&[&shell], tone);
    let line = brush.look.line * brush.head;
    for lock in &locks {
        brush.underlay(&lock.grown(line).rounded(), tone);
    }
    for (lock, path) in locks.iter().zip(&lock_paths) {
        lock_body(brush, lock, path, tone, spec);
    }
    brush.fill(&shell, tone.base.alpha(1.0));
    if spec.hair.word == "twin tails" || spec.hair.word == "ponytail" {
        for (strand, _) in back {
            let (x, y) = strand.anchor;
            brush.solid(&[&ellipse(frame.skull(v2(x, y)), v2(0.075, 0.062) * brush.head, x)], Tone::of(spec.palette.accent));
        }
    }
    for (x, y, radius) in spec.hair.buns {
        bun(brush, frame, v2(*x, *y), *radius, spec.hair_tone());
    }
}

/// Hair in its own shadow.
fn behind_tone(tone: Tone) -> Tone {
    Tone { base: tone.base.mix(tone.shade, 0.75), shade: tone.shade.lit(0.84, 0.82, 0.88), light: tone.base, ..tone }
}

fn shell_path(spec: &CharacterSpec, frame: &HeadFrame, sway: f32) -> Path {
    let shell = spec.hair.shell;
    let (w, b, top) = (shell.half, shell.bottom, -0.5 - shell.lift);
    if shell.curls > 0 {
        return curly(spec, frame, sway);
    }
    let swing = |y: f32| sway * (y + 0.1).max(0.0) * 0.8;
    let nodes = [
        s(0.0, top),
        s(0.27, top + 0.06),
        s(w * 0.90, -0.30),
        s(w, -0.02),
        s(w, b * 0.55),
        s(w * shell.taper, b),
        s(w * 0.45, b + 0.05),
        s(0.0, b + 0.02),
        s(-w * 0.45, b + 0.05),
        s(-w * shell.taper, b),
        s(-w, b * 0.55),
        s(-w, -0.02),
        s(-w * 0.90, -0.30),
        s(-0.27, top + 0.06),
    ];
    spline(&nodes, true, |p| frame.skull(v2(p.x + swing(p.y), p.y)))
}

fn curly(spec: &CharacterSpec, frame: &HeadFrame, sway: f32) -> Path {
    let shell = spec.hair.shell;
    let count = shell.curls * 2;
    let points: Vec<V2> = (0..count)
        .map(|i| {
            let a = i as f32 / count as f32 * std::f32::consts::TAU;
            let reach = if i % 2 == 0 { 1.07 } else { 0.95 };
            let y = -0.07 + a.sin() * 0.57 * reach;
            frame.skull(v2(a.cos() * shell.half * reach + sway * y.max(0.0) * 0.5, y))
        })
        .collect();
    blob(&points)
}

fn bun(brush: &mut Brush<'_>, frame: &HeadFrame, at: V2, radius: f32, tone: Tone) {
    let centre = frame.skull(at);
    let r = radius * brush.head;
    brush.solid(&[&ellipse(centre, v2(r, r * 0.92), 0.0)], tone);
    brush.shadow(&ellipse(centre + v2(r * 0.28, r * 0.30), v2(r * 0.62, r * 0.52), 0.6), tone);
    let ink = tone.shade.mix(tone.line, 0.4).alpha(0.8);
    for bend in [-0.45, 0.1] {
        brush.line(
            &curve(&[centre + v2(-r * 0.8, r * bend), centre + v2(0.0, r * (bend - 0.28)), centre + v2(r * 0.82, r * (bend + 0.1))]),
            0.010,
            ink,
        );
    }
    brush.line(
        &curve(&[centre + v2(-r * 0.55, -r * 0.42), centre + v2(-r * 0.2, -r * 0.62), centre + v2(r * 0.15, -r * 0.60)]),
        0.026,
        tone.light.alpha(0.75),
    );
}

/// Half widths along a lock: full in the upper third, to a point.
const LOCK: [f32; 8] = [0.62, 0.88, 1.0, 0.98, 0.88, 0.70, 0.44, 0.07];

/// One strand as three overlapping locks, so that ends are feathered and not a sausage.
fn split(strand: &Strand, line: &[V2], head: f32) -> Vec<Ribbon> {
    let lane = |offset: f32, length: f32, width: f32, phase: f32| {
        let last = (LOCK.len() - 1) as f32;
        let spine = Ribbon::new(line.to_vec(), vec![strand.half * head; line.len()]);
        let (mut centre, mut half) = (Vec::new(), Vec::new());
        for (i, share) in LOCK.iter().enumerate() {
            let t = i as f32 / last;
            let wave = (t * 9.4 + phase).sin() * strand.wave / strand.half * t.min(0.6) * 1.6;
            centre.push(spine.at(t * length, offset * (0.35 + 0.65 * t) + wave));
            half.push(strand.half * head * share * width);
        }
        Ribbon::new(centre, half)
    };
    if strand.braid {
        return vec![lane(0.0, 1.0, 0.8, 0.0)];
    }
    vec![lane(-0.55, 0.90, 0.58, 0.4), lane(0.55, 0.95, 0.58, -0.4), lane(0.0, 1.0, 0.80, 0.0)]
}

fn lock_body(brush: &mut Brush<'_>, lock: &Ribbon, path: &Path, tone: Tone, spec: &CharacterSpec) {
    brush.fill(path, tone.base.alpha(1.0));
    brush.fill(&lock.band(-1.0, -0.45), tone.base.mix(tone.shade, 0.8).alpha(1.0));
    brush.fill(&lock.band(0.25, 0.62), tone.base.mix(tone.light, 0.45).alpha(1.0));
    if let Some(dip) = spec.dip {
        let (from, to) = (lock.at(0.55, 0.0), lock.at(0.9, 0.0));
        brush.shaded(path, linear(from, to, &[(0.0, dip.alpha(0.0)), (1.0, dip.alpha(0.85))]));
    }
}

/// Strands that fall over shoulders and chest.
pub(crate) fn in_front(brush: &mut Brush<'_>, spec: &CharacterSpec, strands: &[Vec<V2>]) {
    for (strand, line) in spec.hair.strands.iter().zip(strands).filter(|(s, _)| s.front) {
        let lock = split(strand, line, brush.head).remove(0);
        let tone = spec.hair_tone();
        if !strand.braid {
            brush.limb(&lock, tone);
            continue;
        }
        let beads: Vec<Path> = (0..11)
            .map(|i| {
                let t = 0.05 + i as f32 * 0.088;
                let side = if i % 2 == 0 { 0.30 } else { -0.30 };
                let way = lock.at(t + 0.05, 0.0) - lock.at(t, 0.0);
                let r = strand.half * brush.head * (1.0 - 0.45 * t);
                ellipse(lock.at(t, side), v2(r * 1.14, r * 0.84), way.y.atan2(way.x) + side * 1.6)
            })
            .collect();
        for bead in &beads {
            brush.solid(&[bead], tone);
        }
        let tie = lock.at(0.97, 0.0);
        brush.solid(&[&ellipse(tie, v2(0.05, 0.04) * brush.head, 0.0)], Tone::of(spec.palette.accent));
        let way = (lock.at(1.0, 0.0) - lock.at(0.85, 0.0)).unit();
        brush.ribbon(
            &Ribbon::bone(tie, tie + way * (0.22 * brush.head), &[0.035 * brush.head, 0.05 * brush.head, 0.01 * brush.head], 0.0),
            tone,
        );
    }
}

/// The front: crown, fringe and side locks.
pub(crate) fn front(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, sway: f32) {
    let tone = spec.hair_tone();
    let flip = |p: V2| v2(p.x * spec.side, p.y);
    sides(brush, spec, frame, tone, sway);
    let top = -0.5 - spec.hair.shell.lift;
    let fringe = fringe_nodes(spec);
    let mut nodes = if spec.hair.shell.curls > 0 {
        curly_crown(spec.hair.shell)
    } else {
        vec![
            c(-0.395, 0.06),
            s(-0.415, -0.10),
            s(-0.375, -0.33),
            s(-0.22, top + 0.055),
            s(0.0, top),
            s(0.22, top + 0.055),
            s(0.375, -0.33),
            s(0.415, -0.10),
            c(0.395, 0.06),
        ]
    };
    let crown = nodes.len();
    nodes.extend(fringe);
    // Crown nodes keep the silhouette, the fringe turns with the face.
    let placed: Vec<Node> = nodes
        .iter()
        .enumerate()
        .map(|(i, node)| {
            let place = |p: V2| if i < crown { frame.skull(p) } else { frame.front(flip(p)) };
            match *node {
                Node::Smooth(p) => Node::Smooth(place(p)),
                Node::Corner(p) => Node::Corner(place(p)),
            }
        })
        .collect();
    let placed = if spec.side < 0.0 { reorder(placed, crown) } else { placed };
    let path = spline(&placed, true, |p| p);
    brush.solid(&[&path], tone);
    crown_light(brush, spec, frame, tone);
}

/// Curls along the top, from the left temple to the right.
fn curly_crown(shell: super::haircuts::Shell) -> Vec<Node> {
    let count = shell.curls;
    (0..=count)
        .map(|i| {
            let a = std::f32::consts::PI * (1.0 + i as f32 / count as f32);
            let reach = if i % 2 == 0 { 0.93 } else { 1.02 };
            s(a.cos() * shell.half * 0.86 * reach, -0.02 + a.sin() * (0.52 + shell.lift * 0.6) * reach)
        })
        .collect()
}

/// A mirrored fringe runs the other way; the outline must stay one loop.
fn reorder(mut nodes: Vec<Node>, crown: usize) -> Vec<Node> {
    nodes[crown..].reverse();
    nodes
}

/// The fringe from right to left as spline nodes: tips and valleys are corners, edges bulge like locks do.
fn fringe_nodes(spec: &CharacterSpec) -> Vec<Node> {
    let line = spec.fringe.line;
    let mut nodes = Vec::with_capacity(line.len() * 2);
    for (i, (x, y)) in line.iter().enumerate() {
        nodes.push(if spec.hair.shell.curls > 0 { s(*x, *y) } else { c(*x, *y) });
        if let Some((nx, ny)) = line.get(i + 1) {
            let (tip, valley) = if i % 2 == 0 { ((*x, *y), (*nx, *ny)) } else { ((*nx, *ny), (*x, *y)) };
            let bulge = (valley.0 - tip.0) * 0.20 + spec.fringe.sweep * 0.06;
            nodes.push(s((tip.0 + valley.0) * 0.5 + bulge, (tip.1 * 0.56 + valley.1 * 0.44) + (tip.1 - valley.1).abs() * 0.08));
        }
    }
    nodes
}

fn sides(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, tone: Tone, sway: f32) {
    for (side, reach) in [(1.0, spec.fringe.sides.0), (-1.0, spec.fringe.sides.1)] {
        if reach < 0.0 {
            continue;
        }
        let swing = sway * 0.22;
        let at = |x: f32, y: f32| frame.skull(v2(spec.side * side * x - frame.yaw * 0.03 + swing * (y + 0.2).max(0.0) * 2.0, y));
        let lock = Ribbon::new(
            vec![
                at(0.34, -0.30),
                at(0.385, -0.12),
                at(0.392, 0.03 + reach * 0.1),
                at(0.375, reach * 0.6),
                at(0.355, reach * 0.85),
                at(0.325, reach + 0.06),
            ],
            [0.055, 0.056, 0.058, 0.050, 0.034, 0.004].map(|h| h * brush.head).to_vec(),
        );
        let path = lock.rounded();
        brush.underlay(&lock.grown(brush.look.line * brush.head).rounded(), tone);
        brush.body(&path, tone);
        brush.fill(&lock.band(-1.0, -0.3), tone.shade.alpha(if brush.look.soft { 0.5 } else { 0.9 }));
        if let Some(dip) = spec.dip {
            brush.shaded(&path, linear(lock.at(0.6, 0.0), lock.at(1.0, 0.0), &[(0.0, dip.alpha(0.0)), (1.0, dip.alpha(0.85))]));
        }
    }
}

/// Shade, the ring of light and strand lines on the crown.
fn crown_light(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, tone: Tone) {
    let top = -0.5 - spec.hair.shell.lift;
    let dark = [s(0.16, top + 0.035), s(0.33, -0.40), s(0.40, -0.20), s(0.405, 0.0), c(0.39, 0.055), s(0.345, -0.10), s(0.315, -0.28)];
    let alpha = if brush.look.soft { 0.5 } else { 0.9 };
    brush.fill(&spline(&dark, true, |p| frame.skull(p)), tone.shade.alpha(alpha));
    let flip = |x: f32, y: f32| frame.front(v2(x * spec.side, y));
    let part = spec.fringe.part;
    let ink = tone.shade.mix(tone.line, 0.30).alpha(0.85);
    for (x, y) in spec.fringe.line.iter().skip(1).step_by(2) {
        // A parting runs up from each valley and thins out towards the crown.
        let (tip, mid) = (v2(part * 0.5 + x * 0.55, y * 0.35 - 0.27), v2(part * 0.18 + x * 0.86, y * 0.7 - 0.10));
        let wedge = [
            Node::Corner(flip(tip.x, tip.y)),
            Node::Smooth(flip(mid.x - 0.006, mid.y)),
            Node::Corner(flip(x - 0.011, *y)),
            Node::Corner(flip(x + 0.011, *y)),
            Node::Smooth(flip(mid.x + 0.006, mid.y)),
        ];
        brush.fill(&spline(&wedge, true, |p| p), ink);
    }
    if spec.hair.shell.curls > 0 {
        return;
    }
    // A ring of light, toothed below like light on strands.
    let teeth = 7;
    let lift = if spec.fringe.line.iter().any(|p| p.1 < -0.28) { 0.10 } else { 0.0 };
    let mut nodes = Vec::new();
    for i in 0..=teeth {
        let x = -0.30 + i as f32 * 0.48 / teeth as f32;
        nodes.push(s(x, -0.335 - lift * 0.6 + x * x * 0.9));
    }
    for i in (0..=teeth).rev() {
        let x = -0.30 + i as f32 * 0.48 / teeth as f32;
        let drop = if i % 2 == 0 { 0.018 } else { 0.062 };
        nodes.push(c(x, -0.335 - lift * 0.6 + x * x * 0.9 + drop));
    }
    let strength = if brush.look.soft { 0.55 } else { 0.85 };
    brush.fill(&spline(&nodes, true, |p| frame.front(p)), tone.light.alpha(strength));
}
