//! Makes a bucket where there is none.

use super::{Call, GsDestination};
use crate::http::encode_query;
use async_trait::async_trait;
use http::Method;
use rushes_core::destination::Setup;
use rushes_core::{Code, Fault};
use serde_json::{Value, json};

#[async_trait]
impl Setup for GsDestination {
    async fn make(&self, is_public: bool) -> Result<Vec<&'static str>, Fault> {
        let bucket = self.bucket();
        let look = self.about("look at bucket", "storage.buckets.get", "");
        match self.ask::<Value>(&Call::new(Method::GET, format!("/storage/v1/b/{}", encode_query(bucket)), look)).await {
            Ok(_) => return Ok(Vec::new()),
            Err(said) if said.status == 404 => {}
            Err(said) => return Err(said.into()),
        }
        let refused = |reason: String| Fault::new(Code::DestinationRefused, "make bucket").with("bucket", bucket).because(reason);
        let project = self.settings.project.as_deref().or(self.settings.credentials.project());
        let project = project.ok_or_else(|| refused("nobody says in which project; set GOOGLE_CLOUD_PROJECT".into()))?;
        let body = json!({"name": bucket, "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": true}}});
        let make = Call::new(Method::POST, "/storage/v1/b".to_owned(), self.about("make bucket", "storage.buckets.create", ""))
            .asking("project", project)
            .json(&body);
        match self.ask::<Value>(&make).await {
            Err(said) if said.status == 409 => {
                Err(refused(format!("the name {bucket:?} is somebody else's; choose another one in the destination's uri")))
            }
            Err(said) => Err(said.into()),
            // A whole policy would have to be written over for that; who may open a bucket is a person's decision.
            Ok(_) if is_public => Err(refused(format!(
                "it was made, closed; open it: gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=allUsers --role=roles/storage.objectViewer"
            ))),
            Ok(_) => Ok(vec!["bucket"]),
        }
    }
}
