//! The order in which a figure is drawn: from what is behind it to what is in front.
//!
//! What does not live here: how each part looks (`body`, `garments`, `face`, `hair`).

use super::body::{self, Limb, Torso};
use super::brush::Brush;
use super::face::{self, HeadFrame};
use super::garments;
use super::geom::{V2, ellipse, v2};
use super::hair;
use super::rig::{Grip, Pose, Skeleton, View};
use super::spec::CharacterSpec;
use super::spring::{Follow, Hanging};
use super::wardrobe::Cut;
use super::worn;

/// A figure in one moment.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub bones: Skeleton,
    pub pose: Pose,
    pub hanging: Hanging,
}

impl Moment {
    /// Standing in a pose, everything at rest.
    #[must_use]
    pub(crate) fn still(spec: &CharacterSpec, pose: Pose) -> Self {
        let bones = Skeleton::solve(&spec.build, &pose);
        let mut follow = Follow::new(spec.hair.strands, &bones);
        let hanging = follow.advance(&bones, 0.5);
        Self { bones, pose, hanging }
    }
}

/// Draws a figure.
pub(crate) fn draw(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, moment: &Moment, view: &View) {
    let bones = &moment.bones;
    let frame = HeadFrame::new(bones, view);
    let lines: Vec<Vec<V2>> =
        moment.hanging.strands.iter().map(|line| line.iter().map(|p| view.floor + *p * view.head).collect()).collect();
    let torso = Torso::new(&spec.build, bones, view);
    let arms = [0, 1].map(|side| Limb::arm(&spec.build, bones, side, view));
    let legs = [0, 1].map(|side| Limb::leg(&spec.build, bones, side, view));

    hair::behind(brush, spec, &frame, &lines, moment.hanging.sway);
    garments::behind(brush, spec, cut, &torso);
    garments::legs(brush, spec, cut, &legs, &torso, moment, view);
    garments::top(brush, spec, cut, &torso, moment, view);
    let raised = [0, 1].map(|side| covers_head(moment, side));
    for side in (0..2).filter(|side| !raised[*side]) {
        arm(brush, spec, cut, (&arms[side], &torso), moment, side, view);
    }
    head(brush, spec, &frame, moment);
    hair::in_front(brush, spec, &lines);
    for side in (0..2).filter(|side| raised[*side]) {
        arm(brush, spec, cut, (&arms[side], &torso), moment, side, view);
    }
}

/// Whether a hand is before face or hair, so that its arm is drawn over them.
fn covers_head(moment: &Moment, side: usize) -> bool {
    let at = moment.bones.wrists[side] - moment.bones.head;
    at.x.abs() < 0.95 && at.y.abs() < 1.05 && moment.pose.hands[side].z > 0.25
}

fn head(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, moment: &Moment) {
    face::skin(brush, spec, frame);
    face::hair_shadow(brush, spec, frame);
    face::features(brush, spec, frame, &moment.pose.face);
    hair::front(brush, spec, frame, moment.hanging.sway);
    worn::over_hair(brush, spec, frame);
}

fn arm(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, (limb, torso): (&Limb, &Torso), moment: &Moment, side: usize, view: &View) {
    let grip: Grip = moment.pose.grips[side];
    let (wrist, elbow) = (view.at(moment.bones.wrists[side]), view.at(moment.bones.elbows[side]));
    let mut along = wrist - elbow;
    if along.len() < 0.15 * view.head {
        // A forearm that points at the viewer still needs a hand that points somewhere.
        along = v2(along.x * 0.5, view.head * 0.2);
    }
    let middle = view.at(moment.bones.neck).x;
    let skin = spec.skin_tone();
    if cut.sleeve < 1.9 {
        // What the sleeve covers is left out: it would show where cloth and arm bend differently.
        brush.limb(&limb.ribbon.part((cut.sleeve * 0.5 - 0.08).max(0.0), 1.0), skin);
    }
    body::hand(brush, wrist, along, middle, grip, skin);
    if cut.sleeve < 1.9 {
        brush.fill(&ellipse(wrist, v2(0.056, 0.056) * (spec.build.limbs.min(1.1) * view.head), 0.0), skin.base.alpha(1.0));
    }
    garments::sleeve(brush, spec, cut, limb, torso, side);
}
