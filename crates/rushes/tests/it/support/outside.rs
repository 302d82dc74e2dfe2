//! `RUSHES_TEST_ENGINE=restate`: every home of the tests has its jobs handed out by a Restate server, one for this process.

use rushes_testkit::servers::{Restate, restate};
use std::sync::LazyLock;

static SERVER: LazyLock<Option<Restate>> = LazyLock::new(|| {
    let is_asked_for = std::env::var_os("RUSHES_TEST_ENGINE").is_some_and(|engine| engine == "restate");
    is_asked_for.then(|| restate().expect("who asks for this engine has its server"))
});

/// What the program is told by its environment.
pub(crate) fn variables() -> Vec<(&'static str, String)> {
    SERVER.as_ref().map(|server| variables_of(server, "127.0.0.1:0")).unwrap_or_default()
}

/// The same for a server of the test's own, found at this address.
pub(crate) fn variables_of(server: &Restate, listen: &str) -> Vec<(&'static str, String)> {
    vec![
        ("RUSHES_ENGINE__KIND", "restate".to_owned()),
        ("RUSHES_ENGINE__RESTATE__INGRESS", server.ingress(0)),
        ("RUSHES_ENGINE__RESTATE__ADMIN", server.admin(0)),
        ("RUSHES_ENGINE__RESTATE__LISTEN", listen.to_owned()),
        ("RUSHES_ENGINE__RESTATE__FOR_COMMANDS", "true".to_owned()),
    ]
}
