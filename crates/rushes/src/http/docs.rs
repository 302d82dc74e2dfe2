//! The page at /docs: every route and every error code, made from the OpenAPI document and the table of codes. It asks
//! nothing of anybody else, and runs nothing.

use super::openapi;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rushes_core::codes::CODES;
use serde_json::Value;
use std::fmt::Write;
use std::sync::LazyLock;

static PAGE: LazyLock<Bytes> = LazyLock::new(|| page(&serde_json::to_value(openapi::document()).unwrap_or_default()).into());

/// Only the page's own style, by no other way than standing in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1200px;margin:0 auto;padding:24px 16px;color:#1c1917;background:#faf9f7}
h1{font-size:32px}h2{font-size:18px;margin-top:40px}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:8px 16px 8px 0;border-top:1px solid #e7e5e4}code{font-size:13px;overflow-wrap:anywhere}
a{color:#b45309}tr:target{background:#fef3c7}
@media(prefers-color-scheme:dark){body{color:#fafaf9;background:#0c0a09}td,th{border-color:#292524}a{color:#fbbf24}tr:target{background:#292524}}
@media(max-width:640px){tr,td{display:block;padding-right:0}td+td{border:0;padding-top:0}th{display:none}}";

/// What there is.
pub(super) async fn docs() -> Response {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, PAGE.clone()).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text with `code` in it.
fn prose(text: &str) -> String {
    let pieces = escaped(text).split('`').map(str::to_owned).collect::<Vec<_>>();
    let marked = pieces.iter().enumerate().map(|(at, piece)| if at % 2 == 1 { format!("<code>{piece}</code>") } else { piece.clone() });
    marked.collect()
}

fn page(document: &Value) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Rushes API</title><style>{STYLE}</style>\
         <main><h1>Rushes API</h1><p>{}</p><p>The same for programs: <a href=\"/openapi.json\">openapi.json</a> (OpenAPI 3.1). \
         Send <code>Authorization: Bearer KEY</code>; <code>rushes keys new</code> makes a key.</p>",
        prose(document["info"]["description"].as_str().unwrap_or_default())
    );
    let mut sections: Vec<(&str, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let tag = operation["tags"][0].as_str().unwrap_or("other");
            let names = operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "query");
            let names: Vec<String> =
                names.filter_map(|one| one["name"].as_str()).map(|name| format!("<code>{}</code>", escaped(name))).collect();
            let takes = if names.is_empty() { String::new() } else { format!("<br>Query: {}", names.join(", ")) };
            let says =
                [&operation["summary"], &operation["description"]].into_iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
            let row = format!("<tr><td><code>{} {}</code><td>{}{takes}", method.to_uppercase(), escaped(path), prose(&says));
            match sections.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, rows)) => rows.push_str(&row),
                None => sections.push((tag, row)),
            }
        }
    }
    // Writing to a String cannot fail.
    for (tag, rows) in sections {
        let _ = write!(out, "<h2>{}</h2><table><tr><th>Route<th>What it does{rows}</table>", escaped(tag));
    }
    out.push_str("<h2>Error codes</h2><table><tr><th>Code<th>What happened, and what to do");
    for row in CODES {
        let _ = write!(out, "<tr id=\"{0}\"><td><code>{0}</code><td>{1} {2}", row.name, prose(row.title), prose(row.cure));
    }
    out.push_str("</table></main></html>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_name_every_route_and_code_and_ask_nothing_of_others() {
        let document = serde_json::to_value(openapi::document()).unwrap();
        let page = page(&document);
        for path in document["paths"].as_object().unwrap().keys() {
            assert!(page.contains(&format!(" {path}</code>")), "{path}");
        }
        assert!(CODES.iter().all(|row| page.contains(&format!("id=\"{}\"", row.name))));
        for loads in ["<script", "<img", "<link", "url(", "http://", "https://", "@import"] {
            assert!(!page.contains(loads), "{loads}");
        }
        assert_eq!(prose("a <b> `c&d`"), "a &lt;b&gt; <code>c&amp;d</code>");
    }
}
