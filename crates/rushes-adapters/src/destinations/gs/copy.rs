//! Copies within a bucket: rewriting, which large objects may need to be asked for more than once.

use super::answers::Object;
use super::{FIELDS, GsDestination};
use crate::destinations::call::Call;
use crate::http::encode_query;
use async_trait::async_trait;
use http::Method;
use rushes_core::destination::{Copies, Proof};
use rushes_core::{Blob, Fault};
use serde::Deserialize;

/// Within one bucket the first answer is the last; this is so that it ends at all.
const ROUNDS: usize = 64;

/// How far a rewriting has come.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rewritten {
    done: bool,
    rewrite_token: Option<String>,
    resource: Option<Object>,
}

#[async_trait]
impl Copies for GsDestination {
    async fn copy(&self, from: &str, proven: &Proof, to: &str, _blob: &Blob) -> Result<Proof, Fault> {
        let about = self.about("copy object", "storage.objects.get and storage.objects.create", to);
        let path = format!("{}/rewriteTo/b/{}/o/{}", self.object(from), encode_query(self.bucket()), encode_query(to));
        let mut token: Option<String> = None;
        for _ in 0..ROUNDS {
            let mut call = Call::new(Method::POST, path.clone(), about)
                .asking("ifGenerationMatch", "0")
                .asking("fields", &format!("done,rewriteToken,resource({FIELDS})"));
            if let Some(generation) = &proven.etag {
                call = call.asking("ifSourceGenerationMatch", generation);
            }
            if let Some(token) = &token {
                call = call.asking("rewriteToken", token);
            }
            let rewritten: Rewritten = self.ask(&call).await?;
            match (rewritten.done, rewritten.resource) {
                (true, Some(object)) => return object.proof(about, self.settings.part_bytes),
                (true, None) => break,
                (false, _) => token = rewritten.rewrite_token,
            }
        }
        Err(about.down("it is not copied, and the store does not say why").into())
    }
}
