//! What becomes of a library's files, without any engine.

use super::*;
use crate::ways::character_db;
use crate::ways::walk::{Rules, walk};
use std::io::Write;

/// A library of files with these contents.
fn library(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }
    folder
}

fn plan_of(folder: &tempfile::TempDir, buckets: &[Bucket]) -> Plan {
    let path = folder.path().join(character_db::NAME);
    let db = path.exists().then(|| character_db::read(&path).unwrap());
    let files = walk(folder.path(), &Rules::default()).unwrap().files;
    plan(Sources { db, root: Some(folder.path()), files: &files, buckets, maps: &[], may_leave: false }, Titles::default())
}

/// Each line as `state kind title stem`.
fn lines(plan: &Plan) -> Vec<String> {
    let state = |item: &Item| serde_json::to_value(item.state).unwrap().as_str().unwrap().to_owned();
    let mut lines: Vec<String> =
        plan.items.iter().map(|item| format!("{} {} {} {}", state(item), item.kind.name(), item.title, item.stem().unwrap())).collect();
    lines.sort();
    lines
}

const DB: &str = r#"[{"id": "a_1", "name": "A", "assets": [
    {"title": "primary", "anime_image": "C:\\o\\characters\\a_1.png", "cosplay_image": "C:\\o\\characters\\a_1_cosplay.png",
     "dance_video": "C:\\o\\dances\\dance_a_1_cosplay_on_r2.mp4", "motion_ref_video": "D:\\refs\\r2.mp4", "prompt": "p"},
    {"title": "alternate_1", "cosplay_image": "C:\\o\\characters\\a_1_cosplay.png", "dance_video": "C:\\o\\dances\\dance_a_1_cosplay_on_r1.mp4"},
    {"title": "jennie_kpop", "cosplay_image": "C:\\o\\remixes\\dance_a_1_cosplay_on_r2\\variants\\jennie_kpop.png"},
    {"title": "remix_main", "DELIVERABLE": "C:\\o\\remixes\\dance_a_1_cosplay_on_r2\\REMIX_dance_a_1_cosplay_on_r2_structured_scored_watermarked.mp4"},
    {"title": "soundtracks", "kpop_video": "gs://bkt/x/[kpop]_REMIX_dance_a_1_cosplay_on_r2.mp4", "orig_audio": "C:\\o\\gone.mp3"}]}]"#;

#[test]
fn plan_brings_records_and_names_together() {
    let remix = "remixes/dance_a_1_cosplay_on_r2";
    let names = [
        "characters/a_1.png".to_owned(),
        "characters/a_1_cosplay.png".into(),
        "dances/dance_a_1_cosplay_on_r1.mp4".into(),
        "dances/dance_a_1_cosplay_on_r2.mp4".into(),
        "references/r1.mp4".into(),
        "references/r2.mp4".into(),
        "references/nobody.mp4".into(),
        format!("{remix}/variants/jennie_kpop.png"),
        format!("{remix}/REMIX_dance_a_1_cosplay_on_r2_structured_scored_watermarked.mp4"),
        format!("{remix}/result/generated_kpop_music.mp3"),
        "remixes/dance_a_1_cosplay_on_r1/result/icon_A.png".into(),
        "holiday.png".into(),
        "notes.txt".into(),
    ];
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).chain([(character_db::NAME, DB)]).collect();
    let folder = library(&files);
    let plan = plan_of(&folder, &[]);
    let result = format!("{remix}/result");
    assert_eq!(
        lines(&plan),
        [
            format!("elsewhere kpop_video soundtracks {result}/[kpop_soundtrack]_REMIX_dance_a_1_cosplay_on_r2"),
            format!("missing orig_music soundtracks {result}/orig_music"),
            format!("new ai_music soundtracks {result}/generated_kpop_music"),
            "new anime_image primary characters/a_1".into(),
            "new cosplay_image alternate_1 characters/a_1_cosplay".into(),
            "new cosplay_image primary characters/a_1_cosplay".into(),
            "new dance_video alternate_1 dances/dance_a_1_cosplay_on_r1".into(),
            "new dance_video primary dances/dance_a_1_cosplay_on_r2".into(),
            "new icon_sticker primary@r1 remixes/dance_a_1_cosplay_on_r1/result/icon_A".into(),
            "new reference_video alternate_1 references/r1".into(),
            "new reference_video primary references/nobody".into(),
            "new reference_video primary references/r2".into(),
            format!("new variant_image jennie_kpop {remix}/variants/jennie_kpop"),
            format!("new watermarked_video primary_deliverable {result}/REMIX_dance_a_1_cosplay_on_r2_scored_watermarked"),
        ]
    );
    assert_eq!((plan.unrecognised.len(), plan.others, plan.characters.len()), (1, 2, 1));
    let anime = plan.items.iter().find(|item| item.kind == Kind::AnimeImage).unwrap();
    assert_eq!((&anime.meta["prompt"], anime.is_local_only), (&json!("p"), true));
    assert_eq!(plan.items.iter().filter(|item| item.subject == "local").count(), 1, "a film nobody dances on belongs to nobody");
}

