//! Tests of measuring and mastering.

use super::*;
use crate::music;
use crate::run::encode::{FrameEncoder, Quality, VideoSpec};
use crate::run::sample;

fn make(folder: &Path, name: &str, source: &str) -> PathBuf {
    sample::make(folder, name, &[source], &["-ac", "2"])
}

/// Puts mastered sound into a video as deliverables are made, and measures what a player gets.
fn after_aac(folder: &Path, sound: &Path, ms: u64) -> Loudness {
    let (out, spec) = (folder.join("aac.mp4"), VideoSpec { width: 16, height: 16, fps: 10 });
    let frames = ms / 100;
    let mut encoder = FrameEncoder::start(&out, spec, frames, Quality::Draft, Some(sound), &Cancel::new()).unwrap();
    for _ in 0..frames {
        encoder.write_frame(&[128; 16 * 16 * 4]).unwrap();
    }
    encoder.finish().unwrap();
    measure_file(&out, 600.0, &Cancel::new()).unwrap().unwrap()
}

#[test]
fn loudness_is_measured_as_the_standard_says() {
    // EBU Tech 3341, case 1: a stereo sine of 1 kHz at −23 dBFS is −23 LUFS.
    let level = 10_f32.powf(-23.0 / 20.0);
    let sine = |index: u32| level * (index as f32 * 1000.0 * std::f32::consts::TAU / 48_000.0).sin();
    let stereo: Vec<f32> = (0..48_000 * 10).flat_map(|index| [sine(index), sine(index)]).collect();
    let found = measure(&stereo, 48_000).unwrap();
    assert!((found.integrated_lufs.unwrap() + 23.0).abs() < 0.1, "{found:?}");
    assert!((found.true_peak_dbtp.unwrap() + 23.0).abs() < 0.2, "{found:?}");
    // A sine at a quarter of the rate, off its samples: the peak lies between them, 3 dB above.
    let between: Vec<f32> = (0..48_000_u32).flat_map(|index| [[0.5_f32, 0.5, -0.5, -0.5][index as usize % 4]; 2]).collect();
    assert!(measure(&between, 48_000).unwrap().true_peak_dbtp.unwrap() > -3.6);
}

#[test]
fn loudness_of_masters_holds_after_aac() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let cases = [
        ("quiet", "anoisesrc=d=9:r=48000:seed=2:color=pink:a=0.01"),
        ("loud", "anoisesrc=d=9:r=48000:seed=3:color=pink:a=1,volume=3"),
        ("beats", "aevalsrc='0.9*sin(2*PI*60*t)*exp(-9*mod(t\\,0.5))+0.4*(random(0)-0.5)*exp(-40*mod(t\\,0.25))':d=9:s=48000"),
        ("white", "anoisesrc=d=9:r=48000:seed=4:color=white:a=0.5"),
        ("square", "aevalsrc='0.2*sgn(sin(2*PI*220*t))+0.1*sin(2*PI*2777*t)':d=9:s=44100"),
    ];
    for (name, source) in cases {
        let input = make(at, &format!("{name}.wav"), source);
        let out = at.join(format!("{name} mastered.wav"));
        let made = master(&input, &out, 8000, &Cancel::new()).unwrap();
        let peak = made.after.true_peak_dbtp.unwrap();
        assert!(peak <= CEILING_DBTP + 0.01, "{name}: {peak:.2} dBTP before encoding");
        // What goes into the file is bent so that what comes out of the encoder is right.
        let heard = after_aac(at, &out, 8000);
        assert_eq!(made.heard, Some(heard), "{name}: mastering listened to what a deliverable will hold");
        let (lufs, peak) = (heard.integrated_lufs.unwrap(), heard.true_peak_dbtp.unwrap());
        assert!((lufs - TARGET_LUFS).abs() <= 0.5, "{name} after AAC: {lufs:.2} LUFS");
        assert!(peak <= -1.0, "{name} after AAC: {peak:.2} dBTP");
        let text = sample::entries(&out, &[], "stream=codec_name,sample_rate,channels,duration_ts");
        for word in ["pcm_s24le", "sample_rate=48000", "channels=2", "duration_ts=384000"] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }
}

#[test]
fn loudness_of_our_music_holds_after_aac() {
    let folder = tempfile::tempdir().unwrap();
    for (seed, style) in music::style_names().enumerate() {
        let (wav, out) = (folder.path().join("composed.wav"), folder.path().join("mastered.wav"));
        let score = music::Score { style: style.into(), seed: seed as u64, duration_ms: 8_000, ..music::Score::default() };
        music::write_wav(&wav, &music::compose(&music::Styles::builtin(), &score).unwrap()).unwrap();
        let made = master(&wav, &out, 8_000, &Cancel::new()).unwrap();
        let heard = made.heard.unwrap();
        let (lufs, peak) = (heard.integrated_lufs.unwrap(), heard.true_peak_dbtp.unwrap());
        println!("{style}: {lufs:.2} LUFS, {peak:.2} dBTP, {:+.1} dB", made.gain_db);
        assert!((lufs - TARGET_LUFS).abs() <= 0.5, "{style}: {lufs:.2} LUFS");
        assert!(peak <= PROMISED_DBTP, "{style}: {peak:.2} dBTP");
        // What comes from the composer is finished: a fade at the end is all that mastering adds to it.
        assert!(made.gain_db.abs() <= 2.5, "{style}: {:+.1} dB", made.gain_db);
    }
}

