//! What all ways work on: three freshly drawn clips, cuts on the beats of a piece of music, stickers, mastered sounds, and
//! the raw frames of the cut.

use super::ways::{PICTURE, cut_args, ffmpeg};
use crate::measure::cpu_s;
use rushes_core::Cancel;
use rushes_core::provider::{Concept, Outfit};
use rushes_media::beat::beat_grid;
use rushes_media::draw::choreography::{Choreography, Music};
use rushes_media::draw::film::{Dancer, Film};
use rushes_media::draw::{CharacterSpec, lettering, sticker};
use rushes_media::edit::{EditList, Segment, Stickers, Transition};
use rushes_media::loudness::master;
use rushes_media::music::{Piece, RATE, Score, Styles, compose, write_wav};
use rushes_media::run::encode::{FrameEncoder, Quality};
use std::path::{Path, PathBuf};

const CLIP_MS: u64 = 4_000;
const REMIX_FRAMES: u64 = 90;
const CUTS: usize = 6;
const BPM: f64 = 120.0;
/// The stickers are drawn at the size they are laid on, so that no way has to scale them.
pub(super) const ICON_PX: (u32, u32) = (260, 260);
pub(super) const NAME_PX: (u32, u32) = (288, 104);

pub(super) struct Material {
    pub(super) edit: EditList,
    pub(super) stickers: Stickers,
    pub(super) original: PathBuf,
    pub(super) music: PathBuf,
    pub(super) raw_clean: PathBuf,
    pub(super) raw_marked: PathBuf,
    pub(super) drawn: usize,
    /// Processor time to draw a frame, without the encoder.
    pub(super) draw_ms: f64,
}

impl Material {
    pub(super) fn make(folder: &Path) -> Self {
        let concept = |seed: u64| Concept {
            name: "Mira Vale".into(),
            tagline: String::new(),
            traits: vec![],
            prompt: String::new(),
            seed,
            style: "kpop_dance".into(),
        };
        let mut dancers = Vec::new();
        for seed in [6, 9, 13] {
            let spec = CharacterSpec::from_concept(&concept(seed));
            let cut = spec.cut(&Outfit("kpop".into()), &[]).unwrap();
            dancers.push((seed, spec, cut));
        }
        let (icon, name) = (folder.join("icon.png"), folder.join("name.png"));
        let (_, spec, cut) = &dancers[0];
        sticker::icon_sticker(spec, cut, ICON_PX.0, ICON_PX.1).unwrap().save_png(&icon).unwrap();
        lettering::name_sticker(spec, NAME_PX.0, NAME_PX.1).unwrap().save_png(&name).unwrap();
        let (mut sources, mut cpu, mut drawn) = (Vec::new(), 0.0, 0);
        for (seed, spec, cut) in dancers {
            let file = folder.join(format!("clip{seed}.mp4"));
            let (frames, cpu_s) = clip(&file, Dancer::Character(Box::new(spec), Box::new(cut)), seed);
            (drawn, cpu) = (drawn + frames, cpu + cpu_s);
            sources.push(file);
        }
        let (music, piece) = sound(folder, "music", 5);
        let (original, _) = sound(folder, "original", 8);
        let edit = EditList { sources, segments: segments(&piece), spec: PICTURE };
        let (raw_clean, raw_marked) = (folder.join("raw_clean.mkv"), folder.join("raw_marked.mkv"));
        let stickers = Stickers { icon, name };
        let made = Self { edit, stickers, original, music, raw_clean, raw_marked, drawn, draw_ms: cpu / drawn as f64 * 1e3 };
        ffmpeg(&cut_args(&made, true, None, &["-c:v", "ffv1"], &[&made.raw_clean, &made.raw_marked]));
        made
    }
}

/// Draws a clip and encodes it; says how many frames, and the processor time of drawing alone.
fn clip(file: &Path, dancer: Dancer, seed: u64) -> (usize, f64) {
    let frames = (CLIP_MS * u64::from(PICTURE.fps) / 1000) as usize;
    let dance = Choreography::new(Music::steady(BPM, CLIP_MS as f64 / 1e3), seed);
    let film = Film::new(dancer, &dance, seed, frames, PICTURE.fps, (PICTURE.width, PICTURE.height));
    let (mut half, mut frame) = film.scratch();
    let mut encoder = FrameEncoder::start(file, PICTURE, frames as u64, Quality::Draft, None, &Cancel::new()).unwrap();
    let mut cpu = 0.0;
    for index in 0..frames {
        // A frame takes a few ticks of the clock at best; over hundreds the rounding evens out.
        let before = cpu_s().0;
        film.draw(index, &mut half, &mut frame);
        cpu += cpu_s().0 - before;
        encoder.write_frame(frame.data()).unwrap();
    }
    encoder.finish().unwrap();
    (frames, cpu)
}

/// A mastered piece of music as long as the remix.
fn sound(folder: &Path, name: &str, seed: u64) -> (PathBuf, Piece) {
    let duration_ms = REMIX_FRAMES * 1000 / u64::from(PICTURE.fps);
    let (wav, mastered) = (folder.join(format!("{name}.composed.wav")), folder.join(format!("{name}.wav")));
    let score = Score { seed, duration_ms, bpm: Some(BPM), drop_ms: Some(0), ..Score::default() };
    let piece = compose(&Styles::builtin(), &score).unwrap();
    write_wav(&wav, &piece).unwrap();
    master(&wav, &mastered, duration_ms, &Cancel::new()).unwrap();
    (mastered, piece)
}

/// Cuts on the beats that are heard in the music, one clip after the other.
fn segments(piece: &Piece) -> Vec<Segment> {
    let grid = beat_grid(&piece.mono(), RATE);
    let every = REMIX_FRAMES as f64 / CUTS as f64 / f64::from(PICTURE.fps);
    let frame = |t: f64| (grid.nearest_beat(t).unwrap_or(t) * f64::from(PICTURE.fps)).round() as u64;
    let mut edges: Vec<u64> = (0..=CUTS).map(|cut| frame(cut as f64 * every)).collect();
    (edges[0], edges[CUTS]) = (0, REMIX_FRAMES);
    let segment = |(index, edge): (usize, &[u64])| Segment {
        source: index % 3,
        start_frame: 7 + 31 * (index as u64 / 3) + 5 * (index as u64 % 3),
        frames: edge[1] - edge[0],
        transition: Transition::Cut,
    };
    edges.windows(2).enumerate().map(segment).collect()
}
