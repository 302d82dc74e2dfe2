//! The table `workspace_assets` over HTTP: what an app's own pages, with a user's key, and the worker, with the service key, get.

use super::*;

fn row(user: &str, job: &str, index: u32) -> Value {
    json!({
        "user_id": user, "job_id": job, "asset_index": index, "asset_type": "video", "temp_storage_path": format!("{user}/{job}/{index}.mp4"),
        "thumbnail_path": format!("{user}/{job}/{index}.thumb.webp"), "file_size_bytes": 7_000_000_000_u64, "mime_type": "video/mp4",
        "duration_seconds": 5.25, "generation_seed": u64::MAX, "original_prompt": "a cat; DROP TABLE", "model_used": "wan22",
        "generation_settings": {"steps": 20}, "created_at": "2026-02-06T00:25:30.5+00:00",
    })
}

/// Asks for a table with a key of the project and a token. `wish`: a `Prefer`.
pub(super) async fn ask_table(server: &Supabase, token: &str, method: &str, path: &str, wish: &str, body: &Value) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers =
        [("apikey", &*server.anon_key), ("Authorization", &*authorization), ("Prefer", wish), ("Content-Type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    ask(server.address, method, &format!("/rest/v1/{path}"), &headers, body.as_bytes()).await
}

/// Status and code of a refusal.
fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or("?").to_owned())
}

const SHOWN: &str = "return=representation";

/// The server with a row of each, Mia's key, Ben's key.
async fn two() -> Option<(Supabase, String, String)> {
    let server = Supabase::start().await?;
    let rows = json!([row(MIA, "job-m", 0), row(BEN, "job-b", 0)]);
    let posted = ask_table(&server, &server.service_key, "POST", "workspace_assets", "", &rows).await;
    assert_eq!((posted.status, posted.text().as_str()), (201, ""), "{}", posted.text());
    let (mia, ben) = (server.user_key(MIA, 60), server.user_key(BEN, 60));
    Some((server, mia, ben))
}

#[tokio::test]
async fn supabase_rows_are_written_by_the_service_and_written_again() {
    let Some((server, ..)) = two().await else { return };
    let ask = async |method: &str, path: &str, wish: &str, body: Value| {
        ask_table(&server, &server.service_key, method, &format!("workspace_assets{path}"), wish, &body).await
    };
    let read = ask("GET", "?user_id=eq.6f1e1d4c-0000-4000-8000-000000000001", "", Value::Null).await;
    assert_eq!((read.status, read.header("content-range")), (200, Some("0-0/*")));
    let mut found = read.json()[0].clone();
    let id = found["id"].take();
    assert_eq!(found["expires_at"].take(), json!("2026-02-13T00:25:30.5+00:00"), "seven days after it was made");
    let mut wanted = row(MIA, "job-m", 0);
    (wanted["id"], wanted["expires_at"]) = (Value::Null, Value::Null);
    assert_eq!(found, wanted);
    let again = ask("POST", "", SHOWN, row(MIA, "job-m", 0)).await;
    assert_eq!(
        (refusal(&again), again.json()["message"].as_str()),
        ((409, "23505".into()), Some("duplicate key value violates unique constraint \"workspace_assets_job_id_asset_index_key\""))
    );
    let wish = "resolution=merge-duplicates,return=representation";
    let changed = json!([{"user_id": MIA, "job_id": "job-m", "asset_index": 0, "asset_type": "video", "mime_type": "video/mp4",
        "temp_storage_path": format!("{MIA}/job-m/0.mp4"), "file_size_bytes": 9}]);
    let merged = ask("POST", "?on_conflict=job_id,asset_index&select=id,file_size_bytes,model_used", wish, changed.clone()).await;
    assert_eq!(
        (merged.status, merged.json()),
        (200, json!([{"id": id, "file_size_bytes": 9, "model_used": "wan22"}])),
        "one row, the same"
    );
    let more = json!([row(MIA, "job-m", 0), row(MIA, "job-m", 1)]);
    assert_eq!(ask("POST", "?on_conflict=job_id,asset_index", "resolution=merge-duplicates", more).await.status, 201);
    let ignored = ask("POST", "?on_conflict=job_id,asset_index", "resolution=ignore-duplicates,return=representation", changed).await;
    assert_eq!((ignored.status, ignored.json()), (201, json!([])));
    let listed =
        ask("GET", "?job_id=in.(job-m,job-b)&order=job_id.desc,asset_index.desc&select=asset_index&limit=2&offset=0", "", Value::Null)
            .await;
    assert_eq!(listed.json(), json!([{"asset_index": 1}, {"asset_index": 0}]));
    let patched = ask("PATCH", "?job_id=eq.job-m&asset_index=gte.1", SHOWN, json!({"model_used": "other"})).await;
    assert_eq!((patched.status, patched.json()[0]["model_used"].clone()), (200, json!("other")));
    assert_eq!(ask("DELETE", "?expires_at=lt.2026-02-14", "", Value::Null).await.status, 204, "what has expired is cleared");
    assert_eq!(ask("GET", "", "", Value::Null).await.json(), json!([]));
}

