//! Albums from outside: photos come in, somebody says something, and what is wanted follows.

mod local;
mod proposals;

use super::AlbumFiles;
use rushes_core::album::guests::{Invitation, Joining};
use rushes_core::album::{Album, Albums, Corrected, Correction, Entered, Group, NewPhoto, Person, Rules, Settled, Stands, Unknown, Wanted};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::faces::{Face, Quality, Region, TEMPLATE_LEN, Template};
use rushes_core::{AssetId, Code, Fault};
use std::sync::Arc;

const RULES: Rules = Rules {
    is_recognising: true,
    unknown: Unknown::Cloud,
    route_below: 0.5,
    review_below: 0.6,
    margin: 0.05,
    is_open: true,
    expires_ms: None,
};
/// Faces of different people are so far apart.
const ANA: f32 = 0.0;
const BEN: f32 = 2.0;
const CLEO: f32 = 4.0;

struct Stand {
    folder: tempfile::TempDir,
    album: Arc<dyn Album>,
}

/// A face at a place of the line on which people are told apart, the `nth` of its photo.
fn face(at: f32, nth: u8) -> Face {
    let mut numbers = [0.0; TEMPLATE_LEN];
    numbers[0] = at;
    Face {
        region: Region { x: f32::from(nth) * 0.3, y: 0.2, width: 0.2, height: 0.2 },
        quality: Quality { score: 0.9, size_px: 120, sharpness: 0.8, turn: 0.1 },
        template: Template::new(&numbers).unwrap(),
        crop: format!("crop of {at}").into_bytes(),
    }
}

impl Stand {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let album = AlbumFiles::below(folder.path().to_owned(), Arc::new(SystemClock)).album("wedding").await.unwrap();
        Self { folder, album }
    }

    async fn enter_as(&self, name: &str, sha256: &str, faces: &[f32], rules: Rules) -> Entered {
        self.enter_taken(name, None, sha256, faces, rules).await
    }

    async fn enter_taken(&self, name: &str, taken_at: Option<&str>, sha256: &str, faces: &[f32], rules: Rules) -> Entered {
        let faces: Vec<Face> = faces.iter().zip(0..).map(|(at, nth)| face(*at, nth)).collect();
        let group = if faces.len() > 1 { Group::Group } else { Group::Solo };
        let original = AssetId(SystemClock.new_id());
        let (name, taken_at, sha256) = (name.to_owned(), taken_at.map(str::to_owned), sha256.to_owned());
        let photo = NewPhoto { name, taken_at, sha256, extension: "jpg".into(), original, model: "m".into(), faces, group };
        self.album.enter(photo, rules).await.unwrap()
    }

    /// Makes it an album of a former version, changed by `also`, and opens it anew.
    #[expect(clippy::disallowed_methods, reason = "an album of a former version is made")]
    async fn age(&self, version: usize, also: &str) -> Arc<dyn Album> {
        // What each version has that the one before it lacks, from the second on, taken away.
        const UNDONE: [&str; 5] = [
            "ALTER TABLE people DROP COLUMN became",
            "DROP TABLE incoming",
            "ALTER TABLE people DROP COLUMN is_local",
            "DROP TABLE different",
            "CREATE TABLE former(
                number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, extension TEXT NOT NULL,
                original TEXT NOT NULL, first TEXT NOT NULL, model TEXT NOT NULL, is_group INTEGER NOT NULL, entered_ms INTEGER NOT NULL,
                rev INTEGER NOT NULL, settled INTEGER NOT NULL) STRICT;
             ALTER TABLE photos DROP COLUMN taken_at;
             INSERT INTO former SELECT * FROM photos;
             DROP TABLE photos;
             ALTER TABLE former RENAME TO photos;
             CREATE INDEX photos_wanted ON photos(number) WHERE rev <> settled",
        ];
        let undone: Vec<&str> = UNDONE[version - 1..].iter().rev().copied().collect();
        let old = rusqlite::Connection::open(self.folder.path().join("wedding/album.db")).unwrap();
        old.execute_batch(&format!("{}; PRAGMA user_version = {version}; {also}", undone.join(";"))).unwrap();
        self.opened().await
    }

    /// Opened anew, as by another process.
    async fn opened(&self) -> Arc<dyn Album> {
        AlbumFiles::below(self.folder.path().to_owned(), Arc::new(SystemClock)).album("wedding").await.unwrap()
    }

    /// A photo of faces, under a name that is its bytes too.
    async fn enter(&self, name: &str, faces: &[f32]) -> u32 {
        self.enter_as(name, name, faces, RULES).await.photo
    }

    async fn say(&self, correction: Correction) -> Result<Corrected, Fault> {
        self.album.correct(correction, RULES).await
    }

    async fn enrol(&self, name: &str, at: &[f32]) -> Result<u32, Fault> {
        let selfies = at.iter().map(|at| face(*at, 0)).collect();
        let enrol = Correction::Enrol { name: name.into(), selfies, model: "m".into(), consent_ms: 7, contact: Some("+49 1".into()) };
        Ok(self.say(enrol).await?.person.unwrap())
    }

    async fn people(&self) -> Vec<Person> {
        self.album.people().await.unwrap()
    }

    /// Whose folder each photo is in, by folder; everything counts as carried out then.
    async fn placed(&self) -> Vec<(u32, Vec<String>)> {
        let folders: std::collections::BTreeMap<u32, String> = self.people().await.into_iter().map(|p| (p.number, p.folder)).collect();
        let mut placed = Vec::new();
        for photo in self.album.photos(None, 0, 100).await.unwrap() {
            let faces = self.album.faces(Some(photo.number), 100).await.unwrap();
            let mut in_it: Vec<String> =
                faces.iter().filter(|face| face.stands == Stands::Routed).map(|face| folders[&face.person.unwrap()].clone()).collect();
            in_it.sort();
            placed.push((photo.number, in_it));
        }
        placed
    }

    async fn wanted(&self) -> Wanted {
        self.album.wanted(&[], 100).await.unwrap()
    }

    async fn settle(&self) {
        assert!(self.album.settle(settled(&self.wanted().await)).await.unwrap());
        assert!(self.wanted().await.is_empty());
    }
}

