//! The reader of expressions: operators by their binding powers, as the reference implementation reads them.

use std::rc::Rc;

use super::ast::{Kind, Lambda, Node, Stage};
use super::pattern::Pattern;
use super::shape::{as_path, joined, keep, named, single_name};
use super::token::{Token, Tokens};

/// Expressions that are nested deeper are refused.
const DEPTH_MAX: usize = 60;

/// Reads an expression, or says what is wrong with it, with JSONata's code.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser { tokens: Tokens::new(text), token: Token::End, depth: 0 };
    parser.advance(true)?;
    if parser.token == Token::End {
        return Err("S0207: Unexpected end of expression".to_owned());
    }
    let node = parser.expression(0)?;
    match parser.token {
        Token::End => Ok(node),
        ref other => Err(format!("S0201: Syntax error: {}", shown(other))),
    }
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    token: Token,
    depth: usize,
}

fn power(token: &Token) -> usize {
    let Token::Sign(sign) = token else { return 0 };
    match *sign {
        "[" | "(" | "@" | "#" => 80,
        "." => 75,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "!=" | "<" | ">" | "<=" | ">=" | "^" | "~>" | "in" => 40,
        "and" => 30,
        "or" => 25,
        "?" | ".." => 20,
        ":=" => 10,
        _ => 0,
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(number) => number.to_string(),
        Token::Text(text) => format!("\"{text}\""),
        Token::Name(name) => name.clone(),
        Token::Variable(name) => format!("${name}"),
        Token::Regex(pattern, _) => format!("/{pattern}/"),
        Token::Sign(sign) => (*sign).to_owned(),
        Token::End => "(end)".to_owned(),
    }
}

