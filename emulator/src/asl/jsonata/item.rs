//! Values while an expression is evaluated: JSON, nothing at all, functions, and sequences.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::ast::{Lambda, Node};
use super::evaluator::{Evaluator, Failure};
use super::pattern::Pattern;
use crate::asl::value::{Object, Value};

/// A value. Cloning one is cheap.
#[derive(Clone, Default)]
pub(super) enum Item {
    /// No value: JavaScript's `undefined`.
    #[default]
    Nothing,
    Null,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
    Array(Rc<Array>),
    Object(Rc<Fields>),
    Function(Rc<Function>),
}

/// How large a value is, written out: parts of it may be shared, and it may be far larger than the memory that it takes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) depth: u32,
    pub(super) weight: u64,
}

impl Size {
    fn with(self, inner: Size) -> Self {
        Size { depth: self.depth.max(inner.depth + 1), weight: self.weight.saturating_add(inner.weight) }
    }
}

/// An array, or a sequence: the values that a step found.
#[derive(Clone, Default)]
pub(super) struct Array {
    pub(super) items: Vec<Item>,
    size: Size,
    /// A sequence of one value is that value.
    pub(super) is_sequence: bool,
    /// It stays an array even with one value.
    pub(super) keep_singleton: bool,
    /// It was built by a constructor in a path: it is not flattened.
    pub(super) is_cons: bool,
}

/// The fields of an object in their order.
#[derive(Clone, Default)]
pub(super) struct Fields {
    names: Vec<Rc<str>>,
    values: HashMap<Rc<str>, Item>,
    size: Size,
}

impl Array {
    pub(super) fn new(items: Vec<Item>) -> Self {
        let size = items.iter().fold(Size { depth: 1, weight: 1 }, |size, item| size.with(item.size()));
        Array { items, size, ..Array::default() }
    }

    pub(super) fn sequence(items: Vec<Item>) -> Self {
        Array { is_sequence: true, ..Array::new(items) }
    }

    pub(super) fn with_cons(self, is_cons: bool) -> Self {
        Array { is_cons, ..self }
    }

    pub(super) fn kept(self) -> Self {
        Array { keep_singleton: true, ..self }
    }
}