fn settled(wanted: &Wanted) -> Settled {
    Settled {
        people: wanted.people.iter().map(|person| (person.number, person.rev)).collect(),
        photos: wanted.photos.iter().map(|photo| (photo.photo.number, photo.rev)).collect(),
    }
}

fn strings(folders: &[&str]) -> Vec<String> {
    folders.iter().map(|folder| (*folder).to_owned()).collect()
}

#[tokio::test]
async fn album_founds_people_and_knows_them_again() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enter("2", &[ANA + 0.3, BEN]).await;
    stand.enter("3", &[CLEO + 0.01, BEN + 0.55]).await;
    assert_eq!(
        stand.placed().await,
        [(1, strings(&["Person_001"])), (2, strings(&["Person_001", "Person_002"])), (3, strings(&["Person_003"]))]
    );
    let [review] = &stand.album.faces(None, 10).await.unwrap()[..] else { panic!("one is not certain") };
    assert_eq!((review.photo, review.person, review.why.as_str()), (3, Some(2), "the likeness is not certain"));
    let wanted = stand.wanted().await;
    assert_eq!((wanted.photos.len(), wanted.people.len()), (3, 3));
    stand.settle().await;
    // One that is wanted otherwise while it is carried out stays wanted.
    stand.enter("4", &[ANA]).await;
    let before = stand.wanted().await;
    stand.say(Correction::Rename { person: 1, name: "Ana".into() }).await.unwrap();
    assert!(!stand.album.settle(settled(&before)).await.unwrap());
    let photos: Vec<u32> = stand.wanted().await.photos.iter().map(|wanted| wanted.photo.number).collect();
    assert_eq!(photos, [1, 2, 4]);
}

#[tokio::test]
async fn album_takes_bytes_once_and_an_edited_photo_in_its_place() {
    let stand = Stand::new().await;
    let first = stand.enter_as("a.jpg", "one", &[ANA, BEN], RULES).await;
    let again = stand.enter_as("copy of a.jpg", "one", &[ANA, BEN], RULES).await;
    assert_eq!((again.photo, again.is_known, again.original), (first.photo, true, first.original));
    let ben = stand.enrol("Ben", &[BEN]).await.unwrap();
    let face = stand.album.faces(Some(1), 9).await.unwrap()[0].face;
    stand.say(Correction::NotAFace { face }).await.unwrap();
    stand.settle().await;
    // The same two faces, seen otherwise: what somebody said of one of them holds.
    let edited = stand.enter_as("a.jpg", "two", &[ANA + 0.2, BEN + 0.2], RULES).await;
    assert_eq!((edited.photo, edited.is_edited), (first.photo, true));
    let stands: Vec<(Stands, Option<u32>)> = stand.album.faces(Some(1), 9).await.unwrap().iter().map(|f| (f.stands, f.person)).collect();
    assert_eq!(stands, [(Stands::NotAFace, None), (Stands::Routed, Some(ben))]);
    assert_eq!(stand.wanted().await.photos.len(), 1);
    assert!(stand.enter_as("a.jpg", "one", &[ANA, BEN], RULES).await.is_known, "the old version is not taken again");
}

