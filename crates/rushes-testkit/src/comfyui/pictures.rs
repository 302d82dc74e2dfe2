//! What is made: PNGs with a text chunk, and short films, drawn from a seed.

use crate::bad_files::{chunk_list, header};
use std::path::Path;

/// What fits into one block that is not packed.
const BLOCK_BYTES: usize = 65_535;
const ADLER: u32 = 65_521;

/// As zlib has it, not packed.
fn wrapped(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x78, 0x01];
    let blocks = bytes.len().div_ceil(BLOCK_BYTES);
    for (at, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
        let length = u16::try_from(block.len()).expect("a block's length");
        packed.push(u8::from(at + 1 == blocks));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
    let (one, two) = bytes.iter().fold((1_u32, 0_u32), |(one, two), byte| {
        let one = (one + u32::from(*byte)) % ADLER;
        (one, (two + one) % ADLER)
    });
    packed.extend((two << 16 | one).to_be_bytes());
    packed
}

/// A picture of this size, another for each seed, which carries these texts.
pub(super) fn png(width: u32, height: u32, seed: u64, texts: &[(&str, String)]) -> Vec<u8> {
    let tint = seed.to_le_bytes();
    let mut rows = Vec::with_capacity((width as usize * 3 + 1) * height as usize);
    for y in 0..height {
        rows.push(0);
        for x in 0..width {
            let at = ((x * 8 / width) as usize + (y * 8 / height) as usize) % 8;
            rows.extend([tint[at], tint[(at + 3) % 8], u8::try_from(y * 255 / height).expect("a share of 255")]);
        }
    }
    let texts: Vec<Vec<u8>> = texts.iter().map(|(name, text)| [name.as_bytes(), b"\0", text.as_bytes()].concat()).collect();
    let head = header(width, height, 8, 2);
    let data = wrapped(&rows);
    let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"IHDR", &head)];
    chunks.extend(texts.iter().map(|text| (b"tEXt", text.as_slice())));
    chunks.extend([(b"IDAT", data.as_slice()), (b"IEND", b"".as_slice())]);
    chunk_list(&chunks)
}

/// What a preview is: an image of a picture's size, as JPEG begins. Nobody looks further.
pub(super) fn preview() -> Vec<u8> {
    [&b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"[..], &[0; 64], b"\xff\xd9"].concat()
}

/// A film of so many pictures, by ffmpeg: mp4 or webm, by the name of its file.
#[expect(clippy::disallowed_methods, reason = "what plays a service must not be what the tests judge")]
pub(super) fn film(into: &Path, (width, height): (u32, u32), frames: u32, fps: f64, seed: u64) {
    let source = format!("testsrc2=s={width}x{height}:r={fps},hue=h={}", seed % 360);
    let codec: &[&str] = match into.extension().is_some_and(|end| end == "webm") {
        true => &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
        false => &["-c:v", "libx264", "-preset", "ultrafast"],
    };
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-nostdin", "-f", "lavfi", "-i", &source, "-frames:v", &frames.to_string(), "-threads", "1"]);
    let output = command.args(codec).args(["-pix_fmt", "yuv420p", "-bitexact"]).arg(into).output().expect("ffmpeg starts");
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
}

/// Why ComfyUI does not open a picture, or its size.
pub(super) fn size_of(path: &Path) -> Result<(u32, u32), (&'static str, String)> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() > 33 {
        let is_whole = bytes.windows(4).any(|word| word == b"IEND");
        return if is_whole { Ok((number(16), number(20))) } else { Err(("OSError", "image file is truncated".into())) };
    }
    if let Some(at) = bytes.windows(2).position(|two| two == [0xff, 0xc0]).filter(|_| bytes.starts_with(b"\xff\xd8")) {
        let pair = |at: usize| bytes.get(at..at + 2).map_or(0, |two| u32::from(u16::from_be_bytes([two[0], two[1]])));
        return Ok((pair(at + 7), pair(at + 5)));
    }
    Err(("PIL.UnidentifiedImageError", format!("cannot identify image file '{}'\n", path.display())))
}
