//! Rows on the server shaped like Supabase, with a real Postgres behind it.

use super::*;
use rushes_testkit::supabase::Supabase;
use std::sync::Arc;
use uuid::Uuid;

const MIA: &str = "6f1e1d4c-0000-4000-8000-000000000001";

fn settings(server: &Supabase) -> WorkspaceSettings {
    WorkspaceSettings {
        endpoint: server.url.clone(),
        key: server.service_key.clone(),
        days: BTreeMap::from([(Kind::WorkspaceImage, 7)]),
        http: HttpOptions::default(),
    }
}

async fn start() -> Option<(Supabase, SupabaseCatalog)> {
    let server = Supabase::start().await?;
    let catalog = SupabaseCatalog::new(settings(&server)).unwrap();
    Some((server, catalog))
}

fn asset(n: u128) -> AssetId {
    AssetId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n))
}

/// A record as the outbox hands it on.
fn record(n: u128, kind: &str, (job, index): (&str, u64), rev: u64) -> Record {
    let end = if kind == "thumbnail" { "thumb.webp" } else { "png" };
    let path = format!("{MIA}/{job}/{index}.{end}");
    let meta = if kind == "thumbnail" {
        json!({"job_id": job, "asset_index": index})
    } else {
        json!({"job_id": job, "asset_index": index, "prompt": "a cat; DROP TABLE", "model": "sdxl", "settings": {"guidance_scale": 7.5, "seed": u64::MAX}})
    };
    let fields = json!({
        "asset": asset(n), "uri": format!("supabase://workspace-temp/{path}"), "sha256": "a".repeat(64), "size_bytes": 1_234, "kind": kind,
        "version": 1, "path": path, "mime": "image/png", "title": "primary", "idx": index, "seed": u64::MAX, "width": 1024, "height": null,
        "duration_ms": null, "created_ms": 1_770_337_530_500_i64, "meta": meta, "owner": MIA,
    });
    Record { collection: COLLECTION.into(), id: asset(n).to_string(), rev, fields }
}

fn picture(n: u128, rev: u64) -> Record {
    record(n, "workspace_image", ("job-m", 0), rev)
}

fn thumbnail(n: u128, rev: u64) -> Record {
    record(n, "thumbnail", ("job-m", 0), rev)
}

async fn rows(catalog: &SupabaseCatalog) -> Vec<Value> {
    catalog.ask(Method::GET, &[("order", "job_id,asset_index")], "count=none", &Value::Null, "look").await.unwrap()
}

#[tokio::test]
async fn supabase_rows_hold_a_record_and_give_it_back_as_it_was() {
    let Some((_server, catalog)) = start().await else { return };
    assert!(catalog.get(COLLECTION, &asset(1).to_string()).await.unwrap().is_none(), "absence is an answer");
    catalog.put(&picture(1, 3)).await.unwrap();
    assert_eq!(catalog.get(COLLECTION, &asset(1).to_string()).await.unwrap(), Some(picture(1, 3)));
    let mut row = rows(&catalog).await.remove(0);
    let mut kept = row["generation_settings"].take();
    let ours = kept["rushes"].take();
    assert_eq!((&ours["sha256"], &ours["rev"], &ours["writes"]), (&json!("a".repeat(64)), &json!(3), &json!(1)));
    assert_eq!(kept, json!({"guidance_scale": 7.5, "seed": u64::MAX, "rushes": null}), "the app reads what was asked");
    let wanted = json!({
        "id": asset(1).0, "user_id": MIA, "job_id": "job-m", "asset_index": 0, "asset_type": "image",
        "temp_storage_path": format!("{MIA}/job-m/0.png"), "thumbnail_path": null, "file_size_bytes": 1_234, "mime_type": "image/png",
        "duration_seconds": null, "generation_seed": u64::MAX, "original_prompt": "a cat; DROP TABLE", "model_used": "sdxl",
        "generation_settings": null, "created_at": "2026-02-06T00:25:30.5+00:00", "expires_at": "2026-02-13T00:25:30.5+00:00",
    });
    assert_eq!(row, wanted);
}

