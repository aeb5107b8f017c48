//! What is wrong with a definition: everything, not the first alone.

use std::cell::RefCell;
use std::fmt;

/// One thing that is wrong with a definition, in the service's words where they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The service's code, for instance `SCHEMA_VALIDATION_FAILED`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where, for instance `/States/Work/Next`; empty if nowhere in particular.
    pub location: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if self.location.is_empty() { Ok(()) } else { write!(f, " at {}", self.location) }
    }
}

/// More problems of one definition are not told.
const PROBLEMS_MAX: usize = 100;

/// All that was found so far.
#[derive(Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(&self, code: &'static str, message: impl Into<String>, location: impl Into<String>) {
        let mut problems = self.0.borrow_mut();
        if problems.len() < PROBLEMS_MAX {
            problems.push(Problem { code, message: message.into(), location: location.into() });
        }
    }

    /// A field that is not as the language has it.
    pub(super) fn schema(&self, message: impl Into<String>, location: impl Into<String>) {
        self.add("SCHEMA_VALIDATION_FAILED", message, location);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub(super) fn into_all(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}
