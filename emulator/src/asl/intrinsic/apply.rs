//! What calls give.

use super::call::{Argument, Call, Failed, Function};
use super::{json, list, number, words};
use crate::asl::scope::Scope;
use crate::asl::value::Value;

impl Call {
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
