//! `MathAdd`, `MathRandom`.

use super::arguments::whole;
use crate::asl::value::Value;

pub(super) fn add(a: &Value, b: &Value) -> Result<Value, String> {
    let sum = whole(a, "the first argument")?.saturating_add(whole(b, "the second argument")?);
    Ok(Value::whole(sum))
}

/// A whole number from the start on, below the end. `chance` is from 0 to 1; a seed takes its place.
pub(super) fn random(start: &Value, end: &Value, seed: Option<&Value>, chance: f64) -> Result<Value, String> {
    let (start, end) = (whole(start, "the start")?, whole(end, "the end")?);
    if start >= end {
        return Err("the start must be less than the end".to_owned());
    }
    let chance = match seed {
        None => chance,
        Some(seed) => seeded(whole(seed, "the seed")?),
    };
    let width = (i128::from(end) - i128::from(start)) as f64;
    let offset = (width * chance.clamp(0.0, 1.0)).floor() as i64;
    Ok(Value::whole(start.saturating_add(offset).min(end - 1)))
}

/// The same for the same seed: a step of splitmix64.
fn seeded(seed: i64) -> f64 {
    let mut z = (seed as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64
}
