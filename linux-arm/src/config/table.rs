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
pub(super) enum Word {
    Text(String),
    List(Vec<String>),
    Switch(bool),
}

/// Keys and what they are set to, in the order of the file.
pub(super) struct Table(Vec<(String, Spanned<Word>)>);

impl Table {
    /// Refuses keys that are none.
    pub(super) fn known(&self, keys: &[&str]) -> Result<(), Remark> {
        match self.0.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            Some((key, word)) => Err((
                word.span().start,
                key.clone(),
                format!("unknown key, expected one of {}", keys.join(", ")),
            )),
            None => Ok(()),
        }
    }

    /// Keys that are set, and where.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(key, word)| (key.as_str(), word.span().start))
    }

    /// A text that is not empty, and where it stands.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<(usize, String)>, Remark> {
        match self.take(key) {
            None => Ok(None),
            Some((at, Word::Text(text))) if text.trim().is_empty() => {
                Err((at, key.to_owned(), "is empty".into()))
            }
            Some((at, Word::Text(text))) => Ok(Some((at, text))),
            Some((at, _)) => Err((at, key.to_owned(), "expected a text".into())),
        }
    }

    pub(super) fn list(&mut self, key: &str) -> Result<Option<(usize, Vec<String>)>, Remark> {
        match self.take(key) {
            None => Ok(None),
            Some((at, Word::List(list))) => Ok(Some((at, list))),
            Some((at, _)) => Err((at, key.to_owned(), "expected a list of texts".into())),
        }
    }

    pub(super) fn switch(&mut self, key: &str) -> Result<Option<(usize, bool)>, Remark> {
        match self.take(key) {
            None => Ok(None),
            Some((at, Word::Switch(on))) => Ok(Some((at, on))),
            Some((at, _)) => Err((at, key.to_owned(), "expected true or false".into())),
        }
    }

    /// What it is set to, even if that is an empty text.
    pub(super) fn take(&mut self, key: &str) -> Option<(usize, Word)> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        let (_, word) = self.0.swap_remove(at);
        Some((word.span().start, word.into_inner()))
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
                Ok(Table(keys))
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
