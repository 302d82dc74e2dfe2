//! Folders of users by the storage's own interface: who is signed in tries everything on what is another's.

use super::*;

const OWN: &str = "6f1e1d4c-0000-4000-8000-000000000001/job/0.png";
const BENS: &str = "6f1e1d4c-0000-4000-8000-000000000002/job/0.png";

/// The server with an object of each, Mia, Ben.
async fn three() -> Option<(Supabase, Asker, Asker)> {
    let (server, service) = start().await?;
    for (key, bytes) in [(OWN, b"Mia's"), (BENS, b"Ben's")] {
        assert_eq!(service.put(&format!("workspace-temp/{key}"), bytes).await.status, 200);
    }
    let (mia, ben) = (Asker::new(server.address, &server.user_key(MIA, 60)), Asker::new(server.address, &server.user_key(BEN, 60)));
    Some((server, mia, ben))
}

/// Keys and bytes of all objects.
async fn kept(server: &Supabase) -> Vec<(String, String)> {
    server.objects().await.into_iter().map(|object| (object.key, String::from_utf8_lossy(&object.bytes).into_owned())).collect()
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|row| row["name"].as_str().unwrap_or("?").to_owned()).collect()
}

#[tokio::test]
async fn supabase_folders_of_others_cannot_be_read_listed_written_or_emptied() {
    let Some((server, mia, _)) = three().await else { return };
    let before = kept(&server).await;
    for path in ["", "authenticated/", "info/", "info/authenticated/"] {
        let read = mia.ask("GET", &format!("/object/{path}workspace-temp/{BENS}"), &[], b"").await;
        assert_eq!(read.refusal(), told(400, "404", "not_found"), "{path}");
    }
    let public = mia.ask("GET", &format!("/object/public/workspace-temp/{BENS}"), &[], b"").await;
    assert_eq!(public.refusal(), told(400, "404", "Bucket not found"));
    for prefix in [BEN, &BEN.to_uppercase(), &format!("{BEN}/job"), &format!("{MIA}/../{BEN}")] {
        let listed = mia.post_json("/object/list/workspace-temp", json!({"prefix": prefix, "limit": 100})).await.json();
        assert_eq!(names(&listed), Vec::<String>::new(), "{prefix}");
        let flat = mia.post_json("/object/list-v2/workspace-temp", json!({"prefix": prefix})).await.json();
        assert_eq!(names(&flat["objects"]), Vec::<String>::new(), "{prefix}");
    }
    assert_eq!(names(&mia.post_json("/object/list/workspace-temp", json!({"prefix": ""})).await.json()), [MIA], "nor its name");
    assert_eq!(mia.ask("GET", "/bucket", &[], b"").await.json(), json!([]));
    for (method, headers) in [("POST", &[][..]), ("PUT", &[]), ("POST", &[("x-upsert", "true")])] {
        let written = mia.ask(method, &format!("/object/workspace-temp/{BENS}"), headers, b"mine").await;
        assert_eq!(written.refusal(), told(400, "403", "Unauthorized"), "{method} {headers:?}");
        assert_eq!(written.json()["message"], "new row violates row-level security policy");
    }
    let deleted = mia.ask("DELETE", &format!("/object/workspace-temp/{BENS}"), &[], b"").await;
    assert_eq!(deleted.refusal(), told(400, "403", "Unauthorized"));
    let many = json!({"prefixes": [BENS, BEN, format!("{MIA}/../{BENS}")]}).to_string();
    assert_eq!(mia.ask("DELETE", "/object/workspace-temp", &[], many.as_bytes()).await.json(), json!([]));
    assert_eq!(kept(&server).await, before);
    let own = json!({"prefixes": [OWN, BENS]}).to_string();
    assert_eq!(names(&mia.ask("DELETE", "/object/workspace-temp", &[], own.as_bytes()).await.json()), [OWN], "theirs goes, no more");
    assert_eq!(kept(&server).await, &before[1..]);
}

