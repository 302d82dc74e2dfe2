//! What every destination must keep.

use rushes_core::destination::{Compared, Condition, Destination, Put, Shows, compare};
use rushes_core::digest::digest;
use rushes_core::{Blob, Code};
use std::io::Write;
use std::path::PathBuf;

/// Names that have broken uploads before: spaces, brackets, signs with a meaning in addresses, other scripts, long.
pub(crate) const ODD_KEYS: &[&str] = &[
    "suite/plain.bin",
    "suite/with space.bin",
    "suite/[kpop_soundtrack]_REMIX_x.bin",
    "suite/sharp#percent%plus+.bin",
    "suite/emoji 🎬 é e\u{301}.bin",
    "suite/deep/er/and/deeper.bin",
];

pub(crate) struct Source {
    _folder: tempfile::TempDir,
    pub(crate) file: PathBuf,
    pub(crate) blob: Blob,
}

pub(crate) fn source(bytes: &[u8]) -> Source {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("source");
    std::fs::File::create(&file).and_then(|mut f| f.write_all(bytes)).expect("a temporary file");
    Source { _folder: folder, file, blob: digest(bytes, "application/octet-stream").expect("bytes in memory can be read") }
}

pub(crate) async fn content(destination: &dyn Destination, key: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let into = folder.path().join("got");
    destination.get(key, None, &into).await.unwrap_or_else(|fault| panic!("get {key}: {fault}"));
    std::fs::read(into).expect("the file that get made")
}

/// Runs every promise of the port on an empty destination; leaves it empty.
pub async fn destination_suite(destination: &dyn Destination) {
    destination_suite_up_to(destination, 204).await;
}

/// The same where names, the last segments of keys, can have at most so many bytes.
pub async fn destination_suite_up_to(destination: &dyn Destination, name_bytes: usize) {
    puts_are_proven_and_come_back(destination, name_bytes).await;
    ranges_come_as_asked_for(destination).await;
    create_only_keeps_what_is_there(destination).await;
    replace_needs_the_known_version(destination).await;
    listing_is_whole_ordered_and_paged(destination).await;
    absence_is_an_answer(destination).await;
    folders_come_and_go_without_objects(destination).await;
    let left = destination.list("", None).await.expect("a listing at the end").keys;
    assert!(left.is_empty(), "the suite leaves nothing: {left:?}");
}

/// The promises about single objects, for servers that keep no conditions and list no pages.
pub async fn simple_suite(destination: &dyn Destination, name_bytes: usize) {
    puts_are_proven_and_come_back(destination, name_bytes).await;
    absence_is_an_answer(destination).await;
}

async fn puts_are_proven_and_come_back(destination: &dyn Destination, name_bytes: usize) {
    let long = format!("suite/{}.bin", "n".repeat(name_bytes - 4));
    let keys: Vec<&str> = ODD_KEYS.iter().copied().chain([long.as_str()]).collect();
    for (index, key) in keys.iter().enumerate() {
        // The second is empty, the third larger than any buffer.
        let bytes = match index {
            1 => Vec::new(),
            2 => (0..3_000_000_u32).map(|n| n.to_le_bytes()[index % 3]).collect(),
            _ => format!("bytes of {key}").into_bytes(),
        };
        let source = source(&bytes);
        let proof = destination
            .put(Put::new(key, &source.file, &source.blob, Condition::CreateOnly))
            .await
            .unwrap_or_else(|fault| panic!("put {key}: {fault}"));
        assert!(proof.proves(&source.blob), "the proof of {key} is that of the bytes: {proof:?}");
        for proven in [None, Some(&proof)] {
            let there = compare(destination, key, &source.blob, proven).await.expect("a look");
            assert!(matches!(there, Compared::Same(_)), "{key} is seen to hold the bytes: {there:?}");
        }
        assert_eq!(content(destination, key).await, bytes, "{key} comes back as it was");
        assert!(source.file.exists(), "a put leaves the source alone");
    }
    for key in keys {
        destination.delete(key).await.expect("delete");
        assert!(destination.stat(key).await.expect("stat").is_none(), "{key} is gone after its delete");
    }
}

