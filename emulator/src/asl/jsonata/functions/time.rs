//! Dates.

use std::time::{Duration, SystemTime};

use super::super::evaluator::{Evaluator, Failure};
use super::super::item::Item;
use super::given::{number, text};
use crate::asl::timestamp;

fn no_pictures(arguments: &[Item], at: usize, function: &str) -> Result<(), Failure> {
    match arguments.get(at) {
        None | Some(Item::Nothing) => Ok(()),
        Some(_) => Err(format!("pictures of dates are not known here, in the function \"{function}\"")),
    }
}

pub(super) fn now(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    no_pictures(arguments, 0, "now")?;
    Ok(Item::text(&timestamp::format(evaluator.host.now())))
}

pub(super) fn millis(evaluator: &mut Evaluator<'_>, _: &[Item]) -> Result<Item, Failure> {
    let since = evaluator.host.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Ok(Item::Number(since.as_millis() as f64))
}

pub(super) fn from_millis(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(millis) = number(arguments, 0, "fromMillis")? else { return Ok(Item::Nothing) };
    no_pictures(arguments, 1, "fromMillis")?;
    let since =
        Duration::try_from_secs_f64(millis / 1_000.0).map_err(|_| "the date is out of range".to_owned())?;
    let since = Duration::from_millis((since.as_secs_f64() * 1_000.0).round() as u64);
    let date = SystemTime::UNIX_EPOCH.checked_add(since).filter(|_| millis < 253_402_300_800_000.0);
    Ok(Item::text(&timestamp::format(date.ok_or("the date is out of range")?)))
}

/// A timestamp, or its date or year alone.
pub(super) fn to_millis(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(date) = text(arguments, 0, "toMillis")? else { return Ok(Item::Nothing) };
    no_pictures(arguments, 1, "toMillis")?;
    let whole = match date.len() {
        4 => format!("{date}-01-01T00:00:00Z"),
        10 => format!("{date}T00:00:00Z"),
        // An offset without its colon.
        length
            if length > 20
                && !date.ends_with('Z')
                && date.as_bytes().get(length - 3) != Some(&b':')
                && date.is_char_boundary(length - 2) =>
        {
            format!("{}:{}", &date[..length - 2], &date[length - 2..])
        }
        _ => date.to_owned(),
    };
    let nanos = timestamp::parse(&whole).ok_or_else(|| format!("D3110: The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given \"{date}\""))?;
    Ok(Item::Number(nanos.div_euclid(1_000_000) as f64))
}