#[tokio::test]
async fn album_keeps_two_photos_of_one_name_that_were_taken_at_different_times() {
    let stand = Stand::new().await;
    let enter = async |taken_at, bytes| {
        let entered = stand.enter_taken("DSC_0001.JPG", taken_at, bytes, &[], RULES).await;
        (entered.photo, entered.is_edited)
    };
    let (noon, night) = (Some("2026:05:30 12:00:00"), Some("2026:05:30 23:00:00"));
    assert_eq!(enter(noon, "noon").await, (1, false));
    assert_eq!(enter(night, "night").await, (2, false));
    assert_eq!(enter(noon, "noon, edited").await, (1, true));
    assert_eq!(enter(night, "night, edited").await, (2, true));
    assert_eq!(enter(None, "exported without its notes").await, (2, true), "the last of the name");
    assert_eq!(enter(Some("2026:05:31 00:10:00"), "later").await, (3, false), "what was noted once stays");
    // Of a photo that says nothing, whatever has its name is an edit, and then it is known when it was taken.
    assert_eq!(stand.enter_taken("scan.png", None, "scan", &[], RULES).await.photo, 4);
    assert_eq!(stand.enter_taken("scan.png", noon, "scan, dated", &[], RULES).await.photo, 4);
    assert_eq!(stand.enter_taken("scan.png", night, "another", &[], RULES).await.photo, 5);
}

#[tokio::test]
async fn album_finds_nobody_until_it_is_told_to() {
    let stand = Stand::new().await;
    stand.enter_as("1", "1", &[], Rules::default()).await;
    assert!(stand.people().await.is_empty());
    let review = Rules { unknown: Unknown::Review, ..RULES };
    stand.enter_as("2", "2", &[ANA], review).await;
    assert!(stand.people().await.is_empty());
    let ana = stand.enrol("Ana", &[ANA + 0.1]).await.unwrap();
    assert_eq!(stand.placed().await[1], (2, strings(&["Ana"])), "late, and found all the same");
    assert_eq!(stand.people().await[0].number, ana);
}

#[tokio::test]
async fn album_enrols_late_renames_and_tells_which_folders_are_left() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enter("2", &[BEN]).await;
    stand.settle().await;
    let ana = stand.enrol("Ana María", &[ANA + 0.1, ANA + 0.2]).await.unwrap();
    assert_eq!(ana, 1, "who was founded by a face like theirs");
    let wanted = stand.wanted().await;
    assert_eq!((wanted.people[0].left.as_slice(), wanted.photos.len()), (&strings(&["Person_001"])[..], 1));
    assert_eq!(wanted.people[0].shown, Some(("Ana María".into(), "Ana_María".into())));
    stand.settle().await;
    // Another of that name; then one whose disk would not tell them apart.
    let other = stand.enrol("Ana María", &[8.0]).await.unwrap();
    stand.say(Correction::Rename { person: 2, name: "ana  maría".into() }).await.unwrap();
    let folders: Vec<String> = stand.people().await.into_iter().map(|person| person.folder).collect();
    assert_eq!(folders, strings(&["Ana_María", "Ana_María_2", "ana_maría_3"]));
    assert_eq!(other, 3);
    for (selfies, why) in [(&[][..], "one to 5"), (&[ANA, BEN][..], "different people")] {
        let fault = stand.enrol("Nobody", selfies).await.unwrap_err();
        assert!(fault.code == Code::InputInvalid && fault.to_string().contains(why), "{fault}");
    }
    assert_eq!(stand.people().await.len(), 3, "what is refused leaves nothing");
}

