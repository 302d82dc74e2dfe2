//! A dance as frames: planned once from beginning to end, then drawn in parallel and handed over in order.
//!
//! What does not live here: files and ffmpeg (`crate::builtin::motion`).

use super::brush::{Brush, Look};
use super::choreography::Choreography;
use super::figure::{self, Moment};
use super::geom::{V2, v2};
use super::mannequin;
use super::rig::{Skeleton, View};
use super::shots::{Camera, Shots};
use super::spec::CharacterSpec;
use super::spring::Follow;
use super::stage::{Stage, lay};
use super::still::{DESIGN, ground_shadow};
use super::wardrobe::{Cut, PALETTES};
use rushes_core::Fault;
use std::sync::mpsc::sync_channel;
use tiny_skia::{Pixmap, Transform};

/// Pixels a head at design size: room for raised arms and jumps.
const HEAD: f32 = 138.0;
/// Where the floor's middle is at design size.
const FLOOR: V2 = v2(DESIGN.0 * 0.5, DESIGN.1 * 0.932);

/// Who dances.
#[derive(Debug, Clone)]
pub enum Dancer {
    /// A character in an outfit.
    Character(Box<CharacterSpec>, Box<Cut>),
    /// A plain mannequin; the number chooses its colour.
    Mannequin(usize),
}

/// One frame's plan.
#[derive(Debug, Clone)]
struct Plan {
    moment: Moment,
    beat: f32,
    /// Light: 1 on a beat of a loud passage.
    pulse: f32,
    camera: Camera,
}

/// A whole dance, ready to draw.
pub struct Film {
    dancer: Dancer,
    stage: Stage,
    plans: Vec<Plan>,
    size: (u32, u32),
}

