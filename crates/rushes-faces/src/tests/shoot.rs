//! The promises, on photos of known persons, with thresholds that were fixed before: who is found, told apart, routed.

use super::{library, models, photos};
use crate::{Finder, Runtime, cluster, propose};
use rushes_core::Cancel;
use rushes_core::album::{Likeness, Likenesses, Rules, Unknown};
use rushes_core::faces::judge::{Verdict, assign, may_found};
use rushes_core::faces::{Face, FaceFinder, Seen, Template};
use std::collections::{BTreeMap, BTreeSet};

/// A line of `identities.csv` and what was seen.
struct Photo {
    file: String,
    /// Who is in it; nobody is named in photos of groups.
    persons: Vec<String>,
    /// How many are in it.
    expected: usize,
    seen: Seen,
}

/// Every photo of the list, looked at. None where something is missing, after saying so.
async fn look(runtime: &Runtime) -> Option<Vec<Photo>> {
    let (models, photos) = (models()?, photos()?.join("dev"));
    let finder = Finder::open(&models, runtime, None).unwrap();
    let list = std::fs::read_to_string(photos.join("identities.csv")).unwrap();
    let mut all = Vec::new();
    for line in list.lines().skip(1) {
        let [file, person, group] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let persons: Vec<String> = person.split('+').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let expected = if group.is_empty() { persons.len() } else { group.parse().unwrap() };
        let seen = finder.look(&photos.join(file), &Cancel::new()).await.unwrap();
        all.push(Photo { file: file.into(), persons, expected, seen });
    }
    Some(all)
}

/// (person, its face) of photos that show one person: the largest face.
fn singles(photos: &[Photo]) -> Vec<(&str, &Face)> {
    photos.iter().filter(|photo| photo.persons.len() == 1).map(|photo| (photo.persons[0].as_str(), &photo.seen.faces[0])).collect()
}

/// Of all pairs: the share of one person's that are nearer, and the number of two persons' that are.
fn accepted(singles: &[(&str, &Face)], distance: f32) -> (f32, usize) {
    let (mut same, mut accepted, mut wrong) = (0, 0, 0);
    for (at, (person, face)) in singles.iter().enumerate() {
        for (other, its) in &singles[..at] {
            let is_near = face.template.distance(&its.template) < distance;
            same += usize::from(person == other);
            accepted += usize::from(person == other && is_near);
            wrong += usize::from(person != other && is_near);
        }
    }
    (accepted as f32 / same as f32, wrong)
}

/// Precision and recall as one number, each face counted by itself.
fn b_cubed(singles: &[(&str, &Face)], groups: &[Vec<usize>]) -> f32 {
    let (mut precision, mut recall) = (0.0, 0.0);
    for group in groups {
        for &face in group {
            let person = singles[face].0;
            let same = group.iter().filter(|other| singles[**other].0 == person).count() as f32;
            precision += same / group.len() as f32;
            recall += same / singles.iter().filter(|(other, _)| *other == person).count() as f32;
        }
    }
    let (precision, recall) = (precision / singles.len() as f32, recall / singles.len() as f32);
    2.0 * precision * recall / (precision + recall)
}

/// Enrols the first photo of each person and routes the others: (rightly, wrongly, of so many).
fn routes(photos: &[Photo]) -> (usize, usize, usize) {
    let mut known: BTreeMap<&str, Vec<Template>> = BTreeMap::new();
    let (mut right, mut wrong, mut asked) = (0, 0, 0);
    let mut rest = Vec::new();
    for photo in photos {
        match &photo.persons[..] {
            [person] if !known.contains_key(person.as_str()) => {
                known.insert(person, vec![photo.seen.faces[0].template.clone()]);
            }
            _ => rest.push(photo),
        }
    }
    let (names, known): (Vec<&str>, Vec<Vec<Template>>) = known.into_iter().unzip();
    for photo in rest {
        asked += photo.persons.len();
        let faces: Vec<&Template> = photo.seen.faces.iter().map(|face| &face.template).collect();
        for (face, verdict) in assign(&faces, &known, |_, _| true, &Rules::default()).into_iter().enumerate() {
            if let Verdict::Route { person, distance } = verdict {
                let is_right = photo.persons.iter().any(|name| name == names[person]);
                eprintln!("{}: face {face} is {} at {distance:.2}{}", photo.file, names[person], if is_right { "" } else { ", wrongly" });
                right += usize::from(is_right);
                wrong += usize::from(!is_right);
            }
        }
    }
    (right, wrong, asked)
}

