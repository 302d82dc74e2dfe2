//! Services with one counter for every model they have: what is ordered there is a model and its input. A [`Desk`] is such
//! a counter; dances and pictures are [`Ordered`] at it.

use super::in_time::{Progress, Service, Stopped};
use super::lend::Lender;
use super::recipe::{IMAGE_INPUTS, MOTION_INPUTS, Recipe};
use super::talk::{Said, Talk};
use async_trait::async_trait;
use http::StatusCode;
use rushes_core::flow::{Lane, hash};
use rushes_core::provider::{Call, ImageRequest, MotionRequest, ProviderCard, Request};
use rushes_core::{Code, Fault};
use serde_json::Value;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// All that is lent, for dances and pictures. Whoever clears up after a crash does not know which it was.
pub(super) const LENT: [&str; 3] = ["image.png", "reference.mp4", "like.png"];
/// Too many at once, where they do not say for how long.
const FULL: Duration = Duration::from_secs(20);

/// How long things take there.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// What was sent and is not found this long afterwards never arrived.
    pub arrives_within: Duration,
    /// The longest wait between two looks.
    pub looks_every: Duration,
}

/// The counter; its errors are those of [`Service`].
#[async_trait]
pub trait Desk: Send + Sync + 'static {
    /// As [`ProviderCard::name`].
    fn name(&self) -> &'static str;

    /// What is added to addresses of ours so that their order is known again; empty where nobody would look.
    fn mark(&self, _key: &str) -> String {
        String::new()
    }

    /// As [`Service::submit`].
    async fn order(&self, model: &str, input: Value) -> Result<String, Fault>;

    /// As [`Service::find_since`].
    async fn find(&self, key: &str, since_ms: i64) -> Result<Option<String>, Fault>;

    /// As [`Service::look`].
    async fn look(&self, id: &str) -> Result<Progress, Fault>;

    /// Fetches the first file that was made.
    async fn fetch(&self, id: &str, into: &Path) -> Result<(), Fault>;

    /// As [`Service::stop`].
    async fn stop(&self, id: &str) -> Result<Stopped, Fault>;

    /// As [`Service::bell`].
    fn bell(&self, id: &str) -> String {
        id.to_owned()
    }
}

/// Our key as a mark.
pub(super) fn marked(key: &str) -> String {
    format!("#rushes-{}", &hash(&key)[..40])
}

/// What a refusal means, by its status. Troubles of a server may come after it has taken an order: then its answer is as
/// good as lost.
pub(super) fn refusal(talk: &Talk, said: &Said, words: &str, operation: &'static str, lost: Code) -> Fault {
    let words = format!("{} ({})", talk.shown(words), said.status.as_u16());
    match said.status {
        StatusCode::TOO_MANY_REQUESTS => Fault::new(Code::ProviderBusy, operation).retry_after(said.wait.unwrap_or(FULL)).because(words),
        StatusCode::REQUEST_TIMEOUT => Fault::new(lost, operation).because(words),
        status if status.is_server_error() || status.is_redirection() => Fault::new(lost, operation).because(words),
        StatusCode::UNAUTHORIZED => Fault::new(Code::ProviderRefused, operation).because(format!("the key is not taken: {words}")),
        StatusCode::PAYMENT_REQUIRED => {
            Fault::new(Code::ProviderRefused, operation).because(format!("the account cannot pay for it: {words}"))
        }
        _ => Fault::new(Code::ProviderRefused, operation).because(words),
    }
}

/// What can be ordered at a desk.
pub(crate) trait Ordered: Request<Made = PathBuf> {
    /// What is made is called so on this machine.
    const FILE: &'static str;
    /// Whether it is made from a picture, by this recipe.
    fn works_from_picture(recipe: &Recipe) -> bool;
    /// What is lent for it: name, type, file.
    fn lent(&self, recipe: &Recipe) -> Vec<(&'static str, &'static str, &Path)>;
    /// What is put in, with the addresses of what was lent.
    fn input(&self, recipe: &Recipe, addresses: &[String]) -> Value;
}

impl Ordered for MotionRequest {
    const FILE: &'static str = "made.mp4";

    fn works_from_picture(_: &Recipe) -> bool {
        true
    }

    fn lent(&self, _: &Recipe) -> Vec<(&'static str, &'static str, &Path)> {
        vec![(LENT[0], "image/png", &self.image), (LENT[1], "video/mp4", &self.reference)]
    }

