//! Services that answer with what they made.

use super::super::google::credentials;
use super::{Account, Made, refuse};
use rushes_adapters::HttpOptions;
use rushes_adapters::providers::at_once::AtOnce;
use rushes_adapters::providers::elevenlabs::{ElevenLabs, ElevenLabsSettings};
use rushes_adapters::providers::gemini::{Gemini, GeminiSettings};
use rushes_adapters::providers::lyria::{Lyria, LyriaSettings};
use rushes_adapters::providers::minimax::{MiniMax, MiniMaxSettings};
use rushes_adapters::providers::openai_chat::{OpenAiChat, OpenAiChatSettings};
use rushes_core::Fault;
use rushes_core::provider::{ChatRequest, ConceptRequest, ImageRequest, MusicRequest};
use std::sync::Arc;

/// The name of a model as configured; it is kept as long as the program runs, which asks one of each sort.
fn model(account: &Account<'_>, key: &str, otherwise: &'static str) -> Result<&'static str, Fault> {
    Ok(account.text(key)?.map_or(otherwise, |name| String::leak(name)))
}

fn gemini(account: &Account<'_>) -> Result<Gemini, Fault> {
    account.knows(&["text_model", "image_model"])?;
    let settings = GeminiSettings {
        // One place may hold several keys.
        keys: account.key()?.split([',', ' ', '\n', '\t', '\r']).filter(|key| !key.is_empty()).map(str::to_owned).collect(),
        endpoint: account.section.endpoint.clone(),
        text_model: model(account, "text_model", "gemini-2.5-flash")?,
        image_model: model(account, "image_model", "gemini-2.5-flash-image")?,
    };
    Gemini::new(&settings, HttpOptions::default())
}

pub(super) fn gemini_text(account: &Account<'_>) -> Made<ConceptRequest> {
    Ok(Arc::new(AtOnce::new(gemini(account)?, account.terms()?)))
}

pub(super) fn gemini_chat(account: &Account<'_>) -> Made<ChatRequest> {
    Ok(Arc::new(AtOnce::new(gemini(account)?, account.terms()?)))
}

pub(super) fn gemini_image(account: &Account<'_>) -> Made<ImageRequest> {
    Ok(Arc::new(AtOnce::new(gemini(account)?, account.terms()?)))
}

fn openai(account: &Account<'_>) -> Result<OpenAiChat, Fault> {
    account.knows(&["model"])?;
    let missing = || refuse(&account.setting("options.model"), "say which model is asked, as the server names it");
    account.text("model")?.ok_or_else(missing)?;
    let settings = OpenAiChatSettings {
        key: account.secret("key", account.section.key.as_ref())?,
        endpoint: account.section.endpoint.clone(),
        model: model(account, "model", "")?,
    };
    OpenAiChat::new(&settings, HttpOptions::default())
}

pub(super) fn openai_text(account: &Account<'_>) -> Made<ConceptRequest> {
    Ok(Arc::new(AtOnce::new(openai(account)?, account.terms()?)))
}

pub(super) fn openai_chat(account: &Account<'_>) -> Made<ChatRequest> {
    Ok(Arc::new(AtOnce::new(openai(account)?, account.terms()?)))
}

pub(super) fn elevenlabs(account: &Account<'_>) -> Made<MusicRequest> {
    account.knows(&["model"])?;
    let settings =
        ElevenLabsSettings { key: account.key()?, endpoint: account.section.endpoint.clone(), model: model(account, "model", "music_v1")? };
    Ok(Arc::new(AtOnce::new(ElevenLabs::new(&settings, HttpOptions::default())?, account.terms()?)))
}

pub(super) fn minimax(account: &Account<'_>) -> Made<MusicRequest> {
    account.knows(&["model"])?;
    // Known from before as a variable.
    let older = || account.config.variable("MINIMAX_API_KEY").map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
    let key = match (&account.section.key, older()) {
        (None, Some(key)) => key,
        _ => account.key()?,
    };
    let settings = MiniMaxSettings { key, endpoint: account.section.endpoint.clone(), model: model(account, "model", "music-2.6")? };
    Ok(Arc::new(AtOnce::new(MiniMax::new(&settings, HttpOptions::default())?, account.terms()?)))
}

pub(super) fn lyria(account: &Account<'_>) -> Made<MusicRequest> {
    account.knows(&["project", "location"])?;
    let settings = LyriaSettings {
        credentials: credentials(account.config, &account.setting("key"), account.section.key.as_ref())?,
        project: account.text("project")?,
        location: account.text("location")?.unwrap_or_else(|| "us-central1".to_owned()),
        endpoint: account.section.endpoint.clone(),
        model: "lyria-002",
    };
    Ok(Arc::new(AtOnce::new(Lyria::new(&settings, HttpOptions::default())?, account.terms()?)))
}
