//! People who are on this machine alone until somebody enrols them; and the folders a shoot was pointed at.

use super::*;
use rushes_core::album::WantedPerson;
use std::path::PathBuf;

const LOCAL: Rules = Rules { unknown: Unknown::Local, ..RULES };

impl Stand {
    async fn enter_here(&self, name: &str, faces: &[f32]) {
        self.enter_as(name, name, faces, LOCAL).await;
    }

    async fn person(&self, number: u32) -> WantedPerson {
        self.wanted().await.people.into_iter().find(|person| person.number == number).expect("they are wanted otherwise")
    }

    /// Who is here alone.
    async fn here(&self) -> Vec<u32> {
        self.people().await.into_iter().filter(|person| person.is_here).map(|person| person.number).collect()
    }
}

#[tokio::test]
async fn album_keeps_who_is_founded_so_on_this_machine_until_they_are_enrolled() {
    let stand = Stand::new().await;
    stand.enter("1", &[CLEO]).await;
    stand.enter_here("2", &[ANA, BEN]).await;
    stand.enter("3", &[BEN + 0.1]).await;
    assert_eq!(stand.here().await, [2, 3], "what holds is what was set when they were founded");
    assert!(stand.person(2).await.is_here && !stand.person(1).await.is_here);
    stand.settle().await;
    let ana = stand.enrol("Ana", &[ANA + 0.1]).await.unwrap();
    let person = stand.person(ana).await;
    assert_eq!((person.is_here, person.left, person.left_here), (false, strings(&[]), strings(&["Person_002"])), "it was here alone");
    let photos: Vec<u32> = stand.wanted().await.photos.iter().map(|wanted| wanted.photo.number).collect();
    assert_eq!((ana, photos), (2, vec![2]), "everything of theirs goes");
    stand.say(Correction::Undo).await.unwrap();
    let person = stand.person(ana).await;
    assert_eq!((person.is_here, person.left, person.left_here), (true, strings(&["Ana"]), strings(&[])), "which may be elsewhere by now");
    assert_eq!(stand.here().await, [2, 3]);
}

#[tokio::test]
async fn album_takes_back_what_went_under_a_name_that_stays_the_same() {
    let stand = Stand::new().await;
    stand.enter_here("1", &[ANA]).await;
    stand.say(Correction::Rename { person: 1, name: "Ana".into() }).await.unwrap();
    assert_eq!((stand.here().await, stand.person(1).await.left_here), (vec![1], strings(&["Person_001"])), "a name enrols nobody");
    stand.settle().await;
    stand.enrol("Ana", &[ANA]).await.unwrap();
    let person = stand.person(1).await;
    assert_eq!((person.is_here, person.left.len() + person.left_here.len()), (false, 0), "its folder is where it was");
    stand.settle().await;
    stand.say(Correction::Undo).await.unwrap();
    let person = stand.person(1).await;
    assert_eq!((person.is_here, person.left, person.shown.unwrap().1), (true, strings(&["Ana"]), "Ana".to_owned()));
}

#[tokio::test]
async fn album_has_who_stays_decide_where_two_that_are_one_are() {
    let stand = Stand::new().await;
    stand.enter("1", &[CLEO]).await;
    stand.enter_here("2", &[ANA]).await;
    stand.enter_here("3", &[BEN]).await;
    stand.settle().await;
    stand.say(Correction::Merge { into: 1, from: 2 }).await.unwrap();
    assert_eq!((stand.here().await, stand.person(2).await.left_here), (vec![3], strings(&["Person_002"])));
    stand.say(Correction::Undo).await.unwrap();
    assert_eq!(stand.here().await, [2, 3]);
    let ana = stand.enrol("Ana", &[ANA]).await.unwrap();
    stand.settle().await;
    // Of whom somebody was enrolled, nobody is here alone.
    stand.say(Correction::Merge { into: 3, from: ana }).await.unwrap();
    assert_eq!(stand.here().await, Vec::<u32>::new());
    stand.settle().await;
    stand.say(Correction::Undo).await.unwrap();
    assert_eq!((stand.here().await, stand.person(3).await.left), (vec![3], strings(&["Person_003"])));
}

#[tokio::test]
async fn album_splits_nobody_out_of_this_machine() {
    let stand = Stand::new().await;
    stand.enter_here("1", &[ANA]).await;
    stand.enter("2", &[ANA + 0.1]).await;
    let face = stand.album.faces(Some(2), 1).await.unwrap()[0].face;
    let new = stand.say(Correction::Split { faces: vec![face] }).await.unwrap().person.unwrap();
    assert_eq!(stand.here().await, [1, new], "whatever is set now: of them nothing was elsewhere");
    stand.say(Correction::Undo).await.unwrap();
    stand.enrol("Ana", &[ANA]).await.unwrap();
    stand.say(Correction::Split { faces: vec![face] }).await.unwrap();
    assert_eq!(stand.here().await, Vec::<u32>::new());
}

#[tokio::test]
async fn album_of_before_there_were_local_people_is_gone_on_with() {
    let stand = Stand::new().await;
    stand.enter("1", &[ANA]).await;
    stand.enter("2", &[BEN]).await;
    stand.say(Correction::Rename { person: 1, name: "Ana".into() }).await.unwrap();
    // What was said then tells of nobody who is local.
    let unsaid = "UPDATE corrections SET before = replace(replace(before, ',\"is_local\":false', ''), '\"is_local\":false,', '')";
    let album = stand.age(2, unsaid).await;
    assert!(album.people().await.unwrap().iter().all(|person| !person.is_here), "they were elsewhere, and stay there");
    album.correct(Correction::Undo, LOCAL).await.unwrap();
    assert_eq!(album.people().await.unwrap()[0].name, "Person 001");
    assert!(album.people().await.unwrap().iter().all(|person| !person.is_here));
    let folders = vec![PathBuf::from("/media/b"), PathBuf::from("/media/a")];
    album.take_from(folders.clone()).await.unwrap();
    assert_eq!(stand.opened().await.incoming().await.unwrap(), folders);
    album.take_from(Vec::new()).await.unwrap();
    assert_eq!(album.incoming().await.unwrap(), Vec::<PathBuf>::new());
}
