//! A file handed in: streamed to scratch within its bound, looked at, and registered by the one door as `rushes put` does.

use super::app::App;
use super::assets::AssetFacts;
use super::caller::Caller;
use super::idempotency::Carried;
use super::problem::Problem;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use futures_util::StreamExt;
use rushes_core::inspect::Looked;
use rushes_core::job::Asked;
use rushes_core::kinds::Names;
use rushes_core::{Code, Fault, Job, JobId, Kind};
use rushes_engine::NewJobRequest;
use rushes_engine::blobs::hash_file_without_md5;
use rushes_workflows::put;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::ToSchema;

/// Files handed in at once: each is written to disk, and looked at with a program.
static ROOM: Semaphore = Semaphore::const_new(8);
/// How long the next piece of a file may take.
const PIECE_LIMIT: Duration = Duration::from_secs(20);
/// For the rest of a form that was refused.
const REST_LIMIT: Duration = Duration::from_secs(1);
/// How long a whole file may take; scratch that nobody owns is swept after an hour.
pub(super) const FILE_LIMIT: Duration = Duration::from_mins(30);
/// How long the answer waits for the file to be registered.
const WAIT: Duration = Duration::from_secs(10);
/// Fields of a form at most.
const FIELDS_MAX: usize = 20;
/// A field that is no file, at most.
const FIELD_MAX_BYTES: usize = 1_024;

/// A file with what is said of it, as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is the document's; the form is read as it comes")]
pub(super) struct UploadForm {
    /// The file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Of what kind; a workspace image or video, by content, unless given.
    kind: Option<super::words::KindWord>,
    /// Whose: the id or unique slug of a subject, or a user's name.
    #[schema(default = "local", min_length = 1, max_length = 200)]
    subject: Option<String>,
    /// Which of the subject's sets.
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
    /// What fills its path, such as `ref=ref1`; may come several times.
    name: Option<String>,
}

/// A file that was handed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Uploaded {
    /// The job that registers it.
    #[schema(format = Uuid)]
    job: String,
    /// The asset; none while it waits for its turn.
    asset: Option<AssetFacts>,
}

/// Hands a file in. 201 with the asset once it is registered; 202 while it waits for its turn. Its delivery goes on.
#[utoipa::path(post, path = "/api/v1/assets", tag = "assets", request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 201, body = Uploaded), (status = 202, body = Uploaded)))]
pub(super) async fn upload(
    State(app): State<App>,
    caller: Caller,
    carried: Option<Extension<Carried>>,
    request: Request,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    let busy = Fault::new(Code::TooManyRequests, "take file").because("other files are being handed in; wait 5 s");
    let _place = ROOM.try_acquire().map_err(|_| busy.retry_after(Duration::from_secs(5)))?;
    let wrong = |e: axum::extract::multipart::MultipartRejection| Problem::new(Code::MediaTypeWrong, "take file", e.body_text());
    let mut form = Multipart::from_request(request, &()).await.map_err(wrong)?;
    let id = JobId(app.parts().clock.new_id());
    let mut scratch = Scratch::make(app.parts().home.scratch(id)).await?;
    let file = scratch.folder.join("handed-in");
    let mut said = Said::default();
    // The bound is the whole form's, not only the file's.
    let until = Instant::now() + FILE_LIMIT;
    let max_bytes = u64::from(app.config.server.upload_max_mb) * 1_000_000;
    let read = timeout_at(until, read_form(&mut form, &mut said, &file, max_bytes)).await;
    if let Err(problem) = read.map_err(|_| slow()).and_then(|read| read) {
        take_the_rest(&mut form).await;
        return Err(problem);
    }
    let input = said.into_input(file.clone(), id)?;
    // What is no media file makes no job.
    let info = app.parts().inspect.inspect(&file).await.map_err(|fault| without_path(fault, &file))?;
    input.fits(&info.mime)?;
    let hashed = tokio::task::spawn_blocking(move || hash_file_without_md5(&file, &info.mime).map(|blob| Looked { info, blob }));
    let looked = hashed.await.map_err(|e| Fault::new(Code::Panicked, "hash file").because(e))??;
    let input = put::Input { sha256: looked.blob.sha256.clone(), looked: Some(looked), ..input.0 };
    let idem_key = carried.map(|Extension(Carried(key))| key);
    // From here on it is the job's, also if whoever asks goes away in the middle. Each attempt reads it again, also those
    // of a job that failed and is tried once more: that works as long as a failed job's scratch is kept
    // (`keep.failed_scratch_days`); later the job fails with `file_missing`, and the file has to be handed in anew.
    scratch.is_kept = true;
    let submitted = submit(&app, id, &caller, idem_key, &input).await;
    scratch.is_kept = submitted.as_ref().is_ok_and(|job| job.id == id);
    drop(scratch);
    answer(&app, submitted?).await
}

