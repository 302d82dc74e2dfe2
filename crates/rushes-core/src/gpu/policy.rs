//! The decision: a pure function of what is declared, what is seen, and what was decided before.
//!
//! Three orders of all that waits are tried on paper, by the declared times: *stay* (first the loaded families' jobs, then the
//! others, family by family), *one more* (one job of the loaded families, the others, the rest) and *go* (the others first). An
//! order is on time if each job starts within `max_wait_s`. Staying is preferred while it, or one more, is on time and the turn
//! lasts.

use super::{Clearing, Declared, Profile, Seen, State, Step, Waiting};
use crate::codes::Code;
use crate::fault::Fault;
use std::time::Duration;

/// So long jobs of a family for which even a restart made no room are refused without another one.
const FULL_FOR_MS: i64 = 600_000;

/// What the card does next, and what to hand in with the next question. Ask between two jobs, when a job comes, and when a wait
/// is over; a step that failed is simply asked for again.
///
/// Families that are loaded, or that fit beside those that are, are served in the order in which their jobs came. Any other
/// needs a switch: [`Step::Free`], then [`Step::Run`], with [`Step::Restart`] between them where measured memory stays too
/// small, and [`Step::Refuse`] where that does not help either. A switch is made
/// - when nothing waits for what is loaded, once somebody has waited for `patience_s`;
/// - by quota, when the loaded families were given `turn_s` of work while others waited;
/// - by age, when after one more job somebody would start too late.
///
/// **How long anybody waits.** While at each question one of the orders is on time (see the head of this file), everybody starts
/// within `max_wait_s`, and whatever a load takes beyond its `switch_s`. One is on time for certain while all that waits, with a
/// switch for each family and one back, takes no longer than what is left of `max_wait_s` to whoever has waited longest; and
/// where no two families fit together, it stays so until a job comes or takes longer than declared. For what does come so, one
/// job and one switch are the allowance: `max_wait_s` + one job + one switch is what to promise. Where no order is on time, as
/// with more work than the card can do, nothing is promised: families then take turns of `turn_s`, each for whoever has waited
/// longest, so that everybody is served and switches stay few.
#[must_use]
pub fn next(declared: &Declared, seen: &Seen<'_>, state: State) -> (Step, State) {
    let mut state = state;
    state.full.retain(|(_, at_ms)| seen.now_ms - at_ms < FULL_FOR_MS);
    let mut waiting: Vec<&Waiting> = seen.waiting.iter().collect();
    waiting.sort_by_key(|waiting| (waiting.since_ms, waiting.job));
    let refused = waiting.iter().find_map(|waiting| Some((waiting.job, refusal(declared, seen, &state, waiting)?)));
    if let Some((job, fault)) = refused {
        return (Step::Refuse { job, fault }, state);
    }
    if let Some(clearing) = state.clearing.take()
        && let Some(first) = waiting.iter().find(|waiting| waiting.family == clearing.family)
    {
        return clear(declared, seen, state, clearing, first);
    }
    if seen.loaded.is_empty() {
        state.turn_ms = 0;
    }
    let table = Table::new(declared, seen, &waiting);
    match table.choose(state.turn_ms) {
        Choice::Idle { until_ms } => {
            state.turn_ms = 0;
            (Step::Wait { until_ms }, state)
        }
        Choice::Serve { waiting, is_late } => {
            state.is_late = is_late;
            serve(declared, seen, state, waiting, !table.others.is_empty())
        }
    }
}

/// Why a job can never be run here, or not now.
fn refusal(declared: &Declared, seen: &Seen<'_>, state: &State, waiting: &Waiting) -> Option<Fault> {
    let Some(profile) = declared.profile(&waiting.family) else {
        let names: Vec<&str> = declared.profiles.iter().map(|profile| profile.family.as_str()).collect();
        let reason = format!("this worker has {}", names.join(", "));
        return Some(Fault::new(Code::InputInvalid, "choose models").with("family", &waiting.family).because(reason));
    };
    let total_mb = seen.memory.total_mb;
    if profile.vram_mb > total_mb {
        return Some(fault(Code::CardSmall, profile).because(format!("the card has {total_mb} MB")));
    }
    let (_, at_ms) = state.full.iter().find(|(family, _)| *family == waiting.family)?;
    let left_ms = u64::try_from(at_ms + FULL_FOR_MS - seen.now_ms).unwrap_or(0);
    let reason = format!("of {total_mb} MB too few were free, also after ComfyUI was started anew");
    Some(fault(Code::CardFull, profile).because(reason).retry_after(Duration::from_millis(left_ms)))
}