#[tokio::test]
async fn faces_of_the_test_photos_are_found_and_told_apart() {
    let Some(photos) = look(&Runtime::Rten).await else { return };
    let (mut missed, mut more) = (Vec::new(), 0);
    for photo in &photos {
        if photo.seen.faces.len() < photo.expected {
            missed.push((photo.file.as_str(), photo.seen.faces.len(), photo.expected));
        }
        more += photo.seen.faces.len().saturating_sub(photo.expected);
    }
    let groups: Vec<&Photo> = photos.iter().filter(|photo| photo.persons.is_empty()).collect();
    let in_groups: usize = groups.iter().map(|photo| photo.expected).sum();
    let found: usize = groups.iter().map(|photo| photo.seen.faces.len().min(photo.expected)).sum();
    let singles = singles(&photos);
    let faces: Vec<(&Template, usize)> = singles.iter().enumerate().map(|(photo, (_, face))| (&face.template, photo)).collect();
    let f1 = b_cubed(&singles, &cluster(&faces, 0.60));
    let (at_050, at_055) = (accepted(&singles, 0.50), accepted(&singles, 0.55));
    let routes = routes(&photos);
    eprintln!("group faces {found} of {in_groups}, background {more}; B-cubed F1 {f1:.3}");
    eprintln!("accepted at 0.50 {at_050:?}, at 0.55 {at_055:?}; routed rightly, wrongly, of {routes:?}");
    assert!(missed.iter().all(|(file, ..)| groups.iter().any(|group| group.file == *file)), "{missed:?}");
    assert!(found as f32 >= 0.95 * in_groups as f32, "{missed:?}");
    // Whom nobody named stands in the background: six people, seen at last look.
    assert!(more <= 9, "{more} faces more than people");
    assert!(f1 >= 0.95, "{f1}");
    assert_eq!(at_050.1, 0);
    assert!(at_055.1 <= 2 && at_055.0 >= 0.94, "{at_055:?}");
    assert_eq!(routes.1, 0, "no wrong route");
    assert!(routes.0 * 10 >= routes.2 * 7, "{routes:?}");
}

/// Of the test photos nobody is founded twice by the usual rules: by these many are.
const STRICT: Rules = Rules {
    is_recognising: true,
    unknown: Unknown::Cloud,
    route_below: 0.35,
    review_below: 0.40,
    margin: 0.05,
    is_open: true,
    expires_ms: None,
};

/// As an album founds people by their photos in this order: name and faces of each.
fn founded<'a>(singles: &[(&'a str, &Face)]) -> (Vec<&'a str>, Vec<Likeness>) {
    let (mut names, mut known, mut people) = (Vec::new(), Vec::new(), Vec::<Likeness>::new());
    for (photo, (name, face)) in (1..).zip(singles) {
        let person = match assign(&[&face.template], &known, |_, _| true, &STRICT)[0] {
            Verdict::Route { person, .. } => person,
            Verdict::Unknown if may_found(&face.quality) => {
                names.push(*name);
                known.push(vec![face.template.clone()]);
                people.push(Likeness { number: people.len() as u32, templates: Vec::new(), photos: BTreeSet::new() });
                people.len() - 1
            }
            _ => continue,
        };
        people[person].photos.insert(photo);
        if may_found(&face.quality) {
            people[person].templates.push(face.template.clone());
        }
    }
    (names, people)
}