#[test]
fn plan_tells_equal_bytes_from_other_bytes() {
    let remix = "remixes/dance_a_1_cosplay_on_r/result";
    let folder = library(&[
        ("dances/dance_a_1_cosplay_on_r.mp4", "dance"),
        (&format!("{remix}/[kpop_soundtrack]_REMIX_dance_a_1_cosplay_on_r.mp4"), "one"),
        (&format!("{remix}/[kpop]_REMIX_dance_a_1_cosplay_on_r.mp4"), "one"),
        (&format!("{remix}/[orig_soundtrack]_REMIX_dance_a_1_cosplay_on_r.mp4"), "one"),
        (&format!("{remix}/[orig]_REMIX_dance_a_1_cosplay_on_r.mp4"), "two"),
    ]);
    let plan = plan_of(&folder, &[]);
    let state = |end: &str| plan.items.iter().find(|item| item.shown.ends_with(end)).unwrap();
    assert_eq!(state("[kpop_soundtrack]_REMIX_dance_a_1_cosplay_on_r.mp4").state, State::New, "today's name goes first");
    assert_eq!(state("[kpop]_REMIX_dance_a_1_cosplay_on_r.mp4").state, State::Duplicate);
    let conflict = state("[orig]_REMIX_dance_a_1_cosplay_on_r.mp4");
    assert!(conflict.state == State::Conflict && conflict.why.as_ref().unwrap().contains("[orig_soundtrack]"), "{conflict:?}");
}

#[test]
fn plan_gives_other_bytes_a_place_of_their_own_where_there_is_one() {
    let db = r#"[{"id": "a_1", "name": "A", "assets": [
        {"title": "primary", "cosplay_image": "one.png", "dance_video": "dance_a_1_cosplay_on_r.mp4", "motion_ref_video": "x/r.mp4"},
        {"title": "alternate_1", "cosplay_image": "two.png"}]},
        {"id": "b_1", "name": "B", "assets": [{"title": "primary", "dance_video": "dance_b_1_cosplay_on_r.mp4", "motion_ref_video": "y/r.mp4"}]}]"#;
    let names = ["one.png", "two.png", "dance_a_1_cosplay_on_r.mp4", "dance_b_1_cosplay_on_r.mp4", "x/r.mp4", "y/r.mp4"];
    let files: Vec<(&str, &str)> = names.iter().map(|name| (*name, *name)).chain([(character_db::NAME, db)]).collect();
    let plan = plan_of(&library(&files), &[]);
    let lines = lines(&plan);
    assert!(lines.contains(&"new cosplay_image primary characters/a_1_cosplay".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"new variant_image alternate_1 remixes/dance_a_1_cosplay_on_r/variants/alternate_1".to_owned()), "{lines:#?}");
    let references: Vec<&String> = lines.iter().filter(|line| line.contains("reference_video")).collect();
    assert_eq!(references[0], "new reference_video primary references/r");
    assert!(references[1].starts_with("new reference_video primary references/r-") && references[1].len() == references[0].len() + 5);
}

#[test]
fn plan_reads_a_bucket_by_its_listing() {
    let keys =
        ["anime_dance/characters/a_1.png", "anime_dance/dances/dance_a_1_cosplay_on_r.mp4", "anime_dance/readme.txt", "anime_dance/x.png"];
    let bucket = Bucket { destination: "cloud".into(), bases: vec!["gs://b/".into()], keys: keys.map(str::to_owned).to_vec() };
    let plan = plan(Sources { db: None, root: None, files: &[], buckets: &[bucket], maps: &[], may_leave: false }, Titles::default());
    assert_eq!(lines(&plan), ["new anime_image primary characters/a_1", "new dance_video primary dances/dance_a_1_cosplay_on_r"]);
    assert_eq!(plan.characters["a_1"].name, "A 1", "a name from an id that ends in no second");
    assert_eq!((plan.unrecognised.len(), plan.others), (1, 1));
    assert!(plan.items.iter().all(|item| !item.is_local_only));
}

#[test]
fn plan_takes_what_lies_in_a_folder_a_record_calls_remixes() {
    let db = r#"[{"id": "a_1", "name": "A", "assets": [
        {"title": "primary", "dance_video": "dance_a_1_cosplay_on_r.mp4", "remix_folder": "C:\\o\\final cut\\"}]}]"#;
    let files = [("dance_a_1_cosplay_on_r.mp4", "d"), ("final cut/result/orig_music.wav", "m"), (character_db::NAME, db)];
    let lines = lines(&plan_of(&library(&files), &[]));
    assert!(lines.contains(&"new orig_music soundtracks remixes/dance_a_1_cosplay_on_r/result/orig_music".to_owned()), "{lines:#?}");
}

#[test]
fn plan_knows_an_id_that_holds_the_words_between() {
    let dance = "dance_a_1_cosplay_on_x_cosplay_on_r1";
    let db = format!(
        r#"[{{"id": "a_1", "name": "A", "assets": []}},
            {{"id": "a_1_cosplay_on_x", "name": "B", "assets": [{{"title": "primary", "dance_video": "C:\\o\\dances\\{dance}.mp4"}}]}}]"#
    );
    let (film, finished) = (format!("dances/{dance}.mp4"), format!("remixes/{dance}/result/REMIX_{dance}_scored_watermarked.mp4"));
    let folder = library(&[(character_db::NAME, &db), (&film, "dance"), (&finished, "finished")]);
    let plan = plan_of(&folder, &[]);
    let stem = finished.strip_suffix(".mp4").unwrap();
    let wanted = [format!("new dance_video primary dances/{dance}"), format!("new watermarked_video primary_deliverable {stem}")];
    assert_eq!(lines(&plan), wanted);
    assert!(plan.items.iter().all(|item| item.subject == "a_1_cosplay_on_x"), "{:?}", plan.items);
}
