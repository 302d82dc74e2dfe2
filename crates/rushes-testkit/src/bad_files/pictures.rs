//! Pictures: cut, damaged, lying; and unusual ones that are whole.

use super::samples::{HEIGHT, Samples, WIDTH};
use super::{Maker, cut, find, flip, picture};
use rushes_core::Code;

pub(super) fn add(maker: &mut Maker, samples: &Samples) {
    add_pngs(maker, &samples.read("still.png"), &samples.read("film.apng"));
    add_jpegs(maker, &samples.read("still.jpg"));
    add_webps(maker, &samples.read("still.webp"), &samples.read("lossless.webp"));
}

fn add_pngs(maker: &mut Maker, png: &[u8], moving: &[u8]) {
    maker.take("still.png", picture("image/png", WIDTH, HEIGHT), "a PNG", png);
    maker.refuse("cut_head.png", Code::FileTruncated, "20 bytes of a PNG", &png[..20]);
    maker.refuse("cut_50.png", Code::FileTruncated, "half a PNG", cut(png, 50));
    maker.refuse("cut_end.png", Code::FileTruncated, "the last chunk is missing", &png[..png.len() - 12]);
    maker.refuse("flipped.png", Code::FileCorrupt, "8 bytes of the picture turned over", &flip(png, 8, 40, 60));
    let mut wrong = png.to_vec();
    wrong[29] ^= 0xff;
    maker.refuse("wrong_check.png", Code::FileCorrupt, "the check sum of its header is wrong", &wrong);
    let none = chunk_list(&[(b"IHDR", &header(0, 0, 8, 2)), (b"IDAT", &squeezed_zeros(10)), (b"IEND", &[])]);
    maker.refuse("no_pixels.png", Code::FileCorrupt, "no pixels at all", &none);
    let empty = chunk_list(&[(b"IHDR", &header(10, 10, 8, 2)), (b"IEND", &[])]);
    maker.refuse("no_data.png", Code::FileCorrupt, "a header without a picture", &empty);
    let depth = chunk_list(&[(b"IHDR", &header(10, 10, 77, 9)), (b"IDAT", &squeezed_zeros(310)), (b"IEND", &[])]);
    maker.refuse("odd_depth.png", Code::FileCorrupt, "77 bits a channel", &depth);
    let lacking = chunk_list(&[(b"IHDR", &header(100, 100, 8, 2)), (b"IDAT", &squeezed_zeros(500)), (b"IEND", &[])]);
    maker.refuse("few_rows.png", Code::FileTruncated, "rows for 1 % of the picture", &lacking);
    maker.take("moving.png", picture("image/png", WIDTH, HEIGHT), "a moving PNG counts as its first picture", moving);
}

fn add_jpegs(maker: &mut Maker, jpeg: &[u8]) {
    maker.take("still.jpg", picture("image/jpeg", WIDTH, HEIGHT), "a JPEG", jpeg);
    maker.refuse("cut_head.jpg", Code::FileTruncated, "the first 30 bytes of a JPEG", &jpeg[..30]);
    maker.refuse("cut_50.jpg", Code::FileTruncated, "half a JPEG", cut(jpeg, 50));
    maker.refuse("cut_end.jpg", Code::FileTruncated, "the end marker is missing", &jpeg[..jpeg.len() - 2]);
    let mut none = jpeg.to_vec();
    let frame = find(jpeg, &[0xff, 0xc0]);
    none[frame + 5..frame + 9].fill(0);
    maker.refuse("no_pixels.jpg", Code::FileCorrupt, "no pixels at all", &none);
    let turned = crate::photos::turned(jpeg, 6);
    maker.take("turned.jpg", picture("image/jpeg", HEIGHT, WIDTH), "a JPEG that is turned for showing", &turned);
    let preview = [jpeg, &jpeg[..jpeg.len() / 2]].concat();
    maker.take("preview.jpg", picture("image/jpeg", WIDTH, HEIGHT), "something is appended, as cameras do", &preview);
}

fn add_webps(maker: &mut Maker, lossy: &[u8], lossless: &[u8]) {
    maker.take("still.webp", picture("image/webp", WIDTH, HEIGHT), "a WebP", lossy);
    maker.take("lossless.webp", picture("image/webp", WIDTH, HEIGHT), "a lossless WebP", lossless);
    maker.refuse("cut.webp", Code::FileTruncated, "half a WebP", cut(lossy, 50));
    let half = &lossy[12..];
    let mended =
        [&b"RIFF"[..], &(u32::try_from(half.len() / 2 + 4).expect("small")).to_le_bytes(), b"WEBP", &half[..half.len() / 2]].concat();
    maker.refuse("cut_hidden.webp", Code::FileCorrupt, "cut, and the outer size mended to hide it", &mended);
    let mut lying = lossy.to_vec();
    lying[4..8].copy_from_slice(&0x7fff_fff0_u32.to_le_bytes());
    maker.refuse("long.webp", Code::FileTruncated, "two gigabytes claimed", &lying);
    maker.refuse("flipped.webp", Code::FileCorrupt, "bytes of a lossless picture turned over", &flip(lossless, 60, 10, 90));
    let canvas = extended(0, 2000, 2000, &lossy[12..]);
    maker.refuse("canvas.webp", Code::FileCorrupt, "its canvas is larger than its picture", &canvas);
}

/// A WebP with a header that says the size of its canvas.
pub(super) fn extended(flags: u8, width: u32, height: u32, chunks: &[u8]) -> Vec<u8> {
    let side = |pixels: u32| (pixels - 1).to_le_bytes()[..3].to_vec();
    let content = [&b"WEBPVP8X\x0a\0\0\0"[..], &[flags, 0, 0, 0], &side(width), &side(height), chunks].concat();
    [&b"RIFF"[..], &u32::try_from(content.len()).expect("small").to_le_bytes(), &content].concat()
}

/// A PNG's header: size, bits a channel, colour type (0 gray, 2 RGB, 6 RGBA).
pub(crate) fn header(width: u32, height: u32, bits: u8, colour: u8) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[bits, colour, 0, 0, 0]].concat()
}

/// A PNG of these chunks, their check sums right.
pub(crate) fn chunk_list(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in chunks {
        let body = [&kind[..], content].concat();
        png.extend(u32::try_from(content.len()).expect("small").to_be_bytes());
        png.extend(&body);
        png.extend(crc32(&body).to_be_bytes());
    }
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())))
}

/// So many zeros as zlib packs them at its best: 258 of them in 13 bits.
pub(super) fn squeezed_zeros(count: usize) -> Vec<u8> {
    let mut packed = vec![0x78, 0x9c];
    let (mut held, mut bits) = (0_u32, 0);
    let mut put = |value: u32, width: u32| {
        held |= value << bits;
        bits += width;
        while bits >= 8 {
            packed.push(held.to_le_bytes()[0]);
            held >>= 8;
            bits -= 8;
        }
    };
    // The last block, of fixed codes. Codes are written from their highest bit, here already turned round.
    put(0b011, 3);
    const ZERO: (u32, u32) = (0b0000_1100, 8);
    let repeats = count.saturating_sub(1) / 258;
    for _ in 0..count - repeats * 258 {
        put(ZERO.0, ZERO.1);
    }
    for _ in 0..repeats {
        // "The last byte, 258 times."
        put(0b1010_0011, 8);
        put(0, 5);
    }
    put(0, 7);
    put(0, 7);
    let adler = u32::try_from(count % 65521).expect("small") << 16 | 1;
    packed.extend(adler.to_be_bytes());
    packed
}
