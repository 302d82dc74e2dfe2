//! A library as years of work by hand leave it, with what `finish-all` must make of it: characters in every state there
//! is, ids and references with every character a disk takes, films that nobody registered, and some that are broken.

use super::library::{Library, Sizes, varied, write};
use super::program::Program;
use super::survivor::Dice;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What there is of a character before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    NoImages,
    Anime,
    Cosplay,
    /// A registered dance; its reference is here.
    Danced(Reference),
    /// A record, and a dance it does not name.
    Orphaned(Reference),
    /// A dance, and no record at all.
    Unknown(Reference),
    /// Finished, and two more dances that nobody registered.
    More,
    /// A dance in the bucket only, of somebody with a record or without.
    InBucket(bool),
    /// A record that names a primary dance that is gone, and another that is there.
    PrimaryLost,
    Remixed,
    Scored,
    Done,
    DoneBefore,
    /// A record that names nothing that is there.
    Missing,
    /// Half of a dance; after it in the order of names a whole one, or none.
    Truncated(bool),
}

/// Where the film is that somebody danced on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reference {
    Registered,
    Home,
    Beside,
    Nowhere,
}

use Reference::{Beside, Home, Nowhere, Registered};

/// From so many characters on, each state is there as often as said; below it once.
const AT_LENGTH: usize = 100;
/// Each state that costs work, so often; the others fill up.
const WORK: [(State, usize); 15] = [
    (State::Danced(Registered), 1),
    (State::Danced(Home), 1),
    (State::Danced(Nowhere), 1),
    (State::Orphaned(Beside), 2),
    (State::Orphaned(Home), 1),
    (State::Unknown(Beside), 1),
    (State::Unknown(Nowhere), 1),
    (State::More, 3),
    (State::InBucket(true), 1),
    (State::InBucket(false), 1),
    (State::PrimaryLost, 2),
    (State::Remixed, 2),
    (State::Scored, 2),
    (State::Truncated(false), 3),
    (State::Truncated(true), 1),
];
const REST: [State; 6] = [State::NoImages, State::Anime, State::Cosplay, State::Done, State::DoneBefore, State::Missing];

/// Ids as people and disks have them. The first three are parts of each other.
const IDS: [&str; 12] = [
    "mira_1",
    "mira_10",
    "mira_1_cosplay_on_x",
    "a.b+c(d)[e]^${}_2",
    "100%_#1",
    "two words_3",
    "\u{1f483}_4",
    "caf\u{e9}_5",
    "cafe\u{301}_5",
    "[kpop]_REMIX_6",
    "it's & co; $(id)_7",
    "_scored_8",
];

/// What names of references end in.
const ENDINGS: [&str; 8] = ["", "_scored", "_preview", "_cosplay_on_y", "_structured", " [1]+(b)", "_watermarked", ".#%\u{1f483}"];

/// A library, and what must become of it.
pub(crate) struct Messy {
    pub(crate) library: Library,
    /// Films to lay down once the records were imported: where, and their bytes.
    later: Vec<(PathBuf, Vec<u8>)>,
    pub(crate) predicted: Predicted,
    home: PathBuf,
}

/// What must be there once `finish-all` has run.
#[derive(Default)]
pub(crate) struct Predicted {
    /// Each dance by its path without extension: whose it is, and its title.
    pub(crate) dances: BTreeMap<String, (String, String)>,
    /// Those of them that nobody had registered.
    pub(crate) registered: BTreeSet<String>,
    /// Projects that get what they lack, by character.
    pub(crate) finished: BTreeMap<String, Project>,
    /// Characters with a finished film, those that had one before among them.
    pub(crate) shown: BTreeSet<String>,
    /// Names of files that are refused each time.
    pub(crate) refused: BTreeSet<String>,
    /// What the records name and is not there, so many.
    pub(crate) missing: usize,
}

/// A project that is to be finished.
pub(crate) struct Project {
    /// `dance_{id}_cosplay_on_{ref}`.
    pub(crate) name: String,
    /// Only what its remix lacks.
    pub(crate) is_remixed: bool,
    /// The film it was danced on is there.
    pub(crate) has_reference: bool,
}

