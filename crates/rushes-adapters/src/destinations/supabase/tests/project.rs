//! Several buckets as one destination.

use super::*;

async fn all(project: &SupabaseProject, prefix: &str) -> Vec<String> {
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let page = project.list(prefix, cursor.as_deref()).await.unwrap();
        keys.extend(page.keys);
        cursor = page.next;
        if cursor.is_none() {
            return keys;
        }
    }
}

// The server must answer while the test waits for an address to open.
#[tokio::test(flavor = "multi_thread")]
async fn supabase_project_is_its_buckets_and_those_that_are_missing_are_empty() {
    let Some(server) = Supabase::start().await else { return };
    for bucket in ["films", "pictures"] {
        server.make_bucket(bucket, false).await;
    }
    let names = ["films", "missing", "pictures"];
    let project = SupabaseProject::new(&settings(&server.url, "", &server.service_key), names.into_iter()).unwrap();
    let picture = source(b"picture");
    // The second bucket has more than a page.
    let mut keys: Vec<String> = (0..1_003).map(|n| format!("pictures/u/{n:04}.png")).collect();
    keys.extend(["films/u/0.mp4".to_owned(), "films/v/0.mp4".to_owned(), "pictures/[u]/0.png".to_owned()]);
    for batch in keys.chunks(16) {
        futures_util::future::join_all(batch.iter().map(|key| project.put(picture.create(key)))).await.into_iter().for_each(|put| {
            put.unwrap();
        });
    }
    keys.sort_unstable();
    assert_eq!(all(&project, "").await, keys, "in byte order, through all buckets");
    for prefix in ["films/", "films/v/", "pictures/u/01", "missing/", "missing/u/", "elsewhere/", "fil"] {
        let wanted: Vec<&String> = keys.iter().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(all(&project, prefix).await.iter().collect::<Vec<_>>(), wanted, "{prefix}");
    }
    assert_eq!(project.uri("pictures/u/0001.png"), "supabase://pictures/u/0001.png");
    assert!(server.object("films", "v/0.mp4").await.is_some());
    assert_eq!(project.stat("films/v/0.mp4").await.unwrap().map(|proof| proof.size_bytes), Some(7));
    assert_eq!(project.stat("films/w/0.mp4").await.unwrap(), None);
    assert_eq!(project.stat("missing/w/0.mp4").await.unwrap(), None, "what is in no bucket is not there");
    let links = project.abilities().links.unwrap();
    assert_eq!(open(&links.signed_url("films/v/0.mp4", Duration::from_secs(60)).await.unwrap()), (200, b"picture".to_vec()));
    project.delete("films/v/0.mp4").await.unwrap();
    assert_eq!(all(&project, "films/").await, ["films/u/0.mp4"]);
    for (key, words) in
        [("missing/a.png", "create the bucket"), ("elsewhere/a.png", "films, missing, pictures"), ("a.png", "is its bucket")]
    {
        let fault = project.put(picture.create(key)).await.unwrap_err();
        assert!(fault.code == Code::DestinationRefused && fault.to_string().contains(words), "{key}: {fault}");
    }
    assert_eq!(project.abilities().setup.map(|_| ()), None, "no bucket is made");
}
