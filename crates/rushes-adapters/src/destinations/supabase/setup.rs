//! Makes a bucket where there is none, and the policy by which a user sees what is theirs in it.

use super::{Call, SupabaseDestination};
use crate::catalogs::postgres::own_folders;
use async_trait::async_trait;
use http::Method;
use rushes_core::Fault;
use rushes_core::destination::Setup;
use serde_json::{Value, json};

impl SupabaseDestination {
    /// Whether there is such a bucket.
    pub(super) async fn is_there(&self) -> Result<bool, Fault> {
        let about = self.about("look at bucket", "SELECT on storage.buckets", "");
        match self.ask::<Value>(Call::new(Method::GET, format!("bucket/{}", self.encoded_bucket()), about), "id").await {
            Ok(_) => Ok(true),
            Err(said) if said.status == 404 => Ok(false),
            Err(said) => Err(said.into()),
        }
    }

    async fn make_bucket(&self, is_public: bool) -> Result<bool, Fault> {
        if self.is_there().await? {
            return Ok(false);
        }
        let about = self.about("make bucket", "INSERT on storage.buckets", "");
        let body = json!({"id": self.bucket(), "name": self.bucket(), "public": is_public});
        let call = Call::new(Method::POST, "bucket".to_owned(), about).json(&body);
        match self.ask::<Value>(call, "name").await {
            Err(said) if said.is_taken() => Ok(false),
            made => made.map(|_| true).map_err(Fault::from),
        }
    }
}

#[async_trait]
impl Setup for SupabaseDestination {
    async fn make(&self, is_public: bool) -> Result<Vec<&'static str>, Fault> {
        let mut made = Vec::new();
        if self.make_bucket(is_public).await? {
            made.push("bucket");
        }
        if let Some(database) = &self.settings.database
            && own_folders(database, self.bucket()).await?
        {
            made.push("policy rushes_own_folder");
        }
        Ok(made)
    }
}
