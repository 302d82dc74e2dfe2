//! The one thread that forks.
//!
//! The parent-death signal fires when the *thread* that started a child ends, and worker threads come and go; so every
//! child is started by this thread, which lives as long as the process.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

type Order = (Command, Sender<io::Result<Child>>);

/// Starts `command` on the thread that never ends.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<Result<Sender<Order>, io::ErrorKind>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| start_thread().map_err(|error| error.kind())).as_ref().map_err(|kind| io::Error::from(*kind))?;
    let (answer, answered) = channel();
    orders.send((command, answer)).map_err(|_| io::Error::other("the spawner thread is gone"))?;
    answered.recv().map_err(|_| io::Error::other("the spawner thread is gone"))?
}

fn start_thread() -> io::Result<Sender<Order>> {
    let (send, receive) = channel::<Order>();
    std::thread::Builder::new().name("media-spawner".into()).spawn(move || {
        // Programs have the priority of who starts them.
        super::behind::give_way();
        for (mut command, answer) in receive {
            if let Err(unclaimed) = answer.send(command.spawn())
                && let Ok(mut child) = unclaimed.0
            {
                // Whoever ordered it is gone; nobody else would ever end it.
                child.kill().ok();
                child.wait().ok();
            }
        }
    })?;
    Ok(send)
}