#[tokio::test]
async fn album_corrections_hold_and_can_be_undone() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enter("2", &[ANA + 0.2]).await;
    stand.enter("3", &[BEN]).await;
    let at_first = stand.placed().await;
    let faces: Vec<u32> = first_faces(&stand).await;
    let steps = [
        Correction::Merge { into: 1, from: 2 },
        Correction::Split { faces: vec![faces[1]] },
        Correction::NotThisPerson { face: faces[1], person: 1 },
        Correction::NotAFace { face: faces[0] },
        Correction::Confirm { face: faces[2], person: 1 },
        Correction::Rename { person: 1, name: "Ana".into() },
        Correction::Pin { person: 2, is_pinned: true },
    ];
    for step in steps {
        let said = format!("{step:?}");
        stand.settle().await;
        let (before, people) = (stand.placed().await, stand.people().await);
        stand.say(step).await.unwrap();
        let after = stand.placed().await;
        assert!(after != before || stand.people().await != people, "{said} changes something");
        // Whatever is judged anew, what somebody said stands.
        stand.enter(&said, &[ANA + 0.1]).await;
        assert_eq!(stand.placed().await[..after.len()], after[..], "{said}");
        let undone = stand.say(Correction::Undo).await.unwrap();
        assert!(undone.undone.is_some());
        let mut now = stand.placed().await;
        now.truncate(before.len());
        assert_eq!(now, before, "{said} was undone: {undone:?}");
        let numbers = |people: &[Person]| people.iter().map(|p| (p.number, p.folder.clone(), p.is_pinned)).collect::<Vec<_>>();
        assert_eq!(numbers(&stand.people().await), numbers(&people), "{said}");
    }
    let mut now = stand.placed().await;
    now.truncate(at_first.len());
    assert_eq!(now, at_first);
    assert_eq!(stand.say(Correction::Undo).await.unwrap_err().code, Code::NotFound);
}

async fn first_faces(stand: &Stand) -> Vec<u32> {
    let mut faces = Vec::new();
    for photo in 1..=3 {
        faces.push(stand.album.faces(Some(photo), 1).await.unwrap()[0].face);
    }
    faces
}

#[tokio::test]
async fn album_forgets_so_that_nothing_is_left_in_the_file() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enter("2", &[ANA + 0.25, BEN]).await;
    let ana = stand.enrol("Ana Quirinal", &[ANA + 0.123]).await.unwrap();
    stand.settle().await;
    let selfie = face(ANA + 0.123, 0).template.to_bytes();
    let traces: [Vec<u8>; 5] =
        [selfie[..16].to_vec(), b"crop of 0.123".to_vec(), b"crop of 0.25".to_vec(), b"Quirinal".to_vec(), b"+49 1".to_vec()];
    let raw = || {
        let read = |name: &str| std::fs::read(stand.folder.path().join("wedding").join(name)).unwrap_or_default();
        [read("album.db"), read("album.db-wal")].concat()
    };
    let held = |traces: &[Vec<u8>]| traces.iter().filter(|trace| raw().windows(trace.len()).any(|part| part == &trace[..])).count();
    assert_eq!(held(&traces), 5, "they are there to be found");
    stand.say(Correction::Forget { person: ana }).await.unwrap();
    let wanted = stand.wanted().await;
    assert_eq!(wanted.people.iter().find(|person| person.number == ana).unwrap().shown, None);
    assert_eq!(wanted.photos.len(), 2, "both photos stand otherwise");
    stand.settle().await;
    stand.album.scrub().await.unwrap();
    assert_eq!(held(&traces), 0);
    assert_eq!(stand.placed().await, [(1, vec![]), (2, strings(&["Person_002"]))]);
    assert_eq!(stand.say(Correction::Undo).await.unwrap_err().code, Code::NotFound, "nothing brings them back");
}

