//! JSONata 2.0.6, as the service has it: without `$eval`, with `$partition`, `$range`, `$hash`, `$random`, `$uuid` and `$parse`.
//!
//! What is not known here is refused when the expression is read: the parent operator `%`, and the functions of
//! [`functions::UNKNOWN`].

mod ast;
mod eval;
mod evaluator;
mod functions;
mod host;
mod item;
mod operators;
mod parse;
mod pattern;
mod shape;
mod steps;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::rc::Rc;

use self::ast::Node;
use self::evaluator::Evaluator;
pub(crate) use self::host::Host;
use self::item::{Frame, Function, Item};
use super::value::Value;

/// An expression, checked. It is read anew for each value: what is read can't go from thread to thread.
#[derive(Clone)]
pub(crate) struct Expression(String);

impl Expression {
    /// Reads an expression, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parse::parse(text)?;
        if let Some(name) = functions::UNKNOWN.iter().find(|name| text.contains(&format!("${name}"))) {
            return Err(format!("the function '${name}' is not known here"));
        }
        Ok(Expression(text.to_owned()))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Its value with these variables; `None` if it has none.
    pub(crate) fn value<'a>(
        &self,
        variables: impl IntoIterator<Item = (&'a str, Value)>,
        host: &dyn Host,
    ) -> Result<Option<Value>, String> {
        let node: Node = parse::parse(&self.0)?;
        let frame = Frame::new(None);
        for native in functions::NATIVES {
            frame.bind(native.name, Item::Function(Rc::new(Function::Native(native))));
        }
        for (name, value) in variables {
            frame.bind(name, Item::from(&value));
        }
        let value = Evaluator::new(host).value(&node, &Item::Nothing, &frame)?;
        Ok(value.to_value())
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
