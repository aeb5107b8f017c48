//! What an expression may look at: the state's input, the context object, the variables.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::time::SystemTime;

use super::path::{NotFound, Path, Root};
use super::value::Value;

/// Variables by their names.
pub(crate) type Variables = BTreeMap<String, Value>;

/// What differs from one evaluation to the next, and is asked of whoever runs the execution.
pub(crate) trait Chance {
    /// Anywhere from 0 to 1.
    fn chance(&mut self) -> f64;
    /// A name in the form of a UUID, of version 4.
    fn uuid(&mut self) -> String;
    /// The date.
    fn now(&self) -> SystemTime;
}

/// The same for expressions, which change nothing.
trait Draw {
    fn chance(&self) -> f64;
    fn uuid(&self) -> String;
    fn now(&self) -> SystemTime;
}

impl Draw for RefCell<&mut dyn Chance> {
    fn chance(&self) -> f64 {
        self.borrow_mut().chance()
    }

    fn uuid(&self) -> String {
        self.borrow_mut().uuid()
    }

    fn now(&self) -> SystemTime {
        self.borrow().now()
    }
}

/// What an expression sees.
pub(crate) struct Scope<'a> {
    /// `$`
    pub(crate) input: &'a Value,
    /// Makes `$$`: few expressions look at it.
    context_of: &'a dyn Fn() -> Value,
    context: OnceCell<Value>,
    variables: &'a Variables,
    draw: &'a dyn Draw,
    result: Option<&'a Value>,
    error_output: Option<&'a Value>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        input: &'a Value,
        context_of: &'a dyn Fn() -> Value,
        variables: &'a Variables,
        chance: &'a RefCell<&mut dyn Chance>,
    ) -> Self {
        Scope {
            input,
            context_of,
            context: OnceCell::new(),
            variables,
            draw: chance,
            result: None,
            error_output: None,
        }
    }

    /// The same with another `$`.
    pub(crate) fn on<'b>(&'b self, input: &'b Value) -> Scope<'b> {
        let Scope { context_of, variables, draw, result, error_output, .. } = *self;
        Scope { input, context_of, context: OnceCell::new(), variables, draw, result, error_output }
    }

    /// The same with the state's result, for JSONata.
    pub(crate) fn with_result<'b>(&'b self, result: &'b Value) -> Scope<'b> {
        Scope { result: Some(result), ..self.on(self.input) }
    }

    /// The same with the error that is caught, for JSONata.
    pub(crate) fn with_error<'b>(&'b self, error_output: &'b Value) -> Scope<'b> {
        Scope { error_output: Some(error_output), ..self.on(self.input) }
    }

    pub(super) fn result(&self) -> Option<&Value> {
        self.result
    }

    pub(super) fn error_output(&self) -> Option<&Value> {
        self.error_output
    }

    pub(super) fn variables(&self) -> &Variables {
        self.variables
    }

    /// The context object.
    pub(crate) fn context(&self) -> &Value {
        self.context.get_or_init(self.context_of)
    }

    /// What a path leads to.
    pub(crate) fn find(&self, path: &Path) -> Result<Value, NotFound> {
        match path.begins() {
            Root::Input => path.find(self.input),
            Root::Context => path.find(self.context()),
            Root::Variable(name) => match self.variables.get(name) {
                Some(value) => path.find(value),
                None => Err(NotFound(format!("The variable '{name}' is not assigned"))),
            },
        }
    }

    /// Anywhere from 0 to 1.
    pub(super) fn chance(&self) -> f64 {
        self.draw.chance()
    }

    /// The date.
    pub(super) fn now(&self) -> SystemTime {
        self.draw.now()
    }

    /// A new UUID.
    pub(super) fn uuid(&self) -> String {
        self.draw.uuid()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The same for every test.
    pub(crate) struct Fixed;

    impl Chance for Fixed {
        fn chance(&mut self) -> f64 {
            0.5
        }

        fn uuid(&mut self) -> String {
            "00000000-0000-4000-8000-000000000000".to_owned()
        }

        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
    }

    /// Calls `look` with a scope of this input, a small context object and one variable.
    pub(crate) fn with_scope<T>(input: &str, look: impl FnOnce(&Scope<'_>) -> T) -> T {
        let input = Value::parse(input).unwrap();
        let context = || {
            Value::parse(r#"{"Execution":{"Name":"e-1"},"StateMachine":{"Id":"arn","Name":"m"}}"#).unwrap()
        };
        let variables = Variables::from([("order".to_owned(), Value::parse(r#"{"id":7}"#).unwrap())]);
        let mut fixed = Fixed;
        let chance: RefCell<&mut dyn Chance> = RefCell::new(&mut fixed);
        look(&Scope::new(&input, &context, &variables, &chance))
    }
}
