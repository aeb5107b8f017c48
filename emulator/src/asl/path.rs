//! Reference paths (`$`, `$.a.b`, `$['a'][0]`) and the payload templates made of them.
//!
//! In a template a path that begins with `$$` leads into the context object, as far as the state may see it. Filters, wildcards,
//! slices and intrinsic functions are not known here.

use serde_json::{Map, Value};

/// A path to one place in a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Path {
    /// `$`, the whole document.
    pub(crate) fn root() -> Self {
        Path(Vec::new())
    }

    /// Reads a path, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let unknown =
            || format!("the path '{text}' is none of those this emulator knows: $, $.a.b, $['a'], $.a[0]");
        let mut rest = text.strip_prefix('$').ok_or_else(unknown)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = next_step(rest).ok_or_else(unknown)?;
            steps.push(step);
            rest = after;
        }
        Ok(Path(steps))
    }

    /// Reads a path into the context object, if it leads to one of these places or below.
    fn parse_context(text: &str, known: &[&str]) -> Result<Self, String> {
        let inner = |text: &str| text.strip_prefix('$').map_or_else(|| Err(String::new()), Path::parse);
        let below = |path: &Path, place: &str| inner(place).is_ok_and(|place| path.0.starts_with(&place.0));
        inner(text).ok().filter(|path| known.iter().any(|place| below(path, place))).ok_or_else(|| {
            let known = known.join(", ");
            format!("the path '{text}' is none of the context object's that are known here: {known}")
        })
    }

    /// The value at this place, if there is one.
    pub(crate) fn get<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Field(name) => value.get(name),
            Step::Index(index) => value.get(index),
        })
    }

    /// Puts `value` at this place, making the objects on the way. `None` if something else than an object stands there, or an
    /// index lies beyond the end.
    pub(crate) fn put(&self, mut document: Value, value: Value) -> Option<Value> {
        let mut place = &mut document;
        for step in &self.0 {
            place = match step {
                Step::Field(name) => {
                    let object = place.as_object_mut()?;
                    object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()))
                }
                Step::Index(index) => place.get_mut(index)?,
            };
        }
        *place = value;
        Some(document)
    }
}

/// Splits the first `.name`, `['name']` or `[0]` off.
fn next_step(rest: &str) -> Option<(Step, &str)> {
    if let Some(rest) = rest.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        return plain.then(|| (Step::Field(name.to_owned()), after));
    }
    let rest = rest.strip_prefix('[')?;
    if let Some(quoted) = rest.strip_prefix('\'') {
        let (name, after) = quoted.split_once("']")?;
        let plain = !name.contains(['\'', '\\']);
        return plain.then(|| (Step::Field(name.to_owned()), after));
    }
    let (index, after) = rest.split_once(']')?;
    Some((Step::Index(index.parse().ok()?), after))
}

/// A payload template: JSON in which a field `"name.$": "$.path"` stands for the field `name` with the value at that path.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    Literal(Value),
    At(Path),
    Context(Path),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
}

