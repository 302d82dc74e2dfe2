//! How long one run may take, and what it may use of this machine.

use std::time::Duration;

/// Wall time of one run. Half an hour: a four-hour recording still decodes strictly in it, a stuck tool does not hold
/// a worker for long.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Address space of one run. 4 GiB: five times what the largest plan here reserves (threads reserve far more than they
/// touch), and little enough that a decompression bomb cannot take the machine down.
pub(crate) const MEMORY_LIMIT_BYTES: u64 = 4 << 30;

/// What one run that looks at a stranger's file may really touch: 352 MiB. Two threads on 4096 by 2304 pixels of ten bits
/// take 270 MB; with what we hold ourselves it stays below 500 MB.
pub(crate) const STRANGER_MEMORY_BYTES: u64 = 352 << 20;

/// A run on a stranger's file that uses no processor time for this long stands still: ffmpeg 5 waits for ever for a
/// thread that got no memory.
pub(crate) const STRANGER_STALL: Duration = Duration::from_secs(8);

/// Processor time of one run, over all its threads. Four hours: a backstop for when the watching thread is gone.
pub(crate) const CPU_LIMIT_S: u64 = 4 * 3600;
