//! The one list of addresses, and what each checks before it makes anything.

use super::{Answers, Carried, Planned, Shared, made};
use crate::orders::{Moment, is_held};
use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;

const LARGEST: usize = 24 * 1024 * 1024;
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Status, body.
type Refusal = (u16, Value);

/// Every request. One that has arrived is finished even if its client goes away.
pub(super) async fn answer(
    axum::extract::State(shared): axum::extract::State<Arc<Shared>>,
    request: axum::extract::Request,
) -> Response<Body> {
    tokio::spawn(serve(shared, request)).await.expect("the server does not panic")
}

async fn serve(shared: Arc<Shared>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, LARGEST).await.unwrap_or_default();
    let told: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let (planned, held) = {
        let mut inner = shared.inner();
        inner.asked += 1;
        (inner.planned.pop_front(), is_held(&mut inner.hold, "order"))
    };
    shared.arrived.notify_one();
    if held == Some(Moment::Before) {
        shared.reached.notify_one();
        std::future::pending::<()>().await;
    }
    match &planned {
        Some(Planned::Refused(status, body, wait_s)) => {
            let mut answer = sent(*status, body.to_string().into_bytes());
            if let Some(seconds) = wait_s {
                answer.headers_mut().insert(header::RETRY_AFTER, (*seconds).into());
            }
            return answer;
        }
        Some(Planned::Dropped) => return broken(Vec::new()),
        Some(Planned::Hangs) => std::future::pending().await,
        _ => {}
    }
    let (what, key, made) = match checked(&shared, parts.uri.path(), &parts.headers, &told) {
        Ok(found) => found,
        Err((status, body)) => return sent(status, body.to_string().into_bytes()),
    };
    shared.inner().carried.push(Carried { what, told, key });
    if held == Some(Moment::After) {
        shared.reached.notify_one();
        std::future::pending::<()>().await;
    }
    match planned {
        Some(Planned::AnswerLost) => broken(Vec::new()),
        Some(Planned::Half) => broken(made[..made.len() / 2].to_vec()),
        Some(Planned::Says(json)) => sent(200, json.to_string().into_bytes()),
        _ => sent(200, made),
    }
}

fn sent(status: u16, bytes: Vec<u8>) -> Response<Body> {
    let mut answer = Response::new(Body::from(bytes));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    answer
}

/// The head promises what the connection then breaks off.
fn broken(begin: Vec<u8>) -> Response<Body> {
    let pieces = futures_util::stream::iter([Ok(begin), Err(std::io::Error::other("planned"))]);
    Response::new(Body::from_stream(pieces))
}

/// What is wanted, by whom, and that made. Errors: the refusal of whoever would not carry it out.
fn checked(shared: &Shared, path: &str, headers: &HeaderMap, told: &Value) -> Result<(&'static str, String, Vec<u8>), Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let bearer = header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
    if path.starts_with("/v1beta/models/") && path.ends_with(":generateContent") {
        let key = header("x-goog-api-key");
        let (what, made) = gemini(shared, &key, told)?;
        return Ok((what, key, made.to_string().into_bytes()));
    }
    match path {
        "/v1/chat/completions" => {
            let made = chat(&bearer, told)?;
            Ok(("chat", bearer, made.to_string().into_bytes()))
        }
        "/v1/music" => {
            let key = header("xi-api-key");
            elevenlabs(&key, told)?;
            Ok(("elevenlabs", key, made::mp3()))
        }
        "/v1/music_generation" => {
            let made = minimax(&bearer, told);
            let is_made = made["base_resp"]["status_code"] == 0;
            let bytes = made.to_string().into_bytes();
            // It refuses with a status of success.
            if is_made { Ok(("minimax", bearer, bytes)) } else { Err((200, made)) }
        }
        "/v1/projects/rushes-test/locations/us-central1/publishers/google/models/lyria-002:predict" => {
            let made = lyria(shared, &bearer, told)?;
            Ok(("lyria", bearer, made.to_string().into_bytes()))
        }
        _ => Err((404, json!({"error": {"message": "no such address"}}))),
    }
}

fn google(code: u16, status: &str, message: &str, details: Value) -> Refusal {
    (code, json!({"error": {"code": code, "message": message, "status": status, "details": details}}))
}

