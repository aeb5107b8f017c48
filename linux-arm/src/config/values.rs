//! Single values, with the same words for a flag and for a key of the file. An error text says what is wrong; the caller says where.

use std::time::Duration;

use activity_worker::WorkerName;
use activity_worker::aws::ActivityArn;

const DAY: Duration = Duration::from_secs(86_400);

/// The times that a setting may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    from: Duration,
    to: Duration,
}

impl Allowed {
    /// A heartbeat more often than once a second helps nobody, less often than daily keeps nothing alive.
    pub(crate) const HEARTBEAT_INTERVAL: Allowed = Allowed { from: Duration::from_secs(1), to: DAY };
    /// A task token lives for a year at most.
    pub(crate) const HANDLER_TIMEOUT: Allowed =
        Allowed { from: Duration::from_millis(1), to: Duration::from_secs(365 * 86_400) };
    /// More often costs more than what it saves; what is rarer than hourly keeps nothing in a NAT's mind.
    pub(crate) const KEEPALIVE: Allowed =
        Allowed { from: Duration::from_secs(1), to: Duration::from_secs(3_600) };
    /// Zero kills at once.
    pub(crate) const GRACE: Allowed = Allowed { from: Duration::ZERO, to: Duration::from_secs(3_600) };
    /// Zero is for one device alone; more than an hour only delays.
    pub(crate) const COMEBACK_WINDOW: Allowed =
        Allowed { from: Duration::ZERO, to: Duration::from_secs(3_600) };
}

/// A time such as `30s`, `10m` or `500ms`.
pub(crate) fn duration(text: &str, allowed: Allowed) -> Result<Duration, String> {
    let time = match humantime::parse_duration(text.trim()) {
        Ok(time) => time,
        Err(_) => return Err(format!("{text:?} is no time like 30s, 10m or 500ms")),
    };
    if (allowed.from..=allowed.to).contains(&time) {
        return Ok(time);
    }
    let (from, to) = (humantime::format_duration(allowed.from), humantime::format_duration(allowed.to));
    Err(format!("{text:?} is not between {from} and {to}"))
}

/// The ARN of an activity.
pub(crate) fn arn(text: &str) -> Result<ActivityArn, String> {
    ActivityArn::parse(text).map_err(|e| format!("{text:?}: {e}"))
}

/// Where one worker can be at work: partition, region and account.
pub(crate) fn place(arn: &ActivityArn) -> String {
    format!("{}/{}/{}", arn.partition(), arn.region(), arn.account())
}

/// The name that the execution history shows.
pub(crate) fn worker_name(text: &str) -> Result<WorkerName, String> {
    WorkerName::new(text).map_err(|e| e.to_string())
}

/// Tasks at work at once: each is a process and a thread.
pub(crate) fn concurrency(tasks: u64) -> Result<usize, String> {
    match usize::try_from(tasks) {
        Ok(tasks @ 1..=1000) => Ok(tasks),
        _ => Err(format!("{tasks} is not between 1 and 1000")),
    }
}

/// A number of bytes: `262144`, `256KiB`, `64MiB` or `1GiB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unit = match text[digits..].trim_start() {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let number = text[..digits].parse::<u64>().ok();
    number
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .ok_or_else(|| format!("{text:?} is no size like 262144, 256KiB or 64MiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit_and_stay_within_what_is_allowed() {
        let ok = |text| duration(text, Allowed::HANDLER_TIMEOUT).unwrap();
        assert_eq!(ok("500ms"), Duration::from_millis(500));
        assert_eq!(ok("30s"), Duration::from_secs(30));
        assert_eq!(ok(" 10m "), Duration::from_secs(600));
        assert_eq!(ok("1h 30m"), Duration::from_secs(5400));
        for bad in ["", "10", "s", "-1s", "10 parsecs", "99999999999999999999s"] {
            let error = duration(bad, Allowed::HANDLER_TIMEOUT).unwrap_err();
            assert!(error.ends_with("is no time like 30s, 10m or 500ms"), "{bad}: {error}");
        }
        assert_eq!(
            duration("0s", Allowed::HEARTBEAT_INTERVAL).unwrap_err(),
            "\"0s\" is not between 1s and 1day"
        );
        assert!(duration("0s", Allowed::GRACE).is_ok());
    }

    #[test]
    fn sizes_are_plain_or_binary() {
        assert_eq!(bytes("262144"), Ok(262_144));
        assert_eq!(bytes("256KiB"), Ok(262_144));
        assert_eq!(bytes("64 MiB"), Ok(64 << 20));
        for bad in ["", "KiB", "1MB", "-1", "99999999999GiB", "1e6", "é"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_concurrency_is_no_worker() {
        assert!(concurrency(0).is_err() && concurrency(1001).is_err());
        assert_eq!(concurrency(8), Ok(8));
    }
}