impl Film {
    /// Plans `frames` frames of a dance at `fps` frames a second; what swings is simulated here, in order.
    #[must_use]
    pub fn new(dancer: Dancer, dance: &Choreography, seed: u64, frames: usize, fps: u32, size: (u32, u32)) -> Self {
        let (build, strands, palette) = match &dancer {
            Dancer::Character(spec, _) => (spec.build, spec.hair.strands, spec.palette),
            Dancer::Mannequin(number) => (mannequin::BODY, &[] as &'static [_], PALETTES[(number * 5 + 1) % PALETTES.len()]),
        };
        let at = |frame: usize| frame as f64 / f64::from(fps);
        let mut follow = Follow::new(strands, &Skeleton::solve(&build, &dance.pose(0.0)));
        // Whoever is only followed is filmed like a rehearsal: what moves in that picture is the dancer.
        let mut shots = Shots::new(seed, dance.music().downbeat, matches!(dancer, Dancer::Character(..)));
        let plans = (0..frames)
            .map(|frame| {
                let t = at(frame);
                let pose = dance.pose(t);
                let bones = Skeleton::solve(&build, &pose);
                let hanging = follow.advance(&bones, 1.0 / fps as f32);
                let beat = dance.music().beat(t) as f32;
                let pulse = dance.music().pulse(t);
                let camera = shots.at(beat, pulse, bones.pelvis.x * HEAD, 1.0 / fps as f32);
                let lit = pulse * (0.35 + 0.65 * dance.music().energy_at(t)).min(1.0);
                Plan { camera, moment: Moment { bones, pose, hanging }, beat, pulse: lit }
            })
            .collect();
        Self { dancer, stage: Stage::new(seed, &palette), plans, size }
    }

    /// How many frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Draws one frame; `half` is scratch space of [`Self::scratch`].
    pub fn draw(&self, frame: usize, half: &mut Pixmap, into: &mut Pixmap) {
        let plan = &self.plans[frame];
        self.stage.light(plan.beat, plan.pulse, half);
        let scale = (self.size.0 as f32 / DESIGN.0).max(self.size.1 as f32 / DESIGN.1);
        let offset = v2((self.size.0 as f32 - DESIGN.0 * scale) * 0.5, (self.size.1 as f32 - DESIGN.1 * scale) * 0.5);
        let lens = Lens { camera: plan.camera, scale, offset };
        // What is farther away moves less; the floor goes from the one to the other, so that feet stay where they stand.
        lay(half, into, lens.farther().of_half(), lens.of_half(), FLOOR.y * 0.5);
        let place = lens.place();
        let mut brush = Brush::new(into.as_mut(), place, Look::STAGE, HEAD);
        let view = View { floor: FLOOR, head: HEAD };
        ground_shadow(&mut brush, &view, &plan.moment);
        match &self.dancer {
            Dancer::Character(spec, cut) => figure::draw(&mut brush, spec, cut, &plan.moment, &view),
            Dancer::Mannequin(number) => mannequin::draw(&mut brush, *number, &plan.moment, &view),
        }
        let (zoom, origin) = lens.parts();
        self.stage.reflect(into, FLOOR.y.mul_add(zoom, origin.y) + 0.06 * HEAD * zoom, HEAD * zoom);
        self.stage.haze(plan.beat, plan.pulse, into);
    }

    /// Scratch space for drawing, one for each thread.
    #[must_use]
    pub fn scratch(&self) -> (Pixmap, Pixmap) {
        let half = Pixmap::new(360, 640).expect("the size is a constant above zero");
        (half, Pixmap::new(self.size.0.max(2), self.size.1.max(2)).expect("frame sizes are checked by whoever asks for a film"))
    }

    /// Draws all frames on `threads` threads and hands them over in order, RGBA. At most a few frames wait; a fault
    /// from `take` ends the work.
    /// Errors: those of `take`.
    pub(crate) fn play(&self, threads: usize, mut take: impl FnMut(usize, &[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        let threads = threads.clamp(1, 16);
        std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..threads)
                .map(|lane| {
                    let (send, receive) = sync_channel::<Pixmap>(1);
                    let (give_back, spare) = sync_channel::<Pixmap>(3);
                    scope.spawn(move || {
                        let (mut half, first) = self.scratch();
                        let mut ready = vec![first, self.scratch().1, self.scratch().1];
                        for frame in (lane..self.len()).step_by(threads) {
                            // Three buffers go round; when none is left the taker still has them.
                            let Some(mut pixels) = ready.pop().or_else(|| spare.recv().ok()) else { return };
                            self.draw(frame, &mut half, &mut pixels);
                            if send.send(pixels).is_err() {
                                return;
                            }
                        }
                    });
                    (receive, give_back)
                })
                .collect();
            for frame in 0..self.len() {
                let (receive, give_back) = &lanes[frame % threads];
                let Ok(pixels) = receive.recv() else {
                    return Err(Fault::new(rushes_core::Code::Panicked, "draw frames").with("frame", frame));
                };
                take(frame, pixels.data())?;
                // The thread may have drawn its last frame and left.
                let _ = give_back.send(pixels);
            }
            Ok(())
        })
    }
}

/// From the design's pixels to the frame's, through a camera.
#[derive(Clone, Copy)]
struct Lens {
    camera: Camera,
    scale: f32,
    offset: V2,
}

impl Lens {
    fn farther(self) -> Self {
        Self { camera: Camera { zoom: 1.03 + (self.camera.zoom - 1.0) * 0.55, ..self.camera }, ..self }
    }

    fn place(self) -> Transform {
        let (scale, origin) = self.parts();
        Transform::from_row(scale, 0.0, 0.0, scale, origin.x, origin.y)
    }

    /// The same for the stage, which has half the design's size.
    fn of_half(self) -> (f32, V2) {
        let (scale, origin) = self.parts();
        (scale * 2.0, origin)
    }

