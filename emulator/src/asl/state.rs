//! One state of a definition, and the states within it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::choice::Choice;
use super::fields::{Fields, SECONDS_MAX};
use super::flow::{DataFlow, Narrow, ResultPath, assign};
use super::language::Language;
use super::path::Path;
use super::problem::Problems;
use super::quantity::{Form, Quantity};
use super::raised::Raised;
use super::retry::{self, Catcher, Retrier};
use super::scope::Scope;
use super::task::{Task, Workflow};
use super::template::Template;
use super::value::Value;
use super::wait::Wait;
use super::words::Words;

/// States that lead to each other: a state machine's, a branch's, or those that each item of a Map goes through.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) start_at: String,
    pub(crate) states: BTreeMap<String, Arc<State>>,
}

/// One state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) flow: DataFlow,
    pub(crate) retriers: Vec<Retrier>,
    pub(crate) catchers: Vec<Catcher>,
    /// `None` ends the block.
    pub(crate) next: Option<String>,
}

/// What a state does.
#[derive(Debug)]
pub(crate) enum Kind {
    Task(Task),
    Pass { result: Option<Value> },
    Wait(Wait),
    Choice(Choice),
    Succeed,
    Fail { error: Option<Words>, cause: Option<Words> },
    Parallel { branches: Vec<Arc<Block>> },
    Map(Box<Map>),
}

/// A Map state's own fields.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) items_path: Option<Path>,
    /// JSONata's `Items`.
    items: Option<Template>,
    is_jsonata: bool,
    /// `ItemReader` and `ResultWriter` are there: only in a state that is tried.
    pub(crate) reads_items: bool,
    pub(crate) writes_results: bool,
    pub(crate) item_selector: Option<Template>,
    pub(crate) max_concurrency: Option<Quantity>,
    pub(crate) processor: Arc<Block>,
    /// Set for a distributed one.
    pub(crate) distributed: Option<Distributed>,
}

/// What a distributed Map has beyond an inline one.
#[derive(Debug)]
pub(crate) struct Distributed {
    pub(crate) label: Option<String>,
    pub(crate) tolerated_count: Option<Quantity>,
    pub(crate) tolerated_percentage: Option<Quantity>,
}

impl Block {
    /// The state of this name, here or in a state's own blocks.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<State>> {
        let here = self.states.get(name).map(Arc::clone);
        here.or_else(|| {
            let blocks = self.states.values().flat_map(|state| state.blocks());
            blocks.into_iter().find_map(|(_, block)| block.find(name))
        })
    }

    /// Reads `StartAt` and `States`.
    pub(super) fn read(fields: &mut Fields<'_>, workflow: Workflow) -> Option<Self> {
        let missing: Vec<&str> = ["StartAt", "States"].into_iter().filter(|name| !fields.has(name)).collect();
        if !missing.is_empty() {
            fields.wrong(format!("These fields are required: [{}]", missing.join(", ")));
        }
        let start_at = fields.text("StartAt");
        let at = fields.place("States");
        let states = Fields::new(fields.take("States")?, at.as_str(), fields.problems)?;
        if states.names().is_empty() {
            states.wrong("The object must not be empty");
        }
        let mut read = BTreeMap::new();
        for name in states.names() {
            let place = states.place(&name);
            check_name(&name, &place, fields.problems);
            let value = states.get(&name).cloned().unwrap_or_default();
            if let Some(state) = Fields::new(value, place, fields.problems)
                .map(|inner| inner.in_language(fields.language))
                .and_then(|f| State::read(name.clone(), f, workflow))
            {
                read.insert(name, Arc::new(state));
            }
        }
        Some(Block { start_at: start_at?, states: read })
    }
}

/// Source: Amazon States Language, "Top-level fields": up to 80 characters.
fn check_name(name: &str, at: &str, problems: &Problems) {
    if name.is_empty() || name.chars().count() > 80 {
        problems.add("INVALID_STATE_NAME", "A state's name must have 1 to 80 characters", at);
    }
}

