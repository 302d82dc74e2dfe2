//! Who makes media, as configured: a row a provider.

mod answering;
mod queued;

pub(super) use queued::bells;

use crate::config::{Config, ProviderSection};
use rushes_adapters::HttpOptions;
use rushes_adapters::providers::callbacks::Bells;
use rushes_adapters::providers::comfyui::{ComfyClient, ComfyFilms, ComfyImages, ComfySettings, Graph};
use rushes_adapters::providers::in_time::InTime;
use rushes_adapters::providers::kling::{Kling, KlingKey, KlingSettings, Resolution};
use rushes_adapters::providers::lend::Lender;
use rushes_core::destination::Destination;
use rushes_core::ledger::Terms;
use rushes_core::provider::{ChatRequest, ConceptRequest, ImageRequest, MotionRequest, MusicRequest, Provider, Providers};
use rushes_core::{Code, Fault};
use rushes_engine::Site;
use rushes_engine::costs::Budgets;
use rushes_media::builtin::image::BuiltinImage;
use rushes_media::builtin::motion::BuiltinMotion;
use rushes_media::builtin::music::BuiltinMusic;
use rushes_media::builtin::text::BuiltinText;
use rushes_media::music::Styles;
use std::sync::Arc;
use std::time::Duration;

const BUILTIN: &str = "builtin";
/// What was sent and is not found this long afterwards never arrived, where nothing else is said.
const ARRIVES_WITHIN_S: u32 = 120;
const COMFYUI: &str = "http://127.0.0.1:8188";
const LOOKS_EVERY: Duration = Duration::from_secs(5);

type Made<R> = Result<Arc<dyn Provider<R>>, Fault>;
type Make<R> = fn(&Account<'_>) -> Made<R>;

/// One provider, and how what it makes is made there.
struct Row {
    name: &'static str,
    text: Option<Make<ConceptRequest>>,
    image: Option<Make<ImageRequest>>,
    motion: Option<Make<MotionRequest>>,
    music: Option<Make<MusicRequest>>,
    chat: Option<Make<ChatRequest>>,
}

const NOTHING: Row = Row { name: "", text: None, image: None, motion: None, music: None, chat: None };

const ROWS: &[Row] = &[
    Row { name: "comfyui", image: Some(comfyui_images), motion: Some(comfyui_films), ..NOTHING },
    Row { name: "elevenlabs", music: Some(answering::elevenlabs), ..NOTHING },
    Row { name: "fal", image: Some(queued::fal_image), motion: Some(queued::fal_motion), ..NOTHING },
    Row {
        name: "gemini",
        text: Some(answering::gemini_text),
        image: Some(answering::gemini_image),
        chat: Some(answering::gemini_chat),
        ..NOTHING
    },
    Row { name: "kling", motion: Some(kling), ..NOTHING },
    Row { name: "lyria", music: Some(answering::lyria), ..NOTHING },
    Row { name: "minimax", music: Some(answering::minimax), ..NOTHING },
    Row { name: "openai_chat", text: Some(answering::openai_text), chat: Some(answering::openai_chat), ..NOTHING },
    Row { name: "replicate", image: Some(queued::replicate_image), motion: Some(queued::replicate_motion), ..NOTHING },
];

/// A provider's settings, and what they are read with.
struct Account<'a> {
    config: &'a Config,
    name: &'a str,
    section: ProviderSection,
    sites: &'a [Site<dyn Destination>],
    /// What callbacks ring.
    bells: Arc<Bells>,
}

/// Who makes what, with the bells that callbacks ring. Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
pub(super) fn providers(config: &Config, sites: &[Site<dyn Destination>], styles: &Styles, bells: &Arc<Bells>) -> Result<Providers, Fault> {
    if let Some(name) = config.providers.keys().find(|name| ROWS.iter().all(|row| row.name != name.as_str())) {
        let there: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        return Err(refuse(&format!("providers.{name}"), format!("there is no such provider; there are: {}", there.join(", "))));
    }
    let make = &config.make;
    Ok(Providers {
        text: chosen(config, (sites, bells), ("text", &make.text), |row| row.text, || Some(Arc::new(BuiltinText)))?,
        image: chosen(config, (sites, bells), ("image", &make.image), |row| row.image, || Some(Arc::new(BuiltinImage)))?,
        motion: chosen(config, (sites, bells), ("motion", &make.motion), |row| row.motion, || Some(Arc::new(BuiltinMotion)))?,
        music: chosen(
            config,
            (sites, bells),
            ("music", &make.music),
            |row| row.music,
            || Some(Arc::new(BuiltinMusic::new(styles.clone()))),
        )?,
        chat: make.chat.as_ref().map(|name| chosen(config, (sites, bells), ("chat", name), |row| row.chat, || None)).transpose()?,
    })
}

