//! Numbers that a definition gives as they are, or by a path: `TimeoutSeconds` and `TimeoutSecondsPath`.

use super::expression::Expression;
use super::fields::Fields;
use super::path::Path;
use super::raised::Raised;
use super::scope::Scope;
use super::value::Value;

/// A number, or where it is found.
#[derive(Debug, Clone)]
pub(crate) enum Quantity {
    Fixed(f64),
    At(Path),
    Expression(Expression),
}

/// How a field with a path is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// A whole number.
    Integer,
    /// Any number.
    Float,
}

impl Quantity {
    /// Reads `NAME` or `NAMEPath`: a number in these bounds, with them.
    pub(super) fn read(
        fields: &mut Fields<'_>,
        name: &str,
        form: Form,
        least: f64,
        most: f64,
    ) -> Option<Self> {
        let by_path = format!("{name}Path");
        if let (true, Some(Value::String(text))) = (fields.is_jsonata(), fields.get(name)) {
            let read = Expression::read(text, name, &fields.place(name), fields.problems);
            if read.is_some() {
                fields.take(name);
                return read.map(Quantity::Expression);
            }
        }
        if fields.is_jsonata() {
            return Self::number(fields, name, form, least, most);
        }
        fields.exclusive(name, &by_path);
        if let Some(path) = fields.path(&by_path) {
            fields.take(name);
            return Some(Quantity::At(path));
        }
        Self::number(fields, name, form, least, most)
    }

    fn number(fields: &mut Fields<'_>, name: &str, form: Form, least: f64, most: f64) -> Option<Self> {
        let number = fields.take(name)?.as_f64().filter(|n| *n >= least && *n <= most);
        let number = number.filter(|n| matches!(form, Form::Float) || n.fract() == 0.0);
        if number.is_none() {
            let whole = if matches!(form, Form::Integer) { "whole " } else { "" };
            let words = format!("The value must be a {whole}number from {least} to {most}");
            fields.problems.schema(words, fields.place(name));
        }
        number.map(Quantity::Fixed)
    }

    /// The number, if the definition says it.
    pub(super) fn fixed(&self) -> Option<f64> {
        if let Quantity::Fixed(number) = self { Some(*number) } else { None }
    }

    /// The number for this scope. `name` is the field's, without `Path`.
    pub(crate) fn value(&self, name: &str, form: Form, scope: &Scope<'_>) -> Result<f64, Raised> {
        let path = match self {
            Quantity::Fixed(number) => return Ok(*number),
            Quantity::At(path) => path,
            Quantity::Expression(expression) => {
                let value = expression.value_of("number", scope)?;
                let number = value.as_f64().filter(|n| matches!(form, Form::Float) || n.fract() == 0.0);
                return number.ok_or_else(|| {
                    Raised::evaluation(name, format!("The {name} field must be an integer but was: {value}"))
                });
            }
        };
        let value = scope
            .find(path)
            .map_err(|why| Raised::runtime(format!("Invalid path '{}' : {}", path.text(), why.0)))?;
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.filter(|n| n.is_finite() && (matches!(form, Form::Float) || n.fract() == 0.0));
        number.ok_or_else(|| {
            let kind = if matches!(form, Form::Integer) { "integer" } else { "float" };
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let text = path.text();
            Raised::runtime(format!(
                "The {name}Path field refers to value \"{shown}\" which is not a valid {kind}: {text}"
            ))
        })
    }
}
