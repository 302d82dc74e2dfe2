//! The desk: plays the events, a few seconds at a time, ducks the band under the kick, adds room and echo.
//!
//! Memory stays the same for any length but the piece itself. Loudness and balance come after, in `master`.

use super::chance::Chance;
use super::drums::{self, DRUMS, Drum, TAKES};
use super::dsp::{RATE, RATE_F, Svf, soft};
use super::effects::{Echo, Reverb};
use super::stage::{Event, Sound, Stage};
use super::tone::{self, LONGEST_S};
use rushes_core::Fault;

/// Samples mixed at a time: two seconds.
const CHUNK: usize = 2 * RATE as usize;
/// What an event may reach beyond the chunk it begins in.
const TAIL: usize = (LONGEST_S * RATE_F) as usize + 1;

/// Where an event's sound goes.
#[derive(Default)]
struct Desk {
    /// Not ducked: drums and noises. Stereo.
    firm: Vec<[f32; 2]>,
    /// Ducked by the kick: everything with a pitch. Stereo.
    soft: Vec<[f32; 2]>,
    /// To the room: from firm, from soft; to the echo.
    sends: Vec<[f32; 3]>,
}

/// Mixes the stage's events. `keep_on` is asked often, with how far it is (0–1); its fault ends the work.
pub(super) fn mix(stage: &Stage, keep_on: &mut dyn FnMut(f32) -> Result<(), Fault>) -> Result<[Vec<f32>; 2], Fault> {
    let total = (stage.plan.duration_s * f64::from(RATE)).round() as usize;
    let mut events: Vec<&Event> = stage.events.iter().collect();
    events.sort_by_key(|e| e.at);
    let kicks: Vec<usize> = events.iter().filter(|e| matches!(e.sound, Sound::Drum(Drum::Kick))).map(|e| e.at).collect();
    let mut player = Player::new(stage);
    let mut bus = Bus::new(stage, kicks);
    let length = CHUNK + TAIL;
    let mut desk = Desk { firm: vec![[0.0; 2]; length], soft: vec![[0.0; 2]; length], sends: vec![[0.0; 3]; length] };
    let mut out = [Vec::with_capacity(total), Vec::with_capacity(total)];
    let mut next = 0;
    for start in (0..total).step_by(CHUNK) {
        while let Some(event) = events.get(next).filter(|e| e.at < start + CHUNK) {
            if next % 16 == 0 {
                keep_on(event.at as f32 / total as f32)?;
            }
            player.play(event, event.at - start, &mut desk);
            next += 1;
        }
        let count = CHUNK.min(total - start);
        bus.run(&desk, start, count, &mut out);
        desk.shift();
    }
    Ok(out)
}

impl Desk {
    /// Moves on by a chunk: tails to the front, silence behind them.
    fn shift(&mut self) {
        fn on<T: Copy + Default>(bus: &mut [T]) {
            bus.copy_within(CHUNK.., 0);
            let kept = bus.len() - CHUNK;
            bus[kept..].fill(T::default());
        }
        on(&mut self.firm);
        on(&mut self.soft);
        on(&mut self.sends);
    }
}

/// Plays single events.
struct Player {
    drums: Vec<Vec<Vec<f32>>>,
    boom: Vec<f32>,
    takes: [usize; DRUMS.len()],
    chance: Chance,
    note: Vec<[f32; 2]>,
}

impl Player {
    fn new(stage: &Stage) -> Self {
        let mut chance = Chance::new(stage.seed, "sound");
        let record = |drum: &Drum| (0..TAKES).map(|_| drums::strike(*drum, &stage.style.drums, &mut chance)).collect();
        let drums = DRUMS.iter().map(record).collect();
        Self { drums, boom: drums::boom(), takes: [0; DRUMS.len()], chance, note: Vec::new() }
    }

