//! Texts that a definition gives as they are, or says where they are found: `Error` and `ErrorPath`.

use super::expression::Expression;
use super::fields::Fields;
use super::intrinsic::Call;
use super::path::Path;
use super::raised::Raised;
use super::scope::Scope;
use super::template::{Template, not_found};
use super::value::Value;

/// A text, or where it is found.
#[derive(Debug)]
pub(crate) enum Words {
    Fixed(String),
    At(&'static str, Path),
    Call(&'static str, Call),
    Expression(Expression),
}

impl Words {
    pub(super) fn read(fields: &mut Fields<'_>, name: &'static str, by_path: &'static str) -> Option<Self> {
        if fields.is_jsonata() {
            let text = fields.text(name)?;
            if Expression::is_one(&text) {
                return Expression::read(&text, name, &fields.place(name), fields.problems)
                    .map(Words::Expression);
            }
            return Some(Words::Fixed(text));
        }
        fields.exclusive(name, by_path);
        if let Some(text) = fields.text(by_path) {
            fields.take(name);
            if !text.starts_with("States.") {
                return fields.read_path(&text, by_path).map(|path| Words::At(by_path, path));
            }
            return match Call::parse(&text) {
                Ok(call) => Some(Words::Call(by_path, call)),
                Err(why) => {
                    fields.problems.schema(
                        format!("The value is not a valid intrinsic function call ({why})"),
                        fields.place(by_path),
                    );
                    None
                }
            };
        }
        fields.text(name).map(Words::Fixed)
    }

    /// The text for this scope.
    pub(crate) fn value(&self, scope: &Scope<'_>) -> Result<String, Raised> {
        let (field, value) = match self {
            Words::Fixed(text) => return Ok(text.clone()),
            Words::Expression(expression) => {
                let value = expression.value_of("string", scope)?;
                return Ok(value.as_str().unwrap_or_default().to_owned());
            }
            Words::At(field, path) => {
                (field, scope.find(path).map_err(|_| not_found(path.text(), field, scope))?)
            }
            Words::Call(field, call) => {
                let template = Template::Call((*field).to_owned(), call.clone());
                (field, template.fill(scope)?)
            }
        };
        match value {
            Value::String(text) => Ok(text),
            other => Err(Raised::runtime(format!(
                "The {field} field must lead to a string but was of type {}",
                other.kind()
            ))),
        }
    }
}
