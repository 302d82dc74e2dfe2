//! The strict door for pages: what is to be put on show as HTML is one whole document of plain text and of bounded size.
//! Media have theirs behind `Inspect`; no page passes that, and nothing but a page passes this.

use rushes_core::inspect::MediaInfo;
use rushes_core::{Code, Fault};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What a thousand characters take, five times over.
const MAX_BYTES: u64 = 16 << 20;
/// How a page begins, in letters of either size.
const BEGINS: &str = "<!doctype html>";
/// How it ends; without it, it was cut off.
const ENDS: &str = "</html>";

/// Looks at a page. Errors: `file_empty`, `file_too_large`, `file_forbidden` for what is no page, `file_corrupt` for what
/// is no text, `file_truncated`; `io`.
pub(crate) fn look(path: &Path) -> Result<MediaInfo, Fault> {
    let refuse = |code: Code, why: &str| Err(Fault::new(code, "inspect page").with("path", path.display()).because(why));
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| Fault::io("inspect page", path, &error))?;
    if bytes.is_empty() {
        return refuse(Code::FileEmpty, "0 bytes");
    }
    if bytes.len() as u64 > MAX_BYTES {
        return refuse(Code::FileTooLarge, "a page has at most 16 MiB");
    }
    if !bytes.get(..BEGINS.len()).is_some_and(|head| head.eq_ignore_ascii_case(BEGINS.as_bytes())) {
        return refuse(Code::FileForbidden, "it does not begin with <!doctype html>, so it is no page");
    }
    let Ok(text) = std::str::from_utf8(&bytes) else { return refuse(Code::FileCorrupt, "it is no UTF-8") };
    if text.contains('\0') {
        return refuse(Code::FileCorrupt, "it holds the character 0");
    }
    if !text.trim_end().ends_with(ENDS) {
        return refuse(Code::FileTruncated, "it does not end with </html>");
    }
    let (mime, extension) = ("text/html".to_owned(), "html".to_owned());
    Ok(MediaInfo { mime, extension, width: None, height: None, duration_ms: None, fps: None, has_audio: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn of(bytes: &[u8]) -> Result<MediaInfo, Code> {
        let path = std::env::temp_dir().join(format!("rushes-html-{}", std::process::id()));
        File::create(&path).and_then(|mut file| file.write_all(bytes)).unwrap();
        let found = look(&path).map_err(|fault| fault.code);
        std::fs::remove_file(path).unwrap();
        found
    }

    #[test]
    fn html_whole_documents_pass_and_nothing_else() {
        let info = of("<!DOCTYPE html>\n<html lang=\"en\"><p>ü</p></html>\n".as_bytes()).unwrap();
        assert_eq!((info.mime.as_str(), info.extension.as_str()), ("text/html", "html"));
        assert_eq!(of(b""), Err(Code::FileEmpty));
        assert_eq!(of(b"<html></html>"), Err(Code::FileForbidden), "a quirk of browsers, and of nobody else");
        assert_eq!(of(b" <!doctype html></html>"), Err(Code::FileForbidden));
        assert_eq!(of(b"\x89PNG\r\n\x1a\n"), Err(Code::FileForbidden));
        assert_eq!(of(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), Err(Code::FileForbidden));
        assert_eq!(of(b"<!doctype html>\xff</html>"), Err(Code::FileCorrupt));
        assert_eq!(of(b"<!doctype html>\0</html>"), Err(Code::FileCorrupt));
        assert_eq!(of(b"<!doctype html><p>half"), Err(Code::FileTruncated));
        let long = [&b"<!doctype html>"[..], &vec![b' '; 16 << 20], b"</html>"].concat();
        assert_eq!(of(&long), Err(Code::FileTooLarge));
    }
}
