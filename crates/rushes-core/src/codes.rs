//! The error codes: one table, from which the documents, exit texts and HTTP answers are made.
//!
//! What does not live here: the errors themselves ([`crate::Fault`]).

use crate::fault::{FaultKind, Verdict};
use serde::{Deserialize, Serialize};

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct CodeRow {
    /// The code this row describes.
    pub code: Code,
    /// As written in JSON and logs.
    pub name: &'static str,
    /// The family it belongs to.
    pub kind: FaultKind,
    /// Whether trying again can help, unless the fault says otherwise.
    pub verdict: Verdict,
    /// One sentence on what happened.
    pub title: &'static str,
    /// One sentence on what to do.
    pub cure: &'static str,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal $kind:ident $verdict:ident $title:literal $cure:literal;)*) => {
        /// Every code the product can answer with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $(#[doc = $title] $variant,)* }

        /// The table, in the order the documents show it.
        pub const CODES: &[CodeRow] = &[
            $(CodeRow { code: Code::$variant, name: $name, kind: FaultKind::$kind, verdict: Verdict::$verdict, title: $title, cure: $cure },)*
        ];
    };
}

codes! {
    // variant, name, kind, verdict, what happened, what to do
    Unexpected "unexpected" Unexpected Permanent "Something happened that Rushes does not expect." "Run `rushes doctor`, then report it with the job id.";
    Panicked "panicked" Unexpected Transient "A step's code panicked." "It is tried again; if it stays, report it with the job id.";
    TimeLimit "time_limit" Unavailable Transient "A step took longer than it may." "Raise the limit or make the input smaller.";
    JobLimit "job_limit" Unavailable Permanent "The job ran longer than a job may here." "Raise `server.job_limit_s` and start it again: what it had made is kept, and used again.";
    Cancelled "cancelled" Cancelled Permanent "The job was cancelled." "Start it again with the same command.";
    NotFound "not_found" NotFound Permanent "There is no such thing." "List what there is, then ask by its id or its unique name.";
    HomeBusy "home_busy" Conflict Permanent "Another Rushes works on this home." "Wait for it or stop the process it names.";
    HomeMoved "home_moved" Conflict Permanent "The home is no longer where this engine opened it." "Start again with the place it has now: what was under way goes on.";
    EngineGone "engine_gone" Unavailable Transient "The process that did the work has ended." "Start a server again, or give the same command: it goes on where it was.";
    HomeNewer "home_newer" Unsupported Permanent "The database was made by a newer Rushes." "Run that version, or another home.";
    ConfigInvalid "config_invalid" ConfigInvalid Permanent "The configuration cannot be used." "Mend the named setting; `rushes config show` prints them all with their origin.";
    InputInvalid "input_invalid" InvalidInput Permanent "The request cannot be carried out as written." "Change the named parameter.";
    WorkflowUnknown "workflow_unknown" NotFound Permanent "There is no workflow of that name." "Use one of the names listed.";
    WorkflowChanged "workflow_changed" Conflict Permanent "The workflow no longer asks for steps this job has already done." "Start the program that began it, and `rushes jobs retry` goes on from where it was; or start it anew with `--new`.";
    StepTwice "step_twice" Unexpected Permanent "Two steps of one job carry the same name." "Give each step its own name.";
    ValueTooLarge "value_too_large" InvalidInput Permanent "A step's value is larger than 256 KB." "Return a file instead.";
    ReferenceUnknown "reference_unknown" NotFound Permanent "There is no reference of that name in the library." "Use a name from the list, or give the path of a video.";
    FileMissing "file_missing" NotFound Permanent "The file is not there." "Check the path.";
    FileEmpty "file_empty" InvalidInput Permanent "The file is empty." "Hand in a file with content.";
    FileTruncated "file_truncated" Corrupt Permanent "The file ends too early." "Copy it again from where it came.";
    FileCorrupt "file_corrupt" Corrupt Permanent "The file is damaged." "Copy it again from where it came, or convert it.";
    FileForbidden "file_forbidden" InvalidInput Permanent "The file is of a type that is never opened." "Hand in a regular file that is mp4, mov, webm, mkv, png, jpg, webp, wav, flac, mp3 or m4a; convert what is none of them.";
    FileTooLarge "file_too_large" InvalidInput Permanent "The file is beyond a limit." "Make it smaller than the limit named.";
    FileChanged "file_changed" Conflict Permanent "The file was changed while it was being taken." "Wait until it is written to its end, then run the command again; a watched folder sees it by itself.";
    NoVideo "no_video" InvalidInput Permanent "The file holds no moving picture." "Use a video.";
    MediaTool "media_tool" Unavailable Transient "ffmpeg failed." "See the last lines it wrote; `rushes doctor` checks the installation.";
    MediaToolMissing "media_tool_missing" ConfigInvalid Permanent "ffmpeg or ffprobe is not installed." "Install it: `apt-get install ffmpeg`.";
    DecoderMissing "decoder_missing" ConfigInvalid Permanent "No program here opens such photos." "Install the one named, and start Rushes again; or hand in a JPEG.";
    ProviderRefused "provider_refused" Refused Permanent "The provider declined the request." "Read its reason and change the request.";
    ProviderDown "provider_down" Unavailable Transient "The provider does not answer." "It is tried again by itself.";
    ProviderBusy "provider_busy" RateLimited Transient "The provider asks to go slower." "It is tried again by itself, later.";
    BudgetSpent "budget_spent" RateLimited Transient "The next would cost more than may be spent." "Raise the budget named and start again, or wait for the next day: it goes on by itself.";
    AnswerLost "answer_lost" Unavailable Transient "The answer to what was sent never came." "It is looked up before anything is sent again.";
    NeedsReconcile "needs_reconcile" Conflict Permanent "Nobody can tell whether it was sent." "Look at the service, say what you found with `rushes jobs settle`, then `rushes jobs retry`.";
    WorkerMissing "worker_missing" Unavailable Permanent "No worker has taken the work." "Start `rushes worker` on a machine that has these models, then `rushes jobs retry`.";
    WorkerLost "worker_lost" Unavailable Permanent "The work was lost with its workers again and again." "See what the workers say; mend it, then `rushes jobs retry`.";
    CardSmall "card_small" Unsupported Permanent "The graphics card has less memory than these models need." "Run it on a larger card, or declare a smaller variant of the models.";
    CardFull "card_full" Unavailable Transient "The graphics card has no room for these models." "End what else uses the card (`nvidia-smi` lists it), or mend `vram_mb` if it is declared too high.";
    LoginFailed "login_failed" Unauthorized Permanent "The login did not come about." "Run `rushes auth google` again.";
    DestinationRefused "destination_refused" Refused Permanent "The destination will not take the object." "Mend the cause named, then `rushes jobs retry`; the next start of Rushes sends it again too.";
    DestinationDown "destination_down" Unavailable Transient "The destination does not answer." "It is tried again by itself; `rushes status` shows the backlog.";
    DestinationBusy "destination_busy" RateLimited Transient "The destination asks to go slower." "It is sent again by itself, fewer at once; a higher quota at the destination helps too.";
    DestinationConflict "destination_conflict" Conflict Permanent "Someone else wrote to that key." "Move the other object away, then `rushes jobs retry`.";
    ProofFailed "proof_failed" Corrupt Transient "What was read back differs from what was sent." "It is sent again by itself.";
    CatalogDown "catalog_down" Unavailable Transient "The catalog does not answer." "It is tried again by itself.";
    QueueDown "queue_down" Unavailable Transient "The queue that calls for jobs does not answer." "It is asked again by itself.";
    QueueRefused "queue_refused" Refused Permanent "The queue that calls for jobs will not take a task." "Mend the cause named; what was not asked for is asked for by the next look.";
    JobTaken "job_taken" Conflict Transient "Somebody else drives that job." "Nothing: it goes on there; whoever asks again later finds how it ended.";
    NameTaken "name_taken" AlreadyExists Transient "That name was taken a moment ago." "Another is drawn by itself.";
    LeaseLost "lease_lost" Conflict Permanent "Another engine has taken the job over." "Nothing: it goes on there.";
    BlobMissing "blob_missing" NotFound Permanent "The bytes of an asset are not on this machine." "Run `rushes audit --fix`, which fetches them back where a destination has them.";
    DiskFull "disk_full" Unavailable Transient "The disk is full." "Free some room; work goes on by itself.";
    Io "io" Unavailable Transient "A file could not be read or written." "See the path and the reason named.";
    StoreFailed "store_failed" Unexpected Transient "The database refused." "Check the disk; run `rushes doctor`.";
    KeyMissing "key_missing" Unauthorized Permanent "The request shows no key that opens this." "Send `Authorization: Bearer KEY`; `rushes keys new` makes one.";
    ScopeMissing "scope_missing" Refused Permanent "The key may not do this." "Use a key with the scope named.";
    OriginForeign "origin_foreign" Refused Permanent "The request comes from another site." "Open the page of this server itself.";
    TooManyRequests "too_many_requests" RateLimited Transient "Too many requests in a short time." "Wait as long as `Retry-After` says.";
    BodyTooLarge "body_too_large" InvalidInput Permanent "The body is larger than may be." "Send less; files are handed in at /api/v1/assets.";
    MediaTypeWrong "media_type_wrong" InvalidInput Permanent "The body is of another type than is read here." "Send it as the type named.";
    MethodUnknown "method_unknown" InvalidInput Permanent "This address does not take that method." "See /docs for what it takes.";
    RequestUnderway "request_underway" Conflict Transient "The same request is being answered." "Ask again in a moment for its answer.";
    RequestDiffers "request_differs" InvalidInput Permanent "Another request carried the same key." "Use a new `Idempotency-Key` for another request.";
    RequestSlow "request_slow" InvalidInput Transient "The request came too slowly." "Send it again on a better line.";
    RangeInvalid "range_invalid" InvalidInput Permanent "The file ends before that range." "Ask for bytes it has; `Content-Range` says how many.";
    EventsGone "events_gone" NotFound Permanent "Those events are not kept any more." "Begin after the number named; what was is asked by GET.";
    FacesOff "faces_off" Conflict Permanent "Faces are not recognised here." "Turn it on with `rushes shoots set SHOOT --recognise`; where there is no model, `rushes models install --detector FILE --embedder FILE`, or `rushes models fetch`.";
    FetchFailed "fetch_failed" Unavailable Transient "A file could not be fetched." "It is tried again a few times; then give the command again, or fetch the file by other means and hand it in.";
    CharactersFailed "characters_failed" Unexpected Permanent "None of the characters could be made." "See the errors of each.";
}

impl Code {
    /// This code's row.
    #[must_use]
    pub fn row(self) -> &'static CodeRow {
        &CODES[self as usize]
    }

    /// As written in JSON and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rows_stand_at_their_code_and_names_match_json() {
        for (index, row) in CODES.iter().enumerate() {
            assert_eq!(row.code as usize, index);
            assert_eq!(serde_json::to_value(row.code).unwrap(), row.name);
            assert!(row.title.ends_with('.') && row.cure.ends_with('.'), "{}: full sentences", row.name);
        }
    }
}
