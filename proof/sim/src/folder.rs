//! A state folder that does not stay what it was while it is in use: removed, moved, taken by another worker, opened to others.

use std::path::Path;
use std::time::Duration;

use activity_worker::spool::Ground;
use activity_worker::worker::{Event, FolderMend, Stop, Warning};

use crate::device::Gone;
use crate::device::folder::{Change, Folder, kept_files};
use crate::judge::finding::{Finding, broken};
use crate::state_dir::DIR;
use crate::world::World;

/// A worker whose folder is away waits for it so long before it ends by itself.
const AWAY: Duration = Duration::from_secs(54);

impl World {
    /// Somebody does something to the folder.
    pub(crate) fn folder_changes(&mut self, device: usize) {
        let dev = &mut self.devices[device];
        let Folder { moved, known, taken, unsaid } = &dev.folder;
        let busy = *moved || known.is_some() || taken.is_some() || unsaid.is_some();
        if busy || dev.disk.is_halted() {
            return;
        }
        let what = match self.rng.u8(..8) {
            0..3 => Change::Removed,
            _ if dev.worker.is_none() => return,
            3..5 => Change::Moved,
            5 => Change::Taken,
            6 => Change::LockRemoved,
            _ => Change::Opened,
        };
        match what {
            Change::Removed => {
                dev.disk.remove_all(Path::new(DIR));
                // With the tokens in the inbox went what the other process could answer.
                dev.letters.clear();
                dev.seen.clear();
                dev.judge.folder_removed();
            }
            Change::Moved => {
                dev.disk.set_ground(Some(Ground::Elsewhere));
                dev.folder.moved = true;
            }
            Change::Taken => {
                dev.disk.set_ground(Some(Ground::Taken));
                dev.folder.taken = Some(kept_files(&dev.disk));
            }
            Change::LockRemoved => dev.disk.set_ground(Some(Ground::Relocked)),
            Change::Opened => dev.disk.set_ground(Some(Ground::Closed)),
        }
        dev.folder.unsaid = dev.worker.as_ref().map(|_| what);
        let moved = dev.folder.moved;
        self.outside().fault(what.name());
        self.say(|| format!("d{device} {}", what.name()));
        if moved {
            self.trouble(device, 200.0);
        }
    }

    /// What the worker says of its folder.
    pub(crate) fn hear_of_folder(&mut self, device: usize, event: &Event) -> Result<(), Finding> {
        let now = self.now;
        let dev = &mut self.devices[device];
        let Event::Warning(warning) = event else {
            return match event {
                Event::Full { .. } if dev.folder.known.is_some() => {
                    broken("P2", "the folder is not there, and the disk is said to be full")
                }
                _ => Ok(()),
            };
        };
        dev.folder.unsaid = dev.folder.unsaid.filter(|what| !what.is_said_by(warning));
        // It ends by itself where it must, and only there.
        let long_away = dev.folder.known.is_some_and(|since| since + AWAY <= now);
        match warning {
            Warning::FolderRenewed { .. } => {
                (dev.folder.known, dev.gone) = (None, None);
                if let Some(worker) = &dev.worker {
                    let known = |id| worker.engine().knows(id);
                    dev.judge.folder_renewed(known, now);
                }
            }
            Warning::FolderMended { how: FolderMend::Back, .. } => {
                (dev.folder.known, dev.gone) = (None, None);
            }
            Warning::FolderAway { gives_up, .. } => {
                dev.folder.known.get_or_insert(now);
                dev.gone = Some(Gone::Seen);
                if *gives_up && long_away {
                    dev.stopping.get_or_insert((Stop::Drain, now, false));
                }
            }
            Warning::FolderTaken { .. } if dev.folder.taken.is_some() => {
                dev.stopping.get_or_insert((Stop::Now, now, false)).0 = Stop::Now;
            }
            _ => {}
        }
        Ok(())
    }

    /// After each use of the folder: what became of it was seen, and said; and another's is left alone.
    pub(crate) fn judge_folder(&self, device: usize) -> Result<(), Finding> {
        let dev = &self.devices[device];
        if let Some(what) = dev.folder.unsaid {
            return broken("P1", format!("the state folder was used, and nobody is told: {}", what.name()));
        }
        if dev.folder.taken.as_ref().is_some_and(|files| *files != kept_files(&dev.disk)) {
            return broken("P1", "a state folder that another worker has is written to");
        }
        Ok(())
    }
}
