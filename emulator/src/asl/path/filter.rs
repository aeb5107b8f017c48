//! What fits a filter: `[?(@.price < 10 && @.name == 'x')]`.

use std::cmp::Ordering;

use super::find::find_within;
use super::model::{Filter, Literal, Operand, Operator};
use crate::asl::value::Value;

impl Filter {
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
