//! The rules of a Choice state.

use std::cmp::Ordering;

use super::expression::Expression;
use super::fields::Fields;
use super::flow::{DataFlow, assign};
use super::path::Path;
use super::raised::Raised;
use super::scope::Scope;
use super::template::Template;
use super::timestamp;
use super::value::Value;
use super::wildcard;

/// A Choice state's own fields.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) rules: Vec<Rule>,
    pub(crate) default: Option<String>,
}

/// Where to go, if the test holds.
#[derive(Debug)]
pub(crate) struct Rule {
    test: Test,
    pub(crate) next: String,
    assign: Vec<(String, Template)>,
    /// JSONata's `Output`.
    pub(crate) output: Option<Template>,
}

#[derive(Debug)]
enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Compare {
        variable: Path,
        kind: Kind,
        order: Order,
        with: Operand,
    },
    Matches {
        variable: Path,
        pattern: String,
    },
    Is {
        variable: Path,
        what: What,
        expected: bool,
    },
    /// JSONata's.
    Condition(Expression),
    Always(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

#[derive(Debug)]
enum Operand {
    Literal(Value),
    At(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Null,
    Present,
    Numeric,
    String,
    Boolean,
    Timestamp,
}

const KINDS: [(&str, Kind); 4] = [
    ("String", Kind::String),
    ("Numeric", Kind::Numeric),
    ("Boolean", Kind::Boolean),
    ("Timestamp", Kind::Timestamp),
];

const ORDERS: [(&str, Order); 5] = [
    ("Equals", Order::Equals),
    ("LessThan", Order::LessThan),
    ("GreaterThan", Order::GreaterThan),
    ("LessThanEquals", Order::LessThanEquals),
    ("GreaterThanEquals", Order::GreaterThanEquals),
];

const IS: [(&str, What); 6] = [
    ("IsNull", What::Null),
    ("IsPresent", What::Present),
    ("IsNumeric", What::Numeric),
    ("IsString", What::String),
    ("IsBoolean", What::Boolean),
    ("IsTimestamp", What::Timestamp),
];

impl Choice {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        if !fields.has("Choices") {
            fields.missing("Choices");
        }
        let rules = fields.list("Choices");
        if rules.is_empty() {
            fields.problems.schema("Value cannot be empty", fields.place("Choices"));
        }
        Choice { rules: rules.into_iter().filter_map(Rule::read).collect(), default: fields.text("Default") }
    }

    /// The first rule that holds.
    pub(crate) fn decide(&self, scope: &Scope<'_>) -> Result<Option<&Rule>, Raised> {
        for rule in &self.rules {
            if rule.test.holds(scope)? {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }
}

impl Choice {
    /// What the state gives on, and where it goes.
    pub(crate) fn leave(
        &self,
        flow: &DataFlow,
        narrowed: &Value,
        scope: &Scope<'_>,
    ) -> Result<(Value, Option<String>), Raised> {
        let (next, output) = match (self.decide(&scope.on(narrowed))?, &self.default) {
            (Some(rule), _) => (rule.next.clone(), rule.output.as_ref()),
            (None, Some(default)) => (default.clone(), None),
            (None, None) => return Err(no_choice()),
        };
        let output = output.map_or_else(|| flow.passed(narrowed, scope), |output| output.fill(scope))?;
        Ok((output, Some(next)))
    }
}

/// No rule holds, and there is no default.
pub(crate) fn no_choice() -> Raised {
    let words = "Failed to transition out of the state. The state does not point to a next state.";
    Raised::named("States.NoChoiceMatched", words)
}

impl Rule {
    fn read(mut fields: Fields<'_>) -> Option<Self> {
        let next = fields.required_text("Next");
        let assign = assign(&mut fields);
        if !fields.is_jsonata() {
            let test = Test::read(fields);
            return Some(Rule { test: test?, next: next?, assign, output: None });
        }
        fields.comment();
        let output = Template::take(&mut fields, "Output");
        let test = Test::read_condition(&mut fields);
        fields.finish();
        Some(Rule { test: test?, next: next?, assign, output })
    }

    /// The variables that this rule sets.
    pub(crate) fn assigned(&self, scope: &Scope<'_>) -> Result<Vec<(String, Value)>, Raised> {
        super::flow::assigned(&self.assign, scope)
    }
}

impl Test {
    /// `Condition`
    fn read_condition(fields: &mut Fields<'_>) -> Option<Self> {
        let at = fields.place("Condition");
        match fields.required("Condition")? {
            Value::Bool(flag) => Some(Test::Always(flag)),
            Value::String(text) if Expression::is_one(&text) => {
                Expression::read(&text, "Condition", &at, fields.problems).map(Test::Condition)
            }
            _ => fields.of_type("Boolean or JSONata expression", "Condition"),
        }
    }

    /// Reads a rule, or a part of one. JSON is nested at most 127 deep, so its parts are.
    fn read(mut fields: Fields<'_>) -> Option<Self> {
        fields.comment();
        let operators: Vec<String> =
            fields.names().into_iter().filter(|name| !matches!(name.as_str(), "Variable")).collect();
        let [operator] = operators.as_slice() else {
            fields.wrong("A choice rule must have exactly one operator");
            return None;
        };
        let test = match operator.as_str() {
            "And" => Test::And(Self::read_parts(&mut fields, "And")),
            "Or" => Test::Or(Self::read_parts(&mut fields, "Or")),
            "Not" => {
                let at = fields.place("Not");
                let part = Fields::new(fields.take("Not")?, at, fields.problems)?;
                Test::Not(Box::new(Self::read(part)?))
            }
            operator => Self::read_comparison(&mut fields, operator)?,
        };
        fields.finish();
        Some(test)
    }

    fn read_parts(fields: &mut Fields<'_>, name: &str) -> Vec<Test> {
        let parts = fields.list(name);
        if parts.is_empty() {
            fields.problems.schema("Value cannot be empty", fields.place(name));
        }
        parts.into_iter().filter_map(Self::read).collect()
    }

    fn read_comparison(fields: &mut Fields<'_>, operator: &str) -> Option<Self> {
        if !fields.has("Variable") {
            fields.missing("Variable");
        }
        let variable = fields.path("Variable");
        if let Some((_, what)) = IS.iter().find(|(name, _)| *name == operator) {
            let expected = fields.flag(operator);
            return Some(Test::Is { variable: variable?, what: *what, expected: expected? });
        }
        if operator == "StringMatches" {
            let pattern = fields.text(operator);
            return Some(Test::Matches { variable: variable?, pattern: pattern? });
        }
        let (plain, by_path) = operator.strip_suffix("Path").map_or((operator, false), |plain| (plain, true));
        let found = KINDS.iter().find_map(|(name, kind)| {
            let order = plain.strip_prefix(name)?;
            let (_, order) = ORDERS.iter().find(|(name, _)| *name == order)?;
            (*kind != Kind::Boolean || *order == Order::Equals).then_some((*kind, *order))
        });
        let Some((kind, order)) = found else {
            fields.wrong(format!("Field '{operator}' is not supported"));
            return None;
        };
        let with = if by_path {
            Operand::At(fields.path(operator)?)
        } else {
            let value = fields.take(operator)?;
            if kind.order(&value, &value).is_none() {
                return fields.of_type(kind.name(), operator);
            }
            Operand::Literal(value)
        };
        Some(Test::Compare { variable: variable?, kind, order, with })
    }

    fn holds(&self, scope: &Scope<'_>) -> Result<bool, Raised> {
        match self {
            Test::And(parts) => all(parts, scope),
            Test::Or(parts) => {
                for part in parts {
                    if part.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::Not(part) => Ok(!part.holds(scope)?),
            Test::Always(flag) => Ok(*flag),
            Test::Condition(expression) => {
                Ok(expression.value_of("boolean", scope)?.as_bool().unwrap_or(false))
            }
            Test::Is { variable, what: What::Present, expected } => {
                Ok(scope.find(variable).is_ok() == *expected)
            }
            Test::Is { variable, what, expected } => Ok(what.fits(&value(variable, scope)?) == *expected),
            Test::Matches { variable, pattern } => {
                Ok(value(variable, scope)?.as_str().is_some_and(|text| wildcard::matches(pattern, text)))
            }
            Test::Compare { variable, kind, order, with } => {
                let left = value(variable, scope)?;
                let right = match with {
                    Operand::Literal(literal) => literal.clone(),
                    Operand::At(path) => value(path, scope)?,
                };
                Ok(kind.order(&left, &right).is_some_and(|found| order.allows(found)))
            }
        }
    }
}

fn all(parts: &[Test], scope: &Scope<'_>) -> Result<bool, Raised> {
    for part in parts {
        if !part.holds(scope)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn value(path: &Path, scope: &Scope<'_>) -> Result<Value, Raised> {
    scope.find(path).map_err(|_| {
        let words = format!(
            "Invalid path '{}': The choice state's condition path references an invalid value.",
            path.text()
        );
        Raised::runtime(words)
    })
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::String => "String",
            Kind::Numeric => "Number",
            Kind::Boolean => "Boolean",
            Kind::Timestamp => "Timestamp",
        }
    }

    /// How two values of this kind stand to each other; `None` if one is of another kind.
    fn order(self, left: &Value, right: &Value) -> Option<Ordering> {
        match (self, left, right) {
            (Kind::String, Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Kind::Numeric, Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
            },
            (Kind::Boolean, Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Kind::Timestamp, Value::String(a), Value::String(b)) => {
                Some(timestamp::parse(a)?.cmp(&timestamp::parse(b)?))
            }
            _ => None,
        }
    }
}

impl Order {
    fn allows(self, found: Ordering) -> bool {
        match self {
            Order::Equals => found.is_eq(),
            Order::LessThan => found.is_lt(),
            Order::GreaterThan => found.is_gt(),
            Order::LessThanEquals => found.is_le(),
            Order::GreaterThanEquals => found.is_ge(),
        }
    }
}

impl What {
    fn fits(self, value: &Value) -> bool {
        match self {
            What::Present => true,
            What::Null => matches!(value, Value::Null),
            What::Numeric => matches!(value, Value::Number(_)),
            What::String => matches!(value, Value::String(_)),
            What::Boolean => matches!(value, Value::Bool(_)),
            What::Timestamp => value.as_str().is_some_and(|text| timestamp::parse(text).is_some()),
        }
    }
}
