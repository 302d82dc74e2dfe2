//! What Instagram answers when it does not do what it was asked, turned into faults a person can act on.

use crate::http::{Answer, words};
use http::StatusCode;
use rushes_core::{Code, Fault, Verdict};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// How long to wait where it does not say.
const BUSY: Duration = Duration::from_mins(5);
/// What was published leaves the count one by one, a day later.
const FULL: Duration = Duration::from_hours(1);
/// What is not there yet may be in a moment.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// What it leaves open when a request is not answered as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nothing: it only asked.
    None,
    /// No answer may mean that it was done.
    Unanswered,
    /// Troubles of the server's own may mean it too.
    Troubled,
}

/// A request that did not do what it was sent for.
#[derive(Debug)]
pub(super) struct Said {
    code: i64,
    subcode: i64,
    fault: Fault,
}

impl Said {
    /// It says that the container is not there, not ready or not any more.
    pub(super) fn is_about_container(&self) -> bool {
        matches!(self.subcode, 2_207_006 | 2_207_008 | 2_207_020 | 2_207_027) || matches!(self.code, 24 | 9_007)
    }
}

impl From<Said> for Fault {
    fn from(said: Said) -> Self {
        said.fault
    }
}

/// There was no answer, or none that can be read.
pub(super) fn missing(fault: &Fault, operation: &'static str, doubt: Doubt) -> Said {
    let code = if doubt == Doubt::None { Code::ProviderDown } else { Code::AnswerLost };
    let fault = Fault::new(code, operation).because(fault.reason.as_deref().unwrap_or("no answer came"));
    Said { code: 0, subcode: 0, fault }
}

/// `{"error": {"message": "…", "code": 9, "error_subcode": 2207042, "error_user_msg": "…", …}}`
#[derive(Deserialize)]
struct Refusal {
    error: Told,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    message: String,
    code: i64,
    error_subcode: i64,
    is_transient: bool,
    error_user_msg: Option<String>,
    fbtrace_id: Option<String>,
}

/// How long it asks to wait: `Retry-After`, or the minutes in `X-Business-Use-Case-Usage`.
pub(super) fn wait_of(answer: &Answer) -> Option<Duration> {
    answer.retry_after().or_else(|| minutes_of(answer.header("x-business-use-case-usage")))
}

/// `{"17841…": [{"type": "instagram", "call_count": 100, "estimated_time_to_regain_access": 12}]}`
fn minutes_of(usage: &str) -> Option<Duration> {
    let usage: Value = serde_json::from_str(usage).ok()?;
    let told = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = told.filter_map(|one| one["estimated_time_to_regain_access"].as_u64()).max().filter(|minutes| *minutes > 0)?;
    Some(Duration::from_mins(minutes))
}

/// Their words as they may be shown: without the token, which some repeat, and without what may sign an address.
fn shown(text: &str, token: &str) -> String {
    let text = if token.is_empty() { text.to_owned() } else { text.replace(token, "…") };
    let unsigned = |word: &str| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => format!("{address}?…"),
        _ => word.to_owned(),
    };
    words(text.split_whitespace().map(unsigned).collect::<Vec<_>>().join(" ").as_bytes())
}

/// Reads a refusal.
pub(super) fn refusal(status: StatusCode, body: &[u8], wait: Option<Duration>, operation: &'static str, doubt: Doubt, token: &str) -> Said {
    let Ok(Refusal { error }) = serde_json::from_slice::<Refusal>(body) else {
        let said = format!("{status} {}", shown(&String::from_utf8_lossy(body), token));
        let (code, subcode) = if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS { (2, 0) } else { (0, 0) };
        return Said { code, subcode, fault: fault(code, subcode, false, wait, operation, doubt).because(said) };
    };
    let (code, subcode) = (error.code, error.error_subcode);
    let message = error.error_user_msg.filter(|text| !text.is_empty()).unwrap_or(error.message);
    let trace = error.fbtrace_id.map_or_else(String::new, |id| format!(", trace {id}"));
    let said = format!("{} ({code}/{subcode}{trace})", shown(&message, token).trim_end_matches('.'));
    let is_passing = error.is_transient || status.is_server_error();
    let fault = fault(code, subcode, is_passing, wait, operation, doubt);
    let reason = fault.reason.as_deref().map_or_else(|| said.clone(), |advice| format!("{advice}: {said}"));
    Said { code, subcode, fault: fault.because(reason) }
}