/// Queues the job. Errors: `request_differs` when the same Idempotency-Key came with other bytes before.
async fn submit(app: &App, id: JobId, caller: &Caller, idem_key: Option<String>, input: &put::Input) -> Result<Job, Problem> {
    let value = serde_json::to_value(input).map_err(|e| Fault::new(Code::Unexpected, "take file").because(e))?;
    let asked = Asked { key: caller.key_id(), idem_key, webhook_url: None };
    let request = NewJobRequest { id: Some(id), workflow: put::CARD.name.to_owned(), input: value.clone(), asked };
    // The file lies on this machine: no other could drive the job.
    let job = app.desk.submit_here(request, Duration::from_secs(app.config.engine.tasks.drive_s.into())).await?;
    let what = |input: &serde_json::Value| ["sha256", "kind", "subject", "title", "names"].map(|field| input[field].clone());
    if job.workflow != put::CARD.name || what(&job.input) != what(&value) {
        return Err(Problem::new(Code::RequestDiffers, "take file", "another file or request was sent with this Idempotency-Key"));
    }
    Ok(job)
}

/// Waits a little for the asset. A file that could not be registered is refused as its job was.
async fn answer(app: &App, job: Job) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    let job = tokio::select! {
        waited = timeout(WAIT, registered(app, job.id)) => match waited {
            Ok(registered) => registered?,
            Err(_) => job,
        },
        () = app.stop.cancelled() => job,
    };
    if let Some(fault) = &job.fault {
        return Err(fault.clone().into());
    }
    let family = app.parts().store.family(job.root).await?;
    let asset = family.listed.first().map(|(asset, deliveries)| AssetFacts::of(app, asset, deliveries));
    let status = if asset.is_some() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, Json(Uploaded { job: job.id.to_string(), asset })))
}

async fn registered(app: &App, id: JobId) -> Result<Job, Fault> {
    let mut bell = app.parts().watch.job(id);
    loop {
        bell.mark_unchanged();
        let job = app.parts().store.job(id).await?;
        if job.state.has_ended() || job.value.is_some() {
            return Ok(job);
        }
        let _ = timeout(Duration::from_secs(1), bell.changed()).await;
    }
}

/// The job's own scratch folder; gone with the request unless the job takes it over.
struct Scratch {
    folder: PathBuf,
    is_kept: bool,
}

impl Scratch {
    async fn make(folder: PathBuf) -> Result<Self, Fault> {
        tokio::fs::create_dir_all(&folder).await.map_err(|e| Fault::io("make scratch folder", &folder, &e))?;
        Ok(Self { folder, is_kept: false })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_kept {
            // What is left here is swept in time.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// What a form said beside its file.
#[derive(Default)]
struct Said {
    has_file: bool,
    fields: Vec<(String, String)>,
}

/// A put whose hash is not yet taken.
struct Unhashed(put::Input);

impl Said {
    /// Errors: `input_invalid`, for what would otherwise fail only later, within the job.
    fn into_input(self, file: PathBuf, job: JobId) -> Result<Unhashed, Problem> {
        if !self.has_file {
            return Err(refuse("the form has no field `file`"));
        }
        let (mut kind, mut subject, mut title, mut names) = (None, None, None, Names::new());
        for (field, text) in self.fields {
            if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
                return Err(refuse(format!("{field} has 1 to 200 printable characters")));
            }
            let is_second = match field.as_str() {
                "kind" => kind.replace(Kind::named(&text).ok_or_else(|| refuse(format!("there is no kind {text:?}")))?).is_some(),
                "subject" => subject.replace(text).is_some(),
                "title" => title.replace(text).is_some(),
                "name" => {
                    let (name, value) = text.split_once('=').ok_or_else(|| refuse(format!("{text:?} is not NAME=VALUE")))?;
                    names.insert(name.to_owned(), value.to_owned()).is_some()
                }
                other => return Err(refuse(format!("there is no field {other:?}; there are: file, kind, subject, title, name"))),
            };
            if is_second {
                return Err(refuse(format!("{field} comes twice")));
            }
        }
        let subject = subject.unwrap_or_else(|| "local".to_owned());
        if let Some(kind) = kind {
            check_path(kind, &subject, &names, job)?;
        }
        Ok(Unhashed(put::Input { file, sha256: String::new(), kind, subject, title, names, looked: None }))
    }
}

impl Unhashed {
    /// Errors: `input_invalid`.
    fn fits(&self, mime: &str) -> Result<(), Fault> {
        if self.0.kind.is_some() || mime.starts_with("image/") || mime.starts_with("video/") {
            return Ok(());
        }
        Err(Fault::new(Code::InputInvalid, "take file").because(format!("{mime} has no kind of its own; say which in the field `kind`")))
    }
}

/// Whether the path of this kind can be filled, and stays in the library.
fn check_path(kind: Kind, subject: &str, names: &Names, job: JobId) -> Result<(), Problem> {
    let mut filled = names.clone();
    for (name, value) in [("user", subject.to_owned()), ("job", job.to_string()), ("idx", "0".to_owned())] {
        filled.insert(name.to_owned(), value);
    }
    let path = kind.stem(subject, &filled).map_err(|fault| refuse(fault.reason.unwrap_or_default()))?;
    if path.contains('\\') || path.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        return Err(refuse("its path would leave the library; a name in it is empty or begins with a dot"));
    }
    Ok(())
}

fn refuse(reason: impl std::fmt::Display) -> Problem {
    Problem::new(Code::InputInvalid, "take file", reason)
}

pub(super) fn slow() -> Problem {
    Problem::new(Code::RequestSlow, "take file", format!("a file comes within {} min", FILE_LIMIT.as_secs() / 60))
}

/// Where the file lies here is nobody's business.
pub(crate) fn without_path(mut fault: Fault, file: &Path) -> Fault {
    let shown = file.display().to_string();
    fault.context.retain(|(_, value)| !value.contains(&shown));
    fault.reason = fault.reason.map(|reason| reason.replace(&shown, "the file"));
    fault
}

async fn read_form(form: &mut Multipart, said: &mut Said, file: &Path, max_bytes: u64) -> Result<(), Problem> {
    for _ in 0..=FIELDS_MAX {
        let Some(field) = next_field(form).await? else { return Ok(()) };
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            if std::mem::replace(&mut said.has_file, true) {
                return Err(refuse("file comes twice"));
            }
            write(field, file, max_bytes).await?;
        } else {
            said.fields.push((name, text(field).await?));
        }
    }
    Err(refuse(format!("a form has at most {FIELDS_MAX} fields")))
}

