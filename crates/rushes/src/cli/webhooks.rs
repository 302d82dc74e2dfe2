//! `rushes webhooks`: who is told of the ends of jobs, with which secret, and what came of it.

use super::hand::{self, Hand};
use super::{Context, exit, print};
use crate::wire;
use crate::words;
use rushes_core::record::rfc3339;

use rushes_core::webhook::{Endpoint, Message, MessageFilter, MessageState};
use rushes_core::{EndpointId, JobId, MessageId};
use rushes_engine::{Ask, Parts, hooks::Change};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long one try is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the registered addresses.
    Ls,
    /// Register an address that is told of every end of a job.
    Add {
        /// https or http, and of the public internet.
        url: String,
        /// Only of this type, such as pipeline.completed or job.failed; may be given several times.
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
    },
    /// Forget an address; what is owed there is given up.
    Rm {
        /// Its id.
        id: EndpointId,
    },
    /// Send to an address again.
    Enable {
        /// Its id.
        id: EndpointId,
    },
    /// Send to an address no more.
    Disable {
        /// Its id.
        id: EndpointId,
    },
    /// Send an address a message of type webhook.test, and say what came of it.
    Test {
        /// Its id.
        id: EndpointId,
    },
    /// List what was sent and what came of it, newest first.
    Log {
        /// Only of this job.
        #[arg(long, value_parser = print::job_id)]
        job: Option<JobId>,
        /// Only to this address.
        #[arg(long, value_name = "ID")]
        webhook: Option<EndpointId>,
        /// Only those that are owed, being sent, done or refused.
        #[arg(long, value_parser = state)]
        state: Option<MessageState>,
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Send a message again, with the same id and bytes, and say what came of it.
    Redeliver {
        /// Its id.
        message: MessageId,
    },
    /// Show the secret that signs.
    Secret {
        /// Make a new one; the one before signs too for a day.
        #[arg(long)]
        rotate: bool,
        /// The id or name of a key whose jobs it signs; none = the home's own.
        #[arg(long, default_value = "")]
        key: String,
    },
}

