//! The tokens of an expression.

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Name(String),
    /// `$name`, without the dollar; `$` and `$$` are the names `` and `$`.
    Variable(String),
    /// A pattern and its flags.
    Regex(String, String),
    /// An operator, or `and`, `or`, `in`.
    Sign(&'static str),
    End,
}

/// Longer ones first.
const SIGNS: &[&str] = &[
    "..", ":=", "!=", ">=", "<=", "**", "~>", ".", "[", "]", "{", "}", "(", ")", ",", "@", "#", ";", ":",
    "?", "+", "-", "*", "/", "%", "|", "=", "<", ">", "^", "&",
];

/// Where a `/` begins a pattern: the grammar says whether a value could end before it.
#[derive(Clone)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Tokens { rest: text }
    }

    /// The next token. `is_prefix` where a value is expected.
    pub(super) fn next(&mut self, is_prefix: bool) -> Result<Token, String> {
        self.skip()?;
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        if first == '/' && is_prefix {
            return self.regex();
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        match first {
            '"' | '\'' => return self.text(first),
            '`' => {
                let (name, rest) = self.rest[1..]
                    .split_once('`')
                    .ok_or("S0105: Quoted property name must be terminated with a backquote (`)")?;
                self.rest = rest;
                return Ok(Token::Name(name.to_owned()));
            }
            _ => {}
        }
        if let Some(sign) = SIGNS.iter().find(|sign| self.rest.starts_with(**sign)) {
            self.rest = &self.rest[sign.len()..];
            return Ok(Token::Sign(sign));
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || ".[]{}(),@#;:?+-*/%|=<>^&!~".contains(c))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(format!("S0204: Unknown operator: \"{first}\""));
        }
        self.rest = rest;
        Ok(match word {
            "and" => Token::Sign("and"),
            "or" => Token::Sign("or"),
            "in" => Token::Sign("in"),
            word => match word.strip_prefix('$') {
                Some(name) => Token::Variable(name.to_owned()),
                None => Token::Name(word.to_owned()),
            },
        })
    }

    /// What is left, for a lambda's signature.
    pub(super) fn skip_signature(&mut self) -> Result<(), String> {
        let mut open = 0_usize;
        for (at, c) in self.rest.char_indices() {
            match c {
                '<' => open += 1,
                '>' if open <= 1 => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(());
                }
                '>' => open -= 1,
                _ => {}
            }
        }
        Err("S0203: Expected \">\" before end of expression".to_owned())
    }

    pub(super) fn skip(&mut self) -> Result<(), String> {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix("/*") else { return Ok(()) };
            let (_, rest) = comment.split_once("*/").ok_or("S0106: Comment has no closing tag")?;
            self.rest = rest;
        }
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest.starts_with(text)
    }

    fn number(&mut self) -> Result<Token, String> {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|c| c.is_ascii_digit()).count();
        let mut end = digits(0);
        // Not a range: `1..5`.
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = if end + 1 + sign <= bytes.len() { digits(end + 1 + sign) } else { 0 };
            if exponent > 0 {
                end += 1 + sign + exponent;
            }
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let number: f64 = text.parse().map_err(|_| format!("S0201: Syntax error: \"{text}\""))?;
        if number.is_finite() {
            Ok(Token::Number(number))
        } else {
            Err(format!("S0102: Number out of range: {text}"))
        }
    }

    fn text(&mut self, quote: char) -> Result<Token, String> {
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = &self.rest[at + 2..];
                return Ok(Token::Text(text));
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let (_, escape) =
                chars.next().ok_or("S0101: String literal must be terminated by a matching quote")?;
            match escape {
                '"' | '\'' | '\\' | '/' => text.push(escape),
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' => text.push(unicode(&mut chars)?),
                other => return Err(format!("S0103: Unsupported escape sequence: \\{other}")),
            }
        }
        Err("S0101: String literal must be terminated by a matching quote".to_owned())
    }

    fn regex(&mut self) -> Result<Token, String> {
        let mut depth = 0_i32;
        let mut is_escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                '/' if depth <= 0 => {
                    let pattern = self.rest[1..at].to_owned();
                    if pattern.is_empty() {
                        return Err("S0301: Empty regular expressions are not allowed".to_owned());
                    }
                    let after = &self.rest[at + 1..];
                    let end = after.find(|c| c != 'i' && c != 'm').unwrap_or(after.len());
                    self.rest = &after[end..];
                    return Ok(Token::Regex(pattern, after[..end].to_owned()));
                }
                _ => {}
            }
        }
        Err("S0302: No terminating / in regular expression".to_owned())
    }
}

/// The character of `\uXXXX`, of two of them for those beyond the first plane.
fn unicode(chars: &mut std::str::CharIndices<'_>) -> Result<char, String> {
    let bad = || "S0104: The escape sequence \\u must be followed by 4 hex digits".to_owned();
    let mut unit = || -> Result<u16, String> {
        let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
        if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        u16::from_str_radix(&digits, 16).map_err(|_| bad())
    };
    let first = unit()?;
    if let Some(c) = char::from_u32(first.into()) {
        return Ok(c);
    }
    let mut after = chars.clone();
    if (after.next().map(|(_, c)| c), after.next().map(|(_, c)| c)) != (Some('\\'), Some('u')) {
        return Ok(char::REPLACEMENT_CHARACTER);
    }
    *chars = after;
    let mut unit = || -> Result<u16, String> {
        let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
        u16::from_str_radix(&digits, 16).map_err(|_| bad())
    };
    let second = unit()?;
    let decoded = char::decode_utf16([first, second]).next().and_then(Result::ok);
    Ok(decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
}
