//! Faces of strangers, put together: average link, with faces of one photo always apart. Pure.
//!
//! Chains of nearest neighbours find the same groups as joining the two nearest again and again, in the square of the number
//! instead of its cube: joining two never brings a third nearer to them than it was to either.

use rushes_core::faces::Template;

/// So many faces at once, the newest: their distances take 100 MB.
pub const MAX_CLUSTERED: usize = 5000;

/// Groups of indexes whose average distance is at most `distance`; each face is in one, perhaps alone. `faces` are (template,
/// photo), the oldest first; above [`MAX_CLUSTERED`] the oldest are in none. Groups are in the order of their first face.
#[must_use]
pub fn cluster(faces: &[(&Template, usize)], distance: f32) -> Vec<Vec<usize>> {
    let skipped = faces.len().saturating_sub(MAX_CLUSTERED);
    let faces = &faces[skipped..];
    let between = Distances::of(faces.len(), |one, other| {
        let ((template, photo), (its, where_else)) = (faces[one], faces[other]);
        if photo == where_else { f32::INFINITY } else { template.distance(its) }
    });
    let mut groups = join(between, &vec![1; faces.len()], distance);
    groups.iter_mut().flatten().for_each(|face| *face += skipped);
    groups
}

/// Joins what is near: groups of indexes, in the order of their first. `sizes` are how many faces each index stands for.
pub(crate) fn join(mut between: Distances, sizes: &[usize], distance: f32) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = (0..between.side).map(|one| vec![one]).collect();
    let mut sizes = sizes.to_vec();
    let mut chain: Vec<usize> = Vec::new();
    // Each begins a chain of its own, unless it has left: become part of another, or with nobody near.
    let mut has_left = vec![false; between.side];
    for first in 0..between.side {
        while !has_left[first] {
            let end = *chain.last().unwrap_or(&first);
            if chain.is_empty() {
                chain.push(end);
            }
            let before = chain.len().checked_sub(2).map(|at| chain[at]);
            let (other, its) = between.nearest(end, before);
            if its > distance {
                // Nobody comes nearer later.
                chain.pop();
                between.leave(end);
                has_left[end] = true;
            } else if before == Some(other) {
                chain.truncate(chain.len() - 2);
                between.join(other, end, [sizes[other], sizes[end]]);
                let joined = std::mem::take(&mut groups[end]);
                groups[other].extend(joined);
                sizes[other] += sizes[end];
                has_left[end] = true;
            } else {
                chain.push(other);
            }
        }
    }
    groups.retain(|group| !group.is_empty());
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort_unstable();
    groups
}

/// Between each two groups, row by row: a group's own stand side by side. Infinite from a group to itself and to what has
/// left.
pub(crate) struct Distances {
    side: usize,
    all: Vec<f32>,
}

impl Distances {
    /// Of so many; infinite between those that are never joined.
    pub(crate) fn of(side: usize, distance: impl Fn(usize, usize) -> f32) -> Self {
        let mut all = vec![f32::INFINITY; side * side];
        for at in 0..side {
            for before in 0..at {
                let distance = distance(at, before);
                (all[at * side + before], all[before * side + at]) = (distance, distance);
            }
        }
        Self { side, all }
    }

    /// Those that are at most so far apart, each pair once, the nearest first.
    pub(crate) fn within(&self, distance: f32) -> Vec<(f32, [usize; 2])> {
        let row = |at: usize| self.row(at)[..at].iter().enumerate().map(move |(before, its)| (*its, [before, at]));
        let mut pairs: Vec<_> = (0..self.side).flat_map(row).filter(|(its, _)| *its <= distance).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        pairs
    }

    fn row(&self, of: usize) -> &[f32] {
        &self.all[of * self.side..(of + 1) * self.side]
    }

    /// The nearest to this one; of equals the one that stood before it in the chain, so that chains end.
    fn nearest(&self, of: usize, before: Option<usize>) -> (usize, f32) {
        let row = self.row(of);
        let least = row.iter().copied().fold(f32::INFINITY, f32::min);
        let is_least = |group: &usize| row[*group] <= least;
        let group = before.filter(is_least).or_else(|| (0..self.side).find(is_least));
        (group.unwrap_or(of), least)
    }

