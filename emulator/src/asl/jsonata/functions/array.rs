//! Arrays.

use std::collections::HashSet;

use super::super::evaluator::{Evaluator, Failure};
use super::super::item::Item;
use super::given::{number, unfit};
use super::text::string;

/// Source: Step Functions developer guide, "JSONata functions provided by Step Functions": `$range` has at most so many values.
const RANGE_MAX: usize = 1_000;

pub(super) fn count(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    Ok(Item::Number(arguments.first().map_or(0, |given| given.items().len()) as f64))
}

pub(super) fn append(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let [first, second] = arguments else { return Ok(Item::Nothing) };
    if first.is_nothing() || second.is_nothing() {
        return Ok(if first.is_nothing() { second.clone() } else { first.clone() });
    }
    let mut items = first.items();
    items.extend(second.items());
    evaluator.count(items.len() as u64)?;
    Ok(if matches!(first, Item::Array(_)) { Item::array(items) } else { Item::sequence(items) })
}

pub(super) fn reverse(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let mut items = given.items();
    items.reverse();
    Ok(Item::array(items))
}

pub(super) fn shuffle(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let mut items = given.items();
    for last in (1..items.len()).rev() {
        let other = (evaluator.host.chance() * (last + 1) as f64) as usize;
        items.swap(last, other.min(last));
    }
    Ok(Item::array(items))
}

pub(super) fn distinct(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(Item::Array(array)) = arguments.first() else {
        return Ok(arguments.first().cloned().unwrap_or_default());
    };
    let (mut kept, mut seen): (Vec<Item>, HashSet<(&str, String)>) = (Vec::new(), HashSet::new());
    for item in &array.items {
        // Objects are equal whatever the order of their fields, so they are compared one by one.
        let is_new = match item {
            Item::Array(_) | Item::Object(_) => {
                evaluator.count(kept.len() as u64)?;
                !kept.contains(item)
            }
            plain => seen.insert((super::object::kind_of(plain), string(plain)?)),
        };
        if is_new {
            kept.push(item.clone());
        }
    }
    Ok(if array.is_sequence { Item::sequence(kept) } else { Item::array(kept) })
}

pub(super) fn zip(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let all: Vec<Vec<Item>> = arguments.iter().map(Item::items).collect();
    let shortest = all.iter().map(Vec::len).min().unwrap_or(0);
    let rows = (0..shortest)
        .map(|row| Item::array(all.iter().filter_map(|items| items.get(row).cloned()).collect()));
    Ok(Item::array(rows.collect()))
}

/// The service's own: parts of this size.
pub(super) fn partition(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let size = number(arguments, 1, "partition")?.map_or(0, |size| size.floor() as usize);
    if size == 0 {
        return Err(unfit("partition", 2));
    }
    Ok(Item::array(given.items().chunks(size).map(|part| Item::array(part.to_vec())).collect()))
}

/// The service's own: from the first up to the last, by this step.
pub(super) fn range(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let part = |at| number(arguments, at, "range");
    let (Some(first), Some(last), Some(step)) = (part(0)?, part(1)?, part(2)?) else {
        return Ok(Item::Nothing);
    };
    if step == 0.0 {
        return Err(unfit("range", 3));
    }
    let mut items = Vec::new();
    let mut next = first;
    while if step > 0.0 { next <= last } else { next >= last } {
        if items.len() == RANGE_MAX {
            return Err(format!("the range has more than {RANGE_MAX} values"));
        }
        items.push(Item::Number(next));
        next += step;
    }
    Ok(Item::sequence(items))
}
