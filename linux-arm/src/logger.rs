//! One line per record on stderr: with the date for people and files, with a priority for the journal, which has its own date.
//!
//! Each line is one line, whatever came from outside: nothing ends it, colours it or hides in it.
//!
//! The worker does not wait for whoever reads: lines that a full pipe does not take are lost, and counted.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use activity_worker::Printable;
use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A pipe that is ready takes so much at once.
const PIECE: usize = 4096;
/// How long the first line waits that is not taken; those after it do not.
const PATIENCE: Duration = Duration::from_millis(200);

struct Stderr {
    journal: bool,
    lost: AtomicU64,
}

/// Logs from now on what is at least as important as `level`.
pub(crate) fn start(level: LevelFilter) {
    let journal = is_journal(std::env::var("JOURNAL_STREAM").ok(), io::stderr());
    let logger = Stderr { journal, lost: AtomicU64::new(0) };
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
        let line = self.line(record.level(), record.args());
        // One at a time, and those that wait find out at once that it is no use.
        let mut stderr = io::stderr().lock();
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let gap = if lost == 0 {
            String::new()
        } else {
            self.line(Level::Warn, &format_args!("{lost} lines of this log were not taken by its reader"))
        };
        let patience = if lost == 0 { PATIENCE } else { Duration::ZERO };
        if !write(&mut stderr, (gap + &line).as_bytes(), patience) {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

impl Stderr {
    fn line(&self, level: Level, text: &std::fmt::Arguments<'_>) -> String {
        let text = Printable(text);
        if self.journal {
            format!("<{}>{text}\n", priority(level))
        } else {
            format!("{} {level:5} {text}\n", stamp(SystemTime::now()))
        }
    }
}

/// A date that is written as one whatever the machine's clock says: the form ends with the year 9999, and begins with 1970.
pub(crate) fn stamp(date: SystemTime) -> String {
    let latest = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_seconds(date.clamp(SystemTime::UNIX_EPOCH, latest)).to_string()
}

/// False if it is not taken. A closed stderr is no reason to stop working.
fn write(stderr: &mut (impl Write + AsFd), bytes: &[u8], patience: Duration) -> bool {
    bytes.chunks(PIECE).all(|piece| takes(&*stderr, patience) && stderr.write_all(piece).is_ok())
}

/// Whether it can be written to within that time.
fn takes(stream: impl AsFd, patience: Duration) -> bool {
    let mut streams = [PollFd::new(&stream, PollFlags::OUT)];
    let ready = poll(&mut streams, Timespec::try_from(patience).ok().as_ref());
    ready.is_ok_and(|ready| ready > 0)
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
    use std::io::Read;

    use super::*;

    #[test]
    fn field_10_a_clock_beyond_all_dates_does_not_end_the_log() {
        let mad = Duration::from_secs(1 << 60);
        assert_eq!(stamp(SystemTime::UNIX_EPOCH - mad), "1970-01-01T00:00:00Z");
        assert_eq!(stamp(SystemTime::UNIX_EPOCH + mad), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn only_the_stream_that_systemd_named_gets_priorities() {
        let file = tempfile::tempfile().unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        assert!(is_journal(Some(format!("{}:{}", stat.st_dev, stat.st_ino)), &file));
        assert!(!is_journal(Some("1:2".into()), &file));
        assert!(!is_journal(None, &file));
    }

    #[test]
    fn p9_a_reader_that_does_not_read_holds_nobody_up() {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let mut lines = 0;
        while write(&mut writer, &[b'x'; 10_000], Duration::ZERO) {
            lines += 1;
        }
        assert!(lines > 0, "as long as there is room");
        let mut some = [0; 65_536];
        assert!(reader.read(&mut some).unwrap() > 0);
        assert!(write(&mut writer, b"again\n", Duration::ZERO));
    }

    #[test]
    fn p7_what_libraries_say_below_a_warning_is_not_logged() {
        let enabled = |target, level| {
            let stderr = Stderr { journal: false, lost: AtomicU64::new(0) };
            stderr.enabled(&Metadata::builder().target(target).level(level).build())
        };
        assert!(!enabled("ureq::run", Level::Info));
        assert!(enabled("ureq::run", Level::Warn));
        assert!(enabled("activity_worker::worker", Level::Debug));
    }
}