impl State {
    fn read(name: String, mut fields: Fields<'_>, workflow: Workflow) -> Option<Self> {
        fields.comment();
        let outer = fields.language;
        let language = query_language(&mut fields, Some(outer));
        let mut fields = fields.in_language(language);
        let kind = fields.required_text("Type")?;
        let kind = kind.as_str();
        let mut flow = DataFlow { language, ..DataFlow::plain() };
        let is_path = language == Language::JsonPath;
        if kind != "Fail" && is_path {
            flow.input_path = Narrow::read(&mut fields, "InputPath");
            flow.output_path = Narrow::read(&mut fields, "OutputPath");
        }
        if kind != "Fail" && !is_path {
            flow.output = Template::take(&mut fields, "Output");
        }
        if !matches!(kind, "Fail" | "Succeed") {
            flow.assign = assign(&mut fields);
        }
        if matches!(kind, "Task" | "Pass" | "Parallel" | "Map") && is_path {
            flow.result_path = ResultPath::read(&mut fields);
        }
        if matches!(kind, "Task" | "Pass" | "Parallel") && is_path {
            flow.parameters = Template::take(&mut fields, "Parameters");
        }
        if matches!(kind, "Task" | "Parallel") && !is_path {
            flow.parameters = Template::take(&mut fields, "Arguments");
        }
        let mut errors = (Vec::new(), Vec::new());
        if matches!(kind, "Task" | "Parallel" | "Map") {
            if is_path {
                flow.result_selector = Template::take(&mut fields, "ResultSelector");
            }
            errors = retry::read(&mut fields);
        }
        let next = if matches!(kind, "Choice" | "Succeed" | "Fail") { None } else { fields.transition() };
        let kind = match kind {
            "Task" => Task::read(&mut fields, workflow).map(Kind::Task),
            "Pass" => Some(Kind::Pass { result: if is_path { fields.take("Result") } else { None } }),
            "Wait" => Wait::read(&mut fields).map(Kind::Wait),
            "Choice" => Some(Kind::Choice(Choice::read(&mut fields))),
            "Succeed" => Some(Kind::Succeed),
            "Fail" => {
                let error = Words::read(&mut fields, "Error", "ErrorPath");
                Some(Kind::Fail { error, cause: Words::read(&mut fields, "Cause", "CausePath") })
            }
            "Parallel" => Some(Kind::Parallel { branches: branches(&mut fields, workflow) }),
            "Map" => Map::read(&mut fields, workflow).map(|map| Kind::Map(Box::new(map))),
            _ => {
                let known = "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]";
                let words = format!("The field 'Type' should have one of these values: {known}");
                fields.problems.schema(words, fields.place("Type"));
                return None;
            }
        };
        fields.finish();
        Some(State { name, kind: kind?, flow, retriers: errors.0, catchers: errors.1, next })
    }

    /// The blocks within it, each with its place.
    pub(super) fn blocks(&self) -> Vec<(String, &Block)> {
        match &self.kind {
            Kind::Parallel { branches } => {
                branches.iter().enumerate().map(|(i, block)| (format!("/Branches[{i}]"), &**block)).collect()
            }
            Kind::Map(map) => vec![("/ItemProcessor".to_owned(), &map.processor)],
            _ => Vec::new(),
        }
    }
}