impl Template {
    /// Reads a template, or says what is wrong with it. `context` are the places in the context object that it may see.
    pub(crate) fn parse(value: Value, context: &[&str]) -> Result<Self, String> {
        Ok(match value {
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| match (name.strip_suffix(".$"), value) {
                    (Some(name), Value::String(path)) => {
                        let value = if path.starts_with("$$") {
                            Template::Context(Path::parse_context(&path, context)?)
                        } else {
                            Template::At(Path::parse(&path)?)
                        };
                        Ok((name.to_owned(), value))
                    }
                    (Some(_), _) => Err(format!("the value of the field '{name}' is not a path")),
                    (None, value) => Ok((name, Template::parse(value, context)?)),
                });
                Template::Object(fields.collect::<Result<_, String>>()?)
            }
            Value::Array(items) => {
                let items = items.into_iter().map(|item| Template::parse(item, context));
                Template::Array(items.collect::<Result<_, _>>()?)
            }
            literal => Template::Literal(literal),
        })
    }

    /// The payload for this input and context object. `None` if a path leads nowhere.
    pub(crate) fn fill(&self, input: &Value, context: &Value) -> Option<Value> {
        Some(match self {
            Template::Literal(value) => value.clone(),
            Template::At(path) => path.get(input)?.clone(),
            Template::Context(path) => path.get(context)?.clone(),
            Template::Object(fields) => {
                let fields =
                    fields.iter().map(|(name, value)| Some((name.clone(), value.fill(input, context)?)));
                Value::Object(fields.collect::<Option<_>>()?)
            }
            Template::Array(items) => {
                Value::Array(items.iter().map(|i| i.fill(input, context)).collect::<Option<_>>()?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_find_and_put() {
        let document = json!({ "a": { "b c": [1, 2] }, "s": "x" });
        assert_eq!(Path::parse("$.a['b c'][1]").unwrap().get(&document), Some(&json!(2)));
        assert_eq!(Path::parse("$.a.none").unwrap().get(&document), None);
        let put = Path::parse("$.new.deep").unwrap().put(document.clone(), json!(7)).unwrap();
        assert_eq!(put["new"]["deep"], 7);
        assert_eq!(put["s"], "x");
        assert_eq!(Path::parse("$.s.deep").unwrap().put(document.clone(), json!(7)), None);
        assert_eq!(Path::parse("$.a['b c'][2]").unwrap().put(document, json!(7)), None);
    }

    #[test]
    fn paths_that_select_many_and_the_context_object_are_refused() {
        for bad in
            ["", "a", "$$.Execution.Id", "$..a", "$.a[*]", "$.a[?(@.b)]", "$.a[0:2]", "$.", "$['a", "$.a[-1]"]
        {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
        assert!(Template::parse(json!({ "a.$": "States.UUID()" }), &[]).is_err());
        assert!(Template::parse(json!({ "a.$": 1 }), &[]).is_err());
    }

    #[test]
    fn a_template_is_filled_from_the_input() {
        let shape = json!({ "id.$": "$.order.id", "fixed": [1, { "all.$": "$" }], "t.$": "$$.Task.Token" });
        let template = Template::parse(shape, &["$$.Task.Token"]).unwrap();
        let (input, context) = (json!({ "order": { "id": "o-1" } }), json!({ "Task": { "Token": "T" } }));
        let filled = json!({ "id": "o-1", "fixed": [1, { "all": input }], "t": "T" });
        assert_eq!(template.fill(&input, &context), Some(filled));
        assert_eq!(template.fill(&json!({}), &context), None);
        assert_eq!(template.fill(&input, &json!({})), None);
    }

    #[test]
    fn a_template_sees_of_the_context_object_what_it_may_and_what_lies_below() {
        let known = ["$$.Execution.Input", "$$.State.Name"];
        let parse = |path: &str| Template::parse(json!([{ "a.$": path }]), &known);
        let context = json!({ "Execution": { "Input": { "b": [3, 4] } } });
        let filled = parse("$$.Execution.Input.b[1]").unwrap().fill(&json!({}), &context);
        assert_eq!(filled, Some(json!([{ "a": 4 }])));
        for bad in
            ["$$", "$$$.State.Name", "$$.Execution", "$$.Execution.Inputs", "$$.Task.Token", "$$..State"]
        {
            let refusal = parse(bad).unwrap_err();
            assert!(
                refusal.contains(bad) && refusal.ends_with("$$.Execution.Input, $$.State.Name"),
                "{refusal}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_path_or_refused(text in "\\$?[$.\\[\\]'a-c0-9*]{0,12}|\\PC{0,12}") {
            if let Ok(path) = Path::parse(&text) {
                let document = path.put(json!({}), json!(1));
                proptest::prop_assert!(document.is_none_or(|d| path.get(&d) == Some(&json!(1))));
            }
        }
    }
}
