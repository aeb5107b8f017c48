//! A value put at a place.

use super::model::{Path, Step};
use crate::asl::value::{Object, Value};

impl Path {
    /// Puts `value` at this place, making the objects on the way. `None` if something else than an object stands there, or an
    /// index lies beyond the end.
    pub(crate) fn put(&self, mut document: Value, value: Value) -> Option<Value> {
        let mut place = &mut document;
        for step in &self.steps {
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
}
