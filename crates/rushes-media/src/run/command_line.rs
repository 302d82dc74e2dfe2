//! Which program is started, and what it is wrapped in: killed when we die, polite, and bounded in memory and time.

use super::Plan;
use super::limits::CPU_LIMIT_S;
use rushes_core::{Code, Fault};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// How much politer than we are: encoding gives way to whatever serves people.
const NICENESS: &str = "5";

/// The whole command line of a plan: `setpriv … nice … prlimit … ffmpeg …`, each wrapper only where it is installed.
pub(super) fn of(plan: &Plan) -> Result<Vec<OsString>, Fault> {
    let Some(program) = find(plan.program) else {
        return Err(Fault::new(Code::MediaToolMissing, &*plan.operation).because(format!("{} is not on the PATH", plan.program)));
    };
    let mut line: Vec<OsString> = Vec::with_capacity(plan.args.len() + 12);
    if let Some(setpriv) = find("setpriv") {
        line.extend([setpriv.into(), "--pdeathsig".into(), "KILL".into(), "--".into()]);
    }
    if let Some(nice) = find("nice") {
        line.extend([nice.into(), "-n".into(), NICENESS.into()]);
    }
    if let Some(prlimit) = find("prlimit") {
        line.push(prlimit.into());
        line.push(format!("--as={}", plan.memory_bytes).into());
        line.extend(plan.data_bytes.map(|bytes| format!("--data={bytes}").into()));
        line.push(format!("--cpu={CPU_LIMIT_S}").into());
        line.push("--core=0".into());
        line.push("--".into());
    }
    line.push(program.into());
    line.extend(plan.args.iter().cloned());
    Ok(line)
}

/// The first executable file of that name on the PATH.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0))
}
