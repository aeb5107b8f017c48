//! The value of an expression.

use std::rc::Rc;

use super::ast::{Kind, Node};
use super::evaluator::{Evaluator, Failure};
use super::functions;
use super::item::{Array, Fields, Frame, Function, Item};
use super::operators;

/// Parts of an expression that may be evaluated within each other.
const DEPTH_MAX: usize = 300;
/// Levels that a value may have.
const LEVELS_MAX: u32 = 250;
/// Values within a value, a text of 32 bytes as one: more than any payload has.
const WEIGHT_MAX: u64 = 1_000_000;
/// Source: JSONata, D2014.
const RANGE_MAX: f64 = 10_000_000.0;

impl Evaluator<'_> {
    /// The value of this part.
    pub(super) fn value(&mut self, node: &Node, input: &Item, frame: &Rc<Frame>) -> Result<Item, Failure> {
        self.depth += 1;
        self.count(1)?;
        if self.depth > DEPTH_MAX {
            return Err(format!(
                "U1001: Stack overflow error: the expression nests more than {DEPTH_MAX} deep"
            ));
        }
        let mut value = self.bare(node, input, frame)?;
        if !node.predicates.is_empty() {
            value = self.stages(&node.predicates, value, frame)?;
        }
        if let Some(pairs) = node.group.as_ref().filter(|_| !matches!(node.kind, Kind::Path { .. })) {
            value = self.grouped(pairs, &value, frame)?;
        }
        self.depth -= 1;
        let value = value.settled(node.keep_array);
        self.check(&value)?;
        Ok(value)
    }

    /// Refuses what is too large to be written out.
    fn check(&mut self, value: &Item) -> Result<(), Failure> {
        let size = value.size();
        if size.depth > LEVELS_MAX || size.weight > WEIGHT_MAX {
            return Err("U1001: The value of the expression is too large, or nested too deep".to_owned());
        }
        self.count(value.as_array().map_or(0, |array| array.items.len() as u64 / 16))
    }

    fn bare(&mut self, node: &Node, input: &Item, frame: &Rc<Frame>) -> Result<Item, Failure> {
        Ok(match &node.kind {
            Kind::Null => Item::Null,
            Kind::Bool(flag) => Item::Bool(*flag),
            Kind::Number(number) => Item::Number(*number),
            Kind::Text(text) => Item::text(text),
            Kind::Name(name) => input.field(name),
            Kind::Variable(name) if name.is_empty() => input.clone(),
            Kind::Variable(name) => frame.find(name).unwrap_or_default(),
            Kind::Wildcard => operators::wildcard(input),
            Kind::Descendants => {
                let mut found = Vec::new();
                self.descend(input, &mut found)?;
                Item::sequence(found)
            }
            Kind::Regex(pattern) => Item::Function(Rc::new(Function::Pattern(Rc::clone(pattern)))),
            Kind::Path { steps, keep_singleton } => self.path(node, steps, *keep_singleton, input, frame)?,
            Kind::Sort(terms) => self.sorted(terms, input, frame)?,
            Kind::Binary(sign, left, right) => self.binary(sign, left, right, input, frame)?,
            Kind::Negate(operand) => match self.value(operand, input, frame)? {
                Item::Nothing => Item::Nothing,
                Item::Number(number) => Item::Number(-number),
                _ => return Err("D1002: Cannot negate a non-numeric value".to_owned()),
            },
            Kind::Array(items) => {
                let mut built = Vec::new();
                for item in items {
                    let value = self.value(item, input, frame)?;
                    match (&item.kind, value) {
                        (_, Item::Nothing) => {}
                        (Kind::Array(_), value) => built.push(value),
                        (_, Item::Array(inner)) => built.extend(inner.items.iter().cloned()),
                        (_, value) => built.push(value),
                    }
                }
                Item::Array(Rc::new(Array::new(built).with_cons(node.cons_array)))
            }
            Kind::Object(pairs) => self.grouped(pairs, input, frame)?,
            Kind::Block(parts) => {
                let frame = Frame::new(Some(Rc::clone(frame)));
                let mut last = Item::Nothing;
                for part in parts {
                    last = self.value(part, input, &frame)?;
                }
                last
            }
            Kind::Condition(condition, then, otherwise) => {
                let holds = self.value(condition, input, frame)?.truth();
                match (holds, otherwise) {
                    (true, _) => self.value(then, input, frame)?,
                    (false, Some(otherwise)) => self.value(otherwise, input, frame)?,
                    (false, None) => Item::Nothing,
                }
            }
            Kind::Bind(name, value) => {
                let value = self.value(value, input, frame)?;
                frame.bind(name, value.clone());
                value
            }
            Kind::Lambda(lambda) => Item::Function(Rc::new(Function::Lambda {
                lambda: Rc::clone(lambda),
                frame: Rc::clone(frame),
                input: input.clone(),
            })),
            Kind::Call(function, arguments) => self.call(function, arguments, None, input, frame)?,
            Kind::Partial(function, arguments) => {
                let function = self.value(function, input, frame)?;
                let arguments = arguments.iter().map(|argument| {
                    argument.as_ref().map(|argument| self.value(argument, input, frame)).transpose()
                });
                let arguments = arguments.collect::<Result<_, _>>()?;
                if !matches!(function, Item::Function(_)) {
                    return Err("T1008: Attempted to partially apply a non-function".to_owned());
                }
                Item::Function(Rc::new(Function::Partial { function, arguments }))
            }
            Kind::Apply(left, right) => self.piped(left, right, input, frame)?,
            Kind::Transform(parts) => Item::Function(Rc::new(Function::Transform {
                parts: Rc::clone(parts),
                frame: Rc::clone(frame),
            })),
        })
    }

    fn descend(&mut self, item: &Item, found: &mut Vec<Item>) -> Result<(), Failure> {
        self.count(1)?;
        match item {
            Item::Nothing => {}
            Item::Array(array) => {
                for item in &array.items {
                    self.descend(item, found)?;
                }
            }
            Item::Object(fields) => {
                found.push(item.clone());
                for (_, item) in fields.iter() {
                    self.descend(item, found)?;
                }
            }
            other => found.push(other.clone()),
        }
        Ok(())
    }

    fn binary(
        &mut self,
        sign: &str,
        left: &Node,
        right: &Node,
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Result<Item, Failure> {
        let lhs = self.value(left, input, frame)?;
        match sign {
            "and" => return Ok(Item::Bool(lhs.truth() && self.value(right, input, frame)?.truth())),
            "or" => return Ok(Item::Bool(lhs.truth() || self.value(right, input, frame)?.truth())),
            _ => {}
        }
        let rhs = self.value(right, input, frame)?;
        match sign {
            "+" | "-" | "*" | "/" | "%" => operators::arithmetic(sign, &lhs, &rhs),
            "=" | "!=" if lhs.is_nothing() || rhs.is_nothing() => Ok(Item::Bool(false)),
            "=" => Ok(Item::Bool(lhs == rhs)),
            "!=" => Ok(Item::Bool(lhs != rhs)),
            "<" | ">" | "<=" | ">=" => operators::compared(sign, &lhs, &rhs),
            "&" => {
                let text = functions::string(&lhs)? + &functions::string(&rhs)?;
                self.count(text.len() as u64 / 32)?;
                Ok(Item::text(&text))
            }
            "in" if lhs.is_nothing() || rhs.is_nothing() => Ok(Item::Bool(false)),
            "in" => Ok(Item::Bool(rhs.items().contains(&lhs))),
            ".." => self.range(&lhs, &rhs),
            other => Err(format!("S0204: Unknown operator: \"{other}\"")),
        }
    }

    fn range(&mut self, from: &Item, to: &Item) -> Result<Item, Failure> {
        let whole = |item: &Item, code: &str, side: &str| match item {
            Item::Nothing => Ok(None),
            Item::Number(number) if number.fract() == 0.0 => Ok(Some(*number)),
            _ => {
                Err(format!("{code}: The {side} side of the range operator (..) must evaluate to an integer"))
            }
        };
        let (from, to) = (whole(from, "T2003", "left")?, whole(to, "T2004", "right")?);
        let (Some(from), Some(to)) = (from, to) else { return Ok(Item::Nothing) };
        if from > to {
            return Ok(Item::Nothing);
        }
        let size = to - from + 1.0;
        if size > RANGE_MAX {
            return Err(
                "D2014: The size of the sequence allocated by the range operator (..) must not exceed 1e7"
                    .to_owned(),
            );
        }
        self.count(size as u64)?;
        Ok(Item::sequence((0..size as u64).map(|step| Item::Number(from + step as f64)).collect()))
    }

    fn call(
        &mut self,
        function: &Node,
        arguments: &[Node],
        first: Option<Item>,
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Result<Item, Failure> {
        let callee = self.value(function, input, frame)?;
        let mut values: Vec<Item> = first.into_iter().collect();
        for argument in arguments {
            values.push(self.value(argument, input, frame)?);
        }
        if !matches!(callee, Item::Function(_)) {
            return Err("T1006: Attempted to invoke a non-function".to_owned());
        }
        self.apply(&callee, values, input)
    }

    /// `left ~> right`
    fn piped(&mut self, left: &Node, right: &Node, input: &Item, frame: &Rc<Frame>) -> Result<Item, Failure> {
        let value = self.value(left, input, frame)?;
        if let Kind::Call(function, arguments) = &right.kind {
            let result = self.call(function, arguments, Some(value), input, frame)?;
            return if right.predicates.is_empty() {
                Ok(result)
            } else {
                self.stages(&right.predicates, result, frame)
            };
        }
        let function = self.value(right, input, frame)?;
        if !matches!(function, Item::Function(_)) {
            return Err(
                "T2006: The right side of the function application operator ~> must be a function".to_owned()
            );
        }
        if let Item::Function(_) = value {
            return Ok(Item::Function(Rc::new(Function::Chain(value, function))));
        }
        self.apply(&function, vec![value], input)
    }

    /// Calls a function.
    pub(super) fn apply(
        &mut self,
        callee: &Item,
        mut arguments: Vec<Item>,
        input: &Item,
    ) -> Result<Item, Failure> {
        let Item::Function(function) = callee else {
            return Err("T1006: Attempted to invoke a non-function".to_owned());
        };
        self.depth += 1;
        self.count(1)?;
        if self.depth > DEPTH_MAX {
            return Err(format!("U1001: Stack overflow error: calls nest more than {DEPTH_MAX} deep"));
        }
        let value = match &**function {
            Function::Native(native) => {
                if native.takes_context && arguments.len() < native.least {
                    arguments.insert(0, input.clone());
                }
                if arguments.len() < native.least || arguments.len() > native.most {
                    return Err(format!(
                        "T0410: The number of arguments of function \"{}\" does not match its signature",
                        native.name
                    ));
                }
                (native.call)(self, &arguments)?
            }
            Function::Lambda { lambda, frame, input } => {
                let frame = Frame::new(Some(Rc::clone(frame)));
                for (number, parameter) in lambda.parameters.iter().enumerate() {
                    frame.bind(parameter, arguments.get(number).cloned().unwrap_or_default());
                }
                self.value(&lambda.body, input, &frame)?
            }
            Function::Partial { function, arguments: given } => {
                let mut rest = arguments.into_iter();
                let mut all: Vec<Item> = given
                    .iter()
                    .map(|given| given.clone().or_else(|| rest.next()).unwrap_or_default())
                    .collect();
                all.extend(rest);
                self.apply(function, all, input)?
            }
            Function::Chain(first, second) => {
                let value = self.apply(first, arguments, input)?;
                self.apply(second, vec![value], input)?
            }
            Function::Transform { parts, frame } => {
                self.transformed(parts, arguments.first().unwrap_or(&Item::Nothing), frame)?
            }
            Function::Pattern(pattern) => {
                functions::first_match(pattern, arguments.first().unwrap_or(&Item::Nothing))
            }
        };
        self.depth -= 1;
        self.check(&value)?;
        Ok(value)
    }

    /// A copy of the value in which what the pattern finds is changed.
    fn transformed(
        &mut self,
        parts: &(Node, Node, Option<Node>),
        value: &Item,
        frame: &Rc<Frame>,
    ) -> Result<Item, Failure> {
        let (pattern, update, delete) = parts;
        if value.is_nothing() {
            return Ok(Item::Nothing);
        }
        let found = self.value(pattern, value, frame)?.items();
        let mut changes: Vec<(Item, Item)> = Vec::new();
        for item in found {
            let Item::Object(fields) = &item else { continue };
            let mut changed = Fields::clone(fields);
            match self.value(update, &item, frame)? {
                Item::Nothing => {}
                Item::Object(update) => {
                    update.iter().for_each(|(name, item)| changed.insert(Rc::clone(name), item.clone()))
                }
                _ => return Err(
                    "T2011: The insert/update clause of the transform expression must evaluate to an object"
                        .to_owned(),
                ),
            }
            if let Some(delete) = delete {
                for name in self.value(delete, &item, frame)?.items() {
                    let Item::Text(name) = name else {
                        return Err("T2012: The delete clause of the transform expression must evaluate to a string or array of strings".to_owned());
                    };
                    changed.remove(&name);
                }
            }
            changes.push((item, Item::object(changed)));
        }
        self.replaced(value, &changes)
    }

    /// The value with each of these objects in the other's place. Objects are told apart by where they lie, not by what they say.
    fn replaced(&mut self, value: &Item, changes: &[(Item, Item)]) -> Result<Item, Failure> {
        self.count(1 + changes.len() as u64)?;
        Ok(match value {
            Item::Object(fields) => {
                let is_same =
                    |(old, _): &&(Item, Item)| matches!(old, Item::Object(old) if Rc::ptr_eq(old, fields));
                if let Some((_, new)) = changes.iter().find(is_same) {
                    let rest: Vec<_> = changes.iter().filter(|change| !is_same(change)).cloned().collect();
                    return self.inner_replaced(new, &rest);
                }
                self.inner_replaced(value, changes)?
            }
            other => self.inner_replaced(other, changes)?,
        })
    }

    fn inner_replaced(&mut self, value: &Item, changes: &[(Item, Item)]) -> Result<Item, Failure> {
        Ok(match value {
            Item::Object(fields) => {
                let mut changed = Fields::default();
                for (name, item) in fields.iter() {
                    changed.insert(Rc::clone(name), self.replaced(item, changes)?);
                }
                Item::object(changed)
            }
            Item::Array(array) => {
                let items = array.items.iter().map(|item| self.replaced(item, changes));
                Item::array(items.collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }
}