/// What cannot be shown, of which only a number is told: "Error: Media upload has failed with error code 2207026".
pub(super) fn of_container(status: &str, token: &str) -> Fault {
    let mut numbers = status.split(|sign: char| !sign.is_ascii_digit()).filter_map(|number| number.parse::<i64>().ok());
    let subcode = numbers.rfind(|number| (2_207_000..2_208_000).contains(number)).unwrap_or(0);
    let fault = fault(0, subcode, false, None, "make film ready", Doubt::None);
    let said = shown(status, token);
    let reason = fault.reason.as_deref().map_or_else(|| said.clone(), |advice| format!("{advice}: {said}"));
    fault.because(reason)
}

/// The fault for a code and its subcode, with what to do as its reason where that is known.
fn fault(code: i64, subcode: i64, is_passing: bool, wait: Option<Duration>, operation: &'static str, doubt: Doubt) -> Fault {
    let refused = |advice: &str| Fault::new(Code::ProviderRefused, operation).because(advice);
    let again = |advice: &str| refused(advice).verdict(Verdict::Transient).retry_after(SOON);
    let busy = |wait: Duration| Fault::new(Code::ProviderBusy, operation).retry_after(wait);
    let down = || {
        let fault = Fault::new(if doubt == Doubt::Troubled { Code::AnswerLost } else { Code::ProviderDown }, operation);
        wait.map_or(fault.clone(), |wait| fault.retry_after(wait))
    };
    match (code, subcode) {
        (_, 2_207_042) => busy(FULL).because("the account has published all that Instagram allows within a day"),
        (_, 2_207_050) => refused("the account is restricted or inactive; log in with Instagram's app and do what it asks"),
        (_, 2_207_051) => refused("Instagram takes this for spam and blocks it; wait a day, and look at the account's status in the app"),
        (_, 2_207_003 | 2_207_052) => {
            again("Instagram could not fetch the film; its address must open for everybody, quickly and for an hour")
        }
        (_, 2_207_020) => refused("what was handed over has run out; publish it anew"),
        (_, 2_207_032 | 2_207_053) => again("Instagram failed at the film; it is handed over again"),
        (_, 2_207_026) => refused("Instagram does not take films of this sort; it wants mp4 with H.264 and AAC, 3 s to 15 min"),
        (_, 2_207_057) => refused("the cover's moment lies outside of the film"),
        (_, 2_207_010) => refused("the caption is too long"),
        (_, 2_207_006) => refused("Instagram knows no such container of this account, or the token may not see it"),
        (_, 2_207_008 | 2_207_027) => Fault::new(Code::ProviderDown, operation).retry_after(SOON).because("the container is not ready"),
        (9_004, _) => again("Instagram could not fetch the film; its address must open for everybody, quickly and for an hour"),
        (102 | 190, _) => refused("the token has run out or was withdrawn; put a new one where `instagram.token` points"),
        (3 | 10 | 200..=299, _) => {
            refused("the token lacks a permission; it needs instagram_business_basic and instagram_business_content_publish")
        }
        (368, _) => refused("Instagram blocks the account for a while; look at its status in the app"),
        (100, 33) => refused("there is no such thing, or the token may not see it; see `instagram.user_id`"),
        (9, _) => busy(wait.unwrap_or(FULL)),
        (4 | 17 | 32 | 341 | 613 | 80_000..=80_014, _) => busy(wait.unwrap_or(BUSY)),
        (-2 | -1 | 1 | 2, _) => down(),
        _ if is_passing => down(),
        _ => Fault::new(Code::ProviderRefused, operation),
    }
}