impl Messy {
    /// So many characters, or as few as it takes to have each state; mixed by the dice.
    pub(crate) fn make(program: &Program, characters: usize, dice: &mut Dice) -> Self {
        let library = Library::make(&program.path(""), Sizes { characters: 0, dances: 0, remixes: 0 });
        // Its references nobody danced on.
        std::fs::remove_dir_all(library.root.join("references")).unwrap();
        let mut messy = Self { library, later: Vec::new(), predicted: Predicted::default(), home: program.path("home") };
        let mut states: Vec<State> =
            WORK.iter().flat_map(|(state, times)| vec![*state; if characters < AT_LENGTH { 1 } else { *times }]).collect();
        let work = states.len();
        states.extend((work..characters.max(work + REST.len())).map(|index| REST[index % REST.len()]));
        for last in (1..states.len()).rev() {
            let other = usize::try_from(dice.below(last as u64 + 1)).unwrap();
            states.swap(last, other);
        }
        // Without a record nobody can tell where an id ends that holds the words between: it is one that has one.
        for (index, state) in [(2, State::Orphaned(Beside)), (0, State::DoneBefore)] {
            let there = states.iter().rposition(|there| *there == state).unwrap();
            states.swap(index, there);
        }
        for (index, state) in states.into_iter().enumerate() {
            let id = IDS.get(index).map_or_else(|| format!("character_{index:03}_{}", 1_770_337_000 + index), |id| (*id).to_owned());
            messy.character(index, &id, state);
        }
        messy.refuse_a_name();
        messy.library.record();
        messy
    }

    /// Lays down what came after the records were imported.
    pub(crate) fn leave(&mut self) {
        for (path, bytes) in self.later.drain(..) {
            write(&path, &bytes);
        }
    }

    fn character(&mut self, index: usize, id: &str, state: State) {
        let reference = format!("clip{index}{}", ENDINGS[index % ENDINGS.len()]);
        let mut set = json!({"title": "primary"});
        if !matches!(state, State::NoImages | State::Unknown(_) | State::InBucket(false)) {
            set["anime_image"] = self.recorded_picture(&format!("characters/{id}.png"), index);
        }
        if !matches!(state, State::NoImages | State::Anime | State::Missing | State::Unknown(_) | State::InBucket(false)) {
            set["cosplay_image"] = self.recorded_picture(&format!("characters/{id}_cosplay.png"), index);
        }
        let mut sets = vec![set];
        match state {
            State::NoImages | State::Anime | State::Cosplay => {}
            State::Missing => {
                sets[0]["cosplay_image"] = json!(Library::windows(&format!("characters/{id}_cosplay.png")));
                sets[0]["dance_video"] = json!(Library::windows(&format!("dances/dance_{id}_cosplay_on_gone.mp4")));
                self.predicted.missing += 2;
            }
            State::Danced(lies) => {
                sets[0]["dance_video"] = self.dance(id, &reference, "primary");
                if lies == Registered {
                    let film = format!("films/{reference}.mp4");
                    self.library.film(&film, "");
                    sets[0]["motion_ref_video"] = json!(Library::windows(&film));
                }
                self.reference(&reference, lies);
                self.finishes(id, &reference, false, lies != Nowhere);
            }
            State::Orphaned(lies) | State::Unknown(lies) => {
                self.orphan(id, &reference, "primary", false);
                self.reference(&reference, lies);
                self.finishes(id, &reference, false, lies != Nowhere);
            }
            State::InBucket(_) => {
                self.orphan(id, &reference, "primary", true);
                self.finishes(id, &reference, false, false);
            }
            State::PrimaryLost => {
                sets[0]["dance_video"] = json!(Library::windows(&format!("dances/dance_{id}_cosplay_on_gone.mp4")));
                let dance = self.dance(id, &reference, "alternate_1");
                sets.push(json!({"title": "alternate_1", "dance_video": dance}));
                self.predicted.missing += 1;
                self.finishes(id, &reference, false, false);
            }
            State::More | State::Remixed | State::Scored | State::Done | State::DoneBefore => {
                sets[0]["dance_video"] = self.dance(id, &reference, "primary");
                self.made(id, &reference, state, &mut sets);
            }
            State::Truncated(has_another) => self.truncated(id, has_another),
        }
        if !matches!(state, State::Unknown(_) | State::InBucket(false)) {
            // Forms of other days.
            let assets: Value = match index % 3 {
                0 if sets.len() > 1 => sets.iter().map(|set| (set["title"].as_str().unwrap().to_owned(), set.clone())).collect(),
                1 if sets.len() == 1 => sets[0].clone(),
                _ => Value::Array(sets),
            };
            self.library.entries.push(json!({"id": id, "name": format!("Character {index}"), "assets": assets}));
        }
    }

    /// A picture that a record names: with a path of Windows, of its own machine, or none but its name.
    fn recorded_picture(&mut self, lies: &str, index: usize) -> Value {
        self.library.picture(lies, "");
        match index % 4 {
            0 => json!(lies),
            1 => json!(self.library.root.join(lies)),
            _ => json!(Library::windows(lies)),
        }
    }

