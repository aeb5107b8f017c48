//! `cargo xtask`: what a developer or a build machine runs. Each command sets up what it needs.

mod apt;
mod bench;
mod bindings;
mod cross;
#[cfg(test)]
mod field;
mod fuzz;
mod leaks;
mod mobile;
mod mutants;
mod process;
mod sim;
mod suites;
mod swift;
mod table;
mod tls_proxy;
mod tools;
mod venv;
#[cfg(test)]
mod walls;
mod workspace;

use std::process::ExitCode;

use lexopt::{Arg, ValueExt};

use crate::bindings::Language;
use crate::workspace::Workspace;

/// The exit code for a command line that makes no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let Line { command, names, seconds } = match parse(lexopt::Parser::from_env()) {
        Ok(Some(line)) => line,
        Ok(None) => {
            print!("{}", help());
            return ExitCode::SUCCESS;
        }
        Err(e) => return usage(&e.to_string()),
    };
    let run = || {
        process::die_with_children().map_err(|e| format!("can't watch for signals: {e}"))?;
        Workspace::find()
    };
    let workspace = match run() {
        Ok(workspace) => workspace,
        Err(e) => {
            eprintln!("xtask: {e}");
            return ExitCode::FAILURE;
        }
    };
    match command.as_str() {
        "test" => match suites::choose(&names) {
            Ok(chosen) => match suites::run(&workspace, chosen) {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::FAILURE,
                Err(e) => finish("test", Err(e)),
            },
            Err(unknown) => usage(&format!("no suite {unknown:?}; there are: {}", suites::names())),
        },
        "cross" => match cross::target::choose(&names) {
            Ok(targets) => finish("cross", cross::cross(&workspace, &targets)),
            Err(unknown) => usage(&format!("no target {unknown:?}; there are: {}", cross::target::names())),
        },
        "mobile" if names.is_empty() => finish("mobile", mobile::mobile(&workspace)),
        "mobile" => usage("mobile takes no arguments"),
        "bench" => finish("bench", bench::bench(&workspace, &names)),
        "fuzz" => {
            let targets = if names.is_empty() { fuzz::TARGETS.map(str::to_owned).to_vec() } else { names };
            if let Some(unknown) = targets.iter().find(|target| !fuzz::TARGETS.contains(&target.as_str())) {
                return usage(&format!("no target {unknown:?}; there are: {}", fuzz::TARGETS.join(", ")));
            }
            let run = || fuzz::Fuzzers::find(&workspace)?.run(&targets, seconds);
            finish("fuzz", run().map(|told| println!("{told}")))
        }
        "sim" => match sim::run(&workspace, &names) {
            Ok(code) => ExitCode::from(code),
            Err(e) => {
                eprintln!("xtask: sim: {e}");
                ExitCode::FAILURE
            }
        },
        "mutants" => finish("mutants", mutants::run(&workspace, &names)),
        // What `test` starts beside itself, `test faults` in namespaces and `bench` with mounts of its own: not for people.
        suites::lanes::SECOND => finish(&command, suites::run_second_lane(&workspace, &names)),
        bench::inside::INSIDE => finish(&command, bench::inside::run(&workspace, &names)),
        suites::faults::INSIDE => suites::faults::inside(&workspace, &names),
        "bindings" => match names.iter().map(|name| Language::parse(name)).collect::<Option<Vec<_>>>() {
            Some(languages) if !languages.is_empty() => {
                finish("bindings", bindings::write(&workspace, &languages))
            }
            _ => usage("bindings for kotlin, swift, or both"),
        },
        other => usage(&format!("no command {other:?}")),
    }
}

fn finish(command: &str, result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {command}: {e}");
            ExitCode::FAILURE
        }
    }
}

/// The command line.
struct Line {
    command: String,
    names: Vec<String>,
    /// For how long each fuzzer runs.
    seconds: u64,
}

/// The command line; `None` if help was asked for.
fn parse(mut args: lexopt::Parser) -> Result<Option<Line>, lexopt::Error> {
    let (mut words, mut seconds) = (Vec::new(), 300);
    while let Some(arg) = args.next()? {
        match arg {
            // These read their own options.
            Arg::Value(word)
                if (word == "sim" || word == "mutants" || word == "bench") && words.is_empty() =>
            {
                let rest = args.raw_args()?.map(|word| word.into_string());
                let rest = rest.collect::<Result<Vec<_>, _>>().map_err(lexopt::Error::NonUnicodeValue)?;
                return Ok(Some(Line { command: word.into_string()?, names: rest, seconds }));
            }
            Arg::Value(word) => words.push(word.into_string()?),
            Arg::Long("seconds") => seconds = args.value()?.parse()?,
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if words.is_empty() {
        return Err("which command?".into());
    }
    let command = words.remove(0);
    Ok(Some(Line { command, names: words, seconds }))
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("xtask: {problem}\n\n{}", help());
    ExitCode::from(USAGE)
}

fn help() -> String {
    format!(
        "\
cargo xtask test [SUITE...]    runs all suites, or those named: {}
                               or parts of one: {}
cargo xtask sim [OPTION...]    runs the worker in made-up worlds: see docs/simulator.md
cargo xtask cross [TARGET...]  builds the static device binary for all targets, or those named: {}
cargo xtask mobile             builds the native library for phones, as far as that goes here
cargo xtask bench [LINE...] [--rounds N] [--save]
                               measures what the worker costs, beside workers on AWS' SDKs, or the lines that begin so:
                               flash, calls, pace, drain, cpu, held, offline, begin, idle, task, size, static; --save writes
                               docs/performance.json and draws the page anew
cargo xtask bench --quick      what does not depend on the machine, against its budgets: the suite bench
cargo xtask bench peers [PEER...]
                               builds and installs what it is measured beside; cargo xtask bench draw draws the page
cargo xtask fuzz [TARGET...] [--seconds N]
                               runs all fuzzers, or those named ({}), for 300 s each or as said
cargo xtask mutants [ROOM] [OPTION...]
                               changes one place after the other of {}, or of another room ({}), and tells
                               what no test and no world notices; takes hours, goes on where it ended, and
                               hands --jobs N, --shard K/N and the like to cargo-mutants
cargo xtask bindings LANGUAGE...
                               writes what calls the native library, kotlin or swift, into target/bindings/LANGUAGE

A suite that can't run on this machine is skipped, with the reason; with CI=true in the environment that is a failure.
Downloads are kept in target/tools. `faults` needs root and installs packages by apt; FAULTS_SOAK_SECONDS=N makes its soak longer.
",
        suites::names(),
        suites::parts(),
        cross::target::names(),
        fuzz::TARGETS.join(", "),
        mutants::ROOMS[0],
        mutants::ROOMS[1..].join(", ")
    )
}
