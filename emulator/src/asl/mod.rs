//! The Amazon States Language, as far as it is known here.
//!
//! What is not known is refused when the state machine is created, by its name and place, never ignored.

mod check;
mod choice;
mod expression;
mod fields;
mod flow;
mod intrinsic;
mod jsonata;
mod language;
mod path;
mod problem;
mod quantity;
mod raised;
mod retry;
mod scope;
mod state;
mod task;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod timestamp;
mod twice;
mod value;
mod wait;
mod wildcard;
mod words;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::choice::no_choice;
use self::fields::Fields;
pub use self::problem::Problem;
use self::problem::Problems;
pub(crate) use self::quantity::{Form, Quantity};
pub(crate) use self::raised::{Raised, THRESHOLD};
pub(crate) use self::retry::Catcher;
pub(crate) use self::scope::{Chance, Scope, Variables};
pub(crate) use self::state::{Block, Kind, Map, State};
pub(crate) use self::task::{Nested, Task, Work, Workflow};
pub(crate) use self::timestamp::format as format_timestamp;
pub use self::value::{Object, Value};
pub(crate) use self::words::Words;

/// A state machine, checked: every name in it leads somewhere.
#[derive(Debug)]
pub struct Definition {
    pub(crate) block: Arc<Block>,
    pub(crate) timeout: Option<Duration>,
}

impl Definition {
    /// Reads the definition of a standard workflow.
    ///
    /// # Errors
    /// All that is wrong with it, or not known here, with its place.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        Self::parse_as(text, Workflow::Standard)
    }

    /// Reads what is to be tried state by state: any resource will do, and states need not lead anywhere.
    pub(crate) fn parse_loosely(text: &str) -> Result<Self, Vec<Problem>> {
        Self::parse_as(text, Workflow::Tried)
    }

    /// The same for a workflow of either kind.
    pub(crate) fn parse_as(text: &str, workflow: Workflow) -> Result<Self, Vec<Problem>> {
        let problems = Problems::default();
        let read = Self::read(text, workflow, &problems);
        match read {
            Some(definition) if problems.is_empty() => Ok(definition),
            _ => Err(problems.into_all()),
        }
    }

    fn read(text: &str, workflow: Workflow, problems: &Problems) -> Option<Self> {
        if text.trim().is_empty() {
            problems.schema("Definition must be a valid JSON object", "");
            return None;
        }
        let value = match Value::parse(text) {
            Ok(value) => value,
            Err(e) => {
                problems.add("INVALID_JSON_DESCRIPTION", e.to_string(), "");
                return None;
            }
        };
        if let Some(name) = twice::name(text) {
            problems.add("INVALID_JSON_DESCRIPTION", format!("Duplicate field '{name}'"), "");
        }
        let mut top = Fields::new(value, "/", problems)?;
        top.comment();
        if top.text("Version").is_some_and(|version| version != "1.0") {
            problems.schema("The value must be '1.0'", "/Version");
        }
        let language = state::query_language(&mut top, None);
        let mut top = top.in_language(language);
        let timeout = top.seconds("TimeoutSeconds", 1);
        let block = Block::read(&mut top, workflow);
        top.finish();
        let block = block?;
        // A state that could not be read would be missed by those that lead to it.
        if problems.is_empty() && workflow != Workflow::Tried {
            check::check(&block, "", problems);
        }
        Some(Definition { block: Arc::new(block), timeout })
    }
}
