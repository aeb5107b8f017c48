//! The functions of arrays.

use super::arguments::{array, whole};
use crate::asl::value::Value;

/// Source: developer guide, "Intrinsic functions": an `ArrayRange` has at most so many items.
const RANGE_MAX: usize = 1_000;

pub(super) fn partition(value: &Value, size: &Value) -> Result<Value, String> {
    let items = array(value)?;
    let size = usize::try_from(whole(size, "the chunk size")?).ok().filter(|size| *size > 0);
    let size = size.ok_or("the chunk size must be greater than zero")?;
    Ok(Value::Array(items.chunks(size).map(|chunk| Value::Array(chunk.to_vec())).collect()))
}

pub(super) fn contains(value: &Value, wanted: &Value) -> Result<Value, String> {
    Ok(Value::Bool(array(value)?.contains(wanted)))
}

/// From the first up to the last, which is in it if a step meets it.
pub(super) fn range(first: &Value, last: &Value, step: &Value) -> Result<Value, String> {
    let (first, last) = (whole(first, "the first argument")?, whole(last, "the second argument")?);
    let step = whole(step, "the step")?;
    if step == 0 {
        return Err("the step must not be zero".to_owned());
    }
    let mut items = Vec::new();
    let mut next = first;
    while if step > 0 { next <= last } else { next >= last } {
        if items.len() == RANGE_MAX {
            return Err(format!("the range has more than {RANGE_MAX} items"));
        }
        items.push(Value::whole(next));
        let Some(after) = next.checked_add(step) else { break };
        next = after;
    }
    Ok(Value::Array(items))
}

pub(super) fn get_item(value: &Value, index: &Value) -> Result<Value, String> {
    let items = array(value)?;
    let item = usize::try_from(whole(index, "the index")?).ok().and_then(|index| items.get(index));
    item.cloned().ok_or_else(|| "the index is out of the array's bounds".to_owned())
}

pub(super) fn length(value: &Value) -> Result<Value, String> {
    Ok(Value::whole(array(value)?.len() as i64))
}

/// Each value once, in the order of their first.
pub(super) fn unique(value: &Value) -> Result<Value, String> {
    let mut seen = std::collections::HashSet::new();
    let items = array(value)?;
    Ok(Value::Array(items.iter().filter(|item| seen.insert(item.to_string())).cloned().collect()))
}
