//! Who may be one: people whose faces are alike, and faces of nobody that are. Only proposed: somebody decides. Pure.

use crate::cluster::{Distances, MAX_CLUSTERED, cluster, join};
use rushes_core::album::{Likeness, Likenesses};
use rushes_core::faces::Template;

/// Two people who may be one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likely {
    /// Their numbers, the lower first.
    pub people: [u32; 2],
    /// The average between their faces.
    pub distance: f32,
}

/// What may be so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposals {
    /// People who may be one, the likest first. Of three who may be one, two pairs.
    pub same: Vec<Likely>,
    /// Faces of nobody that may be one person's, two at least; most of them first.
    pub new: Vec<Vec<u32>>,
}

/// Who may be one, by average link: people at most `distance` apart on average, and never two who stand in one photo or are told
/// apart. Above [`MAX_CLUSTERED`] people the oldest are in no proposal.
#[must_use]
pub fn propose(of: &Likenesses, distance: f32) -> Proposals {
    let people = &of.people[of.people.len().saturating_sub(MAX_CLUSTERED)..];
    let may_be_one = |a: &Likeness, b: &Likeness| {
        let numbers = (a.number.min(b.number), a.number.max(b.number));
        !of.apart.contains(&numbers) && a.photos.is_disjoint(&b.photos)
    };
    let between = Distances::of(people.len(), |one, other| {
        let (one, other) = (&people[one], &people[other]);
        if may_be_one(one, other) { mean(&one.templates, &other.templates) } else { f32::INFINITY }
    });
    let pairs = between.within(distance);
    let sizes: Vec<usize> = people.iter().map(|person| person.templates.len()).collect();
    let mut group_of = vec![0; people.len()];
    for (group, members) in join(between, &sizes, distance).into_iter().enumerate() {
        members.into_iter().for_each(|member| group_of[member] = group);
    }
    // Within a group, as few of the likest pairs as make it one: two are joined only where somebody of one is near to somebody
    // of the other.
    let mut part_of: Vec<usize> = (0..people.len()).collect();
    let mut same = Vec::new();
    for (distance, [one, other]) in pairs {
        let (part, its) = (part_of[one], part_of[other]);
        if group_of[one] == group_of[other] && part != its {
            part_of.iter_mut().filter(|of| **of == its).for_each(|of| *of = part);
            let mut numbers = [people[one].number, people[other].number];
            numbers.sort_unstable();
            same.push(Likely { people: numbers, distance });
        }
    }
    Proposals { same, new: strangers(&of.strangers, distance) }
}

fn mean(some: &[Template], others: &[Template]) -> f32 {
    let sum: f32 = some.iter().map(|one| others.iter().map(|other| one.distance(other)).sum::<f32>()).sum();
    sum / (some.len() * others.len()) as f32
}

fn strangers(faces: &[Likeness], distance: f32) -> Vec<Vec<u32>> {
    let photo = |face: &Likeness| face.photos.first().copied().unwrap_or_default() as usize;
    let seen: Vec<(&Template, usize)> =
        faces.iter().filter_map(|face| face.templates.first().map(|template| (template, photo(face)))).collect();
    let groups = cluster(&seen, distance).into_iter().filter(|group| group.len() > 1);
    let mut new: Vec<Vec<u32>> = groups.map(|group| group.into_iter().map(|face| faces[face].number).collect()).collect();
    new.sort_by_key(|group| std::cmp::Reverse(group.len()));
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use rushes_core::faces::TEMPLATE_LEN;

    fn one(number: u32, at: &[f32], photos: &[u32]) -> Likeness {
        let template = |x: &f32| {
            let mut numbers = [0.0; TEMPLATE_LEN];
            numbers[0] = *x;
            Template::new(&numbers).unwrap()
        };
        Likeness { number, templates: at.iter().map(template).collect(), photos: photos.iter().copied().collect() }
    }

    fn pairs(people: &[Likeness], apart: &[(u32, u32)]) -> Vec<[u32; 2]> {
        let of = Likenesses { people: people.to_vec(), apart: apart.iter().copied().collect(), ..Likenesses::default() };
        propose(&of, 0.6).same.iter().map(|likely| likely.people).collect()
    }

    #[test]
    fn propose_names_people_who_are_alike_on_average() {
        // The faces that founded them are 0.62 apart.
        let (one_of, other) = (one(1, &[0.0, 0.2], &[1, 2]), one(2, &[0.62, 0.55], &[3, 4]));
        let found = propose(&Likenesses { people: vec![one_of.clone(), other.clone()], ..Likenesses::default() }, 0.6);
        assert!(found.same[0].people == [1, 2] && (found.same[0].distance - 0.485).abs() < 1e-4, "{found:?}");
        assert_eq!(pairs(&[one_of.clone(), one(2, &[0.62, 0.9], &[3, 4])], &[]), [] as [[u32; 2]; 0], "one face alone is near");
        assert_eq!(pairs(&[one_of.clone(), other.clone()], &[(1, 2)]), [] as [[u32; 2]; 0], "told apart");
        let beside = Likeness { photos: [2, 9].into(), ..other };
        assert_eq!(pairs(&[one_of, beside], &[]), [] as [[u32; 2]; 0], "both are in photo 2");
    }

    #[test]
    fn propose_names_each_once_and_no_pair_that_is_apart_by_way_of_a_third() {
        let three = [one(5, &[0.0], &[1]), one(3, &[0.2], &[2]), one(4, &[0.3], &[3])];
        assert_eq!(pairs(&three, &[]), [[3, 4], [3, 5]], "the likest first, and two of three pairs");
        // 4 is near to both, who are not one: it is one of them at most.
        assert_eq!(pairs(&three, &[(3, 5)]), [[3, 4]]);
        assert_eq!(pairs(&three, &[(3, 5), (3, 4)]), [[4, 5]]);
        // A chain of likenesses is not one person.
        assert_eq!(pairs(&[one(1, &[0.0], &[]), one(2, &[0.5], &[]), one(3, &[1.01], &[])], &[]), [[1, 2]]);
    }

    #[test]
    fn propose_weighs_people_by_their_faces() {
        // 0.2 apart; the third is 0.55 from the one with three faces, 0.75 from the other: 0.60 on average, 0.65 without weights.
        let people = [one(1, &[0.0; 3], &[1]), one(2, &[-0.2], &[2]), one(3, &[0.549], &[3])];
        assert_eq!(pairs(&people, &[]), [[1, 2], [1, 3]]);
    }

    #[test]
    fn propose_founds_nobody_on_one_face_or_one_photo() {
        let strangers = vec![
            one(11, &[0.0], &[1]),
            one(12, &[5.0], &[1]),
            one(13, &[9.0], &[1]),
            one(14, &[0.1], &[2]),
            one(15, &[5.1], &[3]),
            one(16, &[5.2], &[4]),
            one(17, &[9.0], &[1]),
        ];
        let found = propose(&Likenesses { strangers, ..Likenesses::default() }, 0.6);
        assert_eq!(found.new, [vec![12, 15, 16], vec![11, 14]]);
        assert!(found.same.is_empty());
    }
}
