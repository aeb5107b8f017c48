//! Rust as words and signs: what a parser of arrows needs of it, and no more.

/// The words and signs of a source text, without comments, literals, lifetimes and what only tests see. `::` is one sign.
pub(super) fn tokens(text: &str) -> Vec<String> {
    without_tests(&split(text))
}

fn split(text: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let word = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
        let (token, long) = if let Some(long) = not_code(rest) {
            (None, long)
        } else if word > 0 {
            (Some(&rest[..word]), word)
        } else if rest.starts_with("::") {
            (Some("::"), 2)
        } else {
            let sign = &rest[..first.len_utf8()];
            ((!first.is_whitespace()).then_some(sign), sign.len())
        };
        found.extend(token.map(str::to_owned));
        rest = &rest[long..];
    }
    found
}

/// How long the comment, the literal or the lifetime is that the text begins with, if it begins with one.
fn not_code(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(text.find("*/").map_or(text.len(), |end| end + 2));
    }
    let prefix = text.find(|c: char| !matches!(c, 'b' | 'c' | 'r')).filter(|long| *long <= 2)?;
    let literal = &text[prefix..];
    let raw = text[..prefix].contains('r');
    if literal.starts_with('"') && !raw {
        return Some(prefix + quoted(literal, '"'));
    }
    if raw && literal.starts_with(['"', '#']) {
        let hashes = literal.find(|c| c != '#')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let body = literal[hashes..].strip_prefix('"')?;
        return Some(prefix + hashes + 1 + body.find(&end)? + end.len());
    }
    if literal.starts_with('\'') && !raw {
        let second = literal[1..].chars().next()?;
        let is_char = second == '\\' || literal[1 + second.len_utf8()..].starts_with('\'');
        let lifetime = 1 + literal[1..].find(|c: char| !c.is_alphanumeric() && c != '_')?;
        return Some(prefix + if is_char { quoted(literal, '\'') } else { lifetime });
    }
    None
}

/// How long a literal is that begins with a quote and may have escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// Leaves out each item, field or statement under `#[cfg(test)]` or `#[cfg(all(test, ...))]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let is_test = starts(tokens, at, &["#", "[", "cfg", "(", "test", ")"])
            || starts(tokens, at, &["#", "[", "cfg", "(", "all", "(", "test", ","]);
        if is_test {
            at = item_end(tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Whether these words and signs stand there.
pub(super) fn starts(tokens: &[String], at: usize, words: &[&str]) -> bool {
    tokens.get(at..at + words.len()).is_some_and(|found| found == words)
}

/// Where the item, the field or the statement ends that begins there, its attributes first.
fn item_end(tokens: &[String], mut at: usize) -> usize {
    while starts(tokens, at, &["#", "["]) {
        at = closing(tokens, at + 1) + 1;
    }
    let mut word = at;
    if starts(tokens, word, &["pub"]) {
        word += 1;
        if starts(tokens, word, &["("]) {
            word = closing(tokens, word) + 1;
        }
    }
    let word = tokens.get(word).map_or("", String::as_str);
    let has_braces = ["fn", "mod", "impl", "struct", "enum", "trait", "union", "unsafe", "async", "extern"];
    let has_none = ["use", "const", "static", "type", "let"];
    while at < tokens.len() {
        match tokens[at].as_str() {
            ";" => return at + 1,
            "," if !has_braces.contains(&word) && !has_none.contains(&word) => return at + 1,
            // What it is in ends here.
            ")" | "]" | "}" => return at,
            "(" | "[" => at = closing(tokens, at),
            "{" => {
                at = closing(tokens, at);
                if !has_none.contains(&word) {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}

/// The place of the bracket that closes the one there.
pub(super) fn closing(tokens: &[String], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len().saturating_sub(1)
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let text = r##"
        /// See [`crate::doc`].
        fn a<'x>(t: &'x str) { /* crate::comment */ b("crate::text\"", r#"crate::"raw"#, b'"', '\'', 'c') }
        #[cfg(test)]
        #[path = "x.rs"]
        mod tests { use crate::t; }
        #[cfg(test)]
        use crate::{u, v};
        #[cfg(all(test, feature = "testing"))]
        const W: [u8; 1] = [crate::W];
        struct S { #[cfg(test)] pub(crate) f: crate::F, g: G }
        #[cfg(any(test, feature = "testing"))]
        use crate::kept;
    "##;
    let expected = "fn a < > ( t : & str ) { b ( , , , , ) } struct S { g : G } \
        # [ cfg ( any ( test , feature = ) ) ] use crate :: kept ;";
    assert_eq!(tokens(text).join(" "), expected);
}
