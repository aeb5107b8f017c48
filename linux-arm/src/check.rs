//! `check`: is a file right?

use std::io::{self, Write};
use std::path::Path;

use crate::config::{self, Config};
use crate::error::Error;

/// Reads `file` as `run` would, programs looked up, and says what it means.
pub(crate) fn check(file: &Path) -> Result<(), Error> {
    let Config { activities, warnings, .. } = config::read(file)?;
    for warning in &warnings {
        let _ = writeln!(io::stderr(), "activity-worker: warning: {warning}");
    }
    let mut text = String::new();
    for activity in &activities {
        let (arn, program) = (&activity.arn, activity.program.path.display());
        text += &format!("{}, {} at once: {program}\n", arn.name(), activity.concurrency);
    }
    if let Some(first) = activities.first() {
        text += &format!(
            "{}: right; region {}, account {}\n",
            file.display(),
            first.arn.region(),
            first.arn.account()
        );
    }
    crate::print(&text)
}
