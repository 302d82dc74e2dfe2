//! Jobs of ten durable steps by `apalis`, `apalis-postgres` and `apalis-workflow`: each step is a task in Postgres, which makes a
//! file, has it synced, hashed, copied to a second folder and synced there, and tells of it in a row. The task of the next step
//! is written when a step has ended, so a crash goes on there.
//!
//! Arguments: the server, a folder, jobs, steps, jobs at once, seconds at most. Says `ready`, waits for a line, and says in JSON
//! how it went.

mod run;
mod step;

use std::time::Duration;
use step::{Failure, STEPS};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, folder, numbers @ ..] = arguments.as_slice() else { return Err("a server and a folder come first".into()) };
    let numbers = numbers.iter().map(|number| number.parse()).collect::<Result<Vec<u64>, _>>()?;
    let [jobs, STEPS, at_once, limit_s] = numbers[..] else {
        return Err(format!("jobs, {STEPS} steps, at once, seconds: {numbers:?}").into());
    };
    run::run(server, folder.into(), jobs, at_once, Duration::from_secs(limit_s)).await
}
