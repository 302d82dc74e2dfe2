//! Who has no key, an old one or one of their own making tries everything that there is.

use super::*;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A token with these claims, signed with another secret, or not at all.
fn forged(header: &Value, claims: &Value, secret: Option<&[u8]>) -> String {
    let body = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = secret.map_or_else(Vec::new, |secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length of key will do");
        mac.update(body.as_bytes());
        mac.finalize().into_bytes().to_vec()
    });
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What Mia's key says, with other claims under the old signature.
fn altered(key: &str, claims: &Value) -> String {
    let mut parts: Vec<&str> = key.split('.').collect();
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts[1] = &payload;
    parts.join(".")
}

#[tokio::test]
async fn supabase_forged_and_old_keys_open_nothing() {
    let Some((server, service)) = start().await else { return };
    let key = format!("{MIA}/job/0.png");
    service.put(&format!("workspace-temp/{key}"), b"Mia's").await;
    let row = json!({"user_id": MIA, "job_id": "j", "asset_index": 0, "asset_type": "image", "temp_storage_path": key,
        "file_size_bytes": 5, "mime_type": "image/png"});
    let posted = rows::ask_table(&server, &server.service_key, "POST", "workspace_assets", "", &row).await;
    assert_eq!(posted.status, 201, "{}", posted.text());
    let hs256 = json!({"alg": "HS256", "typ": "JWT"});
    let later = super::super::token::now_s() + 60;
    let claims = json!({"role": "authenticated", "sub": MIA, "exp": later});
    let boss = json!({"role": "service_role", "exp": later});
    let of_ben = server.user_key(BEN, 60);
    let keys = [
        server.user_key(MIA, -60),
        forged(&hs256, &claims, Some(b"a guess of theirs with at least 32 characters")),
        forged(&hs256, &boss, Some(b"")),
        forged(&json!({"alg": "none"}), &claims, None),
        forged(&json!({"alg": "none"}), &boss, None),
        altered(&of_ben, &claims),
        altered(&server.anon_key, &boss),
        format!("{of_ben}A"),
        String::new(),
        "null".to_owned(),
    ];
    for intruder in &keys {
        everything_is_refused(&server, &key, intruder).await;
        let read = rows::ask_table(&server, intruder, "GET", "workspace_assets", "", &Value::Null).await;
        let code = read.json()["code"].as_str().unwrap_or("?").to_owned();
        assert!(read.status == 401 && code.starts_with("PGRST30"), "{intruder}: {}", read.text());
        assert!(read.header("www-authenticate").is_some_and(|told| told.contains("invalid_token")), "{}", read.head);
        let deleted = rows::ask_table(&server, intruder, "DELETE", "workspace_assets?job_id=eq.j", "", &Value::Null).await;
        assert_eq!(deleted.status, 401, "{intruder}");
    }
    // Sound keys that have nothing to do with Mia: nobody's, Ben's, a user's without a name.
    for stranger in [server.anon_key.clone(), of_ben, super::super::token::sign(json!({"role": "authenticated"}), 60)] {
        everything_is_refused(&server, &key, &stranger).await;
    }
    let rows = rows::ask_table(&server, &server.service_key, "GET", "workspace_assets", "", &Value::Null).await.json();
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
}

/// Everything the storage can be asked about an object, by somebody who may do nothing.
async fn everything_is_refused(server: &Supabase, key: &str, intruder: &str) {
    let asker = Asker::new(server.address, intruder);
    let (object, other) = (format!("/object/workspace-temp/{key}"), format!("{MIA}/other.png"));
    let ends = json!({"bucketId": "workspace-temp", "sourceKey": key, "destinationKey": other}).to_string();
    let prefixes = json!({"prefixes": [key]}).to_string();
    let (listed, signed) = (json!({"prefix": MIA}).to_string(), json!({"expiresIn": 60}).to_string());
    let asked: Vec<(&str, String, &[u8])> = vec![
        ("GET", object.clone(), b""),
        ("HEAD", object.clone(), b""),
        ("GET", format!("/object/authenticated/workspace-temp/{key}"), b""),
        ("GET", format!("/object/public/workspace-temp/{key}"), b""),
        ("GET", format!("/object/info/workspace-temp/{key}"), b""),
        ("POST", object.clone(), b"theirs"),
        ("PUT", object.clone(), b"theirs"),
        ("POST", format!("/object/workspace-temp/{other}"), b"theirs"),
        ("POST", "/object/move".into(), ends.as_bytes()),
        ("POST", "/object/copy".into(), ends.as_bytes()),
        ("POST", format!("/object/sign/workspace-temp/{key}"), signed.as_bytes()),
        ("POST", "/object/list/workspace-temp".into(), listed.as_bytes()),
        ("POST", "/object/list-v2/workspace-temp".into(), listed.as_bytes()),
        ("PUT", "/bucket/workspace-temp".into(), b"{\"public\": true}"),
        ("DELETE", object, b""),
        ("DELETE", "/object/workspace-temp".into(), prefixes.as_bytes()),
    ];
    for (method, path, body) in asked {
        let answer = asker.ask(method, &path, &[("x-upsert", "true")], body).await;
        let (is_listing, text) = (path.contains("/list") || path == "/object/workspace-temp", answer.text());
        assert!(answer.status == 400 || (is_listing && answer.status == 200), "{method} {path} {intruder}: {} {text}", answer.status);
        assert!(!text.contains("Mia's") && !text.contains("0.png"), "{method} {path} {intruder}: {text}");
    }
    let begun = asker.begin(&other, 6, &[]).await;
    assert!(begun.status == 403 || begun.status == 400, "{intruder}: {}", begun.status);
    let objects = server.objects().await;
    assert!(objects.len() == 1 && objects[0].bytes == b"Mia's", "{intruder}: {objects:?}");
}
