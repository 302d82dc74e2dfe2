//! The calls: gRPC over HTTP/2, each message handed to the documents.

use super::{Firestore, Inner, Planned, held};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response};
use firestore_protos::google::firestore::v1::batch_get_documents_request::ConsistencySelector;
use firestore_protos::google::firestore::v1::batch_get_documents_response::Result as Looked;
use firestore_protos::google::firestore::v1::{
    BatchGetDocumentsRequest, BatchGetDocumentsResponse, CommitRequest, CommitResponse, RollbackRequest, RunQueryRequest, RunQueryResponse,
};
use futures_util::stream::{Iter, iter};
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec::IntoIter;
use tonic::Status;
use tonic::codegen::Service;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;

/// A function as a service.
struct Call<F>(F);

impl<F, M, R> Service<tonic::Request<M>> for Call<F>
where
    F: FnMut(M) -> Result<R, Status>,
{
    type Response = tonic::Response<R>;
    type Error = Status;
    type Future = Ready<Result<tonic::Response<R>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<M>) -> Self::Future {
        ready((self.0)(request.into_inner()).map(tonic::Response::new))
    }
}

type Several<R> = Result<Iter<IntoIter<Result<R, Status>>>, Status>;

pub(super) async fn answer(State(server): State<Arc<Inner>>, request: Request<Body>) -> Response<Body> {
    let call = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    held(&server.calls).push(call.clone());
    let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if let Err(status) = server.lets_in(bearer) {
        return status.into_http();
    }
    let planned = server.next_planned(&call);
    if let Some(Planned::Refused(code, message)) = planned {
        return Status::new(code, message).into_http();
    }
    let inner = server.clone();
    let answered = match call.as_str() {
        "BatchGetDocuments" => {
            let call = Call(move |message| batch_get(&inner, message));
            Grpc::new(ProstCodec::<BatchGetDocumentsResponse, BatchGetDocumentsRequest>::default()).server_streaming(call, request).await
        }
        "RunQuery" => {
            let call = Call(move |message| run_query(&inner, &message));
            Grpc::new(ProstCodec::<RunQueryResponse, RunQueryRequest>::default()).server_streaming(call, request).await
        }
        "Commit" => {
            let call = Call(move |message| commit(&inner, message));
            Grpc::new(ProstCodec::<CommitResponse, CommitRequest>::default()).unary(call, request).await
        }
        "Rollback" => {
            let call = Call(move |message: RollbackRequest| held(&inner.documents).end(&message.transaction));
            Grpc::new(ProstCodec::<(), RollbackRequest>::default()).unary(call, request).await
        }
        other => return Status::unimplemented(other.to_owned()).into_http(),
    };
    if planned.is_some() {
        return Status::unavailable("the connection was lost").into_http();
    }
    answered.map(Body::new)
}

/// Whether it is of the one database there is.
fn check(name: &str) -> Result<(), Status> {
    let ours = format!("projects/{}/databases/{}", Firestore::PROJECT, Firestore::DATABASE);
    let is_ours = name.strip_prefix(&ours).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let refusal = || Status::not_found(format!("The database {name} does not exist. Please visit the console to add a database"));
    if is_ours { Ok(()) } else { Err(refusal()) }
}

fn batch_get(server: &Inner, message: BatchGetDocumentsRequest) -> Several<BatchGetDocumentsResponse> {
    check(&message.database)?;
    let mut documents = held(&server.documents);
    let (transaction, is_new) = match message.consistency_selector {
        Some(ConsistencySelector::NewTransaction(_)) => (documents.begin(), true),
        Some(ConsistencySelector::Transaction(transaction)) => (transaction, false),
        Some(ConsistencySelector::ReadTime(_)) => return Err(Status::unimplemented("read_time")),
        None => (Vec::new(), false),
    };
    let mut answers = Vec::new();
    if is_new {
        answers.push(Ok(BatchGetDocumentsResponse { transaction: transaction.clone(), ..BatchGetDocumentsResponse::default() }));
    }
    let mask = message.mask.map(|mask| mask.field_paths);
    for name in message.documents {
        check(&name)?;
        let result = match documents.read(&name, &transaction, mask.as_deref())? {
            Some(document) => Looked::Found(document),
            None => Looked::Missing(name),
        };
        answers.push(Ok(BatchGetDocumentsResponse { result: Some(result), ..BatchGetDocumentsResponse::default() }));
    }
    Ok(iter(answers))
}

fn run_query(server: &Inner, message: &RunQueryRequest) -> Several<RunQueryResponse> {
    check(&message.parent)?;
    let found = held(&server.documents).query(message)?;
    let answers = found.into_iter().map(|document| Ok(RunQueryResponse { document: Some(document), ..RunQueryResponse::default() }));
    Ok(iter(answers.collect::<Vec<_>>()))
}

fn commit(server: &Inner, message: CommitRequest) -> Result<CommitResponse, Status> {
    check(&message.database)?;
    held(&server.documents).commit(message)
}