    /// `kept` stands for both from now on.
    fn join(&mut self, kept: usize, gone: usize, sizes: [usize; 2]) {
        let [first, second] = sizes.map(|size| size as f32);
        for group in (0..self.side).filter(|group| *group != kept) {
            let row = group * self.side;
            let mean = (first * self.all[row + kept] + second * self.all[row + gone]) / (first + second);
            (self.all[row + kept], self.all[kept * self.side + group]) = (mean, mean);
        }
        self.leave(gone);
    }

    /// Nobody is near to it, nor it to anybody.
    fn leave(&mut self, gone: usize) {
        for group in 0..self.side {
            (self.all[group * self.side + gone], self.all[gone * self.side + group]) = (f32::INFINITY, f32::INFINITY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rushes_core::faces::TEMPLATE_LEN;

    fn template(at: [f32; 2]) -> Template {
        let mut numbers = [0.0; TEMPLATE_LEN];
        numbers[..2].copy_from_slice(&at);
        Template::new(&numbers).unwrap()
    }

    fn groups(at: &[([f32; 2], usize)], distance: f32) -> Vec<Vec<usize>> {
        let templates: Vec<(Template, usize)> = at.iter().map(|(at, photo)| (template(*at), *photo)).collect();
        cluster(&templates.iter().map(|(template, photo)| (template, *photo)).collect::<Vec<_>>(), distance)
    }

    #[test]
    fn cluster_joins_by_the_average_and_never_two_of_one_photo() {
        let line = |at: &[f32]| at.iter().enumerate().map(|(photo, x)| ([*x, 0.0], photo)).collect::<Vec<_>>();
        assert_eq!(groups(&[], 0.6), Vec::<Vec<usize>>::new());
        assert_eq!(groups(&line(&[1.0]), 0.6), [[0]]);
        assert_eq!(groups(&line(&[0.0, 5.0, 0.2, 5.1, 0.4]), 0.6), [vec![0, 2, 4], vec![1, 3]]);
        // 0.5 from the nearest, but 0.75 on average.
        assert_eq!(groups(&line(&[0.0, 0.5, 1.01]), 0.6), [vec![0, 1], vec![2]]);
        assert_eq!(groups(&[([0.0, 0.0], 7), ([0.1, 0.0], 7), ([0.01, 0.0], 8)], 0.6), [vec![0, 2], vec![1]]);
        assert_eq!(groups(&[([0.0, 0.0], 7), ([0.0, 0.0], 7)], 0.6), [[0], [1]]);
    }

    #[test]
    fn cluster_leaves_out_the_oldest_of_too_many() {
        let one = template([0.0, 0.0]);
        let many: Vec<(&Template, usize)> = (0..MAX_CLUSTERED + 3).map(|photo| (&one, photo)).collect();
        let all = cluster(&many, 0.6);
        assert_eq!((all.len(), all[0].len(), all[0][0]), (1, MAX_CLUSTERED, 3));
    }

    /// The same by the definition: the two nearest groups are joined until none are near enough.
    fn plain(at: &[([f32; 2], usize)], distance: f32) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = (0..at.len()).map(|face| vec![face]).collect();
        let between = |a: usize, b: usize| {
            let [x, y] = [0, 1].map(|axis| at[a].0[axis] - at[b].0[axis]);
            if at[a].1 == at[b].1 { f32::INFINITY } else { x.hypot(y) }
        };
        loop {
            let mean = |a: &[usize], b: &[usize]| {
                let sum: f32 = a.iter().flat_map(|a| b.iter().map(|b| between(*a, *b))).sum();
                sum / (a.len() * b.len()) as f32
            };
            let pairs = (0..groups.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
            let nearest = pairs.map(|(a, b)| (mean(&groups[a], &groups[b]), a, b)).min_by(|x, y| x.0.total_cmp(&y.0));
            let Some((_, a, b)) = nearest.filter(|nearest| nearest.0 <= distance) else { break };
            let joined = groups.remove(b);
            groups[a].extend(joined);
            groups[a].sort_unstable();
        }
        groups.sort_unstable();
        groups
    }

    proptest! {
        #[test]
        fn cluster_equals_its_definition(at in prop::collection::vec(([0.0..3.0_f32, 0.0..3.0_f32], 0..12_usize), 0..14)) {
            prop_assert_eq!(groups(&at, 0.6), plain(&at, 0.6));
        }
    }
}