#[tokio::test]
async fn supabase_rows_must_be_what_they_say() {
    let Some((server, ..)) = two().await else { return };
    let with = |name: &str, value: Value| {
        let mut row = row(MIA, "job-x", 0);
        row[name] = value;
        row
    };
    for (body, code) in [
        (with("temp_storage_path", json!(format!("{BEN}/job/0.mp4"))), "23514"),
        (with("temp_storage_path", json!(format!("{MIA}/../{BEN}/job/0.mp4"))), "23514"),
        (with("temp_storage_path", json!(format!("{MIA}0/job/0.mp4"))), "23514"),
        (with("thumbnail_path", json!(format!("{BEN}/job/0.thumb.webp"))), "23514"),
        (with("user_id", json!(BEN)), "23514"),
        (with("file_size_bytes", json!(0)), "23514"),
        (with("asset_type", json!("text")), "23514"),
        (with("asset_index", json!(-1)), "23514"),
        (with("job_id", Value::Null), "23502"),
        (with("user_id", json!("abc")), "22P02"),
        (with("unheard_of", json!(1)), "PGRST204"),
        (json!([row(MIA, "job-x", 0), {"job_id": "x"}]), "PGRST102"),
    ] {
        let answer = ask_table(&server, &server.service_key, "POST", "workspace_assets", SHOWN, &body).await;
        assert_eq!(refusal(&answer), (400, code.to_owned()), "{}", answer.text());
    }
}

#[tokio::test]
async fn supabase_rows_of_others_are_neither_seen_nor_changed() {
    let Some((server, mia, _)) = two().await else { return };
    let service_rows =
        async || ask_table(&server, &server.service_key, "GET", "workspace_assets?order=job_id", "", &Value::Null).await.text();
    let before = service_rows().await;
    let ask = async |method: &str, path: &str, wish: &str, body: Value| {
        ask_table(&server, &mia, method, &format!("workspace_assets{path}"), wish, &body).await
    };
    for path in ["", "?select=*&limit=100", "?user_id=neq.00000000-0000-0000-0000-000000000000", "?job_id=like.*", "?job_id=not.is.null"] {
        let seen = ask("GET", path, "", Value::Null).await.json();
        let owners: Vec<&Value> = seen.as_array().expect("a list").iter().map(|row| &row["user_id"]).collect();
        assert_eq!(owners, [&json!(MIA)], "{path}");
    }
    let of_ben = format!("?user_id=eq.{BEN}");
    for path in [&*of_ben, "?job_id=eq.job-b", &format!("?user_id=eq.{}", BEN.to_uppercase()), &format!("?user_id=in.({BEN})")] {
        let seen = ask("GET", path, "", Value::Null).await;
        assert_eq!((seen.status, seen.json(), seen.header("content-range")), (200, json!([]), Some("*/*")), "{path}");
        let deleted = ask("DELETE", path, SHOWN, Value::Null).await;
        assert_eq!((deleted.status, deleted.json()), (200, json!([])), "{path}");
    }
    for path in [&*of_ben, &format!("?user_id=eq.{MIA}")] {
        for body in [
            json!({"user_id": MIA}),
            json!({"user_id": BEN}),
            json!({"expires_at": "infinity"}),
            json!({"temp_storage_path": format!("{BEN}/job-b/0.mp4")}),
        ] {
            let patched = ask("PATCH", path, SHOWN, body).await;
            assert_eq!(refusal(&patched), (403, "42501".into()), "{path}");
            assert_eq!(patched.json()["message"], "permission denied for table workspace_assets");
        }
    }
    for (path, wish) in [("", ""), ("", SHOWN), ("?on_conflict=job_id,asset_index", "resolution=merge-duplicates")] {
        for body in [row(MIA, "job-new", 0), row(BEN, "job-new", 0), row(MIA, "job-b", 0)] {
            assert_eq!(refusal(&ask("POST", path, wish, body).await), (403, "42501".into()), "{path} {wish}");
        }
    }
    for method in ["DELETE", "PATCH"] {
        let all = ask(method, "", "", json!({"model_used": "x"})).await;
        assert_eq!(refusal(&all), (400, "21000".into()), "all rows at once are nobody's wish");
    }
    assert_eq!(service_rows().await, before);
    let own = ask("DELETE", "?job_id=like.*", SHOWN, Value::Null).await.json();
    assert_eq!((own.as_array().map(Vec::len), own[0]["user_id"].clone()), (Some(1), json!(MIA)), "discarding is theirs");
}

