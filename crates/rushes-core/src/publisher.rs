//! The port of what shows films to the world: a film is handed over by its address, made ready there, and then shown.
//!
//! Each method is one short exchange, so that waiting lies between steps. What was handed over costs nothing and nobody
//! sees it; showing is what must happen once, see [`crate::ledger`].

use crate::codes::Code;
use crate::fault::Fault;
use async_trait::async_trait;
use std::time::Duration;

/// A film to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPost {
    /// Where the other side fetches it: a public or signed address that opens for at least an hour.
    pub video_url: String,
    /// The words below it.
    pub caption: String,
    /// Which moment is its cover, milliseconds from the start; None: the other side chooses.
    pub cover_ms: Option<u64>,
    /// Whether followers see it among everything else too.
    pub share_to_feed: bool,
}

/// Which films are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Specs {
    /// Milliseconds.
    pub shortest_ms: u64,
    /// Milliseconds.
    pub longest_ms: u64,
    /// Bytes.
    pub size_max_bytes: u64,
    /// Pixels.
    pub width_max_px: u32,
}

impl Specs {
    /// Errors: `file_too_large`, `input_invalid` for a film that would be declined.
    pub fn check(&self, duration_ms: u64, size_bytes: u64, width_px: u32) -> Result<(), Fault> {
        let refuse = |code, reason: String| Err(Fault::new(code, "check film for publishing").because(reason));
        let (shortest_s, longest_s) = (self.shortest_ms / 1_000, self.longest_ms / 1_000);
        if duration_ms < self.shortest_ms || duration_ms > self.longest_ms {
            return refuse(Code::InputInvalid, format!("it lasts {duration_ms} ms, and {shortest_s} s to {longest_s} s are taken"));
        }
        if width_px > self.width_max_px {
            return refuse(Code::InputInvalid, format!("it is {width_px} pixels wide, and {} are taken", self.width_max_px));
        }
        if size_bytes > self.size_max_bytes {
            return refuse(Code::FileTooLarge, format!("it has {size_bytes} bytes, and {} are taken", self.size_max_bytes));
        }
        Ok(())
    }
}

/// How much may still be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Shown within the window, by this program or another.
    pub used: u32,
    /// The least of what is allowed there and here.
    pub limit: u32,
    /// What is shown counts for so long.
    pub window: Duration,
}

impl Quota {
    /// How many more may be shown now.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

/// How far a film that was handed over is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Container {
    /// It is being fetched or made ready.
    InProgress,
    /// It can be shown.
    Finished,
    /// It is shown.
    Published,
    /// It lay too long without being shown: hand the film over again.
    Expired,
    /// It cannot be shown. Transient: handing it over again may help.
    Failed(Fault),
}

/// A film that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Its name there.
    pub id: String,
    /// Where people see it; None where the other side gives none.
    pub permalink: Option<String>,
}

/// Shows films.
///
/// Errors of all: `provider_refused` (permanent, with what to do; also where the login has run out), `provider_down` and
/// `provider_busy` (transient, the latter with the time to wait). `answer_lost` (transient) comes from [`Publisher::create`]
/// and [`Publisher::publish`] only: it may have happened.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// As it stands in the ledger: `instagram`.
    fn name(&self) -> &'static str;

    /// Which films are taken.
    fn specs(&self) -> Specs;

    /// How much may still be shown.
    async fn quota(&self) -> Result<Quota, Fault>;

    /// Hands a film over and gives its container. Not idempotent, and harmless: what is not shown nobody sees, and it is
    /// gone after a day; after `answer_lost` simply do it again.
    /// Errors: `input_invalid` where the address opens on this machine only or the caption is too long; nothing was sent then.
    async fn create(&self, post: &NewPost) -> Result<String, Fault>;

    /// How far it is.
    async fn container(&self, container: &str) -> Result<Container, Fault>;

    /// Shows a finished container and gives the post's id. A container is shown at most once, however often this is asked;
    /// after `answer_lost` the post is looked for with [`Publisher::find`].
    async fn publish(&self, container: &str) -> Result<String, Fault>;

    /// The post that this container became, when the answer to [`Publisher::publish`] was lost; None where it was not shown.
    /// `since_ms`: when showing it began, milliseconds since 1970.
    /// Errors: `answer_lost` where it is shown and not listed yet; `provider_refused` where several posts could be it.
    async fn find(&self, container: &str, caption: &str, since_ms: i64) -> Result<Option<String>, Fault>;

    /// A post.
    async fn post(&self, id: &str) -> Result<Post, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publisher_films_beyond_the_specs_are_refused_with_the_figure() {
        let specs = Specs { shortest_ms: 3_000, longest_ms: 900_000, size_max_bytes: 1_000, width_max_px: 1_920 };
        assert_eq!(specs.check(3_000, 1_000, 1_920), Ok(()));
        for (film, said) in
            [((2_999, 1, 1), "2999 ms"), ((900_001, 1, 1), "900 s"), ((9_000, 1_001, 1), "1001"), ((9_000, 1, 1_921), "1921")]
        {
            let fault = specs.check(film.0, film.1, film.2).unwrap_err();
            assert!(fault.to_string().contains(said), "{fault}");
        }
        let quota = |used| Quota { used, limit: 25, window: Duration::from_hours(24) };
        assert_eq!([0, 24, 25, 60].map(|used| quota(used).left()), [25, 1, 0, 0]);
    }
}
