//! Functions that call functions, and those of patterns.

use std::cmp::Ordering;
use std::rc::Rc;

use super::super::evaluator::{Evaluator, Failure};
use super::super::item::{Fields, Function, Item};
use super::super::pattern::Pattern;
use super::given::{function, number, text, unfit};

/// A part of a text that a pattern matches.
pub(super) struct Match {
    pub(super) start: usize,
    pub(super) end: usize,
    groups: Vec<Option<String>>,
}

/// So many parameters does a function name.
fn arity(function: &Item) -> usize {
    match function {
        Item::Function(function) => match &**function {
            Function::Lambda { lambda, .. } => lambda.parameters.len(),
            Function::Native(native) => native.most.min(3),
            Function::Partial { arguments, .. } => {
                arguments.iter().filter(|argument| argument.is_none()).count()
            }
            _ => 1,
        },
        _ => 0,
    }
}

impl Evaluator<'_> {
    /// Calls it with as many of these as it takes.
    fn call_with(&mut self, function: &Item, arguments: &[Item]) -> Result<Item, Failure> {
        let takes = arity(function).clamp(1, arguments.len());
        self.apply(function, arguments.get(..takes).unwrap_or(arguments).to_vec(), &Item::Nothing)
    }
}

pub(super) fn map(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let function = function(arguments, 1, "map")?;
    let mut results = Vec::new();
    for (at, item) in given.items().into_iter().enumerate() {
        let result = evaluator.call_with(function, &[item, Item::Number(at as f64), given.clone()])?;
        if !result.is_nothing() {
            results.push(result);
        }
    }
    Ok(Item::sequence(results))
}

pub(super) fn filter(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let function = function(arguments, 1, "filter")?;
    let mut kept = Vec::new();
    for (at, item) in given.items().into_iter().enumerate() {
        if evaluator.call_with(function, &[item.clone(), Item::Number(at as f64), given.clone()])?.truth() {
            kept.push(item);
        }
    }
    Ok(Item::sequence(kept))
}

pub(super) fn single(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let mut found = None;
    for (at, item) in given.items().into_iter().enumerate() {
        let fits = match arguments.get(1) {
            None | Some(Item::Nothing) => true,
            Some(function) => evaluator
                .call_with(function, &[item.clone(), Item::Number(at as f64), given.clone()])?
                .truth(),
        };
        if fits && found.replace(item).is_some() {
            return Err(
                "D3138: The $single() function expected exactly 1 matching result. Instead it matched more."
                    .to_owned(),
            );
        }
    }
    found.ok_or_else(|| {
        "D3139: The $single() function expected exactly 1 matching result. Instead it matched 0.".to_owned()
    })
}

pub(super) fn reduce(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let function = function(arguments, 1, "reduce")?;
    if arity(function) < 2 {
        return Err(
            "D3050: The second argument of reduce function must be a function with at least two arguments"
                .to_owned(),
        );
    }
    let mut items = given.items().into_iter().enumerate();
    let mut so_far = match arguments.get(2) {
        Some(first) if !first.is_nothing() => first.clone(),
        _ => items.next().map(|(_, first)| first).unwrap_or_default(),
    };
    for (at, item) in items {
        so_far = evaluator.call_with(function, &[so_far, item, Item::Number(at as f64), given.clone()])?;
    }
    Ok(so_far)
}

pub(super) fn each(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let function = function(arguments, 1, "each")?;
    let Some(Item::Object(fields)) = arguments.first() else { return Ok(Item::Nothing) };
    let mut results = Vec::new();
    for (name, item) in fields.iter() {
        let given = [item.clone(), Item::Text(Rc::clone(name)), Item::Object(Rc::clone(fields))];
        let result = evaluator.call_with(function, &given)?;
        if !result.is_nothing() {
            results.push(result);
        }
    }
    Ok(Item::sequence(results))
}

