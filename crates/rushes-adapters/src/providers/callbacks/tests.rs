//! Bells: rung ones are looked at at once; forged, old, repeated and strange callbacks change nothing.

use super::super::in_time::{InTime, Progress, Service};
use super::*;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderName, HeaderValue};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};
use rushes_core::Cancel;
use rushes_core::flow::{Lane, hex};
use rushes_core::ledger::Terms;
use rushes_core::provider::{Call, ImageRequest, Provider, ProviderCard};
use rushes_testkit::ledger::MemoryLedger;
use rushes_testkit::webhooks::{Receiver, Reply};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

const NOW_S: i64 = 1_700_000_000;
const SECRET: &str = "whsec_c2VjcmV0IG9mIHJlcGxpY2F0ZQ==";
const SEED: [u8; 32] = [7; 32];

/// A clock that is set.
struct Set(AtomicI64);

impl Clock for Set {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn new_id(&self) -> uuid::Uuid {
        uuid::Uuid::now_v7()
    }
}

/// Made at the look after a ring; told how often somebody looked.
struct Slow {
    name: &'static str,
    looks: watch::Sender<u32>,
    made_at: u32,
}

#[async_trait]
impl Service<ImageRequest> for Slow {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: self.name, model: "slow", version: 1, lane: Lane::Net }
    }

    fn looks_every(&self) -> Duration {
        Duration::from_hours(1)
    }

    async fn submit(&self, _: &ImageRequest, _: &str, _: &Call) -> Result<String, Fault> {
        Ok("order-1".into())
    }

    async fn find(&self, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    async fn look(&self, _: &str) -> Result<Progress, Fault> {
        self.looks.send_modify(|looks| *looks += 1);
        // A wait that is asked for and that no test outlasts: only a bell ends it.
        let fault = Fault::new(Code::ProviderBusy, "look").retry_after(Duration::from_hours(1));
        if *self.looks.borrow() < self.made_at { Err(fault) } else { Ok(Progress::Made { cost_micros: None }) }
    }

    async fn fetch(&self, _: &str, _: &Call) -> Result<PathBuf, Fault> {
        Ok("made.png".into())
    }
}

/// fal's keys and Replicate's secret, and bells that ask there.
struct Stand {
    keys: Receiver,
    secret: Receiver,
    clock: Arc<Set>,
    bells: Arc<Bells>,
    pair: Ed25519KeyPair,
}

impl Stand {
    async fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let keys = serde_json::json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}).to_string();
        let (keys, secret) = (receiver(keys).await, receiver(serde_json::json!({"key": SECRET}).to_string()).await);
        let clock = Arc::new(Set(AtomicI64::new(NOW_S * 1_000)));
        let account = ReplicateSettings { key: "key".into(), endpoint: Some(secret.url.clone()), callback: None };
        let settings = CallbackSettings { fal_keys: Some(keys.url.clone()), replicate: Some(account) };
        let bells = Bells::new(settings, clock.clone(), HttpOptions::default()).unwrap();
        Self { keys, secret, clock, bells: Arc::new(bells), pair }
    }

    fn of_fal(&self, id: &str, at_s: i64, body: &str) -> HeaderMap {
        let signed = format!("{id}\nuser\n{at_s}\n{}", hex(&Sha256::digest(body)));
        let signature = hex(self.pair.sign(signed.as_bytes()).as_ref());
        let at = at_s.to_string();
        headers(&[
            ("x-fal-webhook-request-id", id),
            ("x-fal-webhook-user-id", "user"),
            ("x-fal-webhook-timestamp", &at),
            ("x-fal-webhook-signature", &signature),
        ])
    }
}

async fn receiver(json: String) -> Receiver {
    let receiver = Receiver::start().await;
    receiver.always(Reply::Whole(200, Vec::new(), json.into_bytes()));
    receiver
}

