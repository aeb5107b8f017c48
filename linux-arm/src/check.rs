//! `check`: is a file right?

use std::path::Path;

use crate::config::{self, ActivityConfig, Config};
use crate::console;
use crate::error::Error;
use crate::trust;
use activity_worker::Printable;

/// Reads `file` as `run` would, programs looked up, and says what it means.
pub(crate) fn check(file: &Path) -> Result<(), Error> {
    let Config { worker, activities, warnings } = config::read(file)?.trusted(Some(file))?;
    let plain = worker.service.endpoint_url.as_deref().and_then(trust::plain_http);
    let plain = plain.map(|doubt| format!("{}: {}", doubt.what, doubt.advice));
    let doubts = activities.iter().filter_map(ActivityConfig::doubt);
    for warning in warnings.into_iter().chain(plain).chain(doubts) {
        console::complain("warning", &warning);
    }
    let mut text = String::new();
    for activity in &activities {
        let (arn, program) = (&activity.arn, Printable(activity.program.path.display()));
        text += &format!("{}, {} at once: {program}\n", Printable(arn.name()), activity.concurrency);
    }
    if let Some(first) = activities.first() {
        text += &format!(
            "{}: right; region {}, account {}\n",
            Printable(file.display()),
            first.arn.region(),
            first.arn.account()
        );
    }
    console::print(&text)
}
