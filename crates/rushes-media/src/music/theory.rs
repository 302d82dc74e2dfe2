//! Chords, voicings and scales, in semitones and MIDI numbers (69 = A4 = 440 Hz).

use serde::Deserialize;

/// Frequency of a MIDI number, Hz.
pub(super) fn hz(midi: f32) -> f32 {
    440.0 * ((midi - 69.0) / 12.0).exp2()
}

/// A chord: its root in semitones above the key's tonic, and what stands on it. Written `9 min7`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Chord(pub(super) i32, pub(super) &'static [i32]);

impl TryFrom<String> for Chord {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = text.split_once(' ').and_then(|(root, stands)| {
            let root = root.parse().ok().filter(|root| (0..12).contains(root))?;
            Some(Self(root, CHORDS.iter().find(|(name, _)| *name == stands)?.1))
        });
        found.ok_or_else(|| {
            let names: Vec<&str> = CHORDS.iter().map(|(name, _)| *name).collect();
            format!("{text:?} is no chord; write its root in semitones above the tonic, 0 to 11, and one of: {}", names.join(", "))
        })
    }
}

/// What a chord may be called.
const CHORDS: &[(&str, &[i32])] = &[
    ("min", MIN),
    ("maj", MAJ),
    ("add9", ADD9),
    ("min7", MIN7),
    ("min9", MIN9),
    ("maj7", MAJ7),
    ("maj9", MAJ9),
    ("dom7", DOM7),
    ("dom9", DOM9),
    ("sus", SUS),
    ("power", POWER),
];

const MIN: &[i32] = &[0, 3, 7];
const MAJ: &[i32] = &[0, 4, 7];
const ADD9: &[i32] = &[0, 4, 7, 14];
const MIN7: &[i32] = &[0, 3, 7, 10];
const MIN9: &[i32] = &[0, 3, 7, 10, 14];
const MAJ7: &[i32] = &[0, 4, 7, 11];
const MAJ9: &[i32] = &[0, 4, 7, 11, 14];
const DOM7: &[i32] = &[0, 4, 7, 10];
const DOM9: &[i32] = &[0, 4, 7, 10, 14];
const SUS: &[i32] = &[0, 5, 7, 10];
const POWER: &[i32] = &[0, 7, 12];

/// Where chords lie: low enough to be warm, high enough to leave the bass alone.
const CHORD_RANGE: (i32, i32) = (53, 77);

/// The chord's notes as MIDI numbers, each as near as can be to a note of `before`, without doublings.
/// Chords of five notes leave their root to the bass.
pub(super) fn voicing(tonic: i32, chord: Chord, before: &[i32]) -> Vec<i32> {
    let centre = if before.is_empty() { 64.0 } else { before.iter().sum::<i32>() as f32 / before.len() as f32 };
    // Drifting up or down over many chords is drawn back to the middle.
    let centre = 0.7 * centre + 0.3 * 64.0;
    let tones = if chord.1.len() > 4 { &chord.1[1..] } else { chord.1 };
    let pitches: Vec<i32> = tones.iter().map(|t| (tonic + chord.0 + t).rem_euclid(12)).collect();
    let mut best: (f32, Vec<i32>) = (f32::MAX, Vec::new());
    // Each inversion in each octave: closed position, from the tone that lies lowest.
    for lowest in 0..pitches.len() {
        for octave in [48, 60] {
            let mut notes = Vec::with_capacity(pitches.len());
            let mut floor = octave;
            for i in 0..pitches.len() {
                let pitch = pitches[(lowest + i) % pitches.len()];
                let note = floor + (pitch - floor).rem_euclid(12);
                notes.push(note);
                floor = note + 1;
            }
            let outside = notes.iter().map(|&n| (CHORD_RANGE.0 - n).max(n - CHORD_RANGE.1).max(0)).sum::<i32>() as f32;
            let middle = notes.iter().sum::<i32>() as f32 / notes.len() as f32;
            let moves: i32 = notes.iter().map(|n| before.iter().map(|b| (n - b).abs()).min().unwrap_or(0)).sum();
            let cost = (middle - centre).abs() + moves as f32 + 4.0 * outside;
            if cost < best.0 {
                best = (cost, notes);
            }
        }
    }
    best.1
}

/// The note `steps` of the scale above the scale note nearest to `from` (MIDI).
pub(super) fn scale_step(tonic: i32, scale: &[i32], from: i32, steps: i32) -> i32 {
    let size = scale.len() as i32;
    let place = |index: i32| tonic + 12 * index.div_euclid(size) + scale[index.rem_euclid(size) as usize];
    let guess = (from - tonic).div_euclid(12) * size;
    let nearest = (guess..=guess + size).min_by_key(|&i| (place(i) - from).abs()).unwrap_or(guess);
    place(nearest + steps)
}

/// The chord tone nearest to `from` (MIDI).
pub(super) fn chord_tone(tonic: i32, chord: Chord, from: i32) -> i32 {
    (from - 6..=from + 6)
        .filter(|note| chord.1.iter().take(4).any(|t| (tonic + chord.0 + t - note).rem_euclid(12) == 0))
        .min_by_key(|note| (note - from).abs())
        .unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn music_chords_are_written_as_root_and_name() {
        let chord = Chord::try_from("9 min7".to_owned()).unwrap();
        assert_eq!((chord.0, chord.1), (9, MIN7));
        for wrong in ["", "9", "min7", "12 min7", "-1 min", "9 min8", "9  min7", "9 min7 "] {
            let said = Chord::try_from(wrong.to_owned()).unwrap_err();
            assert!(said.contains(&format!("{wrong:?}")) && said.contains("min7, min9"), "{said}");
        }
    }

    #[test]
    fn music_voicings_stay_in_range_and_move_little() {
        let chords = [Chord(9, MIN7), Chord(5, MAJ7), Chord(0, ADD9), Chord(7, DOM9), Chord(4, DOM7), Chord(2, MIN9)];
        for tonic in 40..52 {
            let mut before: Vec<i32> = Vec::new();
            for _ in 0..4 {
                for chord in chords {
                    let notes = voicing(tonic, chord, &before);
                    assert!(notes.iter().all(|n| (48..=82).contains(n)), "{notes:?}");
                    assert!(notes.windows(2).all(|w| w[0] < w[1]), "{notes:?}");
                    for note in &notes {
                        assert!(chord.1.iter().any(|t| (tonic + chord.0 + t - note) % 12 == 0), "{note} is not of the chord");
                        let jump = before.iter().map(|b| (b - note).abs()).min().unwrap_or(0);
                        assert!(jump <= 9, "{before:?} → {notes:?}");
                    }
                    before = notes;
                }
            }
        }
    }

    /// A natural minor scale.
    const MINOR: &[i32] = &[0, 2, 3, 5, 7, 8, 10];

    #[test]
    fn music_scale_steps_and_chord_tones() {
        assert_eq!(scale_step(57, MINOR, 69, 2), 72);
        assert_eq!(scale_step(57, MINOR, 69, -1), 67);
        assert_eq!(scale_step(57, MINOR, 57, 7), 69);
        assert_eq!(chord_tone(57, Chord(0, MIN), 70), 69);
    }
}
