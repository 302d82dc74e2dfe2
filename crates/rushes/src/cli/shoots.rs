//! `rushes shoots`: make one, say what it is to do, see how it stands, take in what is dropped.

use super::follow::{self, Until};
use super::hand::{self, Hand};
use super::{Context, exit, print};
use crate::shoots::address::outside;
use crate::shoots::{Folders, Stand, incoming, invite, make};
use crate::wire;
use rushes_core::album::{Rules, Unknown};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::record::rfc3339;
use rushes_core::store::SubjectFilter;
use rushes_core::subject::SubjectType;
use rushes_core::{Cancel, Code, Fault, Subject};
use rushes_engine::Ask;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Shoots listed.
const LISTED_MAX: u32 = 200;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a shoot, with its folders.
    New {
        /// As spoken, such as "Ana & Ben".
        name: String,
        #[command(flatten)]
        said: Said,
    },
    /// List shoots.
    Ls,
    /// Say how a shoot stands.
    Status {
        /// Its id.
        shoot: String,
    },
    /// Change what a shoot is to do.
    Set {
        /// Its id.
        shoot: String,
        #[command(flatten)]
        said: Said,
        /// Ask guests for this PIN of 4 to 8 digits; an empty one: for none.
        #[arg(long)]
        pin: Option<String>,
        /// Take photos from these folders, too, such as a camera's own, in place of those said before. They stay as they are.
        #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with = "no_incoming")]
        incoming: Option<Vec<PathBuf>>,
        /// Take photos from no folder but its own `Incoming`.
        #[arg(long)]
        no_incoming: bool,
    },
    /// Take no more photos.
    Close {
        /// Its id.
        shoot: String,
    },
    /// Make the link guests join by, in place of the one there was, and show it with its code to scan.
    Qr {
        /// Its id.
        shoot: String,
        /// Where phones reach the server, such as `http://10.0.0.7:8787`; otherwise it is worked out.
        #[arg(long, value_name = "URL")]
        at: Option<String>,
        /// Write the code into this file, as SVG, to print it.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Take in what lies in the folders of open shoots, and end; `rushes serve` takes it as it is dropped.
    Take,
}

/// What a shoot is to do, where that is said.
#[derive(Debug, clap::Args)]
pub(crate) struct Said {
    /// Look for faces and give photos to who is in them: only with the consent of those it is about.
    #[arg(long, conflicts_with = "no_recognise")]
    recognise: bool,
    /// Look for no faces.
    #[arg(long)]
    no_recognise: bool,
    /// What becomes of people nobody knows, from now on: a folder of their own (cloud), one on this machine alone until somebody enrols
    /// them (local), or a question (review).
    #[arg(long, value_parser = unknown)]
    unknown: Option<Unknown>,
    /// A face nearer than this is that person's.
    #[arg(long, value_name = "DISTANCE")]
    route_below: Option<f32>,
    /// A face nearer than this may be that person's: somebody decides.
    #[arg(long, value_name = "DISTANCE")]
    review_below: Option<f32>,
    /// Everything known of faces is erased after so many days.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,
}

fn unknown(text: &str) -> Result<Unknown, String> {
    serde_json::from_value(json!(text)).map_err(|_| "it is cloud, local or review".to_owned())
}

impl Said {
    fn onto(&self, rules: Rules) -> Rules {
        let days_ms = |days: u32| SystemClock.now_ms() + i64::from(days) * DAY_MS;
        Rules {
            is_recognising: (rules.is_recognising || self.recognise) && !self.no_recognise,
            unknown: self.unknown.unwrap_or(rules.unknown),
            route_below: self.route_below.unwrap_or(rules.route_below),
            review_below: self.review_below.unwrap_or(rules.review_below),
            expires_ms: self.days.map(days_ms).or(rules.expires_ms),
            ..rules
        }
    }
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::New { name, said } => new(context, &name, &said).await,
        Command::Ls => list(context).await,
        Command::Status { shoot } => status(context, &shoot).await,
        Command::Set { shoot, said, pin, incoming, no_incoming } => {
            if let Some(folders) = incoming.or(no_incoming.then(Vec::new)) {
                point(context, &shoot, &folders).await?;
            }
            if let Some(pin) = pin {
                invite::set_pin(&find(context, &shoot).await?, &pin).await?;
            }
            change(context, &shoot, |rules| said.onto(rules)).await
        }
        Command::Qr { shoot, at, svg } => qr(context, &shoot, at, svg).await,
        Command::Close { shoot } => change(context, &shoot, |rules| Rules { is_open: false, ..rules }).await,
        Command::Take => take(context).await,
    }
}

