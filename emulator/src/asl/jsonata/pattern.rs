//! Regular expressions, in JavaScript's dialect as far as it is known here: no look-around, no back references.

use regex_lite::{Regex, RegexBuilder};

/// A pattern that was read.
#[derive(Debug)]
pub(super) struct Pattern(pub(super) Regex);

impl Pattern {
    pub(super) fn new(pattern: &str, flags: &str) -> Result<Self, String> {
        RegexBuilder::new(&translated(pattern))
            .case_insensitive(flags.contains('i'))
            .multi_line(flags.contains('m'))
            .size_limit(1 << 20)
            .build()
            .map(Pattern)
            .map_err(|e| format!("S0303: The regular expression is not understood: {e}"))
    }
}

/// JavaScript takes a backslash before any sign for the sign itself, and `/` needs one.
fn translated(pattern: &str) -> String {
    let mut text = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some(c) if c.is_ascii_alphanumeric() => text.extend(['\\', c]),
            Some(c)
                if c.is_ascii_punctuation()
                    && !matches!(
                        c,
                        '/' | '"' | '\'' | '`' | ',' | ';' | ':' | '@' | '%' | '_' | '=' | '!' | '<' | '>'
                    ) =>
            {
                text.extend(['\\', c]);
            }
            Some(c) => text.push(c),
            None => text.push('\\'),
        }
    }
    text
}
