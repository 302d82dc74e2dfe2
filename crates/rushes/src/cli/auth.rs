//! `rushes auth google`: a person agrees in their browser, which comes back to a port of this machine; the login is kept in
//! the home, for its owner's eyes only.

use super::{Context, exit, print};
use crate::wire;
use rushes_adapters::google::login::Asked;
use rushes_core::{Code, Fault};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// No browser's request has a longer head.
const HEAD_MAX: usize = 16 * 1024;
const HEAD_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Let Rushes make files in your Google Drive, and see no others.
    Google(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say whether there is a login, and whether it is good.
    #[arg(long, conflicts_with = "revoke")]
    status: bool,
    /// Take the login back, here and at Google.
    #[arg(long)]
    revoke: bool,
    /// Only print the address; open it yourself, on this machine.
    #[arg(long)]
    no_browser: bool,
    /// How many seconds to wait for you.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait_s: u64,
}

pub(super) async fn run(context: &Context, command: &Command) -> anyhow::Result<u8> {
    let Command::Google(args) = command;
    let file = wire::google_login(&context.home);
    if args.status {
        return status(context, &file).await;
    }
    if args.revoke {
        let Some(kept) = kept(&file)? else { return say(context, "There is no login.", false, exit::DONE) };
        wire::login(&context.loaded.config)?.revoke(&kept).await?;
        std::fs::remove_file(&file).map_err(|e| Fault::io("remove login", &file, &e))?;
        return say(context, "The login was taken back, here and at Google.", false, exit::DONE);
    }
    log_in(context, args, &file).await
}

fn kept(file: &Path) -> Result<Option<String>, Fault> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Fault::io("read login", file, &e)),
    }
}

fn say(context: &Context, text: &str, is_logged_in: bool, code: u8) -> anyhow::Result<u8> {
    if context.json {
        print::json(&serde_json::json!({"logged_in": is_logged_in, "detail": text}))?;
    } else {
        print::line(text);
    }
    Ok(code)
}

async fn status(context: &Context, file: &Path) -> anyhow::Result<u8> {
    let Some(kept) = kept(file)? else {
        return say(context, "There is no login; run `rushes auth google`.", false, exit::FAILED);
    };
    match wire::check_login(&kept).await {
        Ok(()) => say(context, &format!("There is a login, and it is good: {}", file.display()), true, exit::DONE),
        Err(fault) => say(context, &fault.to_string(), false, exit::FAILED),
    }
}

async fn log_in(context: &Context, args: &Args, file: &Path) -> anyhow::Result<u8> {
    let login = wire::login(&context.loaded.config)?;
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|e| failed(format!("no port of this machine is free: {e}")))?;
    let asked = login.ask(&format!("http://127.0.0.1:{}", listener.local_addr()?.port()))?;
    print::note(format!("Agree in your browser, on this machine:\n{}", asked.url));
    if !args.no_browser && !open(&asked.url) {
        print::note("No browser could be opened; open the address yourself.");
    }
    let (mut stream, query) = tokio::time::timeout(Duration::from_secs(args.wait_s), came_back(listener))
        .await
        .map_err(|_| failed(format!("nobody agreed within {} s; --wait-s waits longer", args.wait_s)))?;
    let done = finish(&login, &asked, &query, file).await;
    let page = done.as_ref().map_or_else(ToString::to_string, |()| "Rushes is logged in. You may close this page.".to_owned());
    answer(&mut stream, if done.is_ok() { "200 OK" } else { "400 Bad Request" }, &page).await;
    done?;
    say(context, &format!("Logged in; the login is kept in {}", file.display()), true, exit::DONE)
}

fn failed(reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::LoginFailed, "log in at Google").because(reason)
}

async fn finish(login: &rushes_adapters::google::login::Login, asked: &Asked, query: &str, file: &Path) -> Result<(), Fault> {
    let code = asked.code_in(query)?;
    keep(file, &login.exchange(asked, &code).await?)
}

/// The first request for `/` with a query. Browsers open connections in advance, and ask for icons.
async fn came_back(listener: TcpListener) -> (TcpStream, String) {
    let (sender, mut receiver) = mpsc::channel(1);
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let sender = sender.clone();
                tokio::spawn(async move {
                    if let Ok(Some(came)) = tokio::time::timeout(HEAD_WITHIN, request(stream)).await {
                        let _ = sender.send(came).await;
                    }
                });
            }
            Some(came) = receiver.recv() => return came,
        }
    }
}

async fn request(mut stream: TcpStream) -> Option<(TcpStream, String)> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if head.len() > HEAD_MAX || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8_lossy(&head);
    let target = head.strip_prefix("GET ")?.split(' ').next()?;
    match target.split_once('?') {
        Some(("/", query)) => Some((stream, query.to_owned())),
        _ => {
            answer(&mut stream, "404 Not Found", "There is nothing here.").await;
            None
        }
    }
}

async fn answer(stream: &mut TcpStream, status: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!("<!doctype html><meta charset=\"utf-8\"><title>Rushes</title><p>{text}</p>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        page.len()
    );
    // Whoever does not want to read it does not have to.
    let _ = stream.write_all(format!("{head}{page}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Opens the person's own browser; it outlives us.
#[expect(clippy::disallowed_methods, reason = "the browser is the person's, not ours to limit or to end")]
fn open(url: &str) -> bool {
    let programs = std::env::var("BROWSER").into_iter().chain(["xdg-open".to_owned(), "open".to_owned()]);
    let start = |program: String| {
        let null = std::process::Stdio::null;
        std::process::Command::new(program).arg(url).stdin(null()).stdout(null()).stderr(null()).spawn().is_ok()
    };
    programs.filter(|program| !program.is_empty()).any(start)
}

/// Writes the login where only its owner may read it, whole or not at all.
#[expect(clippy::disallowed_methods, reason = "a login is neither scratch nor an asset")]
fn keep(file: &Path, text: &str) -> Result<(), Fault> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let lost = |e: std::io::Error| Fault::io("keep login", file, &e);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(lost)?;
    let fresh = file.with_extension(format!("{}.new", std::process::id()));
    let _ = std::fs::remove_file(&fresh);
    let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(lost)?;
    let kept = written.write_all(text.as_bytes()).and_then(|()| written.sync_all()).and_then(|()| std::fs::rename(&fresh, file));
    if kept.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    kept.map_err(lost)
}
