//! The errors, each with a code that an app can switch on, and a line that says what to do: `Display`, which Kotlin shows as the
//! exception's message. The lines hold no secrets.

use activity_worker::{BadAdoption, worker};

/// What a call-back of the app throws.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
#[non_exhaustive]
pub enum CallbackError {
    /// The app says why. The text reaches the log: no secrets in it.
    #[error("{reason}")]
    Failed {
        /// One line.
        reason: String,
    },
    /// It threw something else. Its text stays with the app, since nobody knows what it holds.
    #[error(
        "it threw an exception that is not a CallbackError: throw CallbackError.Failed, with a reason, to have it told"
    )]
    Unexpected,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CallbackError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        CallbackError::Unexpected
    }
}

/// Why no worker was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration contradicts itself, or something in it is misspelt.
    #[error("{reason}")]
    Config {
        /// What, and what to do.
        reason: String,
    },
    /// Another worker has the state folder: one of this app that was not stopped, or another process.
    #[error("{reason}")]
    InUse {
        /// One line that names the folder.
        reason: String,
    },
    /// The state folder can't be used.
    #[error("{reason}")]
    StateDir {
        /// Why, and what to do.
        reason: String,
    },
    /// The system gave no thread.
    #[error("{reason}")]
    System {
        /// What it said.
        reason: String,
    },
}

impl From<worker::StartError> for StartError {
    fn from(error: worker::StartError) -> Self {
        let reason = error.to_string();
        match error {
            worker::StartError::Config(_) => StartError::Config { reason },
            worker::StartError::Thread(_) => StartError::System { reason },
            worker::StartError::Spool(error) if error.is_in_use() => StartError::InUse { reason },
            worker::StartError::Spool(_) => StartError::StateDir { reason },
        }
    }
}

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
#[non_exhaustive]
pub enum WorkerError {
    /// The worker has ended.
    #[error("the worker has ended: start another one")]
    Stopped,
    /// What was given makes no sense.
    #[error("{reason}")]
    Invalid {
        /// One line: what was given, and what to give.
        reason: String,
    },
}

impl From<worker::Stopped> for WorkerError {
    fn from(_: worker::Stopped) -> Self {
        WorkerError::Stopped
    }
}

/// Why a request was not answered, shown or taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
#[non_exhaustive]
pub enum AnswerError {
    /// No request with this id is open: the workflow gave it up, it is over, another user's, or never was here.
    #[error(
        "no request {id} is open: it is over, another user's, or never was here; its settlement says which"
    )]
    NotOpen {
        /// The id.
        id: String,
    },
    /// It was answered before; the first answer counts.
    #[error("request {id} has been answered already: the first answer counts")]
    AlreadyAnswered {
        /// The id.
        id: String,
    },
    /// The output is no JSON, or too long; or a text is none.
    #[error("{reason}")]
    BadOutput {
        /// What is wrong with it.
        reason: String,
    },
    /// The disk refused: nothing is kept, the request is as open as before.
    #[error("not kept, try again: {reason}")]
    NotKept {
        /// What the disk said.
        reason: String,
    },
    /// It is written, but perhaps not for good: the worker goes on with this answer and takes no other. Of a request that was taken
    /// back: after a power cut it may be open again.
    #[error("perhaps not kept, the worker goes on with it: {reason}")]
    Unknown {
        /// What the disk said.
        reason: String,
    },
    /// The input, or the answer, can't be read.
    #[error("{reason}")]
    Unreadable {
        /// One line: what the disk said.
        reason: String,
    },
    /// The worker has ended.
    #[error("the worker has ended: start another one")]
    Stopped,
}

impl From<worker::AnswerError> for AnswerError {
    fn from(error: worker::AnswerError) -> Self {
        match error {
            worker::AnswerError::NoSuchTask(id) => AnswerError::NotOpen { id: id.to_string() },
            worker::AnswerError::AlreadyAnswered(id) => AnswerError::AlreadyAnswered { id: id.to_string() },
            worker::AnswerError::BadOutput(reason) => AnswerError::BadOutput { reason },
            worker::AnswerError::NotKept(reason) => AnswerError::NotKept { reason },
            worker::AnswerError::Unknown(reason) => AnswerError::Unknown { reason },
            worker::AnswerError::Stopped => AnswerError::Stopped,
            worker::AnswerError::Unreadable(_) => AnswerError::Unreadable { reason: error.to_string() },
        }
    }
}

