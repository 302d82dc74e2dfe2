//! Connections to Postgres: encrypted unless the other end is this machine, kept while they are good, replaced when not.
//!
//! Poolers hand each transaction to another session, so nothing is kept on the server between two statements: no named
//! statement, no setting.

use super::refusals::About;
use rushes_core::{Code, Fault};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a log-in may take, the way there included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A database and how to speak to it. Nothing here is shown: it holds the password.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user@host:port/database`, with `?sslmode=disable` where it is to be spoken to in the clear.
    pub address: String,
    /// Where the address has none.
    pub password: Option<String>,
    /// Certificates (PEM) of those who may vouch for the server; None: those the machine trusts.
    pub authority: Option<Vec<u8>>,
    /// A statement without an answer for this long counts as broken.
    pub patience: Duration,
}

/// A handful of connections.
pub(super) struct Connections {
    config: Config,
    tls: MakeRustlsConnect,
    pub(super) about: About,
    idle: Mutex<Vec<Client>>,
}

fn invalid(reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ConfigInvalid, "read address of Postgres").because(reason)
}

/// How to reach a database, as the client wants it: in the clear only where the other end is this machine, and with a
/// certificate that is always checked otherwise. Errors: `config_invalid`.
pub fn address(settings: &PostgresSettings) -> Result<(Config, MakeRustlsConnect), Fault> {
    // Others' words for "encrypted"; here the certificate is always checked.
    let address = ["verify-full", "verify-ca", "prefer", "allow"]
        .iter()
        .fold(settings.address.clone(), |address, mode| address.replace(&format!("sslmode={mode}"), "sslmode=require"));
    let mut config: Config = address.parse().map_err(|error: Error| invalid(crate::http::told(&error)))?;
    let is_local = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback()),
        Host::Unix(_) => true,
    });
    if !address.contains("sslmode=") {
        config.ssl_mode(if is_local { SslMode::Disable } else { SslMode::Require });
    }
    match config.get_hosts().first() {
        // Not shown: it may be half of a password.
        Some(Host::Tcp(name)) if name.contains('@') => return Err(invalid("write `@` in a password as %40")),
        Some(_) => {}
        None => return Err(invalid("it names no host: postgres://user@host:port/database")),
    }
    if config.get_user().is_none() {
        return Err(invalid("it names no user: postgres://user@host:port/database"));
    }
    if let Some(password) = &settings.password {
        config.password(password);
    }
    config.application_name("rushes").connect_timeout(CONNECT_LIMIT).keepalives_idle(Duration::from_secs(30));
    config.tcp_user_timeout(settings.patience);
    Ok((config, tls(settings.authority.as_deref())?))
}

impl Connections {
    /// Connects to nobody yet. Errors: `config_invalid`.
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, Fault> {
        let (config, tls) = address(settings)?;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(name)) => format!("{name}:{}", config.get_ports().first().unwrap_or(&5432)),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let user = config.get_user().unwrap_or_default().to_owned();
        let database = config.get_dbname().unwrap_or(&user).to_owned();
        Ok(Self { config, tls, about: About { user, database, host }, idle: Mutex::default() })
    }

    /// A connection, and whether it was just made.
    pub(super) async fn take(&self, operation: &str) -> Result<(Client, bool), Fault> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|client| !client.is_closed());
            idle.pop()
        };
        if let Some(client) = idle {
            return Ok((client, false));
        }
        let connect = tokio::time::timeout(CONNECT_LIMIT, self.config.connect(self.tls.clone())).await;
        let (client, connection) = match connect {
            Ok(connected) => connected.map_err(|error| self.about.fault(operation, "none yet", &error))?,
            Err(_) => {
                let reason = format!("no answer to a log-in within {} s", CONNECT_LIMIT.as_secs());
                return Err(Fault::new(Code::CatalogDown, operation).with("host", &self.about.host).because(reason));
            }
        };
        // Its end is seen by whoever uses the client.
        tokio::spawn(connection);
        Ok((client, true))
    }

    /// Keeps a connection for the next who needs one.
    pub(super) fn keep(&self, client: Client) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }
}

fn tls(authority: Option<&[u8]>) -> Result<MakeRustlsConnect, Fault> {
    // Whoever comes second finds it installed; both mean the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = rustls::ClientConfig::builder();
    let config = match authority {
        None => builder.with_platform_verifier().map_err(|e| invalid(format!("the machine's certificates: {e}")))?,
        Some(pem) => {
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate.map_err(|e| e.to_string()).and_then(|one| roots.add(one).map_err(|e| e.to_string()));
                added.map_err(|e| invalid(format!("the authority's certificate: {e}")))?;
            }
            if roots.is_empty() {
                return Err(invalid("the authority's file holds no certificate (PEM)"));
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}