#[tokio::test]
async fn supabase_rows_change_only_by_a_higher_rev_and_keep_what_others_wrote() {
    let Some((_server, catalog)) = start().await else { return };
    catalog.put(&picture(1, 3)).await.unwrap();
    let mut said = rows(&catalog).await.remove(0)["generation_settings"].take();
    said["theirs"] = json!(1);
    let all = [("job_id", "eq.job-m")];
    catalog.ask(Method::PATCH, &all, "return=representation", &json!({"generation_settings": said}), "play the app").await.unwrap();
    for rev in [2, 3] {
        let mut older = picture(1, rev);
        older.fields["size_bytes"] = json!(rev);
        catalog.put(&older).await.unwrap();
        assert_eq!(rows(&catalog).await[0]["file_size_bytes"], 1_234, "rev {rev}");
    }
    let mut newer = picture(1, 4);
    newer.fields["size_bytes"] = json!(4);
    catalog.put(&newer).await.unwrap();
    let row = rows(&catalog).await.remove(0);
    assert_eq!((&row["file_size_bytes"], &row["generation_settings"]["theirs"]), (&json!(4), &json!(1)));
    // A film made anew has the place; the record of the one before comes too late.
    let mut anew = picture(2, 1);
    (anew.fields["version"], anew.fields["size_bytes"]) = (json!(2), json!(9));
    catalog.put(&anew).await.unwrap();
    catalog.put(&picture(1, 50)).await.unwrap();
    catalog.delete(COLLECTION, &asset(1).to_string()).await.unwrap();
    let all = rows(&catalog).await;
    assert_eq!((all.len(), &all[0]["id"], &all[0]["file_size_bytes"]), (1, &json!(asset(2).0), &json!(9)));
}

#[tokio::test]
async fn supabase_rows_hold_the_record_of_their_thumbnail() {
    let Some((_server, catalog)) = start().await else { return };
    let early = catalog.put(&thumbnail(7, 1)).await.unwrap_err();
    assert!(early.is_transient() && early.code == Code::CatalogDown && early.to_string().contains("no row yet"), "{early}");
    catalog.put(&picture(1, 1)).await.unwrap();
    catalog.put(&thumbnail(7, 1)).await.unwrap();
    catalog.put(&picture(1, 2)).await.unwrap();
    let id = asset(7).to_string();
    assert_eq!(catalog.get(COLLECTION, &id).await.unwrap(), Some(thumbnail(7, 1)), "the picture's record leaves it alone");
    assert_eq!(catalog.get(COLLECTION, &asset(1).to_string()).await.unwrap(), Some(picture(1, 2)));
    let row = rows(&catalog).await.remove(0);
    assert_eq!(
        (&row["thumbnail_path"], row["generation_settings"]["rushes"]["writes"].as_u64()),
        (&json!(format!("{MIA}/job-m/0.thumb.webp")), Some(3))
    );
    let ids = [asset(1).to_string(), id.clone()];
    assert_eq!(catalog.list(COLLECTION, None).await.unwrap(), ids, "both, in byte order");
    assert_eq!(catalog.list(COLLECTION, Some(&ids[0])).await.unwrap(), ids[1..], "a cursor goes on behind itself");
    catalog.delete(COLLECTION, &id).await.unwrap();
    catalog.delete(COLLECTION, &id).await.unwrap();
    assert!(catalog.get(COLLECTION, &id).await.unwrap().is_none());
    assert_eq!(rows(&catalog).await[0]["thumbnail_path"], Value::Null);
    catalog.put(&thumbnail(7, 2)).await.unwrap();
    catalog.delete(COLLECTION, &asset(1).to_string()).await.unwrap();
    assert!(rows(&catalog).await.is_empty() && catalog.get(COLLECTION, &id).await.unwrap().is_none(), "it goes with its row");
}

