//! A table of the file, whose keys are looked at one by one, each with its place. Every key of the file is read here, and every flaw
//! is told from here: `LINE: key: what is wrong`.

use std::fmt;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::values;

/// What is wrong with a file, or unwise in it, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) what: String,
}

/// Keys and what they are set to. It remembers which keys were asked for, since all others are unknown, and what its reader found
/// wrong, and unwise.
pub(super) struct Table<'t> {
    text: &'t str,
    /// What precedes its keys in a flaw; empty for the file itself.
    name: &'static str,
    /// Where it begins.
    start: usize,
    keys: DeTable<'t>,
    asked: Vec<&'static str>,
    /// The first thing that is wrong.
    wrong: Option<Flaw>,
    doubts: Vec<Flaw>,
}

impl<'t> Table<'t> {
    /// A whole file.
    pub(super) fn parse(text: &'t str) -> Result<Self, Flaw> {
        match DeTable::parse(text) {
            Ok(keys) => Ok(Table::new(text, "", 0, keys.into_inner())),
            Err(e) => {
                let span = e.span().unwrap_or_default();
                Err(Flaw {
                    line: line(text, span.start),
                    key: key_at(text, span).to_owned(),
                    what: e.message().replace('\n', ", "),
                })
            }
        }
    }

    fn new(text: &'t str, name: &'static str, start: usize, keys: DeTable<'t>) -> Self {
        Table { text, name, start, keys, asked: Vec::new(), wrong: None, doubts: Vec::new() }
    }

    /// The table at a key; an empty one if it is not set.
    pub(super) fn table(&mut self, key: &'static str) -> Table<'t> {
        let keys = match self.take(key) {
            Some(DeValue::Table(keys)) => keys,
            None => DeTable::new(),
            Some(_) => {
                self.wrong(key, &format!("expected a table, [{key}]"));
                DeTable::new()
            }
        };
        Table::new(self.text, key, self.place(key), keys)
    }

    /// The tables at a key, in their order; none if it is not set.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'t>> {
        let list = match self.take(key) {
            Some(DeValue::Array(list)) => list,
            None => DeArray::new(),
            Some(_) => {
                self.wrong(key, &format!("expected a list of tables, [[{key}]]"));
                DeArray::new()
            }
        };
        let mut tables = Vec::new();
        for item in list {
            let start = item.span().start;
            match item.into_inner() {
                DeValue::Table(keys) => tables.push(Table::new(self.text, key, start, keys)),
                _ => self.wrong(key, &format!("expected a list of tables, [[{key}]]")),
            }
        }
        tables
    }

