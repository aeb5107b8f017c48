//! `StringToJson`, `JsonMerge`.

use super::arguments::text;
use crate::asl::value::{Object, Value};

/// An empty text is `null`.
pub(super) fn string_to_json(value: &Value) -> Result<Value, String> {
    let text = text(value, "the argument")?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    // JSON's -0 is a whole number to the service.
    let parsed = Value::parse(text).map_err(|_| "Invalid JSON".to_owned())?;
    Ok(if parsed == Value::whole(0) { Value::whole(0) } else { parsed })
}

/// The fields of both, the second's where both have one. Source: developer guide, "Intrinsic functions": deep merging is not supported.
pub(super) fn merge(first: &Value, second: &Value, deep: &Value) -> Result<Value, String> {
    let (Value::Object(first), Value::Object(second), Value::Bool(deep)) = (first, second, deep) else {
        return Err("two objects and a boolean are needed".to_owned());
    };
    if *deep {
        return Err("deep merging is not supported: the third argument must be false".to_owned());
    }
    let fields: Object = first.iter().chain(second.iter()).cloned().collect();
    Ok(Value::Object(fields))
}