#[tokio::test]
async fn album_is_for_its_owner_only_and_stays_below_its_folder() {
    use std::os::unix::fs::PermissionsExt;
    let stand = Stand::new().await;
    let mode = std::fs::metadata(stand.folder.path().join("wedding/album.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let albums = AlbumFiles::below(stand.folder.path().to_owned(), Arc::new(SystemClock));
    for wrong in ["..", "a/b", ""] {
        assert_eq!(albums.album(wrong).await.err().unwrap().code, Code::InputInvalid, "{wrong:?}");
    }
}

fn joining(name: &str, at: f32) -> Joining {
    Joining { name: name.into(), selfies: vec![face(at, 0)], model: "m".into(), until_ms: i64::MAX }
}

#[tokio::test]
async fn album_guests_are_known_by_their_token_and_see_whose_face_they_showed() {
    let stand = Stand::new().await;
    let album = &stand.album;
    stand.enter("1", &[ANA]).await;
    assert_eq!(album.invitation().await.unwrap(), Invitation::default());
    album.ask_pin(Some("pin".into())).await.unwrap();
    album.invite(Some("link".into())).await.unwrap();
    let invitation = album.invitation().await.unwrap();
    assert_eq!((invitation.link.as_deref(), invitation.pin.as_deref()), (Some("link"), Some("pin")));
    album.admit("one", i64::MAX).await.unwrap();
    album.admit("late", 5).await.unwrap();
    assert!(album.guest("one").await.unwrap().unwrap().person.is_none());
    for nobody in ["late", "guessed", ""] {
        assert!(album.guest(nobody).await.unwrap().is_none(), "{nobody}");
        assert_eq!(album.join(nobody, joining("X", ANA), RULES).await.unwrap_err().code, Code::NotFound);
    }
    let ana = album.join("one", joining("Ana", ANA + 0.1), RULES).await.unwrap().person.unwrap();
    assert_eq!(stand.placed().await, [(1, strings(&["Ana"]))]);
    assert_eq!(album.join("one", joining("Ben", BEN), RULES).await.unwrap_err().code, Code::NotFound, "once for each token");
    album.admit("two", i64::MAX).await.unwrap();
    assert_eq!(album.join("two", joining("Anna", ANA + 0.2), RULES).await.unwrap().person, Some(ana), "they come back");
    assert_eq!(stand.people().await.len(), 1);
    assert!(album.last_said().await.unwrap().is_some_and(|(_, _, what)| what == "enrol"));
    assert_eq!(album.dismiss(ana).await.unwrap(), 2);
    assert!(album.guest("one").await.unwrap().is_none());
}

#[tokio::test]
async fn album_guests_follow_a_merge_and_its_undoing_and_go_with_who_is_forgotten() {
    let stand = Stand::new().await;
    let album = &stand.album;
    let mut people = Vec::new();
    for (token, name, at) in [("a", "Ana", ANA), ("b", "Ben", BEN)] {
        album.admit(token, i64::MAX).await.unwrap();
        people.push(album.join(token, joining(name, at), RULES).await.unwrap().person.unwrap());
    }
    let whose = async |token: &str| album.guest(token).await.unwrap().and_then(|guest| guest.person);
    stand.say(Correction::Merge { into: people[0], from: people[1] }).await.unwrap();
    assert_eq!(whose("b").await, Some(people[0]));
    stand.say(Correction::Undo).await.unwrap();
    assert_eq!((whose("a").await, whose("b").await), (Some(people[0]), Some(people[1])));
    stand.enter("1", &[BEN + 0.1]).await;
    assert_eq!(stand.placed().await, [(1, strings(&["Ben"]))], "their selfies came back, too");
    stand.say(Correction::Forget { person: people[1] }).await.unwrap();
    assert_eq!((whose("a").await, album.guest("b").await.unwrap()), (Some(people[0]), None));
}

#[tokio::test]
async fn album_whose_days_are_over_knows_nobody_by_their_face_any_more() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enrol("Ana", &[ANA + 0.123]).await.unwrap();
    stand.enter("2", &[ANA + 0.25, BEN]).await;
    let placed = stand.placed().await;
    assert!(stand.album.expire().await.unwrap());
    assert!(!stand.album.expire().await.unwrap(), "there is nothing left to erase");
    assert_eq!(stand.placed().await, placed, "whose photo is whose stays");
    let raw = std::fs::read(stand.folder.path().join("wedding/album.db")).unwrap();
    let selfie = face(ANA + 0.123, 0).template.to_bytes();
    for trace in [&selfie[..8], b"crop of", b"+49 1"] {
        assert!(!raw.windows(trace.len()).any(|part| part == trace), "{}", String::from_utf8_lossy(trace));
    }
    // Nobody is taken for anybody.
    stand.enter("3", &[ANA]).await;
    assert_eq!(stand.placed().await[2], (3, strings(&["Person_003"])));
}

/// Whoever heard no answer says it again.
#[tokio::test]
async fn album_is_told_the_same_twice_and_knows_it_once() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enter("2", &[BEN]).await;
    stand.enter("3", &[BEN + 0.1]).await;
    let ana = stand.enrol("Ana", &[ANA + 0.1]).await.unwrap();
    assert_eq!(stand.enrol(" ana", &[ANA + 0.1]).await.unwrap(), ana, "not a second person of her face");
    assert_eq!(stand.people().await.len(), 2);
    let face = stand.album.faces(Some(3), 1).await.unwrap()[0].face;
    let words = [
        Correction::Rename { person: 2, name: "Ben".into() },
        Correction::Split { faces: vec![face] },
        Correction::Confirm { face, person: 3 },
        Correction::NotThisPerson { face, person: 2 },
        Correction::NotAFace { face },
    ];
    for word in words {
        let _ = stand.say(word.clone()).await.unwrap();
        let (people, last) = (stand.people().await, stand.album.last_said().await.unwrap().unwrap().0);
        match (word.clone(), stand.say(word).await) {
            (Correction::Split { .. }, again) => assert_eq!(again.unwrap_err().code, Code::InputInvalid),
            (_, again) => assert_eq!(again.unwrap().photos, 0),
        }
        assert_eq!(stand.people().await, people);
        assert_eq!(stand.album.last_said().await.unwrap().unwrap().0, last, "nothing more is there to undo");
    }
}

