//! What a path leads to.

use super::model::{Function, Path, Step};
use crate::asl::value::Value;

/// Why a path leads nowhere, in Jayway's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotFound(pub(crate) String);

/// The places that one path may look at: with several `..` their number grows without bound.
const VISITS_MAX: usize = 500_000;

impl Path {
    /// What it leads to from the value that its root names. A path to many places gives an array, which may be empty.
    pub(crate) fn find(&self, root: &Value) -> Result<Value, NotFound> {
        let mut finder = Finder { root, visits: 0 };
        if self.is_definite() {
            return finder.one(&self.steps);
        }
        let mut found = Vec::new();
        finder.many(&self.steps, root, &mut found)?;
        Ok(Value::Array(found))
    }
}

/// What a path in a filter leads to; nothing, if nowhere.
pub(super) fn find_within<'a>(
    steps: &[Step],
    is_definite: bool,
    root: &'a Value,
    from: &'a Value,
) -> Option<Value> {
    let mut finder = Finder { root, visits: 0 };
    let mut found = Vec::new();
    finder.many(steps, from, &mut found).ok()?;
    if is_definite { found.pop() } else { Some(Value::Array(found)) }
}

struct Finder<'a> {
    root: &'a Value,
    visits: usize,
}

impl Finder<'_> {
    /// The one place that a definite path leads to.
    fn one(&mut self, steps: &[Step]) -> Result<Value, NotFound> {
        let mut place = self.root;
        let mut walked = "$".to_owned();
        for (number, step) in steps.iter().enumerate() {
            let is_last = number + 1 == steps.len();
            let next = match step {
                Step::Names(names) => {
                    let name = names.first().map_or("", String::as_str);
                    if let (true, Some(_)) = (names.len() > 1, place.as_object()) {
                        return Ok(several(names, place));
                    }
                    let Some(fields) = place.as_object() else {
                        let words = format!(
                            "Expected to find an object with property ['{name}'] in path {walked} but found '{}'",
                            place.kind()
                        );
                        return Err(NotFound(words));
                    };
                    walked = format!("{walked}['{name}']");
                    let why = if is_last { "No results for path: " } else { "Missing property in path " };
                    fields.get(name).ok_or_else(|| NotFound(format!("{why}{walked}")))?
                }
                Step::Indices(indices) => {
                    let index = indices.first().copied().unwrap_or(0);
                    item(place, index, &mut walked)?
                }
                Step::FromEnd(back) => item(place, back.saturating_neg(), &mut walked)?,
                Step::Function(function) => {
                    let value = apply(*function, place)
                        .ok_or_else(|| NotFound(format!("No results for path: {walked}")))?;
                    if is_last {
                        return Ok(value);
                    }
                    return Err(NotFound(format!("Missing property in path {walked}")));
                }
                Step::Slice(..) | Step::All | Step::Deep | Step::Filter(_) => {
                    return Err(NotFound(format!("No results for path: {walked}")));
                }
            };
            place = next;
        }
        Ok(place.clone())
    }

    /// All places below `place`. What is not there is passed over.
    fn many(&mut self, steps: &[Step], place: &Value, found: &mut Vec<Value>) -> Result<(), NotFound> {
        self.visits += 1;
        if self.visits > VISITS_MAX {
            return Err(NotFound("The path looks at too many places".to_owned()));
        }
        let Some((step, rest)) = steps.split_first() else {
            found.push(place.clone());
            return Ok(());
        };
        match step {
            Step::Names(names) if names.len() > 1 && rest.is_empty() && place.as_object().is_some() => {
                found.push(several(names, place));
                Ok(())
            }
            Step::Names(names) => names
                .iter()
                .filter_map(|name| place.get(name))
                .try_for_each(|next| self.many(rest, next, found)),
            Step::Indices(indices) => {
                let items = place.as_array().unwrap_or(&[]);
                let at = |index: &i64| items.get(position(*index, items.len())?);
                indices.iter().filter_map(at).try_for_each(|next| self.many(rest, next, found))
            }
            Step::FromEnd(back) => {
                let items = place.as_array().unwrap_or(&[]);
                let last = position(back.saturating_neg(), items.len()).and_then(|index| items.get(index));
                last.map_or(Ok(()), |next| self.many(rest, next, found))
            }
            Step::Slice(from, to) => {
                let items = place.as_array().unwrap_or(&[]);
                let bound = |index: i64| {
                    let index = if index < 0 { index.saturating_add(items.len() as i64) } else { index };
                    usize::try_from(index).unwrap_or(0).min(items.len())
                };
                let (from, to) = (from.map_or(0, bound), to.map_or(items.len(), bound));
                items.get(from..to).unwrap_or(&[]).iter().try_for_each(|next| self.many(rest, next, found))
            }
            Step::All => children(place).try_for_each(|next| self.many(rest, next, found)),
            Step::Deep => self.deep(rest, place, found),
            Step::Filter(filter) => {
                let root = self.root;
                let candidates: Vec<&Value> = match place {
                    Value::Array(items) => items.iter().collect(),
                    Value::Object(_) => vec![place],
                    _ => Vec::new(),
                };
                let fitting = candidates.into_iter().filter(|candidate| filter.fits(root, candidate));
                fitting.collect::<Vec<_>>().into_iter().try_for_each(|next| self.many(rest, next, found))
            }
            Step::Function(function) => {
                found.extend(apply(*function, place).filter(|_| rest.is_empty()));
                Ok(())
            }
        }
    }

    fn deep(&mut self, rest: &[Step], place: &Value, found: &mut Vec<Value>) -> Result<(), NotFound> {
        // A step that names nothing here, or indexes what is no array, finds nothing: `many` passes it over.
        self.many(rest, place, found)?;
        children(place).try_for_each(|child| self.deep(rest, child, found))
    }
}

