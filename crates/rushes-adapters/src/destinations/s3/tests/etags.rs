//! Stores that show no checksums: an etag proves where it is the MD5 of what was put, and nothing else.

use super::*;
use crate::destinations::sources::{Kept, large, source};
use futures_util::stream::{FuturesUnordered, StreamExt};
use rushes_testkit::chaos::{Chaos, Only, Weather};
use rushes_testkit::etags::{EtagServer, Etags};

fn bucket(server: &EtagServer) -> S3Destination {
    bucket_at(&server.url)
}

fn bucket_at(url: &str) -> S3Destination {
    S3Destination::new(S3Settings {
        bucket: "bucket".into(),
        endpoint: Some(url.to_owned()),
        region: "auto".into(),
        addressing: Addressing::Path,
        key: Some(AccessKey { id: "id".into(), secret: "secret".into(), token: None }),
        public_base: None,
        part_bytes: PART_BYTES,
        http: HttpOptions::default(),
    })
    .unwrap()
}

/// Without its MD5, as assets are registered.
fn lean(bytes: &[u8]) -> crate::destinations::sources::Source {
    let mut source = source(bytes);
    source.blob.md5 = None;
    source
}

#[tokio::test]
async fn s3_keeps_the_destination_contract_whatever_etags_are() {
    for etags in [Etags::Md5, Etags::Digits, Etags::Uuid, Etags::Weak] {
        destination_suite_up_to(&bucket(&EtagServer::start(etags).await), 255).await;
    }
}

#[tokio::test]
async fn s3_proves_a_good_object_once_whatever_its_etag() {
    for (etags, reads) in [(Etags::Md5, 0), (Etags::Digits, 1), (Etags::Uuid, 1), (Etags::Weak, 1)] {
        let server = EtagServer::start(etags).await;
        let (bucket, picture) = (bucket(&server), lean(b"123456789"));
        let proof = bucket.put(picture.create("a.png")).await.unwrap_or_else(|fault| panic!("{etags:?}: {fault}"));
        assert_eq!(server.removals("a.png"), 0, "{etags:?}: what is good stays");
        assert_eq!(server.reads("a.png"), reads, "{etags:?}: what proves nothing is read back, once");
        let by_md5 = ProofHash::Md5("25f9e794323b453885f5181f1b624d0b".into());
        let wanted = if etags == Etags::Md5 { by_md5 } else { ProofHash::Sha256(picture.blob.sha256.clone()) };
        assert_eq!(proof.hash, wanted, "{etags:?}");
        // Our own note stands beside it in each of them; it is no proof to who comes later either.
        let again = bucket.put(picture.create("a.png")).await.unwrap();
        assert!(matches!(again.hash, ProofHash::Md5(_) | ProofHash::Sha256(_)), "{etags:?}: {again:?}");
        let other = lean(b"987654321");
        assert_eq!(bucket.put(other.create("a.png")).await.unwrap_err().code, Code::DestinationConflict, "{etags:?}");
    }
}

#[tokio::test]
async fn s3_takes_a_spoilt_object_away_whatever_its_etag() {
    for etags in [Etags::Md5, Etags::Digits, Etags::Uuid, Etags::Weak] {
        let server = EtagServer::start(etags).await;
        let (bucket, picture) = (bucket(&server), lean(b"123456789"));
        server.spoil(1);
        let fault = bucket.put(picture.create("a.png")).await.unwrap_err();
        assert!(fault.code == Code::ProofFailed && fault.is_transient(), "{etags:?}: {fault}");
        assert_eq!(server.bytes("a.png"), None, "{etags:?}");
        bucket.put(picture.create("a.png")).await.unwrap();
        assert_eq!(server.bytes("a.png").unwrap(), b"123456789");
    }
}

#[tokio::test]
async fn s3_proves_parts_whatever_their_etags() {
    for (etags, reads) in [(Etags::Md5, 0), (Etags::Digits, 1), (Etags::Uuid, 1), (Etags::Weak, 1)] {
        let server = EtagServer::start(etags).await;
        let (bucket, film) = (bucket(&server), large(u32::try_from(LARGE_BYTES).unwrap()));
        let kept = Kept::default();
        let put = Put { session: &kept, ..film.create("film.mp4") };
        bucket.put(put).await.unwrap_or_else(|fault| panic!("{etags:?}: {fault}"));
        assert_eq!(server.reads("film.mp4"), reads, "{etags:?}");
        // Its answer was lost, and with it what was kept: the parts of the local file say what its etag must be.
        assert!(bucket.put(film.create("film.mp4")).await.is_ok(), "{etags:?}");
        assert_eq!(server.reads("film.mp4"), 2 * reads, "{etags:?}: a note alone proves nothing");
        assert_eq!(server.removals("film.mp4"), 0);
        bucket.delete("film.mp4").await.unwrap();

        server.spoil(1);
        let kept = Kept::default();
        let put = Put { session: &kept, ..film.create("spoilt.mp4") };
        for _ in 0..3 {
            match bucket.put(put).await {
                Ok(_) => break,
                Err(fault) => assert_eq!(fault.code, Code::ProofFailed, "{etags:?}: {fault}"),
            }
        }
        assert!(server.bytes("spoilt.mp4").unwrap() == std::fs::read(&film.file).unwrap(), "{etags:?}: it is good in the end");
    }
}

