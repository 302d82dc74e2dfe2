//! Forms, as browsers send them: fields by name, a name as often as it likes.

use super::shell::Trouble;
use crate::http::whole;
use axum::extract::{FromRequest, Request};

/// Fields read at most.
const FIELDS_MAX: usize = 200;

/// The fields of a form or of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Trouble;

    async fn from_request(request: Request, _: &S) -> Result<Self, Trouble> {
        Ok(Self::read(&whole(request.into_body()).await?))
    }
}

impl Form {
    /// From the text of one.
    pub(super) fn read(text: &[u8]) -> Self {
        let decoded = |text: &[u8]| {
            let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
            percent_encoding::percent_decode(&spaced).decode_utf8_lossy().trim().to_owned()
        };
        let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).take(FIELDS_MAX);
        let fields = pairs.map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (decoded(&pair[..at]), decoded(&pair[at + 1..])),
            None => (decoded(pair), String::new()),
        });
        Self(fields.collect())
    }

    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a field of that name is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// The first of that name; None where it is missing or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// As [`Form::get`], empty where there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// All of that name that are not empty.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(field, value)| field == name && !value.is_empty()).map(|(_, value)| value.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn form_reads_what_browsers_send() {
        let form = Form::read(b"count=3&reference=ref1&reference=my+dance%20%3C2%3E&watermark=on&empty=&&odd");
        assert_eq!((form.get("count"), form.get("empty"), form.text("nothing").as_str()), (Some("3"), None, ""));
        assert_eq!(form.all("reference"), ["ref1", "my dance <2>"]);
        assert!(form.has("odd") && form.has("watermark") && !form.has("variants"));
        assert!(Form::read(b"").is_empty());
        assert_eq!(Form::read(b"a=%ff%00%zz").text("a"), "\u{fffd}\0%zz", "what is no text is still no fault");
    }
}
