//! JSON as the language sees it: objects keep the order of their fields, as the service's do.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;

/// A JSON value. `Debug` shows its kind alone, since it may be an input or an output; `Display` is its compact text.
#[derive(Clone, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number: a whole one of 64 bits, or a double.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

/// The fields of an object in their order. A name is there once.
#[derive(Clone, Default)]
pub struct Object(Vec<(String, Value)>);

impl Value {
    /// Reads JSON. A name that stands twice in an object counts with its last value.
    ///
    /// # Errors
    /// The text is no JSON, or nested more than 127 levels deep.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// A whole number.
    pub fn whole(number: impl Into<i64>) -> Self {
        Value::Number(Number::from(number.into()))
    }

    /// A number; whole ones lose their point. `null` for what JSON can't say.
    pub fn number(number: f64) -> Self {
        /// Doubles hold all whole numbers up to here.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && number.abs() <= EXACT {
            return Value::whole(number as i64);
        }
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(flag) = self { Some(*flag) } else { None }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        if let Value::Number(number) = self { number.as_f64() } else { None }
    }

    pub(crate) fn as_array(&self) -> Option<&[Value]> {
        if let Value::Array(items) = self { Some(items) } else { None }
    }

    pub(crate) fn as_object(&self) -> Option<&Object> {
        if let Value::Object(fields) = self { Some(fields) } else { None }
    }

    /// The field of this name, if it is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object()?.get(name)
    }

    /// Its kind, for texts about it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// Whether it is nested at most so many levels deep.
    pub(crate) fn is_within(&self, levels: usize) -> bool {
        match self {
            Value::Array(items) => levels > 0 && items.iter().all(|item| item.is_within(levels - 1)),
            Value::Object(fields) => levels > 0 && fields.iter().all(|(_, item)| item.is_within(levels - 1)),
            _ => true,
        }
    }
}

impl Object {
    /// The value of this field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Sets a field; a new one comes last.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        match self.get_mut(&name) {
            Some(place) => *place = value,
            None => self.0.push((name, value)),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(index).1)
    }

    /// The fields in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &(String, Value)> {
        self.0.iter()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields, of which no two have one name.
    pub(crate) fn of_distinct(fields: Vec<(String, Value)>) -> Self {
        Object(fields)
    }

    pub(crate) fn into_fields(self) -> Vec<(String, Value)> {
        self.0
    }
}

impl FromIterator<(String, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(fields: I) -> Self {
        // Looked up by name, since there may be many and they come from outside.
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut object = Object::default();
        for (name, value) in fields {
            match places.get(&name).and_then(|index| object.0.get_mut(*index)) {
                Some(field) => field.1 = value,
                None => {
                    places.insert(name.clone(), object.0.len());
                    object.0.push((name, value));
                }
            }
        }
        object
    }
}

/// Numbers are equal if they are the same number, objects whatever the order of their fields.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(name, value)| b.get(name) == Some(value))
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(flag),
            serde_json::Value::Number(number) => Value::Number(number),
            serde_json::Value::String(text) => Value::String(text),
            serde_json::Value::Array(items) => Value::Array(items.into_iter().map(Value::from).collect()),
            serde_json::Value::Object(fields) => {
                Value::Object(Object(fields.into_iter().map(|(name, value)| (name, value.into())).collect()))
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => to.serialize_unit(),
            Value::Bool(flag) => to.serialize_bool(*flag),
            Value::Number(number) => number.serialize(to),
            Value::String(text) => to.serialize_str(text),
            Value::Array(items) => to.collect_seq(items),
            Value::Object(fields) => {
                let mut map = to.serialize_map(Some(fields.len()))?;
                for (name, value) in fields.iter() {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(field) = fields.next_entry()? {
            read.push(field);
        }
        Ok(Value::Object(read.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_the_last_of_a_name_counts() {
        let value = Value::parse(r#"{"b":1,"a":[true,null,"x",1.5,-0.0],"b":{"z":2,"y":{}}}"#).unwrap();
        assert_eq!(value.to_string(), r#"{"b":{"z":2,"y":{}},"a":[true,null,"x",1.5,-0.0]}"#);
    }

    #[test]
    fn equal_is_what_says_the_same() {
        let same = |a: &str, b: &str| Value::parse(a).unwrap() == Value::parse(b).unwrap();
        assert!(same(r#"{"a":1,"b":[1.0]}"#, r#"{"b":[1],"a":1.0}"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
        assert!(!same("1", "\"1\""));
    }

    #[test]
    fn depth_is_measured_no_deeper_than_asked() {
        let value = Value::parse("[[[1]]]").unwrap();
        assert!(value.is_within(3) && !value.is_within(2));
    }

    #[test]
    fn no_data_in_debug() {
        assert_eq!(format!("{:?}", Value::parse(r#"{"key":"sEcReT"}"#).unwrap()), "object");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_as_serde_json_reads_it(text in "[\\[\\]{}:,\"a-c0-9.e\\-tn ]{0,16}|\\PC{0,16}") {
            let other: Result<serde_json::Value, _> = serde_json::from_str(&text);
            let own = Value::parse(&text);
            proptest::prop_assert_eq!(own.is_ok(), other.is_ok());
            if let (Ok(own), Ok(other)) = (own, other) {
                proptest::prop_assert!(own == Value::from(other));
                proptest::prop_assert!(Value::parse(&own.to_string()).unwrap() == own);
            }
        }
    }
}
