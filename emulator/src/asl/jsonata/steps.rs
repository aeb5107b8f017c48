//! Paths: their steps, filters, groups and orders.

use std::cmp::Ordering;
use std::rc::Rc;

use super::ast::{Kind, Node, Stage};
use super::evaluator::{Evaluator, Failure};
use super::item::{Array, Fields, Frame, Item};

/// A value on its way through a path, with the variables that steps before it have bound.
#[derive(Clone)]
struct Tuple {
    value: Item,
    bound: Vec<(String, Item)>,
}

impl Tuple {
    fn frame(&self, outer: &Rc<Frame>) -> Rc<Frame> {
        let frame = Frame::new(Some(Rc::clone(outer)));
        for (name, item) in &self.bound {
            frame.bind(name, item.clone());
        }
        frame
    }

    fn bind(&mut self, name: &str, item: Item) {
        self.bound.retain(|(known, _)| known != name);
        self.bound.push((name.to_owned(), item));
    }
}

impl Evaluator<'_> {
    pub(super) fn path(
        &mut self,
        node: &Node,
        steps: &[Node],
        keep_singleton: bool,
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Result<Item, Failure> {
        let starts_at_variable = steps.first().is_some_and(|step| matches!(step.kind, Kind::Variable(_)));
        let mut sequence = match input {
            Item::Array(_) if !starts_at_variable => input.clone(),
            other => Item::sequence(vec![other.clone()]),
        };
        let mut tuples: Option<Vec<Tuple>> = None;
        for (number, step) in steps.iter().enumerate() {
            if step.is_tuple || tuples.is_some() {
                tuples = Some(self.tuple_step(step, &sequence, tuples, frame)?);
                continue;
            }
            sequence = if number == 0 && step.cons_array {
                self.value(step, &sequence, frame)?
            } else {
                self.step(step, &sequence, number + 1 == steps.len(), frame)?
            };
            if sequence.is_nothing() || sequence.as_array().is_some_and(|array| array.items.is_empty()) {
                break;
            }
        }
        if let Some(pairs) = &node.group {
            return match tuples {
                Some(tuples) => self.group_tuples(pairs, &tuples, frame),
                None => self.grouped(pairs, &sequence.settled(false), frame),
            };
        }
        if let Some(tuples) = tuples {
            sequence = Item::sequence(tuples.into_iter().map(|tuple| tuple.value).collect());
        }
        if keep_singleton && !sequence.is_nothing() {
            let array = match &sequence {
                Item::Array(array) if array.is_cons && !array.is_sequence => {
                    Array::sequence(vec![sequence.clone()])
                }
                Item::Array(array) => Array::clone(array),
                other => Array::sequence(vec![other.clone()]),
            };
            sequence = Item::Array(Rc::new(array.kept()));
        }
        Ok(sequence)
    }

    fn step(&mut self, step: &Node, input: &Item, is_last: bool, frame: &Rc<Frame>) -> Result<Item, Failure> {
        if let Kind::Sort(terms) = &step.kind {
            let sorted = self.sorted(terms, input, frame)?;
            return self.stages(&step.stages, sorted, frame);
        }
        let mut results = Vec::new();
        for item in input.items() {
            let mut value = self.value(step, &item, frame)?;
            if !step.stages.is_empty() {
                value = self.stages(&step.stages, value, frame)?;
            }
            if !value.is_nothing() {
                results.push(value);
            }
        }
        if let ([Item::Array(array)], true) = (results.as_slice(), is_last)
            && !array.is_sequence
        {
            return Ok(results.remove(0));
        }
        let mut flat = Vec::new();
        for value in results {
            match value {
                Item::Array(array) if !array.is_cons => flat.extend(array.items.iter().cloned()),
                other => flat.push(other),
            }
        }
        self.count(flat.len() as u64)?;
        Ok(Item::sequence(flat))
    }

    fn tuple_step(
        &mut self,
        step: &Node,
        input: &Item,
        tuples: Option<Vec<Tuple>>,
        frame: &Rc<Frame>,
    ) -> Result<Vec<Tuple>, Failure> {
        let before = tuples.unwrap_or_else(|| {
            input.items().into_iter().map(|value| Tuple { value, bound: Vec::new() }).collect()
        });
        let mut after = Vec::new();
        if let Kind::Sort(terms) = &step.kind {
            after = self.sort_tuples(terms, before, frame)?;
            if let Some(name) = &step.index {
                after.iter_mut().enumerate().for_each(|(i, tuple)| tuple.bind(name, Item::Number(i as f64)));
            }
        } else {
            for tuple in before {
                let inner = tuple.frame(frame);
                let found = self.value(step, &tuple.value, &inner)?;
                for (number, item) in found.items().into_iter().enumerate() {
                    let mut next = tuple.clone();
                    match &step.focus {
                        Some(name) => next.bind(name, item),
                        None => next.value = item,
                    }
                    if let Some(name) = &step.index {
                        next.bind(name, Item::Number(number as f64));
                    }
                    after.push(next);
                }
                self.count(after.len() as u64)?;
            }
        }
        for stage in &step.stages {
            match stage {
                Stage::Index(name) => {
                    after
                        .iter_mut()
                        .enumerate()
                        .for_each(|(i, tuple)| tuple.bind(name, Item::Number(i as f64)));
                }
                Stage::Filter(predicate) => {
                    let length = after.len();
                    let mut kept = Vec::new();
                    for (number, tuple) in after.into_iter().enumerate() {
                        let inner = tuple.frame(frame);
                        if self.fits(predicate, &tuple.value, number, length, &inner)? {
                            kept.push(tuple);
                        }
                    }
                    after = kept;
                }
            }
        }
        Ok(after)
    }

    pub(super) fn stages(
        &mut self,
        stages: &[Stage],
        mut value: Item,
        frame: &Rc<Frame>,
    ) -> Result<Item, Failure> {
        for stage in stages {
            if let Stage::Filter(predicate) = stage {
                value = self.filtered(predicate, &value, frame)?;
            }
        }
        Ok(value)
    }

    fn filtered(&mut self, predicate: &Node, value: &Item, frame: &Rc<Frame>) -> Result<Item, Failure> {
        let items = value.items();
        if let Kind::Number(index) = predicate.kind {
            let item = position(index, items.len()).and_then(|index| items.get(index).cloned());
            return Ok(match item {
                None => Item::sequence(Vec::new()),
                Some(Item::Array(array)) => Item::Array(array),
                Some(item) => Item::sequence(vec![item]),
            });
        }
        let length = items.len();
        let mut kept = Vec::new();
        for (number, item) in items.into_iter().enumerate() {
            if self.fits(predicate, &item, number, length, frame)? {
                kept.push(item);
            }
        }
        Ok(Item::sequence(kept))
    }

    /// Whether the item at this place is taken: by its number, or by what is true of it.
    fn fits(
        &mut self,
        predicate: &Node,
        item: &Item,
        number: usize,
        length: usize,
        frame: &Rc<Frame>,
    ) -> Result<bool, Failure> {
        let value = self.value(predicate, item, frame)?;
        let numbers = value.items();
        let is_numbers = !numbers.is_empty() && numbers.iter().all(|item| matches!(item, Item::Number(_)));
        if is_numbers {
            let is_here =
                |item: &Item| matches!(item, Item::Number(index) if position(*index, length) == Some(number));
            return Ok(numbers.iter().any(is_here));
        }
        Ok(value.truth())
    }

    /// An object: for each item its key and value, those of one key together.
    pub(super) fn grouped(
        &mut self,
        pairs: &[(Node, Node)],
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Result<Item, Failure> {
        let mut items = input.items();
        if items.is_empty() {
            items.push(Item::Nothing);
        }
        let tuples: Vec<Tuple> = items.into_iter().map(|value| Tuple { value, bound: Vec::new() }).collect();
        self.group_tuples(pairs, &tuples, frame)
    }

    fn group_tuples(
        &mut self,
        pairs: &[(Node, Node)],
        tuples: &[Tuple],
        frame: &Rc<Frame>,
    ) -> Result<Item, Failure> {
        let mut groups: Vec<(Rc<str>, usize, Vec<Tuple>)> = Vec::new();
        for tuple in tuples {
            let inner = if tuple.bound.is_empty() { Rc::clone(frame) } else { tuple.frame(frame) };
            for (number, (key, _)) in pairs.iter().enumerate() {
                let key = match self.value(key, &tuple.value, &inner)? {
                    Item::Nothing => continue,
                    Item::Text(key) => key,
                    _ => return Err("T1003: Key in object structure must evaluate to a string".to_owned()),
                };
                self.count(groups.len() as u64 / 8)?;
                match groups.iter_mut().find(|(known, ..)| *known == key) {
                    Some((_, pair, _)) if *pair != number => {
                        return Err(format!(
                            "D1009: Multiple key definitions evaluate to same key: \"{key}\""
                        ));
                    }
                    Some((_, _, members)) => members.push(tuple.clone()),
                    None => groups.push((key, number, vec![tuple.clone()])),
                }
            }
        }
        let mut fields = Fields::default();
        for (key, number, members) in groups {
            let Some((_, value)) = pairs.get(number) else { continue };
            let frame = match members.as_slice() {
                [one] if one.bound.is_empty() => Rc::clone(frame),
                members => merged(members).frame(frame),
            };
            let context = together(members.iter().map(|member| &member.value));
            let value = self.value(value, &context, &frame)?;
            if !value.is_nothing() {
                fields.insert(key, value);
            }
        }
        Ok(Item::object(fields))
    }

    pub(super) fn sorted(
        &mut self,
        terms: &[(Node, bool)],
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Result<Item, Failure> {
        let tuples = input.items().into_iter().map(|value| Tuple { value, bound: Vec::new() }).collect();
        let sorted = self.sort_tuples(terms, tuples, frame)?;
        Ok(Item::sequence(sorted.into_iter().map(|tuple| tuple.value).collect()))
    }

    fn sort_tuples(
        &mut self,
        terms: &[(Node, bool)],
        tuples: Vec<Tuple>,
        frame: &Rc<Frame>,
    ) -> Result<Vec<Tuple>, Failure> {
        let mut keyed = Vec::new();
        for tuple in tuples {
            let inner = tuple.frame(frame);
            let keys = terms.iter().map(|(term, _)| self.value(term, &tuple.value, &inner));
            keyed.push((keys.collect::<Result<Vec<_>, _>>()?, tuple));
        }
        let mut failure = None;
        keyed.sort_by(|(a, _), (b, _)| {
            for ((a, b), (_, is_descending)) in a.iter().zip(b).zip(terms) {
                let order = key_order(a, b).unwrap_or_else(|why| {
                    failure.get_or_insert(why);
                    Ordering::Equal
                });
                let order = if *is_descending && !a.is_nothing() && !b.is_nothing() {
                    order.reverse()
                } else {
                    order
                };
                if order.is_ne() {
                    return order;
                }
            }
            Ordering::Equal
        });
        failure.map_or_else(|| Ok(keyed.into_iter().map(|(_, tuple)| tuple).collect()), Err)
    }
}

/// How two keys stand to each other; nothing comes last.
fn key_order(a: &Item, b: &Item) -> Result<Ordering, Failure> {
    match (a, b) {
        (Item::Nothing, Item::Nothing) => Ok(Ordering::Equal),
        (Item::Nothing, _) => Ok(Ordering::Greater),
        (_, Item::Nothing) => Ok(Ordering::Less),
        (Item::Number(a), Item::Number(b)) => Ok(a.partial_cmp(b).unwrap_or(Ordering::Equal)),
        (Item::Text(a), Item::Text(b)) => Ok(a.encode_utf16().cmp(b.encode_utf16())),
        (Item::Number(_) | Item::Text(_), Item::Number(_) | Item::Text(_)) => {
            Err("T2007: Type mismatch when comparing values in order-by clause".to_owned())
        }
        _ => {
            Err("T2008: The expressions within an order-by clause must evaluate to numeric or string values"
                .to_owned())
        }
    }
}

/// An index from 0, or from the end if it is negative; its fraction does not count.
fn position(index: f64, length: usize) -> Option<usize> {
    let index = index.floor();
    let index = if index < 0.0 { index + length as f64 } else { index };
    (index >= 0.0 && index < length as f64).then_some(index as usize)
}

/// Several values as one: those of arrays beside the others.
fn together<'a>(mut values: impl Iterator<Item = &'a Item> + Clone) -> Item {
    let count = values.clone().count();
    if count == 1 {
        return values.next().cloned().unwrap_or_default();
    }
    Item::sequence(values.flat_map(Item::items).collect())
}

/// The variables of all members of a group: each holds the values of all.
fn merged(members: &[Tuple]) -> Tuple {
    let mut bound: Vec<(String, Item)> = Vec::new();
    if let [first, ..] = members {
        for (name, _) in &first.bound {
            let values =
                members.iter().filter_map(|member| member.bound.iter().find(|(known, _)| known == name));
            let values: Vec<Item> = values.flat_map(|(_, item)| item.items()).collect();
            let value = if values.len() == 1 {
                values.into_iter().next().unwrap_or_default()
            } else {
                Item::sequence(values)
            };
            bound.push((name.clone(), value));
        }
    }
    Tuple { value: Item::Nothing, bound }
}
