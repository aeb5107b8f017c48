//! A value put at a place.

use super::Step;
use crate::asl::value::{Object, Value};

pub(super) fn put(steps: &[Step], mut document: Value, value: Value) -> Option<Value> {
    let mut place = &mut document;
    for step in steps {
        place = match (step, place) {
            (Step::Names(names), Value::Object(fields)) => {
                let name = names.first()?;
                if fields.get(name).is_none() {
                    fields.insert(name.clone(), Value::Object(Object::default()));
                }
                fields.get_mut(name)?
            }
            (Step::Indices(indices), Value::Array(items)) => {
                items.get_mut(usize::try_from(*indices.first()?).ok()?)?
            }
            _ => return None,
        };
    }
    *place = value;
    Some(document)
}
