//! Shoots through their doors: a served home in this process, where drawn figures stand for people.

mod api;
mod back;
mod browser;
mod guests;

use crate::config::Config;
use crate::http::{App, Listening};
use crate::wire;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use rushes_engine::Home;
use rushes_testkit::drawn::{Figure, photo};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Longer than anything here should take on a busy machine.
const LONG: Duration = Duration::from_secs(90);

/// A served home with one shoot that recognises drawn figures.
pub(super) struct Venue {
    pub(super) home: Home,
    pub(super) app: App,
    pub(super) url: String,
    pub(super) client: Client,
    running: Option<wire::Running>,
    _folder: tempfile::TempDir,
}

impl Venue {
    pub(super) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        home.prepare().unwrap();
        std::fs::create_dir(home.root().join("drawn figures")).unwrap();
        let config = Config::default();
        let running = wire::serve(&home, &config).unwrap();
        let app = App::new(running.engine.desk(), config, running.styles.clone(), running.bells.clone()).unwrap();
        let listening = Listening::bind("127.0.0.1:0", app.clone()).await.unwrap();
        let url = format!("http://{}", listening.address().unwrap());
        tokio::spawn(crate::http::tail(app.clone()));
        tokio::spawn(super::watch(running.engine.desk(), app.stop.clone()));
        tokio::spawn(listening.serve());
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let venue = Self { home, app, url, client, running: Some(running), _folder: folder };
        let (status, made) = venue.send(Method::POST, "/api/v1/shoots", &json!({"name": "Ana & Ben", "rules": {"recognise": true}})).await;
        assert_eq!((status, &made["id"]), (StatusCode::CREATED, &json!("ana-ben")), "{made}");
        venue
    }

    pub(super) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.ask(method, path).json(body)).await
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.ask(Method::GET, path)).await
    }

    /// Hands a photo of these figures in.
    pub(super) async fn shoot(&self, name: &str, figures: &[Figure]) {
        let seed = name.bytes().fold(0, u8::wrapping_add);
        let path = format!("/api/v1/shoots/ana-ben/photos?name={name}");
        let (status, dropped) = answer(self.ask(Method::POST, &path).body(photo(figures, 1_200, 800, seed))).await;
        assert_eq!((status, &dropped["names"]), (StatusCode::ACCEPTED, &json!([name])), "{dropped}");
    }

    /// Waits until an answer is as wanted.
    pub(super) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (status, answer) = self.get(path).await;
            if status == StatusCode::OK && is_so(&answer) {
                return answer;
            }
            assert!(began.elapsed() < LONG, "{path} stays {answer:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until so many photos are entered, and everything is where it belongs.
    pub(super) async fn settled(&self, photos: u32) -> Value {
        self.until("/api/v1/shoots/ana-ben", |shoot| shoot["counts"]["photos"] == photos && shoot["counts"]["unsettled"] == 0).await
    }

    pub(super) async fn end(mut self) {
        self.app.stop.cancel();
        if let Some(running) = self.running.take() {
            running.engine.stop().await;
        }
    }
}

pub(super) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A form with a name and a selfie.
pub(super) fn selfie(name: &str, figure: usize) -> (String, Vec<u8>) {
    form(&[("name", name), ("consent", "yes")], &[photo(&[Figure::Clear(figure)], 640, 480, 200)])
}

/// A form of fields and selfies: its media type and its bytes.
pub(super) fn form(fields: &[(&str, &str)], selfies: &[Vec<u8>]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend_from_slice(format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes());
    }
    for selfie in selfies {
        let head = "--edge\r\nContent-Disposition: form-data; name=\"selfie\"; filename=\"s.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n";
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(selfie);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    ("multipart/form-data; boundary=edge".to_owned(), body)
}
