//! All photos of a guest in one archive, written while it is sent: stored as they are, some of it in memory at a time.

use super::photos::own;
use super::{Known, Named, Refusal, peer_of};
use crate::http::{App, Peer};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use rushes_core::album::{Album, Photo};
use rushes_core::record::rfc3339;
use rushes_core::{Code, Fault};
use rushes_engine::fetch::fetch;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Sent in one piece.
const PIECE_BYTES: usize = 128 * 1024;
/// Pieces that wait for the line.
const PIECES: usize = 4;

pub(super) async fn all(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Named((shoot, token)): Named<(String, String)>,
) -> Result<Response, Refusal> {
    let known = Known::of(&app, peer_of(peer.as_deref()), &shoot, &token).await?;
    let photos = own(&known).await?;
    let busy = |_| Refusal::Slow(Duration::from_secs(20));
    let place = app.guests.packing.clone().try_acquire_owned().map_err(busy)?;
    let (sender, receiver) = mpsc::channel(PIECES);
    let packing = Packing { app, album: known.stand.album.clone(), hash: known.hash, photos };
    let file = known.stand.subject.made.id;
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let failed = sender.clone();
        if let Err(error) = packing.write(Pieces { sender, piece: Vec::with_capacity(PIECE_BYTES) }) {
            // Whoever receives it must not take half an archive for a whole one.
            let _ = failed.blocking_send(Err(error));
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|piece| (piece, receiver)) });
    let name: String = file.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let told = [(CONTENT_TYPE, "application/zip".to_owned()), (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.zip\""))];
    Ok((told, Body::from_stream(pieces)).into_response())
}

struct Packing {
    app: App,
    album: Arc<dyn Album>,
    hash: String,
    photos: Vec<Photo>,
}

impl Packing {
    /// Writes the archive; blocks.
    fn write(self, pieces: Pieces) -> io::Result<()> {
        let (runtime, parts) = (Handle::current(), self.app.parts());
        let mut archive = ZipWriter::new_stream(pieces);
        for photo in &self.photos {
            let found = runtime.block_on(async {
                let gone = || Fault::new(Code::NotFound, "pack photos").because("they are no longer shown");
                self.album.guest(&self.hash).await?.ok_or_else(gone)?;
                let asset = crate::shoots::files::original(parts, photo).await?;
                fetch(parts, &asset.blob).await
            });
            let (path, _pin) = found.map_err(io::Error::other)?;
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            let options = options.last_modified_time(moment(photo.entered_ms));
            let name = format!("{}.{}", Photo::stem(photo.number), photo.extension);
            archive.start_file(name, options).map_err(io::Error::other)?;
            io::copy(&mut std::fs::File::open(path)?, &mut archive)?;
        }
        let mut pieces = archive.finish().map_err(io::Error::other)?.into_inner();
        pieces.flush()
    }
}

/// As archives write it, UTC.
fn moment(at_ms: i64) -> DateTime {
    let text = rfc3339(at_ms);
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|part| part.parse::<u16>().ok()).unwrap_or_default();
    let small = |range: std::ops::Range<usize>| u8::try_from(part(range)).unwrap_or_default();
    DateTime::from_date_and_time(part(0..4), small(5..7), small(8..10), small(11..13), small(14..16), small(17..19)).unwrap_or_default()
}

/// What is written, on its way to whoever receives it.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES - self.piece.len();
        let taken = bytes.len().min(room);
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        // Whoever receives it has gone.
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
