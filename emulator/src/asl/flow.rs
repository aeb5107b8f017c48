//! How data goes through a state: InputPath and Parameters on the way in, ResultSelector, ResultPath, Assign and OutputPath on the
//! way out.

use super::fields::Fields;
use super::language::Language;
use super::path::Path;
use super::raised::Raised;
use super::scope::Scope;
use super::template::Template;
use super::value::{Object, Value};

/// Data is nested no deeper, whatever states make of it: what walks through it must not run out of stack.
const LEVELS_MAX: usize = 300;

/// Where a result goes in the state's input.
#[derive(Debug, Clone)]
pub(crate) enum ResultPath {
    /// The field is null: the result is dropped.
    Discard,
    At(Path),
}

/// `InputPath` or `OutputPath`.
#[derive(Debug, Clone)]
pub(crate) enum Narrow {
    /// The field is null: `{}`.
    Empty,
    /// All of it.
    Whole,
    To(Path),
}

/// The data fields of a state.
#[derive(Debug)]
pub(crate) struct DataFlow {
    pub(super) input_path: Narrow,
    pub(super) output_path: Narrow,
    pub(super) result_path: ResultPath,
    pub(super) parameters: Option<Template>,
    pub(super) result_selector: Option<Template>,
    pub(super) assign: Vec<(String, Template)>,
    pub(super) language: Language,
    /// JSONata's `Output`.
    pub(super) output: Option<Template>,
}

impl ResultPath {
    /// Reads `ResultPath`, which must be a reference path.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        if let Some(Value::Null) = fields.take_null("ResultPath") {
            return ResultPath::Discard;
        }
        let path = fields.path("ResultPath").unwrap_or_else(Path::root);
        if !path.is_reference() {
            fields.problems.schema("Value is not a valid reference path", fields.place("ResultPath"));
        }
        ResultPath::At(path)
    }

    /// The result takes the input's place.
    pub(super) fn whole() -> Self {
        ResultPath::At(Path::root())
    }

    /// The input with the result in it.
    pub(crate) fn put(&self, input: &Value, result: Value) -> Result<Value, Raised> {
        match self {
            ResultPath::Discard => Ok(input.clone()),
            ResultPath::At(path) => path.put(input.clone(), result).ok_or_else(|| {
                let words = format!("Unable to apply ReferencePath {} to input {input}", path.text());
                Raised::named("States.ResultPathMatchFailure", words)
            }),
        }
    }
}

impl Narrow {
    pub(super) fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        match fields.take_null(name) {
            Some(_) => Narrow::Empty,
            None => fields.path(name).map_or(Narrow::Whole, Narrow::To),
        }
    }

    fn of(&self, whole: &Value, scope: &Scope<'_>) -> Result<Value, Raised> {
        match self {
            Narrow::Empty => Ok(Value::Object(Object::default())),
            Narrow::Whole => Ok(whole.clone()),
            Narrow::To(path) => scope
                .on(whole)
                .find(path)
                .map_err(|why| Raised::runtime(format!("Invalid path '{}' : {}", path.text(), why.0))),
        }
    }
}

impl DataFlow {
    /// A flow that changes nothing.
    pub(super) fn plain() -> Self {
        DataFlow {
            input_path: Narrow::Whole,
            output_path: Narrow::Whole,
            result_path: ResultPath::whole(),
            parameters: None,
            result_selector: None,
            assign: Vec::new(),
            language: Language::default(),
            output: None,
        }
    }

    pub(crate) fn is_jsonata(&self) -> bool {
        self.language == Language::Jsonata
    }

    /// What InputPath leaves of the state's input.
    pub(crate) fn narrowed(&self, scope: &Scope<'_>) -> Result<Value, Raised> {
        self.input_path.of(scope.input, scope)
    }

    /// What the state works on: its input, narrowed by InputPath, shaped by Parameters.
    pub(crate) fn payload(&self, scope: &Scope<'_>) -> Result<Value, Raised> {
        let narrowed = self.narrowed(scope)?;
        match &self.parameters {
            None => Ok(narrowed),
            Some(template) => shallow(template.fill(&scope.on(&narrowed))?),
        }
    }

    /// Whether Parameters shape the input.
    pub(crate) fn has_parameters(&self) -> bool {
        self.parameters.is_some()
    }

    /// The state's result, shaped by ResultSelector.
    pub(crate) fn select(&self, result: Value, scope: &Scope<'_>) -> Result<Value, Raised> {
        match &self.result_selector {
            None => Ok(result),
            Some(template) => shallow(template.fill(&scope.on(&result))?),
        }
    }

    /// What the state gives on: its input with the result in it, narrowed by OutputPath.
    pub(crate) fn output(&self, result: Value, scope: &Scope<'_>) -> Result<Value, Raised> {
        if self.is_jsonata() {
            return match &self.output {
                None => Ok(result),
                Some(template) => shallow(template.fill(&scope.with_result(&result))?),
            };
        }
        let whole = self.merged(result, scope)?;
        shallow(self.output_path.of(&whole, scope)?)
    }

    /// The state's input with the result in it.
    pub(crate) fn merged(&self, result: Value, scope: &Scope<'_>) -> Result<Value, Raised> {
        self.result_path.put(scope.input, result)
    }

    /// What a state without a result gives on: its narrowed input, narrowed by OutputPath.
    pub(crate) fn passed(&self, narrowed: &Value, scope: &Scope<'_>) -> Result<Value, Raised> {
        if let Some(template) = &self.output {
            return shallow(template.fill(scope)?);
        }
        self.output_path.of(narrowed, scope)
    }

    /// The variables that `Assign` sets once the state has this result.
    pub(crate) fn assigned_by(
        &self,
        result: &Value,
        scope: &Scope<'_>,
    ) -> Result<Vec<(String, Value)>, Raised> {
        if self.is_jsonata() {
            return assigned(&self.assign, &scope.with_result(result));
        }
        assigned(&self.assign, &scope.on(result))
    }

    /// The same for a state that has none.
    pub(crate) fn assigned(
        &self,
        narrowed: &Value,
        scope: &Scope<'_>,
    ) -> Result<Vec<(String, Value)>, Raised> {
        assigned(&self.assign, &scope.on(narrowed))
    }
}

/// Reads `Assign`: the names of variables and their templates.
pub(super) fn assign(fields: &mut Fields<'_>) -> Vec<(String, Template)> {
    let at = fields.place("Assign");
    if !fields.has("Assign") {
        return Vec::new();
    }
    let Some(Template::Object(variables)) = Template::take(fields, "Assign") else {
        fields.problems.schema("Expected value of type Object", at);
        return Vec::new();
    };
    for (name, _) in &variables {
        if !is_variable(name) {
            fields.problems.schema(format!("'{name}' is not a valid name of a variable"), at.as_str());
        }
    }
    variables
}

/// Source: developer guide, "Passing data between states with variables": up to 80 letters, digits and underscores, a letter first.
fn is_variable(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(char::is_alphabetic)
        && name != "states"
        && name.chars().count() <= 80
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The variables and their values: all see the values from before.
pub(crate) fn assigned(
    assign: &[(String, Template)],
    scope: &Scope<'_>,
) -> Result<Vec<(String, Value)>, Raised> {
    assign.iter().map(|(name, template)| Ok((name.clone(), shallow(template.fill(scope)?)?))).collect()
}

fn shallow(value: Value) -> Result<Value, Raised> {
    if value.is_within(LEVELS_MAX) {
        return Ok(value);
    }
    Err(Raised::runtime(format!("The data is nested more than {LEVELS_MAX} levels deep.")))
}
