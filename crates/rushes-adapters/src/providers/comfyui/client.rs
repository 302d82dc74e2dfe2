//! ComfyUI's HTTP: ordering, looking, stopping, and files in and out. What is heard over its WebSocket is [`super::listen`]'s.

use super::graph::Graph;
use super::listen::Ears;
use super::words::{failure, refusal};
use crate::http::{Body, Client, HttpOptions, Request, encode_query, file_of, words};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use rushes_core::{Code, Fault};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What is made is at most this large.
const FILE_MAX_BYTES: u64 = 4_000_000_000;
/// ComfyUI takes one id as often as it is sent, and deletes one of them at a time.
const TWICE_MAX: usize = 8;
/// Of a busy machine's answers.
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);

/// One file that a prompt made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFile {
    /// The node that saved it.
    pub node: String,
    /// Its name.
    pub name: String,
    /// Below the folder of that type; may be empty.
    pub subfolder: String,
    /// `output` or `temp`.
    pub folder: String,
}

/// How a prompt stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// ComfyUI does not know it: it never came, was deleted, or ComfyUI was started again since.
    Nowhere,
    /// Others are before it.
    Waiting,
    /// It is worked on.
    Running,
    /// It is made.
    Made {
        /// In the order ComfyUI lists them.
        files: Vec<MadeFile>,
        /// The graph, as it was filled.
        graph: Value,
    },
    /// It came to nothing, for this reason.
    Failed(Fault),
}

/// The memory of the first graphics card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total_bytes: u64,
    /// What no model occupies.
    pub free_bytes: u64,
}

/// One ComfyUI.
#[derive(Clone)]
pub struct ComfyClient {
    pub(super) http: Client,
    /// Without a slash in the end.
    pub(super) base: String,
    pub(super) ears: Arc<Ears>,
}

/// The id of the prompt that is ordered under a key: equal keys, equal ids.
#[must_use]
pub fn prompt_id(key: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("rushes:{key}").as_bytes()).to_string()
}

fn down(fault: Fault) -> Fault {
    match fault.code {
        Code::DestinationDown => Fault::new(Code::ProviderDown, fault.operation).because(fault.reason.unwrap_or_default()),
        _ => fault,
    }
}

impl ComfyClient {
    /// Speaks to nobody yet. There is no key: whoever reaches the address may use it. Errors: `config_invalid`.
    pub fn new(endpoint: &str, options: HttpOptions) -> Result<Self, Fault> {
        let address = Url::parse(endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if address.is_none() {
            let fault = Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "comfyui.endpoint");
            return Err(fault.because("no address; write http://127.0.0.1:8188 or where it is"));
        }
        let base = endpoint.trim_end_matches('/').to_owned();
        Ok(Self { http: Client::new(options)?, base, ears: Arc::new(Ears::new(&Uuid::new_v4().to_string())) })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>, operation: &'static str) -> Result<(StatusCode, Value), Fault> {
        let body = body.map_or(Body::Empty, |body| Body::Bytes(Bytes::from(body.to_string())));
        self.send(method, path, "application/json", body, operation).await
    }

