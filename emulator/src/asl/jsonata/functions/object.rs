//! Objects, types and errors.

use std::rc::Rc;

use super::super::evaluator::{Evaluator, Failure};
use super::super::item::{Fields, Item};
use super::given::{text, unfit};

pub(super) fn boolean(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let given = arguments.first().filter(|given| !given.is_nothing());
    Ok(given.map_or(Item::Nothing, |given| Item::Bool(given.truth())))
}

pub(super) fn not(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let given = arguments.first().filter(|given| !given.is_nothing());
    Ok(given.map_or(Item::Nothing, |given| Item::Bool(!given.truth())))
}

pub(super) fn exists(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    Ok(Item::Bool(arguments.first().is_some_and(|given| !given.is_nothing())))
}

pub(super) fn kind_of(item: &Item) -> &'static str {
    match item {
        Item::Nothing => "undefined",
        Item::Null => "null",
        Item::Bool(_) => "boolean",
        Item::Number(_) => "number",
        Item::Text(_) => "string",
        Item::Array(_) => "array",
        Item::Object(_) => "object",
        Item::Function(_) => "function",
    }
}

pub(super) fn kind(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let given = arguments.first().filter(|given| !given.is_nothing());
    Ok(given.map_or(Item::Nothing, |given| Item::text(kind_of(given))))
}

pub(super) fn keys(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let mut all = Fields::default();
    for item in arguments.first().map(Item::items).unwrap_or_default() {
        if let Item::Object(fields) = &item {
            fields.iter().for_each(|(name, _)| all.insert(Rc::clone(name), Item::Null));
        }
    }
    Ok(Item::sequence(all.iter().map(|(name, _)| Item::Text(Rc::clone(name))).collect()))
}

pub(super) fn lookup(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(name) = text(arguments, 1, "lookup")? else { return Ok(Item::Nothing) };
    Ok(arguments.first().map_or(Item::Nothing, |given| given.field(name)))
}

/// An object for each field.
pub(super) fn spread(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first() else { return Ok(Item::Nothing) };
    if !matches!(given, Item::Array(_) | Item::Object(_)) {
        return Ok(given.clone());
    }
    let mut spread = Vec::new();
    for item in given.items() {
        let Item::Object(fields) = &item else {
            spread.push(item);
            continue;
        };
        for (name, item) in fields.iter() {
            let mut one = Fields::default();
            one.insert(Rc::clone(name), item.clone());
            spread.push(Item::object(one));
        }
    }
    Ok(Item::sequence(spread))
}

pub(super) fn merge(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let mut merged = Fields::default();
    for item in given.items() {
        let Item::Object(fields) = &item else {
            return Err("T0412: Argument 1 of function \"merge\" must be an array of objects".to_owned());
        };
        fields.iter().for_each(|(name, item)| merged.insert(Rc::clone(name), item.clone()));
    }
    Ok(Item::object(merged))
}

pub(super) fn error(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    Err(format!("D3137: {}", text(arguments, 0, "error")?.unwrap_or("$error() function evaluated")))
}

pub(super) fn assert(_: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    match arguments.first() {
        Some(Item::Bool(true)) => Ok(Item::Nothing),
        Some(Item::Bool(false)) => {
            Err(format!("D3141: {}", text(arguments, 1, "assert")?.unwrap_or("$assert() statement failed")))
        }
        _ => Err(unfit("assert", 1)),
    }
}