#[tokio::test]
async fn supabase_rows_are_closed_to_who_has_not_signed_in() {
    let Some((server, mia, _)) = two().await else { return };
    let paths = [
        ("GET", "", Value::Null),
        ("DELETE", "?job_id=eq.job-m", Value::Null),
        ("PATCH", "?job_id=eq.job-m", json!({"user_id": BEN})),
        ("POST", "", row(MIA, "j", 0)),
    ];
    for (method, path, body) in &paths {
        let answer = ask_table(&server, &server.anon_key, method, &format!("workspace_assets{path}"), "", body).await;
        assert_eq!(refusal(&answer), (401, "42501".into()), "{method}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let keyless = ask(server.address, "GET", "/rest/v1/workspace_assets", &[("Authorization", &*format!("Bearer {mia}"))], b"").await;
    assert_eq!((keyless.status, keyless.json()["message"].as_str()), (401, Some("No API key found in request")));
    let keyed = ask(server.address, "GET", "/rest/v1/workspace_assets", &[("apikey", &*mia)], b"").await;
    assert_eq!((keyed.status, keyed.json()["message"].as_str()), (401, Some("Invalid API key")), "a user's token is no key of the project");
    let expired = ask_table(&server, &server.user_key(MIA, -60), "GET", "workspace_assets", "", &Value::Null).await;
    assert_eq!((refusal(&expired), expired.json()["message"].as_str()), ((401, "PGRST303".into()), Some("JWT expired")));
    for role in ["postgres_", "supabase_admin"] {
        let made_up = super::super::token::sign(json!({"role": role, "sub": MIA}), 60);
        assert_eq!(refusal(&ask_table(&server, &made_up, "GET", "workspace_assets", "", &Value::Null).await), (401, "22023".into()));
    }
}

#[tokio::test]
async fn supabase_addresses_of_tables_hide_no_statements() {
    let Some((server, mia, _)) = two().await else { return };
    let ask = async |path: &str| ask_table(&server, &mia, "GET", path, "", &Value::Null).await;
    for (path, expected) in [
        ("workspace_assets?user_id=eq.x'%20OR%20true--", (400, "22P02")),
        ("workspace_assets?user_id=eq.1)%20OR%20(true", (400, "22P02")),
        ("workspace_assets?or=(user_id.eq.1)", (400, "PGRST100")),
        ("workspace_assets?user_id=raw.true", (400, "PGRST100")),
        ("workspace_assets?true%20OR%20user_id=eq.1", (400, "42703")),
        ("workspace_assets?user_id%22%20IS%20NULL%20OR%20%22job_id=eq.1", (400, "42703")),
        ("workspace_assets?select=secret", (400, "42703")),
        ("workspace_assets?select=id,(select%20name%20from%20storage.objects)", (400, "42703")),
        ("workspace_assets?order=id;DROP%20TABLE%20workspace_assets", (400, "42703")),
        ("workspace_assets?limit=1%3BSELECT", (400, "PGRST100")),
        ("workspace_assets;SELECT%201", (404, "PGRST205")),
        ("storage.objects", (404, "PGRST205")),
        ("objects", (404, "PGRST205")),
        ("..%2Fworkspace_assets", (404, "PGRST205")),
        ("WORKSPACE_ASSETS", (404, "PGRST205")),
    ] {
        assert_eq!(refusal(&ask(path).await), (expected.0, expected.1.to_owned()), "{path}");
    }
    assert_eq!(ask("workspace_assets?job_id=eq.job-b'").await.json(), json!([]), "a sign is a sign");
    assert_eq!(ask("workspace_assets?original_prompt=eq.a%20cat;%20DROP%20TABLE&select=user_id").await.json(), json!([{"user_id": MIA}]));
}
