//! `Format`, `StringSplit`, `Hash`, and Base64.

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::arguments::text;
use super::{base64, java, md5};
use crate::asl::value::Value;

/// Source: developer guide, "Intrinsic functions": Base64 and Hash take at most so many characters.
const DATA_MAX: usize = 10_000;

/// The parts of a template with a value between each two.
pub(super) fn format(parts: &[String], values: &[Value]) -> Result<Value, String> {
    if parts.len() != values.len() + 1 {
        return Err(format!(
            "there are {} '{{}}' and {} values",
            parts.len().saturating_sub(1),
            values.len()
        ));
    }
    let mut text = String::new();
    for (number, part) in parts.iter().enumerate() {
        text.push_str(part);
        text.extend(values.get(number).map(java::shown));
    }
    Ok(Value::String(text))
}

/// What stands between any of the delimiters' characters, without what is empty.
pub(super) fn split(value: &Value, delimiters: &Value) -> Result<Value, String> {
    let (text, delimiters) = (text(value, "the first argument")?, text(delimiters, "the delimiter")?);
    let words = text.split(|c| delimiters.contains(c)).filter(|word| !word.is_empty());
    Ok(Value::Array(words.map(Value::from).collect()))
}

pub(super) fn base64_encode(value: &Value) -> Result<Value, String> {
    Ok(Value::String(base64::encode(short(text(value, "the argument")?)?.as_bytes())))
}

pub(super) fn base64_decode(value: &Value) -> Result<Value, String> {
    let bytes = base64::decode(short(text(value, "the argument")?)?).ok_or("Invalid Base64")?;
    Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The lower-case hex digits of a hash of a text, or of another value's JSON.
pub(super) fn hash(value: &Value, algorithm: &Value) -> Result<Value, String> {
    let data = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(Value::String(hash_of(short(&data)?.as_bytes(), text(algorithm, "the algorithm")?)?))
}

/// The lower-case hex digits of a hash.
pub(crate) fn hash_of(data: &[u8], algorithm: &str) -> Result<String, String> {
    let digest = match algorithm {
        "MD5" => md5::digest(data).to_vec(),
        "SHA-1" => Sha1::digest(data).to_vec(),
        "SHA-256" => Sha256::digest(data).to_vec(),
        "SHA-384" => Sha384::digest(data).to_vec(),
        "SHA-512" => Sha512::digest(data).to_vec(),
        _ => return Err("the algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512".to_owned()),
    };
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn short(data: &str) -> Result<&str, String> {
    if data.chars().count() > DATA_MAX {
        Err(format!("the data has more than {DATA_MAX} characters"))
    } else {
        Ok(data)
    }
}
