//! `rushes auth google`: the real program, an authorization server, and a browser that follows where it is sent.

use crate::support::program::{End, Program, SMALL, end, ffmpeg};
use crate::support::survivor::Survivor;
use rushes_testkit::drive::Drive;
use rushes_testkit::google::{Consent, Google};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::time::Duration;

const CLIENT: [(&str, &str); 2] = [("GOOGLE_CLIENT_ID", Google::CLIENT_ID), ("GOOGLE_CLIENT_SECRET", Google::CLIENT_SECRET)];

/// Gets a page; gives its status, where it sends on to, and what it says.
fn get(url: &str) -> (u16, Option<String>, String) {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url} is no plain address"));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let location = answer.lines().find_map(|line| line.strip_prefix("location: ").map(str::to_owned));
    (answer[9..12].parse().unwrap(), location, answer)
}

/// The address the program asks to open.
fn address(child: &mut Child) -> (String, BufReader<std::process::ChildStderr>) {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("http://") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "no address was printed");
    }
    (line.trim().to_owned(), said)
}

struct Scene {
    google: Google,
    drive: Drive,
    program: Program,
}

impl Scene {
    async fn new() -> Self {
        let (google, drive) = (Google::start().await, Drive::start().await);
        drive.know_those_of(&google);
        let config = format!(
            "{SMALL}[google]\nendpoint = \"{}\"\n[[destinations]]\nname = \"drive\"\nuri = \"gdrive://root/Rushes\"\nendpoint = \"{}\"\n",
            google.url, drive.url
        );
        Self { google, drive, program: Program::with(&config) }
    }

    fn run(&self, args: &[&str]) -> End {
        end(self.program.start_with(args, &CLIENT))
    }

    /// Logs in, the browser doing as the person does; gives what the page said in the end, and how the program ended.
    fn log_in(&self, does: Consent) -> (String, End) {
        self.google.accounts.set_consent(does);
        let mut child = self.program.start_with(&["auth", "google", "--no-browser"], &CLIENT);
        let (url, mut said) = address(&mut child);
        let (status, location, page) = get(&url);
        assert_eq!(status, 302, "{page}");
        let location = location.unwrap();
        // Browsers open connections in advance, and ask for icons.
        let _idle = TcpStream::connect(location["http://".len()..].split('/').next().unwrap()).unwrap();
        assert_eq!(get(&format!("{}/favicon.ico", location.split("/?").next().unwrap())).0, 404);
        let (_, _, page) = get(&location);
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let mut ended = end(child);
        ended.stderr = rest;
        (page, ended)
    }

    fn login(&self) -> std::path::PathBuf {
        self.program.path("home/credentials/google.json")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_google_keeps_a_login_with_which_files_arrive() {
    let scene = Scene::new().await;
    let none = scene.run(&["auth", "google", "--status", "--json"]).expect(1);
    assert_eq!(none.json()["logged_in"], false);
    let picture = scene.program.path("photo.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1"], &picture);
    let before = scene.run(&["put", "photo.png"]).expect(1);
    assert!(before.stderr.contains("rushes auth google"), "{}", before.stderr);

    let (page, ended) = scene.log_in(Consent::Given);
    let ended = ended.expect(0);
    assert!(page.contains("200 OK") && page.contains("Rushes is logged in"), "{page}");
    let login = scene.login();
    assert_eq!(login.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(login.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let said = format!("{page}{}{}{}", ended.stdout, ended.stderr, scene.run(&["config", "show"]).stdout);
    assert!(!said.contains("1//refresh") && !said.contains(Google::CLIENT_SECRET), "{said}");
    assert_eq!(scene.run(&["auth", "google", "--status", "--json"]).expect(0).json()["logged_in"], true);

    let put = scene.run(&["-v", "put", "photo.png"]).expect(0);
    assert!(put.stderr.contains("Cloud folders created for: Rushes/"), "{}", put.stderr);
    let files = scene.drive.files();
    assert_eq!(files.len(), 1);
    assert!(files[0].path.starts_with("Rushes/") && *files[0].bytes == std::fs::read(&picture).unwrap(), "{}", files[0].path);
    let doctor = scene.run(&["doctor"]);
    assert!(doctor.stdout.contains("write, look, read, list, delete: gdrive://root/Rushes/"), "{}", doctor.stdout);
    scene.drive.set_quota(0);
    let doctor = scene.run(&["doctor"]).expect(1);
    assert!(doctor.stdout.contains("there is no room left in the drive"), "{}", doctor.stdout);

    scene.run(&["auth", "google", "--revoke"]).expect(0);
    assert!(!login.exists() && !scene.google.accounts.is_logged_in());
    assert!(scene.run(&["auth", "google", "--revoke"]).expect(0).stdout.contains("There is no login"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_google_says_why_it_did_not_come_about() {
    let scene = Scene::new().await;
    for (does, words) in [
        (Consent::Refused, "it was refused in the browser"),
        (Consent::Strange, "another page than was opened here"),
        (Consent::WithoutScopes, "the box for Google Drive was left empty"),
    ] {
        let (page, ended) = scene.log_in(does);
        let ended = ended.expect(1);
        assert!(
            ended.stderr.contains(words) && page.contains("400 Bad Request") && page.contains(words),
            "{does:?}: {} {page}",
            ended.stderr
        );
        assert!(!scene.login().exists());
    }
    let late = scene.run(&["auth", "google", "--no-browser", "--wait-s", "1"]).expect(1);
    assert!(late.stderr.contains("nobody agreed within 1 s"), "{}", late.stderr);
    let without = scene.program.run(&["auth", "google"]).expect(1);
    assert!(without.stderr.contains("GOOGLE_CLIENT_ID") && without.stderr.contains("Desktop app"), "{}", without.stderr);

    // A login that was revoked elsewhere: the status and the doctor say so.
    scene.log_in(Consent::Given).1.expect(0);
    scene.google.accounts.log_out();
    for args in [&["auth", "google", "--status"][..], &["doctor"]] {
        let said = scene.run(args).expect(1).stdout;
        assert!(said.contains("revoked") && said.contains("rushes auth google"), "{said}");
    }
    scene.run(&["auth", "google", "--revoke"]).expect(0);
    assert!(!scene.login().exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_google_opens_the_browser() {
    let scene = Scene::new().await;
    let opened = scene.program.path("opened");
    let browser = scene
        .program
        .write("browser", format!("#!/bin/sh\nprintf %s \"$1\" > '{0}.new' && mv '{0}.new' '{0}'\n", opened.display()).as_bytes());
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
    let env = [CLIENT[0], CLIENT[1], ("BROWSER", browser.to_str().unwrap())];
    let child = scene.program.start_with(&["auth", "google", "--json", "--wait-s", "30"], &env);
    Survivor::until_logged(&opened, "http");
    let (_, location, _) = get(&std::fs::read_to_string(&opened).unwrap());
    get(&location.unwrap());
    assert_eq!(end(child).expect(0).json()["logged_in"], true);
}
