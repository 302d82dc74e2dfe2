//! People who may be one are proposed by the real program, and stay as they are until somebody says something. Nobody finds faces
//! here: the album is told of them before the photos come.

use super::stand::{ANA, BEN, RULES, SHOOT, face, tell};
use crate::support::program::Program;
use rushes_core::album::{Albums, Rules, Unknown};
use rushes_core::clock::SystemClock;
use rushes_store::AlbumFiles;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A face of the first person too far from the one that founded her: it founds somebody.
const ANA_ANEW: f32 = 0.62;

struct Home(Program);

impl Home {
    fn new() -> Self {
        let home = Self(Program::with(""));
        home.0.run(&["shoots", "new", "Ana & Ben", "--recognise"]).expect(0);
        home
    }

    /// Photos with these faces come in.
    #[tokio::main(flavor = "current_thread")]
    async fn enter(&self, photos: &[(u32, &[f32])], rules: Rules) {
        let shoots = self.0.path("home/shoots");
        let album = AlbumFiles::below(shoots.clone(), Arc::new(SystemClock)).album(SHOOT).await.unwrap();
        for (number, faces) in photos {
            let faces = faces.iter().zip(0..).map(|(at, nth)| face(*at, nth)).collect();
            tell(&*album, &shoots, *number, faces, rules).await;
        }
    }

    /// As [`Home::enter`], until they are in their folders.
    fn take(&self, photos: &[(u32, &[f32])], rules: Rules) {
        self.enter(photos, rules);
        self.0.run(&["shoots", "take"]).expect(0);
    }

    fn say(&self, words: &[&str]) {
        self.0.run(&[&["people", "--shoot", SHOOT], words].concat()).expect(0);
    }

    fn review(&self) -> Value {
        self.0.run(&["people", "--shoot", SHOOT, "review", "--json"]).expect(0).json()
    }

    /// Who may be one: who would become whom.
    fn merges(&self) -> Vec<(u64, u64)> {
        let number = |person: &Value| person["number"].as_u64().unwrap();
        self.review()["merges"].as_array().unwrap().iter().map(|merge| (number(&merge["from"]), number(&merge["into"]))).collect()
    }

    fn folders(&self) -> BTreeSet<String> {
        let people = self.0.path("home/library").join(SHOOT).join("People");
        std::fs::read_dir(people).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn photos(&self, folder: &str) -> usize {
        std::fs::read_dir(self.0.path("home/library").join(SHOOT).join("People").join(folder)).unwrap().count()
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn shoots_propose_people_who_may_be_one_until_somebody_says_whether() {
    let home = Home::new();
    home.take(&[(1, &[ANA]), (2, &[ANA + 0.2]), (3, &[BEN])], RULES);
    assert_eq!(home.merges(), []);
    home.take(&[(4, &[ANA_ANEW]), (5, &[ANA_ANEW - 0.1])], RULES);
    let before = set(&["Person_001", "Person_002", "Person_003"]);
    assert_eq!((home.merges(), home.folders()), (vec![(3, 1)], before.clone()), "proposed, and not carried out");
    let said = home.0.run(&["people", "--shoot", SHOOT, "review"]).expect(0).stdout;
    assert!(said.contains("Person 003") && said.contains("different # #"), "{said}");

    home.say(&["different", "Person_003", "1"]);
    assert_eq!(home.merges(), []);
    home.take(&[(6, &[ANA_ANEW - 0.05]), (7, &[ANA + 0.1])], RULES);
    assert_eq!(home.merges(), [], "it holds after more photos, in each process anew");
    home.say(&["undo"]);
    assert_eq!(home.merges(), [(3, 1)]);

    home.say(&["merge", "3", "1"]);
    assert_eq!((home.merges(), home.folders()), (vec![], set(&["Person_001", "Person_002"])));
    assert_eq!(home.photos("Person_001/Solo"), 6);
    home.say(&["undo"]);
    assert_eq!((home.merges(), home.folders()), (vec![(3, 1)], before), "looked for anew");
    home.take(&[(8, &[ANA + 0.15, ANA_ANEW])], RULES);
    assert_eq!(home.merges(), [], "who stands in one photo with her is not her");
    home.0.run(&["audit", "--deep"]).expect(0);
}

#[test]
fn shoots_propose_nobody_who_is_forgotten() {
    let home = Home::new();
    home.take(&[(1, &[ANA]), (2, &[ANA + 0.2]), (3, &[ANA_ANEW]), (4, &[BEN])], RULES);
    assert_eq!(home.merges(), [(2, 1)]);
    home.say(&["different", "2", "3"]);
    home.say(&["forget", "2"]);
    assert_eq!(home.merges(), []);
}

#[test]
fn shoots_propose_somebody_new_by_faces_of_nobody() {
    let home = Home::new();
    home.0.run(&["shoots", "set", SHOOT, "--unknown", "review"]).expect(0);
    let rules = Rules { unknown: Unknown::Review, ..RULES };
    home.take(&[(1, &[ANA]), (2, &[ANA + 0.2, BEN]), (3, &[ANA + 0.3])], rules);
    let review = home.review();
    assert_eq!((&review["merges"], &review["founds"]), (&json!([]), &json!([{"faces": [1, 2, 4]}])), "{review}");
    home.say(&["found", "1", "2", "4"]);
    assert_eq!((home.folders(), home.photos("Person_001/Solo")), (set(&["Person_001"]), 2));
    assert_eq!(home.review()["founds"], json!([]));
    home.say(&["undo"]);
    assert_eq!(home.review()["founds"], json!([{"faces": [1, 2, 4]}]));
}
