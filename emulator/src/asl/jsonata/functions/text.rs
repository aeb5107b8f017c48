//! Texts.

use std::fmt::Write as _;

use super::super::evaluator::{Evaluator, Failure};
use super::super::item::{Array, Item};
use super::given::{number, text, unfit};
use super::higher;
use crate::asl::intrinsic::{base64, hash_of};
use crate::asl::value::Value;

/// The most characters that a text may be padded to.
const PAD_MAX: usize = 1_000_000;

/// A value as text; nothing is an empty one.
pub(crate) fn string(item: &Item) -> Result<String, Failure> {
    Ok(match item {
        Item::Nothing | Item::Function(_) => String::new(),
        Item::Text(text) => text.to_string(),
        Item::Number(number) => number_text(*number)?,
        other => {
            let mut out = String::new();
            write_json(other, &mut out, None)?;
            out
        }
    })
}

/// A number in fifteen digits, as JavaScript writes it.
pub(super) fn number_text(number: f64) -> Result<String, Failure> {
    if !number.is_finite() {
        return Err("D3001: Attempting to invoke string function on Infinity or NaN".to_owned());
    }
    let number: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return Ok(match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        });
    }
    Ok(if number == 0.0 { "0".to_owned() } else { number.to_string() })
}

/// JSON; indented by two blanks a level, if a level is given.
fn write_json(item: &Item, out: &mut String, level: Option<usize>) -> Result<(), Failure> {
    let quoted = |text: &str| Value::from(text).to_string();
    let line = |out: &mut String, level: Option<usize>| {
        if let Some(level) = level {
            out.push('\n');
            out.push_str(&"  ".repeat(level));
        }
    };
    let inner = level.map(|level| level + 1);
    match item {
        Item::Nothing | Item::Null => out.push_str("null"),
        Item::Bool(flag) => _ = write!(out, "{flag}"),
        Item::Number(number) => out.push_str(&number_text(*number)?),
        Item::Text(text) => out.push_str(&quoted(text)),
        Item::Function(_) => out.push_str("\"\""),
        Item::Array(array) if array.items.is_empty() => out.push_str("[]"),
        Item::Array(array) => {
            out.push('[');
            for (number, item) in array.items.iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                line(out, inner);
                write_json(item, out, inner)?;
            }
            line(out, level);
            out.push(']');
        }
        Item::Object(fields) if fields.len() == 0 => out.push_str("{}"),
        Item::Object(fields) => {
            out.push('{');
            for (number, (name, item)) in fields.iter().filter(|(_, item)| !item.is_nothing()).enumerate() {
                if number > 0 {
                    out.push(',');
                }
                line(out, inner);
                out.push_str(&quoted(name));
                out.push_str(if level.is_some() { ": " } else { ":" });
                write_json(item, out, inner)?;
            }
            line(out, level);
            out.push('}');
        }
    }
    Ok(())
}

pub(super) fn to_string(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(value) = arguments.first().filter(|value| !value.is_nothing()) else { return Ok(Item::Nothing) };
    if arguments.get(1).is_some_and(Item::truth) && matches!(value, Item::Array(_) | Item::Object(_)) {
        let mut out = String::new();
        write_json(value, &mut out, Some(0))?;
        return Ok(Item::text(&out));
    }
    string(value).map(|text| Item::text(&text))
}

pub(super) fn length(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let text = text(arguments, 0, "length")?;
    Ok(text.map_or(Item::Nothing, |text| Item::Number(text.chars().count() as f64)))
}

pub(super) fn substring(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(text) = text(arguments, 0, "substring")? else { return Ok(Item::Nothing) };
    let chars: Vec<char> = text.chars().collect();
    let count = chars.len() as f64;
    let start = number(arguments, 1, "substring")?.unwrap_or(0.0).trunc();
    // One before the beginning is cut off at the beginning.
    let from = if start < 0.0 { (start + count).max(0.0) } else { start.min(count) };
    let until = match number(arguments, 2, "substring")? {
        None => count,
        Some(length) if length <= 0.0 => return Ok(Item::text("")),
        Some(length) => {
            let end = if start < 0.0 { start + count + length } else { start + length };
            end.trunc().clamp(from, count)
        }
    };
    Ok(Item::text(&chars.get(from as usize..until as usize).unwrap_or(&[]).iter().collect::<String>()))
}

pub(super) fn substring_before(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let (Some(whole), mark) =
        (text(arguments, 0, "substringBefore")?, text(arguments, 1, "substringBefore")?)
    else {
        return Ok(Item::Nothing);
    };
    Ok(Item::text(whole.split_once(mark.unwrap_or("")).map_or(whole, |(before, _)| before)))
}

pub(super) fn substring_after(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let (Some(whole), mark) = (text(arguments, 0, "substringAfter")?, text(arguments, 1, "substringAfter")?)
    else {
        return Ok(Item::Nothing);
    };
    Ok(Item::text(whole.split_once(mark.unwrap_or("")).map_or(whole, |(_, after)| after)))
}

fn changed(arguments: &[Item], function: &str, change: impl Fn(&str) -> String) -> Result<Item, Failure> {
    Ok(text(arguments, 0, function)?.map_or(Item::Nothing, |text| Item::text(&change(text))))
}

pub(super) fn uppercase(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    changed(arguments, "uppercase", str::to_uppercase)
}

pub(super) fn lowercase(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    changed(arguments, "lowercase", str::to_lowercase)
}

