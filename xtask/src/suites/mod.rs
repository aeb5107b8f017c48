//! The suites of `cargo xtask test`.

mod bench;
mod boto3;
mod botocore;
mod cross;
mod deny;
pub(crate) mod faults;
mod fuzz;
mod kotlin;
pub(crate) mod lanes;
mod localstack;
mod mobile;
mod rust;
mod step_functions;
mod suite;
mod swift;
mod threads;

use std::path::Path;
use std::time::Instant;

use self::lanes::SecondLane;
use self::suite::{Chosen, Run, Stop, Suite};
use crate::leaks::{self, Watch};
use crate::table::{Row, Table, Verdict};
use crate::workspace::Workspace;

/// In the order in which they run: the quickest answers first.
const SUITES: &[Suite] = &[
    Suite { name: "fmt", budget: 1, run: Run::Whole(rust::fmt) },
    Suite { name: "clippy", budget: 6, run: Run::Whole(rust::clippy) },
    Suite { name: "doc", budget: 2, run: Run::Whole(rust::doc) },
    Suite { name: "unit", budget: 8, run: Run::Whole(rust::unit) },
    Suite { name: "boto3", budget: 2, run: Run::Whole(boto3::run) },
    Suite { name: "botocore", budget: 2, run: Run::Whole(botocore::run) },
    Suite { name: "deny", budget: 3, run: Run::Whole(deny::run) },
    Suite { name: "fuzz", budget: 10, run: Run::Whole(fuzz::run) },
    Suite { name: "threads", budget: 16, run: Run::Whole(threads::run) },
    Suite { name: "kotlin", budget: 6, run: Run::Whole(kotlin::run) },
    Suite { name: "swift", budget: 5, run: Run::Whole(swift::run) },
    Suite { name: "mobile", budget: 7, run: Run::Whole(mobile::run) },
    Suite { name: "cross", budget: 15, run: Run::Whole(cross::run) },
    Suite { name: "localstack", budget: 5, run: Run::Whole(localstack::run) },
    Suite { name: "faults", budget: 9, run: Run::Parts(faults::PARTS, faults::run) },
    Suite { name: "bench", budget: 4, run: Run::Whole(bench::run) },
    // It takes all processors for minutes, and has them to itself once the other lane is through.
    Suite { name: "sim", budget: 16, run: Run::Whole(|workspace| Ok(crate::sim::suite(workspace)?)) },
];

/// The names of all suites, for a reader.
pub(crate) fn names() -> String {
    SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ")
}

/// The parts of the suites that have any, as they are named on the command line.
pub(crate) fn parts() -> String {
    let of = |suite: &Suite| match suite.run {
        Run::Whole(_) => Vec::new(),
        Run::Parts(parts, _) => parts.iter().map(|part| format!("{}:{part}", suite.name)).collect(),
    };
    SUITES.iter().flat_map(of).collect::<Vec<_>>().join(", ")
}

/// The suites and parts named, or all suites if none is. An unknown name comes back as the error.
pub(crate) fn choose(names: &[String]) -> Result<Vec<Chosen>, String> {
    if names.is_empty() {
        return Ok(SUITES.iter().map(|suite| Chosen { suite, part: None }).collect());
    }
    names.iter().map(|name| find(name).ok_or_else(|| name.clone())).collect()
}

fn find(name: &str) -> Option<Chosen> {
    let (name, part) = name.split_once(':').map_or((name, None), |(name, part)| (name, Some(part)));
    let suite = SUITES.iter().find(|suite| suite.name == name)?;
    match (&suite.run, part) {
        (_, None) => Some(Chosen { suite, part: None }),
        (Run::Whole(_), Some(_)) => None,
        (Run::Parts(parts, _), Some(part)) => {
            let part = parts.iter().copied().find(|known| *known == part)?;
            Some(Chosen { suite, part: Some(part) })
        }
    }
}

/// Runs suites in their order, and prints the table. All of them run in two lanes.
pub(crate) fn run(workspace: &Workspace, mut chosen: Vec<Chosen>) -> Result<bool, String> {
    let all = chosen.len() == SUITES.len();
    let second = if all { SecondLane::start(workspace, &mut chosen)? } else { None };
    let mut rows = run_each(workspace, &chosen)?;
    rows.extend(second.map(SecondLane::finish).unwrap_or_default());
    let table = Table(rows);
    println!("\n{table}");
    Ok(!table.has_failures())
}

