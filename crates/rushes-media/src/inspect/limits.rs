//! How large a file may be, in every respect, and why.

use std::time::Duration;

/// Of a film or sound: 16 GiB, four hours at what phones record.
pub(crate) const MAX_FILE_BYTES: u64 = 16 << 30;

/// Of a picture: 64 MiB; JPEG and WebP are held in memory whole.
pub(crate) const MAX_PICTURE_BYTES: u64 = 64 << 20;

/// Of a camera's raw file: 512 MiB, twice what the largest cameras write. Only the preview in it is held in memory.
pub(crate) const MAX_RAW_BYTES: u64 = 512 << 20;

/// Pictures shown by themselves in one HEIC or AVIF: the photo is one of them.
pub(crate) const MAX_SHOWN: usize = 64;

/// Wall time of a program that opens a photo. 100 megapixels take some five seconds.
pub(crate) const PHOTO_TIME: Duration = Duration::from_secs(60);

/// What such a program may touch: 640 MiB. 48 megapixels take 220 MB.
pub(crate) const PHOTO_MEMORY_BYTES: u64 = 640 << 20;

/// Pixels of one picture: 100 million, what the largest cameras make.
pub(crate) const MAX_PICTURE_PIXELS: u64 = 100_000_000;

/// What decoding a picture may allocate: 320 MB, 100 million pixels of three bytes and a little. With the file itself
/// it stays below 500 MB.
pub(crate) const MAX_PICTURE_MEMORY_BYTES: u64 = 320_000_000;

/// Of a film or sound, as declared and as reached by decoding: four hours.
pub(crate) const MAX_DURATION: Duration = Duration::from_hours(4);

/// Streams of one file, of whatever kind.
pub(crate) const MAX_STREAMS: usize = 16;

/// Width and height of a moving picture, pixels.
pub(crate) const MAX_VIDEO_SIDE_PX: u32 = 8192;

/// Pixels of one frame: 4096 by 2304. A codec may ask for 17 frames to be kept.
pub(crate) const MAX_VIDEO_PIXELS: u64 = 4096 * 2304;

/// Decoding a picture that takes more than this, or a film of more than [`LARGE_VIDEO_PIXELS`], is done one at a time.
pub(crate) const LARGE_PICTURE_BYTES: u64 = 64_000_000;

/// What a frame has in full HD.
pub(crate) const LARGE_VIDEO_PIXELS: u64 = 1920 * 1088;

/// Frames a second, as declared.
pub(crate) const MAX_FPS: f64 = 240.0;

/// Samples a second of sound: twice what studios use.
pub(crate) const MAX_RATE_HZ: u32 = 384_000;

/// Channels of sound: 7.1.4 has twelve.
pub(crate) const MAX_CHANNELS: u32 = 16;