/// Of what is proposed of these people: (rightly, wrongly, of so many that would make each of them one).
fn proposed(names: &[&str], people: Vec<Likeness>) -> (usize, usize, usize) {
    let wanted = names.len() - names.iter().collect::<BTreeSet<_>>().len();
    let found = propose(&Likenesses { people, ..Likenesses::default() }, 0.60).same;
    let right = found.iter().filter(|likely| names[likely.people[0] as usize] == names[likely.people[1] as usize]).count();
    (right, found.len() - right, wanted)
}

/// Photos come in by chance: so many orders are tried.
const ORDERS: u64 = 200;

#[tokio::test]
async fn people_of_the_test_photos_who_are_one_are_proposed() {
    let Some(photos) = look(&Runtime::Rten).await else { return };
    let singles = singles(&photos);
    // As if nobody had been known again: each photo is somebody's of their own.
    let alone = |(number, (_, face)): (usize, &(&str, &Face))| Likeness {
        number: number as u32,
        templates: vec![face.template.clone()],
        photos: [number as u32].into(),
    };
    let names: Vec<&str> = singles.iter().map(|(name, _)| *name).collect();
    let (right, wrong, of) = proposed(&names, singles.iter().enumerate().map(alone).collect());
    eprintln!("of {} photos alone: {right} rightly, {wrong} wrongly, of {of}", names.len());
    let mut sum = (0, 0, 0);
    for order in 0..ORDERS {
        let mut shuffled = singles.clone();
        shuffled.sort_by_cached_key(|(_, face)| {
            let bytes = face.template.to_bytes();
            bytes.iter().fold(order, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(29))
        });
        let (names, people) = founded(&shuffled);
        let seen = proposed(&names, people);
        sum = (sum.0 + seen.0, sum.1 + seen.1, sum.2 + seen.2);
    }
    eprintln!("of people founded in {ORDERS} orders: {} rightly, {} wrongly, of {}", sum.0, sum.1, sum.2);
    assert!(wrong * 20 <= right && right * 10 >= of * 9, "{right} rightly, {wrong} wrongly, of {of}");
    assert!(sum.2 > 1_000 && sum.1 * 20 <= sum.0 && sum.0 * 10 >= sum.2 * 9, "{sum:?}");
}

#[tokio::test]
async fn faces_are_the_same_to_both_runtimes() {
    let Some(library) = library() else { return };
    let Some(by_ort) = look(&Runtime::Ort(library)).await else { return };
    let Some(by_rten) = look(&Runtime::Rten).await else { return };
    for (one, other) in by_ort.iter().zip(&by_rten) {
        assert_eq!(one.seen.faces.len(), other.seen.faces.len(), "{}", one.file);
        for (face, its) in one.seen.faces.iter().zip(&other.seen.faces) {
            let distance = face.template.distance(&its.template);
            assert!(distance < 1e-3, "{}: {distance}", one.file);
        }
    }
}

#[tokio::test]
async fn faces_are_found_in_a_webp_that_is_called_jpg() {
    let (Some(models), Some(photos)) = (models(), photos()) else { return };
    let finder = Finder::open(&models, &Runtime::Rten, None).unwrap();
    let photo = photos.join("odd/webp_named.jpg");
    let seen = finder.look(&photo, &Cancel::new()).await.unwrap();
    assert!((seen.width, seen.height) == (1350, 1800) && !seen.faces.is_empty(), "{} faces", seen.faces.len());
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(finder.look(&photo, &cancel).await.unwrap_err().code, rushes_core::Code::Cancelled);
}

#[test]
fn faces_need_their_models_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let fault = Finder::open(folder.path(), &Runtime::Auto(None), None).err().unwrap();
    assert_eq!(fault.code, rushes_core::Code::FacesOff);
    let codes: BTreeSet<&str> = rushes_core::codes::CODES.iter().map(|row| row.name).collect();
    assert!(codes.contains("faces_off"));
}
