//! The demo's output: when, what kind, what.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use activity_worker::Printable;

/// What kind of thing a line tells of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    Service,
    Device,
    Trouble,
    Taken,
    Kept,
    Delivered,
}

/// Prints lines with the time since its start.
pub(super) struct Timeline {
    start: Instant,
    colour: bool,
    unicode: bool,
}

impl Timeline {
    pub(super) fn start() -> Self {
        let colour = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()));
        let unicode =
            locale.is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"));
        Timeline { start: Instant::now(), colour, unicode }
    }

    pub(super) fn title(&self, text: &str) {
        put(&format!("\n{}\n\n", self.painted("1", text)));
    }

    pub(super) fn line(&self, mark: Mark, text: &str) {
        let (unicode, ascii, colour) = match mark {
            Mark::Service => ("☁", "~", "36"),
            Mark::Device => ("●", "o", "34"),
            Mark::Trouble => ("✗", "!", "1;31"),
            Mark::Taken => ("↓", "<", "0"),
            Mark::Kept => ("■", "#", "33"),
            Mark::Delivered => ("✓", ">", "32"),
        };
        let time = format!("{:6.2} s", self.start.elapsed().as_secs_f64());
        let symbol = if self.unicode { unicode } else { ascii };
        put(&format!(
            "{}  {}\n",
            self.painted("2", &time),
            self.painted(colour, &format!("{symbol} {}", Printable(text)))
        ));
    }

    pub(super) fn verdict(&self, taken: usize, delivered: usize, lost: usize) {
        let colour = if lost == 0 { "1;32" } else { "1;31" };
        let time = self.start.elapsed().as_secs_f64();
        let text = format!("{taken} results taken on, {delivered} delivered, {lost} lost, in {time:.1} s");
        put(&format!("\n{}\n\n", self.painted(colour, &text)));
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn put(text: &str) {
    // Whoever closed the pipe does not want to read on; the demo's exit code still counts.
    let _ = io::stdout().write_all(text.as_bytes());
}