/// From the first byte asked for to the last, as far as there are any.
async fn ranges_come_as_asked_for(destination: &dyn Destination) {
    let (digits, nothing) = (source(b"0123456789"), source(b""));
    let key = "suite/[digits] 1.bin";
    destination.put(Put::new(key, &digits.file, &digits.blob, Condition::CreateOnly)).await.expect("put");
    destination.put(Put::new("suite/nothing", &nothing.file, &nothing.blob, Condition::CreateOnly)).await.expect("put");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let into = folder.path().join("some");
    let asked = [(key, 0..10, "0123456789"), (key, 3..5, "34"), (key, 8..99, "89"), (key, 10..12, ""), (key, 4..4, "")];
    for (key, range, wanted) in asked.into_iter().chain([("suite/nothing", 0..5, "")]) {
        destination.get(key, Some(range.clone()), &into).await.unwrap_or_else(|fault| panic!("{range:?} of {key}: {fault}"));
        assert_eq!(std::fs::read_to_string(&into).expect("the file that get made"), wanted, "{range:?} of {key}");
        std::fs::remove_file(&into).expect("a file to remove");
    }
    let fault = destination.get("suite/none", Some(4..4), &into).await.expect_err("nothing to get");
    assert_eq!(fault.code, Code::NotFound, "also where no byte is asked for: {fault}");
    for key in [key, "suite/nothing"] {
        destination.delete(key).await.expect("delete");
    }
}

async fn create_only_keeps_what_is_there(destination: &dyn Destination) {
    let (first, second) = (source(b"first"), source(b"second"));
    let key = "suite/once.bin";
    destination.put(Put::new(key, &first.file, &first.blob, Condition::CreateOnly)).await.expect("the first put");
    let again = destination.put(Put::new(key, &first.file, &first.blob, Condition::CreateOnly)).await;
    assert!(again.is_ok(), "the same bytes again are success: {again:?}");
    let fault =
        destination.put(Put::new(key, &second.file, &second.blob, Condition::CreateOnly)).await.expect_err("other bytes under a taken key");
    assert_eq!(fault.code, Code::DestinationConflict, "{fault}");
    assert_eq!(content(destination, key).await, b"first", "a refused put changes nothing");
    destination.delete(key).await.expect("delete");
}

async fn replace_needs_the_known_version(destination: &dyn Destination) {
    let (first, second, third) = (source(b"first"), source(b"second"), source(b"third"));
    let key = "suite/versions.bin";
    let old = destination.put(Put::new(key, &first.file, &first.blob, Condition::CreateOnly)).await.expect("the first version");
    let new = destination
        .put(Put::new(key, &second.file, &second.blob, Condition::Replace(&old)))
        .await
        .expect("the second version over the first");
    assert!(new.proves(&second.blob));
    let again = destination.put(Put::new(key, &second.file, &second.blob, Condition::Replace(&old))).await;
    assert!(again.is_ok(), "the answer may have been lost; the same replace again is success: {again:?}");
    let fault = destination
        .put(Put::new(key, &third.file, &third.blob, Condition::Replace(&old)))
        .await
        .expect_err("a replace of a version that is no longer there");
    assert_eq!(fault.code, Code::DestinationConflict, "{fault}");
    assert_eq!(content(destination, key).await, b"second", "a refused replace changes nothing");
    destination.delete(key).await.expect("delete");
    let put = destination.put(Put::new(key, &third.file, &third.blob, Condition::Replace(&new))).await;
    assert!(put.is_ok(), "where the old version has gone, a replace puts the new one: {put:?}");
    destination.delete(key).await.expect("delete");
}

async fn listing_is_whole_ordered_and_paged(destination: &dyn Destination) {
    let small = source(b"x");
    // `a-b` sorts before `a/…`, although a folder walk meets `a` first.
    let mut keys: Vec<String> =
        (0..1_203).map(|n| format!("list/a/{n:04}")).chain(["list/a-b".into(), "list/a.c".into(), "list/b/c".into()]).collect();
    for key in &keys {
        destination.put(Put::new(key, &small.file, &small.blob, Condition::CreateOnly)).await.expect("put");
    }
    keys.sort_unstable();
    let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = destination.list("list/", cursor.as_deref()).await.expect("list");
        assert!(page.keys.len() <= 1_000, "a page holds at most 1,000 keys");
        found.extend(page.keys);
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(pages >= 2, "1,206 keys are more than one page");
    assert_eq!(found, keys, "a listing is whole and in byte order");
    let some = destination.list("list/b", None).await.expect("list").keys;
    assert_eq!(some, ["list/b/c"], "a prefix need not end at a separator");
    for key in &keys {
        destination.delete(key).await.expect("delete");
    }
}

async fn absence_is_an_answer(destination: &dyn Destination) {
    assert!(destination.stat("suite/none").await.expect("stat").is_none());
    destination.delete("suite/none").await.expect("deleting nothing is success");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fault = destination.get("suite/none", None, &folder.path().join("got")).await.expect_err("nothing to get");
    assert_eq!(fault.code, Code::NotFound, "{fault}");
}

