//! Whole files to start from, made by ffmpeg: every kind in as few calls as possible.

use std::path::{Path, PathBuf};

/// Of every sample unless its name says otherwise, pixels.
pub(super) const WIDTH: u32 = 128;
/// Of every sample unless its name says otherwise, pixels.
pub(super) const HEIGHT: u32 = 96;
/// How long every sample is.
pub(super) const LENGTH_MS: u64 = 2_000;

const SOURCES: &[&str] = &["-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=2", "-f", "lavfi", "-i", "anoisesrc=d=2:r=44100:seed=1:a=0.3"];
const H264: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"];

/// The folder they lie in.
pub(super) struct Samples {
    folder: PathBuf,
}

impl Samples {
    pub(super) fn make(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder for samples");
        let samples = Self { folder: folder.to_owned() };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                samples.make_containers();
                samples.make_stills();
            });
            scope.spawn(|| {
                samples.make_codecs();
                samples.make_colours();
                samples.make_rates();
                samples.make_covers();
                samples.make_large();
            });
        });
        samples
    }

    /// The bytes of one.
    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        let path = self.folder.join(name);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// One call; each output is its arguments and its name.
    #[expect(clippy::disallowed_methods, reason = "what makes inputs for tests must not be what the tests judge")]
    fn call(&self, inputs: &[&str], outputs: &[(&[&[&str]], &str)]) {
        let mut command = std::process::Command::new("ffmpeg");
        command.current_dir(&self.folder).args(["-v", "error", "-y", "-nostdin"]).args(inputs);
        for (args, name) in outputs {
            command.args(args.concat()).arg(format!("file:{name}"));
        }
        let output = command.output().expect("ffmpeg starts");
        assert!(output.status.success(), "ffmpeg {inputs:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn make_containers(&self) {
        let both: &[&str] = &["-map", "0:v", "-map", "1:a", "-pix_fmt", "yuv420p"];
        let sound: &[&str] = &["-map", "1:a"];
        let vp8: &[&str] = &["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "400k", "-g", "10", "-c:a", "libopus"];
        let aac: &[&str] = &["-c:a", "aac"];
        self.call(
            SOURCES,
            &[
                (&[both, H264, aac, &["-movflags", "+faststart"]], "first.mp4"),
                (&[both, H264, aac], "last.mp4"),
                (&[both, H264, aac, &["-movflags", "frag_keyframe+empty_moov"]], "parts.mp4"),
                (&[both, H264, aac], "film.mov"),
                (&[both, H264, aac], "film.mkv"),
                (&[both, vp8], "film.webm"),
                (&[both, vp8, &["-live", "1"]], "live.webm"),
                (&[sound], "sound.wav"),
                (&[sound], "sound.mp3"),
                (&[sound, aac], "sound.m4a"),
                (&[sound], "sound.flac"),
                (&[sound, &["-c:a", "libopus"]], "sound.ogg"),
                (&[both, H264, &["-f", "avi"]], "film.avi"),
                (&[both, H264, aac, &["-f", "mpegts"]], "film.ts"),
                (&[both, H264, aac, &["-f", "flv"]], "film.flv"),
                (&[both, H264, &["-an", "-f", "h264"]], "film.h264"),
            ],
        );
    }

    fn make_stills(&self) {
        let one: &[&str] = &["-map", "0:v", "-frames:v", "1"];
        let five: &[&str] = &["-map", "0:v", "-frames:v", "5"];
        self.call(
            SOURCES,
            &[
                (&[one], "still.png"),
                (&[one, &["-q:v", "3"]], "still.jpg"),
                (&[one, &["-pix_fmt", "yuv420p", "-c:v", "libwebp"]], "still.webp"),
                (&[one, &["-pix_fmt", "bgra", "-c:v", "libwebp", "-lossless", "1"]], "lossless.webp"),
                (&[five], "film.gif"),
                (&[five, &["-f", "apng", "-plays", "0"]], "film.apng"),
                (&[one], "still.bmp"),
                (&[one], "still.tiff"),
            ],
        );
    }

    fn make_codecs(&self) {
        let both: &[&str] = &["-map", "0:v", "-map", "1:a", "-c:a", "aac"];
        let many: Vec<&str> = std::iter::repeat_n(["-map", "1:a"], 60).flatten().collect();
        self.call(
            SOURCES,
            &[
                (&[both, H264, &["-vf", "scale=127:95,setsar=1", "-pix_fmt", "yuv444p"]], "odd.mp4"),
                (&[both, H264, &["-vf", "setsar=2/1", "-pix_fmt", "yuv420p"]], "wide_pixels.mp4"),
                (&[both, &["-c:v", "mpeg4"]], "mpeg4.mp4"),
                (&[both, &["-c:v", "png", "-pix_fmt", "rgba"]], "png.mov"),
                (&[both, &["-c:v", "ffv1"]], "ffv1.mkv"),
                (&[both, &["-c:v", "wmv2"]], "wmv2.mkv"),
                (&[&["-map", "0:v", "-pix_fmt", "yuv420p"], H264], "silent.mp4"),
                (&[&many, &["-c:a", "pcm_s16le", "-t", "0.1"]], "many.mkv"),
                (&[&["-map", "1:a", "-ac", "8", "-c:a", "flac"]], "eight.flac"),
                (&[&["-map", "1:a", "-c:a", "pcm_f32le"]], "float.wav"),
            ],
        );
    }

    /// Deep and high-dynamic-range pictures.
    fn make_colours(&self) {
        let ten: &[&str] = &["-map", "0:v", "-map", "1:a", "-pix_fmt", "yuv420p10le", "-c:a", "aac"];
        let wide: &[&str] = &["-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_range", "tv"];
        self.call(
            SOURCES,
            &[
                (&[ten, H264], "ten.mp4"),
                (&[ten, H264, wide, &["-color_trc", "smpte2084"]], "pq.mp4"),
                (&[ten, H264, wide, &["-color_trc", "arib-std-b67"]], "hlg.mp4"),
                // The curve alone, as careless programs write it.
                (&[ten, H264, &["-color_trc", "smpte2084"]], "bare_pq.mp4"),
            ],
        );
    }

    /// Unusual times and rates.
    fn make_rates(&self) {
        let both: &[&str] = &["-map", "0:v", "-map", "1:a", "-pix_fmt", "yuv420p", "-c:a", "aac"];
        let uneven: &[&str] = &["-vf", "select=not(mod(n\\,3))+lt(n\\,20)", "-fps_mode", "vfr"];
        let before: &[&str] = &["-avoid_negative_ts", "disabled", "-output_ts_offset", "-0.5"];
        self.call(
            SOURCES,
            &[
                (&[both, H264, uneven], "uneven.mp4"),
                (&[both, H264, before], "before.mkv"),
                (&[both, H264, &["-vf", "fps=480", "-t", "0.3"]], "fast.mp4"),
                (&[both, H264, &["-vf", "scale=8256:16", "-t", "0.1"]], "wide.mp4"),
                (&[both, H264, &["-vf", "scale=8000:4400:flags=neighbor", "-frames:v", "1"]], "huge.mp4"),
                (&[both, H264, &["-frames:v", "1", "-an"]], "one.mp4"),
            ],
        );
    }

    /// The largest frames that are taken; and as many of them as a codec can ask to be kept.
    fn make_large(&self) {
        let source = &["-f", "lavfi", "-i", "color=s=4096x2304:r=25:d=1"];
        let kept: &[&str] = &["-frames:v", "20", "-pix_fmt", "yuv420p10le", "-x264-params", "ref=16:keyint=100"];
        self.call(source, &[(&[&["-frames:v", "5", "-pix_fmt", "yuv420p10le"], H264], "large.mp4"), (&[H264, kept], "kept.mp4")]);
    }

    /// Sound with a cover picture, which is no film; a film with something attached.
    fn make_covers(&self) {
        let cover: &[&str] = &["-map", "0:v", "-map", "1:a", "-vf", "trim=end_frame=1", "-disposition:v", "attached_pic"];
        self.call(
            SOURCES,
            &[
                (&[cover, &["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "aac", "-f", "ipod"]], "cover.m4a"),
                (&[cover, &["-c:v", "png", "-c:a", "libmp3lame", "-id3v2_version", "3"]], "cover.mp3"),
            ],
        );
        super::write(&self.folder.join("letters.ttf"), &super::noise(2000));
        let attached: &[&str] = &["-map", "0:v", "-map", "1:a", "-pix_fmt", "yuv420p", "-c:a", "aac", "-attach", "letters.ttf"];
        let named: &[&str] = &["-metadata:s:t", "mimetype=application/x-truetype-font", "-metadata:s:t", "filename=../../../outside.ttf"];
        self.call(SOURCES, &[(&[attached, H264, named], "attached.mkv")]);
    }
}