    /// A text. An empty one is wrong.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.parsed(key, |text| match text.trim().is_empty() {
            true => Err("is empty".to_owned()),
            false => Ok(text.to_owned()),
        })
    }

    /// What a text stands for.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let read = match self.ask(key)? {
            DeValue::String(text) => parse(text),
            _ => Err("expected a text in quotes".to_owned()),
        };
        self.told(key, read)
    }

    /// A list of texts.
    pub(super) fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        let text = |value: &Spanned<DeValue<'_>>| value.get_ref().as_str().map(str::to_owned);
        let list = self.ask(key)?.as_array().and_then(|list| list.iter().map(text).collect());
        self.told(key, list.ok_or_else(|| "expected a list of texts, [\"...\"]".to_owned()))
    }

    /// True or false.
    pub(super) fn switch(&mut self, key: &'static str) -> Option<bool> {
        let on = self.ask(key)?.as_bool();
        self.told(key, on.ok_or_else(|| "expected true or false".to_owned()))
    }

    /// What a whole number stands for.
    pub(super) fn number<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(u64) -> Result<T, String>,
    ) -> Option<T> {
        let read = match whole(self.ask(key)?) {
            Some(number) => number.and_then(parse),
            None => Err("expected a whole number".to_owned()),
        };
        self.told(key, read)
    }

    /// A number of bytes: a whole number, or a text with a unit.
    pub(super) fn bytes<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(u64) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.ask(key)?;
        let read = match (whole(value), value.as_str()) {
            (Some(number), _) => number,
            (None, Some(text)) => values::bytes(text),
            (None, None) => Err("expected a number of bytes like 262144 or \"256KiB\"".to_owned()),
        };
        self.told(key, read.and_then(parse))
    }

    /// Whether a key is set.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// The keys that are set.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(|key| &**key.get_ref())
    }

    /// Keys that are known, be they asked for or not.
    pub(super) fn knows(&mut self, keys: &[&'static str]) {
        for key in keys {
            if !self.asked.contains(key) {
                self.asked.push(key);
            }
        }
    }

    /// A key that has to be set.
    pub(super) fn needs(&mut self, key: &'static str) {
        if !self.is_set(key) {
            self.wrong(key, "is missing");
        }
    }

    /// Something is wrong with a key; with the table itself, if the key is empty. A key that is not set stands where the table
    /// begins.
    pub(super) fn wrong(&mut self, key: &str, what: &str) {
        let flaw = self.flaw(key, what);
        self.wrong.get_or_insert(flaw);
    }

    /// Something about a key is unwise.
    pub(super) fn doubt(&mut self, key: &str, what: &str) {
        self.doubts.push(self.flaw(key, what));
    }

    /// What was unwise, unless something was wrong. A key that nobody asked for comes first: whatever is missing may be
    /// that one, misspelt.
    pub(super) fn end(mut self) -> Result<Vec<Flaw>, Flaw> {
        let unknown = self.keys().filter(|key| !self.asked.contains(key)).min_by_key(|key| self.place(key));
        if let Some(key) = unknown {
            let what = format!("unknown key, expected one of {}", self.asked.join(", "));
            return Err(self.flaw(key, &what));
        }
        self.wrong.take().map_or(Ok(self.doubts), Err)
    }

    fn ask(&mut self, key: &'static str) -> Option<&DeValue<'t>> {
        self.knows(&[key]);
        self.keys.get(key).map(Spanned::get_ref)
    }

    /// Its value, while the key stays.
    fn take(&mut self, key: &'static str) -> Option<DeValue<'t>> {
        self.knows(&[key]);
        let value = self.keys.get_mut(key)?.get_mut();
        Some(std::mem::replace(value, DeValue::Boolean(false)))
    }

    fn told<T>(&mut self, key: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|what| self.wrong(key, &what)).ok()
    }

    fn flaw(&self, key: &str, what: &str) -> Flaw {
        let dot = if self.name.is_empty() || key.is_empty() { "" } else { "." };
        Flaw {
            line: line(self.text, self.place(key)),
            key: format!("{}{dot}{key}", self.name),
            what: what.to_owned(),
        }
    }

    fn place(&self, key: &str) -> usize {
        self.keys.get_key_value(key).map_or(self.start, |(key, _)| key.span().start)
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Flaw { line, key, what } = self;
        let colon = if key.is_empty() { "" } else { ": " };
        write!(f, "{line}: {key}{colon}{what}")
    }
}

fn line(text: &str, start: usize) -> usize {
    text.bytes().take(start).filter(|b| *b == b'\n').count() + 1
}

/// No key is longer; a secret that stands where it does not belong is.
const KEY_MAX: usize = 24;

/// The key that stands here, if this is the beginning of a line and looks like one.
fn key_at(text: &str, span: std::ops::Range<usize>) -> &str {
    let before = text.get(..span.start).unwrap_or_default();
    let begins = before.rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
    let plain = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let is_key = |word: &&str| begins && word.len() <= KEY_MAX && plain(word);
    text.get(span).filter(is_key).unwrap_or_default()
}

/// A number, or why it can't be used; `None`: it is no whole number.
fn whole(value: &DeValue<'_>) -> Option<Result<u64, String>> {
    let number = value.as_integer()?;
    let read = u64::from_str_radix(number.as_str(), number.radix());
    Some(read.map_err(|_| {
        format!("expected a whole number that is not below zero nor beyond 64 bits, not {number}")
    }))
}