fn fault(code: Code, profile: &Profile) -> Fault {
    Fault::new(code, "load models").with("family", &profile.family).with("needs", format!("{} MB", profile.vram_mb))
}

/// Goes on with making room: loads where there is enough, else restarts, else refuses.
fn clear(declared: &Declared, seen: &Seen<'_>, mut state: State, clearing: Clearing, first: &Waiting) -> (Step, State) {
    if is_near(declared, seen, &clearing.family) {
        return serve(declared, seen, state, first, seen.waiting.iter().any(|waiting| waiting.family != clearing.family));
    }
    if !clearing.was_restarted {
        state.clearing = Some(Clearing { was_restarted: true, ..clearing });
        return (Step::Restart, state);
    }
    state.full.push((clearing.family, seen.now_ms));
    // What was just noted is why it is refused.
    next(declared, seen, state)
}

/// Runs a job, or begins to make room for it.
fn serve(declared: &Declared, seen: &Seen<'_>, mut state: State, waiting: &Waiting, others_wait: bool) -> (Step, State) {
    let loads = !seen.loaded.contains(&waiting.family);
    if !is_near(declared, seen, &waiting.family) {
        state.clearing = Some(Clearing { family: waiting.family.clone(), was_restarted: false });
        return (Step::Free, state);
    }
    let before_ms = if loads || !others_wait { 0 } else { state.turn_ms };
    let job_s = declared.profile(&waiting.family).map_or(0, |profile| profile.job_s);
    state.turn_ms = if others_wait { before_ms + ms(job_s) } else { 0 };
    (Step::Run { job: waiting.job, loads }, state)
}

/// Whether a family is loaded, or fits beside what is: as declared, and as measured.
fn is_near(declared: &Declared, seen: &Seen<'_>, family: &str) -> bool {
    let Some(profile) = declared.profile(family) else { return false };
    let fits = || seen.memory.free_mb >= profile.vram_mb && fits_beside(declared, seen, seen.loaded.iter().map(String::as_str), profile);
    seen.loaded.iter().any(|loaded| loaded == family) || fits()
}

fn fits_beside<'a>(declared: &Declared, seen: &Seen<'_>, loaded: impl Iterator<Item = &'a str>, profile: &Profile) -> bool {
    let used: u64 = loaded.filter_map(|family| declared.profile(family)).map(|profile| u64::from(profile.vram_mb)).sum();
    used + u64::from(profile.vram_mb) <= u64::from(seen.memory.total_mb)
}

enum Choice<'a> {
    Idle { until_ms: Option<i64> },
    Serve { waiting: &'a Waiting, is_late: bool },
}

/// What waits, in two heaps.
struct Table<'a> {
    declared: &'a Declared,
    seen: &'a Seen<'a>,
    /// For families that are loaded or fit beside them, all together, in the order in which they came.
    mine: Vec<&'a Waiting>,
    /// For all others, family by family, in the best order of whole families.
    others: Vec<&'a Waiting>,
}

