//! Finds members of a JSON object whose text is damaged: a task token is too dear to be lost to a wrong byte beside it.

/// Members as they stand in the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Members<'a, const N: usize> {
    /// The text of each value, the last one of its name that is neither null nor empty; without its end if the text ends in it.
    pub(super) values: [Option<&'a [u8]>; N],
    /// The end of the object was seen.
    pub(super) ended: bool,
}

/// Looks for the members `names` of the object that `text` begins with. One pass, without recursion: what is inside of other values is
/// skipped by its brackets and quotes alone, and what can't be where it is, byte by byte.
pub(super) fn members<'a, const N: usize>(text: &'a [u8], names: [&str; N]) -> Members<'a, N> {
    let mut found = Members { values: [None; N], ended: false };
    let mut at = past_space(text, 0);
    if text.get(at) != Some(&b'{') {
        return found;
    }
    at += 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'}' => {
                found.ended = true;
                break;
            }
            b'"' => {
                let name = at..past_string(text, at);
                at = past_space(text, name.end);
                if text.get(at) != Some(&b':') {
                    continue;
                }
                let start = past_space(text, at + 1);
                at = past_value(text, start);
                if let Some(n) = names.iter().position(|wanted| is_name(&text[name.clone()], wanted)) {
                    let value = &text[start..at];
                    // Nothing takes no token away that was named before.
                    if found.values[n].is_none() || !matches!(value.trim_ascii(), b"null" | b"\"\"") {
                        found.values[n] = Some(value);
                    }
                }
            }
            _ => at += 1,
        }
    }
    found
}

/// Whether a name in its quotes is this one, escapes and all.
fn is_name(quoted: &[u8], wanted: &str) -> bool {
    match quoted {
        [b'"', name @ .., b'"'] if !name.contains(&b'\\') => name == wanted.as_bytes(),
        _ => serde_json::from_slice::<String>(quoted).is_ok_and(|name| name == wanted),
    }
}

fn past_space(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

/// `from` is at the opening quote.
fn past_string(text: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(byte) = text.get(at) {
        at += match byte {
            b'"' => return at + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    text.len()
}

fn past_value(text: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = past_string(text, at),
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b'}' | b']' | b',' if depth == 0 => break,
            b'}' | b']' => (at, depth) = (at + 1, depth - 1),
            _ => at += 1,
        }
        // A string or a bracket that is closed ends the value.
        if depth == 0 && matches!(byte, b'"' | b'}' | b']') {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn look(text: &[u8]) -> (Option<String>, Option<String>, bool) {
        let Members { values: [a, b], ended } = members(text, ["a", "b"]);
        let text = |value: Option<&[u8]>| value.map(|v| String::from_utf8_lossy(v).trim_end().to_owned());
        (text(a), text(b), ended)
    }

    #[test]
    fn members_are_found_beside_whatever_is_wrong() {
        let both = |a: &str, b: &str| (Some(a.to_owned()), Some(b.to_owned()), true);
        for text in [
            r#"{"a":"1","b":2}"#,
            r#" { "a" : "1" , "b" : 2 } trailing"#,
            r#"{"b":2,"x":1e400,"a":"1"}"#,
            r#"{"b":2,"x":NaN,"a":"1"}"#,
            r#"{"x":{"a":"no","b":["}"]},"a":"1","b":2}"#,
            r#"{"x":"{\"a\":\"no\"","a":"1","b":2}"#,
            r#"{"x":"\ud800","\u0061":"1","b":2}"#,
            r#"{"x","a":"1",,,"b":2}"#,
            r#"{"a":"old","a":"1","b":2}"#,
            r#"{"a":null,"a":"1","b":2,"a":null,"a" : "" ,"b":null }"#,
            r#"{x:'y',"a":"1","b":2}"#,
        ] {
            assert_eq!(look(text.as_bytes()), both("\"1\"", "2"), "{text}");
        }
        assert_eq!(look(b"{\"x\":\"\xff\xfe\",\"a\":\"1\",\"b\":2}"), both("\"1\"", "2"));
        assert_eq!(look(br#"{"a":"1","b":"ab\"c"#), (Some("\"1\"".into()), Some("\"ab\\\"c".into()), false));
        for nothing in ["", "[]", "\"a\"", "<html>\"a\":1</html>", "{", "{\"a\"", "{\"a\":", "[{\"a\":1}]"] {
            let (a, b, _) = look(nothing.as_bytes());
            assert!(a.is_none_or(|a| a.is_empty()) && b.is_none(), "{nothing}");
        }
    }

    #[test]
    fn p6_a_million_brackets_are_one_pass() {
        let deep = [b"{\"x\":".as_slice(), &b"[".repeat(1_000_000), b"\"a\":1"].concat();
        assert_eq!(look(&deep), (None, None, false));
    }

    proptest! {
        #[test]
        fn of_right_json_it_finds_what_a_parser_finds(a in "\\PC{0,12}", b in "\\PC{0,12}", x in "\\PC{0,12}") {
            let text = serde_json::json!({"x": {"a": x, "y": [x]}, "a": a, "b": b, "z": x}).to_string();
            let Members { values: [found_a, found_b], ended } = members(text.as_bytes(), ["a", "b"]);
            let read = |value: Option<&[u8]>| serde_json::from_slice::<String>(value.unwrap()).unwrap();
            prop_assert_eq!((read(found_a), read(found_b), ended), (a, b, true));
        }

        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..60), tail in "[{}\\[\\]\":,\\\\ab ]{0,40}") {
            let text = [b"{".as_slice(), &text, tail.as_bytes()].concat();
            let _ = members(&text, ["a", "b"]);
        }
    }
}
