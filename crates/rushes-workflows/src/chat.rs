//! `chat`: a language model enriches a prompt, answers a conversation, or has ideas. One step and one answer, whose shape is
//! checked. [`enhance`] and [`converse`] are the same for other workflows.

mod told;

use crate::kit::Kit;
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan, refuse};
use crate::registry::Card;
use rushes_core::flow::{Data, Flow, Step, StepContext};
use rushes_core::provider::{ChatMessage, ChatRequest, ChatRole, Provider};
use rushes_core::{Code, Done, Fault, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "chat",
    version: 1,
    collection: None,
    is_short: true,
    about: "a prompt made richer, an answer to a conversation, or ideas, by a language model",
    outside: Some(Outside::of::<Input>()),
};

/// Messages of a conversation at most, and characters of all of them.
const MESSAGES_MAX: usize = 40;
const CONVERSATION_MAX_CHARS: usize = 20_000;
/// Ideas of one answer at most, and where nothing is said.
const IDEAS_MAX: u64 = 10;
const IDEAS_USUAL: u64 = 5;
/// One attempt with its further answers; a model on a machine without a card takes its time.
const ANSWER_LIMIT: Duration = Duration::from_mins(20);

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    Enhance,
    Conversation,
    Brainstorm,
}

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) mode: Mode,
    /// A prompt, a question, a theme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) negative_prompt: Option<String>,
    #[serde(default)]
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) ideas: usize,
    pub(crate) seed: u64,
}

/// A prompt made richer, and what is to stay out of the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enhanced {
    pub(crate) prompt: String,
    pub(crate) negative_prompt: String,
}

/// A thing to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Idea {
    title: String,
    prompt: String,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::usually("mode", "mode", "enhance", "What is wanted: enhance, conversation or brainstorm."),
            Field::text("text", "text", "A short prompt to enhance, a theme to have ideas about, or a conversation of one message."),
            Field::text("negative_prompt", "negative-prompt", "With enhance: what is to stay out of the picture."),
            Field::messages("messages", "message", MESSAGES_MAX, "A conversation, the oldest message first, the last one a user's."),
            Field::whole("ideas", "ideas", 1..=IDEAS_MAX, Some(IDEAS_USUAL), "With brainstorm: how many ideas."),
            Field::seed("Equal seeds give equal answers, where the model can do that."),
        ]
    }

    fn check(&self, _door: &Door<'_>) -> Result<(), Fault> {
        let is_talk = self.mode == Mode::Conversation;
        match (&self.text, self.messages.is_empty()) {
            (Some(_), false) => return Err(refuse("say text or messages, not both")),
            (None, false) if !is_talk => return Err(refuse("messages are for mode conversation; say text")),
            (None, true) if is_talk => return Err(refuse("messages is missing: a conversation has at least one message")),
            (None, true) => return Err(refuse("text is missing: say what it is about")),
            _ => {}
        }
        if self.negative_prompt.is_some() && self.mode != Mode::Enhance {
            return Err(refuse("negative_prompt is for mode enhance"));
        }
        if is_talk { check_conversation(&self.conversation()) } else { Ok(()) }
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let card = provider(look.kit)?.card();
        Ok(Plan::of(CARD.name, 1, ["answer"]).found(format!("asks {} ({})", card.model, card.name)))
    }
}

impl Input {
    fn conversation(&self) -> Vec<ChatMessage> {
        let said = |content: &String| ChatMessage { role: ChatRole::User, content: content.clone() };
        self.text.as_ref().map_or_else(|| self.messages.clone(), |text| vec![said(text)])
    }
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let model = provider(kit)?.card().model;
    let (text, seed) = (input.text.as_deref().unwrap_or_default(), input.seed);
    match input.mode {
        Mode::Enhance => {
            let made = enhance(flow, kit, "answer", text, input.negative_prompt.as_deref(), seed).await?;
            Ok(json!({"mode": input.mode, "text": made.prompt, "negative_prompt": made.negative_prompt, "model": model}))
        }
        Mode::Conversation => {
            let reply = converse(flow, kit, "answer", input.conversation(), seed).await?;
            Ok(json!({"mode": input.mode, "reply": reply, "model": model}))
        }
        Mode::Brainstorm => {
            let ideas = brainstorm(flow, kit, "answer", text, input.ideas, seed).await?;
            Ok(json!({"mode": input.mode, "ideas": ideas, "model": model}))
        }
    }
}