    fn parts(self) -> (f32, V2) {
        let Camera { zoom, focus } = self.camera;
        (zoom * self.scale, focus * (1.0 - zoom) * self.scale + self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::choreography::Music;
    use crate::draw::geom::v3;
    use crate::draw::rig::{ANKLE, Pose};
    use crate::draw::sticker::tests::someone;
    use crate::draw::traits::BUILDS;
    use rushes_core::provider::Outfit;

    fn film(seed: u64) -> Film {
        let spec = someone(seed);
        let cut = spec.cut(&Outfit("kpop".into()), &[]).unwrap();
        let dance = Choreography::new(Music::steady(120.0, 2.0), seed);
        Film::new(Dancer::Character(Box::new(spec), Box::new(cut)), &dance, seed, 20, 30, (90, 160))
    }

    #[test]
    fn draw_films_are_equal_on_any_number_of_threads_and_in_order() {
        let play = |threads| {
            let (mut frames, mut next) = (Vec::new(), 0);
            film(3)
                .play(threads, |frame, pixels| {
                    assert_eq!(frame, next);
                    next += 1;
                    frames.push(pixels.to_vec());
                    Ok(())
                })
                .unwrap();
            frames
        };
        let one = play(1);
        assert_eq!(one.len(), 20);
        assert!(one == play(3), "threads change nothing");
        assert!(one[0] != one[10], "it moves");
        assert!(one.iter().flatten().skip(3).step_by(4).all(|alpha| *alpha == 255), "frames are opaque");
    }

    #[test]
    fn draw_films_end_when_the_taker_gives_up() {
        let mut taken = 0;
        let fault = film(4)
            .play(2, |_, _| {
                taken += 1;
                if taken == 5 { Err(Fault::new(rushes_core::Code::Cancelled, "test")) } else { Ok(()) }
            })
            .unwrap_err();
        assert_eq!((fault.code, taken), (rushes_core::Code::Cancelled, 5));
    }

    #[test]
    fn draw_planted_feet_do_not_slide() {
        // Every build, and a few of them to two dances.
        for seed in 0..14 {
            let build = BUILDS[seed as usize % BUILDS.len()];
            let dance = Choreography::new(Music::steady(128.0, 12.0), seed);
            let mut shots = Shots::new(seed, 0, true);
            let view = View { floor: FLOOR, head: HEAD };
            let (mut before, mut worst, mut planted): (Option<(Pose, [V2; 2])>, f32, u32) = (None, 0.0, 0);
            for frame in 0..360 {
                let t = f64::from(frame) / 30.0;
                let pose = dance.pose(t);
                let bones = Skeleton::solve(&build, &pose);
                let camera = shots.at(dance.music().beat(t) as f32, dance.music().pulse(t), bones.pelvis.x * HEAD, 1.0 / 30.0);
                let soles = [0, 1].map(|side| view.at(bones.ankles[side] + v3(0.0, ANKLE + pose.heels[side], 0.0)));
                if let Some((last, old)) = before {
                    for side in (0..2).filter(|side| last.feet[*side] == pose.feet[*side] && pose.feet[*side].y == 0.0) {
                        planted += 1;
                        worst = worst.max((soles[side] - old[side]).len() * camera.zoom);
                    }
                }
                before = Some((pose, soles));
            }
            println!("seed {seed}: {planted} planted feet, the worst slid {worst:.3} px");
            assert!(planted > 100 && worst <= 2.0, "seed {seed}: of {planted} planted feet one slid {worst} px");
        }
    }

    #[test]
    fn draw_floor_moves_with_the_feet_on_it() {
        let mut half = Pixmap::new(360, 640).unwrap();
        // A mark on the floor where somebody stands who went a little to the right.
        let foot = v2(416.0, FLOOR.y);
        for (x, y) in [(207, 596), (208, 596), (207, 595), (208, 595)] {
            half.pixels_mut()[y * 360 + x] = tiny_skia::PremultipliedColorU8::from_rgba(255, 255, 255, 255).unwrap();
        }
        for (zoom, focus) in [(1.0, v2(360.0, 700.0)), (1.12, v2(500.0, 660.0)), (1.36, v2(300.0, 1000.0))] {
            let lens = Lens { camera: Camera { zoom, focus }, scale: 1.0, offset: v2(0.0, 0.0) };
            let mut frame = Pixmap::new(720, 1280).unwrap();
            lay(&half, &mut frame, lens.farther().of_half(), lens.of_half(), FLOOR.y * 0.5);
            let (mut sum, mut weight) = (v2(0.0, 0.0), 0.0);
            for (i, pixel) in frame.pixels().iter().enumerate() {
                let light = f32::from(pixel.red());
                sum = sum + v2((i % 720) as f32 + 0.5, (i / 720) as f32 + 0.5) * light;
                weight += light;
            }
            let (scale, origin) = lens.parts();
            let off = (sum * (1.0 / weight) - (foot * scale + origin)).len();
            assert!(off < 3.0, "at zoom {zoom} the floor's mark is {off} px beside the foot");
        }
    }
}
