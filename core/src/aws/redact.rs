//! Makes text from outside fit for a log.

use crate::printable::steers;

/// The longest text shown, in characters.
const SHOWN_MAX: usize = 300;
/// Tokens and keys are longer than this and mix cases and digits; words, paths and request ids don't.
const SECRET_MIN: usize = 32;

/// The first 300 characters of `text` on one line: what steers a terminal escaped, and what looks like a token or a key replaced.
pub(super) fn redact(text: &str) -> String {
    let mut shown = String::new();
    // Secrets are found before the text is cut, so that half of one does not pass. Only a bounded part is looked at.
    let text = &text[..text.floor_char_boundary(16 * 1024)];
    let mut run = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || "+/=_-".contains(c) {
            run.push(c);
            continue;
        }
        shown.push_str(if looks_secret(&run) { "(hidden)" } else { &run });
        run.clear();
        if steers(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.truncate(shown.len() - "\\n".len()); // the end mark
    if let Some((end, _)) = shown.char_indices().nth(SHOWN_MAX) {
        shown.truncate(end);
        shown.push_str("...");
    }
    shown
}

fn looks_secret(run: &str) -> bool {
    let has = |test: fn(&u8) -> bool| run.as_bytes().iter().any(test);
    run.len() >= SECRET_MIN
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn p7_keys_and_tokens_are_hidden_words_and_paths_are_not() {
        let key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        assert_eq!(redact(&format!("key='{key}', no")), "key='(hidden)', no");
        let plain = "can't open /usr/local/share/aws/signing/helper/certificate.pem: No such file (id 0b4c2f10-7a11-4c1e-9c3e-000000000000)";
        assert_eq!(redact(plain), plain);
    }

    #[test]
    fn a_text_stays_on_one_line() {
        assert_eq!(redact("a\r\n\u{1b}[31mb"), "a\\r\\n\\u{1b}[31mb");
        assert_eq!(redact(""), "");
    }

    proptest! {
        #[test]
        fn p7_what_is_shown_is_short_and_has_no_control_characters(text in "\\PC{0,400}[\\x00-\\x20\u{202e}\u{2028}\u{200b}]{0,9}") {
            let shown = redact(&text);
            prop_assert!(shown.chars().count() <= SHOWN_MAX + 3);
            prop_assert!(!shown.chars().any(steers));
        }
    }
}
