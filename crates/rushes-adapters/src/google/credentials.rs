//! Who asks: read from the JSON that Google and its tools write. Secrets are never shown.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rushes_core::{Code, Fault};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// Where tokens come from where the JSON does not say.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const METADATA_HOST: &str = "metadata.google.internal";
const IAM: &str = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts";
/// The longest an assertion may live.
const ASSERTION_S: i64 = 3_600;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Nobody: emulators want no token.
    None,
    /// A service account by its key.
    ServiceAccount(ServiceAccount),
    /// A person who has logged in.
    User(User),
    /// The service account of the machine we run on (Compute Engine, Cloud Run, GKE).
    Machine(Machine),
    /// Somebody known to another identity provider (workload identity federation).
    External(ExternalAccount),
}

/// A service account by its key.
#[derive(Clone)]
pub struct ServiceAccount {
    pub(super) email: String,
    project: Option<String>,
    pub(super) key_id: String,
    pub(super) token_uri: String,
    key: Arc<RsaKeyPair>,
}

/// A person who has logged in.
#[derive(Clone)]
pub struct User {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) refresh_token: String,
    pub(super) token_uri: String,
}

/// The machine's own service account.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Of the metadata server, with its port where it has one.
    pub(super) host: String,
    /// Where its account's signatures are made: before `/EMAIL:signBlob`.
    pub(super) iam: String,
}

/// Somebody known to another identity provider.
#[derive(Clone)]
pub struct ExternalAccount {
    pub(super) audience: String,
    pub(super) subject_token_type: String,
    pub(super) token_url: String,
    pub(super) source: Source,
    /// `…/serviceAccounts/EMAIL:generateAccessToken`, where a service account acts for it.
    pub(super) impersonation_url: Option<String>,
}

/// Where the other provider's token lies.
#[derive(Clone, Deserialize)]
pub(super) struct Source {
    pub(super) file: Option<String>,
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Format {
    r#type: String,
    subject_token_field_name: String,
}

/// The JSON as it lies in files.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Written {
    ServiceAccount {
        client_email: String,
        project_id: Option<String>,
        #[serde(default)]
        private_key_id: String,
        private_key: String,
        token_uri: Option<String>,
    },
    AuthorizedUser {
        client_id: String,
        client_secret: String,
        refresh_token: String,
        token_uri: Option<String>,
    },
    ExternalAccount {
        audience: String,
        subject_token_type: String,
        token_url: String,
        credential_source: Source,
        service_account_impersonation_url: Option<String>,
    },
}

fn invalid(reason: impl fmt::Display) -> Fault {
    Fault::new(Code::ConfigInvalid, "read Google credentials").because(reason)
}

impl Credentials {
    /// The project the account belongs to, where its key says so.
    pub(crate) fn project(&self) -> Option<&str> {
        if let Self::ServiceAccount(account) = self { account.project.as_deref() } else { None }
    }

