//! A form with files: the files in scratch, gone with the form; the other fields by name. Bounded in each direction.

use super::app::App;
use super::problem::Problem;
use super::upload::{FILE_LIMIT, next_field, slow, text, write};
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::{FromRequest, Request};
use rushes_core::{Code, Fault, JobId};
use std::path::{Path, PathBuf};
use tokio::time::timeout;

/// Fields that are no files at most.
const FIELDS_MAX: usize = 20;

/// What a form held.
pub(crate) struct FileForm {
    folder: PathBuf,
    files: Vec<PathBuf>,
    fields: Vec<(String, String)>,
}

impl FileForm {
    /// Reads a form whose files, at most so many, come in fields of this name. Empty ones, as browsers send them where none was chosen,
    /// are passed over. Errors: `media_type_wrong`, `input_invalid`, `body_too_large`, `request_slow`.
    pub(crate) async fn read(app: &App, request: Request, named: &str, files_max: usize, max_bytes: u64) -> Result<Self, Problem> {
        let wrong = |e: MultipartRejection| Problem::new(Code::MediaTypeWrong, "read form", e.body_text());
        let mut form = Multipart::from_request(request, &()).await.map_err(wrong)?;
        let folder = app.parts().home.scratch(JobId(app.parts().clock.new_id()));
        tokio::fs::create_dir_all(&folder).await.map_err(|e| Fault::io("make scratch folder", &folder, &e))?;
        let mut read = Self { folder, files: Vec::new(), fields: Vec::new() };
        timeout(FILE_LIMIT, read.take(&mut form, named, files_max, max_bytes)).await.map_err(|_| slow())??;
        Ok(read)
    }

    async fn take(&mut self, form: &mut Multipart, named: &str, files_max: usize, max_bytes: u64) -> Result<(), Problem> {
        let refuse = |reason: String| Problem::new(Code::InputInvalid, "read form", reason);
        while let Some(field) = next_field(form).await? {
            let name = field.name().unwrap_or_default().to_owned();
            if name != named {
                if self.fields.len() == FIELDS_MAX {
                    return Err(refuse(format!("a form has at most {FIELDS_MAX} fields that are no files")));
                }
                self.fields.push((name, text(field).await?));
                continue;
            }
            let file = self.folder.join(format!("{}", self.files.len()));
            write(field, &file, max_bytes).await?;
            if std::fs::metadata(&file).is_ok_and(|written| written.len() > 0) {
                self.files.push(file);
            }
            if self.files.len() > files_max {
                return Err(refuse(format!("{named} comes at most {files_max} times")));
            }
        }
        Ok(())
    }

    /// Where its files lie, in the order they came.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The folder they lie in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The first field of that name that says something.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, text)| text.trim()).filter(|text| !text.is_empty())
    }
}

impl Drop for FileForm {
    fn drop(&mut self) {
        // What is left is swept.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
