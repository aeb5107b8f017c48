//! The closing table.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a suite ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// It passed; the note says what it could not look at, if anything.
    Passed(String),
    /// It failed, for this reason.
    Failed(String),
    /// It can't run on this machine, for this reason.
    Skipped(String),
}

/// A line of the table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) suite: String,
    pub(crate) verdict: Verdict,
    pub(crate) took: Duration,
    /// What it may take.
    pub(crate) budget: Duration,
}

/// The table, and under it the line with the sums.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<Row>);

impl Table {
    /// How many rows passed, failed and were skipped.
    fn sums(&self) -> (usize, usize, usize) {
        let count = |kind: fn(&Verdict) -> bool| self.0.iter().filter(|row| kind(&row.verdict)).count();
        (
            count(|v| matches!(v, Verdict::Passed(_))),
            count(|v| matches!(v, Verdict::Failed(_))),
            count(|v| matches!(v, Verdict::Skipped(_))),
        )
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.sums().1 > 0
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12} {:<8} {:>8}", "suite", "result", "seconds")?;
        for row in &self.0 {
            let (result, text) = match &row.verdict {
                Verdict::Passed(note) => ("passed", note),
                Verdict::Failed(reason) => ("FAILED", reason),
                Verdict::Skipped(reason) => ("skipped", reason),
            };
            // One row is one line; the whole text stands above, where the suite ran.
            let text = text.lines().next().unwrap_or_default();
            let line = format!("{:<12} {result:<8} {:>8.1}  {text}", row.suite, row.took.as_secs_f64());
            let over = if row.took > row.budget {
                format!(" (over its budget of {} s)", row.budget.as_secs())
            } else {
                String::new()
            };
            writeln!(f, "{}{over}", line.trim_end())?;
        }
        let (passed, failed, skipped) = self.sums();
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_and_the_sums_come_last() {
        let row = |suite: &str, verdict| Row {
            suite: suite.into(),
            verdict,
            took: Duration::from_millis(1250),
            budget: Duration::from_secs(if suite == "fmt" { 1 } else { 60 }),
        };
        let table = Table(vec![
            row("fmt", Verdict::Passed(String::new())),
            row("unit", Verdict::Failed("exit code 101\nand more".into())),
            row("localstack", Verdict::Skipped("no Python 3.11".into())),
        ]);
        let shown = table.to_string();
        assert_eq!(shown.lines().count(), 5, "{shown}");
        assert_eq!(shown.lines().last(), Some("1 passed, 1 failed, 1 skipped"));
        assert!(shown.contains("localstack   skipped       1.2  no Python 3.11"), "{shown}");
        assert!(shown.contains("fmt          passed        1.2 (over its budget of 1 s)\n"), "{shown}");
        assert_eq!(shown.matches("over its budget").count(), 1, "{shown}");
        assert!(table.has_failures());
    }
}
