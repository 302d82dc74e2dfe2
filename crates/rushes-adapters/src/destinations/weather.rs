//! What every store must come through on bad lines, in the same words for all; each adds what only it can say.

use super::sources::{Kept, Source, large, put_at_last};
use rushes_core::Code;
use rushes_core::destination::{Destination, Put};
use rushes_testkit::chaos::{Chaos, Only, Weather};
use serde_json::json;

/// By which requests a store is asked: a method (empty: any) and what stands in the address.
type Asks = (&'static str, &'static str);

fn only((method, part): Asks) -> Only {
    Only::requests(method, part)
}

/// Of one object in one request.
pub(super) struct Whole {
    pub(super) put: Asks,
    /// Of `a.png`.
    pub(super) stat: Asks,
    pub(super) list: Asks,
    pub(super) get: Asks,
    /// What else may be answered to a put, and whether it passes.
    pub(super) answers: Vec<(Weather, bool)>,
    /// What no fault may show.
    pub(super) secret: String,
}

/// Answers that do not come whole are asked for again; what is refused in spite of its status is told so.
pub(super) async fn answers_come_whole(bucket: &dyn Destination, chaos: &Chaos, source: &Source, asks: Whole) {
    let answers = [
        Weather::LostAnswer,
        Weather::HalfAnswer,
        Weather::Stall { after_bytes: 3 },
        Weather::too_many(Some(7)),
        Weather::json(503, &json!({})),
        Weather::json(200, &json!({"error": "not really"})),
    ];
    for (weather, is_transient) in answers.map(|weather| (weather, true)).into_iter().chain(asks.answers) {
        chaos.set_for(only(asks.put).first(1), weather.clone());
        let fault = bucket.put(source.create("a.png")).await.unwrap_err();
        assert_eq!(fault.is_transient(), is_transient, "{weather:?}: {fault}");
        assert_eq!(fault.retry_after_ms, (weather == Weather::too_many(Some(7))).then_some(7_000), "{fault}");
        assert!(!fault.to_string().contains(&asks.secret), "{fault}");
        bucket.put(source.create("a.png")).await.unwrap();
        bucket.delete("a.png").await.unwrap();
    }
    bucket.put(source.create("a.png")).await.unwrap();
    for weather in [Weather::HalfAnswer, Weather::json(200, &json!({})), Weather::too_many(None)] {
        chaos.set_for(only(asks.stat).first(1), weather.clone());
        let fault = bucket.stat("a.png").await.unwrap_err();
        let passes = matches!(fault.code, Code::DestinationDown | Code::DestinationBusy) && fault.is_transient();
        assert!(passes, "{weather:?}: {fault}");
        chaos.set_for(only(asks.list).first(1), weather.clone());
        assert!(bucket.list("", None).await.unwrap_err().is_transient(), "{weather:?}");
    }
    let into = source.folder.path().join("got");
    chaos.set_for(only(asks.get).first(1), Weather::HalfAnswer);
    assert!(bucket.get("a.png", None, &into).await.unwrap_err().is_transient());
    bucket.get("a.png", None, &into).await.unwrap();
}

/// Of an object in parts.
pub(super) struct Parts<'a> {
    pub(super) begin: Asks,
    pub(super) send: Asks,
    /// How many parts in a row meet the weather.
    pub(super) spoilt: usize,
    /// Of an object of several parts; the first of the films, each a byte longer than the one before.
    pub(super) bytes: u32,
    /// Of a part, before the line fails.
    pub(super) after_bytes: u64,
    /// What else may happen to a part.
    pub(super) weathers: Vec<Weather>,
    /// Uploads that lack bytes, at the server.
    pub(super) open: &'a dyn Fn() -> usize,
}

/// Uploads go on where they stopped, whatever happens to their parts; one that was spoilt is begun anew. `stored`: what the
/// server holds under a key.
pub(super) async fn uploads_survive(bucket: &dyn Destination, chaos: &Chaos, asks: Parts<'_>, stored: impl AsyncFn(&str) -> Vec<u8>) {
    let after_bytes = asks.after_bytes;
    let weathers = [
        Weather::LostAnswer,
        Weather::CutBody { after_bytes },
        Weather::Stall { after_bytes },
        Weather::too_many(Some(3)),
        Weather::Corrupt,
    ];
    for (index, weather) in (0..).zip(weathers.into_iter().chain(asks.weathers)) {
        let (film, kept, key) = (large(asks.bytes + index), Kept::default(), format!("film {index}"));
        let put = Put { session: &kept, ..film.create(&key) };
        chaos.set_for(only(asks.send).first(asks.spoilt), weather.clone());
        let proof = put_at_last(bucket, put, &weather).await;
        assert!(proof.proves(&film.blob), "{weather:?}");
        assert_eq!(stored(&key).await, std::fs::read(&film.file).unwrap(), "{weather:?}");
        let begun = chaos.count(asks.begin.0, asks.begin.1);
        chaos.forget();
        assert_eq!(begun, if weather == Weather::Corrupt { 2 } else { 1 }, "{weather:?}: it goes on where it stopped");
        assert_eq!((asks.open)(), 0);
    }
}
