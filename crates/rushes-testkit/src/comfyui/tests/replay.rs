//! What a real ComfyUI was asked, asked here: equal statuses, shapes and orders.

use super::*;
use crate::comfyui::Hold;
use crate::shared::shared;

/// The lines of a transcript; None, after saying so, where there is none.
fn transcript(name: &str) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(shared(&format!("data/comfyui/{name}"))?).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// What kind of thing it is, all the way down.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("flag"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("text"),
        Value::Array(list) => list.iter().map(shape).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), shape(value))).collect::<serde_json::Map<_, _>>().into(),
    }
}

/// The order of what is told: how it begins, what is told of each node, sorted, and how it ends.
fn pattern(messages: &[Value]) -> (Vec<String>, Vec<Vec<String>>, Vec<String>) {
    let kinds: Vec<String> = kinds(messages).into_iter().map(str::to_owned).collect();
    let is_node = |at: usize| kinds[at] == "progress_state" && kinds.get(at + 1).is_some_and(|next| next == "executing");
    let ends = kinds.iter().position(|kind| ["execution_success", "execution_error", "execution_interrupted"].contains(&kind.as_str()));
    let ends = ends.unwrap();
    let starts: Vec<usize> = (0..ends).filter(|at| is_node(*at)).chain([ends]).collect();
    let mut nodes: Vec<Vec<String>> = starts.windows(2).map(|pair| kinds[pair[0]..pair[1]].to_vec()).collect();
    nodes.sort();
    (kinds[..starts[0]].to_vec(), nodes, kinds[ends..].to_vec())
}

/// What the transcript's listener heard after this line, up to the end of the prompt.
fn heard(lines: &[Value]) -> Vec<Value> {
    let mut heard = Vec::new();
    for line in lines {
        match line["kind"].as_str() {
            Some("ws") => heard.push(line["msg"].clone()),
            Some("ws_binary") => heard.push(json!({"type": format!("binary {}", line["event_type"])})),
            _ => continue,
        }
        if heard.last().is_some_and(|message| message["type"] == "executing" && message["data"]["node"].is_null()) {
            break;
        }
    }
    heard
}

/// As the real one was: no checkpoint, and tiny models.
async fn real() -> ComfyUi {
    let files = [("diffusion_models", "tiny_mmdit.safetensors"), ("text_encoders", "tiny_clip_l.safetensors"), ("vae", "taesd3")];
    let models = files.map(|(folder, name)| ModelFile { folder, name: name.into(), size_bytes: 1_000_000 }).into();
    ComfyUi::start_on(Machine { models, ..Machine::default() }).await
}

fn compare_view(line: &Value, said: &Said) {
    assert_eq!(said.1, line["resp"]["ctype"].as_str().unwrap_or_default(), "{line}");
    let real = line["resp"]["text"].as_str().unwrap();
    if said.1 == "image/png" {
        // Signature, size and colours; then the text chunk with the whole prompt.
        let bytes: Vec<u8> = real.chars().take(29).map(|sign| u8::try_from(u32::from(sign)).unwrap()).collect();
        assert_eq!(said.2[..29], bytes, "{line}");
        assert_eq!((&said.2[37..48], &real.chars().skip(37).take(11).collect::<String>()[..]), (&b"tEXtprompt\0"[..], "tEXtprompt\0"));
    }
}