    /// Adds an event's sound to the desk from sample `at` on.
    fn play(&mut self, event: &Event, at: usize, desk: &mut Desk) {
        let velocity = event.velocity;
        match &event.sound {
            Sound::Drum(drum) => {
                let row = *drum as usize;
                let take = self.takes[row];
                self.takes[row] = (take + 1) % TAKES;
                let room = match drum {
                    Drum::Kick => 0.01,
                    Drum::Hat | Drum::Shaker => 0.05,
                    Drum::Snare | Drum::Clap | Drum::Crash => 0.16,
                    _ => 0.12,
                };
                // Softer strokes fall off more than their number says, as on a real drum.
                put_mono(&self.drums[row][take], velocity.powf(1.3), event.pan, room, at, desk);
            }
            Sound::Sweep { length_s, up } => {
                let sound = drums::sweep(*length_s, *up, &mut self.chance);
                put_mono(&sound, 0.17 * velocity, event.pan, 0.3, at, desk);
            }
            Sound::Boom => put_mono(&self.boom, 0.42 * velocity, 0.0, 0.02, at, desk),
            Sound::Dust { length_s } => {
                let sound = drums::crackle(*length_s, &mut self.chance);
                put_mono(&sound, 0.3 * velocity, 0.0, 0.0, at, desk);
            }
            Sound::Tone(tone) => {
                tone::play(tone, velocity, &mut self.chance, &mut self.note);
                let (reverb, echo) = (tone.patch.reverb, tone.patch.echo);
                let room = desk.soft.len() - at;
                let (soft, sends) = (&mut desk.soft[at..], &mut desk.sends[at..]);
                for ((frame, to), send) in self.note.iter().take(room).zip(soft).zip(sends) {
                    to[0] += frame[0];
                    to[1] += frame[1];
                    let mid = 0.5 * (frame[0] + frame[1]);
                    send[1] += reverb * mid;
                    send[2] += echo * mid;
                }
            }
        }
    }
}

/// Adds a mono sound to the firm bus.
fn put_mono(sound: &[f32], gain: f32, pan: f32, room: f32, at: usize, desk: &mut Desk) {
    let (left, right) = (gain * (1.0 - pan.max(0.0)), gain * (1.0 + pan.min(0.0)));
    for ((v, to), send) in sound.iter().zip(&mut desk.firm[at..]).zip(&mut desk.sends[at..]) {
        to[0] += v * left;
        to[1] += v * right;
        send[0] += v * gain * room;
    }
}

/// What the whole passes through.
struct Bus {
    kicks: Vec<usize>,
    next_kick: usize,
    duck: (f32, f32),
    duck_now: f32,
    reverb: Reverb,
    echo: Echo,
    room_floor: Svf,
    sides_floor: Svf,
    glue: f32,
}

impl Bus {
    fn new(stage: &Stage, kicks: Vec<usize>) -> Self {
        let (depth, beats) = (stage.style.duck_depth, stage.style.duck_beats);
        Self {
            kicks,
            next_kick: 0,
            duck: (depth, beats * stage.plan.beat_s as f32 * RATE_F),
            duck_now: 1.0,
            reverb: Reverb::new(stage.style.reverb_s),
            echo: Echo::new(stage.plan.beat_s * 0.75),
            room_floor: Svf::new(220.0, 0.7),
            sides_floor: Svf::new(140.0, 0.7),
            glue: stage.style.glue,
        }
    }

    /// How far the band is turned down at a sample: at once when the kick strikes, then back along a smooth curve.
    fn ducked(&mut self, sample: usize) -> f32 {
        while self.kicks.get(self.next_kick).is_some_and(|k| *k <= sample) {
            self.next_kick += 1;
        }
        let target = match self.next_kick.checked_sub(1) {
            None => 1.0,
            Some(last) => {
                let along = ((sample - self.kicks[last]) as f32 / self.duck.1).min(1.0);
                1.0 - self.duck.0 * (1.0 - along * along * (3.0 - 2.0 * along))
            }
        };
        // 2 ms down, so that the dip does not click.
        self.duck_now += if target < self.duck_now { 0.012 } else { 0.2 } * (target - self.duck_now);
        self.duck_now
    }

    fn run(&mut self, desk: &Desk, start: usize, count: usize, out: &mut [Vec<f32>; 2]) {
        for i in 0..count {
            let duck = self.ducked(start + i);
            let (firm, band, sends) = (desk.firm[i], desk.soft[i], desk.sends[i]);
            let echo = self.echo.run(sends[2] * duck);
            let echo_mid = 0.25 * (echo[0] + echo[1]);
            let room = self.reverb.run(self.room_floor.run(sends[0] + sends[1] * duck + echo_mid).high);
            let left = firm[0] + band[0] * duck + 0.55 * room[0] + 0.6 * echo[0];
            let right = firm[1] + band[1] * duck + 0.55 * room[1] + 0.6 * echo[1];
            // The bass stays in the middle: sides below 140 Hz are taken out.
            let (mid, side) = (0.5 * (left + right), self.sides_floor.run(0.5 * (left - right)).high);
            let drive = 1.0 + self.glue;
            out[0].push(soft(0.7 * drive * (mid + side)) / drive);
            out[1].push(soft(0.7 * drive * (mid - side)) / drive);
        }
    }
}