pub(super) fn sift(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let function = function(arguments, 1, "sift")?;
    let Some(Item::Object(fields)) = arguments.first() else { return Ok(Item::Nothing) };
    let mut kept = Fields::default();
    for (name, item) in fields.iter() {
        let given = [item.clone(), Item::Text(Rc::clone(name)), Item::Object(Rc::clone(fields))];
        if evaluator.call_with(function, &given)?.truth() {
            kept.insert(Rc::clone(name), item.clone());
        }
    }
    Ok(if kept.len() == 0 { Item::Nothing } else { Item::object(kept) })
}

/// By the given function, which says whether the first of two comes after the second; else numbers, or texts, upwards.
pub(super) fn sort(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(given) = arguments.first().filter(|given| !given.is_nothing()) else { return Ok(Item::Nothing) };
    let items = given.items();
    if items.len() <= 1 {
        return Ok(Item::array(items));
    }
    let by = match arguments.get(1) {
        None | Some(Item::Nothing) => None,
        Some(_) => Some(function(arguments, 1, "sort")?),
    };
    let is_all = |fits: fn(&Item) -> bool| items.iter().all(fits);
    if by.is_none()
        && !is_all(|item| matches!(item, Item::Number(_)))
        && !is_all(|item| matches!(item, Item::Text(_)))
    {
        return Err("D3070: The single argument form of the sort function can only be applied to an array of strings or an array of numbers".to_owned());
    }
    merge_sort(evaluator, items, by).map(Item::array)
}

fn merge_sort(
    evaluator: &mut Evaluator<'_>,
    mut items: Vec<Item>,
    by: Option<&Item>,
) -> Result<Vec<Item>, Failure> {
    if items.len() <= 1 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let mut left = merge_sort(evaluator, items, by)?.into_iter().peekable();
    let mut right = merge_sort(evaluator, right, by)?.into_iter().peekable();
    let mut merged = Vec::new();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        evaluator.count(1)?;
        let is_after = match by {
            Some(function) => evaluator.apply(function, vec![a.clone(), b.clone()], &Item::Nothing)?.truth(),
            None => plain_order(a, b) == Ordering::Greater,
        };
        merged.extend(if is_after { right.next() } else { left.next() });
    }
    merged.extend(left.chain(right));
    Ok(merged)
}

