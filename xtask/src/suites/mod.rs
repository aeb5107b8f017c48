//! The suites of `cargo xtask test`.

mod boto3;
mod cross;
mod deny;
mod localstack;
mod rust;

use std::process::ExitCode;
use std::time::Instant;

use crate::table::{Row, Table, Verdict};
use crate::workspace::Workspace;

/// A named set of tests.
#[derive(Debug)]
pub(crate) struct Suite {
    name: &'static str,
    run: fn(&Workspace) -> Result<String, Stop>,
}

/// Why a suite did not pass.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What was tested does not work.
    Failed(String),
    /// It can't be tested on this machine.
    Skipped(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Stop::Failed(reason)
    }
}

/// In the order in which they run: the quickest answers first.
const SUITES: &[Suite] = &[
    Suite { name: "fmt", run: rust::fmt },
    Suite { name: "clippy", run: rust::clippy },
    Suite { name: "doc", run: rust::doc },
    Suite { name: "unit", run: rust::unit },
    Suite { name: "boto3", run: boto3::run },
    Suite { name: "deny", run: deny::run },
    Suite { name: "cross", run: cross::run },
    Suite { name: "localstack", run: localstack::run },
];

/// The names of all suites, for a reader.
pub(crate) fn names() -> String {
    SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ")
}

/// The suites named, or all of them if none is. An unknown name comes back as the error.
pub(crate) fn choose(names: &[String]) -> Result<Vec<&'static Suite>, String> {
    if names.is_empty() {
        return Ok(SUITES.iter().collect());
    }
    let find = |name: &String| SUITES.iter().find(|suite| suite.name == name).ok_or_else(|| name.clone());
    names.iter().map(find).collect()
}

/// Runs suites one after the other, whatever becomes of each, and prints the table.
pub(crate) fn run(workspace: &Workspace, suites: &[&Suite]) -> ExitCode {
    let on_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let mut table = Table::default();
    for suite in suites {
        println!("\n== {}", suite.name);
        let start = Instant::now();
        let verdict = judge((suite.run)(workspace), on_ci);
        if let Verdict::Failed(reason) = &verdict {
            println!("{}: {reason}", suite.name);
        }
        table.0.push(Row { suite: suite.name, verdict, took: start.elapsed() });
    }
    println!("\n{table}");
    if table.has_failures() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A build machine can run everything, so a skip there is a fault of its setup.
fn judge(result: Result<String, Stop>, on_ci: bool) -> Verdict {
    match result {
        Ok(note) => Verdict::Passed(note),
        Err(Stop::Failed(reason)) => Verdict::Failed(reason),
        Err(Stop::Skipped(reason)) if on_ci => Verdict::Failed(format!("skipped: {reason}")),
        Err(Stop::Skipped(reason)) => Verdict::Skipped(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_all_and_an_unknown_one_comes_back() {
        assert_eq!(choose(&[]).unwrap().len(), SUITES.len());
        assert_eq!(choose(&["unit".into(), "fmt".into()]).unwrap()[0].name, "unit");
        assert_eq!(choose(&["unit".into(), "units".into()]).unwrap_err(), "units");
    }

    #[test]
    fn a_skip_is_a_failure_on_a_build_machine_only() {
        let skip = || Err(Stop::Skipped("no Python".into()));
        assert_eq!(judge(skip(), false), Verdict::Skipped("no Python".into()));
        assert_eq!(judge(skip(), true), Verdict::Failed("skipped: no Python".into()));
    }
}
