//! Numbers.

use super::super::evaluator::{Evaluator, Failure};
use super::super::item::Item;
use super::given::{number as given, numbers};

fn applied(arguments: &[Item], function: &str, apply: impl Fn(f64) -> f64) -> Result<Item, Failure> {
    Ok(given(arguments, 0, function)?.map_or(Item::Nothing, |number| Item::Number(apply(number))))
}

pub(super) fn number(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let bad = |what: &str| Err(format!("D3030: Unable to cast value to a number: {what}"));
    match arguments.first() {
        None | Some(Item::Nothing) => Ok(Item::Nothing),
        Some(Item::Number(number)) => Ok(Item::Number(*number)),
        Some(Item::Bool(flag)) => Ok(Item::Number(f64::from(u8::from(*flag)))),
        Some(Item::Text(text)) => {
            let radix = [("0x", 16), ("0b", 2), ("0o", 8)].into_iter().find_map(|(prefix, radix)| {
                let digits =
                    text.strip_prefix(prefix).or_else(|| text.strip_prefix(&*prefix.to_uppercase()))?;
                i64::from_str_radix(digits, radix).ok()
            });
            let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
                && !text.contains(['n', 'N', 'x', 'i']);
            let number = text.parse().ok().filter(|number: &f64| is_number && number.is_finite());
            match radix.map(|number| number as f64).or(number) {
                Some(number) => Ok(Item::Number(number)),
                None => bad(text),
            }
        }
        Some(_) => bad("it is of another type"),
    }
}

pub(super) fn abs(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    applied(arguments, "abs", f64::abs)
}

pub(super) fn floor(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    applied(arguments, "floor", f64::floor)
}

pub(super) fn ceil(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    applied(arguments, "ceil", f64::ceil)
}

/// To so many digits after the point; halves go to the even neighbour.
pub(super) fn round(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let places = given(arguments, 1, "round")?.unwrap_or(0.0) as i32;
    applied(arguments, "round", |number| rounded(number, places))
}

pub(super) fn rounded(number: f64, places: i32) -> f64 {
    let shift = |number: f64, by: i32| {
        // The decimal digits are shifted, not the binary ones.
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        format!("{digits}e{}", exponent.saturating_add(by)).parse().unwrap_or(number)
    };
    let places = places.clamp(-400, 400);
    let result: f64 = shift(shift(number, places).round_ties_even(), -places);
    if result == 0.0 { 0.0 } else { result }
}

pub(super) fn power(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let exponent = given(arguments, 1, "power")?.unwrap_or(1.0);
    let Some(base) = given(arguments, 0, "power")? else { return Ok(Item::Nothing) };
    let value = base.powf(exponent);
    if value.is_finite() {
        return Ok(Item::Number(value));
    }
    Err(format!(
        "D3061: The power function has resulted in a value that cannot be represented as a JSON number: base={base}, exponent={exponent}"
    ))
}

pub(super) fn sqrt(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    match given(arguments, 0, "sqrt")? {
        Some(number) if number < 0.0 => {
            Err(format!("D3060: The sqrt function cannot be applied to a negative number: {number}"))
        }
        number => Ok(number.map_or(Item::Nothing, |number| Item::Number(number.sqrt()))),
    }
}

/// From 0 up to 1; the same again for the same seed, which is the service's own argument.
pub(super) fn random(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let chance = match given(arguments, 0, "random")? {
        None => evaluator.host.chance(),
        Some(seed) => {
            let z = seed.to_bits().wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }
    };
    Ok(Item::Number(chance.clamp(0.0, 1.0 - f64::EPSILON)))
}

pub(super) fn format_base(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(number) = given(arguments, 0, "formatBase")? else { return Ok(Item::Nothing) };
    let base = rounded(given(arguments, 1, "formatBase")?.unwrap_or(10.0), 0);
    if !(2.0..=36.0).contains(&base) {
        return Err(format!(
            "D3100: The radix of the formatBase function must be between 2 and 36. It was given {base}"
        ));
    }
    let (base, mut left) = (base as u64, rounded(number, 0).abs() as u64);
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit((left % base) as u32, base as u32));
        left /= base;
        if left == 0 {
            break;
        }
    }
    digits.extend((number < 0.0 && digits != ['0']).then_some('-'));
    Ok(Item::text(&digits.iter().rev().collect::<String>()))
}

pub(super) fn sum(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    Ok(numbers(arguments, "sum")?.map_or(Item::Nothing, |numbers| Item::Number(numbers.iter().sum())))
}

pub(super) fn max(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let most = numbers(arguments, "max")?.and_then(|numbers| numbers.into_iter().reduce(f64::max));
    Ok(most.map_or(Item::Nothing, Item::Number))
}

pub(super) fn min(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let least = numbers(arguments, "min")?.and_then(|numbers| numbers.into_iter().reduce(f64::min));
    Ok(least.map_or(Item::Nothing, Item::Number))
}

pub(super) fn average(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let numbers = numbers(arguments, "average")?.filter(|numbers| !numbers.is_empty());
    Ok(numbers
        .map_or(Item::Nothing, |numbers| Item::Number(numbers.iter().sum::<f64>() / numbers.len() as f64)))
}