fn plain_order(a: &Item, b: &Item) -> Ordering {
    match (a, b) {
        (Item::Number(a), Item::Number(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Item::Text(a), Item::Text(b)) => a.encode_utf16().cmp(b.encode_utf16()),
        _ => Ordering::Equal,
    }
}

/// The first matches of a pattern, or of a function that finds them as a pattern does.
pub(super) fn all_matches(
    evaluator: &mut Evaluator<'_>,
    pattern: &Item,
    whole: &str,
    most: usize,
) -> Result<Vec<Match>, Failure> {
    let regex = match pattern {
        Item::Function(function) => match &**function {
            Function::Pattern(pattern) => Some(pattern),
            _ => None,
        },
        _ => None,
    };
    let Some(Pattern(regex)) = regex.map(|pattern| &**pattern) else {
        return Err("T1010: The matcher function argument passed to function does not return the correct object structure".to_owned());
    };
    let mut found = Vec::new();
    for captures in regex.captures_iter(whole).take(most) {
        evaluator.count(1 + whole.len() as u64 / 64)?;
        let Some(all) = captures.get(0) else { continue };
        let groups =
            (1..captures.len()).map(|group| captures.get(group).map(|group| group.as_str().to_owned()));
        found.push(Match { start: all.start(), end: all.end(), groups: groups.collect() });
    }
    Ok(found)
}

fn shown(whole: &str, found: &Match, with_end: bool) -> Item {
    let mut fields = Fields::default();
    fields.insert("match".into(), Item::text(whole.get(found.start..found.end).unwrap_or("")));
    let place = |at: usize| Item::Number(whole.get(..at).map_or(0, |before| before.chars().count()) as f64);
    fields.insert(if with_end { "start".into() } else { "index".into() }, place(found.start));
    if with_end {
        fields.insert("end".into(), place(found.end));
    }
    let groups = found.groups.iter().map(|group| group.as_deref().map_or(Item::text(""), Item::text));
    fields.insert("groups".into(), Item::array(groups.collect()));
    Item::object(fields)
}

/// What a pattern gives that is called as a function.
pub(crate) fn first_match(pattern: &Pattern, whole: &Item) -> Item {
    let Item::Text(whole) = whole else { return Item::Nothing };
    let Some(captures) = pattern.0.captures(whole) else { return Item::Nothing };
    let Some(all) = captures.get(0) else { return Item::Nothing };
    let groups = (1..captures.len()).map(|group| captures.get(group).map(|group| group.as_str().to_owned()));
    shown(whole, &Match { start: all.start(), end: all.end(), groups: groups.collect() }, true)
}

pub(super) fn matches(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(whole) = text(arguments, 0, "match")? else { return Ok(Item::Nothing) };
    let most = number(arguments, 2, "match")?;
    if most.is_some_and(|most| most < 0.0) {
        return Err("D3040: Third argument of match function must evaluate to a positive number".to_owned());
    }
    let pattern = function(arguments, 1, "match")?;
    let found = all_matches(evaluator, pattern, whole, most.map_or(usize::MAX, |most| most as usize))?;
    Ok(Item::sequence(found.iter().map(|found| shown(whole, found, false)).collect()))
}

pub(super) fn replace(evaluator: &mut Evaluator<'_>, arguments: &[Item]) -> Result<Item, Failure> {
    let Some(whole) = text(arguments, 0, "replace")? else { return Ok(Item::Nothing) };
    let most = number(arguments, 3, "replace")?;
    if most.is_some_and(|most| most < 0.0) {
        return Err(
            "D3011: Fourth argument of replace function must evaluate to a positive number".to_owned()
        );
    }
    let most = most.map_or(usize::MAX, |most| most as usize);
    let replacement = arguments.get(2).cloned().unwrap_or_default();
    let pattern = match arguments.get(1) {
        Some(Item::Text(part)) if part.is_empty() => {
            return Err("D3010: Second argument of replace function cannot be an empty string".to_owned());
        }
        Some(Item::Text(part)) => {
            let Item::Text(with) = &replacement else { return Err(unfit("replace", 3)) };
            let bytes = whole.matches(&**part).take(most).count().saturating_mul(with.len());
            evaluator.count(bytes as u64 / 32)?;
            return Ok(Item::text(&whole.replacen(&**part, with, most)));
        }
        _ => function(arguments, 1, "replace")?,
    };
    let (mut out, mut from) = (String::new(), 0);
    for found in all_matches(evaluator, pattern, whole, most)? {
        if found.start == found.end {
            return Err("D1004: Regular expression matches zero length string".to_owned());
        }
        out.push_str(whole.get(from..found.start).unwrap_or(""));
        match &replacement {
            Item::Text(with) => {
                expand(with, whole.get(found.start..found.end).unwrap_or(""), &found.groups, &mut out)
            }
            with @ Item::Function(_) => {
                match evaluator.apply(with, vec![shown(whole, &found, false)], &Item::Nothing)? {
                    Item::Text(text) => out.push_str(&text),
                    _ => {
                        return Err(
                            "D3012: Attempted to replace a matched string with a non-string value".to_owned()
                        );
                    }
                }
            }
            _ => return Err(unfit("replace", 3)),
        }
        evaluator.count(out.len() as u64 / 1_024)?;
        from = found.end;
    }
    out.push_str(whole.get(from..).unwrap_or(""));
    Ok(Item::text(&out))
}

/// `$0` is the whole match, `$1` its first group, `$$` a dollar.
fn expand(with: &str, whole: &str, groups: &[Option<String>], out: &mut String) {
    let mut rest = with;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        // As many digits as there are groups for.
        let mut taken = digits.min(2);
        while taken > 1 && after[..taken].parse::<usize>().is_ok_and(|group| group > groups.len()) {
            taken -= 1;
        }
        match after[..taken].parse::<usize>() {
            Ok(0) => out.push_str(whole),
            Ok(group) => out.push_str(groups.get(group - 1).and_then(Option::as_deref).unwrap_or("")),
            Err(_) => out.push('$'),
        }
        rest = &after[taken..];
    }
    out.push_str(rest);
}
