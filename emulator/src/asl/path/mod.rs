//! JSONPath, as the service reads it: the dialect of the Jayway library, not RFC 9535.

mod filter;
mod find;
mod put;
mod read;

use std::fmt;

use self::filter::Filter;
pub(crate) use self::find::NotFound;
use super::value::Value;

/// A path into the state's input, the context object or a variable.
#[derive(Clone)]
pub(crate) struct Path {
    /// As it was written.
    text: String,
    root: Root,
    steps: Vec<Step>,
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    /// `$`
    Input,
    /// `$$`
    Context,
    /// `$name`
    Variable(String),
}

#[derive(Debug, Clone)]
enum Step {
    /// `.name`, `['name']`, `['one','other']`
    Names(Vec<String>),
    /// `[0]`, `[0,2]`, `[-1]`
    Indices(Vec<i64>),
    /// `[1:3]`
    Slice(Option<i64>, Option<i64>),
    /// `[*]`, `.*`
    All,
    /// `..`: the next step is tried on everything below too.
    Deep,
    /// `[?(...)]`
    Filter(Filter),
    /// `[(@.length-1)]`: so many from the end.
    FromEnd(i64),
    /// `.length()` and its like
    Function(Function),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Length,
    Min,
    Max,
    Avg,
    Sum,
    First,
    Last,
    Keys,
}

impl Path {
    /// Reads a path, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        read::path(text)
    }

    /// `$`
    pub(crate) fn root() -> Self {
        Path { text: "$".to_owned(), root: Root::Input, steps: Vec::new() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn begins(&self) -> &Root {
        &self.root
    }

    /// Whether it leads to one place: else its value is always an array.
    pub(crate) fn is_definite(&self) -> bool {
        let last = self.steps.len().saturating_sub(1);
        self.steps.iter().enumerate().all(|(number, step)| match step {
            // Several names at the end give one object.
            Step::Names(names) => names.len() == 1 || number == last,
            Step::Indices(indices) => indices.len() == 1,
            Step::FromEnd(_) | Step::Function(_) => true,
            Step::Slice(..) | Step::All | Step::Deep | Step::Filter(_) => false,
        })
    }

    /// Whether it is a reference path: names and indices alone, in the input.
    pub(crate) fn is_reference(&self) -> bool {
        let plain = |step: &Step| match step {
            Step::Names(names) => names.len() == 1,
            Step::Indices(indices) => matches!(indices.as_slice(), [index] if *index >= 0),
            _ => false,
        };
        self.root == Root::Input && self.steps.iter().all(plain)
    }

    /// What it leads to from the value that its root names.
    pub(crate) fn find(&self, root: &Value) -> Result<Value, NotFound> {
        find::find(&self.steps, self.is_definite(), root)
    }

    /// Puts `value` at this place, making the objects on the way. `None` if something else than an object stands there, or an
    /// index lies beyond the end.
    pub(crate) fn put(&self, document: Value, value: Value) -> Option<Value> {
        put::put(&self.steps, document, value)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
