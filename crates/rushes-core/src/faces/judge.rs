//! Whose face it is: pure, from distances. What is not sure is for somebody to decide.

use super::{Face, Quality, Template};
use crate::album::{Group, Rules};

/// A face founds a person only when it is at least so large, px.
const FOUNDS_FROM_PX: u32 = 60;
/// … and the detector so sure.
const FOUNDS_FROM_SCORE: f32 = 0.80;
/// … and it so sharp.
const FOUNDS_FROM_SHARPNESS: f32 = 0.08;
/// … and turned away no further.
const FOUNDS_TO_TURN: f32 = 0.5;
/// A face counts for Solo or Group when it is at least this share of the largest: people in the background do not.
const COUNTS_FROM_SHARE: f32 = 0.33;
/// … and at least so sharp beside it.
const COUNTS_FROM_SHARPNESS: f32 = 0.1;

/// What is decided of a face. Persons are given by their place in the list of those known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// This person's.
    Route {
        /// Which.
        person: usize,
        /// From that person.
        distance: f32,
    },
    /// Perhaps this person's.
    Review {
        /// Which.
        person: usize,
        /// From that person.
        distance: f32,
        /// What is not sure.
        why: &'static str,
    },
    /// Nobody's that is known.
    Unknown,
}

/// How far a face is from somebody known by these templates: from the nearest, since one good photo is enough and a poor one does no harm.
#[must_use]
pub fn distance(face: &Template, known: &[Template]) -> f32 {
    known.iter().map(|template| face.distance(template)).fold(f32::INFINITY, f32::min)
}

/// Decides of all faces of one photo. `may_be(face, person)` is false where somebody has ruled it out, or the person is in the photo by
/// another face already.
#[must_use]
pub fn assign(faces: &[&Template], known: &[Vec<Template>], may_be: impl Fn(usize, usize) -> bool, rules: &Rules) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = faces
        .iter()
        .enumerate()
        .map(|(at, face)| {
            let candidates = known.iter().enumerate().filter(|(person, _)| may_be(at, *person));
            let mut distances: Vec<(usize, f32)> = candidates.map(|(person, templates)| (person, distance(face, templates))).collect();
            distances.sort_by(|a, b| a.1.total_cmp(&b.1));
            judge(&distances, rules)
        })
        .collect();
    // Two faces of one photo are never one person's: the nearer wins, somebody looks at the other.
    for at in 0..verdicts.len() {
        let Verdict::Route { person, distance } = verdicts[at] else { continue };
        let is_beaten = verdicts.iter().enumerate().any(|(other, verdict)| {
            matches!(verdict, Verdict::Route { person: same, distance: nearer } if *same == person && other != at && (*nearer, other) < (distance, at))
        });
        if is_beaten {
            verdicts[at] = Verdict::Review { person, distance, why: "another face of this photo is nearer to that person" };
        }
    }
    verdicts
}

fn judge(distances: &[(usize, f32)], rules: &Rules) -> Verdict {
    let Some(&(person, distance)) = distances.first() else { return Verdict::Unknown };
    if distance >= rules.review_below {
        return Verdict::Unknown;
    }
    if distance >= rules.route_below {
        return Verdict::Review { person, distance, why: "the likeness is not certain" };
    }
    match distances.get(1) {
        Some((_, second)) if second - distance < rules.margin => {
            Verdict::Review { person, distance, why: "another person is almost as like" }
        }
        _ => Verdict::Route { person, distance },
    }
}

/// Whether a face is seen well enough for somebody new to be known by it.
#[must_use]
pub fn may_found(quality: &Quality) -> bool {
    quality.size_px >= FOUNDS_FROM_PX
        && quality.score >= FOUNDS_FROM_SCORE
        && quality.sharpness >= FOUNDS_FROM_SHARPNESS
        && quality.turn <= FOUNDS_TO_TURN
}

/// Solo, or Group where at least two faces are of a size, and none of them out of focus beside the largest.
#[must_use]
pub fn group(faces: &[Face]) -> Group {
    let Some(largest) = faces.iter().max_by(|a, b| a.region.height.total_cmp(&b.region.height)) else { return Group::Solo };
    let counts = |face: &&Face| {
        face.region.height >= COUNTS_FROM_SHARE * largest.region.height
            && face.quality.sharpness >= COUNTS_FROM_SHARPNESS * largest.quality.sharpness
    };
    if faces.iter().filter(counts).count() > 1 { Group::Group } else { Group::Solo }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::{Region, TEMPLATE_LEN};

    /// So far from the origin along the first axis.
    fn at(x: f32) -> Template {
        let mut numbers = [0.0; TEMPLATE_LEN];
        numbers[0] = x;
        Template::new(&numbers).unwrap()
    }

    fn verdict(face: f32, known: &[f32]) -> Verdict {
        let known: Vec<Vec<Template>> = known.iter().map(|x| vec![at(*x)]).collect();
        assign(&[&at(face)], &known, |_, _| true, &Rules::default())[0]
    }

    #[test]
    fn judge_routes_what_is_near_asks_about_what_is_not_sure_and_leaves_the_rest() {
        assert!(matches!(verdict(0.3, &[0.0, 2.0]), Verdict::Route { person: 0, .. }));
        assert!(matches!(verdict(0.55, &[0.0]), Verdict::Review { person: 0, .. }));
        assert_eq!(verdict(0.7, &[0.0]), Verdict::Unknown);
        assert_eq!(verdict(0.0, &[]), Verdict::Unknown);
        let Verdict::Review { why, .. } = verdict(0.30, &[0.0, 0.62]) else { panic!("0.30 and 0.32 are too near to tell") };
        assert!(why.contains("almost"), "{why}");
    }

    #[test]
    fn judge_never_gives_one_person_two_faces_of_a_photo() {
        let verdicts = assign(&[&at(0.2), &at(0.1), &at(0.2)], &[vec![at(0.0)]], |_, _| true, &Rules::default());
        assert!(matches!(verdicts[1], Verdict::Route { person: 0, .. }));
        assert!(
            verdicts[0] != verdicts[1] && matches!(verdicts[0], Verdict::Review { .. }) && matches!(verdicts[2], Verdict::Review { .. })
        );
    }

    #[test]
    fn judge_never_says_what_somebody_ruled_out() {
        let known = [vec![at(0.0)], vec![at(0.45)]];
        let verdicts = assign(&[&at(0.1)], &known, |_, person| person != 0, &Rules::default());
        assert!(matches!(verdicts[0], Verdict::Route { person: 1, .. }), "{verdicts:?}");
    }

    #[test]
    fn judge_counts_no_one_in_the_background() {
        let face = |height: f32| Face {
            region: Region { x: 0.0, y: 0.0, width: height, height },
            quality: Quality { score: 0.9, size_px: 100, sharpness: 0.9, turn: 0.0 },
            template: at(0.0),
            crop: Vec::new(),
        };
        assert_eq!(group(&[]), Group::Solo);
        assert_eq!(group(&[face(0.4), face(0.1)]), Group::Solo);
        assert_eq!(group(&[face(0.4), face(0.2)]), Group::Group);
        let mut blurred = face(0.3);
        blurred.quality.sharpness = 0.05;
        assert_eq!(group(&[face(0.4), blurred]), Group::Solo);
        assert!(may_found(&face(0.1).quality));
        assert!(!may_found(&Quality { size_px: 20, ..face(0.1).quality }));
    }
}
