//! The server as a process: killed as a machine kills, it comes back with its files and without its memory.

use super::*;
use crate::comfyui::process;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const ARGUMENTS: &str = "RUSHES_TEST_COMFYUI";

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This test program once more, as the server; its address.
#[expect(clippy::disallowed_methods, reason = "the process under test is the test program itself")]
fn start(arguments: &str) -> (Process, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["comfyui_server_serves_as_a_process", "--ignored", "--nocapture"]).env(ARGUMENTS, arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let child = Process(child);
    // What runs tests writes lines of its own around it.
    let url = lines.map_while(Result::ok).find_map(|line| Some(line[line.find("http://")?..].to_owned()));
    (child, url.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is the process that the test below starts"]
async fn comfyui_server_serves_as_a_process() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    process(arguments.split(' ').map(str::to_owned)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_server_killed_comes_back_with_its_files_alone() {
    let home = tempfile::tempdir().unwrap();
    let named = format!("--home {} --vram-gb 12 --step-ms 1", home.path().display());
    let (process, url) = start(&named);
    let mut server = ComfyUi::start().await;
    server.address = url.strip_prefix("http://").unwrap().parse().unwrap();
    assert_eq!(upload(&server, "a.png", "", true, &png(64, 64, 1, &[])).await.0, 200);
    let graph = json!({
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    });
    ask(&server, "POST /prompt", &json!({"prompt": graph, "prompt_id": "a"})).await;
    while ask(&server, "GET /history/a", &Value::Null).await.json()["a"].is_null() {}
    drop(process);
    assert!(TcpStream::connect(server.address).await.is_err());
    let (_process, _) = start(&format!("{named} --port {}", server.address.port()));
    assert_eq!(ask(&server, "GET /history/a", &Value::Null).await.json(), json!({}));
    assert_eq!(ask(&server, "GET /view?filename=x_00001_.png&type=output", &Value::Null).await.0, 200);
}