    /// One exchange. Errors: `provider_down` where no answer comes, none that can be read, or one of troubles.
    async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Body,
        operation: &'static str,
    ) -> Result<(StatusCode, Value), Fault> {
        let kind = HeaderValue::from_str(kind).map_err(|e| Fault::new(Code::Unexpected, operation).because(e))?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        let url = format!("{}{path}", self.base);
        let request = Request { method, url, headers, body, operation, answers_within: Some(ANSWERS_WITHIN) };
        let answer = self.http.send(request).await.map_err(down)?;
        let status = answer.status;
        let bytes = answer.bytes().await.map_err(down)?;
        if status.is_server_error() {
            return Err(Fault::new(Code::ProviderDown, operation).because(format!("ComfyUI answers {status}: {}", words(&bytes))));
        }
        // Some answers have no body.
        let json = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        match json {
            Ok(json) => Ok((status, json)),
            Err(_) if !status.is_success() => Ok((status, Value::String(words(&bytes)))),
            Err(e) => Err(Fault::new(Code::ProviderDown, operation).because(format!("its answer cannot be read: {e}"))),
        }
    }

    /// As [`ComfyClient::ask`], where nothing but success is expected.
    async fn told(&self, method: Method, path: &str, body: Option<&Value>, operation: &'static str) -> Result<Value, Fault> {
        match self.ask(method, path, body, operation).await? {
            (status, json) if status.is_success() => Ok(json),
            (status, json) => Err(Fault::new(Code::ProviderRefused, operation).because(format!("ComfyUI answers {status}: {json}"))),
        }
    }

    /// Orders a filled graph under an id of ours, which must not stand there yet: ComfyUI would take it twice.
    /// Errors: `answer_lost` where it may have arrived; `provider_refused` in its words, and then nothing stands there.
    pub async fn order(&self, id: &str, graph: &Value) -> Result<(), Fault> {
        self.ears.expect(id, graph);
        self.listen();
        let body = json!({"prompt": graph, "prompt_id": id, "client_id": self.ears.client_id()});
        let lost = |fault: Fault| match fault.code {
            Code::ProviderDown => Fault::new(Code::AnswerLost, fault.operation).because(fault.reason.unwrap_or_default()),
            _ => fault,
        };
        let (status, said) = self.ask(Method::POST, "/prompt", Some(&body), "order prompt").await.map_err(lost)?;
        let is_whole = said["node_errors"].as_object().is_none_or(Map::is_empty);
        if status.is_success() && is_whole {
            return Ok(());
        }
        self.ears.forget(id);
        if status.is_success() {
            // Some of its outputs are good enough for it: it would make half of what was asked for.
            self.stop(id).await?;
        }
        Err(refusal(status, &said))
    }

    /// How a prompt stands. Errors: `provider_down`.
    pub async fn standing(&self, id: &str) -> Result<Standing, Fault> {
        // What leaves the queue is in the history at once, so in this order nothing is missed in between.
        let queue = self.told(Method::GET, "/queue", None, "look at queue").await?;
        if is_in(&queue["queue_running"], id) {
            return Ok(Standing::Running);
        }
        if is_in(&queue["queue_pending"], id) {
            return Ok(Standing::Waiting);
        }
        let history = self.told(Method::GET, &format!("/history/{}", encode_query(id)), None, "look at history").await?;
        let told = &history[id];
        Ok(if told.is_null() {
            Standing::Nowhere
        } else if told["status"]["status_str"] == "success" {
            Standing::Made { files: files(&told["outputs"]), graph: told["prompt"][2].clone() }
        } else {
            Standing::Failed(failure(&told["status"]["messages"]))
        })
    }

    /// Takes a prompt out of the queue, or interrupts it where it is worked on; any other stays as it is. Errors: `provider_down`.
    pub async fn stop(&self, id: &str) -> Result<(), Fault> {
        for _ in 0..TWICE_MAX {
            self.told(Method::POST, "/queue", Some(&json!({"delete": [id]})), "stop prompt").await?;
            let queue = self.told(Method::GET, "/queue", None, "look at queue").await?;
            if is_in(&queue["queue_running"], id) {
                self.told(Method::POST, "/interrupt", Some(&json!({"prompt_id": id})), "stop prompt").await?;
            }
            if !is_in(&queue["queue_pending"], id) {
                break;
            }
        }
        self.ears.forget(id);
        Ok(())
    }

    /// Puts a file into a folder of ComfyUI's inputs, over one of that name; gives it as graphs name it.
    /// Errors: `provider_down`, `provider_refused`; `file_missing`, `io`.
    pub async fn upload(&self, folder: &str, name: &str, file: &Path) -> Result<String, Fault> {
        let size_bytes = file.metadata().map_err(|e| Fault::io("read what is uploaded", file, &e))?.len();
        // A border that no file holds by chance.
        let border = format!("rushes-{}", Uuid::new_v4().simple());
        let part = |name: &str, value: &str| format!("--{border}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        let head = format!(
            "{}{}--{border}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
            part("subfolder", folder),
            part("overwrite", "true"),
        );
        let body = Body::File { file: file_of(file, size_bytes)?, range: 0..size_bytes, sums: None };
        let body = body.framed(head, format!("\r\n--{border}--\r\n"));
        let kind = format!("multipart/form-data; boundary={border}");
        let (status, said) = self.send(Method::POST, "/upload/image", &kind, body, "upload file").await?;
        match (said["name"].as_str(), said["subfolder"].as_str().unwrap_or_default()) {
            (Some(name), "") => Ok(name.to_owned()),
            (Some(name), folder) => Ok(format!("{folder}/{name}")),
            _ => Err(Fault::new(Code::ProviderRefused, "upload file").because(format!("ComfyUI answers {status}: {said}"))),
        }
    }

    /// Fetches a file into a new one. Errors: `provider_down`; `provider_refused` where it is not there any more;
    /// `file_too_large`, `disk_full`, `io`.
    pub async fn fetch(&self, made: &MadeFile, into: &Path) -> Result<(), Fault> {
        let [name, subfolder, folder] = [&made.name, &made.subfolder, &made.folder].map(|text| encode_query(text));
        let request = Request {
            method: Method::GET,
            url: format!("{}/view?filename={name}&subfolder={subfolder}&type={folder}", self.base),
            headers: HeaderMap::new(),
            body: Body::Empty,
            operation: "fetch what was made",
            answers_within: Some(ANSWERS_WITHIN),
        };
        let answer = self.http.send(request).await.map_err(down)?;
        let fault = |code| Fault::new(code, "fetch what was made").with("file", &made.name);
        match answer.status {
            StatusCode::OK => answer.into_file_up_to(into, FILE_MAX_BYTES).await.map_err(down),
            StatusCode::NOT_FOUND => Err(fault(Code::ProviderRefused)
                .because("what was made is not kept there any more: somebody has removed it; start the job again for another")),
            status => Err(fault(Code::ProviderDown).because(format!("ComfyUI answers {status}"))),
        }
    }

    /// What it says of these classes of nodes; those it does not know are left out. Errors: `provider_down`.
    pub(crate) async fn node_info(&self, classes: &[&str]) -> Result<Map<String, Value>, Fault> {
        let mut known = Map::new();
        for class in classes {
            // One by one: all of them together have many megabytes where many extensions are installed.
            let said = self.ask(Method::GET, &format!("/object_info/{}", encode_query(class)), None, "look at nodes").await?;
            if let Some(info) = said.1.get(*class) {
                known.insert((*class).to_owned(), info.clone());
            }
        }
        Ok(known)
    }

    /// Whether it can work through this graph once it is filled. Errors: `config_invalid`, naming what is missing;
    /// `provider_down`.
    pub async fn check(&self, graph: &Graph) -> Result<(), Fault> {
        graph.check(&self.node_info(&graph.classes()).await?)
    }

    /// How far a prompt is, as far as it was told, and whether a look at its standing may show something new.
    pub fn heard(&self, id: &str) -> (Option<f32>, bool) {
        self.listen();
        (self.ears.share(id), self.ears.wants_look(id))
    }

    /// How its graphics card stands. Errors: `provider_down`.
    pub async fn memory(&self) -> Result<Memory, Fault> {
        let stats = self.told(Method::GET, "/system_stats", None, "look at memory").await?;
        let card = &stats["devices"][0];
        let none = || Fault::new(Code::ProviderDown, "look at memory").because("ComfyUI names no card");
        let bytes = |field: &str| card[field].as_u64().ok_or_else(none);
        Ok(Memory { total_bytes: bytes("vram_total")?, free_bytes: bytes("vram_free")? })
    }

    /// Asks it to unload its models and to forget what it keeps of nodes; whether that helped, [`ComfyClient::memory`] says
    /// a while later. Errors: `provider_down`.
    pub async fn free(&self) -> Result<(), Fault> {
        self.told(Method::POST, "/free", Some(&json!({"unload_models": true, "free_memory": true})), "free memory").await.map(drop)
    }
}

/// Whether one of `/queue`'s lists has it.
fn is_in(list: &Value, id: &str) -> bool {
    list.as_array().is_some_and(|entries| entries.iter().any(|entry| entry[1] == id))
}

/// Whatever kind of file a node saves: pictures and films stand under `images`, others under names of their own.
fn files(outputs: &Value) -> Vec<MadeFile> {
    let mut files = Vec::new();
    for (node, output) in outputs.as_object().into_iter().flatten() {
        for entry in output.as_object().into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten() {
            let text = |name: &str| entry[name].as_str().map(str::to_owned);
            if let Some(name) = text("filename") {
                let (subfolder, folder) = (text("subfolder").unwrap_or_default(), text("type").unwrap_or_else(|| "output".into()));
                files.push(MadeFile { node: node.clone(), name, subfolder, folder });
            }
        }
    }
    files
}
