//! `$formatNumber`: numbers by a picture, `#,##0.00`, as XPath's `format-number` has it, with the usual signs.

use super::super::evaluator::{Evaluator, Failure};
use super::super::item::Item;
use super::given::{number, text};
use super::number::rounded;

/// A half of a picture, of positive or of negative numbers.
struct Picture<'a> {
    prefix: &'a str,
    suffix: &'a str,
    /// Digits before the point: the least, and where groups end, counted from the point.
    whole_least: usize,
    groups: Vec<usize>,
    /// Digits after the point.
    fraction_least: usize,
    fraction_most: usize,
    factor: f64,
}

pub(super) fn format_number(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(value) = number(arguments, 0, "formatNumber")? else { return Ok(Item::Nothing) };
    let picture = text(arguments, 1, "formatNumber")?.unwrap_or("");
    if !matches!(arguments.get(2), None | Some(Item::Nothing)) {
        return Err("options of the function \"formatNumber\" are not known here".to_owned());
    }
    let (positive, negative) = picture.split_once(';').map_or((picture, None), |(p, n)| (p, Some(n)));
    let is_negative = value < 0.0;
    let half = match negative {
        Some(negative) if is_negative => read(negative)?,
        _ => read(positive)?,
    };
    let sign = if is_negative && negative.is_none() { "-" } else { "" };
    Ok(Item::text(&format!("{sign}{}{}{}", half.prefix, half.digits(value.abs()), half.suffix)))
}

fn read(picture: &str) -> Result<Picture<'_>, Failure> {
    let is_active = |c: char| "0#,.".contains(c);
    let bad = || format!("D3080: The picture \"{picture}\" is not understood");
    let start = picture.find(is_active).ok_or_else(bad)?;
    let end = picture.rfind(is_active).ok_or_else(bad)? + 1;
    let (prefix, body, suffix) = (&picture[..start], &picture[start..end], &picture[end..]);
    if !body.chars().all(is_active) || body.matches('.').count() > 1 {
        return Err(bad());
    }
    let factor = if picture.contains('%') {
        100.0
    } else if picture.contains('\u{2030}') {
        1_000.0
    } else {
        1.0
    };
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let count = |text: &str, wanted: &str| text.chars().filter(|c| wanted.contains(*c)).count();
    let mut groups: Vec<usize> = whole.match_indices(',').map(|(at, _)| count(&whole[at..], "0#")).collect();
    groups.reverse();
    let (whole_least, fraction_most) = (count(whole, "0"), count(fraction, "0#"));
    if whole.contains("0#") || fraction.contains("#0") || whole_least + count(whole, "#") + fraction_most == 0
    {
        return Err(bad());
    }
    Ok(Picture {
        prefix,
        suffix,
        whole_least,
        groups,
        fraction_least: count(fraction, "0"),
        fraction_most,
        factor,
    })
}

impl Picture<'_> {
    fn digits(&self, value: f64) -> String {
        let value = rounded(value * self.factor, self.fraction_most as i32);
        let text = format!("{value:.*}", self.fraction_most);
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let whole = whole.trim_start_matches('0');
        let whole = format!("{}{whole}", "0".repeat(self.whole_least.saturating_sub(whole.len())));
        let kept = fraction.trim_end_matches('0').len().max(self.fraction_least);
        let fraction = fraction.get(..kept).unwrap_or(fraction);
        let mut out = String::new();
        for (number, digit) in whole.chars().enumerate() {
            let left = whole.len() - number;
            if number > 0 && self.is_group(left) {
                out.push(',');
            }
            out.push(digit);
        }
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(fraction);
        }
        if out.is_empty() { "0".to_owned() } else { out }
    }

    /// Whether a group ends before so many digits. Groups of one size go on.
    fn is_group(&self, left: usize) -> bool {
        match self.groups.as_slice() {
            [] => false,
            [size] => *size > 0 && left.is_multiple_of(*size),
            [first, ..] if self.groups.iter().enumerate().all(|(i, at)| *at == first * (i + 1)) => {
                left.is_multiple_of(*first)
            }
            groups => groups.contains(&left),
        }
    }
}
