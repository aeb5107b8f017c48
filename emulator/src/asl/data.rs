//! How data goes through a state: InputPath and Parameters on the way in, ResultSelector, ResultPath and OutputPath on the way out.

use serde_json::{Map, Value};

use super::{Kind, State};

/// The field that does not fit the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    ResultSelector,
    ResultPath,
    OutputPath,
}

impl State {
    /// What the state works on: its input, narrowed by InputPath, shaped by Parameters. `None` if a path leads nowhere.
    pub(crate) fn payload(&self, input: &Value, context: &Value) -> Option<Value> {
        let narrowed = match &self.input_path {
            None => Value::Object(Map::new()),
            Some(path) => path.get(input)?.clone(),
        };
        match &self.parameters {
            None => Some(narrowed),
            Some(template) => template.fill(&narrowed, context),
        }
    }

    /// What the state gives on: its result, shaped by ResultSelector, put into its input by ResultPath, narrowed by OutputPath.
    pub(crate) fn output(&self, input: &Value, result: Value, context: &Value) -> Result<Value, Misfit> {
        let result = match &self.result_selector {
            None => result,
            Some(template) => template.fill(&result, context).ok_or(Misfit::ResultSelector)?,
        };
        let keeps_input = matches!(self.kind, Kind::Task(_) | Kind::Pass { .. });
        let whole = match &self.result_path {
            _ if !keeps_input => result,
            None => input.clone(),
            Some(path) => path.put(input.clone(), result).ok_or(Misfit::ResultPath)?,
        };
        match &self.output_path {
            None => Ok(Value::Object(Map::new())),
            Some(path) => path.get(&whole).cloned().ok_or(Misfit::OutputPath),
        }
    }
}
