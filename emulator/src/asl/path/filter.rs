//! Filters in paths: `[?(@.price < 10 && @.name == 'x')]`.

use std::cmp::Ordering;

use super::find::find_within;
use super::read::{DEPTH_MAX, steps};
use super::{Path, Root, Step};
use crate::asl::text::Text;
use crate::asl::value::Value;

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

/// Longer ones first.
const OPERATORS: &[(&str, Operator)] = &[
    ("===", Operator::Equal),
    ("!==", Operator::NotEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

const WORDS: &[(&str, Operator)] = &[
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

impl Filter {
    /// Reads a filter in its parentheses.
    pub(super) fn read(rest: &mut Text<'_>, depth: usize) -> Result<Self, String> {
        if depth > DEPTH_MAX {
            return Err(format!("filters are nested more than {DEPTH_MAX} deep"));
        }
        if !rest.eat("(") {
            return Err("'(' is missing after '?'".to_owned());
        }
        let filter = any(rest, depth)?;
        rest.skip_blanks();
        if rest.eat(")") { Ok(filter) } else { Err("a filter is not closed".to_owned()) }
    }

    /// Whether an element of the document is like this.
    pub(super) fn fits(&self, document: &Value, element: &Value) -> bool {
        match self {
            Filter::All(parts) => parts.iter().all(|part| part.fits(document, element)),
            Filter::Any(parts) => parts.iter().any(|part| part.fits(document, element)),
            Filter::Not(part) => !part.fits(document, element),
            Filter::There(operand) => operand.value(document, element).is_some(),
            Filter::Compare(left, operator, right) => compare(
                left.value(document, element).as_ref(),
                *operator,
                right.value(document, element).as_ref(),
            ),
        }
    }
}

fn any(rest: &mut Text<'_>, depth: usize) -> Result<Filter, String> {
    let mut parts = vec![all(rest, depth)?];
    loop {
        rest.skip_blanks();
        if !rest.eat("||") {
            return Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) });
        }
        parts.push(all(rest, depth)?);
    }
}

fn all(rest: &mut Text<'_>, depth: usize) -> Result<Filter, String> {
    let mut parts = vec![part(rest, depth)?];
    loop {
        rest.skip_blanks();
        if !rest.eat("&&") {
            return Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) });
        }
        parts.push(part(rest, depth)?);
    }
}

fn part(rest: &mut Text<'_>, depth: usize) -> Result<Filter, String> {
    if depth > DEPTH_MAX {
        return Err(format!("filters are nested more than {DEPTH_MAX} deep"));
    }
    rest.skip_blanks();
    if rest.peek() == Some('!') && !rest.rest().starts_with("!=") {
        rest.eat("!");
        return Ok(Filter::Not(Box::new(part(rest, depth + 1)?)));
    }
    if rest.peek() == Some('(') {
        return Filter::read(rest, depth + 1);
    }
    let left = operand(rest, depth)?;
    rest.skip_blanks();
    let Some(operator) = operator(rest) else { return Ok(Filter::There(left)) };
    rest.skip_blanks();
    Ok(Filter::Compare(left, operator, operand(rest, depth)?))
}

fn operator(rest: &mut Text<'_>) -> Option<Operator> {
    if let Some((_, operator)) = OPERATORS.iter().find(|(text, _)| rest.eat(text)) {
        return Some(*operator);
    }
    let mut ahead = rest.clone();
    let word = ahead.take_while(char::is_alphabetic).to_ascii_lowercase();
    let (_, operator) = WORDS.iter().find(|(text, _)| *text == word)?;
    *rest = ahead;
    Some(*operator)
}

