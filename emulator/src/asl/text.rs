//! A text that is read from front to back, by the readers of paths, functions and filters.

/// What is left of a text.
#[derive(Clone)]
pub(crate) struct Text<'a> {
    whole: &'a str,
    at: usize,
}

impl<'a> Text<'a> {
    pub(crate) fn new(whole: &'a str) -> Self {
        Text { whole, at: 0 }
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.whole.get(self.at..).unwrap_or("")
    }

    pub(crate) fn is_done(&self) -> bool {
        self.rest().is_empty()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Takes this text, if it comes next.
    pub(crate) fn eat(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    pub(crate) fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    pub(crate) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// A quoted text; a backslash takes the character after it as it is.
    pub(crate) fn quoted(&mut self) -> Option<String> {
        let quote = self.peek().filter(|c| matches!(c, '\'' | '"'))?;
        self.next();
        let mut text = String::new();
        loop {
            match self.next()? {
                '\\' => text.push(self.next()?),
                c if c == quote => return Some(text),
                c => text.push(c),
            }
        }
    }
}
