//! Records in Firestore, over gRPC: each is one document, written whole inside a transaction in which its `rev` was read.
//!
//! Only BatchGetDocuments, Commit, Rollback and RunQuery are used: more is not had everywhere Firestore is played.

mod refusals;
mod value;

use crate::google::{Credentials, Tokens};
use crate::http::{Client, HttpOptions};
use async_trait::async_trait;
use firestore_protos::google::firestore::v1::batch_get_documents_request::ConsistencySelector;
use firestore_protos::google::firestore::v1::batch_get_documents_response::Result as Looked;
use firestore_protos::google::firestore::v1::firestore_client::FirestoreClient;
use firestore_protos::google::firestore::v1::precondition::ConditionType;
use firestore_protos::google::firestore::v1::run_query_request::QueryType;
use firestore_protos::google::firestore::v1::structured_query::{CollectionSelector, FieldReference, Order, Projection};
use firestore_protos::google::firestore::v1::transaction_options::{Mode, ReadWrite};
use firestore_protos::google::firestore::v1::value::ValueType;
use firestore_protos::google::firestore::v1::write::Operation;
use firestore_protos::google::firestore::v1::{
    BatchGetDocumentsRequest, CommitRequest, Cursor, Document, DocumentMask, Precondition, RollbackRequest, RunQueryRequest,
    StructuredQuery, TransactionOptions, Value, Write,
};
use refusals::About;
use rushes_core::catalog::{Catalog, Record};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::{Code, Fault};
use serde_json::Value as Json;
use std::sync::OnceLock;
use std::time::Duration;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code as Grpc, Request, Status};
use value::Fields;

const GOOGLE: &str = "https://firestore.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/datastore";
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How often a record that others write at the same time is tried before its row waits its turn again.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Ids on one page of a listing.
const PAGE: usize = 1_000;
const REV: &str = "rev";
/// Every document's name, as a field.
const NAME: &str = "__name__";

/// A database and who asks it.
#[derive(Debug, Clone)]
pub struct FirestoreSettings {
    /// Google's id of the project.
    pub project: String,
    /// Most often `(default)`.
    pub database: String,
    /// `http://host:port` of an emulator; None: Google's.
    pub endpoint: Option<String>,
    /// An emulator wants none.
    pub credentials: Credentials,
    /// A call without an answer for this long counts as broken.
    pub patience: Duration,
}

/// A Firestore database as a catalog.
pub struct FirestoreCatalog {
    endpoint: Endpoint,
    // Made when first used: a channel belongs to the runtime it was made in.
    channel: OnceLock<Channel>,
    tokens: Tokens,
    /// `projects/P/databases/D`
    root: String,
    about: About,
}

/// Why something did not end well.
enum Trouble {
    Said(Status),
    Fault(Fault),
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        Self::Said(status)
    }
}

/// What a look at a document gives.
struct Seen {
    document: Option<Document>,
    transaction: Vec<u8>,
}

impl FirestoreCatalog {
    /// Speaks to nobody yet. Errors: `config_invalid`.
    pub fn new(settings: FirestoreSettings) -> Result<Self, Fault> {
        let invalid = |reason: String| Fault::new(Code::ConfigInvalid, "read address of Firestore").because(reason);
        let http = Client::new(HttpOptions { stalled_after: settings.patience })?;
        let url = settings.endpoint.as_deref().unwrap_or(GOOGLE).to_owned();
        let mut endpoint = Endpoint::from_shared(url.clone())
            .and_then(|endpoint| endpoint.user_agent(concat!("rushes/", env!("CARGO_PKG_VERSION"))))
            .map_err(|e| invalid(format!("{url}: {e}")))?
            .connect_timeout(CONNECT_LIMIT)
            .timeout(settings.patience)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(CONNECT_LIMIT);
        if url.starts_with("https://") {
            let tls = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(tls).map_err(|e| invalid(format!("the machine's certificates: {e}")))?;
        }
        let FirestoreSettings { project, database, credentials, .. } = settings;
        Ok(Self {
            endpoint,
            channel: OnceLock::new(),
            tokens: Tokens::new(credentials, SCOPE, &http),
            root: format!("projects/{project}/databases/{database}"),
            about: About { project, database },
        })
    }

