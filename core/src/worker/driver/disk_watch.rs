//! What the driver knows of the state folder: whether it is there, what in it can't be read, whether there is room, and when it is
//! looked at again.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// While there is no room, or a file can't be read, the disk is looked at again this often; while the folder is not there, twelve
/// times as often.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// A folder that is back so soon was only unmounted for a moment. After that the worker ends, for its supervisor to start it anew
/// on what is there then.
const AWAY_MAX: Duration = Duration::from_secs(55);

/// What was last seen there.
pub(super) struct DiskWatch {
    /// There was room for one more task.
    has_room: bool,
    /// Files that can't be read now.
    pub(super) unreadable: Vec<PathBuf>,
    /// Files that were set aside.
    pub(super) quarantined: Vec<PathBuf>,
    /// The folder was made on another machine, and that was told.
    pub(super) copied: bool,
    /// Since when the folder is not there.
    away: Option<Duration>,
    /// It was waited for long enough.
    gives_up: bool,
    /// Another worker has it.
    taken: bool,
    look_at: Option<Duration>,
}

impl Default for DiskWatch {
    fn default() -> Self {
        DiskWatch {
            has_room: true,
            unreadable: Vec::new(),
            quarantined: Vec::new(),
            copied: false,
            away: None,
            gives_up: false,
            taken: false,
            look_at: None,
        }
    }
}

/// What is new about a folder that is not there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Away {
    /// That it is away.
    Gone,
    /// Nothing.
    Still,
    /// That it is not waited for any longer.
    GivenUp,
}

impl DiskWatch {
    pub(super) fn has_room(&self) -> bool {
        self.has_room
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// When the disk is to be looked at.
    pub(super) fn look_at(&self) -> Option<Duration> {
        self.look_at
    }

    /// Whether that is now: once.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        self.look_at.take_if(|at| *at <= now).is_some()
    }

    /// Whoever made room meanwhile tries again soon.
    pub(super) fn look_now(&mut self, now: Duration) {
        self.look_at = Some(now);
    }

    /// How many more tasks fit: whether it is news that there is room, or that there is none. That the folder is not there was told
    /// already, and it is no full disk.
    pub(super) fn room(&mut self, tasks: usize, now: Duration) -> Option<bool> {
        let has_room = tasks > 0;
        let changed = std::mem::replace(&mut self.has_room, has_room) != has_room;
        if !has_room || !self.unreadable.is_empty() {
            let pause = if self.is_away() { LOOK_AGAIN / 12 } else { LOOK_AGAIN };
            self.look_at.get_or_insert(now + pause);
        }
        (changed && (has_room || !self.is_away())).then_some(has_room)
    }

    /// All files that can't be read now: which of them are new.
    pub(super) fn not_readable(&mut self, unreadable: Vec<PathBuf>) -> Vec<PathBuf> {
        let before: HashSet<_> = std::mem::replace(&mut self.unreadable, unreadable).into_iter().collect();
        self.unreadable.iter().filter(|path| !before.contains(*path)).cloned().collect()
    }

    pub(super) fn is_back(&mut self) {
        self.away = None;
    }

    /// The folder is not there.
    pub(super) fn is_gone(&mut self, now: Duration) -> Away {
        let Some(since) = self.away else {
            self.away = Some(now);
            return Away::Gone;
        };
        if now.saturating_sub(since) >= AWAY_MAX && !std::mem::replace(&mut self.gives_up, true) {
            return Away::GivenUp;
        }
        Away::Still
    }

    /// Another worker has the folder. Whether that is news.
    pub(super) fn is_taken(&mut self, now: Duration) -> bool {
        self.away.get_or_insert(now);
        !std::mem::replace(&mut self.taken, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    #[test]
    fn p2_that_there_is_no_room_is_news_once_and_is_looked_at_again_in_a_minute() {
        let mut disk = DiskWatch::default();
        assert_eq!(disk.room(3, START), None, "as was believed");
        assert_eq!(disk.look_at(), None);
        assert_eq!((disk.room(0, START), disk.room(0, START)), (Some(false), None));
        assert!(!disk.is_due(START + LOOK_AGAIN / 2));
        assert!(disk.is_due(START + LOOK_AGAIN) && !disk.is_due(START + LOOK_AGAIN));
        assert_eq!(disk.room(1, START + LOOK_AGAIN), Some(true));
    }

    #[test]
    fn field_17_a_folder_that_is_away_is_no_full_disk_and_is_given_up_once() {
        let mut disk = DiskWatch::default();
        assert_eq!((disk.is_gone(START), disk.is_gone(START)), (Away::Gone, Away::Still));
        assert_eq!(disk.room(0, START), None);
        assert_eq!(disk.look_at(), Some(START + LOOK_AGAIN / 12));
        assert_eq!(disk.is_gone(START + AWAY_MAX / 2), Away::Still);
        assert_eq!(disk.is_gone(START + AWAY_MAX), Away::GivenUp);
        assert_eq!(disk.is_gone(START + AWAY_MAX * 2), Away::Still);
        disk.is_back();
        assert_eq!(disk.room(1, START + AWAY_MAX), Some(true));
        assert!(disk.is_taken(START) && !disk.is_taken(START));
    }

    #[test]
    fn of_files_that_cannot_be_read_only_the_new_ones_are_news() {
        let mut disk = DiskWatch::default();
        let files = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(disk.not_readable(files(&["a", "b"])), files(&["a", "b"]));
        assert_eq!(disk.not_readable(files(&["b", "c"])), files(&["c"]));
        assert_eq!(disk.unreadable, files(&["b", "c"]));
        assert_eq!(disk.room(9, START), None);
        assert_eq!(disk.look_at(), Some(START + LOOK_AGAIN), "they are read again");
    }
}
