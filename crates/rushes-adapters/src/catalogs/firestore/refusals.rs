//! What Firestore refuses, as faults a person can act on.

use crate::http::words;
use rushes_core::{Code, Fault};
use std::error::Error;
use tonic::{Code as Grpc, Status};

/// What we speak to, for the words.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) project: String,
    pub(super) database: String,
}

/// Whether others wrote meanwhile, so that looking again helps.
pub(super) fn is_contention(status: &Status) -> bool {
    // What is there changed since it was read: the transaction notices, or the condition does.
    matches!(status.code(), Grpc::Aborted | Grpc::AlreadyExists)
        || status.code() == Grpc::FailedPrecondition && !status.message().contains("Datastore Mode")
}

impl About {
    pub(super) fn fault(&self, operation: &str, status: &Status) -> Fault {
        let code = match status.code() {
            Grpc::ResourceExhausted => Code::DestinationBusy,
            Grpc::Unavailable | Grpc::DeadlineExceeded | Grpc::Internal | Grpc::Unknown | Grpc::Cancelled | Grpc::DataLoss => {
                Code::CatalogDown
            }
            _ if is_contention(status) => Code::CatalogDown,
            _ => Code::DestinationRefused,
        };
        let said = said(status);
        let reason = self.cure(status).map_or_else(|| said.clone(), |cure| format!("{said}; {cure}"));
        Fault::new(code, operation).with("project", &self.project).with("database", &self.database).because(reason)
    }

    fn cure(&self, status: &Status) -> Option<String> {
        let (project, database, message) = (&self.project, &self.database, status.message());
        Some(match status.code() {
            Grpc::PermissionDenied if message.contains("has not been used") || message.contains("is disabled") => {
                format!("switch it on: gcloud services enable firestore.googleapis.com --project {project}")
            }
            Grpc::PermissionDenied => format!("give the account the role roles/datastore.user in project {project}"),
            Grpc::Unauthenticated => "is this machine's clock right, and does the account's key still exist?".to_owned(),
            Grpc::NotFound => {
                format!(
                    "make it: gcloud firestore databases create --project {project} --database \"{database}\" --location …, or mend the address"
                )
            }
            Grpc::FailedPrecondition => "it wants a database in native mode; make another and name it in the address".to_owned(),
            Grpc::ResourceExhausted => "a quota is used up; it goes on by itself, sooner where billing is on".to_owned(),
            Grpc::InvalidArgument if message.contains("size") || message.contains("index entries") => too_large(),
            _ => return None,
        })
    }
}

/// What to do about a record that is too large.
pub(super) fn too_large() -> String {
    "a document of Firestore holds 1 MiB; send these records to a catalog postgres:// or file:// instead".to_owned()
}

/// Its message; where the connection failed, what it was in the end.
fn said(status: &Status) -> String {
    let mut at: Option<&dyn Error> = status.source();
    let mut last = None;
    while let Some(error) = at {
        (last, at) = (Some(error), error.source());
    }
    let text = match (last, status.message()) {
        (Some(error), _) => error.to_string(),
        (None, "") => format!("it answers {}", status.code()),
        (None, message) => message.to_owned(),
    };
    words(text.as_bytes())
}
