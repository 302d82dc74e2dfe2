//! `rushes people`: who is in a shoot, and what somebody says about them.

use super::shoots::{carry_out, find};
use super::{Context, exit, print};
use crate::shoots::{Stand, person_named, selfie};
use crate::wire;
use rushes_core::album::{Corrected, Correction, Person};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::{Code, Fault};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Command {
    /// The shoot's id.
    #[arg(long)]
    shoot: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the people.
    Ls,
    /// Say who somebody is, by one to five selfies and with their consent.
    Enrol {
        /// As spoken.
        name: String,
        /// Photos of them alone.
        #[arg(long = "selfie", required = true, num_args = 1..=5)]
        selfies: Vec<PathBuf>,
        /// They have consented to be recognised in this shoot.
        #[arg(long, required = true)]
        consent: bool,
        /// A telephone number or an e-mail address.
        #[arg(long)]
        contact: Option<String>,
    },
    /// Call somebody otherwise; their folders move.
    Rename {
        /// By number, folder or name.
        who: String,
        /// As spoken.
        name: String,
    },
    /// Say that two are one.
    Merge {
        /// Who becomes the other.
        from: String,
        /// Who stays.
        into: String,
    },
    /// Say that faces of somebody's folder are another's.
    Split {
        /// The faces, as `rushes photos why` numbers them.
        #[arg(required = true)]
        faces: Vec<u32>,
    },
    /// List the faces somebody must decide of.
    Review,
    /// Say that a face is this person's.
    Confirm {
        /// The face's number.
        face: u32,
        /// By number, folder or name.
        who: String,
    },
    /// Say that a face is not this person's.
    Not {
        /// The face's number.
        face: u32,
        /// By number, folder or name.
        who: String,
    },
    /// Say that it is no face.
    NotAFace {
        /// The face's number.
        face: u32,
    },
    /// Take back what was said last.
    Undo,
    /// Erase everything known of somebody, here and at every destination; prove it.
    Forget {
        /// By number, folder or name.
        who: String,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<u8> {
    let stand = find(context, &command.shoot).await?;
    let people = stand.album.people().await?;
    let number = |who: &str| person_named(&people, who).map(|person| person.number);
    let correction = match command.what {
        What::Ls => return list(context, &stand).await,
        What::Review => return review(context, &stand).await,
        What::Enrol { name, selfies, consent: _, contact } => enrol(context, &stand, name, &selfies, contact).await?,
        What::Rename { who, name } => Correction::Rename { person: number(&who)?, name },
        What::Merge { from, into } => Correction::Merge { into: number(&into)?, from: number(&from)? },
        What::Split { faces } => Correction::Split { faces },
        What::Confirm { face, who } => Correction::Confirm { face, person: number(&who)? },
        What::Not { face, who } => Correction::NotThisPerson { face, person: number(&who)? },
        What::NotAFace { face } => Correction::NotAFace { face },
        What::Undo => Correction::Undo,
        What::Forget { who } => return forget(context, &stand, number(&who)?).await,
    };
    let corrected = stand.album.correct(correction, stand.rules).await?;
    let (code, _) = carry_out(context, "route", json!({"shoot": stand.id()})).await?;
    tell(context, &stand, &corrected).await?;
    Ok(code)
}

async fn enrol(context: &Context, stand: &Stand, name: String, selfies: &[PathBuf], contact: Option<String>) -> anyhow::Result<Correction> {
    stand.must_recognise()?;
    let off = || Fault::new(Code::FacesOff, "enrol person").because("there is no model");
    let finder = wire::shoots::finder(&context.home, &context.loaded.config).ok_or_else(off)?;
    let mut faces = Vec::new();
    for photo in selfies {
        faces.push(selfie(finder.as_ref(), photo).await.map_err(|fault| fault.with("file", photo.display()))?);
    }
    Ok(Correction::Enrol { name, selfies: faces, model: finder.model().to_owned(), consent_ms: SystemClock.now_ms(), contact })
}

async fn tell(context: &Context, stand: &Stand, corrected: &Corrected) -> anyhow::Result<()> {
    let people = stand.album.people().await?;
    let person = people.iter().find(|person| Some(person.number) == corrected.person);
    if context.json {
        return print::json(&json!({"person": person, "photos": corrected.photos, "undone": corrected.undone}));
    }
    let whom = person.map_or_else(|| "Done".to_owned(), |person| format!("{} (#{}, {})", person.name, person.number, person.folder));
    let undone = corrected.undone.as_ref().map_or_else(String::new, |what| format!("; undone: {what}"));
    print::line(format!("{whom}: {} photos stand otherwise now{undone}.", corrected.photos));
    Ok(())
}

async fn list(context: &Context, stand: &Stand) -> anyhow::Result<u8> {
    let people = stand.album.people().await?;
    if context.json {
        print::json(&json!({"people": people}))?;
        return Ok(exit::DONE);
    }
    let row = |person: Person| {
        let enrolled = if person.is_enrolled { "yes" } else { "" };
        vec![
            person.number.to_string(),
            person.name,
            person.folder,
            enrolled.to_owned(),
            person.photos.to_string(),
            person.in_review.to_string(),
        ]
    };
    print::table(&["#", "name", "folder", "enrolled", "photos", "to decide"], &[0, 4, 5], people.into_iter().map(row));
    Ok(exit::DONE)
}

async fn review(context: &Context, stand: &Stand) -> anyhow::Result<u8> {
    let faces = stand.album.faces(None, 1_000).await?;
    super::photos::tell_faces(context, stand, &faces).await?;
    Ok(exit::DONE)
}

async fn forget(context: &Context, stand: &Stand, person: u32) -> anyhow::Result<u8> {
    stand.album.correct(Correction::Forget { person }, stand.rules).await?;
    let (code, said) = carry_out(context, "forget", json!({"shoot": stand.id(), "person": person})).await?;
    if context.json {
        print::json(&said)?;
    } else {
        print::line(format!(
            "#{person} is forgotten: {} photos are in no folder of theirs any more, and nothing of them was found.",
            said["photos"]
        ));
    }
    Ok(code)
}
