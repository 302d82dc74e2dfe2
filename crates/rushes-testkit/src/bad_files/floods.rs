//! Files beyond the limits: pixels, frames, streams, hours; and few bytes that unpack to very many.

use super::boxes::{place, write_u32};
use super::pictures::{chunk_list, extended, header, squeezed_zeros};
use super::samples::Samples;
use super::{Maker, Said, find, picture};
use rushes_core::Code;

pub(super) fn add(maker: &mut Maker, samples: &Samples) {
    add_pixels(maker, samples);
    add_unpacking(maker);
    add_rates_and_lengths(maker, samples);
    add_growing(maker, samples);
}

fn add_pixels(maker: &mut Maker, samples: &Samples) {
    let large = Code::FileTooLarge;
    let jpeg = samples.read("still.jpg");
    let frame = find(&jpeg, &[0xff, 0xc0]);
    let sized = |side: u16, marker: u8| {
        let mut flood = jpeg.clone();
        flood[frame + 1] = marker;
        flood[frame + 5..frame + 9].copy_from_slice(&[side.to_be_bytes(), side.to_be_bytes()].concat());
        flood
    };
    maker.refuse("flood.jpg", large, "64250 by 64250 pixels", &sized(64250, 0xc0));
    maker.refuse("flood_by_passes.jpg", large, "9000 by 9000 pixels in passes, each of which is kept", &sized(9000, 0xc2));
    let png = |width, height, bits, colour| {
        chunk_list(&[(b"IHDR", &header(width, height, bits, colour)), (b"IDAT", &squeezed_zeros(1000)), (b"IEND", &[])])
    };
    maker.refuse("flood.png", large, "two billion by two billion pixels", &png(0x7fff_ffff, 0x7fff_ffff, 8, 6));
    maker.refuse("flood_deep.png", large, "16 bits a channel, 64 million pixels", &png(8000, 8000, 16, 6));
    maker.refuse("flood_thin.png", large, "one bit a pixel, 30000 by 30000", &png(30000, 30000, 1, 0));
    let still = samples.read("still.webp");
    maker.refuse("flood.webp", large, "a canvas of 16 million by 256", &extended(0, 1 << 24, 1 << 8, &still[12..]));
    let mut frames = b"ANIM\x06\0\0\0\0\0\0\0\0\0".to_vec();
    let body = &still[12..];
    let length = u32::try_from(16 + body.len()).expect("small");
    for _ in 0..200 {
        frames.extend([&b"ANMF"[..], &length.to_le_bytes(), &[0; 6], &[127, 0, 0, 95, 0, 0, 1, 0, 0, 0], body].concat());
    }
    maker.refuse("flood_moving.webp", large, "200 frames on a canvas of 16384 by 16384", &extended(2, 16384, 16384, &frames));
    maker.refuse("kept.mp4", large, "17 large frames to be kept at once", &samples.read("kept.mp4"));
    let said = Said { mime: "video/mp4", size: Some((4096, 2304)), duration_ms: Some(200), has_audio: false };
    maker.take("large.mp4", said, "the largest frames that are taken, ten bits", &samples.read("large.mp4"));
    let full = chunk_list(&[(b"IHDR", &header(10_000, 10_000, 8, 2)), (b"IDAT", &squeezed_zeros(300_010_000)), (b"IEND", &[])]);
    maker.take("large.png", picture("image/png", 10_000, 10_000), "the largest picture that is taken", &full);
    maker.refuse("huge.mp4", large, "35 million pixels a frame", &samples.read("huge.mp4"));
    maker.refuse("wide.mp4", large, "8256 pixels wide", &samples.read("wide.mp4"));
}

/// Few bytes that become many.
fn add_unpacking(maker: &mut Maker) {
    let zeros = squeezed_zeros(60_000_000);
    let bomb = chunk_list(&[(b"IHDR", &header(10, 10, 8, 2)), (b"IDAT", &zeros), (b"IEND", &[])]);
    maker.take("bomb.png", picture("image/png", 10, 10), "60 MB of data behind 10 by 10 pixels: not unpacked", &bomb);
    let row = squeezed_zeros(310);
    let text = [&b"Comment\0\0"[..], &zeros].concat();
    let noted = chunk_list(&[(b"IHDR", &header(10, 10, 8, 2)), (b"zTXt", &text), (b"IDAT", &row), (b"IEND", &[])]);
    maker.take("bomb_text.png", picture("image/png", 10, 10), "a comment of 60 MB: not unpacked", &noted);
    let profile = [&b"x\0\0"[..], &zeros].concat();
    let coloured = chunk_list(&[(b"IHDR", &header(10, 10, 8, 2)), (b"iCCP", &profile), (b"IDAT", &row), (b"IEND", &[])]);
    maker.take("bomb_profile.png", picture("image/png", 10, 10), "a colour profile of 60 MB", &coloured);
    let frames =
        chunk_list(&[(b"IHDR", &header(10, 10, 8, 2)), (b"acTL", &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]), (b"IDAT", &row), (b"IEND", &[])]);
    maker.take("bomb_frames.png", picture("image/png", 10, 10), "two billion frames claimed: the first picture counts", &frames);
}

fn add_rates_and_lengths(maker: &mut Maker, samples: &Samples) {
    let large = Code::FileTooLarge;
    maker.refuse("fast.mp4", large, "480 frames a second", &samples.read("fast.mp4"));
    maker.refuse("many.mkv", large, "60 streams", &samples.read("many.mkv"));
    let first = samples.read("first.mp4");
    let (clock, _) = place(&first, &[b"moov", b"trak", b"mdia", b"mdhd"]);
    let (times, _) = place(&first, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"]);
    let mut flood = super::films::without_edits(&first);
    write_u32(&mut flood, clock + 20, 512 * 1_000_000);
    maker.refuse("flood_of_frames.mp4", large, "a million frames a second", &flood);
    let mut long = super::films::without_edits(&first);
    write_u32(&mut long, clock + 20, 1);
    write_u32(&mut long, times + 20, 7200);
    write_u32(&mut long, clock + 24, 360_000);
    maker.refuse("long.mp4", large, "a hundred hours claimed", &long);
}

/// A VP8 key frame says its own size: the second one here says another than the first.
fn add_growing(maker: &mut Maker, samples: &Samples) {
    let film = samples.read("film.webm");
    let start = [0x9d, 0x01, 0x2a, 128, 0, 96, 0];
    let first = find(&film, &start);
    let second = first + 7 + find(&film[first + 7..], &start);
    let mut growing = film;
    growing[second + 3..second + 7].copy_from_slice(&[0x40, 0x1f, 0x40, 0x1f]);
    maker.refuse("growing.webm", Code::FileTooLarge, "8000 by 8000 pixels from its second key frame on", &growing);
}
