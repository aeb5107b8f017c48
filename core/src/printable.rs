//! Makes text from outside fit for one line of a log or a terminal.
//!
//! Error names, causes, answers of servers, file names: whoever writes them could end a line and begin another, colour a terminal or
//! clear it, or make a text read backwards. What is made here is escaped where it is written, not where it comes from, so that nothing
//! can be forgotten: each logger, and each place that prints, lets all its text through [`Printable`]. So does each line that the library
//! logs, since the logger may be an app's.

use std::fmt::{self, Display, Formatter, Write};

/// Shows what it holds on one line: what is not seen, or steers what is seen, comes out as `\n`, `\t`, `\r` or `\u{1b}`.
///
/// What is shown once comes out the same the second time.
///
/// ```
/// # use activity_worker::Printable;
/// assert_eq!(Printable("no paper\n\u{1b}[31mINFO all is well").to_string(), "no paper\\n\\u{1b}[31mINFO all is well");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Printable<T>(pub T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaped(f), "{}", self.0)
    }
}

struct Escaped<'a, 'b>(&'a mut Formatter<'b>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut written = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| steers(*c)) {
            self.0.write_str(&text[written..at])?;
            write!(self.0, "{}", c.escape_default())?;
            written = at + c.len_utf8();
        }
        self.0.write_str(&text[written..])
    }
}

/// Whether a character steers a terminal or the text around it, ends a line, or is not seen. Source: Unicode's categories Cc, Zl and Zp,
/// and its property Default_Ignorable_Code_Point with the marks of interlinear annotation.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        Printable(text).to_string()
    }

    #[test]
    fn field_20_what_steers_is_shown_by_its_number() {
        assert_eq!(shown("a\r\n\tb\u{0}\u{1b}[31m\u{7f}"), "a\\r\\n\\tb\\u{0}\\u{1b}[31m\\u{7f}");
        for (first, last) in [
            (0, 0x1f),
            (0x7f, 0x9f),
            (0x61c, 0x61c),
            (0x200b, 0x200f),
            (0x2028, 0x202e),
            (0x2060, 0x206f),
            (0xfeff, 0xfeff),
            (0xe0001, 0xe007f),
        ] {
            for c in (first..=last).filter_map(char::from_u32) {
                assert_eq!(shown(&format!("a{c}b")), format!("a{}b", c.escape_default()), "{c:?}");
            }
        }
    }

    #[test]
    fn field_20_what_people_write_stays_as_it_is() {
        for text in [
            "",
            "C:\\x 'y' \"z\"",
            "Grüße, e\u{301}",
            "مرحبا שלום",
            "印刷\u{3000}完了",
            "« oui\u{a0}»",
            "🖨 👍🏽",
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown(&String::from_utf8_lossy(b"a\xffb")), "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn field_20_whatever_goes_in_one_line_comes_out(text in any::<String>(), raw in any::<Vec<char>>()) {
            for text in [text, raw.into_iter().collect()] {
                let once = shown(&text);
                prop_assert!(!once.chars().any(steers), "{:?}", once);
                prop_assert_eq!(shown(&once), once);
            }
        }
    }
}