impl<'a> Table<'a> {
    /// `waiting` is sorted by age, and each has its profile.
    fn new(declared: &'a Declared, seen: &'a Seen<'a>, waiting: &[&'a Waiting]) -> Self {
        let mut groups: Vec<(&Profile, Vec<&Waiting>)> = Vec::new();
        let (mut mine, mut near, mut free_mb) = (Vec::new(), seen.loaded.to_vec(), seen.memory.free_mb);
        for waiting in waiting {
            let Some(profile) = declared.profile(&waiting.family) else { continue };
            let is_new = !near.contains(&profile.family) && groups.iter().all(|(of, _)| of.family != profile.family);
            if is_new && free_mb >= profile.vram_mb && fits_beside(declared, seen, near.iter().map(String::as_str), profile) {
                near.push(profile.family.clone());
                free_mb -= profile.vram_mb;
            }
            match groups.iter_mut().find(|(of, _)| of.family == profile.family) {
                _ if near.contains(&profile.family) => mine.push(*waiting),
                Some((_, group)) => group.push(waiting),
                None => groups.push((profile, vec![*waiting])),
            }
        }
        // Served one after the other, the job that would be late first says when its family must begin at the latest. By that
        // and its work, so by when it must end, families are sorted: if any order of them is on time, this one is.
        groups.sort_by_key(|(profile, group)| {
            let begin_ms = (0_i64..).zip(group).map(|(before, waiting)| waiting.since_ms - before * ms(profile.job_s)).min();
            let work_ms: i64 = group.iter().map(|_| ms(profile.job_s)).sum();
            (begin_ms.map(|begin_ms| begin_ms + work_ms), &profile.family)
        });
        Self { declared, seen, mine, others: groups.into_iter().flat_map(|(_, group)| group).collect() }
    }

    fn choose(&self, turn_ms: i64) -> Choice<'a> {
        let (mine, others) = (&self.mine[..], &self.others[..]);
        let (my_first, oldest) = match (mine.first(), self.oldest_other()) {
            (None, None) => return Choice::Idle { until_ms: None },
            (Some(first), None) => return Choice::Serve { waiting: first, is_late: !self.is_on_time(0, &[mine]) },
            (None, Some(oldest)) => return self.be_patient(oldest),
            (Some(first), Some(oldest)) => (first, oldest),
        };
        let can_stay = self.is_on_time(0, &[mine, others]) || self.is_on_time(0, &[&mine[..1], others, &mine[1..]]);
        let can_go = self.is_on_time(0, &[others, mine]);
        let is_turn_over = turn_ms > 0 && turn_ms >= ms(self.declared.limits.turn_s);
        // Whichever keeps everybody within the limit; where both or none does, the turn decides.
        let goes = if can_stay == can_go { is_turn_over } else { can_go };
        let is_late = !can_stay && !can_go;
        match goes {
            false => Choice::Serve { waiting: my_first, is_late },
            true => Choice::Serve { waiting: if can_go { others[0] } else { oldest }, is_late },
        }
    }

    /// Nothing waits for what is loaded. A card that holds nothing has nothing to be patient for.
    fn be_patient(&self, oldest: &'a Waiting) -> Choice<'a> {
        let until_ms = oldest.since_ms + ms(self.declared.limits.patience_s);
        let rest_ms = until_ms - self.seen.now_ms;
        if rest_ms > 0 && !self.seen.loaded.is_empty() && self.is_on_time(rest_ms, &[&self.others]) {
            return Choice::Idle { until_ms: Some(until_ms) };
        }
        let can_go = self.is_on_time(0, &[&self.others]);
        Choice::Serve { waiting: if can_go { self.others[0] } else { oldest }, is_late: !can_go }
    }

    /// Where nobody can be on time, who has waited longest is next, so that no family starves.
    fn oldest_other(&self) -> Option<&'a Waiting> {
        self.others.iter().min_by_key(|waiting| (waiting.since_ms, waiting.job)).copied()
    }

    /// Whether each job starts within the limit when they are run in this order, beginning `after_ms` from now.
    fn is_on_time(&self, after_ms: i64, order: &[&[&Waiting]]) -> bool {
        let mut now_ms = self.seen.now_ms + after_ms;
        let mut loaded: Vec<&str> = self.seen.loaded.iter().map(String::as_str).collect();
        for waiting in order.iter().copied().flatten() {
            let Some(profile) = self.declared.profile(&waiting.family) else { continue };
            if !loaded.contains(&profile.family.as_str()) {
                if !fits_beside(self.declared, self.seen, loaded.iter().copied(), profile) {
                    loaded.clear();
                }
                loaded.push(&profile.family);
                now_ms += ms(profile.switch_s);
            }
            if now_ms > waiting.since_ms + ms(self.declared.limits.max_wait_s) {
                return false;
            }
            now_ms += ms(profile.job_s);
        }
        true
    }
}

fn ms(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000
}

#[cfg(test)]
mod tests;