/// Has a workflow of shoots carried out, and waits until what it owes is delivered. Gives the exit code and what it gave.
pub(super) async fn carry_out(context: &Context, workflow: &str, input: Value) -> anyhow::Result<(u8, Value)> {
    let mut hand = Hand::open(context).await?;
    let ask = Ask::Submit { workflow: workflow.to_owned(), input, new: true, since_ms: None };
    let id = hand::job_of(&hand.ask(ask).await?)?;
    let end = follow::follow(&mut hand, id, Until::Delivery, None).await?;
    hand.close().await;
    match end.job.fault {
        Some(fault) => Err(fault.into()),
        None => Ok((end.code, end.job.value.unwrap_or_default())),
    }
}

async fn point(context: &Context, shoot: &str, folders: &[PathBuf]) -> anyhow::Result<()> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let shoots = wire::shoots::shoots(&context.home, &context.loaded.config);
    let stand = Stand::of(parts.store.as_ref(), &shoots, shoot).await?;
    Ok(incoming::point(&parts, &shoots, &stand, folders).await?)
}

/// The shoot of this id or unique slug.
pub(super) async fn find(context: &Context, shoot: &str) -> anyhow::Result<Stand> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    Ok(Stand::of(parts.store.as_ref(), &wire::shoots::shoots(&context.home, &context.loaded.config), shoot).await?)
}

async fn new(context: &Context, name: &str, said: &Said) -> anyhow::Result<u8> {
    let rules = said.onto(Rules::default());
    rules.check()?;
    let id = match wire::look(&context.home, &context.loaded.config) {
        Ok(parts) => make::free_id(parts.store.as_ref(), name).await?,
        Err(fault) if fault.code == Code::FileMissing => make::id_of(name),
        Err(fault) => return Err(fault.into()),
    };
    let (code, _) = carry_out(context, "shoot", json!({"id": id, "name": name, "rules": rules})).await?;
    let folder = context.home.shoots().join(&id).join(rushes_workflows::shoot::INCOMING);
    if context.json {
        print::json(&json!({"shoot": id, "incoming": folder.display().to_string(), "rules": rules}))?;
    } else {
        print::line(format!("{name} is {id}. Drop photos into {}", folder.display()));
        if !rules.is_recognising {
            print::line("Nobody is recognised until `--recognise` is said.");
        }
    }
    Ok(code)
}

async fn list(context: &Context) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let filter = SubjectFilter { subject_type: Some(SubjectType::Shoot), limit: LISTED_MAX, ..SubjectFilter::default() };
    let shoots = parts.store.subject_page(&filter).await?;
    if context.json {
        let shoots: Vec<Value> =
            shoots.iter().map(|shoot| json!({"id": shoot.made.id, "name": shoot.made.name, "rules": shoot.made.fields["rules"]})).collect();
        print::json(&json!({"shoots": shoots}))?;
        return Ok(exit::DONE);
    }
    let word = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let row = |shoot: Subject| {
        let rules = &shoot.made.fields["rules"];
        vec![shoot.made.id, shoot.made.name, word(rules["is_open"] == true), word(rules["is_recognising"] == true)]
    };
    print::table(&["shoot", "name", "open", "recognises"], &[], shoots.into_iter().map(row));
    Ok(exit::DONE)
}

