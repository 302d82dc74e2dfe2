//! `rushes photos`: what is in a shoot, and why a photo is where it is.

use super::shoots::find;
use super::{Context, exit, print};
use crate::shoots::{Stand, person_named};
use rushes_core::album::{Person, Photo, Seen};
use rushes_core::{Code, Fault};
use serde_json::{Value, json};

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
    /// List photos.
    Ls {
        /// Only this person's: by number, folder or name.
        #[arg(long)]
        person: Option<String>,
        /// Only after this number.
        #[arg(long, default_value_t = 0)]
        after: u32,
        /// At most this many.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Say whose faces are in a photo, how far they are from whom, and which rule decided.
    Why {
        /// The photo's number.
        photo: u32,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<u8> {
    let stand = find(context, &command.shoot).await?;
    match command.what {
        What::Ls { person, after, limit } => {
            let people = stand.album.people().await?;
            let person = person.map(|who| person_named(&people, &who).map(|person| person.number)).transpose()?;
            list(context, &stand.album.photos(person, after, limit).await?)
        }
        What::Why { photo } => {
            if stand.album.photos(None, photo.saturating_sub(1), 1).await?.first().is_none_or(|found| found.number != photo) {
                let reason = "`rushes photos ls` lists them";
                return Err(Fault::new(Code::NotFound, "find photo").with("photo", photo).because(reason).into());
            }
            tell_faces(context, &stand, &stand.album.faces(Some(photo), 1_000).await?).await?;
            Ok(exit::DONE)
        }
    }
}

fn list(context: &Context, photos: &[Photo]) -> anyhow::Result<u8> {
    if context.json {
        print::json(&json!({"photos": photos}))?;
        return Ok(exit::DONE);
    }
    let row = |photo: &Photo| vec![Photo::stem(photo.number), photo.name.clone(), photo.group.name().to_owned(), photo.faces.to_string()];
    print::table(&["photo", "name", "folder", "faces"], &[3], photos.iter().map(row));
    Ok(exit::DONE)
}

/// Faces with whose they are, and why, and the rules that decided.
pub(super) async fn faces_json(stand: &Stand, faces: &[Seen]) -> Result<Value, Fault> {
    let people = stand.album.people().await?;
    let face = |face: &Seen| {
        let (quality, name) = (face.quality, name_of(&people, face.person));
        json!({
            "face": face.face, "photo": face.photo, "stands": face.stands, "person": face.person, "name": name,
            "distance": face.distance, "why": face.why, "is_fixed": face.is_fixed,
            "region": [face.region.x, face.region.y, face.region.width, face.region.height],
            "quality": {"score": quality.score, "size_px": quality.size_px, "sharpness": quality.sharpness, "turn": quality.turn},
        })
    };
    Ok(json!({"faces": faces.iter().map(face).collect::<Vec<Value>>(), "rules": stand.rules}))
}

fn name_of(people: &[Person], number: Option<u32>) -> Option<&str> {
    people.iter().find(|person| Some(person.number) == number).map(|person| person.name.as_str())
}

/// Faces with whose they are, and why.
pub(super) async fn tell_faces(context: &Context, stand: &Stand, faces: &[Seen]) -> anyhow::Result<()> {
    if context.json {
        return print::json(&faces_json(stand, faces).await?);
    }
    let people = stand.album.people().await?;
    let row = |face: &Seen| {
        let distance = face.distance.map_or_else(String::new, |distance| format!("{distance:.3}"));
        let person = name_of(&people, face.person).unwrap_or("").to_owned();
        vec![face.face.to_string(), Photo::stem(face.photo), face.stands.name().to_owned(), person, distance, face.why.clone()]
    };
    print::table(&["face", "photo", "stands", "person", "distance", "why"], &[0, 4], faces.iter().map(row));
    print::line(format!("Routed below {}, asked about below {}.", stand.rules.route_below, stand.rules.review_below));
    Ok(())
}
