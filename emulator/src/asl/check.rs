//! What is checked of a definition as a whole: every name leads somewhere, every state is reached, and there is an end.

use std::collections::{BTreeSet, HashSet};

use super::problem::Problems;
use super::state::{Block, Kind, State};

/// A definition whose blocks lie deeper in each other is refused.
const NESTING_MAX: usize = 20;

/// Checks a block and those within it.
pub(super) fn check(block: &Block, at: &str, problems: &Problems) {
    let mut names = HashSet::new();
    check_block(block, at, &mut names, problems, 0);
}

fn check_block<'a>(
    block: &'a Block,
    at: &str,
    names: &mut HashSet<&'a str>,
    problems: &Problems,
    depth: usize,
) {
    if depth > NESTING_MAX {
        problems.add("TOO_DEEPLY_NESTED", format!("States are nested more than {NESTING_MAX} deep"), at);
        return;
    }
    check_targets(block, at, problems);
    for (name, state) in &block.states {
        let place = format!("{at}/States/{name}");
        if !names.insert(name) {
            problems.add("DUPLICATE_STATE_NAME", format!("Duplicate state name: {name}"), place.as_str());
        }
        for (inner, block) in state.blocks() {
            check_block(block, &format!("{place}{inner}"), names, problems, depth + 1);
        }
    }
    if !block.states.is_empty() && !block.states.values().any(|state| is_end(state)) {
        let place = if at.is_empty() { "/" } else { at };
        problems.add("MISSING_END_STATE", "There is no state that ends the execution", place);
    }
}

fn is_end(state: &State) -> bool {
    match &state.kind {
        Kind::Succeed | Kind::Fail { .. } => true,
        Kind::Choice(_) => false,
        _ => state.next.is_none(),
    }
}

/// Every `StartAt`, `Next` and `Default` must name a state, and every state must be named.
fn check_targets(block: &Block, at: &str, problems: &Problems) {
    let missing = |field: &str, target: &str, place: String| {
        let words = format!("Missing '{field}' target: {target}");
        problems.add("MISSING_TRANSITION_TARGET", words, place);
    };
    if !block.states.contains_key(&block.start_at) {
        missing("StartAt", &block.start_at, format!("{at}/StartAt"));
    }
    for (name, state) in &block.states {
        for (target, field, place) in targets(state) {
            if !block.states.contains_key(target) {
                missing(field, target, format!("{at}/States/{name}/{place}"));
            }
        }
    }
    let mut reached = BTreeSet::new();
    let mut waiting = vec![block.start_at.as_str()];
    while let Some(name) = waiting.pop() {
        if let Some(state) = block.states.get(name)
            && reached.insert(name)
        {
            waiting.extend(targets(state).into_iter().map(|(target, ..)| target));
        }
    }
    for name in block.states.keys().filter(|name| !reached.contains(name.as_str())) {
        let words = format!("State \"{name}\" is not reachable.");
        problems.add("MISSING_TRANSITION_TARGET", words, format!("{at}/States/{name}"));
    }
}

/// The states that this one names, with the field and its place in the state.
fn targets(state: &State) -> Vec<(&str, &'static str, String)> {
    let mut targets = Vec::new();
    targets.extend(state.next.as_deref().map(|next| (next, "Next", "Next".to_owned())));
    for (i, catcher) in state.catchers.iter().enumerate() {
        targets.push((&catcher.next, "Next", format!("Catch[{i}]/Next")));
    }
    if let Kind::Choice(choice) = &state.kind {
        for (i, rule) in choice.rules.iter().enumerate() {
            targets.push((&rule.next, "Next", format!("Choices[{i}]/Next")));
        }
        targets.extend(choice.default.as_deref().map(|next| (next, "Default", "Default".to_owned())));
    }
    targets
}
