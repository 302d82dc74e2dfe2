//! What uploads in parts must keep: they go on where they stopped, and leave nothing behind.

use crate::destination::{Source, content, source};
use async_trait::async_trait;
use rushes_core::destination::{Compared, Condition, Destination, Proof, Put, Session, compare};
use rushes_core::{Code, Fault};
use std::io::Write;
use std::sync::Mutex;

/// Keeps a session as a row does, and stands for a crash: after so many keeps it fails.
struct Crashing {
    kept: Mutex<Option<String>>,
    keeps_left: Mutex<usize>,
}

impl Crashing {
    fn after(keeps: usize, kept: Option<String>) -> Self {
        Self { kept: Mutex::new(kept), keeps_left: Mutex::new(keeps) }
    }
}

#[async_trait]
impl Session for Crashing {
    fn kept(&self) -> Option<String> {
        self.kept.lock().expect("nobody panicked").clone()
    }

    async fn keep(&self, text: &str) -> Result<(), Fault> {
        let mut left = self.keeps_left.lock().expect("nobody panicked");
        if *left == 0 {
            return Err(Fault::new(Code::LeaseLost, "keep session"));
        }
        *left -= 1;
        *self.kept.lock().expect("nobody panicked") = Some(text.to_owned());
        Ok(())
    }
}

async fn put(destination: &dyn Destination, key: &str, source: &Source, session: &dyn Session) -> Result<Proof, Fault> {
    let put = Put { session, ..Put::new(key, &source.file, &source.blob, Condition::CreateOnly) };
    destination.put(put).await
}

fn large(bytes: usize, seed: u32) -> Source {
    let mut state = seed;
    let content: Vec<u8> = (0..bytes / 4)
        .flat_map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()
        })
        .collect();
    source(&content)
}

/// Runs every promise of uploads in parts, with objects of `bytes`, which the destination must send in parts. Leaves it empty.
pub async fn uploads_suite(destination: &dyn Destination, bytes: usize) {
    let key = "suite/[large] file.bin";
    let first = large(bytes, 1);
    let proof = put(destination, key, &first, &Crashing::after(usize::MAX, None)).await.expect("an upload in one go");
    assert!(proof.proves(&first.blob), "its proof is that of the bytes: {proof:?}");
    let there = compare(destination, key, &first.blob, Some(&proof)).await.expect("a look");
    assert!(matches!(there, Compared::Same(_)), "a look proves the same version: {there:?} after {proof:?}");
    assert_eq!(content(destination, key).await, std::fs::read(&first.file).expect("the source"), "it comes back as it was");
    let other = large(bytes, 2);
    let fault = put(destination, key, &other, &Crashing::after(usize::MAX, None)).await.expect_err("other bytes under a taken key");
    assert_eq!(fault.code, Code::DestinationConflict, "{fault}");
    destination.delete(key).await.expect("delete");

    // A crash at each keep in turn: every try adds at least one thing that the next one need not do again.
    let (mut kept, mut tries) = (None, 0);
    loop {
        let session = Crashing::after(1, kept.clone());
        let ended = put(destination, key, &first, &session).await;
        kept = session.kept();
        tries += 1;
        match ended {
            Ok(proof) => break assert!(proof.proves(&first.blob)),
            Err(fault) => assert_eq!(fault.code, Code::LeaseLost, "only the planned crash stops it: {fault}"),
        }
        assert!(tries < 200, "an upload that goes on where it stopped ends");
        assert!(destination.stat(key).await.expect("stat").is_none(), "nothing is seen before it is whole");
    }
    assert!(tries > 2, "it was stopped on the way");
    let again = put(destination, key, &first, &Crashing::after(usize::MAX, kept.clone())).await;
    assert!(again.is_ok(), "the last answer may have been lost; the same again is success: {again:?}");
    destination.delete(key).await.expect("delete");

    // What was kept for other bytes, or makes no sense, is of no use and does no harm.
    let session = Crashing::after(3, None);
    let _ = put(destination, key, &other, &session).await;
    for kept in [session.kept(), Some("not ours".to_owned())] {
        let proof = put(destination, key, &first, &Crashing::after(usize::MAX, kept)).await.expect("a put in spite of a strange session");
        assert!(proof.proves(&first.blob));
        destination.delete(key).await.expect("delete");
    }

    changed_while_sent(destination, key, bytes).await;

    let session = Crashing::after(2, None);
    let _ = put(destination, key, &first, &session).await;
    let uploads = destination.abilities().uploads.expect("a destination that uploads in parts");
    let kept = session.kept().expect("something was begun");
    uploads.abandon(key, &kept).await.expect("what was begun is removed");
    assert!(destination.stat(key).await.expect("stat").is_none());
}

/// Half of it is sent, then the file has other bytes of the same length: it never becomes an object.
async fn changed_while_sent(destination: &dyn Destination, key: &str, bytes: usize) {
    let source = large(bytes, 3);
    let session = Crashing::after(3, None);
    let _ = put(destination, key, &source, &session).await;
    let changed = std::fs::read(large(bytes, 4).file).expect("other bytes");
    std::fs::File::create(&source.file).and_then(|mut file| file.write_all(&changed)).expect("a changed file");
    let ended = put(destination, key, &source, &Crashing::after(usize::MAX, session.kept())).await;
    let fault = ended.expect_err("a file that changed while it was sent is not put");
    assert!(matches!(fault.code, Code::BlobMissing | Code::ProofFailed), "{fault}");
    assert!(destination.stat(key).await.expect("stat").is_none(), "nothing of it is there");
}
