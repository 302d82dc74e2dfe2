//! Who may be one person, as doors ask: looked for when somebody asks, and again once something changed; while photos come in, for a
//! small share of the time. Nothing of it is carried out by itself.

use super::Stand;
use rushes_core::album::Person;
use rushes_core::{Code, Fault};
use rushes_faces::{MAX_CLUSTERED, Proposals, propose};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// So many times as long as a search took, what photos that came in since change may wait.
const REST: u32 = 20;

/// Two who may be one.
pub(crate) struct Merge {
    /// Who would become the other.
    pub(crate) from: Person,
    /// Who would stay: enrolled, or in more photos.
    pub(crate) into: Person,
    /// The average between their faces.
    pub(crate) distance: f32,
}

/// What is proposed, the likest first.
#[derive(Default)]
pub(crate) struct Proposed {
    pub(crate) merges: Vec<Merge>,
    /// Faces of nobody that may be one person's.
    pub(crate) founds: Vec<Vec<u32>>,
}

/// What was found last of one shoot.
struct Kept {
    /// What was said last, and from which likeness on people may be one.
    after: (i64, f32),
    state: [u64; 2],
    proposals: Proposals,
    rests_until: Instant,
}

/// Looks for those who may be one, and remembers by shoot whom it found.
#[derive(Default)]
pub(crate) struct Proposer(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Kept>>>>>);

impl Proposer {
    /// What is proposed now. Errors: those of the album.
    pub(crate) async fn proposed(&self, stand: &Stand) -> Result<Proposed, Fault> {
        if !stand.rules.is_recognising {
            return Ok(Proposed::default());
        }
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(stand.id().to_owned()).or_default().clone();
        // Whoever asks meanwhile waits for the same search.
        let mut kept = slot.lock().await;
        let said = stand.album.last_said().await?.map_or(0, |(number, ..)| number);
        let after = (said, stand.rules.review_below);
        // What somebody said shows at once.
        let known = kept.take().filter(|kept| kept.after == after);
        let now = match known {
            Some(known) if Instant::now() < known.rests_until => known,
            known => search(stand, known, after).await?,
        };
        let people: HashMap<u32, Person> = stand.album.people().await?.into_iter().map(|person| (person.number, person)).collect();
        let Kept { proposals, .. } = kept.insert(now);
        let merge = |likely: &rushes_faces::Likely| {
            let [one, other] = likely.people.map(|number| people.get(&number).cloned());
            let (mut from, mut into) = (one?, other?);
            let weight = |person: &Person| (person.is_enrolled, person.photos, Reverse(person.number));
            if weight(&from) > weight(&into) {
                std::mem::swap(&mut from, &mut into);
            }
            Some(Merge { from, into, distance: likely.distance })
        };
        Ok(Proposed { merges: proposals.same.iter().filter_map(merge).collect(), founds: proposals.new.clone() })
    }
}

async fn search(stand: &Stand, known: Option<Kept>, after: (i64, f32)) -> Result<Kept, Fault> {
    let began = Instant::now();
    let limit = u32::try_from(MAX_CLUSTERED).unwrap_or(u32::MAX);
    let likenesses = stand.album.likenesses(known.as_ref().map(|known| known.state), limit).await?;
    let likenesses = match (likenesses, known) {
        (None, Some(known)) => return Ok(known),
        (likenesses, _) => likenesses.unwrap_or_default(),
    };
    let state = likenesses.state;
    let work = tokio::task::spawn_blocking(move || propose(&likenesses, after.1)).await;
    let proposals = work.map_err(|e| Fault::new(Code::Panicked, "look for likenesses").because(e))?;
    Ok(Kept { after, state, proposals, rests_until: Instant::now() + began.elapsed() * REST })
}
