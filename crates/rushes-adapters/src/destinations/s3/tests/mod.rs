//! The promises of a destination, kept before two servers that speak S3, and one whose etags prove little.

mod etags;

use super::*;
use rushes_core::destination::{Condition, ProofHash, Setup};
use rushes_testkit::servers::{S3Server, moto, s3s_fs};
use rushes_testkit::{copies_suite, destination_suite_up_to, links_suite, marker_suite, uploads_suite};

const PART_BYTES: u64 = 5 * 1024 * 1024;
/// More than what goes whole, and no multiple of a part.
const LARGE_BYTES: usize = 23_000_000;

fn settings(server: &S3Server) -> S3Settings {
    S3Settings {
        bucket: "bucket".into(),
        endpoint: Some(server.endpoint.clone()),
        region: server.region.clone(),
        addressing: Addressing::Path,
        key: Some(AccessKey { id: server.access_key.clone(), secret: server.secret_key.clone(), token: None }),
        public_base: None,
        part_bytes: PART_BYTES,
        http: HttpOptions::default(),
    }
}

fn bucket(server: &S3Server) -> S3Destination {
    server.make_bucket("bucket");
    S3Destination::new(settings(server)).unwrap()
}

#[tokio::test]
async fn s3_keeps_the_destination_contract_at_s3s_fs() {
    let Some(server) = s3s_fs() else { return };
    // Beside each object s3s-fs keeps a file whose name is longer by half; a file system allows 255.
    let bucket = bucket(&server);
    destination_suite_up_to(&bucket, 140).await;
    copies_suite(&bucket).await;
}

#[tokio::test]
async fn s3_keeps_the_destination_contract_at_moto() {
    let Some(server) = moto() else { return };
    let bucket = bucket(&server);
    destination_suite_up_to(&bucket, 255).await;
    copies_suite(&bucket).await;
    marker_suite(&bucket, "a b/Zoë #1", "a b/Zoë #1/").await;
}

#[tokio::test]
async fn s3_goes_on_with_uploads_at_s3s_fs() {
    let Some(server) = s3s_fs() else { return };
    let bucket = bucket(&server);
    uploads_suite(&bucket, LARGE_BYTES).await;
    let left: Vec<_> = std::fs::read_dir(server.folder.as_ref().unwrap())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.contains(".part-"))
        .collect();
    assert!(left.is_empty(), "no part is left: {left:?}");
}

#[tokio::test]
async fn s3_goes_on_with_uploads_at_moto() {
    let Some(server) = moto() else { return };
    let bucket = bucket(&server);
    uploads_suite(&bucket, LARGE_BYTES).await;
    assert!(bucket.uploads_of("suite/[large] file.bin").await.unwrap().is_empty(), "no upload is left");
    // s3s-fs says AccessDenied where nothing is, so this is moto's alone.
    let gone = r#"{"sha256":"","part_bytes":5242880,"upload":"gone","parts":[],"is_summed":false}"#;
    bucket.abandon("suite/none.bin", gone).await.unwrap();
}

#[tokio::test]
async fn s3_links_open_the_object_and_nothing_else() {
    let Some(server) = s3s_fs() else { return };
    links_suite(&bucket(&server), true).await;
}

#[tokio::test]
async fn s3_links_open_at_moto() {
    let Some(server) = moto() else { return };
    links_suite(&bucket(&server), false).await;
}

#[tokio::test]
async fn s3_knows_what_others_put_there_by_its_md5_alone() {
    for server in [s3s_fs(), moto()].into_iter().flatten() {
        let bucket = bucket(&server);
        // As a program puts it that sends no sums along, and not under conditions.
        let mut call = Call::new(Method::PUT, "theirs.bin", "put object", "s3:PutObject");
        call.body = Body::Bytes(bytes::Bytes::from_static(b"123456789"));
        call.payload = UNSIGNED;
        bucket.call(&call).await.map_err(Fault::from).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (same, other) = (folder.path().join("same"), folder.path().join("other"));
        for (file, bytes) in [(&same, b"123456789"), (&other, b"987654321")] {
            std::fs::File::create(file).and_then(|mut file| std::io::Write::write_all(&mut file, bytes)).unwrap();
        }
        let blob = |text: &str| rushes_core::digest::digest_without_md5(text.as_bytes(), "").unwrap();
        let (nine, back) = (blob("123456789"), blob("987654321"));
        let create = |file, blob| Put::new("theirs.bin", file, blob, Condition::CreateOnly);
        let proof = bucket.put(create(&same, &nine)).await.unwrap();
        let nine_with_md5 = rushes_core::digest::digest(&b"123456789"[..], "").unwrap();
        assert!(proof.proves(&nine_with_md5), "{proof:?}");
        assert_eq!(bucket.put(create(&other, &back)).await.unwrap_err().code, Code::DestinationConflict);
        // The bytes there are those of a local file that is no longer what was registered.
        assert_eq!(bucket.put(create(&same, &back)).await.unwrap_err().code, Code::BlobMissing);
    }
}

#[tokio::test]
async fn s3_makes_a_bucket_where_there_is_none() {
    for server in [s3s_fs(), moto()].into_iter().flatten() {
        for (name, is_public) in [("closed-one", false), ("open-one", true)] {
            // s3s-fs knows no policies.
            if is_public && server.folder.is_some() {
                continue;
            }
            let bucket = S3Destination::new(S3Settings { bucket: name.into(), ..settings(&server) }).unwrap();
            assert_eq!(bucket.make(is_public).await.unwrap(), ["bucket"], "{name} at {}", server.endpoint);
            assert!(bucket.make(is_public).await.unwrap().is_empty(), "{name}: it is there");
            assert!(bucket.list("", None).await.unwrap().keys.is_empty());
        }
        let elsewhere = S3Destination::new(S3Settings { bucket: "faraway".into(), region: "eu-central-1".into(), ..settings(&server) });
        assert_eq!(elsewhere.unwrap().make(false).await.unwrap(), ["bucket"]);
    }
}