#[tokio::test]
async fn supabase_rows_are_refused_in_words_where_they_cannot_be() {
    let Some((server, catalog)) = start().await else { return };
    let with = |field: &str, value: Value| {
        let mut record = picture(1, 1);
        record.fields[field] = value;
        record
    };
    for (record, says) in [
        (with("owner", json!("ana")), "a row belongs to a user, whose id is a UUID"),
        (with("uri", Value::Null), "not at the first destination"),
        (with("kind", json!("dance_video")), "only pictures, films and thumbnails"),
        (with("size_bytes", json!(0)), "violates check constraint"),
        (with("owner", json!("6f1e1d4c-0000-4000-8000-000000000002")), "workspace_assets_own_paths"),
        (Record { collection: "characters".into(), ..picture(1, 1) }, "only pictures, films and thumbnails"),
    ] {
        let fault = catalog.put(&record).await.unwrap_err();
        assert!(fault.code == Code::DestinationRefused && !fault.is_transient() && fault.to_string().contains(says), "{fault}");
    }
    let stranger = SupabaseCatalog::new(WorkspaceSettings { key: server.anon_key.clone(), ..settings(&server) }).unwrap();
    let fault = stranger.put(&picture(1, 1)).await.unwrap_err();
    assert!(fault.code == Code::DestinationRefused && fault.to_string().contains("service key"), "{fault}");
    let unmade = SupabaseCatalog { base: format!("{}/rest/v1/workspace", server.url), ..SupabaseCatalog::new(settings(&server)).unwrap() };
    let fault = unmade.put(&picture(1, 1)).await.unwrap_err();
    assert!(fault.code == Code::DestinationRefused && fault.to_string().contains("apply deploy/supabase"), "{fault}");
    let nobody = SupabaseCatalog::new(WorkspaceSettings { endpoint: "http://127.0.0.1:9".into(), ..settings(&server) }).unwrap();
    let fault = nobody.get(COLLECTION, &asset(1).to_string()).await.unwrap_err();
    assert!(fault.code == Code::CatalogDown && fault.is_transient(), "{fault}");
    assert!(catalog.list("characters", None).await.unwrap().is_empty() && catalog.get(COLLECTION, "x").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn supabase_rows_lose_nothing_of_many_writers() {
    let Some((_server, catalog)) = start().await else { return };
    let catalog = Arc::new(catalog);
    catalog.put(&picture(1, 1)).await.unwrap();
    let writers = (0..8_u64).map(|writer| {
        let catalog = catalog.clone();
        tokio::spawn(async move {
            for change in 0..10 {
                let rev = 2 + change * 8 + writer;
                let mut of_picture = picture(1, rev);
                of_picture.fields["size_bytes"] = json!(rev);
                for record in [of_picture, thumbnail(7, rev)] {
                    // As the outbox does: what passes is tried again.
                    while let Err(fault) = catalog.put(&record).await {
                        assert!(fault.is_transient(), "{fault}");
                    }
                }
            }
        })
    });
    for one in writers.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    let (whole, small) = (catalog.get(COLLECTION, &asset(1).to_string()).await, catalog.get(COLLECTION, &asset(7).to_string()).await);
    let (whole, small) = (whole.unwrap().unwrap(), small.unwrap().unwrap());
    assert_eq!((whole.rev, &whole.fields["size_bytes"], small.rev), (81, &json!(81), 81));
    assert_eq!(rows(&catalog).await[0]["file_size_bytes"], 81, "columns and record are of one writing");
}

#[tokio::test]
async fn supabase_rows_that_the_app_made_are_taken_over_and_not_listed() {
    let Some((_server, catalog)) = start().await else { return };
    let made = json!({"user_id": MIA, "job_id": "job-m", "asset_index": 0, "asset_type": "image", "temp_storage_path": format!("{MIA}/job-m/old.png"),
        "file_size_bytes": 5, "mime_type": "image/png", "generation_settings": null});
    catalog.ask(Method::POST, &[], "return=representation", &made, "play the app").await.unwrap();
    assert!(catalog.list(COLLECTION, None).await.unwrap().is_empty(), "no record of ours");
    catalog.put(&picture(1, 1)).await.unwrap();
    let all = rows(&catalog).await;
    assert_eq!((all.len(), &all[0]["id"], &all[0]["file_size_bytes"]), (1, &json!(asset(1).0), &json!(1_234)));
}