    /// Asks once; once more with a fresh token where ours had ended early.
    async fn call<T: Clone, R>(
        &self,
        message: T,
        ask: impl AsyncFn(FirestoreClient<Channel>, Request<T>) -> Result<R, Status>,
    ) -> Result<R, Trouble> {
        let mut is_again = false;
        loop {
            let bearer = self.tokens.bearer().await.map_err(Trouble::Fault)?;
            let mut request = Request::new(message.clone());
            let metadata = request.metadata_mut();
            if let Some(bearer) = &bearer {
                let unusable = |_| Trouble::Fault(Fault::new(Code::Unexpected, "use access token"));
                let mut value: MetadataValue<_> = format!("Bearer {bearer}").parse().map_err(unusable)?;
                value.set_sensitive(true);
                metadata.insert("authorization", value);
            }
            if let Ok(root) = self.root.parse() {
                metadata.insert("google-cloud-resource-prefix", root);
            }
            let channel = self.channel.get_or_init(|| self.endpoint.connect_lazy()).clone();
            match ask(FirestoreClient::new(channel), request).await {
                Err(status) if status.code() == Grpc::Unauthenticated && !is_again && bearer.is_some() => {
                    is_again = true;
                    self.tokens.forget(bearer.as_deref().unwrap_or_default()).await;
                }
                answer => return Ok(answer?),
            }
        }
    }

    fn fault(&self, operation: &str, trouble: Trouble) -> Fault {
        match trouble {
            Trouble::Fault(fault) => fault,
            Trouble::Said(status) => self.about.fault(operation, &status),
        }
    }

    fn name(&self, collection: &str, id: &str) -> Result<String, Fault> {
        let is_reserved = id.starts_with("__") && id.ends_with("__") || matches!(id, "" | "." | "..");
        if is_reserved || id.contains('/') || id.len() > 1_500 {
            let reason = "Firestore takes ids of up to 1500 bytes without a slash, and neither `..` nor such as __this__";
            return Err(Fault::new(Code::DestinationRefused, "read record id").with("id", id).because(reason));
        }
        Ok(format!("{}/documents/{collection}/{id}", self.root))
    }

    /// Looks at one document; `begins` a transaction with it, in place of the one given, where that is not empty.
    async fn look(&self, name: &str, begins: Option<Vec<u8>>) -> Result<Seen, Trouble> {
        // The number is all that is needed to decide.
        let mask = begins.is_some().then(|| DocumentMask { field_paths: vec![REV.to_owned()] });
        let read_write = |retry_transaction| TransactionOptions { mode: Some(Mode::ReadWrite(ReadWrite { retry_transaction })) };
        let message = BatchGetDocumentsRequest {
            database: self.root.clone(),
            documents: vec![name.to_owned()],
            mask,
            consistency_selector: begins.map(|before| ConsistencySelector::NewTransaction(read_write(before))),
        };
        self.call(message, async |mut client, request| {
            let mut answers = client.batch_get_documents(request).await?.into_inner();
            let mut seen = Seen { document: None, transaction: Vec::new() };
            while let Some(answer) = answers.message().await? {
                if !answer.transaction.is_empty() {
                    seen.transaction = answer.transaction;
                }
                if let Some(Looked::Found(document)) = answer.result {
                    seen.document = Some(document);
                }
            }
            Ok(seen)
        })
        .await
    }

    async fn commit(&self, write: Write, transaction: Vec<u8>) -> Result<(), Trouble> {
        let message = CommitRequest { database: self.root.clone(), writes: vec![write], transaction };
        self.call(message, async |mut client, request| client.commit(request).await.map(drop)).await
    }

    /// One try: reads the number there and writes over it, unless it is as high. `before`: the try that was aborted.
    async fn write(&self, name: &str, rev: u64, fields: &Fields, before: &mut Vec<u8>) -> Result<(), Trouble> {
        let Seen { document, transaction } = self.look(name, Some(before.clone())).await?;
        before.clone_from(&transaction);
        if document.as_ref().is_some_and(|document| rev_of(&document.fields) >= rev) {
            // Lets go of what was read; the server does so by itself, later.
            let message = RollbackRequest { database: self.root.clone(), transaction };
            let _ = self.call(message, async |mut client, request| client.rollback(request).await.map(drop)).await;
            return Ok(());
        }
        let condition = document.and_then(|document| document.update_time).map_or(ConditionType::Exists(false), ConditionType::UpdateTime);
        let document = Document { name: name.to_owned(), fields: fields.clone(), create_time: None, update_time: None };
        let write = Write {
            // Other writers' fields are in no mask of ours, so they stay.
            update_mask: Some(DocumentMask { field_paths: fields.keys().map(|field| value::mask(field)).collect() }),
            update_transforms: Vec::new(),
            current_document: Some(Precondition { condition_type: Some(condition) }),
            operation: Some(Operation::Update(document)),
        };
        self.commit(write, transaction).await
    }
}

