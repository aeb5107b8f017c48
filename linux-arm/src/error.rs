//! How the program ends when it does not go well: one line, one exit code.

use std::fmt;
use std::process::ExitCode;

/// Why the program ends. The text is one line: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    /// The command line makes no sense. Exit code 2.
    Usage(String),
    /// What it says, or what this machine has, can't work until someone changes it. Exit code 78, `EX_CONFIG` of sysexits.h:
    /// systemd's `RestartPreventExitStatus=78` keeps a service from being started again and again.
    Config(String),
    /// Anything else. Exit code 1.
    Failure(String),
}

impl Error {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Error::Usage(_) => ExitCode::from(2),
            Error::Config(_) => ExitCode::from(78),
            Error::Failure(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(text) => write!(f, "{text} (see activity-worker --help)"),
            Error::Config(text) | Error::Failure(text) => f.write_str(text),
        }
    }
}