#[tokio::test]
async fn supabase_names_that_nearly_mean_another_folder_are_refused() {
    let Some((server, mia, _)) = three().await else { return };
    let before = kept(&server).await;
    let capital = MIA.to_uppercase();
    for name in [
        format!("{capital}/x.png"),
        format!("{MIA}0/x.png"),
        format!("{}/x.png", &MIA[..35]),
        MIA.to_owned(),
        format!("/{MIA}/x.png"),
        format!("%2F{MIA}/x.png"),
        format!("./{MIA}/x.png"),
        format!("{BEN}/../{MIA}/x.png"),
        format!("{MIA}/../{BEN}/x.png"),
        format!("{MIA}%2F..%2F{BEN}%2Fx.png"),
        format!("{MIA}/%2e%2e/{BEN}/x.png"),
        format!("{MIA}/%2E./x.png"),
        format!("{MIA}/job/.."),
        format!("{MIA}/./x.png"),
    ] {
        for headers in [&[][..], &[("x-upsert", "true")]] {
            let refused = mia.ask("POST", &format!("/object/workspace-temp/{name}"), headers, b"x").await;
            assert_eq!(refused.refusal(), told(400, "403", "Unauthorized"), "{name}");
        }
        let key = super::super::names::decode(&name).expect("a name");
        let begun = mia.begin(&key, 1, &[]).await;
        assert_eq!((begun.status, begun.text().as_str()), (403, "new row violates row-level security policy"), "{name}");
        for path in ["move", "copy"] {
            let body = json!({"bucketId": "workspace-temp", "sourceKey": OWN, "destinationKey": key});
            assert_eq!(mia.post_json(&format!("/object/{path}"), body).await.refusal(), told(400, "403", "Unauthorized"), "{path} {name}");
        }
    }
    let twice = mia.put(&format!("workspace-temp/{MIA}%252F..%252Fx.png"), b"x").await;
    assert_eq!(twice.refusal(), told(400, "400", "InvalidKey"));
    assert_eq!((kept(&server).await, server.open_uploads()), (before, 0));
    assert_eq!(mia.put(&format!("workspace-temp/{MIA}%2Fjob%2F1.png"), b"x").await.status, 200, "an encoded slash is a slash");
    assert!(server.object("workspace-temp", &format!("{MIA}/job/1.png")).await.is_some());
    for good in [format!("{MIA}/a..b/...png"), format!("{MIA}/..."), format!("{MIA}/.hidden")] {
        assert_eq!(mia.put(&format!("workspace-temp/{good}"), b"x").await.status, 200, "{good}");
    }
}

#[tokio::test]
async fn supabase_objects_do_not_move_between_users() {
    let Some((server, mia, ben)) = three().await else { return };
    server.make_bucket("library", false).await;
    let before = kept(&server).await;
    let ends = |from: &str, to: &str, bucket: &str| json!({"bucketId": "workspace-temp", "sourceKey": from, "destinationKey": to, "destinationBucket": bucket});
    for path in ["/object/move", "/object/copy"] {
        let taken = ben.post_json(path, ends(OWN, &format!("{BEN}/got.png"), "workspace-temp")).await;
        assert_eq!(taken.refusal(), told(400, "404", "not_found"), "{path}: what one may not see is not there");
        let given = mia.post_json(path, ends(OWN, &format!("{BEN}/gift.png"), "workspace-temp")).await;
        assert_eq!(given.refusal(), told(400, "403", "Unauthorized"), "{path}");
        let over = mia.post_json(path, ends(OWN, BENS, "workspace-temp")).await;
        assert_eq!(over.refusal(), told(400, "403", "Unauthorized"), "{path}: not even that it is there is told");
        let out = mia.post_json(path, ends(OWN, OWN, "library")).await;
        assert_eq!(out.refusal(), told(400, "403", "Unauthorized"), "{path}");
    }
    assert_eq!(kept(&server).await, before);
    let copied = mia.post_json("/object/copy", ends(OWN, &format!("{MIA}/copy.png"), "workspace-temp")).await;
    assert_eq!((copied.status, copied.json()["Key"].clone()), (200, json!(format!("workspace-temp/{MIA}/copy.png"))));
    let moved = mia.post_json("/object/move", ends(OWN, &format!("{MIA}/kept/0.png"), "workspace-temp")).await;
    assert_eq!((moved.status, moved.json()["message"].clone()), (200, json!("Successfully moved")));
    let after = [(format!("{MIA}/copy.png"), "Mia's"), (format!("{MIA}/kept/0.png"), "Mia's"), (BENS.to_owned(), "Ben's")];
    assert_eq!(kept(&server).await, after.map(|(key, bytes)| (key, bytes.to_owned())));
}

