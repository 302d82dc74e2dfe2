//! Models are fetched from addresses: the very files are installed, and nothing else ever is.

use crate::support::program::Program;
use rushes_testkit::shared::models;
use rushes_testkit::webhooks::{Receiver, Reply};
use std::path::PathBuf;

const DETECTOR: &str = "yunet_n_640_640.onnx";
const EMBEDDER: &str = "dlib_resnet_v1.onnx";

async fn stand() -> (Receiver, Program) {
    let server = Receiver::start().await;
    let at = |file: &str| server.url.replace("/hook", &format!("/{file}?signature=secret"));
    let program = Program::with(&format!("[faces]\ndetector_url = \"{}\"\nembedder_url = \"{}\"\n", at(DETECTOR), at(EMBEDDER)));
    (server, program)
}

fn files(program: &Program) -> Vec<String> {
    let folder = std::fs::read_dir(program.path("home/models"));
    let mut names: Vec<_> = folder.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn models_that_are_not_the_very_files_are_not_installed() {
    let (server, program) = stand().await;
    let wrong = Reply::Whole(200, Vec::new(), vec![7; 300_000]);
    let cases = [
        (vec![wrong], "its SHA-256 is"),
        (vec![Reply::Status(404)], "404"),
        (vec![Reply::Endless], "which is more than is taken"),
        // Tried three times, and no more.
        (vec![Reply::Cut(317_466, vec![7; 1000]); 3], "could not be fetched"),
    ];
    let mut asked = 0;
    for (replies, said) in cases {
        asked += replies.len();
        server.plan(replies);
        let end = program.run(&["models", "fetch"]);
        assert!(end.code != 0 && end.stderr.contains(said) && end.stderr.contains("faces.detector_url"), "{}", end.stderr);
        assert!(!end.stderr.contains("secret"), "{}", end.stderr);
        assert_eq!((files(&program), server.received().len()), (Vec::<String>::new(), asked));
    }
    let program = Program::with("");
    let end = program.run(&["models", "fetch"]);
    assert!(end.stderr.contains("rushes models install") && end.stderr.contains("faces.detector_url"), "{}", end.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_fetched_and_installed_once() {
    let Some([detector, embedder]) = models() else { return };
    let (server, program) = stand().await;
    let whole = |file: PathBuf| Reply::Whole(200, Vec::new(), std::fs::read(file).unwrap());
    // The first connection breaks: the second brings it.
    server.plan([Reply::Cut(317_466, vec![7; 1000]), whole(detector), whole(embedder)]);
    program.run(&["models", "fetch"]).expect(0);
    assert_eq!(files(&program), [EMBEDDER, DETECTOR]);
    program.run(&["models", "fetch"]).expect(0);
    let paths: Vec<String> = server.received().into_iter().map(|one| one.path).collect();
    let [detector, embedder] = [DETECTOR, EMBEDDER].map(|file| format!("/{file}?signature=secret"));
    assert_eq!(paths, [detector.clone(), detector, embedder], "what is installed is not asked for");
    program.run(&["models", "status"]).expect(0);
}
