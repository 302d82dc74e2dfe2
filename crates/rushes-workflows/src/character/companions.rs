//! What people look at before they play a film: poster, contact sheet, silent preview, waveform.

use rushes_core::flow::{Branch, Lane, Step, StepContext};
use rushes_core::{AssetRef, Done, Kind};
use rushes_media::{stills, waveform};
use serde_json::json;

use crate::kit::blocking;

/// The step that makes all companions of a film, beside it and in its set.
pub(crate) fn of(film: &AssetRef, subject: &str) -> Branch<()> {
    let (film, subject) = (film.clone(), subject.to_owned());
    let step = Step::new(format!("companions {} {}", film.kind.name(), film.title)).lane(Lane::Cpu).inputs(&json!([film.id]));
    Branch::new(step, move |context: StepContext| async move {
        let path = context.path_of(&film).await?;
        let (scratch, cancel) = (context.scratch.clone(), context.cancel.clone());
        let files = blocking(move || {
            let mut files = Vec::new();
            let mut file = |kind, name: &str| {
                let file = scratch.join(name);
                files.push((kind, file.clone()));
                file
            };
            stills::poster(&path, &file(Kind::Poster, "poster.jpg"), &cancel)?;
            stills::contact_sheet(&path, &file(Kind::ContactSheet, "contact_sheet.jpg"), &cancel)?;
            stills::preview(&path, &file(Kind::Preview, "preview.mp4"), &cancel)?;
            waveform::waveform(&path, &file(Kind::Waveform, "waveform.png"), &cancel)?;
            Ok(files)
        })
        .await?;
        let made = files.into_iter().map(|(kind, file)| context.new_asset(kind, &subject, file).beside(&film)).collect();
        Ok(Done { made, ..Done::value(()) })
    })
}
