//! Expressions in a definition: `{% $states.input.name %}`.

use std::time::SystemTime;

use super::jsonata::{self, Host};
use super::problem::Problems;
use super::raised::Raised;
use super::scope::Scope;
use super::value::{Object, Value};

/// A JSONata expression, and the field that it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    field: String,
    inner: jsonata::Expression,
}

impl Expression {
    /// Reads a text that is an expression; `None` if it is none. `field` is its name below the state, `at` its place.
    pub(super) fn read(text: &str, field: &str, at: &str, problems: &Problems) -> Option<Self> {
        let inner = text.strip_prefix("{%")?.strip_suffix("%}")?.trim();
        match jsonata::Expression::parse(inner) {
            Ok(inner) => Some(Expression { field: field.to_owned(), inner }),
            Err(why) => {
                problems.schema(format!("The JSONata expression is not valid: {why}"), at);
                None
            }
        }
    }

    /// Whether a text is meant as an expression.
    pub(super) fn is_one(text: &str) -> bool {
        text.len() >= 4 && text.starts_with("{%") && text.ends_with("%}")
    }

    /// The value for this scope.
    pub(crate) fn value(&self, scope: &Scope<'_>) -> Result<Value, Raised> {
        let text = self.inner.text();
        let mut variables: Vec<(&str, Value)> = Vec::new();
        for (name, value) in scope.variables().iter().filter(|(name, _)| text.contains(name.as_str())) {
            variables.push((name, value.clone()));
        }
        if text.contains("$states") {
            variables.push(("states", states(text, scope)));
        }
        let raise = |what: String| {
            Raised::evaluation(
                &self.field,
                format!("The JSONata expression '{text}' specified for the field '{}' {what}", self.field),
            )
        };
        match self.inner.value(variables, &Drawn(scope)) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(raise("returned nothing (undefined).".to_owned())),
            Err(why) => Err(raise(format!("threw an error during evaluation. {why}"))),
        }
    }

    /// The same, if it is of this type.
    pub(crate) fn value_of(&self, kind: &str, scope: &Scope<'_>) -> Result<Value, Raised> {
        let value = self.value(scope)?;
        if value.kind() == kind {
            return Ok(value);
        }
        let text = self.inner.text();
        let words = format!(
            "The JSONata expression '{text}' specified for the field '{}' returned an unexpected result type. Expected '{kind}', but was '{}' for value: {value}",
            self.field,
            value.kind()
        );
        Err(Raised::evaluation(&self.field, words))
    }
}

/// `$states`: as much of it as the expression names.
fn states(text: &str, scope: &Scope<'_>) -> Value {
    let mut states = Object::default();
    // Who takes all of it, or names a part in another way, gets all of it.
    let parts = text.matches("$states").count();
    let named: usize = ["input", "context", "result", "errorOutput"]
        .iter()
        .map(|part| text.matches(&format!("$states.{part}")).count())
        .sum();
    let wanted = |part: &str| named < parts || text.contains(&format!("$states.{part}"));
    if wanted("input") {
        states.insert("input", scope.input.clone());
    }
    if wanted("context") {
        states.insert("context", scope.context().clone());
    }
    if let Some(result) = scope.result() {
        states.insert("result", result.clone());
    }
    if let Some(output) = scope.error_output() {
        states.insert("errorOutput", output.clone());
    }
    Value::Object(states)
}

struct Drawn<'a, 'b>(&'a Scope<'b>);

impl Host for Drawn<'_, '_> {
    fn chance(&self) -> f64 {
        self.0.chance()
    }

    fn uuid(&self) -> String {
        self.0.uuid()
    }

    fn now(&self) -> SystemTime {
        self.0.now()
    }
}
