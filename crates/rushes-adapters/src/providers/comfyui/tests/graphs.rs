//! Graphs as files: what they are refused for, and what they are filled with.

use super::*;
use std::io::Write;

fn own(graph: &str, inputs: &str) -> Result<Graph, Fault> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("mine.json", graph), ("mine.inputs.toml", inputs)] {
        std::fs::File::create(folder.path().join(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }
    Graph::open(&folder.path().join("mine.json"))
}

const NODES: &str = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": ""}}}"#;
const INPUTS: &str = "output = \"2\"\n[inputs]\nwidth = { kind = \"int\", at = [\"1.width\"] }\nprefix = { kind = \"prefix\", at = [\"2.filename_prefix\"] }\n";

#[test]
fn comfyui_graphs_are_refused_for_what_is_wrong_with_them() {
    assert!(own(NODES, INPUTS).is_ok());
    for (graph, inputs, words) in [
        ("[]", INPUTS.to_owned(), "it is not what ComfyUI exports"),
        (r#"{"1": {"type": "EmptyImage"}}"#, INPUTS.to_owned(), "Export (API)"),
        (NODES, INPUTS.replace("output = \"2\"", "output = \"9\""), "its output is node 9"),
        (NODES, INPUTS.replace("1.width", "1.breadth"), "its input width stands at 1.breadth, and there is none"),
        (NODES, INPUTS.replace("\"int\"", "\"number\""), "unknown variant"),
        (NODES, INPUTS.replace("\"prefix\"", "\"text\""), "no input of kind prefix"),
    ] {
        let fault = own(graph, &inputs).unwrap_err();
        assert_eq!(fault.code, Code::ConfigInvalid);
        says(&fault, words);
    }
    assert_eq!(Graph::open(&PathBuf::from("/nowhere.json")).unwrap_err().code, Code::FileMissing);
}

#[test]
fn comfyui_graphs_are_filled_by_name() {
    for graph in [Graph::sdxl(), Graph::wan22_i2v()] {
        let fault = graph.filled(&Inputs::from([("prefix", json!("x"))])).unwrap_err();
        says(&fault, "each job needs its own");
    }
    let graph = Graph::wan22_i2v();
    let given = [("first_frame", json!("rushes/a.png")), ("seed", json!(7)), ("prefix", json!("u/j")), ("num_inference_steps", json!(8))];
    let filled = graph.filled(&Inputs::from(given.clone())).unwrap();
    for node in ["11", "12"] {
        assert_eq!((&filled[node]["inputs"]["noise_seed"], &filled[node]["inputs"]["steps"]), (&json!(7), &json!(8)));
    }
    assert_eq!(graph.value(&filled, "first_frame"), "rushes/a.png");
    assert_eq!((graph.value(&filled, "frames"), graph.side(721)), (&json!(81), 736));
    for (name, value, words) in
        [("dance", json!("x"), "names no such input"), ("frames", json!("many"), "not of its kind"), ("seed", json!(-1), "not of its kind")]
    {
        let mut wrong = Inputs::from(given.clone());
        wrong.insert(name, value);
        says(&graph.filled(&wrong).unwrap_err(), words);
    }
    assert!(graph.model().starts_with("wan22_i2v-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_graphs_are_checked_against_what_it_knows() {
    let stand = Stand::new().await;
    for graph in [Graph::sdxl(), Graph::wan22_i2v()] {
        let info = stand.client.node_info(&graph.classes()).await.unwrap();
        graph.check(&info).unwrap();
    }
    for (from, to, words) in [
        ("EmptyImage", "EmptyPicture", "1 (EmptyPicture)): this ComfyUI knows no such node"),
        ("\"color\"", "\"colour\"", "knows no input colour of it"),
        (", \"color\": 0", "", "its input color is missing"),
    ] {
        let graph = own(&NODES.replace(from, to), INPUTS).unwrap();
        let info = stand.client.node_info(&graph.classes()).await.unwrap();
        let fault = graph.check(&info).unwrap_err();
        assert_eq!(fault.code, Code::ConfigInvalid);
        says(&fault, words);
    }
    // Newer nodes keep their lists in another place.
    let wrong =
        r#"{"1": {"class_type": "SaveVideo", "inputs": {"video": ["2", 0], "filename_prefix": "", "format": "avi", "codec": "h264"}}}"#;
    let graph = own(wrong, "output = \"1\"\n[inputs]\nprefix = { kind = \"prefix\", at = [\"1.filename_prefix\"] }\n").unwrap();
    let info = stand.client.node_info(&graph.classes()).await.unwrap();
    says(&graph.check(&info).unwrap_err(), "no format \"avi\" (it has auto, mp4)");
}
