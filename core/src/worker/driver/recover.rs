//! What lay in the state folder, handed to the engine.

use std::collections::HashSet;

use super::Driver;
use super::live::{Foreign, Live};
use crate::engine::{self, FoundState, OwnFailure};
use crate::plants::planted;
use crate::spool::{Found, StoredTask};
use crate::worker::events::Event;
use crate::worker::warnings::{LINES, Many, Warning};

impl Driver {
    /// Takes in what was found in the state folder: at the start, or later, when it could be read at last.
    pub(super) fn take_in(&mut self, found: Found) {
        for remark in found.remarks {
            self.warn(Warning::FolderOpenToOthers { remark });
        }
        let known: HashSet<_> = found.damaged.iter().map(|task| task.token.id().to_string()).collect();
        let more = found.quarantined.len().saturating_sub(LINES);
        for (n, path) in found.quarantined.into_iter().enumerate() {
            // The task of one whose token is known goes on, to be failed.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_known = name.split('.').next().is_some_and(|id| known.contains(id));
            if n < LINES {
                self.hub.tell(&Event::Quarantined { path: path.clone() });
            }
            self.disk_watch.quarantined.extend((!is_known).then_some(path));
        }
        self.and_more(more, Many::SetAside);
        let new = self.disk_watch.not_readable(found.unreadable);
        self.and_more_after(&new, Many::FilesNotRead, |path| Warning::FileNotRead { path: path.clone() });
        if found.copied && !std::mem::replace(&mut self.disk_watch.copied, true) {
            self.warn(Warning::FolderCopied);
        }
        if let Some(kind) = found.unsafe_storage {
            self.warn(Warning::UnsafeStorage { kind });
        }
        for task in found.tasks {
            self.found(task, None);
        }
        for task in found.damaged {
            self.found(task, Some(OwnFailure::Damaged));
        }
    }

    pub(super) fn and_more(&self, count: usize, of: Many) {
        if count > 0 {
            self.warn(Warning::More { count, of });
        }
    }

    /// Warns of each, up to so many as are told one by one.
    pub(super) fn and_more_after<T>(&self, all: &[T], of: Many, warning: impl Fn(&T) -> Warning) {
        for one in all.iter().take(LINES) {
            self.warn(warning(one));
        }
        self.and_more(all.len().saturating_sub(LINES), of);
    }

    /// `broken`: only its token is left of it, so it is failed.
    pub(super) fn found(&mut self, task: StoredTask, broken: Option<OwnFailure>) {
        let id = task.token.id();
        if self.live.contains_key(&id) {
            // Its token is being adopted: that ends with word of this file.
            return;
        }
        if task.deferred && !task.has_outcome && planted("deferred-task-forgotten") {
            return;
        }
        let activity = task.activity.as_deref().and_then(|arn| self.setup.number_of(arn));
        let whole_outcome = task.has_outcome && broken.is_none();
        let why = self.why_not_ours(&task, whole_outcome);
        let state = match (broken, task.has_outcome, task.deferred) {
            _ if why.is_some() => FoundState::Foreign,
            (None, true, _) => FoundState::Outcome,
            (Some(own), ..) => FoundState::Broken(own),
            (None, false, true) => FoundState::Deferred,
            (None, false, false) => FoundState::Begun { runs: task.runs },
        };
        // The machine that the folder was copied from may still be at it, and beat: a result is all that may come from here.
        let (activity, adopted) =
            if task.copied { (None, false) } else { (activity, task.activity.is_none()) };
        let mut live = Live::new(task.token, activity, task.scope, task.accepted);
        (live.origin, live.expires) = (Some(task.origin), task.expires);
        live.foreign = why.map(|why| Foreign { why, activity: task.activity, has_outcome: task.has_outcome });
        (live.said, live.answered) = (task.said, task.has_outcome);
        self.live.insert(id, live);
        self.feed(engine::Input::Found { id, activity, adopted, deferred: task.deferred, state });
        if !self.engine.knows(id) {
            self.live.remove(&id);
            self.warn(Warning::NoPlace { id });
        }
    }
}
