//! Single decisions: making room, refusing, waiting, turns.

use super::super::{Limits, Memory};
use super::*;
use crate::ids::JobId;
use uuid::Uuid;

const IMAGES: &str = "sdxl";
const VIDEO: &str = "wan22";
const TEXT: &str = "text";

fn declared() -> Declared {
    let profile = |family: &str, vram_mb, job_s, switch_s| Profile { family: family.into(), vram_mb, job_s, switch_s };
    Declared {
        profiles: vec![profile(IMAGES, 10_000, 9, 12), profile(VIDEO, 21_000, 75, 45), profile(TEXT, 2_000, 5, 5)],
        limits: Limits { max_wait_s: 1_000, turn_s: 60, patience_s: 100 },
    }
}

/// A worker with its card: it knows what it loaded, and what of the memory is held by others.
struct Worker {
    now_s: i64,
    total_mb: u32,
    held_mb: u32,
    loaded: Vec<String>,
    waiting: Vec<Waiting>,
    state: State,
}

impl Worker {
    fn of(loaded: &[&str]) -> Self {
        let loaded = loaded.iter().map(|family| (*family).to_owned()).collect();
        Self { now_s: 0, total_mb: 24_000, held_mb: 0, loaded, waiting: Vec::new(), state: State::default() }
    }

    /// Hands in the job of this number.
    fn wants(mut self, number: u128, family: &str, since_s: i64) -> Self {
        self.waiting.push(Waiting { job: job(number), family: family.into(), since_ms: since_s * 1_000 });
        self
    }

    fn asks(&mut self) -> Step {
        let declared = declared();
        let used_mb: u32 = self.loaded.iter().filter_map(|family| declared.profile(family)).map(|profile| profile.vram_mb).sum();
        let memory = Memory { total_mb: self.total_mb, free_mb: self.total_mb.saturating_sub(used_mb + self.held_mb) };
        let seen = Seen { now_ms: self.now_s * 1_000, memory, loaded: &self.loaded, waiting: &self.waiting };
        let (step, state) = next(&declared, &seen, self.state.clone());
        assert_eq!((step.clone(), state.clone()), next(&declared, &seen, self.state.clone()), "the same asked is the same answered");
        self.state = state;
        match &step {
            Step::Run { job, loads } => {
                let at = self.waiting.iter().position(|waiting| waiting.job == *job).unwrap();
                let family = self.waiting.remove(at).family;
                assert_eq!(*loads, !self.loaded.contains(&family));
                if *loads {
                    self.loaded.push(family);
                }
            }
            Step::Free | Step::Restart => self.loaded.clear(),
            Step::Refuse { job, .. } => self.waiting.retain(|waiting| waiting.job != *job),
            Step::Wait { .. } => {}
        }
        step
    }
}

fn job(number: u128) -> JobId {
    JobId(Uuid::from_u128(number))
}

fn run(number: u128, loads: bool) -> Step {
    Step::Run { job: job(number), loads }
}

fn refused(step: &Step) -> (JobId, Fault) {
    let Step::Refuse { job, fault } = step else { panic!("{step:?}") };
    (*job, fault.clone())
}

#[test]
fn gpu_nothing_to_do_is_waited_for() {
    assert_eq!(Worker::of(&[]).asks(), Step::Wait { until_ms: None });
}

#[test]
fn gpu_a_switch_frees_first_and_then_loads() {
    let mut worker = Worker::of(&[IMAGES]).wants(1, VIDEO, -100);
    assert_eq!([worker.asks(), worker.asks(), worker.asks()], [Step::Free, run(1, true), Step::Wait { until_ms: None }]);
}

#[test]
fn gpu_what_fits_beside_is_loaded_without_freeing_and_served_by_age() {
    let mut worker = Worker::of(&[IMAGES]).wants(1, IMAGES, -1).wants(2, TEXT, -2).wants(3, TEXT, 0);
    assert_eq!([worker.asks(), worker.asks(), worker.asks()], [run(2, true), run(1, false), run(3, false)]);
    assert_eq!(worker.loaded, [IMAGES, TEXT]);
}

#[test]
fn gpu_measured_memory_counts_and_not_the_sum_of_what_is_declared() {
    let mut worker = Worker::of(&[IMAGES]).wants(1, TEXT, -100);
    worker.held_mb = 13_000;
    assert_eq!([worker.asks(), worker.asks()], [Step::Free, run(1, true)]);
}

#[test]
fn gpu_a_restart_comes_when_freeing_does_not_help() {
    let mut worker = Worker::of(&[IMAGES]).wants(1, VIDEO, -100);
    worker.held_mb = 5_000;
    assert_eq!([worker.asks(), worker.asks()], [Step::Free, Step::Restart]);
    worker.held_mb = 0;
    assert_eq!(worker.asks(), run(1, true));
}

