//! `rushes completions SHELL`.

use super::{Cli, exit, print};
use clap::CommandFactory;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell to complete in.
    shell: Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rushes", &mut script);
    print::whole(&script);
    Ok(exit::DONE)
}
