//! What lay in the state folder, handed to the engine.

use super::driver::Driver;
use super::events::Event;
use super::inbox::Live;
use crate::engine::{self, FoundState, OwnFailure};
use crate::plants::planted;
use crate::spool::{Found, StoredTask};

impl Driver {
    /// Takes in what was found in the state folder: at the start, or later, when it could be read at last.
    pub(super) fn find(&mut self, found: Found) {
        let first = !self.unreadable;
        self.unreadable = !found.unreadable.is_empty();
        for path in found.quarantined {
            self.hub.tell(&Event::Quarantined { path });
        }
        for path in found.unreadable.iter().filter(|_| first) {
            let text = format!("{} can't be read now; it stays, and is read again", path.display());
            self.hub.tell(&Event::Warning { text });
        }
        if found.copied && !std::mem::replace(&mut self.copied, true) {
            let text =
                "the state folder was made on another machine: kept results are sent, its open tasks wait";
            self.hub.tell(&Event::Warning { text: text.to_owned() });
        }
        if let Some(kind) = &found.unsafe_storage {
            let text = format!(
                "the state folder lies on {kind}, which does not keep what is written through a power cut"
            );
            self.hub.tell(&Event::Warning { text });
        }
        for task in found.tasks {
            self.found(task, None, found.copied);
        }
        for task in found.damaged {
            self.found(task, Some(OwnFailure::Damaged), found.copied);
        }
    }

    /// `broken`: only its token is left of it, so it is failed.
    pub(super) fn found(&mut self, task: StoredTask, broken: Option<OwnFailure>, copied: bool) {
        let id = task.token.id();
        if self.live.contains_key(&id) {
            // Its token is being adopted: that ends with word of this file.
            return;
        }
        if task.deferred && !task.has_outcome && planted("deferred-task-forgotten") {
            return;
        }
        let activity = self.activities.iter().position(|a| task.activity.as_deref() == Some(a.arn.as_str()));
        let ours = task.origin == self.origin && task.scope == self.scope;
        let state = match (broken, task.has_outcome, task.deferred) {
            _ if !ours => FoundState::Foreign,
            (None, true, _) => FoundState::Outcome,
            _ if copied => FoundState::Foreign,
            (Some(own), ..) => FoundState::Broken(own),
            (None, false, true) => FoundState::Deferred,
            (None, false, false) => FoundState::Begun { runs: task.runs },
        };
        // The machine that the folder was copied from may still be at it, and beat: a result is all that may come from here.
        let (activity, adopted) = if copied { (None, false) } else { (activity, task.activity.is_none()) };
        let mut live = Live::new(task.token, activity, task.scope, task.accepted);
        (live.origin, live.expires) = (Some(task.origin), task.expires);
        self.live.insert(id, live);
        self.tell(engine::Event::Found { id, activity, adopted, deferred: task.deferred, state });
        if !self.engine.knows(id) {
            self.live.remove(&id);
            let text = format!("task {id}: no place for it now; it stays on disk until the next start");
            self.hub.tell(&Event::Warning { text });
        }
    }
}
