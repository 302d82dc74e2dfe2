//! What people look at before they play a film: poster, contact sheet, silent preview, waveform.

use super::Studio;
use rushes_core::flow::{Branch, Flow, Lane, Step, StepContext};
use rushes_core::{AssetRef, Done, Kind, Stop};
use rushes_media::{stills, waveform};
use serde_json::json;

use crate::kit::blocking;

/// The steps that make all companions of films, beside each and in its set.
impl<F: Flow> Studio<'_, F> {
    pub(crate) async fn companions<'a>(&self, films: impl IntoIterator<Item = &'a AssetRef>) -> Result<(), Stop> {
        let branches = films.into_iter().map(|film| of(film, &self.person.id, self.is_aside)).collect();
        self.flow.all(branches).await.into_iter().collect()
    }
}

fn of(film: &AssetRef, subject: &str, is_aside: bool) -> Branch<()> {
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
        let made = files.into_iter().map(|(kind, file)| context.new_asset(kind, &subject, file).beside(&film).aside(is_aside)).collect();
        Ok(Done { made, ..Done::value(()) })
    })
}
