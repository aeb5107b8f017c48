//! A definition's objects, field by field.

use std::time::Duration;

use serde_json::{Map, Value};

use super::path::{Path, Template};
use crate::error::ApiError;

/// The fields of one object of a definition: each is taken out, and what is left at the end is not known.
pub(super) struct Fields {
    pub(super) map: Map<String, Value>,
    at: String,
}

impl Fields {
    pub(super) fn new(value: Value, at: String) -> Result<Self, ApiError> {
        match value {
            Value::Object(map) => Ok(Fields { map, at }),
            _ => Err(ApiError::invalid_definition("Expected an object", &at)),
        }
    }

    pub(super) fn wrong(&self, reason: &str) -> ApiError {
        ApiError::invalid_definition(reason, &self.at)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name)
    }

    pub(super) fn skip(&mut self, name: &str) {
        self.map.remove(name);
    }

    pub(super) fn required(&mut self, name: &str) -> Result<Value, ApiError> {
        self.take(name).ok_or_else(|| self.wrong(&format!("These fields are required: [{name}]")))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(&format!("Expected value of type String for the field '{name}'"))),
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<String, ApiError> {
        self.text(name)?.ok_or_else(|| self.wrong(&format!("These fields are required: [{name}]")))
    }

    /// A field that may be there, if it holds the only value known here.
    pub(super) fn fixed(&mut self, name: &str, known: &str) -> Result<(), ApiError> {
        match self.text(name)? {
            Some(other) if other != known => {
                Err(self.wrong(&format!("This emulator does not know '{name}': '{other}', only '{known}'")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn whole(&mut self, name: &str) -> Result<Option<u64>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_u64().filter(|n| *n <= 99_999_999) {
                Some(number) => Ok(Some(number)),
                None => {
                    Err(self.wrong(&format!("The field '{name}' must be a whole number from 0 to 99999999")))
                }
            },
        }
    }

    pub(super) fn seconds(&mut self, name: &str) -> Result<Option<Duration>, ApiError> {
        Ok(self.whole(name)?.map(Duration::from_secs))
    }

    /// A path: `$` if the field is not there, `None` if it is null.
    pub(super) fn path(&mut self, name: &str) -> Result<Option<Path>, ApiError> {
        match self.take(name) {
            None => Ok(Some(Path::root())),
            Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                Path::parse(&text).map(Some).map_err(|e| self.wrong(&format!("{name}: {e}")))
            }
            Some(_) => Err(self.wrong(&format!("Expected value of type String for the field '{name}'"))),
        }
    }

    /// A template that may look at these parts of the context object.
    pub(super) fn template(&mut self, name: &str, context: &[&str]) -> Result<Option<Template>, ApiError> {
        let value = self.take(name);
        value
            .map(|v| Template::parse(v, context).map_err(|e| self.wrong(&format!("{name}: {e}"))))
            .transpose()
    }

    /// Exactly one of `Next` and `End: true`.
    pub(super) fn transition(&mut self) -> Result<Option<String>, ApiError> {
        let end = self.take("End");
        match (self.text("Next")?, end) {
            (Some(next), None | Some(Value::Bool(false))) => Ok(Some(next)),
            (None, Some(Value::Bool(true))) => Ok(None),
            _ => Err(self.wrong("Exactly one of 'Next' and 'End': true is required")),
        }
    }

    /// The objects of an array, each with its place.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Fields>, ApiError> {
        let items = match self.take(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                return Err(self.wrong(&format!("Expected value of type Array for the field '{name}'")));
            }
        };
        let at = |i| format!("{}/{name}[{i}]", self.at);
        items.into_iter().enumerate().map(|(i, item)| Fields::new(item, at(i))).collect()
    }

    /// Refuses what no one took.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        match self.map.keys().next() {
            Some(name) => Err(self.wrong(&format!("Field '{name}' is not supported"))),
            None => Ok(()),
        }
    }
}
