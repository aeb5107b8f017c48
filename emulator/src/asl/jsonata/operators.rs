//! Operators of values alone.

use super::evaluator::Failure;
use super::item::Item;

pub(super) fn wildcard(input: &Item) -> Item {
    let mut found = Vec::new();
    let mut values: Vec<&Item> = match input {
        Item::Object(fields) => fields.iter().map(|(_, item)| item).collect(),
        Item::Array(array) => array.items.iter().collect(),
        _ => Vec::new(),
    };
    // Arrays among them are opened, however deep.
    values.reverse();
    while let Some(value) = values.pop() {
        match value {
            Item::Array(array) => values.extend(array.items.iter().rev()),
            other => found.push(other.clone()),
        }
    }
    Item::sequence(found)
}

pub(super) fn arithmetic(sign: &str, left: &Item, right: &Item) -> Result<Item, Failure> {
    let side = |item: &Item, code: &str, side: &str| match item {
        Item::Nothing => Ok(None),
        Item::Number(number) => Ok(Some(*number)),
        _ => Err(format!("{code}: The {side} side of the \"{sign}\" operator must evaluate to a number")),
    };
    let (left, right) = (side(left, "T2001", "left")?, side(right, "T2002", "right")?);
    let (Some(left), Some(right)) = (left, right) else { return Ok(Item::Nothing) };
    let value = match sign {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        _ => left % right,
    };
    if value.is_finite() {
        Ok(Item::Number(value))
    } else {
        Err(format!("D1001: Number out of range: {value}"))
    }
}

pub(super) fn compared(sign: &str, left: &Item, right: &Item) -> Result<Item, Failure> {
    let order = match (left, right) {
        (Item::Number(a), Item::Number(b)) => a.partial_cmp(b),
        (Item::Text(a), Item::Text(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
        (Item::Nothing, Item::Nothing | Item::Number(_) | Item::Text(_))
        | (Item::Number(_) | Item::Text(_), Item::Nothing) => {
            return Ok(Item::Nothing);
        }
        (Item::Number(_), Item::Text(_)) | (Item::Text(_), Item::Number(_)) => {
            return Err(format!(
                "T2009: The values either side of operator \"{sign}\" must be of the same data type"
            ));
        }
        _ => {
            return Err(format!(
                "T2010: The expressions either side of operator \"{sign}\" must evaluate to numeric or string values"
            ));
        }
    };
    Ok(Item::Bool(order.is_some_and(|order| match sign {
        "<" => order.is_lt(),
        ">" => order.is_gt(),
        "<=" => order.is_le(),
        _ => order.is_ge(),
    })))
}
