//! The OpenAPI document, made from the handlers themselves, and what all of them share: keys and refusals.

use super::caller::COOKIE_NAME;
use super::router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use std::sync::LazyLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Content, InfoBuilder, OpenApi, PathItem, Ref, RefOr, Response as Answer};
use utoipa::{PartialSchema, ToSchema};

const ABOUT: &str = "Media workflows whose every file arrives. Every refusal is `application/problem+json` (RFC 9457) with a `code` of \
    the one table at /docs. A POST may carry an `Idempotency-Key`: it is done once, and answered the same for a day. Times are RFC 3339.";

/// Made once; it does not change while the program runs.
static TEXT: LazyLock<Bytes> = LazyLock::new(|| document().to_pretty_json().unwrap_or_default().into());

/// Why a request was refused (RFC 9457).
#[derive(Serialize, ToSchema)]
struct ProblemFacts {
    /// Where the code is explained.
    #[serde(rename = "type")]
    sort: String,
    title: String,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What was wrong with this very request.
    detail: String,
    /// What to do.
    cure: String,
    /// From the one table.
    code: String,
    /// Whether the same request may go well later.
    retryable: bool,
    /// By what the request is found in the log.
    trace_id: Option<String>,
    /// On the pipeline routes: false.
    success: Option<bool>,
    /// On the pipeline routes: the title.
    error: Option<String>,
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// The whole document.
pub(super) fn document() -> OpenApi {
    let mut whole = router::open().into_openapi();
    whole.merge(router::guarded().into_openapi());
    whole.info = InfoBuilder::new().title("Rushes").version(env!("CARGO_PKG_VERSION")).description(Some(ABOUT)).build();
    let components = whole.components.get_or_insert_with(Components::new);
    components.add_security_scheme("key", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()));
    components.add_security_scheme("login", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE_NAME))));
    components.schemas.insert("ProblemFacts".to_owned(), ProblemFacts::schema());
    let mut refusal = Answer::new("Refused");
    refusal.content.insert("application/problem+json".to_owned(), Content::new(Some(Ref::from_schema_name("ProblemFacts"))).into());
    components.responses.insert("Refused".to_owned(), refusal.into());
    whole.security = Some(["key", "login"].map(|name| SecurityRequirement::new(name, Vec::<String>::new())).into());
    for (path, item) in &mut whole.paths.paths {
        let place = path.trim_start_matches("/api/v1/").trim_start_matches('/').replace(['{', '}'], "").replace('/', "_");
        for (method, operation) in operations(item) {
            operation.operation_id = Some(format!("{method}_{place}"));
            for answer in operation.responses.responses.values_mut() {
                if let RefOr::T(answer) = answer
                    && answer.description.is_empty()
                {
                    answer.description = "Done".to_owned();
                }
            }
            operation.responses.responses.insert("default".to_owned(), RefOr::Ref(Ref::from_response_name("Refused")));
        }
    }
    whole
}

/// The OpenAPI document.
pub(super) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], TEXT.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openapi_document_checked_in_is_what_the_handlers_say() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let today = format!("{}\n", document().to_pretty_json().unwrap());
        if std::env::var_os("RUSHES_WRITE_DOCS").is_some() {
            use std::io::Write;
            std::fs::File::create(&path).unwrap().write_all(today.as_bytes()).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == today, "docs/openapi.json is older than the handlers: run this test with RUSHES_WRITE_DOCS=1, then `make docs`");
    }

    #[test]
    fn openapi_every_route_but_the_open_ones_asks_for_a_key() {
        let document = serde_json::to_value(document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let mut open = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["responses"]["default"].is_object(), "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path} says what it does");
                if operation["security"].is_array() {
                    open.push(path.as_str());
                }
            }
        }
        assert_eq!(open, ["/api/v1/callbacks/{provider}", "/health", "/readyz"]);
    }
}