#[tokio::test]
async fn supabase_signed_addresses_are_given_for_what_one_may_read() {
    let Some((server, mia, ben)) = three().await else { return };
    let refused = mia.post_json(&format!("/object/sign/workspace-temp/{BENS}"), json!({"expiresIn": 60})).await;
    assert_eq!(refused.refusal(), told(400, "404", "not_found"));
    let paths = json!({"expiresIn": 60, "paths": [OWN, BENS, format!("{MIA}/../{BENS}")]});
    let many = mia.post_json("/object/sign/workspace-temp", paths).await.json();
    let given: Vec<bool> = many.as_array().expect("a list").iter().map(|one| one["signedURL"].is_string()).collect();
    assert_eq!(given, [true, false, false], "{many}");
    let url = many[0]["signedURL"].as_str().expect("an address");
    let open = ask(server.address, "GET", &format!("/storage/v1{url}"), &[], b"").await;
    assert_eq!(open.text(), "Mia's", "whoever holds it may read, for a minute");
    let token = url.split_once("?token=").expect("a token").1;
    for other in [BENS.to_owned(), format!("{MIA}/../{BENS}"), OWN.replace("0.png", "1.png")] {
        let answer = ask(server.address, "GET", &format!("/storage/v1/object/sign/workspace-temp/{other}?token={token}"), &[], b"").await;
        assert_eq!(answer.refusal(), told(400, "400", "InvalidSignature"), "{other}");
    }
    let as_a_key = Asker::new(server.address, token);
    let read = as_a_key.ask("GET", &format!("/object/workspace-temp/{OWN}"), &[], b"").await;
    assert_eq!(read.refusal(), told(400, "404", "not_found"), "it opens one address, and is nobody's key");
    let key = server.user_key(BEN, 60);
    let answer = ben.ask("GET", &format!("/object/sign/workspace-temp/{OWN}?token={key}"), &[], b"").await;
    assert_eq!(answer.refusal(), told(400, "400", "InvalidSignature"), "nor is a key an address");
}

#[tokio::test]
async fn supabase_resumable_uploads_belong_to_the_folder_they_go_to() {
    let Some((server, mia, ben)) = three().await else { return };
    let before = kept(&server).await;
    for headers in [&[][..], &[("x-upsert", "true")]] {
        let begun = ben.begin(OWN, 5, headers).await;
        assert_eq!((begun.status, begun.text().as_str()), (403, "new row violates row-level security policy"));
    }
    let path = path_of(&mia.begin(&format!("{MIA}/film.mp4"), 5, &[]).await);
    for stranger in [&ben, &Asker::new(server.address, &server.anon_key)] {
        assert_eq!(stranger.tus("PATCH", &path, 0, b"theft").await.status, 403);
        assert_eq!(stranger.tus("DELETE", &path, 0, b"").await.status, 403);
    }
    assert_eq!((kept(&server).await, server.open_uploads()), (before, 1));
    assert_eq!(mia.tus("HEAD", &path, 0, b"").await.header("upload-offset"), Some("0"), "no byte of theirs came in");
    assert_eq!(mia.tus("PATCH", &path, 0, b"Mia's").await.status, 204);
    assert_eq!(server.object("workspace-temp", &format!("{MIA}/film.mp4")).await.expect("there").bytes, b"Mia's");
}
