//! Dates as sources of credentials spell them.

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// A date of ISO 8601 with an offset: `2026-11-05T06:07:08Z`, `2026-11-05T07:07:08.5+01:00`.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let date = DateTime::from_str(text.trim(), Format::DateTimeWithOffset).ok()?;
    SystemTime::try_from(date).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_read_with_their_offset() {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_858_828);
        for text in ["2026-11-05T06:07:08Z", "2026-11-05T07:07:08+01:00", " 2026-11-05T06:07:08.000Z\n"] {
            assert_eq!(parse(text), Some(date), "{text}");
        }
        for text in ["", "tomorrow", "2026-11-05", "2026-11-05T06:07:08", "2026-13-05T06:07:08Z"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9TZ:.+ -]{0,32}|\\PC{0,32}") {
            let _ = parse(&text);
        }
    }
}