fn of_replicate(at_s: i64, body: &str) -> HeaderMap {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(&SECRET[6..]).unwrap());
    let signature = STANDARD.encode(hmac::sign(&key, format!("msg.{at_s}.{body}").as_bytes()));
    headers(&[("webhook-id", "msg"), ("webhook-timestamp", &at_s.to_string()), ("webhook-signature", &format!("v1,AAAA v1,{signature}"))])
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn request() -> ImageRequest {
    serde_json::from_value(serde_json::json!({
        "concept": {"name": "Mika Sol", "tagline": "", "traits": [], "prompt": "an adult dancer", "seed": 1, "style": "kpop_dance"},
        "picture": "anime", "outfit": "signature", "width": 8, "height": 8, "like": null,
    }))
    .unwrap()
}

/// Waits at a service that asks for an hour between looks; `between` runs after its first look. Gives how often it looked,
/// or None where it still waits after `between`.
async fn looks(stand: &Stand, name: &'static str, made_at: u32, between: impl AsyncFnOnce(watch::Receiver<u32>)) -> Option<u32> {
    let (looks, mut seen) = watch::channel(0);
    let provider = InTime::new(Slow { name, looks, made_at }, Terms::default()).with_bells(stand.bells.clone());
    let folder = tempfile::tempdir().unwrap();
    let call = Call { ledger: Arc::new(MemoryLedger::default()), ..Call::alone("job/step", folder.path(), Cancel::new()) };
    let request = request();
    let (told, last) = (seen.clone(), seen.clone());
    let rings = async {
        seen.wait_for(|looks| *looks == 1).await.unwrap();
        between(told).await;
        // Whoever was woken has looked by then: one thread runs all of this.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    let (is_made, is_rung) = (provider.make(&request, &call), rings);
    tokio::pin!(is_made, is_rung);
    tokio::select! {
        biased;
        made = &mut is_made => { made.unwrap(); }
        () = &mut is_rung => return None,
    }
    let count = *last.borrow();
    Some(count)
}

#[tokio::test]
async fn callbacks_that_are_verified_make_whoever_waits_look_at_once() {
    let stand = Stand::new().await;
    let body = r#"{"request_id":"order-1","status":"OK"}"#;
    let rung =
        looks(&stand, "fal", 2, async |_| stand.bells.ring("fal", &stand.of_fal("order-1", NOW_S, body), body.as_bytes()).await.unwrap());
    assert_eq!(rung.await, Some(2));
    let body = r#"{"id":"order-1","status":"succeeded"}"#;
    let rung = looks(&stand, "replicate", 2, async |_| {
        stand.bells.ring("replicate", &of_replicate(NOW_S, body), body.as_bytes()).await.unwrap();
    });
    assert_eq!(rung.await, Some(2));
    for body in [r#"{"task_id":"order-1","task_status":"succeed"}"#, r#"{"data":{"id":"order-1"}}"#] {
        let rung = looks(&stand, "kling", 2, async |_| stand.bells.ring("kling", &HeaderMap::new(), body.as_bytes()).await.unwrap());
        assert_eq!(rung.await, Some(2), "{body}");
    }
    assert!(locked(&stand.bells.hung).is_empty(), "no bell stays");
}

#[tokio::test]
async fn callbacks_that_are_forged_or_old_or_strange_do_nothing() {
    let stand = Stand::new().await;
    let body = r#"{"request_id":"order-1","status":"OK"}"#;
    let with = |change: fn(&mut HeaderMap)| {
        let mut headers = stand.of_fal("order-1", NOW_S, body);
        change(&mut headers);
        headers
    };
    let forged = [
        (with(|_| ()), "{\"request_id\": \"order-1\",\"status\":\"OK\"}"),
        (with(|headers| drop(headers.insert("x-fal-webhook-user-id", HeaderValue::from_static("another")))), body),
        (with(|headers| drop(headers.insert("x-fal-webhook-signature", HeaderValue::from_static("zz")))), body),
        (with(|headers| drop(headers.remove("x-fal-webhook-timestamp"))), body),
        (stand.of_fal("order-1", NOW_S - 301, body), body),
        (stand.of_fal("order-1", NOW_S + 301, body), body),
        (HeaderMap::new(), body),
    ];
    let waited = looks(&stand, "fal", 2, async |_| {
        for (headers, body) in &forged {
            let fault = stand.bells.ring("fal", headers, body.as_bytes()).await.unwrap_err();
            assert_eq!(fault.code, Code::KeyMissing, "{fault}");
        }
        // True ones of other orders, and of other providers.
        for (provider, id) in [("fal", "order-2"), ("kling", "order-1")] {
            let told = format!("{{\"id\":{id:?}}}");
            stand.bells.ring(provider, &stand.of_fal(id, NOW_S, &told), told.as_bytes()).await.unwrap();
        }
        assert_eq!(stand.bells.ring("elsewhere", &HeaderMap::new(), b"{}").await.unwrap_err().code, Code::NotFound);
    });
    assert_eq!(waited.await, None, "nobody looked again");
    let body = r#"{"id":"order-1"}"#;
    for (headers, body) in [(of_replicate(NOW_S, body), "{}"), (of_replicate(NOW_S - 301, body), body), (HeaderMap::new(), body)] {
        assert_eq!(stand.bells.ring("replicate", &headers, body.as_bytes()).await.unwrap_err().code, Code::KeyMissing);
    }
    assert!(locked(&stand.bells.hung).is_empty(), "no bell stays, and none was hung by a callback");
}

#[tokio::test]
async fn callbacks_that_come_twice_ring_once_and_strangers_ring_a_few_times() {
    let stand = Stand::new().await;
    let body = r#"{"request_id":"order-1","status":"OK"}"#;
    let waited = looks(&stand, "fal", 3, async |mut told| {
        for at in 0..3 {
            stand.bells.ring("fal", &stand.of_fal("order-1", NOW_S + at, body), body.as_bytes()).await.unwrap();
            told.wait_for(|looks| *looks == 2).await.unwrap();
        }
    });
    assert_eq!(waited.await, None, "one look for all three");
    let waited = looks(&stand, "kling", u32::MAX, async |mut told| {
        for at in 0..u32::try_from(HEARD_MAX).unwrap() + 20 {
            let body = format!("{{\"task_id\":\"order-1\",\"at\":{at}}}");
            stand.bells.ring("kling", &HeaderMap::new(), body.as_bytes()).await.unwrap();
            let looks = 2 + at.min(u32::try_from(HEARD_MAX).unwrap() - 1);
            told.wait_for(|seen| *seen == looks).await.unwrap();
        }
    });
    assert_eq!(waited.await, None);
}

#[tokio::test]
async fn callbacks_are_verified_with_keys_that_are_kept_for_a_day() {
    let stand = Stand::new().await;
    let ring = async |id: &str, at_s: i64| {
        let body = format!("{{\"request_id\":{id:?}}}");
        stand.bells.ring("fal", &stand.of_fal(id, at_s, &body), body.as_bytes()).await
    };
    for nth in 0..5 {
        ring(&format!("order-{nth}"), NOW_S).await.unwrap();
    }
    assert_eq!(stand.keys.received().len(), 1);
    // A forger makes us look whether there are new keys, once a minute at most.
    for at_s in [NOW_S, NOW_S + 60, NOW_S + 60, NOW_S + 60] {
        stand.clock.0.store(at_s * 1_000, Ordering::Relaxed);
        let forged = stand.of_fal("order-1", at_s, "{}");
        assert_eq!(stand.bells.ring("fal", &forged, b"another").await.unwrap_err().code, Code::KeyMissing);
    }
    assert_eq!(stand.keys.received().len(), 2);
    let tomorrow_s = NOW_S + 60 + 24 * 60 * 60;
    stand.clock.0.store(tomorrow_s * 1_000, Ordering::Relaxed);
    ring("order-1", tomorrow_s).await.unwrap();
    assert_eq!(stand.keys.received().len(), 3);
    assert!(stand.keys.received().iter().all(|request| request.header("authorization").is_empty()), "they are public");
    assert!(stand.secret.received().is_empty(), "each is asked for its own");
}
