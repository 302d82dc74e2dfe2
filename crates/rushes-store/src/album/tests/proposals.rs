//! What people are compared by, who is told apart, and who is founded by faces of nobody.

use super::{ANA, BEN, CLEO, RULES, Stand, face};
use rushes_core::album::{Correction, Group, Likenesses, NewPhoto, Rules, Stands, Unknown};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::faces::{Face, Quality};
use rushes_core::{AssetId, Code};

const REVIEW: Rules = Rules { unknown: Unknown::Review, ..RULES };

impl Stand {
    async fn likenesses(&self) -> Likenesses {
        self.album.likenesses(None, 100).await.unwrap().unwrap()
    }

    async fn apart(&self) -> Vec<(u32, u32)> {
        self.likenesses().await.apart.into_iter().collect()
    }

    /// Whom there is to compare: number, faces, photos.
    async fn compared(&self) -> Vec<(u32, usize, Vec<u32>)> {
        let of = |one: rushes_core::album::Likeness| (one.number, one.templates.len(), one.photos.into_iter().collect());
        self.likenesses().await.people.into_iter().map(of).collect()
    }

    async fn enter_faces(&self, name: &str, faces: Vec<Face>, model: &str) {
        let original = AssetId(SystemClock.new_id());
        let (name, sha256, model) = (name.to_owned(), name.to_owned(), model.to_owned());
        let photo = NewPhoto { name, taken_at: None, sha256, extension: "jpg".into(), original, model, faces, group: Group::Solo };
        self.album.enter(photo, RULES).await.unwrap();
    }

    async fn face_of(&self, photo: u32, nth: usize) -> u32 {
        self.album.faces(Some(photo), 9).await.unwrap()[nth].face
    }
}

#[tokio::test]
async fn album_compares_people_by_selfies_and_faces_that_are_seen_well() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enter("2", &[ANA + 0.2, BEN]).await;
    let poor = Face { quality: Quality { size_px: 30, ..face(ANA, 0).quality }, ..face(ANA + 0.1, 0) };
    stand.enter_faces("3", vec![poor], "m").await;
    assert_eq!(stand.compared().await, [(1, 2, vec![1, 2, 3]), (2, 1, vec![2])], "the small face is hers, and says nothing");
    stand.enrol("Cleo", &[CLEO, CLEO + 0.1]).await.unwrap();
    assert_eq!(stand.compared().await[2], (3, 2, vec![]));
    stand.say(Correction::NotAFace { face: stand.face_of(2, 0).await }).await.unwrap();
    stand.enter("4", &[BEN + 0.55]).await;
    assert_eq!(stand.compared().await, [(1, 1, vec![1, 3]), (2, 1, vec![2]), (3, 2, vec![])], "no face, and one that may be his");
    // Templates of two models are never compared: those of the newest are.
    stand.enter_faces("5", vec![face(BEN, 0)], "other").await;
    assert_eq!(stand.compared().await, [(4, 1, vec![5])]);
    stand.album.expire().await.unwrap();
    assert_eq!(stand.compared().await, []);
}

#[tokio::test]
async fn album_says_whether_anything_was_written_since() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    let since = async |known: [u64; 2]| stand.album.likenesses(Some(known), 100).await.unwrap();
    let known = stand.likenesses().await.state;
    assert_eq!(since(known).await, None);
    stand.enter("2", &[BEN]).await;
    let later = since(known).await.unwrap().state;
    assert!(since(later).await.is_none());
    // What another process writes.
    let other = super::AlbumFiles::below(stand.folder.path().to_owned(), std::sync::Arc::new(SystemClock));
    let rename = Correction::Rename { person: 1, name: "Ana".into() };
    rushes_core::album::Albums::album(&other, "wedding").await.unwrap().correct(rename, RULES).await.unwrap();
    assert!(since(later).await.is_some());
}

#[tokio::test]
async fn album_remembers_who_was_told_apart_whoever_they_turn_out_to_be() {
    let stand = Stand::new().await;
    for (name, at) in [("1", ANA), ("2", BEN), ("3", CLEO)] {
        stand.enter(name, &[at]).await;
    }
    let different = |person, other| Correction::Different { person, other };
    stand.say(different(2, 1)).await.unwrap();
    assert_eq!(stand.apart().await, [(1, 2)]);
    let last = stand.album.last_said().await.unwrap().unwrap();
    assert_eq!(last.2, "different 2 1");
    stand.say(different(1, 2)).await.unwrap();
    assert_eq!(stand.album.last_said().await.unwrap().unwrap(), last, "said twice, it is to be undone once");
    stand.say(Correction::Merge { into: 3, from: 2 }).await.unwrap();
    assert_eq!(stand.apart().await, [(1, 3)]);
    stand.say(Correction::Merge { into: 3, from: 1 }).await.unwrap();
    assert_eq!(stand.apart().await, [], "who said so knows better now");
    stand.say(Correction::Undo).await.unwrap();
    stand.say(Correction::Undo).await.unwrap();
    assert_eq!(stand.apart().await, [(1, 2)]);
    stand.say(Correction::Undo).await.unwrap();
    assert_eq!(stand.apart().await, []);
    for (wrong, code) in [(different(1, 1), Code::InputInvalid), (different(1, 9), Code::NotFound)] {
        assert_eq!(stand.say(wrong).await.unwrap_err().code, code);
    }
}

