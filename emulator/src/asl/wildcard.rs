//! `StringMatches`: `*` stands for any characters, a backslash takes the next one as it is.

/// Whether the whole text is as the pattern says. Takes no more steps than the product of both lengths.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern = read(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // The last `*`, and where in the text what it stands for ends.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(None) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Some(c)) if *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern.get(p..).unwrap_or(&[]).iter().all(Option::is_none)
}

/// The pattern's characters; `None` for a `*`.
fn read(pattern: &str) -> Vec<Option<char>> {
    let mut chars = pattern.chars();
    let mut read = Vec::new();
    while let Some(c) = chars.next() {
        read.push(match c {
            '*' => None,
            '\\' => Some(chars.next().unwrap_or('\\')),
            c => Some(c),
        });
    }
    read
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything_and_a_backslash_for_itself() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("log-*.txt", "log-2024.txt"),
            ("*a*b*", "xaybz"),
            ("a\\*b", "a*b"),
            ("\\\\*", "\\x"),
            ("a*a", "aXaYa"),
            ("*é", "caf\u{e9}"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("a\\*b", "axb"), ("log-*.txt", "log-.txt2"), ("a*a", "a"), ("?", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_matches_its_own_pattern(text in "[ab*\\\\]{0,10}") {
            let escaped = text.replace('\\', "\\\\").replace('*', "\\*");
            proptest::prop_assert!(matches(&escaped, &text));
            proptest::prop_assert!(matches("*", &text));
            let _ = matches(&text, "abab");
        }
    }
}
