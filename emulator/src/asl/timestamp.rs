//! Timestamps: the profile of RFC 3339 that the language has, with `T` and `Z` in capitals.

use std::time::{Duration, SystemTime};

/// Nanoseconds since 1970, negative before. `None` if the text is no timestamp.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let fixed = bytes.get(..16)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':')];
    if separators.iter().any(|(at, c)| fixed[*at] != *c) {
        return None;
    }
    let number = |from: usize, to: usize| digits(fixed.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute) = (number(11, 13)?, number(14, 16)?);
    let mut rest = bytes.get(16..)?;
    let mut second = 0;
    if let Some((b':', after)) = rest.split_first() {
        second = digits(after.get(..2)?)?;
        rest = after.get(2..)?;
    }
    let mut nanos = 0;
    if let Some((b'.', after)) = rest.split_first() {
        let length = after.iter().take_while(|c| c.is_ascii_digit()).count();
        if !(1..=9).contains(&length) {
            return None;
        }
        nanos = digits(after.get(..length)?)? * 10_i64.pow(9 - length as u32);
        rest = after.get(length..)?;
    }
    let offset = offset(rest)?;
    let in_range = (1..=12).contains(&month)
        && day >= 1
        && day <= days_of(year, month)
        && hour < 24
        && minute < 60
        && second < 60;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    in_range.then(|| i128::from(seconds) * 1_000_000_000 + i128::from(nanos))
}

/// Seconds east of UTC: of `Z` or `+01:00`.
fn offset(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let seconds = hours * 3_600 + minutes * 60;
            (hours <= 18 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// Days are counted in years that begin in March, so that the leap day comes last.

fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_of_years = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    days_of_years + (153 * month + 2) / 5 + day - 1 - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// A date to the millisecond, for instance `2019-03-26T20:14:13.192Z`. Dates before 1970 are shown as that.
pub(crate) fn format(date: SystemTime) -> String {
    let since = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_name_their_offset() {
        let base = parse("2016-03-14T01:59:00Z").unwrap();
        assert_eq!(base, 1_457_920_740_000_000_000);
        for (same, later) in [
            ("2016-03-14T01:59Z", 0),
            ("2016-03-14T02:59:00+01:00", 0),
            ("2016-03-13T20:29:00-05:30", 0),
            ("2016-03-14T01:59:00.5Z", 500_000_000),
            ("2016-03-14T01:59:00.000000001Z", 1),
        ] {
            assert_eq!(parse(same), Some(base + later), "{same}");
        }
        assert!(parse("1969-12-31T23:59:59Z").is_some_and(|n| n == -1_000_000_000));
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for bad in [
            "",
            "2016-03-14",
            "2016-03-14T01:59:00",
            "2016-03-14 01:59:00Z",
            "2016-03-14t01:59:00Z",
            "2016-03-14T25:59:00Z",
            "2016-02-30T01:59:00Z",
            "2015-02-29T01:59:00Z",
            "14-03-2016T01:59:00Z",
            "2016-03-14T01:59:00.Z",
            "2016-03-14T01:59:00+1:00",
            "2016-03-14T01:59:00+01:00x",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_date_is_read_as_it_is_written(millis in 0..253_402_300_799_999_u64) {
            let text = format(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
            proptest::prop_assert_eq!(parse(&text), Some(i128::from(millis) * 1_000_000));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9TZ:.+\\-]{0,30}|\\PC{0,30}") {
            let _ = parse(&text);
        }
    }
}