fn gemini(shared: &Shared, key: &str, told: &Value) -> Result<(&'static str, Value), Refusal> {
    if !Answers::KEYS.contains(&key) {
        let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
        return Err(google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", details));
    }
    if let Some((_, seconds)) = shared.inner().exhausted.iter().find(|(exhausted, _)| exhausted == key) {
        let details = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s")}]);
        return Err(google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", details));
    }
    let invalid = |words: &str| google(400, "INVALID_ARGUMENT", words, json!([]));
    let config = &told["generationConfig"];
    if told["contents"][0]["parts"][0]["text"].as_str().is_none_or(str::is_empty) {
        return Err(invalid("contents are not specified"));
    }
    if config["responseModalities"].as_array().is_some_and(|kinds| kinds.contains(&json!("IMAGE"))) {
        let is_shape = config["imageConfig"]["aspectRatio"].as_str().is_some_and(|shape| shape.contains(':'));
        return if is_shape { Ok(("gemini image", made::gemini_picture())) } else { Err(invalid("aspect_ratio is not known")) };
    }
    let schema = &config["responseSchema"];
    if config["responseMimeType"] != "application/json" || schema["type"] != "OBJECT" || schema.get("additionalProperties").is_some() {
        return Err(invalid("Unknown name in response_schema"));
    }
    if schema["properties"].get("given_names").is_none() {
        if told["contents"].as_array().is_none_or(|all| all.iter().any(|one| one["role"] != "user" && one["role"] != "model")) {
            return Err(invalid("Please use a valid role: user, model."));
        }
        let words = made::shaped(schema, "").to_string();
        return Ok(("gemini text", made::gemini(&json!([{"text": words}]), "STOP")));
    }
    Ok(("gemini text", made::gemini_text()))
}

fn chat(bearer: &str, told: &Value) -> Result<Value, Refusal> {
    let refuse = |status, words: &str| Err((status, json!({"error": {"message": words, "type": "invalid_request_error", "code": null}})));
    if !bearer.is_empty() && bearer != Answers::KEYS[0] {
        return refuse(401, &format!("Incorrect API key provided: {bearer}"));
    }
    if told["model"] != "test-model" {
        return refuse(404, "model not found, try pulling it first");
    }
    let schema = &told["response_format"]["json_schema"]["schema"];
    if told["response_format"]["type"] != "json_schema" || schema["additionalProperties"] != false {
        return refuse(400, "Invalid schema for response_format");
    }
    if schema["properties"].get("given_names").is_none() {
        return Ok(made::chat(&made::shaped(schema, "").to_string(), "stop"));
    }
    Ok(made::chat(&made::character().to_string(), "stop"))
}

fn elevenlabs(key: &str, told: &Value) -> Result<(), Refusal> {
    let refuse = |status, name: &str, words: &str| Err((status, json!({"detail": {"status": name, "message": words}})));
    if key != Answers::KEYS[0] {
        return refuse(401, "invalid_api_key", "Invalid API key");
    }
    if told["prompt"].as_str().is_none_or(str::is_empty) || !told["seed"].is_null() {
        return refuse(422, "invalid_parameters", "prompt is missing, or goes with what it cannot go with");
    }
    match told["music_length_ms"].as_u64() {
        Some(3_000..=600_000) => Ok(()),
        _ => refuse(422, "invalid_parameters", "music_length_ms is out of range"),
    }
}

fn minimax(bearer: &str, told: &Value) -> Value {
    if bearer != Answers::KEYS[0] {
        return made::minimax_refuses(1004, "login fail: Please carry the API secret key in the 'Authorization' field");
    }
    let setting = &told["audio_setting"];
    let is_right = told["model"].is_string()
        && told["prompt"].as_str().is_some_and(|prompt| (1..=2_000).contains(&prompt.chars().count()))
        && told["is_instrumental"] == true
        && told["lyrics"].is_null()
        && told["output_format"] == "hex"
        && setting["format"] == "mp3"
        && [16_000, 24_000, 32_000, 44_100].map(Value::from).contains(&setting["sample_rate"])
        && [32_000, 64_000, 128_000, 256_000].map(Value::from).contains(&setting["bitrate"]);
    if is_right { made::minimax() } else { made::minimax_refuses(2013, "invalid params") }
}

fn lyria(shared: &Shared, bearer: &str, told: &Value) -> Result<Value, Refusal> {
    if shared.accounts.who(Some(bearer), &[SCOPE]).is_err() {
        return Err(google(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", json!([])));
    }
    let (instance, parameters) = (&told["instances"][0], &told["parameters"]);
    if instance["prompt"].as_str().is_none_or(str::is_empty) || !instance["seed"].is_null() && !parameters["sample_count"].is_null() {
        return Err(google(400, "INVALID_ARGUMENT", "seed and sample_count cannot go together", json!([])));
    }
    Ok(made::lyria())
}