async fn replay(name: &str) {
    let Some(lines) = transcript(name) else { return };
    let server = real().await;
    let client = lines[0]["msg"]["data"]["sid"].as_str().unwrap();
    let mut ear = Ear::open(&server, client).await;
    for line in &lines[..2] {
        assert_eq!(shape(&ear.next().await.unwrap()), shape(&line["msg"]), "{line}");
    }
    let mut is_under_way = false;
    for (at, line) in lines.iter().enumerate() {
        if line["wf"] == "interrupt" {
            server.hold(Hold::Nodes);
        }
        let Some(request) = line["req"].as_str() else { continue };
        let said = match request.strip_prefix("POST /upload/image overwrite=") {
            Some(over) => upload(&server, "ref.png", "dailies/u1", over == "true", &png(128, 128, 1, &[])).await,
            None => ask(&server, request, &line["body"]).await,
        };
        assert_eq!(u64::from(said.0), line["status"].as_u64().unwrap(), "{line}");
        let real = &line["resp"];
        if request.starts_with("GET /view") && said.0 == 200 {
            compare_view(line, &said);
        } else if real.get("_bytes").is_some() {
            assert!(real["_bytes"] != 0 || said.2.is_empty() || said.0 != 200, "{line}");
        } else if request == "GET /system_stats" {
            let (real, own) = (&real["devices"][0], &said.json()["devices"][0]);
            assert!(real.as_object().unwrap().keys().eq(own.as_object().unwrap().keys()), "{line}");
        } else {
            assert_eq!(shape(&said.json()), shape(real), "{line}\n{}", said.json());
        }
        if said.0 == 400 && request == "POST /prompt" {
            assert_eq!(said.json()["error"], real["error"]);
        }
        let is_interrupt = request == "POST /interrupt";
        if request == "POST /prompt" && said.0 == 200 && !is_under_way {
            is_under_way = lines[..at].iter().rev().find_map(|line| line["wf"].as_str()) == Some("interrupt");
            if is_under_way {
                // What is interrupted before its first node is told of otherwise.
                server.until(|seen| seen.held.is_some()).await;
            }
        }
        if is_interrupt {
            server.hold(Hold::Nothing);
        }
        if (request == "POST /prompt" && said.0 == 200 && !is_under_way) || is_interrupt {
            let from = if is_interrupt { lines[..at].iter().rposition(|line| line["req"] == "POST /prompt").unwrap() } else { at };
            let (own, real) = (ear.until_over().await, heard(&lines[from..]));
            let ((begin, nodes, end), (real_begin, real_nodes, real_end)) = (pattern(&own), pattern(&real));
            assert_eq!((begin, end), (real_begin, real_end), "{line}");
            if is_interrupt {
                is_under_way = false;
            } else {
                assert_eq!(nodes, real_nodes, "{line}");
            }
            for message in &real {
                let same = own.iter().find(|own| own["type"] == message["type"]).unwrap();
                if !["progress_state", "executing", "execution_interrupted"].contains(&message["type"].as_str().unwrap()) {
                    assert_eq!(same["data"].is_null(), message["data"].is_null());
                    let keys = |value: &Value| value["data"].as_object().map(|data| data.keys().cloned().collect::<Vec<_>>());
                    assert_eq!(keys(same), keys(message), "{message}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_server_answers_as_the_real_one_did() {
    replay("comfy_capture.jsonl").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_server_samples_as_the_real_one_did() {
    replay("comfy_sampler.jsonl").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_server_fails_late_on_a_corrupt_upload_as_the_real_one_did() {
    let Some(real) = transcript("comfy_error.jsonl") else { return };
    let server = ComfyUi::start().await;
    let mut ear = Ear::open(&server, "c").await;
    assert_eq!(kinds(&[ear.next().await.unwrap(), ear.next().await.unwrap()]), ["status", "feature_flags"]);
    assert_eq!(upload(&server, "bad.png", "", true, b"not a picture").await.0, 200);
    let graph = json!({
        "1": {"class_type": "LoadImage", "inputs": {"image": "bad.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    });
    let said = ask(&server, "POST /prompt", &json!({"prompt": graph, "client_id": "c", "prompt_id": "e1"})).await;
    assert_eq!(said.0, 200);
    let own = ear.until_over().await;
    assert_eq!(kinds(&own), kinds(&real[1..]));
    let error = |messages: &[Value]| messages.iter().find(|message| message["type"] == "execution_error").unwrap()["data"].clone();
    let (own, real) = (error(&own), error(&real));
    assert!(own.as_object().unwrap().keys().eq(real.as_object().unwrap().keys()), "{own}");
    assert_eq!((&own["exception_type"], &own["node_type"]), (&real["exception_type"], &real["node_type"]));
    let history = ask(&server, "GET /history/e1", &Value::Null).await.json();
    assert_eq!((&history["e1"]["status"]["status_str"], &history["e1"]["outputs"]), (&json!("error"), &json!({})));
}
