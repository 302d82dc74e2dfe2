//! Verifiers of Standard Webhooks by others, in other languages: what they take, people's programs take.

use super::child::Plan;
use crate::webhooks::Received;
use rustix::process::Signal;
use std::path::{Path, PathBuf};

const PYTHON: &str = "import json, sys
from standardwebhooks.webhooks import Webhook
given = json.loads(sys.argv[1])
Webhook(given['secret']).verify(given['body'], given['headers'])";
/// Python's standard library alone, as an app's own function would.
const HMAC: &str = "import hashlib, hmac, json, sys
given = json.loads(sys.argv[1])
wanted = 'sha256=' + hmac.new(given['secret'].encode(), given['body'].encode(), hashlib.sha256).hexdigest()
sys.exit(0 if hmac.compare_digest(wanted, given['headers']['x-callback-signature']) else 'not genuine')";
const NODE: &str = "const { Webhook } = require('standardwebhooks')
const given = JSON.parse(process.argv[1])
new Webhook(given.secret).verify(given.body, given.headers)";

/// A verifier: a program that is given a message and ends well when it is genuine.
pub struct Verifier {
    program: PathBuf,
    script: &'static [&'static str],
    folder: PathBuf,
}

/// PyPI's `standardwebhooks`, or says that it is skipped.
pub fn python_verifier() -> Option<Verifier> {
    let folder = super::installed("webhooks-python");
    let program = named("RUSHES_VERIFIER_PYTHON").or_else(|| there(folder.join("bin/python")));
    let Some(program) = program else { return super::skip("standardwebhooks (Python)", "RUSHES_VERIFIER_PYTHON") };
    Some(Verifier { program, script: &["-c", PYTHON], folder: std::env::temp_dir() })
}

/// npm's `standardwebhooks`, or says that it is skipped.
pub fn node_verifier() -> Option<Verifier> {
    let folder = super::installed("webhooks-node");
    let Some(program) = there(folder.join("node")) else { return super::skip("standardwebhooks (JavaScript)", "scripts/servers.sh") };
    Some(Verifier { program, script: &["-e", NODE], folder })
}

/// A verifier of the callbacks of a workspace, by Python's standard library, or says that it is skipped.
pub fn callback_verifier() -> Option<Verifier> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let Some(program) = std::env::split_paths(&folders).find_map(|folder| there(folder.join("python3"))) else {
        return super::skip("python3", "PATH");
    };
    Some(Verifier { program, script: &["-c", HMAC], folder: std::env::temp_dir() })
}

fn named(override_name: &str) -> Option<PathBuf> {
    std::env::var_os(override_name).filter(|named| !named.is_empty()).map(PathBuf::from)
}

fn there(file: PathBuf) -> Option<PathBuf> {
    Path::is_file(&file).then_some(file)
}

impl Verifier {
    /// Whether a received message is genuine; what the verifier said where it is not.
    pub fn verify(&self, secret: &str, received: &Received) -> Result<(), String> {
        let headers: serde_json::Map<String, serde_json::Value> =
            ["webhook-id", "webhook-timestamp", "webhook-signature", "x-callback-signature"]
                .into_iter()
                .map(|name| (name.to_owned(), received.header(name).into()))
                .collect();
        let given = serde_json::json!({"secret": secret, "body": String::from_utf8_lossy(&received.body), "headers": headers});
        let arguments = self.script.iter().map(|part| (*part).to_owned()).chain([given.to_string()]).collect();
        let plan = Plan { program: &self.program, arguments, user: None, ending: Signal::KILL, home: &self.folder };
        let output = plan.command().current_dir(&self.folder).output().map_err(|e| e.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}
