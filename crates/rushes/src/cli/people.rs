//! `rushes people`: who is in a shoot, and what somebody says about them.

use super::shoots::{carry_out, find};
use super::{Context, exit, print};
use crate::shoots::make::{self, Said};
use crate::shoots::{Merge, Proposed, Proposer, Stand, person_named, selfie};
use crate::wire;
use rushes_core::album::{Corrected, Correction, Person};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::{Code, Fault};
use serde_json::{Value, json};
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
    /// List what somebody must decide: whose faces are, and who may be one person.
    Review,
    #[command(flatten)]
    Say(Word),
}

/// What is said of people and faces.
#[derive(Debug, clap::Subcommand)]
enum Word {
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
    /// Say that two are not one, however like.
    Different {
        /// By number, folder or name.
        who: String,
        /// By number, folder or name.
        other: String,
    },
    /// Say that faces of nobody are one person's, somebody new.
    Found {
        /// The faces, as `review` numbers them.
        #[arg(required = true)]
        faces: Vec<u32>,
    },
    /// Say that faces of somebody's folder are another's.
    Split {
        /// The faces, as `rushes photos why` numbers them.
        #[arg(required = true)]
        faces: Vec<u32>,
    },
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
    let word = match command.what {
        What::Ls => return list(context, &stand).await,
        What::Review => return review(context, &stand).await,
        What::Say(word) => word,
    };
    let said = match said(context, &stand, word).await {
        Ok(said) => said,
        Err(refused) => {
            // Perhaps because it was said before and cut off then: that becomes so, whatever is refused now.
            if let Some((workflow, input)) = make::left(stand.album.as_ref(), stand.id()).await? {
                carry_out(context, workflow, input).await?;
            }
            return Err(refused);
        }
    };
    let (code, made) = carry_out(context, said.workflow, said.input).await?;
    match said.workflow {
        "forget" => tell_forgotten(context, &said.corrected, &made)?,
        _ => tell(context, &stand, &said.corrected).await?,
    }
    Ok(code)
}

/// Has the album know what is said.
async fn said(context: &Context, stand: &Stand, word: Word) -> anyhow::Result<Said> {
    let people = stand.album.people().await?;
    let forgotten = stand.album.forgotten().await?;
    let number = |who: &str| person_named(&people, who).map(|person| person.number);
    let correction = match word {
        Word::Enrol { name, selfies, consent: _, contact } => enrol(context, stand, name, &selfies, contact).await?,
        Word::Rename { who, name } => Correction::Rename { person: number(&who)?, name },
        Word::Merge { from, into } => Correction::Merge { into: number(&into)?, from: number(&from)? },
        Word::Different { who, other } => Correction::Different { person: number(&who)?, other: number(&other)? },
        Word::Found { faces } => Correction::Found { faces },
        Word::Split { faces } => Correction::Split { faces },
        Word::Confirm { face, who } => Correction::Confirm { face, person: number(&who)? },
        Word::Not { face, who } => Correction::NotThisPerson { face, person: number(&who)? },
        Word::NotAFace { face } => Correction::NotAFace { face },
        Word::Undo => Correction::Undo,
        Word::Forget { who } => {
            // Whoever is being forgotten has nothing but a number any more.
            let begun = who.trim_start_matches('#').parse().ok().filter(|number| forgotten.contains(number));
            Correction::Forget { person: begun.map_or_else(|| number(&who), Ok)? }
        }
    };
    Ok(make::say(stand, correction).await?)
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
        let enrolled = if person.is_here {
            "here alone"
        } else if person.is_enrolled {
            "yes"
        } else {
            ""
        };
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
    let Proposed { merges, founds } = Proposer::default().proposed(stand).await?;
    if context.json {
        let person = |person: &Person| json!({"number": person.number, "name": person.name, "face": person.face});
        let merges: Vec<Value> = merges
            .iter()
            .map(|merge| json!({"from": person(&merge.from), "into": person(&merge.into), "distance": merge.distance}))
            .collect();
        let founds: Vec<Value> = founds.iter().map(|faces| json!({"faces": faces})).collect();
        let mut told = super::photos::faces_json(stand, &faces).await?;
        told["merges"] = merges.into();
        told["founds"] = founds.into();
        print::json(&told)?;
        return Ok(exit::DONE);
    }
    super::photos::tell_faces(context, stand, &faces).await?;
    if !merges.is_empty() {
        let row = |merge: &Merge| {
            let (from, into) = (&merge.from, &merge.into);
            vec![from.number.to_string(), from.name.clone(), into.number.to_string(), into.name.clone(), format!("{:.3}", merge.distance)]
        };
        print::table(&["#", "may be", "#", "", "distance"], &[0, 2, 4], merges.iter().map(row));
        print::line("`merge # #` says that they are one, `different # #` that they are not.");
    }
    for faces in &founds {
        let faces: Vec<String> = faces.iter().map(u32::to_string).collect();
        print::line(format!("{} faces of nobody may be one person's: `found {}` says so.", faces.len(), faces.join(" ")));
    }
    Ok(exit::DONE)
}

fn tell_forgotten(context: &Context, corrected: &Corrected, made: &Value) -> anyhow::Result<()> {
    if context.json {
        return print::json(made);
    }
    let person = corrected.person.unwrap_or_default();
    print::line(format!(
        "#{person} is forgotten: {} photos are in no folder of theirs any more, and nothing of them was found.",
        made["photos"]
    ));
    Ok(())
}