    /// A dance that a record names.
    fn dance(&mut self, id: &str, on: &str, title: &str) -> Value {
        let lies = format!("dances/dance_{id}_cosplay_on_{on}.mp4");
        self.library.film(&lies, "");
        self.predicted.dances.insert(format!("dances/dance_{id}_cosplay_on_{on}"), (id.to_owned(), title.to_owned()));
        json!(Library::windows(&lies))
    }

    /// A dance that comes to lie in the library, or in the bucket, where nobody registers it.
    fn orphan(&mut self, id: &str, on: &str, title: &str, in_bucket: bool) {
        let stem = format!("dances/dance_{id}_cosplay_on_{on}");
        let folder = if in_bucket { self.home.join("remote") } else { self.library.root.clone() };
        let bytes = self.film();
        self.later.push((folder.join(format!("{stem}.mp4")), bytes));
        self.predicted.registered.insert(stem.clone());
        self.predicted.dances.insert(stem, (id.to_owned(), title.to_owned()));
    }

    fn film(&mut self) -> Vec<u8> {
        let number = self.library.number();
        varied(&self.library.film, number)
    }

    fn reference(&mut self, name: &str, lies: Reference) {
        let folder = match lies {
            Home => self.home.clone(),
            Beside => self.library.root.clone(),
            Registered | Nowhere => return,
        };
        let bytes = self.film();
        self.later.push((folder.join(format!("references/{name}.mp4")), bytes));
    }

    fn finishes(&mut self, id: &str, on: &str, is_remixed: bool, has_reference: bool) {
        let name = format!("dance_{id}_cosplay_on_{on}");
        self.predicted.finished.insert(id.to_owned(), Project { name, is_remixed, has_reference });
        self.predicted.shown.insert(id.to_owned());
    }

    /// What was made of a dance, by today's names or by those of other days.
    fn made(&mut self, id: &str, on: &str, state: State, sets: &mut Vec<Value>) {
        let dance = format!("dance_{id}_cosplay_on_{on}");
        let (folder, result) = (format!("remixes/{dance}"), format!("remixes/{dance}/result"));
        self.predicted.shown.insert(id.to_owned());
        let mut films = vec![format!("{result}/REMIX_{dance}.mp4")];
        match state {
            State::Remixed => {}
            State::Scored => films.push(format!("{result}/REMIX_{dance}_scored.mp4")),
            State::DoneBefore => {
                let shown = format!("{folder}/REMIX_{dance}_structured_scored_watermarked.mp4");
                films = vec![shown.clone(), format!("{result}/[kpop]_REMIX_{dance}.mp4"), format!("{folder}/[orig]_REMIX_{dance}.mp4")];
                self.library.picture(&format!("{folder}/variants/jennie_kpop.png"), "");
                films.push(format!("{folder}/variants/jennie_kpop_dance.mp4"));
                let shown = json!(Library::windows(&shown));
                sets.push(
                    json!({"title": "remix_main", "remix_folder": Library::windows(&folder), "deliverable": shown, "DELIVERABLE": shown}),
                );
            }
            _ => films.extend(["_scored", "_scored_watermarked"].map(|end| format!("{result}/REMIX_{dance}{end}.mp4"))),
        }
        for film in &films {
            self.library.film(film, "");
        }
        if matches!(state, State::Remixed | State::Scored) {
            self.finishes(id, on, true, false);
        }
        if state == State::More {
            // In the order of their names, whatever the order they came in.
            self.orphan(id, &format!("{on}b"), "alternate_2", false);
            self.orphan(id, &format!("{on}a"), "alternate_1", false);
        }
    }

    /// A dance whose end is missing: it is refused, and another one is finished in its place.
    fn truncated(&mut self, id: &str, has_another: bool) {
        let half = format!("dance_{id}_cosplay_on_half.mp4");
        let bytes = self.film();
        self.later.push((self.library.root.join("dances").join(&half), bytes[..bytes.len() / 2].to_vec()));
        self.predicted.refused.insert(half);
        if has_another {
            self.orphan(id, "whole", "alternate_1", false);
            self.finishes(id, "whole", false, false);
        }
    }

    /// A dance of somebody whose id cannot be part of a path.
    fn refuse_a_name(&mut self) {
        let name = "dance_st*r?|_cosplay_on_ref1.mp4".to_owned();
        let bytes = self.film();
        self.later.push((self.library.root.join("dances").join(&name), bytes));
        self.predicted.refused.insert(name);
    }
}
