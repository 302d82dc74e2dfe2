//! Who gets which face, by faces of one number.

use super::*;
use rushes_core::faces::{Region, TEMPLATE_LEN};

const SURE: Quality = Quality { score: 0.9, size_px: 200, sharpness: 0.8, turn: 0.1 };

fn template(at: f32) -> Template {
    let mut numbers = [0.0; TEMPLATE_LEN];
    numbers[0] = at;
    Template::new(&numbers).unwrap()
}

fn face(at: f32) -> Face {
    let region = Region { x: 0.1, y: 0.1, width: 0.2, height: 0.2 };
    Face { region, quality: SURE, template: template(at), crop: Vec::new() }
}

fn known(at: &[f32]) -> Known {
    Known { templates: at.iter().copied().map(template).collect() }
}

fn said(at: &[f32], persons: &[Known], refused: &[(usize, usize)]) -> Vec<Verdict> {
    let faces: Vec<Face> = at.iter().copied().map(face).collect();
    assign(&faces, persons, refused, &Thresholds::default())
}

#[test]
fn judge_routes_asks_or_knows_nobody() {
    let persons = [known(&[0.0]), known(&[10.0])];
    let said = said(&[0.3], &persons, &[]);
    assert_eq!(said, [Verdict::Route { person: 0, distance: 0.3 }]);
    assert!(matches!(self::said(&[0.55], &persons, &[])[..], [Verdict::Review { person: 0, why: Why::Far, .. }]));
    assert!(matches!(self::said(&[10.5], &persons, &[])[..], [Verdict::Review { person: 1, why: Why::Far, .. }]), "0.50 is not below 0.50");
    assert!(matches!(self::said(&[0.7], &persons, &[])[..], [Verdict::Unknown { nearest: Some((0, _)) }]));
    assert_eq!(self::said(&[0.7], &[Known::default()], &[]), [Verdict::Unknown { nearest: None }]);
    assert_eq!(self::said(&[], &persons, &[]), []);
}

#[test]
fn judge_asks_where_two_persons_are_as_near() {
    let persons = [known(&[0.0]), known(&[0.62])];
    assert!(matches!(said(&[0.30], &persons, &[])[..], [Verdict::Review { person: 0, why: Why::Close { other: 1, .. }, .. }]));
    assert!(matches!(said(&[0.25], &persons, &[])[..], [Verdict::Route { person: 0, .. }]));
}

#[test]
fn judge_takes_the_nearest_of_a_persons_templates() {
    let persons = [known(&[0.0, 5.0, 1.0]), known(&[3.0])];
    assert!(matches!(said(&[1.2], &persons, &[])[..], [Verdict::Route { person: 0, .. }]));
}

#[test]
fn judge_gives_a_person_to_one_face_of_a_photo() {
    let persons = [known(&[0.0]), known(&[10.0])];
    let said = said(&[0.3, 0.1, 10.1, -0.2], &persons, &[]);
    assert!(matches!(said[0], Verdict::Review { person: 0, why: Why::Taken { face: 1 }, .. }));
    assert!(matches!(said[1], Verdict::Route { person: 0, .. }));
    assert!(matches!(said[2], Verdict::Route { person: 1, .. }));
    assert!(matches!(said[3], Verdict::Review { person: 0, why: Why::Taken { face: 1 }, .. }));
}

#[test]
fn judge_never_proposes_whom_people_ruled_out() {
    let persons = [known(&[0.0]), known(&[0.4])];
    assert!(matches!(said(&[0.1], &persons, &[(0, 0)])[..], [Verdict::Route { person: 1, .. }]));
    assert!(matches!(said(&[0.1], &persons, &[(0, 0), (0, 1)])[..], [Verdict::Unknown { nearest: None }]));
    // The other face may be that person still.
    assert!(matches!(said(&[0.0, 0.1], &persons[..1], &[(0, 0)])[..], [Verdict::Unknown { .. }, Verdict::Route { person: 0, .. }]));
}

#[test]
fn judge_founds_nobody_by_a_poor_face() {
    assert!(may_found(&SURE));
    for poor in [
        Quality { score: 0.75, ..SURE },
        Quality { size_px: 40, ..SURE },
        Quality { sharpness: 0.02, ..SURE },
        Quality { turn: 0.7, ..SURE },
    ] {
        assert!(!may_found(&poor), "{poor:?}");
    }
}

#[test]
fn judge_counts_no_people_in_the_background() {
    let sized = |width: f32| Face { region: Region { x: 0.0, y: 0.0, width, height: 2.0 * width }, ..face(0.0) };
    let seen = |sizes: &[f32]| Seen { width: 3000, height: 2000, faces: sizes.iter().copied().map(sized).collect() };
    assert!(!is_group(&seen(&[])) && !is_group(&seen(&[0.2])));
    assert!(!is_group(&seen(&[0.2, 0.05, 0.06])));
    assert!(is_group(&seen(&[0.2, 0.05, 0.1])));
    let mut blurred = seen(&[0.2, 0.15]);
    blurred.faces[1].quality.sharpness = 0.03;
    assert!(!is_group(&blurred));
}