#[test]
fn loudness_limiter_changes_only_what_it_must() {
    // One click in a soft tone: far from it, the tone is untouched.
    let mut stereo: Vec<f32> = (0..96_000).flat_map(|index| [0.1 * (index as f32 * 0.05).sin(); 2]).collect();
    stereo[96_000] = 0.99;
    let limited = Limiter::new(&stereo, 48_000).apply(&stereo, 0.0, -6.0);
    assert!(measure(&limited, 48_000).unwrap().true_peak_dbtp.unwrap() <= -5.9);
    assert_eq!(limited[..90_000], stereo[..90_000]);
    let late: Vec<_> = limited[170_000..].iter().zip(&stereo[170_000..]).map(|(a, b)| (a - b).abs()).collect();
    assert!(late.iter().all(|difference| *difference < 1e-3));
    assert_eq!(limited, Limiter::new(&stereo, 48_000).apply(&stereo, 0.0, -6.0));
}

#[test]
fn loudness_masters_end_softly_and_begin_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let short = make(at, "short.wav", "sine=f=300:r=48000:d=1.5");
    let made = master(&short, &at.join("long.wav"), 7300, &Cancel::new()).unwrap();
    let samples = decode_stereo(&made.file, 48_000, 60.0, &Cancel::new()).unwrap();
    assert_eq!(samples.len(), 7300 * 48 * 2);
    let strength = |from_ms: usize, to_ms: usize| {
        let part = &samples[from_ms * 96..to_ms * 96];
        (part.iter().map(|sample| sample * sample).sum::<f32>() / part.len() as f32).sqrt()
    };
    assert!(strength(3000, 3100) > 0.05 && strength(6100, 6290) > 0.05, "it goes on after its own end");
    assert!((strength(6700, 6900) / strength(6000, 6200) - 0.5).abs() < 0.2, "half-way down");
    assert!(strength(7290, 7300) < 0.002 && samples[samples.len() - 1].abs() < 1e-4);
    let steps = samples.chunks(2).zip(samples.chunks(2).skip(1)).map(|(a, b)| (a[0] - b[0]).abs()).fold(0.0, f32::max);
    assert!(steps < 0.06, "no clicks where it begins again: {steps}");
    let bytes = std::fs::read(&made.file).unwrap();
    master(&short, &made.file, 7300, &Cancel::new()).unwrap();
    assert!(bytes == std::fs::read(&made.file).unwrap());
}

#[test]
fn loudness_silence_stays_silence_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let hush = make(at, "hush.wav", "anullsrc=d=2");
    let mute = sample::make(at, "mute.mp4", &["testsrc2=s=64x64:d=1"], &[]);
    for input in [hush, mute] {
        let made = master(&input, &at.join("out.wav"), 2000, &Cancel::new()).unwrap();
        assert_eq!((made.after.integrated_lufs, made.after.true_peak_dbtp, made.gain_db), (None, None, 0.0));
        assert!(decode_stereo(&made.file, 48_000, 9.0, &Cancel::new()).unwrap().iter().all(|sample| *sample == 0.0));
    }
    let faint = make(at, "faint.wav", "anoisesrc=d=3:a=0.0001:seed=1");
    assert_eq!(master(&faint, &at.join("out.wav"), 3000, &Cancel::new()).unwrap().gain_db, 0.0, "noise is not blown up");
    assert_eq!(master(&faint, &at.join("out.wav"), 0, &Cancel::new()).unwrap_err().code, Code::InputInvalid);
}

#[test]
fn loudness_original_sound_is_taken_out_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let film = sample::video(at, "ref.1.mp4", "64x64", 25, 1.0);
    let out = extract_original(&film, &at.join("orig_music v1.0"), &Cancel::new()).unwrap().unwrap();
    assert_eq!(out, at.join("orig_music v1.0.m4a"));
    assert_eq!(sample::packets_md5(&out, "0:a"), sample::packets_md5(&film, "0:a"));
    let mp3 = sample::make(at, "ref.mkv", &["testsrc2=s=64x64:d=1", "sine=d=1"], &["-c:v", "libx264", "-c:a", "libmp3lame"]);
    let out = extract_original(&mp3, &at.join("m"), &Cancel::new()).unwrap().unwrap();
    assert_eq!(out, at.join("m.mp3"));
    assert_eq!(sample::packets_md5(&out, "0:a"), sample::packets_md5(&mp3, "0:a"));
    let opus = sample::make(at, "ref.webm", &["sine=d=1"], &["-c:a", "libopus"]);
    assert_eq!(extract_original(&opus, &at.join("o"), &Cancel::new()).unwrap().unwrap(), at.join("o.flac"));
    let mute = sample::make(at, "mute.mp4", &["testsrc2=s=64x64:d=1"], &[]);
    assert_eq!(extract_original(&mute, &at.join("n"), &Cancel::new()).unwrap(), None);
}
