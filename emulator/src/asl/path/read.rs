//! The reader of paths.

use super::model::{Filter, Function, Literal, Operand, Operator, Path, Root, Step};
use crate::asl::text::Text;

/// Longer paths are refused: each step is a level of what a path can make.
const STEPS_MAX: usize = 100;
/// Filters within filters are read no deeper.
const DEPTH_MAX: usize = 10;

impl Path {
    /// Reads a path, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
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
}

/// The steps up to the first thing that is none.
fn steps(rest: &mut Text<'_>, depth: usize) -> Result<Vec<Step>, String> {
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
            Step::Filter(filter(rest, depth + 1)?)
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

/// Longer ones first.
const OPERATORS: &[(&str, Operator)] = &[
    ("===", Operator::Equal),
    ("!==", Operator::NotEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

const WORDS: &[(&str, Operator)] = &[
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

/// Reads a filter in its parentheses.
fn filter(rest: &mut Text<'_>, depth: usize) -> Result<Filter, String> {
    if depth > DEPTH_MAX {
        return Err(format!("filters are nested more than {DEPTH_MAX} deep"));
    }
    if !rest.eat("(") {
        return Err("'(' is missing after '?'".to_owned());
    }
    let filter = any(rest, depth)?;
    rest.skip_blanks();
    if rest.eat(")") { Ok(filter) } else { Err("a filter is not closed".to_owned()) }
}

fn any(rest: &mut Text<'_>, depth: usize) -> Result<Filter, String> {
    let mut parts = vec![all(rest, depth)?];
    loop {
        rest.skip_blanks();
        if !rest.eat("||") {
            return Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) });
        }
        parts.push(all(rest, depth)?);
    }
}

fn all(rest: &mut Text<'_>, depth: usize) -> Result<Filter, String> {
    let mut parts = vec![part(rest, depth)?];
    loop {
        rest.skip_blanks();
        if !rest.eat("&&") {
            return Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) });
        }
        parts.push(part(rest, depth)?);
    }
}

fn part(rest: &mut Text<'_>, depth: usize) -> Result<Filter, String> {
    if depth > DEPTH_MAX {
        return Err(format!("filters are nested more than {DEPTH_MAX} deep"));
    }
    rest.skip_blanks();
    if rest.peek() == Some('!') && !rest.rest().starts_with("!=") {
        rest.eat("!");
        return Ok(Filter::Not(Box::new(part(rest, depth + 1)?)));
    }
    if rest.peek() == Some('(') {
        return filter(rest, depth + 1);
    }
    let left = operand(rest, depth)?;
    rest.skip_blanks();
    let Some(operator) = operator(rest) else { return Ok(Filter::There(left)) };
    rest.skip_blanks();
    Ok(Filter::Compare(left, operator, operand(rest, depth)?))
}

fn operator(rest: &mut Text<'_>) -> Option<Operator> {
    if let Some((_, operator)) = OPERATORS.iter().find(|(text, _)| rest.eat(text)) {
        return Some(*operator);
    }
    let mut ahead = rest.clone();
    let word = ahead.take_while(char::is_alphabetic).to_ascii_lowercase();
    let (_, operator) = WORDS.iter().find(|(text, _)| *text == word)?;
    *rest = ahead;
    Some(*operator)
}

fn operand(rest: &mut Text<'_>, depth: usize) -> Result<Operand, String> {
    match rest.peek() {
        Some('@') => {
            rest.eat("@");
            inner_path(rest, depth).map(|(steps, definite)| Operand::Element(steps, definite))
        }
        Some('$') => {
            rest.eat("$");
            inner_path(rest, depth).map(|(steps, definite)| Operand::Document(steps, definite))
        }
        Some('[') => {
            rest.eat("[");
            let mut items = Vec::new();
            loop {
                rest.skip_blanks();
                if rest.eat("]") {
                    return Ok(Operand::List(items));
                }
                items.push(literal(rest)?);
                rest.skip_blanks();
                rest.eat(",");
            }
        }
        _ => literal(rest).map(Operand::Literal),
    }
}

fn inner_path(rest: &mut Text<'_>, depth: usize) -> Result<(Vec<Step>, bool), String> {
    let steps = steps(rest, depth + 1)?;
    let path = Path { text: String::new(), root: Root::Input, steps };
    let is_definite = path.is_definite();
    Ok((path.steps, is_definite))
}

/// A literal; a bare word is a text.
fn literal(rest: &mut Text<'_>) -> Result<Literal, String> {
    if matches!(rest.peek(), Some('\'' | '"')) {
        return rest.quoted().map(Literal::Text).ok_or_else(|| "a text is not closed".to_owned());
    }
    let word = rest.take_while(|c| !c.is_whitespace() && !"()[],=!<>&|'\"".contains(c));
    match word {
        "" => Err("a value is missing in a filter".to_owned()),
        "null" => Ok(Literal::Null),
        "true" => Ok(Literal::Bool(true)),
        "false" => Ok(Literal::Bool(false)),
        word if word.starts_with('/') => Err("regular expressions in filters are not known here".to_owned()),
        word => {
            let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
            let number = word.parse().ok().filter(|_| is_number);
            Ok(number.map_or_else(|| Literal::Text(word.to_owned()), Literal::Number))
        }
    }
}