impl Parser<'_> {
    /// Takes the token, and reads the next one. `is_prefix` where a value is expected after it.
    fn advance(&mut self, is_prefix: bool) -> Result<Token, String> {
        let next = self.tokens.next(is_prefix)?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is(&self, sign: &str) -> bool {
        matches!(&self.token, Token::Sign(known) if *known == sign)
    }

    fn expect(&mut self, sign: &str, is_prefix: bool) -> Result<(), String> {
        if self.is(sign) {
            self.advance(is_prefix)?;
            return Ok(());
        }
        match self.token {
            Token::End => Err(format!("S0203: Expected \"{sign}\" before end of expression")),
            ref other => Err(format!("S0202: Expected \"{sign}\", got \"{}\"", shown(other))),
        }
    }

    fn expression(&mut self, right: usize) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("the expression is nested more than {DEPTH_MAX} deep"));
        }
        let mut left = self.prefix()?;
        while right < power(&self.token) {
            left = self.infix(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Node, String> {
        let is_value = !matches!(self.token, Token::Sign("(" | "[" | "{" | "-" | "|"));
        let token = self.advance(!is_value)?;
        Ok(match token {
            Token::Number(number) => Node::new(Kind::Number(number)),
            Token::Text(text) => Node::new(Kind::Text(text)),
            Token::Regex(pattern, flags) => Node::new(Kind::Regex(Rc::new(Pattern::new(&pattern, &flags)?))),
            Token::Variable(name) => Node::new(Kind::Variable(name)),
            Token::Name(name) => match name.as_str() {
                "true" => Node::new(Kind::Bool(true)),
                "false" => Node::new(Kind::Bool(false)),
                "null" => Node::new(Kind::Null),
                _ => named(name),
            },
            Token::Sign(word @ ("and" | "or" | "in")) => named(word.to_owned()),
            Token::Sign("*") => Node::new(Kind::Wildcard),
            Token::Sign("**") => Node::new(Kind::Descendants),
            Token::Sign("%") => return Err("the parent operator '%' is not known here".to_owned()),
            Token::Sign("-") => match self.expression(70)? {
                Node { kind: Kind::Number(number), .. } => Node::new(Kind::Number(-number)),
                operand => Node::new(Kind::Negate(Box::new(operand))),
            },
            Token::Sign("(") => self.block()?,
            Token::Sign("[") => self.array()?,
            Token::Sign("{") => Node::new(Kind::Object(Rc::new(self.pairs()?))),
            Token::Sign("|") => self.transform()?,
            Token::End => return Err("S0207: Unexpected end of expression".to_owned()),
            other => {
                return Err(format!(
                    "S0211: The symbol \"{}\" cannot be used as a unary operator",
                    shown(&other)
                ));
            }
        })
    }

    fn infix(&mut self, left: Node) -> Result<Node, String> {
        let binding = power(&self.token);
        let Token::Sign(sign) = self.token else { return Ok(left) };
        self.advance(true)?;
        match sign {
            "." => {
                let right = self.expression(binding)?;
                joined(left, right)
            }
            "[" => self.filter(left),
            "(" => self.call(left),
            "{" => {
                let mut left = left;
                if left.group.is_some() {
                    return Err("S0210: Each step can only have one grouping expression".to_owned());
                }
                left.group = Some(Rc::new(self.pairs()?));
                Ok(left)
            }
            "^" => self.sort(left),
            "@" | "#" => self.carry(left, sign),
            "?" => {
                let then = self.expression(0)?;
                let mut otherwise = None;
                if self.is(":") {
                    self.advance(true)?;
                    otherwise = Some(Box::new(self.expression(0)?));
                }
                Ok(Node::new(Kind::Condition(Box::new(left), Box::new(then), otherwise)))
            }
            ":=" => {
                let Kind::Variable(name) = left.kind else {
                    return Err(
                        "S0212: The left side of := must be a variable name (start with $)".to_owned()
                    );
                };
                let value = self.expression(binding - 1)?;
                Ok(Node::new(Kind::Bind(name, Box::new(value))))
            }
            "~>" => {
                let right = self.expression(binding)?;
                Ok(Node::new(Kind::Apply(Box::new(left), Box::new(right))))
            }
            sign => {
                let right = self.expression(binding)?;
                Ok(Node::new(Kind::Binary(sign, Box::new(left), Box::new(right))))
            }
        }
    }

    fn block(&mut self) -> Result<Node, String> {
        let mut parts = Vec::new();
        while !self.is(")") {
            parts.push(self.expression(0)?);
            if !self.is(";") {
                break;
            }
            self.advance(true)?;
        }
        self.expect(")", false)?;
        Ok(Node::new(Kind::Block(parts)))
    }

    fn array(&mut self) -> Result<Node, String> {
        let mut items = Vec::new();
        while !self.is("]") {
            let mut item = self.expression(0)?;
            if self.is("..") {
                self.advance(true)?;
                let end = self.expression(0)?;
                item = Node::new(Kind::Binary("..", Box::new(item), Box::new(end)));
            }
            items.push(item);
            if !self.is(",") {
                break;
            }
            self.advance(true)?;
        }
        self.expect("]", false)?;
        Ok(Node::new(Kind::Array(items)))
    }

    /// `key: value, ...}`
    fn pairs(&mut self) -> Result<Vec<(Node, Node)>, String> {
        let mut pairs = Vec::new();
        while !self.is("}") {
            let name = self.expression(0)?;
            self.expect(":", true)?;
            pairs.push((name, self.expression(0)?));
            if !self.is(",") {
                break;
            }
            self.advance(true)?;
        }
        self.expect("}", false)?;
        Ok(pairs)
    }

    fn transform(&mut self) -> Result<Node, String> {
        let pattern = self.expression(20)?;
        self.expect("|", true)?;
        let update = self.expression(20)?;
        let mut delete = None;
        if self.is(",") {
            self.advance(true)?;
            delete = Some(self.expression(20)?);
        }
        self.expect("|", false)?;
        Ok(Node::new(Kind::Transform(Rc::new((pattern, update, delete)))))
    }

    fn filter(&mut self, mut left: Node) -> Result<Node, String> {
        if self.is("]") {
            self.advance(false)?;
            keep(&mut left);
            return Ok(left);
        }
        let predicate = self.expression(0)?;
        self.expect("]", false)?;
        if left.group.is_some() {
            return Err("S0209: A predicate cannot follow a grouping expression in a step".to_owned());
        }
        match &mut left.kind {
            Kind::Path { steps, .. } => {
                if let Some(step) = steps.last_mut() {
                    step.stages.push(Stage::Filter(predicate));
                }
            }
            _ => left.predicates.push(Stage::Filter(predicate)),
        }
        Ok(left)
    }

    fn call(&mut self, left: Node) -> Result<Node, String> {
        if let Some("function" | "\u{3bb}") = single_name(&left) {
            return self.lambda();
        }
        let mut arguments = Vec::new();
        while !self.is(")") {
            if self.is("?") {
                self.advance(false)?;
                arguments.push(None);
            } else {
                arguments.push(Some(self.expression(0)?));
            }
            if !self.is(",") {
                break;
            }
            self.advance(true)?;
        }
        self.expect(")", false)?;
        let function = Box::new(left);
        if arguments.iter().any(Option::is_none) {
            return Ok(Node::new(Kind::Partial(function, arguments)));
        }
        Ok(Node::new(Kind::Call(function, arguments.into_iter().flatten().collect())))
    }

    fn lambda(&mut self) -> Result<Node, String> {
        let mut parameters = Vec::new();
        while !self.is(")") {
            match self.advance(false)? {
                Token::Variable(name) => parameters.push(name),
                other => {
                    return Err(format!(
                        "S0208: Parameter of function definition must be a variable name (start with $), not {}",
                        shown(&other)
                    ));
                }
            }
            if !self.is(",") {
                break;
            }
            self.advance(true)?;
        }
        if !self.is(")") {
            self.expect(")", false)?;
        }
        self.tokens.skip()?;
        if self.tokens.starts_with("<") {
            self.tokens.skip_signature()?;
        }
        self.advance(false)?;
        self.expect("{", true)?;
        let body = self.expression(0)?;
        self.expect("}", false)?;
        Ok(Node::new(Kind::Lambda(Rc::new(Lambda { parameters, body }))))
    }

    fn sort(&mut self, left: Node) -> Result<Node, String> {
        self.expect("(", true)?;
        let mut terms = Vec::new();
        loop {
            let is_descending = self.is(">");
            if is_descending || self.is("<") {
                self.advance(true)?;
            }
            terms.push((self.expression(0)?, is_descending));
            if !self.is(",") {
                break;
            }
            self.advance(true)?;
        }
        self.expect(")", false)?;
        let mut left = as_path(left);
        if let Kind::Path { steps, .. } = &mut left.kind {
            steps.push(Node::new(Kind::Sort(terms)));
        }
        Ok(left)
    }

    /// `@$name` and `#$name`
    fn carry(&mut self, left: Node, sign: &str) -> Result<Node, String> {
        let Token::Variable(name) = self.advance(false)? else {
            return Err(format!("S0214: The right side of {sign} must be a variable name (start with $)"));
        };
        let mut left = as_path(left);
        let Kind::Path { steps, .. } = &mut left.kind else { return Ok(left) };
        let Some(step) = steps.last_mut() else { return Ok(left) };
        step.is_tuple = true;
        if sign == "@" {
            if !step.stages.is_empty() {
                return Err(
                    "S0215: A context variable binding must precede any predicates on a step".to_owned()
                );
            }
            if matches!(step.kind, Kind::Sort(_)) {
                return Err("S0216: A context variable binding must precede the 'order-by' clause on a step"
                    .to_owned());
            }
            step.focus = Some(name);
        } else if step.stages.is_empty() {
            step.index = Some(name);
        } else {
            step.stages.push(Stage::Index(name));
        }
        Ok(left)
    }
}