    /// From the JSON of a key file. Errors: `config_invalid`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let value: Value = serde_json::from_str(text)
            .map_err(|e| invalid(format!("the text is no JSON ({e}); download the key anew: IAM, Service accounts, Keys")))?;
        let kind = value["type"].as_str().unwrap_or_default();
        if !matches!(kind, "service_account" | "authorized_user" | "external_account") {
            let reason = format!("the type is {kind:?}; what is known here is service_account, authorized_user and external_account");
            return Err(invalid(reason));
        }
        let written = serde_json::from_value(value).map_err(|e| invalid(format!("the JSON is incomplete: {e}")))?;
        Ok(match written {
            Written::ServiceAccount { client_email: email, project_id: project, private_key_id: key_id, private_key, token_uri } => {
                let broken = |e: String| invalid(format!("the private_key cannot be read ({e}); download the key anew"));
                let der = PrivatePkcs8KeyDer::from_pem_slice(private_key.as_bytes()).map_err(|e| broken(e.to_string()))?;
                let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|e| broken(e.to_string()))?;
                let token_uri = address(token_uri.as_deref().unwrap_or(TOKEN_URI))?;
                Self::ServiceAccount(ServiceAccount { email, project, key_id, token_uri, key: Arc::new(key) })
            }
            Written::AuthorizedUser { client_id, client_secret, refresh_token, token_uri } => {
                let token_uri = address(token_uri.as_deref().unwrap_or(TOKEN_URI))?;
                Self::User(User { client_id, client_secret, refresh_token, token_uri })
            }
            Written::ExternalAccount {
                audience,
                subject_token_type,
                token_url,
                credential_source: source,
                service_account_impersonation_url,
            } => {
                if source.file.is_some() == source.url.is_some() {
                    return Err(invalid("a credential_source has either a file or a url here; others are not known"));
                }
                let token_url = address(&token_url)?;
                source.url.as_deref().map(address).transpose()?;
                let impersonation_url = service_account_impersonation_url.as_deref().map(address).transpose()?;
                Self::External(ExternalAccount { audience, subject_token_type, token_url, source, impersonation_url })
            }
        })
    }

    /// Those of the machine. `host`: of its metadata server, as `GCE_METADATA_HOST` says it; None: where Google has it.
    #[must_use]
    pub fn machine(host: Option<&str>) -> Self {
        Self::Machine(Machine { host: host.unwrap_or(METADATA_HOST).to_owned(), iam: IAM.to_owned() })
    }

    /// Those of a machine whose account signs somewhere else than at Google's own address.
    #[cfg(test)]
    pub(crate) fn machine_at(host: &str, iam: &str) -> Self {
        Self::Machine(Machine { host: host.to_owned(), iam: iam.trim_end_matches('/').to_owned() })
    }

    /// Who it is, as far as it is known without asking; for words.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::None => "nobody",
            Self::ServiceAccount(account) => &account.email,
            Self::User(user) => &user.client_id,
            Self::Machine(_) => "the machine's service account",
            Self::External(external) => &external.audience,
        }
    }
}

/// Tokens and secrets go there: only in secret, but for this machine itself.
fn address(url: &str) -> Result<String, Fault> {
    let host = url.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    let is_fit = url.starts_with("https://") || host.is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "169.254.169.254"));
    if is_fit { Ok(url.to_owned()) } else { Err(invalid(format!("{url:?} is no https:// address"))) }
}

impl ServiceAccount {
    /// The RSA signature (PKCS #1 v1.5) of the SHA-256 of these bytes. Errors: `unexpected`.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
            .map_err(|_| Fault::new(Code::Unexpected, "sign with Google key"))?;
        Ok(signature)
    }

    /// What is exchanged for a token (RFC 7523). Errors: `unexpected`.
    pub(super) fn assertion(&self, scopes: &str, now_s: i64) -> Result<String, Fault> {
        let head = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({"iss": self.email, "scope": scopes, "aud": self.token_uri, "iat": now_s, "exp": now_s + ASSERTION_S});
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes())?);
        Ok(format!("{signed}.{signature}"))
    }
}

impl ExternalAccount {
    /// The account that acts for it, and the address before `:signBlob`.
    pub(super) fn impersonated(&self) -> Option<(&str, &str)> {
        let base = self.impersonation_url.as_deref()?.strip_suffix(":generateAccessToken")?;
        Some((base.rsplit_once('/')?.1, base))
    }
}

impl Source {
    /// The token in what the file or address holds. Errors: `destination_refused`.
    pub(super) fn token_in(&self, text: &str) -> Result<String, Fault> {
        let refused = |reason: String| Fault::new(Code::DestinationRefused, "read subject token").because(reason);
        let token = if self.format.r#type == "json" {
            let name = &self.format.subject_token_field_name;
            // What is there is a secret, whatever is wrong with it.
            let value: Value = serde_json::from_str(text).map_err(|_| refused("the credential_source holds no JSON".into()))?;
            value[name].as_str().ok_or_else(|| refused(format!("the credential_source holds no {name:?}")))?.to_owned()
        } else {
            text.trim().to_owned()
        };
        if token.is_empty() { Err(refused("the credential_source is empty".into())) } else { Ok(token) }
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("email", &self.email).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount").field("audience", &self.audience).finish_non_exhaustive()
    }
}