/// Something that can be called.
pub(super) enum Function {
    Native(&'static Native),
    Lambda {
        lambda: Rc<Lambda>,
        frame: Rc<Frame>,
        input: Item,
    },
    Partial {
        function: Item,
        arguments: Vec<Option<Item>>,
    },
    /// The first, then the second.
    Chain(Item, Item),
    Transform {
        parts: Rc<(Node, Node, Option<Node>)>,
        frame: Rc<Frame>,
    },
    Pattern(Rc<Pattern>),
}

/// A function's code: its arguments are as many as it takes.
pub(super) type Call = fn(&mut Evaluator<'_>, &[Item]) -> Result<Item, Failure>;

/// A function of the language.
pub(super) struct Native {
    pub(super) name: &'static str,
    /// The fewest and the most arguments.
    pub(super) least: usize,
    pub(super) most: usize,
    /// Whether the context stands for a first argument that is left out.
    pub(super) takes_context: bool,
    pub(super) call: Call,
}

/// Variables, and those of the blocks around.
pub(super) struct Frame {
    variables: RefCell<HashMap<String, Item>>,
    outer: Option<Rc<Frame>>,
}

impl Frame {
    pub(super) fn new(outer: Option<Rc<Frame>>) -> Rc<Self> {
        Rc::new(Frame { variables: RefCell::default(), outer })
    }

    pub(super) fn bind(&self, name: &str, item: Item) {
        self.variables.borrow_mut().insert(name.to_owned(), item);
    }

    pub(super) fn find(&self, name: &str) -> Option<Item> {
        let mut frame = Some(self);
        while let Some(here) = frame {
            if let Some(item) = here.variables.borrow().get(name) {
                return Some(item.clone());
            }
            frame = here.outer.as_deref();
        }
        None
    }
}

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&Item> {
        self.values.get(name)
    }

    pub(super) fn insert(&mut self, name: Rc<str>, item: Item) {
        self.size = self.size.with(item.size());
        if self.values.insert(Rc::clone(&name), item).is_none() {
            self.names.push(name);
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        if self.values.remove(name).is_some() {
            self.names.retain(|known| &**known != name);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Rc<str>, &Item)> {
        self.names.iter().filter_map(|name| Some((name, self.values.get(name)?)))
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

impl Item {
    pub(super) fn text(text: &str) -> Self {
        Item::Text(text.into())
    }

    pub(super) fn array(items: Vec<Item>) -> Self {
        Item::Array(Rc::new(Array::new(items)))
    }

    pub(super) fn sequence(items: Vec<Item>) -> Self {
        Item::Array(Rc::new(Array::sequence(items)))
    }

    pub(super) fn object(fields: Fields) -> Self {
        Item::Object(Rc::new(fields))
    }

    pub(super) fn size(&self) -> Size {
        match self {
            Item::Array(array) => array.size,
            Item::Object(fields) => fields.size,
            Item::Text(text) => Size { depth: 0, weight: 1 + text.len() as u64 / 32 },
            _ => Size { depth: 0, weight: 1 },
        }
    }

    /// The field of this name, of an object or of each object in an array.
    pub(super) fn field(&self, name: &str) -> Item {
        match self {
            Item::Object(fields) => fields.get(name).cloned().unwrap_or_default(),
            Item::Array(array) => {
                let mut found = Vec::new();
                for item in &array.items {
                    match item.field(name) {
                        Item::Nothing => {}
                        Item::Array(inner) => found.extend(inner.items.iter().cloned()),
                        other => found.push(other),
                    }
                }
                Item::sequence(found)
            }
            _ => Item::Nothing,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Item::Nothing)
    }

    pub(super) fn as_array(&self) -> Option<&Array> {
        if let Item::Array(array) = self { Some(array) } else { None }
    }

    /// The items of an array; the value itself otherwise; none for nothing.
    pub(super) fn items(&self) -> Vec<Item> {
        match self {
            Item::Nothing => Vec::new(),
            Item::Array(array) => array.items.clone(),
            other => vec![other.clone()],
        }
    }

    /// What a sequence stands for: nothing, its only value, or itself.
    pub(super) fn settled(self, keep: bool) -> Self {
        let Item::Array(array) = &self else { return self };
        if !array.is_sequence {
            return self;
        }
        match array.items.len() {
            0 => Item::Nothing,
            1 if !keep && !array.keep_singleton => array.items[0].clone(),
            _ if keep => Item::Array(Rc::new(Array { keep_singleton: true, ..Array::clone(array) })),
            _ => self,
        }
    }

    /// Whether it counts as true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Item::Nothing | Item::Null | Item::Function(_) => false,
            Item::Bool(flag) => *flag,
            Item::Number(number) => *number != 0.0,
            Item::Text(text) => !text.is_empty(),
            Item::Array(array) => array.items.iter().any(Item::truth),
            Item::Object(fields) => fields.len() > 0,
        }
    }

    /// As JSON. Functions are left out of objects, and empty texts in arrays; `None` for nothing.
    pub(super) fn to_value(&self) -> Option<Value> {
        Some(match self {
            Item::Nothing => return None,
            Item::Null => Value::Null,
            Item::Bool(flag) => Value::Bool(*flag),
            Item::Number(number) => Value::number(*number),
            Item::Text(text) => Value::from(&**text),
            Item::Function(_) => Value::from(""),
            Item::Array(array) => {
                Value::Array(array.items.iter().map(|item| item.to_value().unwrap_or_default()).collect())
            }
            Item::Object(fields) => {
                let fields = fields.iter().filter(|(_, item)| !matches!(item, Item::Function(_)));
                Value::Object(Object::of_distinct(
                    fields.filter_map(|(name, item)| Some((name.to_string(), item.to_value()?))).collect(),
                ))
            }
        })
    }
}

impl From<&Value> for Item {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Item::Null,
            Value::Bool(flag) => Item::Bool(*flag),
            Value::Number(number) => Item::Number(number.as_f64().unwrap_or(0.0)),
            Value::String(text) => Item::text(text),
            Value::Array(items) => Item::array(items.iter().map(Item::from).collect()),
            Value::Object(fields) => {
                let mut read = Fields::default();
                for (name, value) in fields.iter() {
                    read.insert(name.as_str().into(), Item::from(value));
                }
                Item::object(read)
            }
        }
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Item::Nothing, Item::Nothing) | (Item::Null, Item::Null) => true,
            (Item::Bool(a), Item::Bool(b)) => a == b,
            (Item::Number(a), Item::Number(b)) => a == b,
            (Item::Text(a), Item::Text(b)) => a == b,
            (Item::Array(a), Item::Array(b)) => a.items == b.items,
            (Item::Object(a), Item::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(name, item)| b.get(name) == Some(item))
            }
            (Item::Function(a), Item::Function(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}
