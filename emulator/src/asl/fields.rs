//! A definition's objects, field by field. What is wrong is noted, and reading goes on.

use std::time::Duration;

use super::language::Language;
use super::path::Path;
use super::problem::Problems;
use super::value::{Object, Value};

/// The longest time of a field in seconds. Source: Amazon States Language, "Timeouts".
pub(super) const SECONDS_MAX: u64 = 99_999_999;

/// The fields of one object of a definition: each is taken out, and what is left at the end is not known.
pub(super) struct Fields<'a> {
    map: Object,
    pub(super) at: String,
    pub(super) problems: &'a Problems,
    pub(super) language: Language,
}

impl<'a> Fields<'a> {
    /// `None`, and a note, if it is no object.
    pub(super) fn new(value: Value, at: impl Into<String>, problems: &'a Problems) -> Option<Self> {
        let at = at.into();
        match value {
            Value::Object(map) => Some(Fields { map, at, problems, language: Language::default() }),
            _ => {
                problems.schema("Expected value of type Object", at);
                None
            }
        }
    }

    /// The same in this language.
    pub(super) fn in_language(self, language: Language) -> Self {
        Fields { language, ..self }
    }

    pub(super) fn is_jsonata(&self) -> bool {
        self.language == Language::Jsonata
    }

    pub(super) fn wrong(&self, reason: impl Into<String>) {
        self.problems.schema(reason, self.at.as_str());
    }

    /// The place of a field.
    pub(super) fn place(&self, name: &str) -> String {
        if self.at == "/" { format!("/{name}") } else { format!("{}/{name}", self.at) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.map.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name)
    }

    /// Takes the field if it is null.
    pub(super) fn take_null(&mut self, name: &str) -> Option<Value> {
        matches!(self.map.get(name), Some(Value::Null)).then(|| self.map.remove(name)).flatten()
    }

    pub(super) fn required(&mut self, name: &str) -> Option<Value> {
        let value = self.take(name);
        if value.is_none() {
            self.missing(name);
        }
        value
    }

    pub(super) fn missing(&self, name: &str) {
        self.wrong(format!("These fields are required: [{name}]"));
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => self.of_type("String", name),
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Option<String> {
        if !self.has(name) {
            self.missing(name);
        }
        self.text(name)
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            _ => self.of_type("Boolean", name),
        }
    }

    pub(super) fn comment(&mut self) {
        self.text("Comment");
    }

    /// Notes that a field has another type than it must have.
    pub(super) fn of_type<T>(&self, kind: &str, name: &str) -> Option<T> {
        self.problems.schema(format!("Expected value of type {kind}"), self.place(name));
        None
    }

    /// A whole number in these bounds, with them.
    pub(super) fn whole(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.take(name)?;
        let number = value.as_f64().filter(|n| n.fract() == 0.0 && *n >= least as f64 && *n <= most as f64);
        if number.is_none() {
            let words = format!("The value must be a whole number from {least} to {most}");
            self.problems.schema(words, self.place(name));
        }
        number.map(|number| number as u64)
    }

    pub(super) fn seconds(&mut self, name: &str, least: u64) -> Option<Duration> {
        self.whole(name, least, SECONDS_MAX).map(Duration::from_secs)
    }

    pub(super) fn path(&mut self, name: &str) -> Option<Path> {
        let text = self.text(name)?;
        self.read_path(&text, name)
    }

    pub(super) fn read_path(&self, text: &str, name: &str) -> Option<Path> {
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(why) => {
                self.problems.schema(format!("Value is not a valid JSONPath: {why}"), self.place(name));
                None
            }
        }
    }

    /// The items of an array.
    pub(super) fn array(&mut self, name: &str) -> Option<Vec<Value>> {
        match self.take(name)? {
            Value::Array(items) => Some(items),
            _ => self.of_type("Array", name),
        }
    }

    /// The objects of an array, each with its place. Empty if the field is not there.
    pub(super) fn list(&mut self, name: &str) -> Vec<Fields<'a>> {
        let at = self.place(name);
        let items = self.array(name).unwrap_or_default();
        let fields = items.into_iter().enumerate();
        fields
            .filter_map(|(i, item)| Fields::new(item, format!("{at}[{i}]"), self.problems))
            .map(|fields| fields.in_language(self.language))
            .collect()
    }

    /// Of two ways to say one thing, at most one may be there.
    pub(super) fn exclusive(&self, one: &str, other: &str) {
        if self.has(one) && self.has(other) {
            self.wrong(format!("You cannot specify both '{one}' and '{other}'"));
        }
    }

    /// `Next`, or `None` for `End: true`. Exactly one of both must be there.
    pub(super) fn transition(&mut self) -> Option<String> {
        let end = self.flag("End").unwrap_or(false);
        let next = self.text("Next");
        match (next.is_some(), end) {
            (true, true) | (false, false) => {
                self.wrong("Exactly one of these fields is required: [Next, End]");
            }
            _ => {}
        }
        next
    }

    /// Notes what no one took.
    pub(super) fn finish(self) {
        for (name, _) in self.map.iter() {
            self.wrong(format!("Field '{name}' is not supported"));
        }
    }
}
