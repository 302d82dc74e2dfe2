//! The dashboard in a real browser: `tests/browser/dashboard.mjs` logs in, works, and looks at every page.

use super::Served;
pub(crate) use crate::support::browser::tools;
use crate::support::survivor::{TINY, make_reference};

#[test]
fn ui_in_a_real_browser_is_live_playable_and_accessible() {
    let Some(tools) = tools() else { return };
    let served = Served::start(TINY);
    make_reference(&served.program);
    std::fs::create_dir_all(served.program.path("home/references")).unwrap();
    std::fs::copy(served.program.path("step.mp4"), served.program.path("home/references/step.mp4")).unwrap();
    let said = tools.run("dashboard.mjs", &[&served.url, served.key.as_deref().unwrap()]);
    assert!(said.matches("ok: ").count() >= 20, "{said}");
}
