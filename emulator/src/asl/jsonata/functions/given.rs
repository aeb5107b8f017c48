//! What functions are given.

use super::super::evaluator::Failure;
use super::super::item::Item;

/// The error for an argument that a function does not take.
pub(super) fn unfit(function: &str, number: usize) -> Failure {
    format!("T0410: Argument {number} of function \"{function}\" does not match function signature")
}

/// The text at this place, from 0; `None` if nothing is there.
pub(super) fn text<'a>(arguments: &'a [Item], at: usize, function: &str) -> Result<Option<&'a str>, Failure> {
    match arguments.get(at) {
        None | Some(Item::Nothing) => Ok(None),
        Some(Item::Text(text)) => Ok(Some(text)),
        Some(_) => Err(unfit(function, at + 1)),
    }
}

pub(super) fn number(arguments: &[Item], at: usize, function: &str) -> Result<Option<f64>, Failure> {
    match arguments.get(at) {
        None | Some(Item::Nothing) => Ok(None),
        Some(Item::Number(number)) => Ok(Some(*number)),
        Some(_) => Err(unfit(function, at + 1)),
    }
}

/// The numbers of an array, or a number alone.
pub(super) fn numbers(arguments: &[Item], function: &str) -> Result<Option<Vec<f64>>, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(None) };
    let numbers = given.items().into_iter().map(|item| match item {
        Item::Number(number) => Ok(number),
        _ => Err(format!("T0412: Argument 1 of function \"{function}\" must be an array of numbers")),
    });
    numbers.collect::<Result<_, _>>().map(Some)
}

pub(super) fn function<'a>(arguments: &'a [Item], at: usize, name: &str) -> Result<&'a Item, Failure> {
    match arguments.get(at) {
        Some(function @ Item::Function(_)) => Ok(function),
        _ => Err(unfit(name, at + 1)),
    }
}
