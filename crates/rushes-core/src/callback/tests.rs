//! What an app is told of its jobs.

use super::*;
use crate::delivery::{Link, Route};
use crate::fault::Fault;
use crate::ids::JobId;
use crate::job::{Asked, JobState};
use crate::record::asset_of;
use crate::{Code, Kind};
use uuid::Uuid;

fn job(state: JobState, value: Option<Value>, fault: Option<Fault>) -> Job {
    Job {
        id: JobId(Uuid::nil()),
        workflow: WORKFLOW.into(),
        version: 1,
        input: json!({"id": "app-7", "user_id": "mia", "type": "sdxl_image_fast", "metadata": {"page": 3}}),
        state,
        waiting_for: None,
        value,
        fault,
        parent: None,
        child_name: None,
        root: JobId(Uuid::nil()),
        collection: None,
        asked: Asked::default(),
        tries: 1,
        cancel: false,
        created_ms: 0,
        started_ms: None,
        updated_ms: 0,
        ended_ms: Some(1_000),
    }
}

fn routes() -> Routes {
    Routes { destinations: vec![Route { name: "cloud".into(), ..Route::default() }], ..Routes::default() }
}

fn listed(kind: Kind, index: u32, end: &str, state: DeliveryState, link: Option<&str>) -> Listed {
    let path = format!("mia/app-7/{index}.{end}");
    let entry = json!({
        "asset": format!("asset_00000000-0000-7000-8000-0000000000{index:02}"), "kind": kind, "sha256": "ab".repeat(32), "size_bytes": 7, "mime": "image/png",
        "path": path, "seed": 5, "width": 64, "height": 48, "duration_ms": 2_500, "meta": {"asset_index": index, "model": "sdxl"},
    });
    let asset = asset_of(&entry, "mia", JobId(Uuid::nil())).unwrap();
    let delivery = Delivery {
        asset: asset.id,
        destination: "cloud".into(),
        key: path.clone(),
        state,
        uri: Some(format!("supabase://workspace-temp/{path}")),
        link: link.map(|url| Link { url: url.into(), until_ms: None }),
        proof: None,
        rendition: None,
        proven_ms: Some(1),
        last_fault: None,
    };
    (asset, vec![delivery])
}

fn told(job: &Job, listed: Vec<Listed>) -> Value {
    let body = callback_body(job, &Family { jobs: vec![job.clone()], listed, subjects: Vec::new() }, &routes());
    serde_json::from_str(&body).unwrap()
}

#[test]
fn callback_tells_the_app_of_its_job_and_of_each_result() {
    let value = json!({"job_id": "app-7", "user_id": "mia", "type": "sdxl_image_fast", "metadata": {"page": 3}, "text": null});
    let done = DeliveryState::Proven;
    let made = vec![
        listed(Kind::WorkspaceVideo, 1, "mp4", done, Some("https://p.example/signed")),
        listed(Kind::Thumbnail, 0, "thumb.webp", done, None),
        listed(Kind::WorkspaceImage, 0, "png", done, None),
        listed(Kind::WorkspaceImage, 2, "png", DeliveryState::Refused, None),
    ];
    let body = told(&job(JobState::Completed, Some(value), None), made);
    assert_eq!((&body["job_id"], &body["status"], &body["metadata"]), (&json!("app-7"), &json!("completed"), &json!({"page": 3})));
    assert_eq!((&body["error_message"], body.get("text")), (&Value::Null, None));
    let [first, second] = &body["assets"].as_array().unwrap()[..] else { panic!("those proven, in their order: {body}") };
    let wanted = json!({
        "type": "image", "url": "workspace-temp/mia/app-7/0.png", "thumbnail_url": "workspace-temp/mia/app-7/0.thumb.webp",
        "metadata": {"asset_id": "asset_00000000-0000-7000-8000-000000000000", "width": 64, "height": 48, "format": "png", "seed": 5,
            "file_size_bytes": 7, "asset_index": 0, "duration_seconds": 2.5, "model": "sdxl", "sha256": "ab".repeat(32)},
        "temp_storage_path": "mia/app-7/0.png", "file_size_bytes": 7, "mime_type": "image/png", "generation_seed": 5, "asset_index": 0,
        "duration_seconds": 2.5, "width": 64, "height": 48,
    });
    assert_eq!(first, &wanted);
    assert_eq!(
        (&second["type"], &second["url"], &second["thumbnail_url"]),
        (&json!("video"), &json!("https://p.example/signed"), &Value::Null)
    );
}

#[test]
fn callback_of_a_job_that_failed_or_talked_says_so() {
    let fault = Fault::new(Code::ProviderRefused, "draw").because("no such model");
    let body = told(&job(JobState::Failed, None, Some(fault)), Vec::new());
    assert_eq!((&body["job_id"], &body["status"], &body["metadata"]), (&json!("app-7"), &json!("failed"), &json!({"page": 3})));
    assert!(body["error_message"].as_str().unwrap().contains("no such model"), "{body}");
    let mut unnamed = job(JobState::Cancelled, None, None);
    unnamed.input = json!({"user_id": "mia"});
    let body = told(&unnamed, Vec::new());
    assert_eq!((&body["job_id"], &body["status"], &body["assets"]), (&json!(Uuid::nil()), &json!("cancelled"), &json!([])));
    let talked = json!({"job_id": "app-7", "text": {"reply": "hello"}, "metadata": {}});
    assert_eq!(told(&job(JobState::Completed, Some(talked), None), Vec::new())["text"], json!({"reply": "hello"}));
    let long = json!({"job_id": "app-7", "metadata": "x".repeat(BODY_MAX_BYTES), "text": null});
    assert_eq!(told(&job(JobState::Completed, Some(long), None), Vec::new())["metadata"], Value::Null);
}