/// The next field of a form. Errors: `input_invalid`, `request_slow`.
pub(super) async fn next_field(form: &mut Multipart) -> Result<Option<Field<'_>>, Problem> {
    let next = timeout(PIECE_LIMIT, form.next_field()).await.map_err(|_| slow())?;
    next.map_err(|e| refuse(e.body_text()))
}

/// Who is still sending when the line is closed may never read the answer; so what little is left is taken first.
async fn take_the_rest(form: &mut Multipart) {
    let rest = async { while let Ok(Some(_)) = form.next_field().await {} };
    // Longer than that it is much; then the answer may be lost.
    let _ = timeout(REST_LIMIT, rest).await;
}

async fn next_piece(field: &mut Field<'_>) -> Result<Option<bytes::Bytes>, Problem> {
    let piece = timeout(PIECE_LIMIT, field.chunk()).await.map_err(|_| slow())?;
    piece.map_err(|e| refuse(e.body_text()))
}

/// A field that is no file. Errors: `input_invalid`, `request_slow`.
pub(super) async fn text(mut field: Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = next_piece(&mut field).await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > FIELD_MAX_BYTES {
            return Err(refuse(format!("a field that is no file has at most {FIELD_MAX_BYTES} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| refuse("a field is not UTF-8"))
}

/// Writes a field into a new file. Errors: `body_too_large`, `request_slow`; `io`, `disk_full`.
pub(super) async fn write(mut field: Field<'_>, path: &Path, max_bytes: u64) -> Result<(), Problem> {
    let mut sink = Sink::into(path, max_bytes).await?;
    while let Some(piece) = next_piece(&mut field).await? {
        sink.take(&piece).await?;
    }
    sink.end().await
}

/// Writes a whole body into a new file. Errors: `body_too_large`, `request_slow`; `io`, `disk_full`.
pub(super) async fn stream_to(body: Body, path: &Path, max_bytes: u64) -> Result<(), Problem> {
    let mut sink = Sink::into(path, max_bytes).await?;
    let mut pieces = body.into_data_stream();
    let all = async {
        while let Some(piece) = timeout(PIECE_LIMIT, pieces.next()).await.map_err(|_| slow())? {
            sink.take(&piece.map_err(refuse)?).await?;
        }
        sink.end().await
    };
    timeout(FILE_LIMIT, all).await.map_err(|_| slow())?
}

/// A file that comes in pieces.
struct Sink<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    left_bytes: u64,
    max_bytes: u64,
}

impl<'a> Sink<'a> {
    async fn into(path: &'a Path, max_bytes: u64) -> Result<Self, Problem> {
        let file = File::create(path).await.map_err(|e| Fault::io("write what is handed in", path, &e))?;
        Ok(Self { path, file: BufWriter::with_capacity(256 * 1024, file), left_bytes: max_bytes, max_bytes })
    }

    async fn take(&mut self, piece: &[u8]) -> Result<(), Problem> {
        let Some(left_bytes) = self.left_bytes.checked_sub(piece.len() as u64) else {
            let reason = format!("a file may have {} MB (server.upload_max_mb)", self.max_bytes / 1_000_000);
            return Err(Problem::new(Code::BodyTooLarge, "take file", reason));
        };
        self.left_bytes = left_bytes;
        Ok(self.file.write_all(piece).await.map_err(|e| Fault::io("write what is handed in", self.path, &e))?)
    }

    async fn end(mut self) -> Result<(), Problem> {
        Ok(self.file.flush().await.map_err(|e| Fault::io("write what is handed in", self.path, &e))?)
    }
}