#[tokio::test]
async fn album_forgets_who_somebody_was_before_they_turned_out_to_be_one() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enter("2", &[CLEO]).await;
    let ana = stand.enrol("Ana", &[ANA]).await.unwrap();
    let cleo = stand.enrol("Cleo Falkenrath", &[CLEO]).await.unwrap();
    let dora = stand.enrol("Dora Falkenrath", &[CLEO + 2.0]).await.unwrap();
    stand.say(Correction::Merge { into: cleo, from: dora }).await.unwrap();
    stand.say(Correction::Undo).await.unwrap();
    stand.say(Correction::Merge { into: ana, from: cleo }).await.unwrap();
    stand.say(Correction::Forget { person: ana }).await.unwrap();
    assert_eq!(stand.album.forgotten().await.unwrap(), [ana, cleo], "and not who is herself again");
    stand.say(Correction::Forget { person: dora }).await.unwrap();
    stand.settle().await;
    stand.album.scrub().await.unwrap();
    let raw = std::fs::read(stand.folder.path().join("wedding/album.db")).unwrap();
    assert!(!raw.windows(10).any(|part| part == b"Falkenrath"));
    assert_eq!(stand.album.forgotten().await.unwrap(), [ana, cleo, dora]);
    stand.album.forgot(&[ana, cleo, dora]).await.unwrap();
    assert_eq!(stand.album.forgotten().await.unwrap(), Vec::<u32>::new());
    stand.enter("3", &[ANA]).await;
    assert_eq!(stand.people().await[0].number, 4, "no number is used again");
}

#[tokio::test]
async fn album_of_the_first_version_is_gone_on_with() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA, CLEO]).await;
    let album = stand.age(1, "").await;
    album.correct(Correction::Merge { into: 1, from: 2 }, RULES).await.unwrap();
    album.correct(Correction::Forget { person: 1 }, RULES).await.unwrap();
    assert_eq!(album.forgotten().await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn album_of_before_it_was_known_when_photos_were_taken_is_gone_on_with() {
    let stand = Stand::new().await;
    stand.enter_as("a.jpg", "one", &[ANA], RULES).await;
    stand.enter_as("b.jpg", "two", &[ANA, BEN], RULES).await;
    let before = stand.placed().await;
    let stand = Stand { album: stand.age(5, "").await, ..stand };
    assert_eq!(stand.placed().await, before);
    let noon = Some("2026:05:30 12:00:00");
    assert_eq!(stand.enter_taken("a.jpg", noon, "one, edited", &[ANA], RULES).await.photo, 1, "as when it was taken in");
    assert_eq!(stand.enter_taken("a.jpg", Some("2026:05:30 23:00:00"), "another", &[], RULES).await.photo, 3);
}

#[tokio::test]
async fn album_of_the_second_version_is_gone_on_with_and_what_was_said_there_is_undone() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.say(Correction::Rename { person: 1, name: "Ana".into() }).await.unwrap();
    let album = stand.age(2, "UPDATE corrections SET before = json_remove(before, '$.ruled_out', '$.different')").await;
    stand.enter("2", &[BEN]).await;
    album.correct(Correction::Undo, RULES).await.unwrap();
    assert_eq!(album.people().await.unwrap()[0].name, "Person 001");
    album.correct(Correction::Different { person: 1, other: 2 }, RULES).await.unwrap();
}
