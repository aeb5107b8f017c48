//! A table of the file whose keys are looked at one by one: one kind of code for all of them, since each struct that serde reads
//! costs a device kilobytes.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

/// A word about a key: where in the text, which key, what of it.
pub(super) type Remark = (usize, String, String);

/// What a key may be set to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Text(String),
    List(Vec<String>),
    Switch(bool),
}

/// Keys and what they are set to. It remembers what its reader found wrong, and unwise.
#[derive(Default)]
pub(super) struct Table {
    keys: Vec<(String, Spanned<Word>)>,
    /// The first thing that is wrong.
    wrong: Option<Remark>,
    doubts: Vec<Remark>,
}

impl Table {
    /// Keys that are none are wrong.
    pub(super) fn known(&mut self, keys: &[&str]) {
        if let Some((key, _)) = self.keys.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            let key = key.clone();
            self.wrong(&key, &format!("unknown key, expected one of {}", keys.join(", ")));
        }
    }

    /// The keys that are set.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(key, _)| key.as_str())
    }

    /// A text. An empty one is wrong.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let text = self.text_or_none(key)?;
        if text.trim().is_empty() {
            self.wrong(key, "is empty");
        }
        Some(text)
    }

    /// A text that may be empty.
    pub(super) fn text_or_none(&mut self, key: &str) -> Option<String> {
        match self.get(key)? {
            Word::Text(text) => return Some(text.clone()),
            _ => self.wrong(key, "expected a text"),
        }
        None
    }

    pub(super) fn list(&mut self, key: &str) -> Option<Vec<String>> {
        match self.get(key)? {
            Word::List(list) => return Some(list.clone()),
            _ => self.wrong(key, "expected a list of texts"),
        }
        None
    }

    pub(super) fn switch(&mut self, key: &str) -> Option<bool> {
        match *self.get(key)? {
            Word::Switch(on) => return Some(on),
            _ => self.wrong(key, "expected true or false"),
        }
        None
    }

    /// Something is wrong with a key. A key that is not set stands where the table's first key does.
    pub(super) fn wrong(&mut self, key: &str, what: &str) {
        let remark = (self.place(key), key.to_owned(), what.to_owned());
        self.wrong.get_or_insert(remark);
    }

    /// Something about a key is unwise.
    pub(super) fn doubt(&mut self, key: &str, what: &str) {
        self.doubts.push((self.place(key), key.to_owned(), what.to_owned()));
    }

    /// What was unwise, unless something was wrong.
    pub(super) fn end(self) -> Result<Vec<Remark>, Remark> {
        self.wrong.map_or(Ok(self.doubts), Err)
    }

    fn get(&self, key: &str) -> Option<&Word> {
        self.keys.iter().find(|(name, _)| name == key).map(|(_, word)| word.get_ref())
    }

    fn place(&self, key: &str) -> usize {
        let start = |(_, word): &(String, Spanned<Word>)| word.span().start;
        let it = self.keys.iter().find(|(name, _)| name == key);
        it.map(start).or_else(|| self.keys.iter().map(start).min()).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Table;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
                let mut keys = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    keys.push(entry);
                }
                Ok(Table { keys, ..Table::default() })
            }
        }
        from.deserialize_map(Keys)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneWord;
        impl<'de> Visitor<'de> for OneWord {
            type Value = Word;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a list of texts, true or false")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Word, E> {
                Ok(Word::Text(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Word, E> {
                Ok(Word::Switch(on))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Word, A::Error> {
                let mut list = Vec::new();
                while let Some(text) = seq.next_element()? {
                    list.push(text);
                }
                Ok(Word::List(list))
            }
        }
        from.deserialize_any(OneWord)
    }
}
