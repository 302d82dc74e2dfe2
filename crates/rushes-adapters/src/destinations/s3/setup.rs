//! Makes a bucket where there is none.

use super::{Call, S3Destination};
use crate::http::Body;
use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use rushes_core::destination::Setup;
use rushes_core::flow::hex;
use rushes_core::{Code, Fault};
use sha2::{Digest, Sha256};

/// Where a bucket is made unless it is said; saying it is refused.
const HERE: [&str; 2] = ["us-east-1", "auto"];

impl S3Destination {
    async fn create_bucket(&self) -> Result<bool, Fault> {
        let region = &self.settings.region;
        let body = if HERE.contains(&region.as_str()) {
            String::new()
        } else {
            format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            )
        };
        match self.set("", "s3:CreateBucket", body).await {
            Err(fault) if fault.get("code") == Some("BucketAlreadyOwnedByYou") => Ok(false),
            Err(fault) if fault.get("code") == Some("BucketAlreadyExists") => Err(fault
                .because(format!("the name {:?} is somebody else's; choose another one in the destination's uri", self.settings.bucket))),
            made => made.map(|()| true),
        }
    }

    /// Opens every object to every reader; listing and writing stay closed.
    async fn open_to_all(&self) -> Result<(), Fault> {
        // Amazon refuses such a policy as long as this stands.
        let allow = "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>";
        match self.set("publicAccessBlock", "s3:PutBucketPublicAccessBlock", allow.to_owned()).await {
            // Others know no such thing.
            Err(fault) if matches!(fault.get("status"), Some("400" | "404" | "405" | "501")) => {}
            set => set?,
        }
        let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": [format!("arn:aws:s3:::{}/*", self.settings.bucket)],
        }]});
        self.set("policy", "s3:PutBucketPolicy", policy.to_string()).await
    }

    async fn set(&self, what: &str, needs: &'static str, body: String) -> Result<(), Fault> {
        let payload = hex(&Sha256::digest(&body));
        let mut call = Call::new(Method::PUT, "", "make bucket", needs);
        if !what.is_empty() {
            call = call.asking(what, "");
        }
        if !body.is_empty() {
            call.body = Body::Bytes(Bytes::from(body));
        }
        call.payload = &payload;
        self.call(&call).await.map(drop).map_err(|said| said.fault.with("status", said.status).with("code", said.code))
    }
}

#[async_trait]
impl Setup for S3Destination {
    async fn make(&self, is_public: bool) -> Result<Vec<&'static str>, Fault> {
        match self.call(&Call::new(Method::HEAD, "", "look at bucket", "s3:ListBucket")).await {
            Ok(_) => return Ok(Vec::new()),
            Err(said) if said.status == 404 => {}
            // It is there, or nobody says: making it would tell no more.
            Err(said) if said.status == 403 => {
                let reason = "the keys may not look at this bucket (s3:ListBucket); it may be somebody else's";
                return Err(Fault::new(Code::DestinationRefused, "make bucket").with("bucket", &self.settings.bucket).because(reason));
            }
            Err(said) => return Err(said.into()),
        }
        let is_made = self.create_bucket().await?;
        if is_made && is_public {
            self.open_to_all().await?;
        }
        Ok(is_made.then_some("bucket").into_iter().collect())
    }
}