fn chosen<R: rushes_core::provider::Request>(
    config: &Config,
    (sites, bells): (&[Site<dyn Destination>], &Arc<Bells>),
    (what, name): (&str, &str),
    of: impl Fn(&Row) -> Option<Make<R>>,
    builtin: impl Fn() -> Option<Arc<dyn Provider<R>>>,
) -> Made<R> {
    if let Some(builtin) = builtin().filter(|_| name == BUILTIN) {
        return Ok(builtin);
    }
    let Some(make) = ROWS.iter().find(|row| row.name == name).and_then(&of) else {
        let able = ROWS.iter().filter(|row| of(row).is_some()).map(|row| row.name);
        let able: Vec<&str> = builtin().map(|_| BUILTIN).into_iter().chain(able).collect();
        return Err(refuse(&format!("make.{what}"), format!("{name:?} makes no such thing; there are: {}", able.join(", "))));
    };
    let section = config.providers.get(name).cloned().unwrap_or_default();
    make(&Account { config, name, section, sites, bells: bells.clone() })
}

fn refuse(setting: &str, reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ConfigInvalid, "read configuration").with("setting", setting).because(reason)
}

impl Account<'_> {
    fn setting(&self, key: &str) -> String {
        format!("providers.{}.{key}", self.name)
    }

    fn secret(&self, key: &str, place: Option<&String>) -> Result<Option<String>, Fault> {
        place.map(|place| self.config.secret(&self.setting(key), place)).transpose()
    }

    /// Its key. Errors: `config_invalid` where none is said.
    fn key(&self) -> Result<String, Fault> {
        let missing = || refuse(&self.setting("key"), "say where its key stands: env:NAME or file:/path");
        self.secret("key", self.section.key.as_ref())?.ok_or_else(missing)
    }

    /// A word of its own among these; the first where none is said.
    fn option<'a>(&self, key: &str, words: &[&'a str]) -> Result<&'a str, Fault> {
        let Some(said) = self.section.options.get(key) else { return Ok(words[0]) };
        let known = words.iter().find(|word| said == *word).copied();
        known.ok_or_else(|| refuse(&self.setting(&format!("options.{key}")), format!("{said} is none of: {}", words.join(", "))))
    }

    /// A text of its own; None where none is said. Errors: `config_invalid` where it is no text, or empty.
    fn text(&self, key: &str) -> Result<Option<String>, Fault> {
        let Some(said) = self.section.options.get(key) else { return Ok(None) };
        let text = said.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
        text.map(Some).ok_or_else(|| refuse(&self.setting(&format!("options.{key}")), format!("{said} is no text")))
    }

    /// Errors: `config_invalid` for an option that it does not know.
    fn knows(&self, known: &[&str]) -> Result<(), Fault> {
        match self.section.options.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(refuse(&self.setting(&format!("options.{key}")), format!("it knows: {}", known.join(", ")))),
            None => Ok(()),
        }
    }

    /// Errors: `config_invalid` where something is capped and nobody says what one costs.
    fn terms(&self) -> Result<Terms, Fault> {
        let (section, budgets) = (&self.section, &self.config.budgets);
        let is_capped = section.day_usd.or(budgets.day_usd).or(budgets.job_usd).is_some();
        if is_capped && section.price_usd.is_none() {
            return Err(refuse(&self.setting("price_usd"), "a budget is set: say what one costs, 0 where it is free"));
        }
        Ok(Terms {
            provider: self.name.to_owned(),
            price_micros: section.price_usd.map_or(0, micros),
            at_once: section.at_once,
            per_minute: section.per_minute,
            day_micros: section.day_usd.map(micros),
            whole_day_micros: budgets.day_usd.map(micros),
            job_micros: budgets.job_usd.map(micros),
        })
    }

    /// Where it is asked to call when an order is over; None where nobody listens.
    fn callback(&self) -> Option<String> {
        let base = self.config.server.callback_base.as_ref()?;
        Some(format!("{}/api/v1/callbacks/{}", base.trim_end_matches('/'), self.name))
    }

    fn arrives_within(&self) -> Duration {
        Duration::from_secs(self.section.arrives_within_s.unwrap_or(ARRIVES_WITHIN_S).into())
    }

    /// Where it is lent files from. Errors: `config_invalid` where no destination gives addresses.
    fn lender(&self) -> Result<Lender, Fault> {
        let lends = |site: &Site<dyn Destination>| Lender::new(site.port.clone(), &site.prefix);
        let found = match &self.section.lend {
            Some(name) => self.sites.iter().find(|site| site.name == *name).and_then(lends),
            None => self.sites.iter().filter(|site| self.config.workspace.former.as_ref() != Some(&site.name)).find_map(lends),
        };
        let none = "it fetches pictures and references by itself, from addresses that a destination signs: configure one at s3://, gs:// or \
            supabase:// whose addresses open from outside, and name it here";
        found.ok_or_else(|| refuse(&self.setting("lend"), none))
    }
}

