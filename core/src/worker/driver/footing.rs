//! The state folder is not what it was when the worker started: what follows from that.

use super::Driver;
use super::disk_watch::Away;
use crate::engine::slots::Stage;
use crate::engine::{self, Kept, Stop};
use crate::plants::planted;
use crate::spool::Footing;
use crate::worker::warnings::{LINES, Many, Warning};

impl Driver {
    pub(super) fn footing(&mut self, footing: Footing) {
        let (now, dir) = (self.now(), self.setup.state_dir.clone());
        match footing {
            Footing::Firm => {}
            Footing::Mended(how) => {
                self.disk_watch.is_back();
                self.warn(Warning::FolderMended { dir, how });
            }
            Footing::Renewed => {
                self.disk_watch.is_back();
                self.warn(Warning::FolderRenewed { dir });
                self.keep_once_more();
            }
            Footing::Away(why) => match self.disk_watch.is_gone(now) {
                Away::Gone => self.warn(Warning::FolderAway { dir, why, gives_up: false }),
                Away::GivenUp => {
                    self.warn(Warning::FolderAway { dir, why, gives_up: true });
                    self.feed(engine::Input::Stop(Stop::Drain));
                }
                Away::Still => {}
            },
            Footing::Taken => {
                if self.disk_watch.is_taken(now) {
                    self.warn(Warning::FolderTaken { dir });
                    self.feed(engine::Input::Stop(Stop::Now));
                }
            }
        }
    }

    /// In the new folder there are tokens alone. To the engine a result that is in memory is one that the disk has not taken yet; one
    /// that is not is lost, and its task fails as `Worker.Damaged` when it is read.
    fn keep_once_more(&mut self) {
        let kept = |s: &&engine::slots::Slot| s.stage == Stage::Waiting && s.outcome != Kept::No;
        let kept: Vec<_> = self.engine.tasks().filter(kept).map(|s| s.id).collect();
        let (here, lost): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|id| self.live.get(id).is_some_and(|live| live.outcome.is_some()));
        for id in here.into_iter().filter(|_| !planted("removed-results-not-kept-again")) {
            self.feed(engine::Input::OutcomeKept { id, kept: Kept::No });
        }
        for id in lost.iter().take(LINES).filter(|_| !planted("removed-results-lost-in-silence")) {
            self.warn(Warning::ResultLost { id: *id });
        }
        self.and_more(lost.len().saturating_sub(LINES), Many::ResultsLost);
    }
}
