//! One line per record on stderr: with the date for people and files, with a priority for the journal, which has its own date.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::SystemTime;

use log::{Level, LevelFilter, Log, Metadata, Record};

struct Stderr {
    journal: bool,
}

/// Logs from now on what is at least as important as `level`.
pub(crate) fn start(level: LevelFilter) {
    let logger = Stderr { journal: is_journal(std::env::var("JOURNAL_STREAM").ok(), io::stderr()) };
    // It fails only if there is a logger already.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
}

/// Whether `stream` is the one that systemd connected to the journal, told by its device and inode.
fn is_journal(told: Option<String>, stream: impl AsFd) -> bool {
    rustix::fs::fstat(stream)
        .is_ok_and(|stat| told.is_some_and(|told| told == format!("{}:{}", stat.st_dev, stat.st_ino)))
}

impl Log for Stderr {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        // Libraries below may log requests, and those hold secrets.
        of.target().starts_with("activity_worker") || of.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = if self.journal {
            format!("<{}>{}\n", priority(record.level()), record.args())
        } else {
            let now = humantime::format_rfc3339_seconds(SystemTime::now());
            format!("{now} {:5} {}\n", record.level(), record.args())
        };
        // A closed stderr is no reason to stop working.
        let _ = io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

/// The priorities of syslog, as `sd-daemon(3)` has them.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stream_that_systemd_named_gets_priorities() {
        let file = tempfile::tempfile().unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        assert!(is_journal(Some(format!("{}:{}", stat.st_dev, stat.st_ino)), &file));
        assert!(!is_journal(Some("1:2".into()), &file));
        assert!(!is_journal(None, &file));
    }

    #[test]
    fn p7_what_libraries_say_below_a_warning_is_not_logged() {
        let enabled = |target, level| {
            Stderr { journal: false }.enabled(&Metadata::builder().target(target).level(level).build())
        };
        assert!(!enabled("ureq::run", Level::Info));
        assert!(enabled("ureq::run", Level::Warn));
        assert!(enabled("activity_worker::worker", Level::Debug));
    }
}
