//! A plain mannequin: dances the reference clips, so that a reference is never mistaken for a result.
//!
//! What does not live here: people (`figure`).

use super::body::{Limb, Torso, WAIST, hand};
use super::brush::Brush;
use super::colour::{Rgb, Tone};
use super::figure::Moment;
use super::geom::{Ribbon, ellipse, v2};
use super::rig::View;
use super::traits::Build;

/// Its body.
pub(crate) const BODY: Build =
    Build { word: "mannequin", heads: 6.8, shoulders: 1.34, torso: [0.46, 0.37, 0.47], limbs: 0.98, neck: 0.12, angular: 0.4 };

const SHADES: [Rgb; 3] = [Rgb(214, 204, 190), Rgb(176, 190, 206), Rgb(206, 180, 176)];

/// Draws it.
pub(crate) fn draw(brush: &mut Brush<'_>, number: usize, moment: &Moment, view: &View) {
    let tone = Tone::of(SHADES[number % SHADES.len()]);
    let joint = Tone::of(SHADES[number % SHADES.len()].lit(0.7, 0.68, 0.68));
    let bones = &moment.bones;
    let torso = Torso::new(&BODY, bones, view);
    for side in 0..2 {
        let leg = Limb::leg(&BODY, bones, side, view);
        brush.limb(&leg.ribbon, tone);
        let ankle = view.at(bones.ankles[side]);
        let out = super::rig::sign(side);
        let foot = Ribbon::bone(
            ankle - v2(0.0, 0.05 * view.head),
            ankle + v2(out * 0.07, 0.22) * view.head,
            &[0.085, 0.115, 0.125, 0.10].map(|h| h * view.head),
            0.0,
        );
        brush.limb(&foot, tone);
        let knee = view.at(bones.knees[side]);
        brush.solid(&[&ellipse(knee, v2(0.12, 0.12) * view.head, 0.0)], joint);
    }
    brush.ribbon(&torso.ribbon.part(Torso::along(WAIST + 0.1), 1.0), tone);
    brush.ribbon(&torso.ribbon.part(0.0, Torso::along(WAIST)), tone);
    brush.solid(&[&ellipse(torso.spot(0.0, WAIST + 0.06), v2(0.31, 0.12) * view.head, 0.0)], joint);
    let (neck, head) = (view.at(bones.neck), view.at(bones.head));
    brush.ribbon(&Ribbon::bone(neck, neck.lerp(head, 0.6), &[0.12 * view.head; 3], 0.0), joint);
    brush.solid(&[&ellipse(head, v2(0.36, 0.49) * view.head, bones.head_roll)], tone);
    let seam = super::geom::curve(&[
        head + v2(bones.head_yaw * 0.3, -0.46) * view.head,
        head + v2(bones.head_yaw * 0.45, 0.0) * view.head,
        head + v2(bones.head_yaw * 0.35, 0.46) * view.head,
    ]);
    brush.line(&seam, 0.012, joint.shade.alpha(0.8));
    for side in 0..2 {
        let arm = Limb::arm(&BODY, bones, side, view);
        let (wrist, elbow) = (view.at(bones.wrists[side]), view.at(bones.elbows[side]));
        hand(brush, wrist, wrist - elbow, neck.x, moment.pose.grips[side], tone);
        brush.limb(&arm.ribbon, tone);
        brush.solid(&[&ellipse(elbow, v2(0.085, 0.085) * view.head, 0.0)], joint);
        brush.solid(&[&ellipse(view.at(bones.shoulders[side]), v2(0.14, 0.14) * view.head, 0.0)], joint);
    }
}