fn operand(rest: &mut Text<'_>, depth: usize) -> Result<Operand, String> {
    match rest.peek() {
        Some('@') => {
            rest.eat("@");
            path(rest, depth).map(|(steps, definite)| Operand::Element(steps, definite))
        }
        Some('$') => {
            rest.eat("$");
            path(rest, depth).map(|(steps, definite)| Operand::Document(steps, definite))
        }
        Some('[') => {
            rest.eat("[");
            let mut items = Vec::new();
            loop {
                rest.skip_blanks();
                if rest.eat("]") {
                    return Ok(Operand::List(items));
                }
                items.push(literal(rest)?);
                rest.skip_blanks();
                rest.eat(",");
            }
        }
        _ => literal(rest).map(Operand::Literal),
    }
}

fn path(rest: &mut Text<'_>, depth: usize) -> Result<(Vec<Step>, bool), String> {
    let steps = steps(rest, depth + 1)?;
    let path = Path { text: String::new(), root: Root::Input, steps };
    let is_definite = path.is_definite();
    Ok((path.steps, is_definite))
}

/// A literal; a bare word is a text.
fn literal(rest: &mut Text<'_>) -> Result<Literal, String> {
    if matches!(rest.peek(), Some('\'' | '"')) {
        return rest.quoted().map(Literal::Text).ok_or_else(|| "a text is not closed".to_owned());
    }
    let word = rest.take_while(|c| !c.is_whitespace() && !"()[],=!<>&|'\"".contains(c));
    match word {
        "" => Err("a value is missing in a filter".to_owned()),
        "null" => Ok(Literal::Null),
        "true" => Ok(Literal::Bool(true)),
        "false" => Ok(Literal::Bool(false)),
        word if word.starts_with('/') => Err("regular expressions in filters are not known here".to_owned()),
        word => {
            let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
            let number = word.parse().ok().filter(|_| is_number);
            Ok(number.map_or_else(|| Literal::Text(word.to_owned()), Literal::Number))
        }
    }
}

impl Operand {
    fn value(&self, document: &Value, element: &Value) -> Option<Value> {
        match self {
            Operand::Literal(literal) => Some(literal.value()),
            Operand::List(items) => Some(Value::Array(items.iter().map(Literal::value).collect())),
            Operand::Element(steps, definite) => find_within(steps, *definite, document, element),
            Operand::Document(steps, definite) => find_within(steps, *definite, document, document),
        }
    }
}

impl Literal {
    fn value(&self) -> Value {
        match self {
            Literal::Null => Value::Null,
            Literal::Bool(flag) => Value::Bool(*flag),
            Literal::Number(number) => Value::number(*number),
            Literal::Text(text) => Value::from(text.as_str()),
        }
    }
}

/// A path that leads nowhere compares with nothing: only `!=` holds.
fn compare(left: Option<&Value>, operator: Operator, right: Option<&Value>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return operator == Operator::NotEqual };
    let order = || match (left, right) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        _ => None,
    };
    match operator {
        Operator::Equal => is_equal(left, right),
        Operator::NotEqual => !is_equal(left, right),
        Operator::Less => order() == Some(Ordering::Less),
        Operator::LessOrEqual => order().is_some_and(Ordering::is_le),
        Operator::Greater => order() == Some(Ordering::Greater),
        Operator::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
        Operator::In => right.as_array().is_some_and(|items| items.iter().any(|item| is_equal(left, item))),
        Operator::NotIn => {
            right.as_array().is_some_and(|items| items.iter().all(|item| !is_equal(left, item)))
        }
        Operator::Contains => match (left, right) {
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            (Value::Array(items), part) => items.iter().any(|item| is_equal(item, part)),
            _ => false,
        },
        Operator::Size => length(left).is_some_and(|length| right.as_f64() == Some(length as f64)),
        Operator::Empty => length(left).is_some_and(|length| right.as_bool() == Some(length == 0)),
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        Value::String(text) => Some(text.chars().count()),
        _ => None,
    }
}

/// A number equals a text that spells it.
fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(number), Value::String(text)) => text.parse().ok() == number.as_f64(),
        (Value::String(text), Value::Number(number)) => *text == number.to_string(),
        _ => left == right,
    }
}