/// The caps there are.
pub(super) fn budgets(config: &Config) -> Budgets {
    let of_providers = config.providers.iter().filter_map(|(name, section)| Some((name.clone(), micros(section.day_usd?))));
    Budgets {
        day_micros: config.budgets.day_usd.map(micros),
        job_micros: config.budgets.job_usd.map(micros),
        providers: of_providers.collect(),
    }
}

/// Whole millionths: what is finer nobody charges.
fn micros(usd: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be zero to a thousand millions")]
    let micros = (usd * 1e6).round() as i64;
    micros
}

impl Account<'_> {
    fn comfyui(&self) -> Result<(ComfyClient, ComfySettings), Fault> {
        self.knows(&["image_graph", "motion_graph", "negative_prompt"])?;
        let endpoint = self.section.endpoint.as_deref().unwrap_or(COMFYUI);
        let usual = ComfySettings::default();
        let settings = ComfySettings {
            negative_prompt: self.text("negative_prompt")?.unwrap_or(usual.negative_prompt),
            arrives_within: self.section.arrives_within_s.map_or(usual.arrives_within, |s| Duration::from_secs(s.into())),
            ..usual
        };
        Ok((ComfyClient::new(endpoint, HttpOptions::default())?, settings))
    }

    /// A graph of the user's own, where an option names its file.
    fn graph(&self, key: &str, usual: fn() -> Graph) -> Result<Graph, Fault> {
        self.text(key)?.map_or_else(|| Ok(usual()), |path| Graph::open(&self.config.folder.join(path)))
    }
}

fn comfyui_images(account: &Account<'_>) -> Made<ImageRequest> {
    let (client, settings) = account.comfyui()?;
    let graph = account.graph("image_graph", Graph::sdxl)?;
    Ok(Arc::new(InTime::new(ComfyImages::new(client, graph, settings), account.terms()?)))
}

fn comfyui_films(account: &Account<'_>) -> Made<MotionRequest> {
    let (client, settings) = account.comfyui()?;
    let graph = account.graph("motion_graph", Graph::wan22_i2v)?;
    Ok(Arc::new(InTime::new(ComfyFilms::new(client, graph, settings), account.terms()?)))
}

fn kling(account: &Account<'_>) -> Made<MotionRequest> {
    account.knows(&["resolution"])?;
    let key = account.key()?;
    let settings = KlingSettings {
        key: match account.secret("secret", account.section.secret.as_ref())? {
            Some(secret) => KlingKey::Older { access: key, secret },
            None => KlingKey::Current(key),
        },
        endpoint: account.section.endpoint.clone(),
        resolution: if account.option("resolution", &["720p", "1080p"])? == "1080p" { Resolution::P1080 } else { Resolution::P720 },
        callback: account.callback(),
        arrives_within: account.arrives_within(),
        looks_every: LOOKS_EVERY,
    };
    Ok(Arc::new(
        InTime::new(Kling::new(settings, account.lender()?, HttpOptions::default())?, account.terms()?).with_bells(account.bells.clone()),
    ))
}

#[cfg(test)]
mod tests;