/// Blanks in a row become one.
pub(super) fn trim(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    changed(arguments, "trim", |text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

pub(super) fn pad(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(whole) = text(arguments, 0, "pad")? else { return Ok(Item::Nothing) };
    let width = number(arguments, 1, "pad")?.unwrap_or(0.0);
    let with = text(arguments, 2, "pad")?.filter(|with| !with.is_empty()).unwrap_or(" ");
    let wanted = width.abs() as usize;
    if wanted > PAD_MAX {
        return Err(format!("D3010: a text is padded to at most {PAD_MAX} characters"));
    }
    evaluator.count(wanted as u64 / 32)?;
    let missing = wanted.saturating_sub(whole.chars().count());
    let padding: String = with.chars().cycle().take(missing).collect();
    Ok(Item::text(&if width < 0.0 { padding + whole } else { format!("{whole}{padding}") }))
}

pub(super) fn contains(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(whole) = text(arguments, 0, "contains")? else { return Ok(Item::Nothing) };
    match arguments.get(1) {
        Some(Item::Text(part)) => Ok(Item::Bool(whole.contains(&**part))),
        Some(pattern @ Item::Function(_)) => {
            Ok(Item::Bool(!higher::all_matches(evaluator, pattern, whole, 1)?.is_empty()))
        }
        Some(Item::Nothing) => Ok(Item::Nothing),
        _ => Err(unfit("contains", 2)),
    }
}

pub(super) fn split(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(whole) = text(arguments, 0, "split")? else { return Ok(Item::Nothing) };
    let limit = number(arguments, 2, "split")?;
    if limit.is_some_and(|limit| limit < 0.0) {
        return Err("D3020: Third argument of split function must evaluate to a positive number".to_owned());
    }
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    let parts: Vec<Item> = match arguments.get(1) {
        Some(Item::Text(mark)) if mark.is_empty() => {
            whole.chars().map(|c| Item::text(c.encode_utf8(&mut [0; 4]))).collect()
        }
        Some(Item::Text(mark)) => whole.split(&**mark).map(Item::text).collect(),
        Some(pattern @ Item::Function(_)) => {
            let (mut parts, mut from) = (Vec::new(), 0);
            for found in higher::all_matches(evaluator, pattern, whole, usize::MAX)? {
                parts.push(Item::text(whole.get(from..found.start).unwrap_or("")));
                from = found.end;
            }
            parts.push(Item::text(whole.get(from..).unwrap_or("")));
            parts
        }
        _ => return Err(unfit("split", 2)),
    };
    evaluator.count(parts.len() as u64)?;
    Ok(Item::array(parts.into_iter().take(limit).collect()))
}

pub(super) fn join(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let mark = text(arguments, 1, "join")?.unwrap_or("");
    let mut parts = Vec::new();
    for item in given.items() {
        let Item::Text(part) = item else {
            return Err("T0412: Argument 1 of function \"join\" must be an array of strings".to_owned());
        };
        parts.push(part);
    }
    let bytes: usize = parts.iter().map(|part| part.len() + mark.len()).sum();
    evaluator.count(bytes as u64 / 32)?;
    Ok(Item::text(&parts.join(mark)))
}

pub(super) fn base64_encode(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    changed(arguments, "base64encode", |text| base64::encode(text.as_bytes()))
}

pub(super) fn base64_decode(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(text) = text(arguments, 0, "base64decode")? else { return Ok(Item::Nothing) };
    let bytes = base64::decode(text).ok_or("the text is no Base64")?;
    Ok(Item::text(&String::from_utf8_lossy(&bytes)))
}

/// What may stand unescaped in a part of a URL, letters and digits aside.
const COMPONENT: &str = "-_.!~*'()";
/// The same in a whole one.
const WHOLE: &str = "-_.!~*'();/?:@&=+$,#";

fn encoded(text: &str, plain: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || plain.contains(c) && c.is_ascii() {
            out.push(c);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

pub(super) fn encode_url_component(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    changed(arguments, "encodeUrlComponent", |text| encoded(text, COMPONENT))
}

pub(super) fn encode_url(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    changed(arguments, "encodeUrl", |text| encoded(text, WHOLE))
}

pub(super) fn decode_url(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(text) = text(arguments, 0, "decodeUrlComponent")? else { return Ok(Item::Nothing) };
    let bad = || "D3140: Malformed URL passed to function".to_owned();
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(bad);
        bytes.push((digit()? * 16 + digit()?) as u8);
    }
    String::from_utf8(bytes).map(|text| Item::text(&text)).map_err(|_| bad())
}

/// The service's own: the lower-case hex digits of a hash, of SHA-256 if nothing is said.
pub(super) fn hash(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(data) = arguments.first().filter(|data| !data.is_nothing()) else { return Ok(Item::Nothing) };
    let algorithm = text(arguments, 1, "hash")?.unwrap_or("SHA-256");
    Ok(Item::text(&hash_of(string(data)?.as_bytes(), algorithm)?))
}

pub(super) fn uuid(evaluator: &mut Evaluator<'_>, _: &[Item]) -> Result<Item, Failure> {
    Ok(Item::text(&evaluator.host.uuid()))
}

/// The service's own: JSON's value.
pub(super) fn parse(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(text) = text(arguments, 0, "parse")? else { return Ok(Item::Nothing) };
    let value = Value::parse(text).map_err(|_| "the argument of function \"parse\" is no JSON".to_owned())?;
    Ok(match Item::from(&value) {
        Item::Array(array) => Item::Array(Array::clone(&array).into()),
        other => other,
    })
}