    fn input(&self, recipe: &Recipe, addresses: &[String]) -> Value {
        recipe.motion(self, addresses)
    }
}

impl Ordered for ImageRequest {
    const FILE: &'static str = "made.png";

    fn works_from_picture(recipe: &Recipe) -> bool {
        recipe.takes("like")
    }

    fn lent(&self, recipe: &Recipe) -> Vec<(&'static str, &'static str, &Path)> {
        self.like.iter().filter(|_| recipe.takes("like")).map(|like| (LENT[2], "image/png", like.as_path())).collect()
    }

    fn input(&self, recipe: &Recipe, addresses: &[String]) -> Value {
        recipe.image(self, addresses.first().map(String::as_str))
    }
}

/// What is ordered at a desk, of one model.
pub struct Orders<D, R> {
    desk: D,
    recipe: Recipe,
    /// The recipe's name, for as long as the program runs: providers are made once, at its start.
    model: &'static str,
    lender: Option<Lender>,
    patience: Patience,
    makes: PhantomData<fn() -> R>,
}

/// Dances, by a model of a desk.
pub type Motions<D> = Orders<D, MotionRequest>;
/// Pictures, by a model of a desk.
pub type Images<D> = Orders<D, ImageRequest>;

impl<D: Desk, R> Orders<D, R> {
    fn of(desk: D, recipe: Recipe, lender: Option<Lender>, patience: Patience) -> Self {
        let model = recipe.shown().leak();
        Self { desk, recipe, model, lender, patience, makes: PhantomData }
    }
}

impl<D: Desk> Motions<D> {
    /// Speaks to nobody yet. Errors: `config_invalid` for a recipe that is none.
    pub fn new(desk: D, recipe: Recipe, lender: Lender, patience: Patience) -> Result<Self, Fault> {
        recipe.check(desk.name(), MOTION_INPUTS, 2)?;
        Ok(Self::of(desk, recipe, Some(lender), patience))
    }
}

impl<D: Desk> Images<D> {
    /// Speaks to nobody yet. The lender is there where the model works from pictures. Errors: `config_invalid` for a recipe that is none.
    pub fn new(desk: D, recipe: Recipe, lender: Option<Lender>, patience: Patience) -> Result<Self, Fault> {
        recipe.check(desk.name(), IMAGE_INPUTS, 1)?;
        Ok(Self::of(desk, recipe, lender, patience))
    }
}

#[async_trait]
impl<D: Desk, R: Ordered> Service<R> for Orders<D, R> {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: self.desk.name(), model: self.model, version: 1, lane: Lane::Net }
    }

    fn works_from_picture(&self) -> bool {
        self.lender.is_some() && R::works_from_picture(&self.recipe)
    }

    fn reference_max_ms(&self) -> Option<u64> {
        self.recipe.reference_max_ms
    }

    fn looks_every(&self) -> Duration {
        self.patience.looks_every
    }

    fn arrives_within(&self) -> Duration {
        self.patience.arrives_within
    }

    async fn submit(&self, request: &R, key: &str, call: &Call) -> Result<String, Fault> {
        let mut addresses = Vec::new();
        if let Some(lender) = &self.lender {
            for (name, mime, file) in request.lent(&self.recipe) {
                addresses.push(lender.lend(&call.key, name, mime, file).await? + &self.desk.mark(key));
            }
        }
        self.desk.order(&self.recipe.model, request.input(&self.recipe, &addresses)).await
    }

    async fn find(&self, key: &str) -> Result<Option<String>, Fault> {
        self.desk.find(key, 0).await
    }

    async fn find_since(&self, key: &str, since_ms: i64) -> Result<Option<String>, Fault> {
        self.desk.find(key, since_ms).await
    }

    async fn look(&self, id: &str) -> Result<Progress, Fault> {
        self.desk.look(id).await
    }

    async fn fetch(&self, id: &str, call: &Call) -> Result<PathBuf, Fault> {
        let into = call.scratch.join(R::FILE);
        self.desk.fetch(id, &into).await?;
        Ok(into)
    }

    async fn stop(&self, id: &str) -> Result<Stopped, Fault> {
        self.desk.stop(id).await
    }

    fn bell(&self, id: &str) -> String {
        self.desk.bell(id)
    }

    async fn clear(&self, key: &str) -> Result<(), Fault> {
        match &self.lender {
            Some(lender) => lender.take_back(key, &LENT).await,
            None => Ok(()),
        }
    }
}