async fn status(context: &Context, shoot: &str) -> anyhow::Result<u8> {
    let stand = find(context, shoot).await?;
    let (counts, folders) = (stand.album.counts().await?, incoming::pointed(&stand).await?);
    if context.json {
        let folders: Vec<Value> = folders.into_iter().map(|folder| json!({"path": folder.path, "away": folder.away})).collect();
        let name = &stand.subject.made.name;
        print::json(&json!({"shoot": stand.id(), "name": name, "rules": stand.rules, "counts": counts, "incoming": folders}))?;
        return Ok(exit::DONE);
    }
    print::line(format!("{}: {} photos, {} without a face", stand.subject.made.name, counts.photos, counts.without_faces));
    print::line(format!(
        "{} people, {} of them enrolled; {} faces, {} to be decided",
        counts.people, counts.enrolled, counts.faces, counts.in_review
    ));
    for folder in folders {
        let away = folder.away.map_or_else(String::new, |why| format!(", but {why}; they are taken once it is back"));
        print::line(format!("Photos are also taken from {}{away}", folder.path.display()));
    }
    if let Some(expires_ms) = stand.rules.expires_ms {
        print::line(format!("What is known of faces is erased on {}", rfc3339(expires_ms)));
    }
    if counts.unsettled > 0 {
        print::line(format!("{} photos and people are on their way to their folders", counts.unsettled));
    }
    Ok(exit::DONE)
}

async fn change(context: &Context, shoot: &str, changed: impl FnOnce(Rules) -> Rules) -> anyhow::Result<u8> {
    let stand = find(context, shoot).await?;
    let rules = changed(stand.rules);
    rules.check()?;
    let (code, _) = carry_out(context, "shoot", json!({"id": stand.id(), "name": stand.subject.made.name, "rules": rules})).await?;
    if context.json {
        print::json(&json!({"shoot": stand.id(), "rules": rules}))?;
    } else {
        print::line(format!("{} does so from now on.", stand.id()));
    }
    Ok(code)
}

async fn qr(context: &Context, shoot: &str, at: Option<String>, svg: Option<PathBuf>) -> anyhow::Result<u8> {
    let stand = find(context, shoot).await?;
    let path = invite::new_link(&stand).await?;
    let outside = outside(None, &context.loaded.config.server.address());
    let is_reachable = at.is_some() || outside.is_reachable;
    let link = format!("{}{path}", at.unwrap_or(outside.base).trim_end_matches('/'));
    if let Some(file) = &svg {
        let mut drawn = File::create(file).map_err(|e| Fault::io("write QR code", file, &e))?;
        drawn.write_all(invite::qr_svg(&link)?.as_bytes()).map_err(|e| Fault::io("write QR code", file, &e))?;
    }
    if context.json {
        print::json(&json!({"shoot": stand.id(), "link": link, "svg": svg.map(|file| file.display().to_string())}))?;
        return Ok(exit::DONE);
    }
    print::line(invite::qr_text(&link)?);
    print::line(&link);
    print::line("It is shown this once. What was shown before opens nothing any more.");
    if !is_reachable {
        print::line(
            "Phones cannot reach it: the server listens on this machine only. Set `server.listen`, or say the address with `--at`.",
        );
    }
    Ok(exit::DONE)
}

async fn take(context: &Context) -> anyhow::Result<u8> {
    let running = wire::start(&context.home, &context.loaded.config)?;
    let parts = running.engine.parts().clone();
    let stop = Cancel::new();
    let mut folders = Folders::new(running.engine.desk());
    folders.carry_on().await;
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let work = async {
        loop {
            folders.look().await?;
            if folders.is_idle() {
                return hand::drain(&parts).await;
            }
            folders.wait(&stop).await;
        }
    };
    let end = tokio::select! {
        () = interrupted => Ok(exit::CANCELLED),
        done = work => done.map(|is_delivered| if is_delivered { exit::DONE } else { exit::PARTLY }),
    };
    running.engine.stop().await;
    end
}
