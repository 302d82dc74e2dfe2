//! A server that behaves as Firestore does where it matters to writers: preconditions hold, a transaction whose documents
//! changed since it read them is aborted, documents have their limits, tokens are asked for. Written from the public
//! documentation of `google.firestore.v1`. It knows one database; what it does not know it answers with UNIMPLEMENTED.

mod documents;
mod serve;

use crate::google::Accounts;
use documents::Documents;
pub use documents::Fields;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
pub use tonic::Code;
use tonic::Status;

/// The server. Dropping it ends it.
pub struct Firestore {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Where it listens, for a proxy before it.
    pub address: SocketAddr,
    inner: Arc<Inner>,
    serving: tokio::task::JoinHandle<()>,
}

/// What goes wrong with a call.
#[derive(Debug, Clone)]
pub enum Planned {
    /// It is not carried out.
    Refused(Code, String),
    /// It is carried out, and the answer is lost.
    AnswerLost,
}

#[derive(Default)]
struct Inner {
    documents: Mutex<Documents>,
    accounts: Mutex<Option<Arc<Accounts>>>,
    planned: Mutex<Vec<(&'static str, Planned)>>,
    calls: Mutex<Vec<String>>,
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Firestore {
    /// The only project there is.
    pub const PROJECT: &str = "rushes-test";
    /// Its only database.
    pub const DATABASE: &str = "(default)";

    /// Starts it.
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let router = axum::Router::new().fallback(serve::answer).with_state(inner.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), address, inner, serving }
    }

    /// From now on only these may ask, with their tokens.
    pub fn let_in_only(&self, accounts: &Arc<Accounts>) {
        *held(&self.inner.accounts) = Some(accounts.clone());
    }

    /// The next call of that name (`Commit`, …) goes wrong; several are used up one after the other.
    pub fn plan(&self, call: &'static str, planned: Planned) {
        held(&self.inner.planned).push((call, planned));
    }

    /// How often a call of that name came.
    pub fn calls(&self, call: &str) -> usize {
        held(&self.inner.calls).iter().filter(|one| *one == call).count()
    }

    /// What `{collection}/{id}` holds.
    pub fn fields(&self, document: &str) -> Option<Fields> {
        held(&self.inner.documents).fields(&Self::name(document))
    }

    /// Somebody else changes one field of `{collection}/{id}` to this text.
    pub fn change(&self, document: &str, field: &str, text: &str) {
        held(&self.inner.documents).change(&Self::name(document), field, text);
    }

    fn name(document: &str) -> String {
        format!("projects/{}/databases/{}/documents/{document}", Self::PROJECT, Self::DATABASE)
    }
}

impl Drop for Firestore {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Inner {
    /// Whether whoever has this token may ask.
    fn lets_in(&self, bearer: Option<&str>) -> Result<(), Status> {
        use crate::google::Denied;
        let Some(accounts) = held(&self.accounts).clone() else { return Ok(()) };
        match accounts.who(bearer, &["https://www.googleapis.com/auth/datastore"]) {
            Ok(_) => Ok(()),
            Err(Denied::Scope) => Err(Status::permission_denied("Request had insufficient authentication scopes.")),
            Err(_) => Err(Status::unauthenticated("Request had invalid authentication credentials.")),
        }
    }

    fn next_planned(&self, call: &str) -> Option<Planned> {
        let mut planned = held(&self.planned);
        let at = planned.iter().position(|(name, _)| *name == call)?;
        Some(planned.remove(at).1)
    }
}
