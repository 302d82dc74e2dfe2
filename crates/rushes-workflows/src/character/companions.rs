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
        let (scratch, cancel, tell) = (context.scratch()?, context.cancel.clone(), context.progress.clone());
        let files = blocking(move || {
            let at = |name: &str| scratch.join(name);
            let (poster, sheet, preview, sound) = (at("poster.jpg"), at("contact_sheet.jpg"), at("preview.mp4"), at("waveform.png"));
            tell(0.1, "poster, contact sheet, preview");
            let companions = stills::Companions { poster: poster.clone(), sheet: sheet.clone(), preview: preview.clone() };
            companions.write(&path, &cancel)?;
            tell(0.9, "waveform");
            let mut files = vec![(Kind::Poster, poster), (Kind::ContactSheet, sheet), (Kind::Preview, preview)];
            // A film without a sound track has no waveform.
            if waveform::write_waveform(&path, &sound, &cancel)? {
                files.push((Kind::Waveform, sound));
            }
            Ok(files)
        })
        .await?;
        let made = files.into_iter().map(|(kind, file)| context.new_asset(kind, &subject, file).beside(&film)).collect();
        Ok(Done { made, ..Done::value(()) })
    })
}
