//! The library's log, told to the app. A sink that hangs holds up nobody: it has a thread and a bounded queue of its own.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use activity_worker::Printable;
use log::{LevelFilter, Log, Metadata, Record};

use crate::{CallbackError, WorkerError};

/// Lines that a slow sink may be behind; what comes then is dropped.
const BACKLOG: usize = 1024;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// Something is lost or refused.
    Error,
    /// Someone should look after it.
    Warn,
    /// The course of things.
    Info,
    /// Every call.
    Debug,
}

/// Where the log goes.
#[uniffi::export(foreign)]
pub trait LogSink: Send + Sync {
    /// One line: what would end it, or steer a terminal, is escaped. It holds no secrets.
    fn log(&self, level: LogLevel, line: String) -> Result<(), CallbackError>;
}

/// Sends the log of all workers of this process to `sink`, from `level` up; none ends it.
#[uniffi::export]
pub fn set_log_sink(sink: Option<Arc<dyn LogSink>>, level: LogLevel) -> Result<(), WorkerError> {
    // A second call finds the logger in place.
    let _ = log::set_logger(&BRIDGE);
    let lines = sink.map(start).transpose()?;
    let filter = match (&lines, level) {
        (None, _) => LevelFilter::Off,
        (_, LogLevel::Error) => LevelFilter::Error,
        (_, LogLevel::Warn) => LevelFilter::Warn,
        (_, LogLevel::Info) => LevelFilter::Info,
        (_, LogLevel::Debug) => LevelFilter::Debug,
    };
    log::set_max_level(filter);
    *BRIDGE.lines.lock().unwrap_or_else(PoisonError::into_inner) = lines;
    Ok(())
}

fn start(sink: Arc<dyn LogSink>) -> Result<SyncSender<(LogLevel, String)>, WorkerError> {
    let (lines, written) = sync_channel(BACKLOG);
    let write = move || {
        for (level, line) in written {
            // What a log can't take has no better place to go.
            let _ = sink.log(level, line);
        }
    };
    let thread = Builder::new().name("aw-log".into()).spawn(write);
    thread.map(|_| lines).map_err(|error| WorkerError::Invalid { reason: format!("no thread: {error}") })
}

static BRIDGE: Bridge = Bridge { lines: Mutex::new(None) };

struct Bridge {
    lines: Mutex<Option<SyncSender<(LogLevel, String)>>>,
}

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        // The libraries underneath say more than anyone on a phone wants to read.
        let ours = record.target().starts_with("activity_worker");
        if !ours && record.level() > log::Level::Warn {
            return;
        }
        let level = match record.level() {
            log::Level::Error => LogLevel::Error,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Info => LogLevel::Info,
            _ => LogLevel::Debug,
        };
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lines) = &*lines {
            match lines.try_send((level, Printable(record.args()).to_string())) {
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used, reason = "a test")]
    fn field_20_a_line_of_the_sink_is_one_line() {
        let (lines, written) = sync_channel(1);
        let bridge = Bridge { lines: Mutex::new(Some(lines)) };
        let record = |text: std::fmt::Arguments<'_>| {
            let record =
                Record::builder().target("activity_worker").level(log::Level::Warn).args(text).build();
            bridge.log(&record);
        };
        record(format_args!("task: {}", "x\nmade up\u{1b}[31m\u{202e}\u{2028}"));
        let line = "task: x\\nmade up\\u{1b}[31m\\u{202e}\\u{2028}".to_owned();
        assert_eq!(written.try_recv().unwrap(), (LogLevel::Warn, line));
    }
}
