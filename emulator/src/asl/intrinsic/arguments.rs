//! What functions take.

use crate::asl::value::Value;

/// To the nearest whole number, halves up, as Java's `Math.round` does.
pub(super) fn round(number: f64) -> i64 {
    (number + 0.5).floor() as i64
}

/// A whole number out of one that may have a fraction.
pub(super) fn whole(value: &Value, what: &str) -> Result<i64, String> {
    let number =
        value.as_f64().ok_or_else(|| format!("{what} must be a number, not of type {}", value.kind()))?;
    Ok(round(number))
}

pub(super) fn text<'a>(value: &'a Value, what: &str) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| format!("{what} must be a string, not of type {}", value.kind()))
}

pub(super) fn array(value: &Value) -> Result<&[Value], String> {
    value
        .as_array()
        .ok_or_else(|| format!("the first argument must be an array, not of type {}", value.kind()))
}