/// What somebody between says instead of the store, in an answer that looks like success, is no object of anybody's.
#[tokio::test]
async fn s3_takes_no_other_answer_for_an_object() {
    let server = EtagServer::start(Etags::Md5).await;
    let chaos = Chaos::before(server.url.trim_start_matches("http://").parse().unwrap()).await;
    let (bucket, film) = (bucket_at(&chaos.url()), large(u32::try_from(LARGE_BYTES).unwrap()));
    bucket.put(film.create("film.mp4")).await.unwrap();
    chaos.set(Weather::s3_error(200, "InternalError"));
    for refused in [bucket.stat("film.mp4").await.unwrap_err(), bucket.put(film.create("film.mp4")).await.unwrap_err()] {
        assert!(refused.is_transient(), "{refused}");
    }
    chaos.set(Weather::Clear);
    bucket.put(film.create("film.mp4")).await.unwrap();
}

/// Parts that did not arrive as they were sent are no reason to give up, whoever finds it out.
#[tokio::test]
async fn s3_sends_anew_what_cannot_be_joined() {
    let server = EtagServer::start(Etags::Digits).await;
    let chaos = Chaos::before(server.url.trim_start_matches("http://").parse().unwrap()).await;
    let (bucket, film) = (bucket_at(&chaos.url()), large(u32::try_from(LARGE_BYTES).unwrap()));
    let kept = Kept::default();
    let put = Put { session: &kept, ..film.create("film.mp4") };
    chaos.set_for(Only::requests("POST", "uploadId").first(1), Weather::s3_error(400, "InvalidPart"));
    let refused = bucket.put(put).await.unwrap_err();
    assert!(refused.code == Code::ProofFailed && refused.is_transient(), "{refused}");
    bucket.put(put).await.unwrap();
    assert!(server.bytes("film.mp4").unwrap() == std::fs::read(&film.file).unwrap());
}

/// Whether a store keeps conditions is learnt from the first new object; then each is put once, whatever was learnt.
#[tokio::test]
async fn s3_puts_the_first_new_object_twice_and_no_other() {
    for is_heedless in [false, true] {
        let server = EtagServer::start(Etags::Md5).await;
        if is_heedless {
            server.pass_over_conditions();
        }
        let chaos = Chaos::before(server.url.trim_start_matches("http://").parse().unwrap()).await;
        let (bucket, picture) = (bucket_at(&chaos.url()), lean(b"123456789"));
        for key in ["a.png", "b.png", "c.png"] {
            bucket.put(picture.create(key)).await.unwrap();
        }
        let puts = |key: &str| chaos.log().iter().filter(|passed| passed.method == "PUT" && passed.target.contains(key)).count();
        assert_eq!(["a.png", "b.png", "c.png"].map(puts), [2, 1, 1], "heedless: {is_heedless}");
        let other = lean(b"987654321");
        assert_eq!(bucket.put(other.create("b.png")).await.unwrap_err().code, Code::DestinationConflict, "heedless: {is_heedless}");
    }
}

/// Those that come while it is learnt wait for it, and are put without a look. Where the first hangs, nobody waits for long.
#[tokio::test]
async fn s3_learns_once_for_all_that_come_at_the_same_time() {
    for hangs in [false, true] {
        let server = EtagServer::start(Etags::Md5).await;
        let chaos = Chaos::before(server.url.trim_start_matches("http://").parse().unwrap()).await;
        if hangs {
            chaos.set_for(Only::requests("HEAD", "").first(1), Weather::Stall { after_bytes: 0 });
        }
        let (bucket, picture) = (bucket_at(&chaos.url()), lean(b"123456789"));
        let keys: Vec<String> = (0..20).map(|n| format!("{n}.png")).collect();
        let mut puts: FuturesUnordered<_> = keys.iter().map(|key| bucket.put(picture.create(key))).collect();
        let began = std::time::Instant::now();
        for _ in 0..20 - usize::from(hangs) {
            puts.next().await.unwrap().unwrap();
        }
        if hangs {
            assert!(began.elapsed() > put::FIRST_LIMIT);
        } else {
            assert_eq!((chaos.count("HEAD", ""), chaos.count("PUT", "")), (2, 21), "one is looked for, and put twice");
        }
    }
}

/// A store that is busy when an upload would go on costs no part of it.
#[tokio::test]
async fn s3_keeps_the_parts_that_arrived_when_the_next_look_fails() {
    let server = EtagServer::start(Etags::Md5).await;
    let chaos = Chaos::before(server.url.trim_start_matches("http://").parse().unwrap()).await;
    let (bucket, film) = (bucket_at(&chaos.url()), large(u32::try_from(LARGE_BYTES).unwrap()));
    let kept = Kept::default();
    let put = Put { session: &kept, ..film.create("film.mp4") };
    chaos.set_for(Only::requests("PUT", "partNumber=3").first(1), Weather::s3_error(503, "SlowDown"));
    assert!(bucket.put(put).await.unwrap_err().is_transient());
    chaos.set_for(Only::requests("HEAD", "").first(1), Weather::s3_error(503, "SlowDown"));
    assert!(bucket.put(put).await.unwrap_err().is_transient());
    bucket.put(put).await.unwrap();
    let firsts = chaos.log().iter().filter(|passed| passed.method == "PUT" && passed.target.contains("partNumber=1&")).count();
    assert_eq!(firsts, 1, "the first part was sent once");
    assert!(server.bytes("film.mp4").unwrap() == std::fs::read(&film.file).unwrap());
}
