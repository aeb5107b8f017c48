//! The shapes of paths, as parts of an expression are joined to them.

use super::ast::{Kind, Node};

/// A name is a path of one step.
pub(super) fn named(name: String) -> Node {
    Node::new(Kind::Path { steps: vec![Node::new(Kind::Name(name))], keep_singleton: false })
}

pub(super) fn single_name(node: &Node) -> Option<&str> {
    let Kind::Path { steps, .. } = &node.kind else { return None };
    match steps.as_slice() {
        [Node { kind: Kind::Name(name), stages, .. }] if stages.is_empty() => Some(name),
        _ => None,
    }
}

/// `[]`: a single value stays an array.
pub(super) fn keep(node: &mut Node) {
    match &mut node.kind {
        Kind::Path { keep_singleton, .. } => *keep_singleton = true,
        _ => node.keep_array = true,
    }
}

pub(super) fn as_path(node: Node) -> Node {
    if let Kind::Path { .. } = node.kind {
        return node;
    }
    let mut step = node;
    step.stages = std::mem::take(&mut step.predicates);
    let keep_singleton = step.keep_array;
    Node::new(Kind::Path { steps: vec![step], keep_singleton })
}

/// `left.right`
pub(super) fn joined(left: Node, right: Node) -> Result<Node, String> {
    let group = left.group.is_some();
    let mut path = if group {
        Node::new(Kind::Path { steps: vec![left], keep_singleton: false })
    } else {
        step_path(left)
    };
    let Kind::Path { steps, keep_singleton } = &mut path.kind else { return Ok(path) };
    let mut right = right;
    let outer_group = right.group.take();
    match right.kind {
        Kind::Path { steps: more, keep_singleton: keeps } => {
            *keep_singleton |= keeps;
            steps.extend(more);
        }
        _ => {
            right.stages.append(&mut right.predicates);
            *keep_singleton |= right.keep_array;
            steps.push(right);
        }
    }
    for step in steps.iter_mut() {
        match &step.kind {
            Kind::Text(name) => step.kind = Kind::Name(name.clone()),
            Kind::Number(_) | Kind::Bool(_) | Kind::Null => {
                return Err(
                    "S0213: The literal value cannot be used as a step within a path expression".to_owned()
                );
            }
            _ => {}
        }
    }
    let last = steps.len().saturating_sub(1);
    for (number, step) in steps.iter_mut().enumerate() {
        if matches!(step.kind, Kind::Array(_)) && (number == 0 || number == last) {
            step.cons_array = true;
        }
    }
    path.group = outer_group;
    Ok(path)
}

/// The left side of a point as a path of its own.
fn step_path(node: Node) -> Node {
    if let Kind::Path { .. } = node.kind {
        return node;
    }
    let keep_singleton = node.keep_array;
    Node::new(Kind::Path { steps: vec![node], keep_singleton })
}
