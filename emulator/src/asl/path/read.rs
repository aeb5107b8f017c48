//! The reader of paths.

use super::filter::Filter;
use super::{Function, Path, Root, Step};
use crate::asl::text::Text;

/// Longer paths are refused: each step is a level of what a path can make.
const STEPS_MAX: usize = 100;
/// Filters within filters are read no deeper.
pub(super) const DEPTH_MAX: usize = 10;

pub(super) fn path(text: &str) -> Result<Path, String> {
    let mut rest = Text::new(text);
    if !rest.eat("$") {
        return Err(format!("the path '{text}' does not begin with '$'"));
    }
    let root = if rest.eat("$") {
        Root::Context
    } else {
        match rest.take_while(|c| c.is_alphanumeric() || c == '_') {
            "" => Root::Input,
            name => Root::Variable(name.to_owned()),
        }
    };
    let steps = steps(&mut rest, 0).map_err(|why| format!("the path '{text}': {why}"))?;
    if !rest.is_done() {
        return Err(format!("the path '{text}': '{}' is not understood", rest.rest()));
    }
    Ok(Path { text: text.to_owned(), root, steps })
}

/// The steps up to the first thing that is none.
pub(super) fn steps(rest: &mut Text<'_>, depth: usize) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    loop {
        if rest.eat("..") {
            steps.push(Step::Deep);
            steps.push(if rest.peek() == Some('[') { bracket(rest, depth)? } else { name(rest)? });
        } else if rest.eat(".") {
            steps.push(if rest.peek() == Some('[') { bracket(rest, depth)? } else { name(rest)? });
        } else if rest.peek() == Some('[') {
            steps.push(bracket(rest, depth)?);
        } else {
            return Ok(steps);
        }
        if steps.len() > STEPS_MAX {
            return Err(format!("it has more than {STEPS_MAX} steps"));
        }
    }
}

/// What follows a point.
fn name(rest: &mut Text<'_>) -> Result<Step, String> {
    if rest.eat("*") {
        return Ok(Step::All);
    }
    let name = rest.take_while(|c| !c.is_whitespace() && !".[](),=!<>&|'\"*?".contains(c));
    if name.is_empty() {
        return Err("a name is missing after '.'".to_owned());
    }
    if !rest.eat("(") {
        return Ok(Step::Names(vec![name.to_owned()]));
    }
    rest.skip_blanks();
    let function = match name {
        "length" | "size" => Function::Length,
        "min" => Function::Min,
        "max" => Function::Max,
        "avg" => Function::Avg,
        "sum" => Function::Sum,
        "first" => Function::First,
        "last" => Function::Last,
        "keys" => Function::Keys,
        other => return Err(format!("the function '{other}' is not known")),
    };
    if rest.eat(")") { Ok(Step::Function(function)) } else { Err(format!("'{name}(' is not closed")) }
}

/// `[...]`
fn bracket(rest: &mut Text<'_>, depth: usize) -> Result<Step, String> {
    rest.eat("[");
    rest.skip_blanks();
    let step = match rest.peek() {
        Some('*') => {
            rest.eat("*");
            Step::All
        }
        Some('\'' | '"') => Step::Names(list(rest, |rest| rest.quoted().ok_or("a name is not closed"))?),
        Some('?') => {
            rest.eat("?");
            rest.skip_blanks();
            Step::Filter(Filter::read(rest, depth + 1)?)
        }
        Some('(') => from_end(rest)?,
        _ => indices(rest)?,
    };
    rest.skip_blanks();
    if rest.eat("]") { Ok(step) } else { Err("']' is missing".to_owned()) }
}

fn list<T>(
    rest: &mut Text<'_>,
    mut one: impl FnMut(&mut Text<'_>) -> Result<T, &'static str>,
) -> Result<Vec<T>, String> {
    let mut items = Vec::new();
    loop {
        rest.skip_blanks();
        items.push(one(rest)?);
        rest.skip_blanks();
        if !rest.eat(",") {
            return Ok(items);
        }
    }
}

/// `(@.length-1)`
fn from_end(rest: &mut Text<'_>) -> Result<Step, String> {
    let bad = || "a script in brackets can only be (@.length-N)".to_owned();
    rest.eat("(");
    rest.skip_blanks();
    if !rest.eat("@.length") {
        return Err(bad());
    }
    rest.eat("()");
    rest.skip_blanks();
    if !rest.eat("-") {
        return Err(bad());
    }
    rest.skip_blanks();
    let number = rest.take_while(|c| c.is_ascii_digit()).parse().map_err(|_| bad())?;
    rest.skip_blanks();
    if rest.eat(")") { Ok(Step::FromEnd(number)) } else { Err(bad()) }
}

/// `0`, `0,2`, `1:3`
fn indices(rest: &mut Text<'_>) -> Result<Step, String> {
    let first = index(rest)?;
    rest.skip_blanks();
    if rest.eat(":") {
        rest.skip_blanks();
        return Ok(Step::Slice(first, index(rest)?));
    }
    let bad = "an index is a whole number";
    let mut indices = vec![first.ok_or(bad)?];
    while rest.eat(",") {
        rest.skip_blanks();
        indices.push(index(rest)?.ok_or(bad)?);
        rest.skip_blanks();
    }
    Ok(Step::Indices(indices))
}

fn index(rest: &mut Text<'_>) -> Result<Option<i64>, String> {
    match rest.take_while(|c| c == '-' || c.is_ascii_digit()) {
        "" => Ok(None),
        number => number.parse().map(Some).map_err(|_| format!("'{number}' is no index")),
    }
}
