//! Signatures in an account's name: by its key, or by IAM where the key never leaves Google.

use super::credentials::Credentials;
use super::tokens::Tokens;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rushes_core::{Code, Fault};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    signed_blob: String,
}

impl Tokens {
    /// The e-mail of the account that signs. Errors: `destination_refused` where these credentials have none that can.
    pub(crate) async fn signer(&self) -> Result<String, Fault> {
        match &self.credentials {
            Credentials::ServiceAccount(account) => Ok(account.email.clone()),
            Credentials::Machine(machine) => self.email_of(machine).await,
            Credentials::External(external) => external.impersonated().map(|(email, _)| email.to_owned()).ok_or_else(nobody),
            Credentials::None | Credentials::User(_) => Err(nobody()),
        }
    }

    /// The signer's RSA signature (PKCS #1 v1.5) of the SHA-256 of these bytes. Errors: those of [`Self::signer`] and
    /// [`Self::bearer`].
    pub(crate) async fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let address = match &self.credentials {
            Credentials::ServiceAccount(account) => return account.sign(bytes),
            Credentials::Machine(machine) => format!("{}/{}:signBlob", machine.iam, self.email_of(machine).await?),
            Credentials::External(external) => format!("{}:signBlob", external.impersonated().ok_or_else(nobody)?.1),
            Credentials::None | Credentials::User(_) => return Err(nobody()),
        };
        let bearer = self.bearer().await?.unwrap_or_default();
        let signed: Signed = self.post_json(&address, &bearer, &json!({"payload": STANDARD.encode(bytes)})).await?;
        let strange = |_| Fault::new(Code::DestinationDown, "sign by IAM").because("the answer is no signature");
        STANDARD.decode(signed.signed_blob).map_err(strange)
    }
}

fn nobody() -> Fault {
    let reason = "only a service account signs, and these credentials are none; use a service account's key, or have one impersonated";
    Fault::new(Code::DestinationRefused, "sign").because(reason)
}
