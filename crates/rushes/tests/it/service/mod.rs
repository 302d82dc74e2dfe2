//! `rushes serve`, asked over HTTP by programs that know nothing of it but its address.

mod api;
pub(crate) mod browser;
mod carried;
mod clients;
mod contract;
mod gone;
mod hostile;
mod kills;
mod ops;
mod stuck;
mod ui;
mod webhooks;

use crate::support::program::{End, Program, end, signal};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Child;

/// Whichever port is free.
const ANYWHERE: &str = "127.0.0.1:0";
/// Where a served home's stderr goes.
const LOG: &str = "serve.log";

/// A served home.
pub(crate) struct Served {
    pub(crate) program: Program,
    child: Option<Child>,
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    /// Sent with each request.
    pub(crate) key: Option<String>,
    client: Client,
}

impl Served {
    /// With this configuration and one key of each scope; requests carry the key that may everything.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_at(config, ANYWHERE)
    }

    /// As [`Served::start`], at this address.
    pub(crate) fn start_at(config: &str, at: &str) -> Self {
        let program = Program::with(config);
        let key = new_key(&program, "admin");
        let mut served = Self::open_at(program, at);
        served.key = Some(key);
        served
    }

    /// Serves a home as it is.
    pub(crate) fn open(program: Program) -> Self {
        Self::open_at(program, ANYWHERE)
    }

    fn open_at(program: Program, at: &str) -> Self {
        // Whoever comes second finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (child, url) = listen(&program, at);
        Self { program, child: Some(child), url, key: None, client: Client::new() }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// A request that may still be changed.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Status and JSON of a GET.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.ask(Method::GET, path)).await
    }

    /// Status and JSON of a POST.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.ask(Method::POST, path).json(body)).await
    }

    /// Whether the process still works.
    pub(crate) fn is_up(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Kills it as a machine does that loses its power.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Sends the process a signal by its name.
    pub(crate) fn send(&self, name: &str) {
        signal(self.child.as_ref().unwrap(), name);
    }

    /// Starts it again on the same home, at another port.
    pub(crate) fn start_again(&mut self) {
        let (child, url) = listen(&self.program, ANYWHERE);
        (self.child, self.url) = (Some(child), url);
    }

    /// Starts it again where it was, which only a claimed port is sure to allow.
    pub(crate) fn start_again_there(&mut self) {
        let (child, _) = listen(&self.program, self.url.trim_start_matches("http://"));
        self.child = Some(child);
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(&mut self) -> End {
        let child = self.child.take().unwrap();
        signal(&child, "TERM");
        let mut end = end(child);
        end.stderr = self.log();
        end
    }

    /// What it has told on stderr, over all starts.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.program.path(LOG)).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

fn listen(program: &Program, at: &str) -> (Child, String) {
    let mut child = program.start_told(&["serve", "--listen", at], LOG);
    let mut line = String::new();
    // The pipe is kept open by the child's own handle: what it prints later is small.
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    child.stdout = Some(out.into_inner());
    let url = line
        .trim()
        .strip_prefix("Listening on ")
        .unwrap_or_else(|| panic!("it says {line:?}: {}", std::fs::read_to_string(program.path(LOG)).unwrap_or_default()))
        .to_owned();
    (child, url)
}

/// Makes a key by the command.
pub(crate) fn new_key(program: &Program, scope: &str) -> String {
    let made = program.run(&["keys", "new", &format!("{scope} key"), "--scope", scope, "--json"]).expect(0);
    made.json()["key"].as_str().unwrap().to_owned()
}

/// Sends a request; gives status and JSON.
pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
