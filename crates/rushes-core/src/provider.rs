//! The ports of what makes media: text (concepts), images, motion videos, music; and of language models that are asked.
//!
//! One port for all: [`Provider`] over a request type. Providers write into the scratch folder of their
//! [`Call`] and return what they made; they register nothing and deliver nothing.

mod chat;

use crate::flow::Lane;
use crate::ledger::{Attempt, AttemptEnd, Ledger, NoLedger};
use crate::{Cancel, Fault};
pub use chat::{ChatMessage, ChatRequest, ChatRole, Shape};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Something a provider can be asked for.
pub trait Request: Serialize + Send + Sync + 'static {
    /// What comes back; files in it lie in the call's scratch folder.
    type Made: Serialize + DeserializeOwned + Send + 'static;
}

/// Who makes it; part of a step's input hash, so another model means another result.
#[derive(Debug, Clone, Serialize)]
pub struct ProviderCard {
    /// `builtin`, `kling`, …
    pub name: &'static str,
    /// The model, as the provider names it.
    pub model: &'static str,
    /// Raised whenever equal requests give other results than before.
    pub version: u32,
    /// Where it queues on this machine.
    pub lane: Lane,
}

/// Reports how far a piece of work is: 0.0–1.0 and a few words.
pub type ReportProgress = Arc<dyn Fn(f32, &str) + Send + Sync>;

/// The circumstances of one call.
#[derive(Clone)]
pub struct Call {
    /// `{job}/{step}`: constant over retries, handed on to paid services as idempotency key.
    pub key: String,
    /// An empty folder of this call's own.
    pub scratch: PathBuf,
    /// A folder of this step's own, which stays on this machine over its attempts until the job ends; nobody has made it yet.
    pub kept: PathBuf,
    /// Looked at at least every 100 ms of work.
    pub cancel: Cancel,
    /// How far it is.
    pub progress: ReportProgress,
    /// What of it is sent outside, and must not be sent, or paid, twice.
    pub ledger: Arc<dyn Ledger>,
}

impl Call {
    /// A call that sends nothing outside, in a folder of its own, whose progress nobody hears.
    #[must_use]
    pub fn alone(key: &str, folder: &Path, cancel: Cancel) -> Self {
        Self {
            key: key.to_owned(),
            scratch: folder.to_owned(),
            kept: folder.join("kept"),
            cancel,
            progress: Arc::new(|_, _| ()),
            ledger: Arc::new(NoLedger),
        }
    }
}

/// Makes one kind of thing.
#[async_trait::async_trait]
pub trait Provider<R: Request>: Send + Sync {
    /// Who this is.
    fn card(&self) -> ProviderCard;

    /// Whether it works from the picture in its request: that is then fitted to the reference's first frame before.
    fn works_from_picture(&self) -> bool {
        false
    }

    /// The longest reference it takes, milliseconds; None: any.
    fn reference_max_ms(&self) -> Option<u64> {
        None
    }

    /// Makes it. Equal requests (seed included) give equal results where the provider can do that.
    /// May be called again after a crash with the same `call.key`.
    /// Errors: `provider_refused` (permanent, with the provider's reason), `provider_down` and `media_tool`
    /// (transient), `cancelled`, and the `file_…` codes for inputs that cannot be used.
    async fn make(&self, request: &R, call: &Call) -> Result<R::Made, Fault>;

    /// Whether it sends anything outside, which may have to be stopped there.
    fn is_outside(&self) -> bool {
        false
    }

    /// Stops what an attempt of the call of this key has sent, as far as that can be, and says what became of it; None where
    /// nobody can tell. Errors: those that pass.
    async fn stop(&self, _attempt: &Attempt, _key: &str) -> Result<Option<AttemptEnd>, Fault> {
        Ok(None)
    }
}

/// Asks for an original character.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConceptRequest {
    /// Equal seeds and draws give equal concepts.
    pub seed: u64,
    /// Which of the seed's concepts: 0 first; raised when a name is already taken.
    pub draw: u32,
    /// The production's style, such as `kpop_dance`; colours the wardrobe.
    pub style: String,
    /// What the character is called; None: as the writer likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who is wished for, in somebody's own words: its traits go before drawn ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<String>,
}

impl Request for ConceptRequest {
    type Made = Concept;
}

