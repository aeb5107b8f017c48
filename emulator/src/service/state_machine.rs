//! A state machine.

use std::sync::Arc;
use std::time::SystemTime;

use crate::asl::Definition;

/// A state machine as it was created.
pub(crate) struct StateMachine {
    pub(crate) name: String,
    pub(crate) created: SystemTime,
    /// The definition as it was given.
    pub(crate) text: String,
    pub(crate) role_arn: String,
    pub(super) definition: Arc<Definition>,
}
