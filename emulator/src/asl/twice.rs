//! Names that stand twice in an object of a definition: JSON's readers keep the last one and say nothing.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The first name that stands twice in one object, if the text is JSON.
pub(super) fn name(text: &str) -> Option<String> {
    serde_json::from_str::<Twice>(text).ok().and_then(|twice| twice.0)
}

struct Twice(Option<String>);

impl<'de> Deserialize<'de> for Twice {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Twice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Twice, E> {
        Ok(Twice(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Twice, E> {
        Ok(Twice(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Twice, E> {
        Ok(Twice(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Twice, E> {
        Ok(Twice(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Twice, E> {
        Ok(Twice(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Twice, E> {
        Ok(Twice(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Twice, A::Error> {
        let mut found = None;
        while let Some(Twice(inner)) = items.next_element()? {
            found = found.or(inner);
        }
        Ok(Twice(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Twice, A::Error> {
        let (mut names, mut found) = (HashSet::new(), None);
        while let Some(name) = fields.next_key::<String>()? {
            if found.is_some() {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            found = if names.contains(&name) { Some(name.clone()) } else { None };
            let Twice(inner) = fields.next_value()?;
            found = found.or(inner);
            names.insert(name);
        }
        Ok(Twice(found))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_is_twice_in_one_object_alone() {
        assert_eq!(super::name(r#"{"a":{"b":1},"c":[{"b":2},{"x":1,"y":2,"x":3}]}"#).as_deref(), Some("x"));
        assert_eq!(super::name(r#"{"a":{"b":1},"b":{"a":2}}"#), None);
        assert_eq!(super::name("{"), None);
    }
}
