//! A state machine.

use std::sync::Arc;
use std::time::SystemTime;

use crate::asl::{Definition, Workflow};

/// A state machine as it was created.
pub(crate) struct StateMachine {
    pub(crate) name: String,
    pub(crate) created: SystemTime,
    /// The definition as it was given.
    pub(crate) text: String,
    pub(crate) role_arn: String,
    pub(crate) workflow: Workflow,
    pub(super) definition: Arc<Definition>,
}

impl StateMachine {
    pub(crate) fn is_express(&self) -> bool {
        self.workflow == Workflow::Express
    }
}
