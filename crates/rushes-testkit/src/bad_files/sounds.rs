//! Sounds: cut, damaged, lying; and unusual ones that are whole.

use super::samples::Samples;
use super::{Maker, cut, find, flip, noise, sound};
use rushes_core::Code;

pub(super) fn add(maker: &mut Maker, samples: &Samples) {
    let (wav, mp3, m4a, flac) =
        (samples.read("sound.wav"), samples.read("sound.mp3"), samples.read("sound.m4a"), samples.read("sound.flac"));
    maker.refuse("cut.wav", Code::FileTruncated, "half a WAV", cut(&wav, 50));
    maker.refuse("cut.mp3", Code::FileTruncated, "half an MP3 that counts its frames", cut(&mp3, 50));
    maker.refuse("cut.m4a", Code::FileTruncated, "half an M4A", cut(&m4a, 50));
    maker.refuse("cut.flac", Code::FileTruncated, "half a FLAC", cut(&flac, 50));
    maker.refuse("flipped.flac", Code::FileCorrupt, "40 bytes turned over", &flip(&flac, 40, 20, 90));
    maker.refuse("flipped.mp3", Code::FileCorrupt, "300 bytes turned over", &flip(&mp3, 300, 20, 90));
    maker.refuse("noise.mp3", Code::FileCorrupt, "a tag, then noise", &[&b"ID3\x03\0\0\0\0\0\0"[..], &noise(9000)].concat());
    maker.take("sound.wav", sound("audio/wav"), "a WAV", &wav);
    maker.take("sound.mp3", sound("audio/mpeg"), "an MP3", &mp3);
    maker.take("sound.m4a", sound("audio/mp4"), "an M4A: an MP4 with sound only", &m4a);
    maker.take("eight.flac", sound("audio/flac"), "eight channels", &samples.read("eight.flac"));
    maker.take("cover.m4a", sound("audio/mp4"), "sound with a cover picture, which is no film", &samples.read("cover.m4a"));
    maker.take("cover.mp3", sound("audio/mpeg"), "sound with a cover picture, which is no film", &samples.read("cover.mp3"));
    add_lying_wavs(maker, &wav);
    let mut float = samples.read("float.wav");
    let data = find(&float, b"data") + 8;
    for sample in float[data..].chunks_exact_mut(4).step_by(3) {
        sample.copy_from_slice(&f32::NAN.to_le_bytes());
    }
    maker.take("not_numbers.wav", sound("audio/wav"), "every third sample is no number", &float);
}

/// A WAV says its rate, its channels and its lengths without anything that holds it to them.
fn add_lying_wavs(maker: &mut Maker, wav: &[u8]) {
    let format = find(wav, b"fmt ") + 8;
    let data = find(wav, b"data");
    let with = |at: usize, bytes: &[u8]| {
        let mut edited = wav.to_vec();
        edited[at..at + bytes.len()].copy_from_slice(bytes);
        edited
    };
    maker.refuse("no_rate.wav", Code::FileCorrupt, "no samples a second", &with(format + 4, &[0; 8]));
    let rate = with(format + 4, &[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]);
    maker.refuse("high_rate.wav", Code::FileTooLarge, "two billion samples a second", &rate);
    maker.refuse("no_channels.wav", Code::FileCorrupt, "no channels", &with(format + 2, &[0, 0]));
    maker.refuse("many_channels.wav", Code::FileTooLarge, "65535 channels", &with(format + 2, &[0xff, 0xff]));
    maker.refuse("odd_format.wav", Code::FileForbidden, "a format number nobody knows", &with(format, &[0x34, 0x12]));
    let mut long = with(data + 4, &3_000_000_000_u32.to_le_bytes());
    long[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    maker.refuse("long_data.wav", Code::FileTruncated, "three gigabytes of sound claimed", &long);
    let mut open = with(data + 4, &u32::MAX.to_le_bytes());
    open[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    maker.take("open_end.wav", sound("audio/wav"), "as recorders write that cannot go back: lengths unknown", &open);
}