/// Why a pushed task was not adopted. The app still has the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
#[non_exhaustive]
pub enum AdoptError {
    /// The input is no JSON, or too long.
    #[error("{reason}")]
    BadInput {
        /// What is wrong with it.
        reason: String,
    },
    /// It is no task token, or the origin or the scope is none.
    #[error("{reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
    /// There is no place, or no room on disk, for one more request. Try again: polls leave the next place to it for five minutes.
    #[error("{reason}")]
    Full {
        /// Which limit is reached.
        reason: String,
    },
    /// The disk refused.
    #[error("not kept, try again: {reason}")]
    NotKept {
        /// What the disk said.
        reason: String,
    },
    /// The worker has ended.
    #[error("the worker has ended: start another one")]
    Stopped,
}

impl From<worker::AdoptError> for AdoptError {
    fn from(error: worker::AdoptError) -> Self {
        let reason = error.to_string();
        match error {
            worker::AdoptError::Full(_) => AdoptError::Full { reason },
            worker::AdoptError::Bad(BadAdoption::InputTooLarge | BadAdoption::Input { .. }) => {
                AdoptError::BadInput { reason }
            }
            worker::AdoptError::NotKept(reason) => AdoptError::NotKept { reason },
            worker::AdoptError::Stopped => AdoptError::Stopped,
            worker::AdoptError::Bad(_) => AdoptError::Invalid { reason },
        }
    }
}

/// Why there was no poll, or none that was answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
#[non_exhaustive]
pub enum PollError {
    /// The time given is under 70 s, and the risk was not taken.
    #[error("a poll needs 70 s, or it can lose a task: give it the time, or name the risk")]
    WindowTooShort,
    /// The activity is none of this worker's.
    #[error("{reason}")]
    NoSuchActivity {
        /// One line: what to do about it.
        reason: String,
    },
    /// Within the time given no poll could be begun.
    #[error("not polled: {reason}")]
    NotPolled {
        /// What was in the way.
        reason: String,
    },
    /// The poll failed.
    #[error("{reason}")]
    Failed {
        /// What the service, or the network, said.
        reason: String,
    },
    /// The worker has ended.
    #[error("the worker has ended: start another one")]
    Stopped,
}

impl From<worker::PollOnceError> for PollError {
    fn from(error: worker::PollOnceError) -> Self {
        match error {
            worker::PollOnceError::WindowTooShort => PollError::WindowTooShort,
            worker::PollOnceError::NoSuchActivity => PollError::NoSuchActivity { reason: error.to_string() },
            worker::PollOnceError::NotPolled(reason) => PollError::NotPolled { reason },
            worker::PollOnceError::Stopped => PollError::Stopped,
            worker::PollOnceError::Failed(_) => PollError::Failed { reason: error.to_string() },
        }
    }
}

/// Why a letter was not left in the inbox. The process still has what it wanted to leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
#[non_exhaustive]
pub enum InboxError {
    /// There is an answer to this request in the inbox already; the first one counts.
    #[error("request {id} has an answer in the inbox already: the first answer counts")]
    AlreadyAnswered {
        /// The id.
        id: String,
    },
    /// The token, id, input, origin or output is none, or too long.
    #[error("{reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
    /// A thousand letters wait, and no worker has taken any in.
    #[error("the inbox is full: start the worker of this state folder")]
    Full,
    /// The disk refused.
    #[error("{reason}")]
    NotKept {
        /// What the disk said.
        reason: String,
    },
}

impl From<activity_worker::InboxError> for InboxError {
    fn from(error: activity_worker::InboxError) -> Self {
        use activity_worker::InboxError as Inbox;
        match error {
            Inbox::AlreadyAnswered(id) => InboxError::AlreadyAnswered { id: id.to_string() },
            Inbox::Invalid(reason) => InboxError::Invalid { reason },
            Inbox::Full => InboxError::Full,
            Inbox::Io { .. } => InboxError::NotKept { reason: error.to_string() },
        }
    }
}
