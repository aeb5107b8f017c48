//! What a command tells whoever typed it.

use std::fmt;
use std::io::{self, Write};

use activity_worker::Printable;

use crate::error::Error;

/// One line on stderr, whatever it quotes.
pub(crate) fn complain(what: &str, text: &dyn fmt::Display) {
    let _ = writeln!(io::stderr(), "activity-worker: {what}: {}", Printable(text));
}

/// Prints to stdout; a reader that went away (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Failure(format!("can't write to stdout: {e}")))
        }
        _ => Ok(()),
    }
}
