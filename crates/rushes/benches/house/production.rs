//! Two productions by the real program, on one home: the first also renders the three references.

use crate::measure::cpu_s;
use crate::support::program::Program;
use serde_json::Value;
use std::time::Instant;

pub(crate) fn measure() {
    let program = Program::with("");
    for (what, seed) in [("with references", "7"), ("again", "8")] {
        let (began, cpu) = (Instant::now(), cpu_s().1);
        let said: Value = program.run(&["run", "production", "--seed", seed, "--json"]).expect(0).json();
        assert_eq!(said["status"], "completed");
        println!("production  {what}: {:.1} s wall, {:.1} s CPU", began.elapsed().as_secs_f64(), cpu_s().1 - cpu);
    }
}
