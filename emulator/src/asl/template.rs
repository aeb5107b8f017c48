//! Payload templates: JSON in which a field `"name.$": "$.path"` stands for the field `name` with the value at that path, or of
//! that intrinsic function.

use super::expression::Expression;
use super::fields::Fields;
use super::intrinsic::{Call, Failed};
use super::path::Path;
use super::problem::Problems;
use super::raised::Raised;
use super::scope::Scope;
use super::value::{Object, Value};

/// A payload template.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    Literal(Value),
    /// The field as it is written, and its path.
    At(String, Path),
    /// The field as it is written, and its call.
    Call(String, Call),
    /// JSONata's.
    Expression(Expression),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
}

impl Template {
    /// Takes the template of this name, in the language of the fields.
    pub(super) fn take(fields: &mut Fields<'_>, name: &str) -> Option<Self> {
        let at = fields.place(name);
        let value = fields.take(name)?;
        Some(match fields.is_jsonata() {
            true => Self::read_jsonata(value, name, &at, fields.problems),
            false => Self::read(value, &at, fields.problems),
        })
    }

    /// JSON in which texts may be expressions. `field` is its name below the state.
    fn read_jsonata(value: Value, field: &str, at: &str, problems: &Problems) -> Self {
        match value {
            Value::String(text) if Expression::is_one(&text) => {
                let read = Expression::read(&text, field, at, problems);
                read.map_or(Template::Literal(Value::Null), Template::Expression)
            }
            Value::Object(fields) => {
                let fields = fields.into_fields().into_iter().map(|(name, value)| {
                    let (field, at) = (format!("{field}/{name}"), format!("{at}/{name}"));
                    (name, Self::read_jsonata(value, &field, &at, problems))
                });
                Template::Object(fields.collect())
            }
            Value::Array(items) => {
                let items = items.into_iter().enumerate().map(|(i, item)| {
                    Self::read_jsonata(item, &format!("{field}[{i}]"), &format!("{at}[{i}]"), problems)
                });
                Template::Array(items.collect())
            }
            literal => Template::Literal(literal),
        }
    }

    /// Reads the template at this place; what is wrong is noted.
    pub(super) fn read(value: Value, at: &str, problems: &Problems) -> Self {
        match value {
            Value::Object(fields) => {
                let mut read: Vec<(String, Template)> = Vec::new();
                for (field, value) in fields.into_fields() {
                    let (name, template) = match field.strip_suffix(".$") {
                        Some(name) => (name.to_owned(), Self::read_dynamic(&field, &value, at, problems)),
                        None => {
                            let template = Self::read(value, &format!("{at}/{field}"), problems);
                            (field, template)
                        }
                    };
                    read.push((name, template));
                }
                let mut names: Vec<&String> = read.iter().map(|(name, _)| name).collect();
                names.sort();
                if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                    let name = twice[0];
                    problems.schema(format!("The fields '{name}' and '{name}.$' are both present"), at);
                }
                Template::Object(read)
            }
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                Template::Array(
                    items.map(|(i, item)| Self::read(item, &format!("{at}[{i}]"), problems)).collect(),
                )
            }
            literal => Template::Literal(literal),
        }
    }

    fn read_dynamic(field: &str, value: &Value, at: &str, problems: &Problems) -> Self {
        let read = match value {
            Value::String(text) if text.starts_with("States.") => {
                Call::parse(text).map(|call| Template::Call(field.to_owned(), call))
            }
            Value::String(text) => Path::parse(text).map(|path| Template::At(field.to_owned(), path)),
            other => Err(format!("it is of type {}", other.kind())),
        };
        read.unwrap_or_else(|why| {
            let words = format!("The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call ({why})");
            problems.schema(words, at);
            Template::Literal(Value::Null)
        })
    }

    /// The value for this scope.
    pub(crate) fn fill(&self, scope: &Scope<'_>) -> Result<Value, Raised> {
        Ok(match self {
            Template::Literal(value) => value.clone(),
            Template::Expression(expression) => expression.value(scope)?,
            Template::At(field, path) => {
                scope.find(path).map_err(|_| not_found(path.text(), field, scope))?
            }
            Template::Call(field, call) => call.value(scope).map_err(|failed| match failed {
                Failed::NoPath(path) => not_found(&path, field, scope),
                Failed::Function(why) => Raised::named("States.IntrinsicFailure", why),
            })?,
            Template::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), value.fill(scope)?)));
                Value::Object(Object::of_distinct(fields.collect::<Result<_, Raised>>()?))
            }
            Template::Array(items) => {
                Value::Array(items.iter().map(|item| item.fill(scope)).collect::<Result<_, _>>()?)
            }
        })
    }
}

/// The service's words for a path in a field that leads nowhere.
pub(crate) fn not_found(path: &str, field: &str, scope: &Scope<'_>) -> Raised {
    let document = if path.starts_with("$$") { scope.context().to_string() } else { scope.input.to_string() };
    let words = format!(
        "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{document}'"
    );
    Raised::runtime(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asl::scope::tests::with_scope;

    fn read(template: &str) -> (Template, Vec<String>) {
        let problems = Problems::default();
        let template = Template::read(Value::parse(template).unwrap(), "/T", &problems);
        (template, problems.into_all().iter().map(ToString::to_string).collect())
    }

    fn filled(template: &str) -> String {
        let (template, problems) = read(template);
        assert!(problems.is_empty(), "{problems:?}");
        with_scope(r#"{"order":{"id":"o-1"},"n":2}"#, |scope| match template.fill(scope) {
            Ok(value) => value.to_string(),
            Err(raised) => format!("{}: {}", raised.error(), raised.reason()),
        })
    }

    #[test]
    fn a_template_is_filled_in_the_order_of_its_fields() {
        let filled = filled(
            r#"{"z":1,"id.$":"$.order.id","all":[{"n.$":"$.n"},"$.n"],"e.$":"$$.Execution.Name","v.$":"$order","f.$":"States.MathAdd($.n, 1)"}"#,
        );
        assert_eq!(filled, r#"{"z":1,"id":"o-1","all":[{"n":2},"$.n"],"e":"e-1","v":{"id":7},"f":3}"#);
    }

    #[test]
    fn a_path_to_nothing_names_its_field_and_the_input() {
        assert_eq!(
            filled(r#"{"a":{"b.$":"$.none"}}"#),
            "States.Runtime: The JSONPath '$.none' specified for the field 'b.$' could not be found in the input '{\"order\":{\"id\":\"o-1\"},\"n\":2}'"
        );
        assert!(
            filled(r#"{"b.$":"States.Array($.none)"}"#).starts_with("States.Runtime: The JSONPath '$.none'")
        );
        assert!(
            filled(r#"{"b.$":"States.MathAdd('x', 1)"}"#)
                .starts_with("States.IntrinsicFailure: The function")
        );
    }

    #[test]
    fn what_is_no_path_and_no_call_is_refused_where_it_stands() {
        for (template, at) in [
            (r#"{"a":[{"b.$":"x"}]}"#, "/T/a[0]"),
            (r#"{"a.$":1}"#, "/T"),
            (r#"{"a.$":"States.Nope()"}"#, "/T"),
            (r#"{"a":1,"a.$":"$"}"#, "/T"),
        ] {
            let problems = read(template).1;
            assert_eq!(problems.len(), 1, "{template}");
            assert!(problems[0].ends_with(&format!(" at {at}")), "{problems:?}");
        }
    }
}
