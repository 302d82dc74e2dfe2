//! The account that publishes, as the real program sees it.

use crate::support::program::{Program, SMALL, end};
use rushes_testkit::instagram::Instagram;

/// What doctor says of the account: whether it is well, and how.
fn doctor(server: &Instagram, settings: &str, token: &str) -> (bool, String) {
    let account = format!("user_id = \"{}\"\ntoken = \"env:TEST_TOKEN\"\nendpoint = \"{}\"", Instagram::USER, server.url);
    let program = Program::with(&format!("{SMALL}\n[instagram]\n{account}\n{settings}\n"));
    let ended = end(program.start_with(&["doctor", "--json"], &[("TEST_TOKEN", token)]));
    assert!(!ended.stderr.contains(token) && !ended.stdout.contains(token), "the token is shown: {} {}", ended.stdout, ended.stderr);
    let checks = ended.json()["checks"].as_array().unwrap().clone();
    let check = checks.iter().find(|check| check["name"] == "instagram").expect("it is tried");
    (check["ok"] == true, check["detail"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_doctor_asks_the_account_how_much_it_may() {
    let server = Instagram::start().await;
    server.post_by_another("somebody else's");
    assert_eq!(doctor(&server, "daily_limit = 3", Instagram::TOKEN), (true, "1 of 3 posts published within 24 h".to_owned()));
    server.allow(2);
    assert_eq!(doctor(&server, "", Instagram::TOKEN), (true, "1 of 2 posts published within 24 h".to_owned()));
    let (is_well, detail) = doctor(&server, "", "IGAAsomebodyelse");
    assert!(!is_well && detail.contains("instagram.token"), "{detail}");
}
