//! Bodies on their way, and what stands in that way.

use super::head::Framing;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

/// Pieces are small enough for a slow pace to be even: these bytes, and what passes in this part of a second.
const PIECE_BYTES: usize = 16 * 1024;
const PIECES_A_SECOND: u64 = 20;

/// Why a body did not pass whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The weather wants the connection cut.
    Cut,
    /// The weather wants nothing to move any more.
    Stall,
    /// The sender has gone, or does not speak HTTP.
    SenderGone,
    /// The receiver has gone.
    ReceiverGone,
}

/// What one body meets on its way.
#[derive(Default)]
pub(super) struct Gate {
    /// After so many bytes this happens.
    pub(super) until: Option<(u64, End)>,
    /// Bytes a second.
    pub(super) pace: Option<u64>,
    /// The byte at this place is changed.
    pub(super) corrupt_at: Option<u64>,
    /// Bytes that passed, without framing.
    pub(super) passed: AtomicU64,
}

/// Passes one whole body on. `into` may be a sink that forgets.
pub(super) async fn pass(
    from: &mut (impl AsyncBufRead + Unpin),
    into: &mut (impl AsyncWrite + Unpin),
    framing: Framing,
    gate: &Gate,
) -> Result<(), End> {
    match framing {
        Framing::Length(length) => pass_bytes(from, into, length, gate).await,
        Framing::ToTheEnd => match pass_bytes(from, into, u64::MAX, gate).await {
            Err(End::SenderGone) => Ok(()),
            other => other,
        },
        Framing::Chunked => loop {
            let line = line(from).await?;
            let size = line.split(|byte| matches!(byte, b';' | b'\r' | b'\n')).next().unwrap_or_default();
            let size = std::str::from_utf8(size).ok().and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).ok_or(End::SenderGone)?;
            write(into, &line).await?;
            if size == 0 {
                return trailers(from, into).await;
            }
            pass_bytes(from, into, size, gate).await?;
            let ending = self::line(from).await?;
            write(into, &ending).await?;
        },
    }
}

/// What follows the last chunk, up to the empty line.
async fn trailers(from: &mut (impl AsyncBufRead + Unpin), into: &mut (impl AsyncWrite + Unpin)) -> Result<(), End> {
    loop {
        let line = line(from).await?;
        write(into, &line).await?;
        if line.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return Ok(());
        }
    }
}

async fn line(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>, End> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line).await.map_err(|_| End::SenderGone)?;
    if line.ends_with(b"\n") { Ok(line) } else { Err(End::SenderGone) }
}

async fn write(into: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), End> {
    into.write_all(bytes).await.map_err(|_| End::ReceiverGone)
}

async fn pass_bytes(
    from: &mut (impl AsyncBufRead + Unpin),
    into: &mut (impl AsyncWrite + Unpin),
    mut left: u64,
    gate: &Gate,
) -> Result<(), End> {
    while left > 0 {
        let passed = gate.passed.load(Ordering::Relaxed);
        let allowed = gate.until.map_or(u64::MAX, |(at, _)| at.saturating_sub(passed));
        if let Some((_, end)) = gate.until.filter(|_| allowed == 0) {
            let _ = into.flush().await;
            return Err(end);
        }
        let per_tick = gate.pace.map_or(u64::MAX, |pace| (pace / PIECES_A_SECOND).max(1));
        let buffer = from.fill_buf().await.map_err(|_| End::SenderGone)?;
        if buffer.is_empty() {
            return Err(End::SenderGone);
        }
        let most = left.min(allowed).min(per_tick).min(PIECE_BYTES as u64);
        let count = buffer.len().min(usize::try_from(most).expect("at most a piece"));
        let mut piece = buffer[..count].to_vec();
        from.consume(count);
        if let Some(at) = gate.corrupt_at.and_then(|at| at.checked_sub(passed)).and_then(|at| usize::try_from(at).ok())
            && let Some(byte) = piece.get_mut(at)
        {
            *byte ^= 0x01;
        }
        write(into, &piece).await?;
        gate.passed.fetch_add(count as u64, Ordering::Relaxed);
        left -= count as u64;
        if let Some(pace) = gate.pace {
            tokio::time::sleep(time_of(count, pace)).await;
        }
    }
    Ok(())
}

/// How long so many bytes take at a pace, however few of a piece were there to be passed.
fn time_of(count: usize, pace: u64) -> Duration {
    Duration::from_micros(count as u64 * 1_000_000 / pace.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chaos_keeps_the_wanted_pace_whatever_the_pieces() {
        for (pace, piece) in [(1, 1), (1_000, 50), (400_000, 8 * 1024), (400_000, 16 * 1024), (10_000_000, 100)] {
            let pieces = usize::try_from(pace).expect("it fits") / piece;
            let took: Duration = (0..pieces).map(|_| time_of(piece, pace)).sum();
            assert!((0.9..=1.0).contains(&took.as_secs_f32()), "a second's bytes at {pace} in pieces of {piece} took {took:?}");
        }
    }
}