/// Copies of what a destination holds: of that very version, where nothing is yet, and proven like what was sent.
pub async fn copies_suite(destination: &dyn Destination) {
    let copies = destination.abilities().copies.expect("it says that it copies");
    let (film, other) = (source(&vec![7; 300_000]), source(&vec![8; 300_000]));
    let (from, to) = ("suite/from é/[1] film.bin", "suite/to é/[2] #film+.bin");
    let proof = destination.put(Put::new(from, &film.file, &film.blob, Condition::CreateOnly)).await.expect("put");
    let copy = copies.copy(from, &proof, to, &film.blob).await.unwrap_or_else(|fault| panic!("copy: {fault}"));
    assert_eq!(copy.shows_copy(&film.blob, &proof), Shows::Same, "{copy:?} of {proof:?}");
    assert_eq!(content(destination, to).await, vec![7; 300_000]);
    for key in [from, to] {
        let there = compare(destination, key, &film.blob, None).await.expect("a look");
        assert!(matches!(there, Compared::Same(_)), "{key}: {there:?}");
    }
    if let Ok(again) = copies.copy(from, &proof, to, &film.blob).await {
        assert_eq!(again.shows_copy(&film.blob, &proof), Shows::Same, "what is there is not written over, but by these very bytes");
    }
    let again = destination.put(Put::new(to, &film.file, &film.blob, Condition::CreateOnly)).await;
    assert!(again.is_ok_and(|again| again.proves(&film.blob)), "whoever puts it then finds it there");
    destination.delete(to).await.expect("delete");
    let second = destination.put(Put::new(from, &other.file, &other.blob, Condition::Replace(&proof))).await.expect("replace");
    // A lax store copies what has changed, and is found out by what it shows.
    match copies.copy(from, &proof, to, &film.blob).await {
        Ok(wrong) => assert_ne!(wrong.shows_copy(&film.blob, &proof), Shows::Same, "{wrong:?}"),
        Err(_) => assert!(destination.stat(to).await.expect("stat").is_none(), "nothing is left"),
    }
    destination.delete(to).await.expect("delete");
    let last = copies.copy(from, &second, to, &other.blob).await.expect("a copy of what is there now");
    destination.delete(from).await.expect("delete");
    assert_eq!(content(destination, to).await, vec![8; 300_000], "a copy stays when its source goes");
    copies.copy(from, &second, "suite/none", &other.blob).await.expect_err("nothing to copy");
    let replaced = destination.put(Put::new(to, &film.file, &film.blob, Condition::Replace(&last))).await.expect("its proof names it");
    assert!(replaced.proves(&film.blob));
    destination.delete(to).await.expect("delete");
}

/// What stands for a folder where there are only keys: an object of no bytes, that comes and goes with it.
pub async fn marker_suite(destination: &dyn Destination, folder: &str, marker: &str) {
    assert!(destination.stat(marker).await.expect("stat").is_none(), "an empty destination");
    destination.ensure_folder(folder).await.expect("a folder");
    let shown = destination.stat(marker).await.expect("stat").unwrap_or_else(|| panic!("{marker} stands for {folder}"));
    assert_eq!(shown.size_bytes, 0);
    destination.remove_folder(folder).await.expect("remove");
    assert!(destination.stat(marker).await.expect("stat").is_none(), "{marker} goes with its folder");
}

/// Folders are there for people: they are no objects, and none of them takes one along when it goes.
async fn folders_come_and_go_without_objects(destination: &dyn Destination) {
    let keys = ["suite/People/John Doe/Solo", "suite/People/John Doe/Group", "suite/People/Zoë [1] #2/Solo"];
    destination.ensure_folder(keys[0]).await.expect("a folder");
    destination.ensure_folder(keys[0]).await.expect("the same folder again");
    destination.ensure_folders(&keys).await.expect("several folders, one of which is there");
    let listed = destination.list("suite/", None).await.expect("a listing").keys;
    assert!(listed.is_empty(), "a folder is no object: {listed:?}");
    let (small, inside) = (source(b"x"), format!("{}/000123.jpg", keys[0]));
    destination.put(Put::new(&inside, &small.file, &small.blob, Condition::CreateOnly)).await.expect("put into the folder");
    destination.remove_folder(keys[0]).await.expect("a folder with something in it is left alone");
    assert_eq!(content(destination, &inside).await, b"x");
    assert_eq!(destination.list("suite/", None).await.expect("a listing").keys, [inside.as_str()]);
    destination.delete(&inside).await.expect("delete");
    for key in keys.into_iter().chain(["suite/People/John Doe", "suite/People/none"]) {
        destination.remove_folder(key).await.unwrap_or_else(|fault| panic!("remove {key}: {fault}"));
        destination.remove_folder(key).await.expect("it is gone");
    }
    destination.ensure_folder(keys[0]).await.expect("it comes back");
    destination.remove_folder(keys[0]).await.expect("and goes");
}
