//! Paths as they are read: where they begin, their steps, the filters in them.

use std::fmt;

/// A path into the state's input, the context object or a variable.
#[derive(Clone)]
pub(crate) struct Path {
    /// As it was written.
    pub(super) text: String,
    pub(super) root: Root,
    pub(super) steps: Vec<Step>,
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
pub(super) enum Step {
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
pub(super) enum Function {
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
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What an element must be like.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    /// The path leads to something.
    There(Operand),
    Compare(Operand, Operator, Operand),
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    Literal(Literal),
    List(Vec<Literal>),
    /// `@...`
    Element(Vec<Step>, bool),
    /// `$...`
    Document(Vec<Step>, bool),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
}
