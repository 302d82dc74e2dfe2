//! Copies within a bucket. Supabase knows no condition on the source, so it is looked at before, and what arrived afterwards.

use super::{SupabaseDestination, keys};
use crate::destinations::call::Call;
use async_trait::async_trait;
use http::Method;
use rushes_core::destination::{Copies, Proof};
use rushes_core::{Blob, Code, Fault};
use serde_json::{Value, json};

#[async_trait]
impl Copies for SupabaseDestination {
    async fn copy(&self, from: &str, proven: &Proof, to: &str, _blob: &Blob) -> Result<Proof, Fault> {
        let about = self.about("copy object", "SELECT and INSERT", to);
        let source = self.look(from).await?.ok_or_else(|| about.fault(Code::NotFound))?;
        if !source.proof.is_version(proven) {
            return Err(about.fault(Code::DestinationConflict).because("what was to be copied has changed"));
        }
        let ends = json!({
            "bucketId": self.bucket(), "sourceKey": keys::encode(from), "destinationKey": keys::encode(to), "copyMetadata": true,
        });
        let call = Call::new(Method::POST, "object/copy".to_owned(), about).with("x-upsert", "false").json(&ends);
        self.ask::<Value>(call, "Key").await?;
        let there = self.look(to).await?;
        Ok(there.ok_or_else(|| about.down("the store took it and does not show it"))?.proof)
    }
}