fn rev_of(fields: &Fields) -> u64 {
    match fields.get(REV).and_then(|value| value.value_type.as_ref()) {
        Some(ValueType::IntegerValue(rev)) => u64::try_from(*rev).unwrap_or(0),
        _ => 0,
    }
}

/// Doubles with each try, with up to as much again by chance, so that those who met do not meet again.
async fn pause(attempt: u32) {
    let first = FIRST_PAUSE.saturating_mul(1 << attempt);
    let chance = u32::try_from(SystemClock.new_id().as_u128() & 0xff).unwrap_or(0);
    tokio::time::sleep(first + first.mul_f64(f64::from(chance) / 256.0)).await;
}

#[async_trait]
impl Catalog for FirestoreCatalog {
    async fn put(&self, record: &Record) -> Result<(), Fault> {
        let name = self.name(&record.collection, &record.id)?;
        let mut fields = record.fields.as_object().map(value::fields).unwrap_or_default();
        let rev = ValueType::IntegerValue(i64::try_from(record.rev).unwrap_or(i64::MAX));
        fields.insert(REV.to_owned(), Value { value_type: Some(rev) });
        let size_bytes = value::document_size(&name, &fields);
        if size_bytes > value::DOCUMENT_MAX_BYTES {
            let reason = format!("it has {size_bytes} bytes; {}", refusals::too_large());
            return Err(Fault::new(Code::DestinationRefused, "write record").with("id", &record.id).because(reason));
        }
        let mut before = Vec::new();
        let mut attempt = 0;
        loop {
            match self.write(&name, record.rev, &fields, &mut before).await {
                Ok(()) => return Ok(()),
                Err(Trouble::Said(status)) if refusals::is_contention(&status) && attempt < TRIES => pause(attempt).await,
                Err(trouble) => return Err(self.fault("write record", trouble).with("id", &record.id)),
            }
            attempt += 1;
        }
    }

    async fn get(&self, collection: &str, id: &str) -> Result<Option<Record>, Fault> {
        let name = self.name(collection, id)?;
        let seen = self.look(&name, None).await.map_err(|trouble| self.fault("read record", trouble).with("id", id))?;
        Ok(seen.document.map(|mut document| {
            let rev = rev_of(&document.fields);
            document.fields.remove(REV);
            let fields = Json::Object(value::record(&document.fields));
            Record { collection: collection.to_owned(), id: id.to_owned(), rev, fields }
        }))
    }

    async fn list(&self, collection: &str, cursor: Option<&str>) -> Result<Vec<String>, Fault> {
        let by_name = || FieldReference { field_path: NAME.to_owned() };
        let prefix = format!("{}/documents/{collection}/", self.root);
        let after = |id: &str| Cursor {
            values: vec![Value { value_type: Some(ValueType::ReferenceValue(format!("{prefix}{id}"))) }],
            before: false,
        };
        let query = StructuredQuery {
            select: Some(Projection { fields: vec![by_name()] }),
            from: vec![CollectionSelector { collection_id: collection.to_owned(), all_descendants: false }],
            order_by: vec![Order { field: Some(by_name()), direction: 1 }],
            start_at: cursor.map(after),
            limit: i32::try_from(PAGE).ok(),
            ..StructuredQuery::default()
        };
        let message = RunQueryRequest {
            parent: format!("{}/documents", self.root),
            query_type: Some(QueryType::StructuredQuery(query)),
            ..RunQueryRequest::default()
        };
        let names = self
            .call(message, async |mut client, request| {
                let mut answers = client.run_query(request).await?.into_inner();
                let mut names = Vec::new();
                while let Some(answer) = answers.message().await? {
                    names.extend(answer.document.map(|document| document.name));
                }
                Ok(names)
            })
            .await
            .map_err(|trouble| self.fault("list records", trouble))?;
        // Emulators give all there is, in no order.
        let mut ids: Vec<String> = names.iter().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect();
        ids.retain(|id| cursor.is_none_or(|cursor| id.as_str() > cursor));
        ids.sort_unstable();
        ids.truncate(PAGE);
        Ok(ids)
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<(), Fault> {
        let write = Write { operation: Some(Operation::Delete(self.name(collection, id)?)), ..Write::default() };
        self.commit(write, Vec::new()).await.map_err(|trouble| self.fault("delete record", trouble).with("id", id))
    }
}

#[cfg(test)]
mod tests;