#[tokio::test]
async fn album_holds_those_apart_of_whom_a_face_was_ruled_out() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enter("2", &[ANA + 0.2]).await;
    stand.enter("3", &[ANA + 0.3]).await;
    stand.enter("4", &[CLEO]).await;
    let (second, third) = (stand.face_of(2, 0).await, stand.face_of(3, 0).await);
    stand.say(Correction::NotThisPerson { face: second, person: 1 }).await.unwrap();
    assert_eq!(stand.apart().await, [(1, 3)], "whom that face founded");
    stand.say(Correction::Merge { into: 2, from: 1 }).await.unwrap();
    assert_eq!(stand.apart().await, [(2, 3)]);
    stand.say(Correction::Undo).await.unwrap();
    assert_eq!(stand.apart().await, [(1, 3)], "it is ruled out as before");
    stand.say(Correction::Undo).await.unwrap();
    stand.say(Correction::Split { faces: vec![third] }).await.unwrap();
    let new = stand.people().await.last().unwrap().number;
    assert_eq!(stand.apart().await, [(1, new)]);
    // Somebody whose face is like both does not make one of them.
    stand.say(Correction::Different { person: 1, other: new }).await.unwrap();
    stand.enrol("Ana", &[ANA + 0.15]).await.unwrap();
    assert!(stand.people().await.iter().any(|person| person.number == new), "what was said holds");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the rows are counted")]
async fn album_forgets_who_somebody_was_told_apart_from() {
    let stand = Stand::new().await;
    for (name, at) in [("1", ANA), ("2", BEN), ("3", CLEO), ("4", CLEO + 2.0)] {
        stand.enter(name, &[at]).await;
    }
    for (person, other) in [(1, 2), (2, 3), (3, 4)] {
        stand.say(Correction::Different { person, other }).await.unwrap();
    }
    stand.say(Correction::Merge { into: 1, from: 2 }).await.unwrap();
    stand.say(Correction::Forget { person: 1 }).await.unwrap();
    let rows = || -> Vec<(u32, u32)> {
        let sql = rusqlite::Connection::open(stand.folder.path().join("wedding/album.db")).unwrap();
        let mut asked = sql.prepare("SELECT person, other FROM different").unwrap();
        asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(rows(), [(3, 4)], "with whoever was merged into them");
    stand.album.expire().await.unwrap();
    assert_eq!(rows(), []);
}

#[tokio::test]
async fn album_founds_somebody_by_faces_of_nobody() {
    let stand = Stand::new().await;
    for (name, at) in [("1", &[ANA][..]), ("2", &[ANA + 0.2, BEN]), ("3", &[ANA + 0.3])] {
        stand.enter_as(name, name, at, REVIEW).await;
    }
    let found = stand.likenesses().await;
    let photos: Vec<u32> = found.strangers.iter().map(|face| *face.photos.first().unwrap()).collect();
    assert_eq!((found.people.len(), photos), (0, vec![1, 2, 2, 3]));
    let [one, two, ben] = [stand.face_of(1, 0).await, stand.face_of(2, 0).await, stand.face_of(2, 1).await];
    let say = async |faces: &[u32]| stand.album.correct(Correction::Found { faces: faces.to_vec() }, REVIEW).await;
    for (wrong, code) in [(&[][..], Code::InputInvalid), (&[one, 999], Code::NotFound), (&[two, ben], Code::InputInvalid)] {
        assert_eq!(say(wrong).await.unwrap_err().code, code, "{wrong:?}");
    }
    assert!(stand.people().await.is_empty(), "what is refused leaves nothing");
    let person = say(&[one, two]).await.unwrap().person.unwrap();
    let placed: Vec<usize> = stand.placed().await.iter().map(|(_, people)| people.len()).collect();
    assert_eq!(placed, [1, 1, 1], "and the third photo is theirs, too");
    assert_eq!(say(&[one, two]).await.unwrap_err().code, Code::InputInvalid, "they are somebody's now");
    assert_eq!(stand.compared().await, [(person, 3, vec![1, 2, 3])]);
    stand.album.correct(Correction::Undo, REVIEW).await.unwrap();
    assert!(stand.people().await.is_empty());
    assert!(stand.album.faces(Some(1), 9).await.unwrap().iter().all(|face| face.stands == Stands::Unknown && !face.is_fixed));
}
