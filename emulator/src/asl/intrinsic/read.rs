//! The reader of calls.

use super::call::{Argument, Call, FUNCTIONS, Function};
use crate::asl::path::Path;
use crate::asl::text::Text;
use crate::asl::value::Value;

/// Source: developer guide, "Intrinsic functions": up to 10 may be nested.
const DEPTH_MAX: usize = 10;

impl Call {
    /// Reads a call, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = Text::new(text);
        let call = nested(&mut rest, 1)?;
        rest.skip_blanks();
        if rest.is_done() { Ok(call) } else { Err(format!("'{}' follows the call", rest.rest())) }
    }
}

fn nested(rest: &mut Text<'_>, depth: usize) -> Result<Call, String> {
    if depth > DEPTH_MAX {
        return Err(format!("intrinsic functions are nested more than {DEPTH_MAX} deep"));
    }
    let whole = rest.rest();
    rest.eat("States.");
    let name = rest.take_while(|c| c.is_ascii_alphanumeric());
    let known = FUNCTIONS.iter().find(|(known, ..)| *known == name);
    let (_, function, fewest, most) = known.ok_or_else(|| format!("there is no function 'States.{name}'"))?;
    rest.skip_blanks();
    if !rest.eat("(") {
        return Err(format!("'(' is missing after 'States.{name}'"));
    }
    let mut arguments = Vec::new();
    rest.skip_blanks();
    if !rest.eat(")") {
        loop {
            arguments.push(argument(rest, depth)?);
            rest.skip_blanks();
            if rest.eat(")") {
                break;
            }
            if !rest.eat(",") {
                return Err(format!("',' or ')' is missing in 'States.{name}'"));
            }
        }
    }
    if arguments.len() < *fewest || arguments.len() > *most {
        return Err(format!("'States.{name}' does not take {} arguments", arguments.len()));
    }
    if let (Function::Format, Some(Argument::Text(parts))) = (function, arguments.first())
        && parts.len() != arguments.len()
    {
        return Err(format!(
            "'States.Format' has {} '{{}}' and {} values",
            parts.len() - 1,
            arguments.len() - 1
        ));
    }
    let text = whole[..whole.len() - rest.rest().len()].to_owned();
    Ok(Call { text, function: *function, arguments })
}

fn argument(rest: &mut Text<'_>, depth: usize) -> Result<Argument, String> {
    rest.skip_blanks();
    match rest.peek() {
        Some('\'') => text(rest),
        Some('$') => {
            let path = path_text(rest);
            Path::parse(path).map(Argument::Path)
        }
        Some('S') if rest.rest().starts_with("States.") => {
            nested(rest, depth + 1).map(|call| Argument::Call(Box::new(call)))
        }
        _ => {
            let word = rest.take_while(|c| !c.is_whitespace() && c != ',' && c != ')');
            let literal = Value::parse(word)
                .ok()
                .filter(|v| !matches!(v, Value::String(_) | Value::Array(_) | Value::Object(_)));
            literal
                .map(Argument::Literal)
                .ok_or_else(|| format!("'{word}' is no argument of an intrinsic function"))
        }
    }
}

/// A text in single quotes, its parts between `{}`. A backslash takes a quote, a brace and itself as they are.
fn text(rest: &mut Text<'_>) -> Result<Argument, String> {
    rest.eat("'");
    let (mut parts, mut part) = (Vec::new(), String::new());
    loop {
        match rest.next() {
            None => return Err("a text is not closed".to_owned()),
            Some('\'') => break,
            Some('\\') => match rest.next() {
                Some(c @ ('\'' | '{' | '}' | '\\')) => part.push(c),
                Some(c) => part.extend(['\\', c]),
                None => return Err("a text is not closed".to_owned()),
            },
            Some('{') if rest.eat("}") => parts.push(std::mem::take(&mut part)),
            Some(c) => part.push(c),
        }
    }
    parts.push(part);
    Ok(Argument::Text(parts))
}

/// A path ends at the comma or parenthesis that is not within its own brackets.
fn path_text<'a>(rest: &mut Text<'a>) -> &'a str {
    let whole = rest.rest();
    let mut open = 0_usize;
    while let Some(c) = rest.peek() {
        match c {
            '\'' | '"' if open > 0 => {
                if rest.quoted().is_none() {
                    break;
                }
                continue;
            }
            '[' | '(' => open += 1,
            ')' | ',' if open == 0 => break,
            ']' | ')' => open = open.saturating_sub(1),
            _ => {}
        }
        rest.next();
    }
    whole[..whole.len() - rest.rest().len()].trim_end()
}