/// Makes one richer prompt of a short one, in a step of this name; what `negative` names stays out of the picture. Errors:
/// `config_invalid` where nobody answers; `input_invalid`; `provider_refused`, in its words.
pub(crate) async fn enhance<F: Flow>(
    flow: &F,
    kit: &Kit,
    step_name: &str,
    prompt: &str,
    negative: Option<&str>,
    seed: u64,
) -> Result<Enhanced, Stop> {
    check_text(prompt)?;
    let wanted = json!({"prompt": prompt, "negative_prompt": negative}).to_string();
    ask(flow, kit, step_name, told::enhanced(wanted, seed)).await
}

/// Answers the last message of a conversation of users' and the assistant's messages, in a step of this name. Errors: as [`enhance`].
pub(crate) async fn converse<F: Flow>(flow: &F, kit: &Kit, step_name: &str, messages: Vec<ChatMessage>, seed: u64) -> Result<String, Stop> {
    #[derive(Serialize, Deserialize)]
    struct Answer {
        reply: String,
    }
    check_conversation(&messages)?;
    let answer: Answer = ask(flow, kit, step_name, told::reply(messages, seed)).await?;
    Ok(answer.reply)
}

async fn brainstorm<F: Flow>(flow: &F, kit: &Kit, step_name: &str, theme: &str, count: usize, seed: u64) -> Result<Vec<Idea>, Stop> {
    #[derive(Serialize, Deserialize)]
    struct Answer {
        ideas: Vec<Idea>,
    }
    check_text(theme)?;
    let wanted = json!({"theme": theme, "count": count}).to_string();
    let answer: Answer = ask(flow, kit, step_name, told::ideas(wanted, count, seed)).await?;
    Ok(answer.ideas)
}

/// Who answers. Errors: `config_invalid`, which says what to set.
fn provider(kit: &Kit) -> Result<Arc<dyn Provider<ChatRequest>>, Fault> {
    kit.providers.chat.clone().ok_or_else(|| {
        let reason = "nobody is configured who answers: set [make] chat = \"openai_chat\" or \"gemini\", and its section [providers.NAME]";
        Fault::new(Code::ConfigInvalid, "ask model").with("setting", "make.chat").because(reason)
    })
}

/// One step, one answer. What the model says it cannot is its refusal, told in its words.
async fn ask<F: Flow, T: Data>(flow: &F, kit: &Kit, step_name: &str, request: ChatRequest) -> Result<T, Stop> {
    let provider = provider(kit)?;
    let card = provider.card();
    let step = Step::new(step_name).by(&card).within(ANSWER_LIMIT);
    let step = step.inputs(&json!([request.kind, request.messages, request.seed, card]));
    flow.step(step, move |context: StepContext| async move {
        let mut answer = provider.make(&request, &context.call("chat")?).await?;
        let fields = answer.as_object_mut();
        let cannot =
            fields.and_then(|fields| fields.remove(told::CANNOT)).and_then(|words| words.as_str().map(|words| words.trim().to_owned()));
        if let Some(words) = cannot.filter(|words| !words.is_empty()) {
            return Err(Stop::Failed(Fault::new(Code::ProviderRefused, "ask model").with("provider", card.name).because(words)));
        }
        let broken = |e: serde_json::Error| Stop::Failed(Fault::new(Code::Unexpected, "read answer").because(e));
        Ok(Done::value(serde_json::from_value(answer).map_err(broken)?))
    })
    .await
}

/// Errors: `input_invalid`.
fn check_text(text: &str) -> Result<(), Fault> {
    let chars = text.chars().count();
    match text.trim().is_empty() || chars > CONVERSATION_MAX_CHARS {
        true => Err(refuse(format!("the text has {chars} characters; say something, in at most {CONVERSATION_MAX_CHARS}"))),
        false => Ok(()),
    }
}

/// Errors: `input_invalid`, where it is empty, too long, or its last message is not a user's.
fn check_conversation(messages: &[ChatMessage]) -> Result<(), Fault> {
    let chars: usize = messages.iter().map(|message| message.content.chars().count()).sum();
    if messages.len() > MESSAGES_MAX || chars > CONVERSATION_MAX_CHARS {
        let reason = format!(
            "the conversation has {} messages of {chars} characters; leave the oldest out: it may have {MESSAGES_MAX} of {CONVERSATION_MAX_CHARS}",
            messages.len()
        );
        return Err(refuse(reason));
    }
    if messages.iter().any(|message| message.content.trim().is_empty()) {
        return Err(refuse("a message of the conversation is empty"));
    }
    if messages.last().is_none_or(|last| last.role != ChatRole::User) {
        return Err(refuse("the last message of a conversation is the one that is answered: its role is user"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
