//! An expression as it is read.

use std::rc::Rc;

use super::pattern::Pattern;

/// One part of an expression, with what is done to its value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// `[...]` after something that is no path.
    pub(super) predicates: Vec<Stage>,
    /// The same after a step of a path.
    pub(super) stages: Vec<Stage>,
    /// `{key: value}` after it.
    pub(super) group: Option<Rc<Vec<(Node, Node)>>>,
    /// `[]` after it: a single value stays an array.
    pub(super) keep_array: bool,
    /// An array constructor at the begin or end of a path: its value is not flattened.
    pub(super) cons_array: bool,
    /// `@$name`
    pub(super) focus: Option<String>,
    /// `#$name`
    pub(super) index: Option<String>,
    /// Whether the path carries variables from here on.
    pub(super) is_tuple: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Stage {
    Filter(Node),
    Index(String),
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Name(String),
    Variable(String),
    Wildcard,
    Descendants,
    Regex(Rc<Pattern>),
    Path {
        steps: Vec<Node>,
        keep_singleton: bool,
    },
    Sort(Vec<(Node, bool)>),
    Binary(&'static str, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Array(Vec<Node>),
    Object(Rc<Vec<(Node, Node)>>),
    Block(Vec<Node>),
    Condition(Box<Node>, Box<Node>, Option<Box<Node>>),
    Bind(String, Box<Node>),
    Lambda(Rc<Lambda>),
    Call(Box<Node>, Vec<Node>),
    /// A call with `?` for arguments that come later.
    Partial(Box<Node>, Vec<Option<Node>>),
    Apply(Box<Node>, Box<Node>),
    Transform(Rc<(Node, Node, Option<Node>)>),
}

#[derive(Debug)]
pub(super) struct Lambda {
    pub(super) parameters: Vec<String>,
    pub(super) body: Node,
}

impl Node {
    pub(super) fn new(kind: Kind) -> Self {
        Node {
            kind,
            predicates: Vec::new(),
            stages: Vec::new(),
            group: None,
            keep_array: false,
            cons_array: false,
            focus: None,
            index: None,
            is_tuple: false,
        }
    }
}
