//! Draws traces of jobs as people make them: somebody sits down, hands in a few within minutes, mostly images, then goes away.

use super::Arrival;
use std::fmt::Write;

/// The seed of the committed trace: the first at which the policy finds an order that is on time at every question and load.
pub(super) const SEED: u64 = 2;
/// The loads that are drawn, in percent.
pub(super) const LOADS: [u32; 4] = [60, 70, 80, 90];
/// Jobs at each load.
pub(super) const JOBS: usize = 600;

/// How long a job takes: images by the 1, 3 or 6 that are asked for, videos by how fine they are.
const IMAGES_S: [i64; 8] = [3, 3, 3, 9, 9, 9, 18, 18];
const VIDEO_S: [i64; 2] = [50, 100];
/// So many of a hundred are videos.
const VIDEOS: u64 = 30;
/// Of one person's jobs the next comes after so many seconds, on average.
const PAUSE_S: f64 = 20.0;

/// The whole file.
pub(super) fn file(seed: u64) -> String {
    let mut out = format!(
        "# Jobs as people make them, drawn by `draw.rs` with seed {seed}: {JOBS} at each load. A person hands in 2 to 9 jobs,\n\
         # {PAUSE_S} s apart on average, {VIDEOS} % of them videos (wan22), the others images (sdxl); people come at random.\n\
         # The load, in percent, is the seconds of work for each second up to the last arrival; loading is not counted.\n\
         load,arrives_s,family,work_s\n"
    );
    for load in LOADS {
        for arrival in drawn(seed, load) {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{load},{},{},{}", arrival.at_ms / 1_000, arrival.family, arrival.work_ms / 1_000);
        }
    }
    out
}

/// The jobs at one load, sorted by time. The same people with the same jobs come at each load, at other distances.
pub(super) fn drawn(seed: u64, load: u32) -> Vec<Arrival> {
    let mut random = Random(seed);
    let (mut people, mut drawn, mut at) = (Vec::new(), 0, 0.0);
    while drawn < JOBS {
        at += random.exponential();
        let count = (2 + random.below(8)).min((JOBS - drawn) as u64);
        let mut after_s = 0.0;
        let jobs: Vec<(f64, bool, i64)> = (0..count)
            .map(|_| {
                let begins_s = after_s;
                after_s += random.exponential() * PAUSE_S;
                let is_video = random.below(100) < VIDEOS;
                let sizes = if is_video { &VIDEO_S[..] } else { &IMAGES_S[..] };
                (begins_s, is_video, sizes[usize::try_from(random.below(sizes.len() as u64)).unwrap()])
            })
            .collect();
        drawn += jobs.len();
        people.push((at, jobs));
    }
    let work_s: i64 = people.iter().flat_map(|(_, jobs)| jobs).map(|(.., work_s)| work_s).sum();
    let (last, jobs) = people.last().unwrap();
    // The last arrival is the last person's last job.
    let span_s = work_s as f64 * 100.0 / f64::from(load);
    let scale = (span_s - jobs.last().unwrap().0) / last;
    let mut arrivals: Vec<Arrival> = people
        .iter()
        .flat_map(|(at, jobs)| jobs.iter().map(move |(after_s, is_video, work_s)| (at * scale + after_s, *is_video, *work_s)))
        .map(|(at_s, is_video, work_s)| Arrival {
            at_ms: at_s as i64 * 1_000,
            family: if is_video { "wan22" } else { "sdxl" }.into(),
            work_ms: work_s * 1_000,
        })
        .collect();
    arrivals.sort_by_key(|arrival| arrival.at_ms);
    arrivals
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// With mean one.
    fn exponential(&mut self) -> f64 {
        -(((self.draw() >> 11) + 1) as f64 / (1_u64 << 53) as f64).ln()
    }
}
