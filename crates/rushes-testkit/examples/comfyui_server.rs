//! The server that behaves as ComfyUI does, as a process: `cargo run -p rushes-testkit --example comfyui_server -- --port 8188`.

#[tokio::main]
async fn main() {
    rushes_testkit::comfyui::process(std::env::args().skip(1)).await;
}
