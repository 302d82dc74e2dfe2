//! What is no file, and names that lead elsewhere.

use super::samples::Samples;
use super::{Expected, Maker, picture};
use rushes_core::Code;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

pub(super) fn add(maker: &mut Maker, samples: &Samples) {
    let at = |name: &str| maker.folder.join(name);
    let (folder, pipe, socket, missing) = (at("folder.mp4"), at("pipe.mp4"), at("socket.mp4"), at("missing.mp4"));
    let (zero, null, dangling, round, link, through) =
        (at("zero.mp4"), at("null.mp4"), at("dangling.mp4"), at("round.mp4"), at("link.png"), at("target.png").join("x.png"));
    std::fs::create_dir(&folder).expect("a folder");
    make_pipe(&pipe);
    // The socket's file stays when nobody listens any more.
    drop(UnixListener::bind(&socket));
    super::write(&at("target.png"), &samples.read("still.png"));
    for (name, target) in
        [(&zero, "/dev/zero"), (&null, "/dev/null"), (&dangling, "nothing.mp4"), (&round, "round.mp4"), (&link, "target.png")]
    {
        symlink(target, name).expect("a link");
    }
    let refused = Expected::Refused;
    maker.list("folder.mp4", folder, "a folder", refused(Code::FileForbidden));
    maker.list("pipe.mp4", pipe, "a named pipe nobody writes to", refused(Code::FileForbidden));
    maker.list("socket.mp4", socket, "a socket", refused(Code::FileForbidden));
    maker.list("zero.mp4", zero, "a link to a device without end", refused(Code::FileForbidden));
    maker.list("null.mp4", null, "a link to a device without content", refused(Code::FileForbidden));
    maker.list("dangling.mp4", dangling, "a link to nothing", refused(Code::FileMissing));
    maker.list("round.mp4", round, "a link to itself", refused(Code::FileMissing));
    maker.list("missing.mp4", missing, "nothing of that name", refused(Code::FileMissing));
    maker.list("x.png", through, "below a file as if it were a folder", refused(Code::FileMissing));
    maker.list("link.png", link, "a link to a picture", Expected::Taken(picture("image/png", 128, 96)));
}

#[expect(clippy::disallowed_methods, reason = "the standard library makes no named pipes; this is development only")]
fn make_pipe(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo {}", path.display());
}