/// An original adult character in words; whoever draws it works from these and the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Concept {
    /// Given and family name, invented.
    pub name: String,
    /// One line on who this is.
    pub tagline: String,
    /// `long wavy hair`, `teal hair`, `amber eyes`, `streetwear`, …: short, plain, each a trait of the look.
    pub traits: Vec<String>,
    /// The same as one neutral prompt for image models.
    pub prompt: String,
    /// The seed of everything random about the look.
    pub seed: u64,
    /// The production's style.
    pub style: String,
}

/// Which picture of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Picture {
    /// Full figure, cel-shaded, on a plain backdrop.
    Anime,
    /// The same person as a softer, more real rendering, in studio light.
    Cosplay,
    /// A round head-and-shoulders sticker on transparency.
    IconSticker,
    /// The name as a lettered sticker on transparency.
    NameSticker,
}

/// What somebody wears: `signature` is the concept's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outfit(pub String);

impl Outfit {
    /// The outfit the concept describes.
    #[must_use]
    pub fn signature() -> Self {
        Self("signature".into())
    }
}

/// Asks for one still picture (PNG, sRGB, 8 bit).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImageRequest {
    /// Whom.
    pub concept: Concept,
    /// Which picture.
    pub picture: Picture,
    /// Wearing what.
    pub outfit: Outfit,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// An earlier picture of the same character to stay close to, for providers that work from pictures.
    pub like: Option<PathBuf>,
}

impl Request for ImageRequest {
    type Made = PathBuf;
}

/// Asks for a video of the character dancing as a reference does (mp4: h264 yuv420p and aac).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MotionRequest {
    /// Whom.
    pub concept: Concept,
    /// Wearing what.
    pub outfit: Outfit,
    /// The picture to animate, for providers that work from pictures.
    pub image: PathBuf,
    /// The video whose movement or beat is followed, and whose sound is kept.
    pub reference: PathBuf,
    /// Seed of what is random about the movement; equal seeds on one reference dance alike.
    pub seed: u64,
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// The longest result, in milliseconds; longer references are followed from their start.
    pub max_ms: u64,
}

impl Request for MotionRequest {
    type Made = PathBuf;
}

/// Asks for a piece of music (a lossless file, where its maker has one).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MusicRequest {
    /// A preset such as `kpop_dance`.
    pub style: String,
    /// Equal seeds give equal bytes.
    pub seed: u64,
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Beats a minute to follow; None = the style's own.
    pub bpm: Option<f64>,
    /// Where the first beat falls, milliseconds from the start.
    pub first_beat_ms: u64,
    /// Where the strongest part should begin; None = the arranger chooses.
    pub drop_ms: Option<u64>,
}

impl Request for MusicRequest {
    type Made = Music;
}

/// A piece of music as made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Music {
    /// The file.
    pub file: PathBuf,
    /// Beats a minute; None where its maker does not know: then it is listened for.
    pub bpm: Option<f64>,
    /// Where the strongest part begins, milliseconds; None as above.
    pub drop_ms: Option<u64>,
}

/// The providers a workflow uses, as chosen by configuration.
#[derive(Clone)]
#[expect(missing_docs, reason = "the field names are the sentence")]
pub struct Providers {
    pub text: Arc<dyn Provider<ConceptRequest>>,
    pub image: Arc<dyn Provider<ImageRequest>>,
    pub motion: Arc<dyn Provider<MotionRequest>>,
    pub music: Arc<dyn Provider<MusicRequest>>,
    /// Who answers in words; None where nobody is configured: none is built in.
    pub chat: Option<Arc<dyn Provider<ChatRequest>>>,
}

impl Providers {
    /// Whether any of them sends anything outside.
    #[must_use]
    pub fn are_outside(&self) -> bool {
        let is_chat_outside = self.chat.as_ref().is_some_and(|chat| chat.is_outside());
        self.text.is_outside() || self.image.is_outside() || self.motion.is_outside() || self.music.is_outside() || is_chat_outside
    }

    /// As [`Provider::stop`], by whoever of them has the attempt's provider's name.
    pub async fn stop(&self, attempt: &Attempt, key: &str) -> Result<Option<AttemptEnd>, Fault> {
        macro_rules! ask {
            ($($provider:expr),*) => {
                $(if $provider.card().name == attempt.provider && let Some(end) = $provider.stop(attempt, key).await? {
                    return Ok(Some(end));
                })*
            };
        }
        ask!(self.text, self.image, self.motion, self.music);
        if let Some(chat) = &self.chat {
            ask!(chat);
        }
        Ok(None)
    }
}