/// An object of the fields of these names, as far as they are there.
fn several(names: &[String], place: &Value) -> Value {
    let fields = names.iter().filter_map(|name| Some((name.clone(), place.get(name)?.clone())));
    Value::Object(fields.collect())
}

fn children(place: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match place {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.iter().map(|(_, value)| value)),
        _ => Box::new(std::iter::empty()),
    }
}

/// An index from 0, or from the end if it is negative.
fn position(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(length as i64)? } else { index };
    usize::try_from(index).ok()
}

fn item<'a>(place: &'a Value, index: i64, walked: &mut String) -> Result<&'a Value, NotFound> {
    let Some(items) = place.as_array() else {
        let words =
            format!("Filter: [{index}] can only be applied to arrays. Current context is: {}", place.kind());
        return Err(NotFound(words));
    };
    *walked = format!("{walked}[{index}]");
    let found = position(index, items.len()).and_then(|index| items.get(index));
    found.ok_or_else(|| NotFound(format!("Index out of bounds when evaluating path {walked}")))
}

fn apply(function: Function, place: &Value) -> Option<Value> {
    if let (Function::Keys, Value::Object(fields)) = (function, place) {
        return Some(Value::Array(fields.iter().map(|(name, _)| Value::from(name.as_str())).collect()));
    }
    if let (Function::Length, Value::Object(fields)) = (function, place) {
        return Some(Value::whole(fields.len() as i64));
    }
    if let (Function::Length, Value::String(text)) = (function, place) {
        return Some(Value::whole(text.chars().count() as i64));
    }
    let items = place.as_array()?;
    let numbers = || items.iter().filter_map(Value::as_f64);
    match function {
        Function::Length => Some(Value::whole(items.len() as i64)),
        Function::First => items.first().cloned(),
        Function::Last => items.last().cloned(),
        Function::Min => numbers().reduce(f64::min).map(Value::number),
        Function::Max => numbers().reduce(f64::max).map(Value::number),
        Function::Sum => Some(Value::number(numbers().sum())),
        Function::Avg => {
            let count = numbers().count();
            (count > 0).then(|| Value::number(numbers().sum::<f64>() / count as f64))
        }
        Function::Keys => None,
    }
}
