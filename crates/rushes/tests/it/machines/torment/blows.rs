//! What is done to nodes and to what they share.

use super::Stand;
use super::lines::Stretch;
use super::work::Door;
use crate::support::survivor::number;
use rushes_testkit::cable::Cut;
use std::time::{Duration, Instant};

/// How often what was done.
#[derive(Default)]
pub(super) struct Done {
    pub(super) kills: u32,
    pub(super) stops: u32,
    pub(super) restarts: u32,
    pub(super) cuts: u32,
    pub(super) losses: u32,
}

/// What goes on for a while, and is then ended.
enum Lasting {
    Stopped(usize),
    Cut(usize, Cut),
    Lost(usize),
}

impl Stand {
    /// One blow after the other, by the dice, for as long as `RUSHES_CHAOS_S` says. `door` is told where nodes are found.
    pub(super) async fn torment(&mut self, door: &Door) -> Done {
        let (mut done, began) = (Done::default(), Instant::now());
        let chaos = Duration::from_secs(number("RUSHES_CHAOS_S", 20));
        while began.elapsed() < chaos {
            tokio::time::sleep(self.dice.moment()).await;
            let node = self.one_of(self.nodes.nodes.len());
            let kinds = if self.restate.is_some() { 10 } else { 8 };
            let lasting = match self.dice.below(kinds) {
                0 | 1 => {
                    self.kill(node, door, &mut done).await;
                    continue;
                }
                2 => {
                    self.restart_store(&mut done);
                    continue;
                }
                3 | 4 => self.stop(node, &mut done),
                5..8 => self.cut(node, &mut done),
                _ => self.lose(&mut done),
            };
            // Past its leases more often than not, so that another takes over what it has.
            let for_so_long = if self.dice.below(3) == 0 { self.dice.moment() } else { Duration::from_secs(7 + self.dice.below(5)) };
            let began = Instant::now();
            let meanwhile = self.dice.below(4);
            tokio::time::sleep(self.dice.moment()).await;
            match (meanwhile, &lasting) {
                (0, Lasting::Stopped(node) | Lasting::Cut(node, _)) => {
                    let another = (node + 1) % self.nodes.nodes.len();
                    self.kill(another, door, &mut done).await;
                }
                (0, Lasting::Lost(_)) => self.kill(node, door, &mut done).await,
                (1, _) => self.restart_store(&mut done),
                _ => {}
            }
            tokio::time::sleep(for_so_long.saturating_sub(began.elapsed())).await;
            self.end(&lasting);
        }
        done
    }

    fn one_of(&mut self, count: usize) -> usize {
        usize::try_from(self.dice.below(count as u64)).unwrap()
    }

    async fn kill(&mut self, node: usize, door: &Door, done: &mut Done) {
        self.nodes.nodes[node].kill();
        tokio::time::sleep(self.dice.moment()).await;
        self.nodes.nodes[node].start_again();
        door.moved(node, &self.nodes.nodes[node].url);
        done.kills += 1;
    }

    fn restart_store(&mut self, done: &mut Done) {
        let away = self.dice.moment();
        tokio::task::block_in_place(|| self.nodes.server.restart(away));
        done.restarts += 1;
    }

    fn stop(&mut self, node: usize, done: &mut Done) -> Lasting {
        self.nodes.nodes[node].send("STOP");
        done.stops += 1;
        Lasting::Stopped(node)
    }

    fn cut(&mut self, node: usize, done: &mut Done) -> Lasting {
        let cut = [Cut::Silent, Cut::Answers, Cut::Reset][self.one_of(3)];
        let stretch = if self.restate.is_some() { [Stretch::Store, Stretch::Restate, Stretch::All][self.one_of(3)] } else { Stretch::All };
        self.lines[node].cut_only(stretch, cut);
        done.cuts += 1;
        Lasting::Cut(node, cut)
    }

    /// Of three nodes one may be away: the others hold all it holds.
    fn lose(&mut self, done: &mut Done) -> Lasting {
        let count = self.restate.as_ref().map_or(1, |restate| restate.nodes());
        let lost = self.one_of(count);
        if let Some(restate) = &mut self.restate {
            tokio::task::block_in_place(|| restate.kill(lost));
        }
        done.losses += 1;
        Lasting::Lost(lost)
    }

    fn end(&mut self, lasting: &Lasting) {
        match *lasting {
            Lasting::Stopped(node) => self.nodes.nodes[node].send("CONT"),
            Lasting::Cut(node, cut) => {
                // What was held back either arrives now, late, or never.
                if cut != Cut::Reset && self.dice.below(2) == 0 {
                    self.lines[node].cut(Cut::Reset);
                }
                self.lines[node].mend();
            }
            Lasting::Lost(node) => {
                let Some(restate) = &mut self.restate else { return };
                tokio::task::block_in_place(|| restate.start(node));
            }
        }
    }
}
