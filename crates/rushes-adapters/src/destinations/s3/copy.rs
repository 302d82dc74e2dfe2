//! Copies within a store: one request that names the source.

use super::answers::bare;
use super::{Call, S3Destination};
use crate::http::encode_path;
use async_trait::async_trait;
use http::Method;
use rushes_core::destination::{Copies, Proof};
use rushes_core::{Blob, Code, Fault};

#[async_trait]
impl Copies for S3Destination {
    async fn copy(&self, from: &str, proven: &Proof, to: &str, _blob: &Blob) -> Result<Proof, Fault> {
        let fault = |code: Code, reason: &str| {
            Fault::new(code, "copy object").with("bucket", &self.settings.bucket).with("key", to).because(reason)
        };
        // Not every store that copies keeps the condition; so it is looked at, too.
        if self.look(to).await?.is_some() {
            return Err(fault(Code::DestinationConflict, "something is there"));
        }
        let source = format!("/{}/{}", encode_path(&self.settings.bucket), encode_path(from));
        let call = |is_create_only: bool| {
            let call = Call::new(Method::PUT, to, "copy object", "s3:GetObject and s3:PutObject").with("x-amz-copy-source", &source);
            let strong = proven.etag.as_deref().filter(|etag| !etag.is_empty() && !etag.starts_with("W/"));
            let call = strong.into_iter().fold(call, |call, etag| call.with("x-amz-copy-source-if-match", &format!("\"{}\"", bare(etag))));
            if is_create_only { call.with("if-none-match", "*") } else { call }
        };
        let answer = match self.call(&call(true)).await {
            // A store that knows the condition only where bytes are sent.
            Err(said) if said.status == 501 => self.call(&call(false)).await?,
            answer => answer?,
        };
        // It begins its answer before it has copied, and may end it with a refusal; what is there afterwards counts.
        answer.bytes().await?;
        match self.look(to).await? {
            Some(there) => Ok(there.proof),
            None => Err(fault(Code::DestinationDown, "the store took it and does not have it")),
        }
    }
}
