//! What bytes from outside must never do to the program; a broken rule is a panic. See the library's module of the same name.
// These are checks: they are there to panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use activity_worker::fuzzing::is_beyond_grammar;
use activity_worker::worker::Cancelled;
use activity_worker::{CAUSE_MAX, ERROR_MAX, Output, OutputError};

use crate::config::{self, Flaw};
use crate::exec::Limits;
use crate::exec::output::{End, Ended, Head, TAIL, Tail, outcome};

/// A configuration file.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = config::parse(&text).map(|(config, _)| config);
    match &read {
        Ok(config) => {
            let first = config.activities.first().expect("a worker without an activity");
            for activity in &config.activities {
                assert_eq!(activity.arn.region(), first.arn.region());
                assert_eq!(activity.arn.account(), first.arn.account());
                assert!((1..=1000).contains(&activity.concurrency));
                assert!((2..=config::MAX_OUTPUT).contains(&activity.limits.max_output));
                assert!(activity.heartbeat_interval >= Duration::from_secs(1));
                assert!(!activity.limits.timeout.is_zero() && !activity.program.argv.is_empty());
            }
            assert!(config.worker.max_tasks != Some(0));
        }
        Err(Flaw { line, key, what }) => {
            assert!((1..=text.lines().count() + 1).contains(line), "line {line} of {}", text.lines().count());
            assert!(!what.is_empty(), "no word on what is wrong");
            assert!(!format!("{key}{what}").chars().any(|c| c == '\n'), "not one line: {key}: {what}");
        }
    }
    // What changes nothing for a reader changes nothing for us. A byte order mark has its place at the front alone.
    if !text.starts_with('\u{feff}') {
        let said = |read: Result<_, Flaw>| read.map_err(|flaw| (flaw.key, flaw.what));
        let commented = config::parse(&format!("# a comment\n{text}")).map(|(config, _)| config);
        assert_eq!(said(commented), said(read), "a comment makes a difference");
    }
}

/// What a handler left: a line that says how it ended, its stdout, and after a line `--- stderr` its stderr.
pub fn output(data: &[u8]) {
    let (how, rest) = split(data, b"\n");
    let (stdout, stderr) = split(rest, b"--- stderr\n");
    let how = String::from_utf8_lossy(how);
    let number = || how.rsplit(' ').next().and_then(|n| n.parse::<u8>().ok()).unwrap_or(1);
    let (ended, status) = match how.split(' ').next() {
        Some("exit") => (None, Some(ExitStatus::from_raw(i32::from(number()) << 8))),
        Some("signal") => (None, Some(ExitStatus::from_raw(i32::from(number() % 64)))),
        Some("timeout") => (Some(Ended::TimedOut), Some(ExitStatus::from_raw(9))),
        Some("cancelled") => (Some(Ended::Cancelled(Cancelled::TimedOut)), Some(ExitStatus::from_raw(15))),
        Some("grace") => (Some(Ended::Cancelled(Cancelled::Stopping)), Some(ExitStatus::from_raw(0))),
        _ => (None, None),
    };
    let succeeded = status.is_some_and(|status| status.success());
    let limits = Limits { timeout: Duration::from_secs(600), grace: Duration::ZERO, max_output: 1000 };
    // As a pipe gives it: in pieces.
    let piece = 1 + stdout.len() % 97;
    let (mut head, mut tail) = (Head::new(limits.max_output), Tail::default());
    stdout.chunks(piece).for_each(|piece| head.push(piece));
    stderr.chunks(piece).for_each(|piece| tail.push(piece));
    match outcome(End { ended, status, stdout: head, stderr: tail }, limits) {
        Ok(output) => {
            assert!(succeeded, "a handler that failed succeeded");
            assert!(!output.is_empty() && output.len() <= limits.max_output && output.trim_ascii() == output);
            assert!(output == "{}" || stdout.windows(output.len()).any(|part| part == output.as_bytes()));
            match Output::parse_within(output, limits.max_output) {
                Ok(output) => assert!(is_json(output.as_str()), "an output that is no JSON"),
                Err(error) => assert!(matches!(error, OutputError::NotJson { .. }), "{error}"),
            }
        }
        Err(failure) => {
            assert!(
                failure.error().chars().count() <= ERROR_MAX && failure.cause().chars().count() <= CAUSE_MAX
            );
            let ours = ["Worker.OutputTooLarge", "Worker.InvalidOutput"].contains(&failure.error());
            assert!(
                !succeeded || (ours && !stdout.is_empty()),
                "a handler that succeeded failed: {failure:?}"
            );
            let told = failure.cause().len() <= 3 * TAIL + 200 || stdout.len() > TAIL;
            assert!(told, "more is told than the end of stderr: {} bytes", failure.cause().len());
        }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).map_or_else(|e| is_beyond_grammar(&e), |_| true)
}

fn split<'a>(data: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    match data.windows(at.len()).position(|window| window == at) {
        Some(place) => (&data[..place], &data[place + at.len()..]),
        None => (data, &[]),
    }
}

#[cfg(test)]
mod tests {
    use activity_worker::fuzzing::replay;

    use super::*;

    #[test]
    fn a_configuration_is_right_or_its_flaw_is_named() {
        replay("config", config);
    }

    #[test]
    fn a_handler_that_failed_never_succeeds() {
        replay("output", output);
    }
}
