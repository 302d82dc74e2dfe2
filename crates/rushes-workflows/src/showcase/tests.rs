//! Pages of made-up libraries: what they show, in which order, where it is, and that nothing hostile gets out of its place.

use super::gather::gather;
use super::page::draw;
use rushes_core::delivery::{Delivery, DeliveryState, Link, Route, Routes};
use rushes_core::flow::Library;
use rushes_core::record::Listed;
use rushes_core::store::{AssetFilter, SubjectFilter};
use rushes_core::subject::{NewSubject, Subject, SubjectType};
use rushes_core::{Asset, AssetId, Blob, Code, Fault, JobId, Kind};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Default)]
struct Made {
    subjects: Vec<Subject>,
    listed: Vec<Listed>,
}

#[async_trait::async_trait]
impl Library for Made {
    async fn path_of(&self, _: AssetId) -> Result<PathBuf, Fault> {
        Err(Fault::new(Code::BlobMissing, "read file").because("a page is made without any file of this machine"))
    }

    async fn subject(&self, who: &str) -> Result<Option<Subject>, Fault> {
        Ok(self.subjects.iter().find(|subject| subject.made.id == who || subject.made.slug == who).cloned())
    }

    async fn sha256_at(&self, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    async fn assets(&self, filter: &AssetFilter) -> Result<Vec<Listed>, Fault> {
        Ok(self.listed.iter().filter(|(asset, _)| filter.subjects.contains(&asset.subject)).cloned().collect())
    }

    async fn subjects(&self, filter: &SubjectFilter) -> Result<Vec<Subject>, Fault> {
        let after = filter.after.clone().unwrap_or_default();
        let mut page: Vec<Subject> = self.subjects.iter().filter(|subject| subject.made.id > after).cloned().collect();
        page.sort_by(|a, b| a.made.id.cmp(&b.made.id));
        page.truncate(filter.limit as usize);
        Ok(page)
    }

    async fn made_before(&self, _: &str, _: Kind) -> Result<Option<(AssetId, PathBuf)>, Fault> {
        Ok(None)
    }

    fn new_asset_id(&self) -> AssetId {
        id(0)
    }

    fn now_ms(&self) -> i64 {
        0
    }
}

fn id(number: usize) -> AssetId {
    format!("00000000-0000-7000-8000-{number:012}").parse().unwrap()
}

impl Made {
    fn character(&mut self, who: &str, name: &str, fields: Value) -> &mut Self {
        let made =
            NewSubject { id: who.into(), subject_type: SubjectType::Character, slug: format!("slug_{who}"), name: name.into(), fields };
        self.subjects.push(Subject { made, rev: 1 });
        self
    }

    /// An asset proven in the bucket; `edit` changes its delivery.
    fn asset(&mut self, who: &str, kind: Kind, title: &str, path: &str, edit: impl FnOnce(&mut Delivery)) -> &mut Self {
        let (number, job) = (self.listed.len() + 1, "00000000-0000-7000-8000-000000000000".parse::<JobId>().unwrap());
        let blob = Blob { sha256: "0".repeat(64), md5: None, crc32c: 0, size_bytes: 1, mime: "video/mp4".into() };
        let asset = Asset {
            id: id(number),
            kind,
            subject: who.into(),
            title: title.into(),
            idx: 0,
            version: 1,
            blob,
            path: path.into(),
            seed: None,
            width: None,
            height: None,
            duration_ms: Some(12_400),
            meta: Value::Null,
            job,
            step: "step".into(),
            created_ms: i64::try_from(number).unwrap(),
            retired_ms: None,
        };
        let mut delivery = Delivery {
            asset: asset.id,
            destination: "bucket".into(),
            key: format!("base/{path}"),
            state: DeliveryState::Proven,
            uri: Some(format!("file:///home/someone/remote/base/{path}")),
            link: None,
            proof: None,
            rendition: None,
            proven_ms: Some(1),
            last_fault: None,
        };
        edit(&mut delivery);
        self.listed.push((asset, vec![delivery]));
        self
    }

