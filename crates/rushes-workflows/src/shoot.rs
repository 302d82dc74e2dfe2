//! `shoot`: an occasion comes into being, or has other rules from now on: its record, and the folders people know.

use crate::kit::{Kit, blocking};
use crate::registry::Card;
use rushes_core::album::Rules;
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::subject::{NewSubject, SubjectType};
use rushes_core::{Code, Done, Fault, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

/// What the registry says of it.
pub const CARD: Card = Card { name: "shoot", version: 1, collection: None, is_short: true, about: "", outside: None };

/// Where photos are dropped.
pub const INCOMING: &str = "Incoming";
/// Folders of its own; the views are links into the library.
const OWN: [&str; 3] = [INCOMING, "Admin/Errors", "Admin/NoFaces"];
const VIEWS: [&str; 2] = ["People", "Processed"];

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its id and the name of its folders.
    pub id: String,
    /// As spoken.
    pub name: String,
    /// What it is to do.
    pub rules: Rules,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    input.rules.check()?;
    let Input { id, name, rules } = input;
    let subject = NewSubject { id: id.clone(), subject_type: SubjectType::Shoot, slug: id.clone(), name, fields: json!({"rules": rules}) };
    flow.step(Step::new("know").inputs(&subject), move |context: StepContext| async move {
        let known = context.library.subject(&subject.id).await?;
        if let Some(known) = known.as_ref().filter(|known| known.made.subject_type != SubjectType::Shoot) {
            let reason = format!("{} is a {} already", known.made.id, known.made.subject_type.name());
            return Err(Stop::Failed(Fault::new(Code::NameTaken, "make shoot").because(reason)));
        }
        let subjects = if known.is_none() { vec![subject.clone()] } else { Vec::new() };
        let renewed = if known.is_none_or(|known| known.made != subject) { vec![subject] } else { Vec::new() };
        Ok(Done { subjects, renewed, ..Done::value(()) })
    })
    .await?;
    let (root, library, shoot) = (kit.shoots.root.clone(), kit.library.clone(), id.clone());
    flow.step(Step::new("folders"), move |_: StepContext| async move {
        blocking(move || make_folders(&root, &library, &shoot).map_err(|e| Fault::io("make folders of shoot", &root, &e))).await?;
        Ok(Done::value(()))
    })
    .await?;
    Ok(json!({"shoot": id}))
}

fn make_folders(root: &Path, library: &Path, shoot: &str) -> std::io::Result<()> {
    let own = root.join(shoot);
    for folder in OWN {
        std::fs::create_dir_all(own.join(folder))?;
    }
    for view in VIEWS {
        std::fs::create_dir_all(library.join(shoot).join(view))?;
        // As long as both lie in one home, it may be moved as a whole.
        let to = Path::new("../../library").join(shoot).join(view);
        let to = if root.parent() == library.parent() { to } else { library.join(shoot).join(view) };
        match std::os::unix::fs::symlink(to, own.join(view)) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    Ok(())
}