/// What the second lane's process does: a file for its rows, and the names of its suites.
pub(crate) fn run_second_lane(workspace: &Workspace, words: &[String]) -> Result<(), String> {
    lanes::end_with_the_first();
    let (file, names) = words.split_first().ok_or("no file for the rows")?;
    let rows = run_each(workspace, &choose(names)?)?;
    lanes::hand_over(&rows, Path::new(file))
}

/// Runs suites one after the other, whatever becomes of each.
fn run_each(workspace: &Workspace, chosen: &[Chosen]) -> Result<Vec<Row>, String> {
    let on_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let mut rows = Vec::new();
    let watch = Watch::start().map_err(|e| format!("the suites' output can't be looked at: {e}"))?;
    for Chosen { suite, part } in chosen {
        println!("\n== {}{}", suite.name, part.map(|part| format!(":{part}")).unwrap_or_default());
        let start = Instant::now();
        let result = match suite.run {
            Run::Whole(run) => run(workspace),
            Run::Parts(_, run) => run(workspace, *part),
        };
        let mut leaks = watch.leaks();
        // Some let their tools write into a file.
        leaks.extend(leaks::find_in(&workspace.target.join(format!("{}.log", suite.name))));
        let verdict = judge(result, on_ci, &leaks);
        if let Verdict::Failed(reason) = &verdict {
            println!("{}: {reason}", suite.name);
        }
        rows.push(Row {
            suite: suite.name.to_owned(),
            verdict,
            took: start.elapsed(),
            budget: suite.budget(),
        });
    }
    drop(watch);
    Ok(rows)
}

/// A build machine can run everything, so a skip there is a fault of its setup. Whatever a suite shows, it fails if it tells a
/// secret.
fn judge(result: Result<String, Stop>, on_ci: bool, leaks: &[String]) -> Verdict {
    match result {
        _ if !leaks.is_empty() => Verdict::Failed(format!("it printed a secret: {}", leaks.join("; "))),
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
        assert_eq!(choose(&["unit".into(), "fmt".into()]).unwrap()[0].suite.name, "unit");
        assert_eq!(choose(&["unit".into(), "units".into()]).unwrap_err(), "units");
        let power = &choose(&["faults:power".into()]).unwrap()[0];
        assert_eq!((power.suite.name, power.part), ("faults", Some("power")));
        for unknown in ["faults:powder", "unit:power"] {
            assert_eq!(choose(&[unknown.into()]).unwrap_err(), unknown);
        }
    }

    #[test]
    fn every_suite_has_its_budget_in_contributing() {
        let page = include_str!("../../../CONTRIBUTING.md");
        let rows = page.lines().filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let names: Vec<&str> = cells.first()?.split(", ").map(|name| name.trim_matches('`')).collect();
            let minutes: Option<Vec<u64>> = cells.last()?.split(", ").map(|m| m.parse().ok()).collect();
            Some(names.into_iter().map(str::to_owned).zip(minutes?).collect::<Vec<_>>())
        });
        let told: std::collections::BTreeMap<String, u64> = rows.flatten().collect();
        let here = SUITES.iter().map(|suite| (suite.name.to_owned(), suite.budget)).collect();
        assert_eq!(told, here);
    }

    #[test]
    fn a_skip_is_a_failure_on_a_build_machine_only() {
        let skip = || Err(Stop::Skipped("no Python".into()));
        assert_eq!(judge(skip(), false, &[]), Verdict::Skipped("no Python".into()));
        assert_eq!(judge(skip(), true, &[]), Verdict::Failed("skipped: no Python".into()));
    }

    #[test]
    fn p7_a_suite_that_printed_a_secret_has_failed() {
        let leaks = ["key=(a secret)".to_owned()];
        let failed = Verdict::Failed("it printed a secret: key=(a secret)".into());
        assert_eq!(judge(Ok(String::new()), false, &leaks), failed);
    }
}