/// The language of these fields, which lie in `outer`'s.
pub(super) fn query_language(fields: &mut Fields<'_>, outer: Option<Language>) -> Language {
    let place = fields.place("QueryLanguage");
    match fields.text("QueryLanguage").as_deref() {
        None => outer.unwrap_or_default(),
        Some("JSONata") => Language::Jsonata,
        Some("JSONPath") => {
            if outer == Some(Language::Jsonata) {
                fields.wrong(
                    "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                );
            }
            Language::JsonPath
        }
        Some(other) => {
            fields.problems.schema(format!("The value '{other}' is not one of [JSONPath, JSONata]"), place);
            outer.unwrap_or_default()
        }
    }
}

fn branches(fields: &mut Fields<'_>, workflow: Workflow) -> Vec<Arc<Block>> {
    if !fields.has("Branches") {
        fields.missing("Branches");
    }
    let branches = fields.list("Branches");
    if branches.is_empty() {
        fields.problems.schema("Value cannot be empty", fields.place("Branches"));
    }
    let read = branches.into_iter().filter_map(|mut fields| {
        fields.comment();
        let block = Block::read(&mut fields, workflow);
        fields.finish();
        block.map(Arc::new)
    });
    read.collect()
}

impl Map {
    fn read(fields: &mut Fields<'_>, workflow: Workflow) -> Option<Self> {
        fields.exclusive("ItemProcessor", "Iterator");
        fields.exclusive("ItemSelector", "Parameters");
        let name = if fields.has("Iterator") { "Iterator" } else { "ItemProcessor" };
        let is_jsonata = fields.is_jsonata();
        let items_path = if is_jsonata { None } else { fields.path("ItemsPath") };
        let items = if is_jsonata { Template::take(fields, "Items") } else { None };
        let legacy = if is_jsonata { None } else { Template::take(fields, "Parameters") };
        let item_selector = Template::take(fields, "ItemSelector").or(legacy);
        let max_concurrency =
            Quantity::read(fields, "MaxConcurrency", Form::Integer, 0.0, SECONDS_MAX as f64);
        let tolerated_count =
            Quantity::read(fields, "ToleratedFailureCount", Form::Integer, 0.0, SECONDS_MAX as f64);
        let tolerated_percentage =
            Quantity::read(fields, "ToleratedFailurePercentage", Form::Float, 0.0, 100.0);
        let label = fields.text("Label");
        let (reads_items, writes_results) = (fields.has("ItemReader"), fields.has("ResultWriter"));
        for name in ["ItemReader", "ItemBatcher", "ResultWriter"] {
            if fields.take(name).is_some() && workflow != Workflow::Tried {
                let words = format!("This emulator does not know '{name}', only items of the state's input");
                fields.problems.schema(words, fields.place(name));
            }
        }
        let at = fields.place(name);
        let processor = fields.required(name)?;
        let mut processor = Fields::new(processor, at, fields.problems)?.in_language(fields.language);
        processor.comment();
        let is_distributed = is_distributed(&mut processor);
        let block = Block::read(&mut processor, workflow);
        processor.finish();
        check_label(label.as_deref(), is_distributed, fields);
        let distributed =
            is_distributed.then_some(Distributed { label, tolerated_count, tolerated_percentage });
        Some(Map {
            items_path,
            items,
            is_jsonata,
            reads_items,
            writes_results,
            item_selector,
            max_concurrency,
            processor: Arc::new(block?),
            distributed,
        })
    }
}

impl Map {
    /// The items, from the state's narrowed input.
    pub(crate) fn items(&self, scope: &Scope<'_>) -> Result<Vec<Value>, Raised> {
        if self.is_jsonata {
            return self.jsonata_items(scope);
        }
        let (text, found) = match &self.items_path {
            None => ("$", Ok(scope.input.clone())),
            Some(path) => (path.text(), scope.find(path)),
        };
        match found {
            Ok(Value::Array(items)) => Ok(items),
            Ok(_) => {
                // The service shows a path into the context object as if it were one into the input.
                let shown = text.strip_prefix('$').filter(|rest| rest.starts_with('$')).unwrap_or(text);
                Err(Raised::runtime(format!("Reference path \"{shown}\" must point to array.")))
            }
            Err(why) => Err(Raised::runtime(format!("Invalid path '{text}' : {}", why.0))),
        }
    }
}

impl Map {
    fn jsonata_items(&self, scope: &Scope<'_>) -> Result<Vec<Value>, Raised> {
        let items = match &self.items {
            None => scope.input.clone(),
            Some(Template::Expression(expression)) => expression.value_of("array", scope)?,
            Some(template) => template.fill(scope)?,
        };
        match items {
            Value::Array(items) => Ok(items),
            other => {
                Err(Raised::evaluation("", format!("Map state input must be an array but was: {other}")))
            }
        }
    }
}

/// Reads `ProcessorConfig`.
fn is_distributed(processor: &mut Fields<'_>) -> bool {
    let at = processor.place("ProcessorConfig");
    let Some(value) = processor.take("ProcessorConfig") else { return false };
    let Some(mut config) = Fields::new(value, at, processor.problems) else { return false };
    let mode = config.text("Mode");
    let execution = config.text("ExecutionType");
    let is_distributed = match mode.as_deref() {
        None | Some("INLINE") => false,
        Some("DISTRIBUTED") => true,
        Some(other) => {
            config.problems.schema(
                format!("The value '{other}' is not one of [INLINE, DISTRIBUTED]"),
                config.place("Mode"),
            );
            false
        }
    };
    if is_distributed && !matches!(execution.as_deref(), Some("STANDARD" | "EXPRESS")) {
        config.wrong("A distributed Map needs the field 'ExecutionType', one of [STANDARD, EXPRESS]");
    }
    config.finish();
    is_distributed
}

/// Source: developer guide, "Using Map state in Distributed mode": up to 40 characters, none of those that names may not hold.
fn check_label(label: Option<&str>, is_distributed: bool, fields: &Fields<'_>) {
    let Some(label) = label else { return };
    let at = fields.place("Label");
    if label.chars().count() > 40 {
        fields.problems.add("INVALID_LABEL_NAME", "Label cannot exceed 40 characters", at);
    } else if label.is_empty() || !crate::names::is_name(label) {
        fields.problems.add("INVALID_LABEL_NAME", "Label contains an invalid character", at);
    } else if !is_distributed {
        fields.problems.schema("Field 'Label' is for a Map in mode DISTRIBUTED", fields.at.as_str());
    }
}
