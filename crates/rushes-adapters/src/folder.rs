//! Writing into folders that other programs read: a file appears whole or not at all, and stays after a power cut.

use rushes_core::{Code, Fault};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Begins the names of files that are not finished yet.
pub(crate) const UNFINISHED: &str = ".rushes-";

/// A fresh unfinished file in a folder, which is made if need be; removed unless it is put in place.
pub(crate) struct Unfinished {
    path: PathBuf,
    is_placed: bool,
}

impl Unfinished {
    pub(crate) fn new(folder: &Path) -> io::Result<(Self, File)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        std::fs::create_dir_all(folder)?;
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{UNFINISHED}{}-{number}.part", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((Self { path, is_placed: false }, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name where nothing is yet; `AlreadyExists` otherwise.
    #[expect(clippy::disallowed_methods, reason = "a folder adapter's put: linking fails where something is, renaming would not")]
    pub(crate) fn create(self, target: &Path) -> io::Result<()> {
        std::fs::hard_link(&self.path, target)?;
        sync_folder_of(target)
    }

    /// Gives it its name in place of what is there.
    #[expect(clippy::disallowed_methods, reason = "a folder adapter's put")]
    pub(crate) fn replace(mut self, target: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, target)?;
        self.is_placed = true;
        sync_folder_of(target)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn sync_folder_of(target: &Path) -> io::Result<()> {
    File::open(target.parent().unwrap_or(target))?.sync_all()
}

/// The path of a key below a root. Errors: `destination_refused` for keys that would leave it.
pub(crate) fn inside(root: &Path, key: &str) -> Result<PathBuf, Fault> {
    let is_plain = !key.is_empty()
        && key
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && !part.starts_with(UNFINISHED) && !part.contains('\0'));
    if is_plain {
        Ok(root.join(key))
    } else {
        Err(Fault::new(Code::DestinationRefused, "read key").with("key", key).because("a key is `/`-separated names without `.` and `..`"))
    }
}

/// An I/O error of a folder that plays a remote place: refused where trying again gives the same, else down.
pub(crate) fn fault(code_down: Code, operation: &str, path: &Path, error: &io::Error) -> Fault {
    use io::ErrorKind as Kind;
    let code = match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => Code::DiskFull,
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::InvalidFilename | Kind::NotADirectory | Kind::IsADirectory => {
            Code::DestinationRefused
        }
        _ => code_down,
    };
    Fault::new(code, operation).with("path", path.display()).because(error)
}

/// Runs blocking work on a blocking thread.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::Panicked, "work on folder").because(e))?
}