#[test]
fn gpu_a_family_is_refused_when_a_restart_does_not_help_and_the_others_go_on() {
    let mut worker = Worker::of(&[]).wants(1, VIDEO, -50).wants(2, VIDEO, -40).wants(3, IMAGES, -30);
    worker.held_mb = 5_000;
    assert_eq!(worker.asks(), run(3, true), "what fits goes first: nothing must be thrown out for it");
    worker.now_s = 100;
    assert_eq!([worker.asks(), worker.asks()], [Step::Free, Step::Restart]);
    for number in [1, 2] {
        let (which, fault) = refused(&worker.asks());
        assert_eq!((which, fault.code, fault.is_transient(), fault.retry_after_ms), (job(number), Code::CardFull, true, Some(600_000)));
        assert_eq!(
            fault.to_string(),
            "The graphics card has no room for these models (load models, family wan22, needs 21000 MB): of 24000 MB too few were \
             free, also after ComfyUI was started anew. End what else uses the card (`nvidia-smi` lists it), or mend `vram_mb` if it \
             is declared too high."
        );
    }
    // A further one costs no further restart, until ten minutes later it may be tried again.
    let mut worker = worker.wants(4, VIDEO, 110);
    worker.now_s = 690;
    assert_eq!(refused(&worker.asks()).1.retry_after_ms, Some(10_000));
    let mut worker = worker.wants(5, VIDEO, 690);
    (worker.now_s, worker.held_mb) = (700, 0);
    assert_eq!(worker.asks(), run(5, true));
}

#[test]
fn gpu_a_family_larger_than_the_card_is_refused_for_good() {
    let mut worker = Worker::of(&[IMAGES]).wants(1, IMAGES, 0).wants(2, VIDEO, 0);
    worker.total_mb = 16_000;
    let (which, fault) = refused(&worker.asks());
    assert_eq!((which, fault.code, fault.is_transient()), (job(2), Code::CardSmall, false));
    assert_eq!(
        fault.to_string(),
        "The graphics card has less memory than these models need (load models, family wan22, needs 21000 MB): the card has 16000 MB. \
         Run it on a larger card, or declare a smaller variant of the models."
    );
    assert_eq!(worker.asks(), run(1, false));
}

#[test]
fn gpu_a_family_that_nobody_declared_is_refused_with_those_that_are() {
    let (_, fault) = refused(&Worker::of(&[]).wants(1, "flux", 0).asks());
    assert_eq!((fault.code, fault.get("family")), (Code::InputInvalid, Some("flux")));
    assert_eq!(fault.reason.as_deref(), Some("this worker has sdxl, wan22, text"));
}

#[test]
fn gpu_room_that_was_made_is_used_for_whom_it_was_made() {
    let mut worker = Worker::of(&[IMAGES]).wants(1, VIDEO, -100);
    assert_eq!(worker.asks(), Step::Free);
    let mut worker = worker.wants(2, IMAGES, -200);
    assert_eq!(worker.asks(), run(1, true), "else the card is freed again and again");

    let mut worker = Worker::of(&[IMAGES]).wants(1, VIDEO, -100);
    assert_eq!(worker.asks(), Step::Free);
    worker.waiting.clear();
    let mut worker = worker.wants(2, IMAGES, 0);
    assert_eq!(worker.asks(), run(2, true), "the job it was made for was cancelled");
}

#[test]
fn gpu_what_is_loaded_is_kept_until_patience_is_over() {
    let mut worker = Worker::of(&[IMAGES]).wants(1, VIDEO, 0);
    assert_eq!(worker.asks(), Step::Wait { until_ms: Some(100_000) });
    worker.now_s = 50;
    let mut worker = worker.wants(2, IMAGES, 50);
    assert_eq!([worker.asks(), worker.asks()], [run(2, false), Step::Wait { until_ms: Some(100_000) }]);
    worker.now_s = 100;
    assert_eq!([worker.asks(), worker.asks()], [Step::Free, run(1, true)]);
}

#[test]
fn gpu_nobody_is_patient_where_that_makes_somebody_late() {
    let mut worker = Worker::of(&[IMAGES]);
    for number in 0..13 {
        worker = worker.wants(number, VIDEO, 0);
    }
    // The thirteenth begins after 45 s of loading and twelve jobs of 75 s: 945 s, of 1000 s.
    assert_eq!(worker.asks(), Step::Free);
    worker.waiting.pop();
    worker.state = State::default();
    worker.loaded = vec![IMAGES.into()];
    assert_eq!(worker.asks(), Step::Wait { until_ms: Some(100_000) });
}

#[test]
fn gpu_a_turn_ends_by_quota_while_others_wait() {
    let mut worker = Worker::of(&[IMAGES]).wants(100, VIDEO, 0);
    for number in 0..20 {
        worker = worker.wants(number, IMAGES, 0);
    }
    for number in 0..7 {
        assert_eq!(worker.asks(), run(number, false), "7 jobs of 9 s are the first to make 60 s");
    }
    assert_eq!([worker.asks(), worker.asks(), worker.asks()], [Step::Free, run(100, true), Step::Wait { until_ms: Some(100_000) }]);
}

#[test]
fn gpu_a_turn_is_not_counted_while_nobody_else_waits() {
    let mut worker = Worker::of(&[IMAGES]);
    for number in 0..20 {
        worker = worker.wants(number, IMAGES, 0);
    }
    for number in 0..10 {
        assert_eq!(worker.asks(), run(number, false));
    }
    let mut worker = worker.wants(100, VIDEO, 0);
    assert_eq!(worker.asks(), run(10, false));
}

#[test]
fn gpu_age_ends_a_turn_before_its_quota() {
    // Loading takes 45 s, one more image 9 s: at 946 s of 1000 s there is time for that image, at 947 s there is none.
    let worker = || Worker::of(&[IMAGES]).wants(1, VIDEO, 0).wants(2, IMAGES, 900).wants(3, IMAGES, 900);
    let mut worker_in_time = worker();
    worker_in_time.now_s = 946;
    assert_eq!([worker_in_time.asks()], [run(2, false)]);
    let mut worker_in_haste = worker();
    worker_in_haste.now_s = 947;
    assert_eq!([worker_in_haste.asks(), worker_in_haste.asks()], [Step::Free, run(1, true)]);
}
