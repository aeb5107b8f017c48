//! Intrinsic functions: `States.Format('Hello, {}', $.name)`.

mod base64;
mod java;
mod json;
mod list;
mod md5;
mod number;
mod read;
mod words;

use super::path::Path;
use super::scope::Scope;
use super::value::Value;

/// A call of an intrinsic function.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// As it was written.
    text: String,
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
enum Argument {
    Literal(Value),
    /// A quoted text, its parts between `{}`. For all functions but Format these stand for themselves.
    Text(Vec<String>),
    Path(Path),
    Call(Box<Call>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Format,
    StringToJson,
    JsonToString,
    Array,
    ArrayPartition,
    ArrayContains,
    ArrayRange,
    ArrayGetItem,
    ArrayLength,
    ArrayUnique,
    Base64Encode,
    Base64Decode,
    Hash,
    JsonMerge,
    MathRandom,
    MathAdd,
    StringSplit,
    Uuid,
}

/// Each function with the fewest and the most arguments that it takes.
const FUNCTIONS: &[(&str, Function, usize, usize)] = &[
    ("Format", Function::Format, 1, usize::MAX),
    ("StringToJson", Function::StringToJson, 1, 1),
    ("JsonToString", Function::JsonToString, 1, 1),
    ("Array", Function::Array, 0, usize::MAX),
    ("ArrayPartition", Function::ArrayPartition, 2, 2),
    ("ArrayContains", Function::ArrayContains, 2, 2),
    ("ArrayRange", Function::ArrayRange, 3, 3),
    ("ArrayGetItem", Function::ArrayGetItem, 2, 2),
    ("ArrayLength", Function::ArrayLength, 1, 1),
    ("ArrayUnique", Function::ArrayUnique, 1, 1),
    ("Base64Encode", Function::Base64Encode, 1, 1),
    ("Base64Decode", Function::Base64Decode, 1, 1),
    ("Hash", Function::Hash, 2, 2),
    ("JsonMerge", Function::JsonMerge, 3, 3),
    ("MathRandom", Function::MathRandom, 2, 3),
    ("MathAdd", Function::MathAdd, 2, 2),
    ("StringSplit", Function::StringSplit, 2, 2),
    ("UUID", Function::Uuid, 0, 0),
];

/// Why a call has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failed {
    /// A path in it leads nowhere.
    NoPath(String),
    /// The function does not take what it was given.
    Function(String),
}

impl Call {
    /// Reads a call, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        read::call(text)
    }

    /// The value of the call.
    pub(crate) fn value(&self, scope: &Scope<'_>) -> Result<Value, Failed> {
        if let (Function::Format, [Argument::Text(parts), rest @ ..]) =
            (self.function, self.arguments.as_slice())
        {
            let values = rest.iter().map(|argument| argument.value(scope)).collect::<Result<Vec<_>, _>>()?;
            return words::format(parts, &values).map_err(|why| self.failed(&why));
        }
        let values =
            self.arguments.iter().map(|argument| argument.value(scope)).collect::<Result<Vec<_>, _>>()?;
        let value = match (self.function, values.as_slice()) {
            (Function::Format, [Value::String(template), rest @ ..]) => {
                words::format(&template.split("{}").map(str::to_owned).collect::<Vec<_>>(), rest)
            }
            (Function::Array, items) => Ok(Value::Array(items.to_vec())),
            (Function::Uuid, _) => Ok(Value::String(scope.uuid())),
            (Function::StringToJson, [text]) => json::string_to_json(text),
            (Function::JsonToString, [value]) => Ok(Value::String(value.to_string())),
            (Function::JsonMerge, [first, second, deep]) => json::merge(first, second, deep),
            (Function::ArrayPartition, [array, size]) => list::partition(array, size),
            (Function::ArrayContains, [array, wanted]) => list::contains(array, wanted),
            (Function::ArrayRange, [first, last, step]) => list::range(first, last, step),
            (Function::ArrayGetItem, [array, index]) => list::get_item(array, index),
            (Function::ArrayLength, [array]) => list::length(array),
            (Function::ArrayUnique, [array]) => list::unique(array),
            (Function::Base64Encode, [text]) => words::base64_encode(text),
            (Function::Base64Decode, [text]) => words::base64_decode(text),
            (Function::Hash, [data, algorithm]) => words::hash(data, algorithm),
            (Function::StringSplit, [text, delimiters]) => words::split(text, delimiters),
            (Function::MathAdd, [a, b]) => number::add(a, b),
            (Function::MathRandom, [start, end, seed @ ..]) => {
                number::random(start, end, seed.first(), scope.chance())
            }
            _ => Err("Invalid arguments".to_owned()),
        };
        value.map_err(|why| self.failed(&why))
    }

    fn failed(&self, why: &str) -> Failed {
        Failed::Function(format!("The function '{}' had the following error: {why}", self.text))
    }
}

impl Argument {
    fn value(&self, scope: &Scope<'_>) -> Result<Value, Failed> {
        match self {
            Argument::Literal(value) => Ok(value.clone()),
            Argument::Text(parts) => Ok(Value::String(parts.join("{}"))),
            Argument::Call(call) => call.value(scope),
            Argument::Path(path) => scope.find(path).map_err(|_| Failed::NoPath(path.text().to_owned())),
        }
    }
}

/// A whole number out of one that may have a fraction.
fn whole(value: &Value, what: &str) -> Result<i64, String> {
    let number =
        value.as_f64().ok_or_else(|| format!("{what} must be a number, not of type {}", value.kind()))?;
    Ok(number::round(number))
}

fn text<'a>(value: &'a Value, what: &str) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| format!("{what} must be a string, not of type {}", value.kind()))
}

fn array(value: &Value) -> Result<&[Value], String> {
    value
        .as_array()
        .ok_or_else(|| format!("the first argument must be an array, not of type {}", value.kind()))
}

#[cfg(test)]
mod tests;
