//! A line split into words, as the AWS CLI splits commands and names of profiles.

/// Splits a line as a POSIX shell does, with quotes and backslashes alone. `None`: a quote is not closed, or a backslash
/// stands at the end.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_split_as_the_aws_cli_splits_them() {
        // Expected values: Python's shlex.split.
        for (command, expected) in [
            ("a b\tc", &["a", "b", "c"][..]),
            ("  a  ", &["a"]),
            ("", &[]),
            (r#"a "b c" 'd e' f\ g"#, &["a", "b c", "d e", "f g"]),
            (r#"a"b"'c'd"#, &["abcd"]),
            (r#""" ''"#, &["", ""]),
            (r#""a\"b\\c\d$" 'a\b'"#, &["a\"b\\c\\d$", "a\\b"]),
            ("a #b $HOME ~ *", &["a", "#b", "$HOME", "~", "*"]),
        ] {
            assert_eq!(split(command).unwrap(), expected, "{command}");
        }
        for command in ["'a", "\"a", "a\\", "\"a\\"] {
            assert_eq!(split(command), None, "{command}");
        }
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec("\\PC{0,8}", 0..5)) {
            let quoted: Vec<_> = words.iter().map(|w| format!("'{}'", w.replace('\'', r"'\''"))).collect();
            prop_assert_eq!(split(&quoted.join(" ")), Some(words));
        }
    }
}
