//! Letters from other processes of the app.

use std::path::Path;
use std::sync::Arc;

use activity_worker::Inbox;

use crate::tasks::parse_id;
use crate::{InboxError, PushedTask};

/// Leaves tokens and answers for the worker of a state folder: for a notification extension or a widget, which have no worker of
/// their own. The worker takes them in when it starts, and when it is woken.
#[derive(Debug, uniffi::Object)]
pub struct TaskInbox {
    inbox: Inbox,
}

/// Where a worker looks for letters.
#[derive(Clone, Debug, uniffi::Enum)]
pub enum InboxPlace {
    /// In its state folder.
    StateDir {
        /// The state folder.
        path: String,
    },
    /// In a folder apart, which its configuration names.
    Apart {
        /// That folder.
        path: String,
    },
}

#[uniffi::export]
impl TaskInbox {
    /// The inbox at this place, which need not be there yet.
    #[uniffi::constructor]
    pub fn new(place: InboxPlace) -> Result<Arc<Self>, InboxError> {
        let inbox = match place {
            InboxPlace::StateDir { path } => Inbox::of(Path::new(&path)),
            InboxPlace::Apart { path } => Inbox::at(path),
        };
        Ok(Arc::new(TaskInbox { inbox }))
    }

    /// Leaves a pushed task, and gives its id. State the scope where the device has several users.
    pub fn leave_task(&self, task: PushedTask) -> Result<String, InboxError> {
        let adoption = task.adoption().map_err(|error| InboxError::Invalid { reason: error.to_string() })?;
        Ok(self.inbox.leave_token(&adoption)?.to_string())
    }

    /// Leaves an output, JSON, as the answer to a task.
    pub fn leave_success(&self, id: String, output: String) -> Result<(), InboxError> {
        Ok(self.inbox.leave_success(known(&id)?, &output)?)
    }

    /// Leaves a failure as the answer to a task.
    pub fn leave_failure(&self, id: String, error: String, cause: String) -> Result<(), InboxError> {
        Ok(self.inbox.leave_failure(known(&id)?, &error, &cause)?)
    }
}

fn known(id: &str) -> Result<activity_worker::TaskId, InboxError> {
    parse_id(id).ok_or_else(|| InboxError::Invalid {
        reason: format!("{id:?} is no task id: give the one that leaveTask, adopt or a listing gave"),
    })
}