    async fn page(&self, title: &str) -> String {
        draw(title, &gather(self, &routes(), &[]).await.unwrap()).unwrap()
    }
}

fn routes() -> Routes {
    let route = |name: &str| Route { name: name.into(), prefix: "base/".into(), ..Route::default() };
    Routes { destinations: vec![route("bucket"), route("second")], ..Routes::default() }
}

fn asis(_: &mut Delivery) {}

/// What a page names: every `src` and `href` that leads out of it.
fn addresses(html: &str) -> Vec<&str> {
    let named = ["src=\"", "href=\""].into_iter().flat_map(|attribute| html.split(attribute).skip(1));
    named.map(|rest| rest.split('"').next().unwrap()).filter(|url| !url.starts_with('#')).collect()
}

#[tokio::test]
async fn showcase_hostile_records_stay_text() {
    let mut made = Made::default();
    let evil = "<script>alert('x')</script>\" onload=\"y\" & \u{202e}z</title><!--";
    made.character("a\"><b>_1", evil, json!({"tagline": evil, "traits": [evil, 7, "", {"a": 1}]}));
    made.asset("a\"><b>_1", Kind::WatermarkedVideo, "primary_deliverable", "r/\"><script>.mp4", asis);
    made.asset("a\"><b>_1", Kind::DanceVideo, evil, "dances/a' onerror='b.mp4", asis);
    made.asset("a\"><b>_1", Kind::CosplayImage, "primary", "characters/[a] #1 50%?.png", |delivery| {
        delivery.link = Some(Link { url: "https://cdn.test/a?x=\"><script>&y='1'".into(), until_ms: None });
    });
    let html = made.page(evil).await;
    assert_eq!(html.matches("<script").count(), 1, "its own and no other: {html}");
    assert!(!html.contains("alert('x')") && !html.contains("\" onload") && !html.contains("<b>_1") && !html.contains('\u{202e}'), "{html}");
    assert!(html.contains("&#60;script&#62;alert(&#39;x&#39;)"), "{html}");
    assert!(
        html.contains("../r/%22%3E%3Cscript%3E.mp4") && html.contains("https://cdn.test/a?x=&#34;&#62;&#60;script&#62;&#38;y=&#39;1&#39;")
    );
    let ids: Vec<&str> = html.split("<li id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(ids, ["a.22.3E.3Cb.3E_1"]);
}

#[tokio::test]
async fn showcase_names_nothing_that_is_not_proven_and_no_local_path() {
    let mut made = Made::default();
    made.character("mira_1", "Mira", json!({})).character("none_1", "Nobody", json!({}));
    let path = |n: usize| format!("dances/hidden_{n}.mp4");
    let title = |n: usize| format!("alternate_{n}");
    made.asset("mira_1", Kind::DanceVideo, "primary", "dances/shown.mp4", asis);
    made.asset("mira_1", Kind::DanceVideo, &title(1), &path(1), |delivery| delivery.state = DeliveryState::Owed);
    made.asset("mira_1", Kind::DanceVideo, &title(2), &path(2), |delivery| delivery.state = DeliveryState::Refused);
    made.asset("mira_1", Kind::DanceVideo, &title(3), &path(3), |delivery| delivery.uri = None);
    // Proven at the second place while the first still owes it; and nowhere but there.
    made.asset("mira_1", Kind::DanceVideo, &title(4), &path(4), |delivery| delivery.state = DeliveryState::Owed);
    let second = Delivery { destination: "second".into(), state: DeliveryState::Proven, ..made.listed.last().unwrap().1[0].clone() };
    made.listed.last_mut().unwrap().1.push(second);
    made.asset("mira_1", Kind::DanceVideo, &title(5), &path(5), |delivery| delivery.destination = "second".into());
    made.asset("mira_1", Kind::DanceVideo, &title(6), "dances/odd.mp4", |delivery| {
        delivery.link = Some(Link { url: "javascript:alert(1)".into(), until_ms: None });
    });
    made.asset("none_1", Kind::CosplayImage, "primary", "characters/hidden_6.png", |delivery| delivery.state = DeliveryState::Sending);
    made.asset("someone_else", Kind::Photo, "primary", "hidden_7.jpg", asis);
    let gallery = gather(&made, &routes(), &[]).await.unwrap();
    assert_eq!(gallery.to_string(), "1 character and 2 films are shown; 1 character has nothing to show yet");
    let html = draw("Showcase", &gallery).unwrap();
    assert!(
        !html.contains("hidden_") && !html.contains("file:///") && !html.contains("javascript:") && !html.contains("Nobody<"),
        "{html}"
    );
    assert_eq!(addresses(&html), ["../dances/shown.mp4", "../dances/shown.mp4", "../dances/odd.mp4"]);
}

#[tokio::test]
async fn showcase_orders_by_the_newest_finished_film_and_plays_the_most_finished() {
    let mut made = Made::default();
    for who in ["a", "b", "c", "d"] {
        made.character(who, &who.to_uppercase(), json!({}));
    }
    let finished = |who: &str| format!("remixes/dance_{who}/result/REMIX_{who}_scored_watermarked.mp4");
    made.asset("d", Kind::AnimeImage, "primary", "characters/d.png", asis);
    made.asset("b", Kind::WatermarkedVideo, "primary_deliverable", &finished("b"), asis);
    made.asset("a", Kind::WatermarkedVideo, "primary_deliverable", &finished("a"), asis);
    made.asset("c", Kind::DanceVideo, "primary", "dances/c.mp4", asis);
    made.asset("c", Kind::RemixVideo, "remix_main", "remixes/c/result/REMIX_c.mp4", asis);
    for (kind, title, path) in [
        (Kind::DanceVideo, "alternate_1", "dances/b2.mp4"),
        (Kind::WatermarkedVideo, "primary_deliverable@ref2", "remixes/b2.mp4"),
        (Kind::OrigVideo, "soundtracks", "remixes/b-orig.mp4"),
        (Kind::KpopVideo, "soundtracks", "remixes/b-kpop.mp4"),
        (Kind::ScoredVideo, "remix_main", "remixes/b-scored.mp4"),
        (Kind::DanceVideo, "primary", "dances/b.mp4"),
        (Kind::Poster, "primary_deliverable", "remixes/dance_b/result/REMIX_b_scored_watermarked_poster.jpg"),
        (Kind::Poster, "primary", "dances/b_poster.jpg"),
        (Kind::CosplayImage, "primary", "characters/b_cosplay.png"),
    ] {
        made.asset("b", kind, title, path, asis);
    }
    let gallery = gather(&made, &routes(), &[]).await.unwrap();
    assert_eq!(gallery.people.iter().map(|person| person.id.as_str()).collect::<Vec<_>>(), ["c", "a", "b", "d"]);
    let b = &gallery.people[2];
    let films: Vec<&str> = b.films.iter().map(|film| film.name.as_str()).collect();
    assert_eq!(films, ["Finished film", "New soundtrack", "Original sound", "Dance", "Dance, alternate 1", "Finished film, on ref2"]);
    assert_eq!(b.poster.as_ref().unwrap().url, "../remixes/dance_b/result/REMIX_b_scored_watermarked_poster.jpg");
    assert_eq!((gallery.people[0].films[0].name.as_str(), gallery.people[0].films[0].length.as_str()), ("Remix", "0:12"));
    let named = gather(&made, &routes(), &["slug_d".into(), "b".into(), "d".into()]).await.unwrap();
    assert_eq!(named.people.iter().map(|person| person.id.as_str()).collect::<Vec<_>>(), ["b", "d"]);
    let fault = gather(&made, &routes(), &["b".into(), "nobody".into()]).await.unwrap_err();
    assert!(fault.code == Code::NotFound && fault.to_string().contains("nobody"), "{fault}");
}

#[tokio::test]
async fn showcase_links_of_the_destination_are_used_and_the_page_says_until_when() {
    let mut made = Made::default();
    made.character("mira_1", "Mira", json!({"tagline": "Dances", "traits": ["calm"]}));
    for (kind, title, n) in [(Kind::WatermarkedVideo, "primary_deliverable", 2), (Kind::DanceVideo, "primary", 1)] {
        made.asset("mira_1", kind, title, &format!("film {n}.mp4"), |delivery| {
            let url = format!("https://bucket.test/film%20{n}.mp4?X-Expires=1&sig=ab");
            delivery.link = Some(Link { url, until_ms: Some(1_764_374_400_000 + n * 60_000) });
        });
    }
    let html = made.page("Showcase").await;
    assert!(html.contains("src=\"https://bucket.test/film%202.mp4?X-Expires=1&#38;sig=ab\""), "{html}");
    assert!(html.contains("<time id=\"until\" datetime=\"2025-11-29T00:01:00.000Z\">2025-11-29 00:01 UTC</time>"), "{html}");
    made.listed.iter_mut().for_each(|(_, deliveries)| deliveries[0].link.as_mut().unwrap().until_ms = None);
    assert!(!made.page("Showcase").await.contains("<time"), "public links do not end");
}

#[tokio::test]
async fn showcase_of_an_unchanged_library_is_the_same_and_a_thousand_characters_weigh_little() {
    let mut made = Made::default();
    for n in 0..1_000 {
        let who = format!("character_name_{n:04}_1770337530");
        made.character(
            &who,
            &format!("Character {n}"),
            json!({"tagline": "Dances where the city ends", "traits": ["calm", "quick", "bright"]}),
        );
        let (dance, folder) = (format!("dance_{who}_cosplay_on_ref1"), format!("remixes/dance_{who}_cosplay_on_ref1/result"));
        for (kind, title, path) in [
            (Kind::WatermarkedVideo, "primary_deliverable", format!("{folder}/REMIX_{dance}_scored_watermarked.mp4")),
            (Kind::KpopVideo, "soundtracks", format!("{folder}/[kpop_soundtrack]_REMIX_{dance}.mp4")),
            (Kind::OrigVideo, "soundtracks", format!("{folder}/[orig_soundtrack]_REMIX_{dance}.mp4")),
            (Kind::DanceVideo, "primary", format!("dances/{dance}.mp4")),
            (Kind::DanceVideo, "alternate_1", format!("dances/dance_{who}_cosplay_on_ref2.mp4")),
            (Kind::DanceVideo, "alternate_2", format!("dances/dance_{who}_cosplay_on_ref3.mp4")),
            (Kind::Poster, "primary_deliverable", format!("{folder}/REMIX_{dance}_scored_watermarked_poster.jpg")),
            (Kind::AnimeImage, "primary", format!("characters/{who}.png")),
            (Kind::CosplayImage, "primary", format!("characters/{who}_cosplay.png")),
        ] {
            made.asset(&who, kind, title, &path, asis);
        }
    }
    let page = made.page("Showcase").await;
    assert_eq!(page, made.page("Showcase").await);
    assert_eq!(page.matches("<article>").count(), 1_000);
    let eager = page.matches("<img src=").count() - page.matches("loading=\"lazy\"").count();
    assert_eq!(eager, 6, "what is not on the first screen waits until it is looked at");
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
    let empty = Made::default().page("Showcase").await;
    assert!(empty.len() < 25_000 && empty.contains("Nothing to show yet."), "{} bytes", empty.len());
}
