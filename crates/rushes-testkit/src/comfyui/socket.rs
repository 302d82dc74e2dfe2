//! `/ws`: those who listen, and what they say.

use super::state::{Shared, Socket};
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// RFC 6455.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<HashMap<String, String>>,
    mut request: Request,
) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    let Some(key) = request.headers().get("sec-websocket-key").cloned() else {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        return answer;
    };
    let accept = [key.as_bytes(), GUID.as_bytes()].concat();
    let accept = STANDARD.encode(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &accept));
    let sid = query.get("clientId").cloned().unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        converse(&shared, &sid, stream).await;
    });
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in [(header::UPGRADE, "websocket"), (header::CONNECTION, "Upgrade"), (header::SEC_WEBSOCKET_ACCEPT, &accept)] {
        answer.headers_mut().insert(name, value.parse().expect("plain ASCII"));
    }
    answer
}

/// Until the client goes, another comes under its name, or the server stops.
async fn converse<S>(shared: &Shared, sid: &str, stream: WebSocketStream<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (sends, mut to_send) = mpsc::unbounded_channel();
    {
        let mut inner = shared.inner();
        let mut hello = inner.status();
        hello["sid"] = json!(sid);
        let _ = sends.send(Message::text(json!({"type": "status", "data": hello}).to_string()));
        inner.sockets.retain(|socket| socket.sid != sid);
        inner.sockets.push(Socket { sid: sid.to_owned(), sends: sends.clone(), wants_metadata: false });
    }
    shared.moved();
    let own = sends.downgrade();
    drop(sends);
    let (mut out, mut said) = stream.split();
    loop {
        tokio::select! {
            message = to_send.recv() => match message {
                Some(message) => if out.send(message).await.is_err() { break },
                None => break,
            },
            message = said.next() => match message {
                Some(Ok(Message::Text(text))) => hear(shared, &own, &serde_json::from_str(&text).unwrap_or_default()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
        }
    }
    if let Some(own) = own.upgrade() {
        shared.inner().sockets.retain(|socket| !socket.sends.same_channel(&own));
        shared.moved();
    }
}

/// A client that says what it can is told what the server can.
fn hear(shared: &Shared, own: &mpsc::WeakUnboundedSender<Message>, said: &Value) {
    let (true, Some(own)) = (said["type"] == "feature_flags", own.upgrade()) else { return };
    if let Some(socket) = shared.inner().sockets.iter_mut().find(|socket| socket.sends.same_channel(&own)) {
        socket.wants_metadata = said["data"]["supports_preview_metadata"] == true;
        let _ = own.send(Message::text(json!({"type": "feature_flags", "data": super::routes::features()}).to_string()));
    }
}