fn state(text: &str) -> Result<MessageState, String> {
    MessageState::named(text).ok_or_else(|| format!("states are: {}", MessageState::ALL.map(MessageState::name).join(", ")))
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Ls => list(context).await,
        Command::Log { job, webhook, state, limit } => {
            log(context, &MessageFilter { endpoint: webhook, job, state, before: None, limit }).await
        }
        Command::Add { url, types } => {
            let added = change(context, Change::Add { url, types }).await?;
            say(context, &added["webhook"], |webhook| format!("{} is told from now on.", text(webhook, "id")))
        }
        Command::Rm { id } => {
            change(context, Change::Remove { webhook: id }).await?;
            say(context, &json!({"removed": id}), |_| format!("{id} is forgotten."))
        }
        Command::Enable { id } => enable(context, id, true).await,
        Command::Disable { id } => enable(context, id, false).await,
        Command::Test { id } => send(context, Change::Test { webhook: id }).await,
        Command::Redeliver { message } => send(context, Change::Redeliver { message }).await,
        Command::Secret { rotate, key } => {
            let shown = change(context, if rotate { Change::Rotate { key } } else { Change::Secret { key } }).await?;
            let until = shown["previous_until_ms"].as_i64().map(rfc3339);
            let answer = json!({"secret": shown["secret"], "previous_until": until});
            say(context, &answer, |answer| text(answer, "secret").to_owned())
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn say(context: &Context, answer: &Value, words: impl FnOnce(&Value) -> String) -> anyhow::Result<u8> {
    if context.json {
        print::json(answer)?;
    } else {
        print::line(words(answer));
    }
    Ok(exit::DONE)
}

/// Has the change made, here or by whoever works on the home.
async fn change(context: &Context, change: Change) -> anyhow::Result<Value> {
    hand::ask_once(context, Ask::Webhooks { change }).await
}

async fn enable(context: &Context, id: EndpointId, is_enabled: bool) -> anyhow::Result<u8> {
    let changed = change(context, Change::Enable { webhook: id, is_enabled }).await?;
    let words = if is_enabled { "is told again" } else { "is told no more" };
    say(context, &changed["webhook"], |_| format!("{id} {words}."))
}

/// Has a message sent, and waits for what comes of the try.
async fn send(context: &Context, change: Change) -> anyhow::Result<u8> {
    let before = match &change {
        Change::Redeliver { message } => wire::look(&context.home, &context.loaded.config)?.store.message(*message).await?.tries.len(),
        _ => 0,
    };
    let mut hand = Hand::open(context).await?;
    let answer = hand.ask(Ask::Webhooks { change }).await?;
    let id: MessageId = serde_json::from_value(answer["message"].clone())?;
    let message = tried(hand.parts(), id, before).await?;
    hand.close().await;
    let answer = as_json(&message);
    if context.json {
        print::json(&answer)?;
    } else {
        print::line(format!("{id} {}: {}", message.state.name(), last(&message)));
    }
    Ok(if message.state == MessageState::Done { exit::DONE } else { exit::PARTLY })
}

/// The message once it has been tried more often than before, or as it is when that does not come.
async fn tried(parts: &Parts, id: MessageId, before: usize) -> anyhow::Result<Message> {
    let began = Instant::now();
    loop {
        let message = parts.store.message(id).await?;
        let is_tried = message.tries.len() > before && message.state != MessageState::Sending;
        if is_tried || began.elapsed() > PATIENCE {
            return Ok(message);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What came of the last try, in words.
fn last(message: &Message) -> String {
    match message.tries.first() {
        None => "not tried yet".to_owned(),
        Some(tried) => match tried.status {
            Some(status) => format!("{status} in {} {}", words::took(i64::try_from(tried.ms).unwrap_or(i64::MAX)), tried.said),
            None => tried.said.clone(),
        },
    }
}

fn as_json(message: &Message) -> Value {
    let tries: Vec<Value> = message
        .tries
        .iter()
        .map(|tried| json!({"at": rfc3339(tried.at_ms), "ms": tried.ms, "status": tried.status, "said": tried.said}))
        .collect();
    json!({
        "id": message.id, "webhook": message.endpoint, "url": message.url, "type": message.message_type, "job_id": message.job,
        "state": message.state, "attempts": message.attempts, "next_attempt_at": message.next_ms.map(rfc3339),
        "created_at": rfc3339(message.created_ms), "ended_at": message.ended_ms.map(rfc3339), "tries": tries,
    })
}

async fn list(context: &Context) -> anyhow::Result<u8> {
    let endpoints = wire::look(&context.home, &context.loaded.config)?.store.endpoints().await?;
    let view = |one: &Endpoint| {
        json!({"id": one.id, "url": one.url, "types": one.types, "enabled": one.disabled_why.is_none(),
            "disabled_why": one.disabled_why, "created_at": rfc3339(one.created_ms)})
    };
    if context.json {
        print::json(&json!({"webhooks": endpoints.iter().map(view).collect::<Vec<_>>()}))?;
    } else if endpoints.is_empty() {
        print::line("Nobody is told. Register an address: rushes webhooks add https://app.example/hook");
    } else {
        let rows = endpoints.into_iter().map(|one| {
            let types = if one.types.is_empty() { "all".to_owned() } else { one.types.join(", ") };
            vec![one.id.to_string(), one.url, types, one.disabled_why.unwrap_or_else(|| "told".to_owned())]
        });
        print::table(&["webhook", "address", "types", "state"], &[], rows);
    }
    Ok(exit::DONE)
}

async fn log(context: &Context, filter: &MessageFilter) -> anyhow::Result<u8> {
    let messages = wire::look(&context.home, &context.loaded.config)?.store.messages(filter).await?;
    if context.json {
        print::json(&json!({"deliveries": messages.iter().map(as_json).collect::<Vec<_>>()}))?;
    } else {
        let rows = messages.into_iter().map(|one| {
            let job = one.job.map_or_else(|| "–".to_owned(), |id| id.to_string());
            vec![one.id.to_string(), one.message_type.clone(), job, one.state.name().to_owned(), one.attempts.to_string(), last(&one)]
        });
        print::table(&["message", "type", "job", "state", "tries", "last"], &[4], rows);
    }
    Ok(exit::DONE)
}
