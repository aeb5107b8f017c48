//! `cargo xtask`: what a developer or a build machine runs. Each command sets up what it needs.

mod bench;
mod cross;
mod process;
mod suites;
mod table;
mod tools;
mod venv;
mod workspace;

use std::process::ExitCode;

use lexopt::Arg;

use crate::workspace::Workspace;

/// The exit code for a command line that makes no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let (command, names) = match parse(lexopt::Parser::from_env()) {
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
            Ok(chosen) => suites::run(&workspace, &chosen),
            Err(unknown) => usage(&format!("no suite {unknown:?}; there are: {}", suites::names())),
        },
        "cross" => match cross::target::choose(&names) {
            Ok(targets) => finish("cross", cross::cross(&workspace, &targets)),
            Err(unknown) => usage(&format!("no target {unknown:?}; there are: {}", cross::target::names())),
        },
        "bench" if names.is_empty() => finish("bench", bench::bench(&workspace)),
        "bench" => usage("bench takes no arguments"),
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

/// The command and its arguments; `None` if help was asked for.
fn parse(mut args: lexopt::Parser) -> Result<Option<(String, Vec<String>)>, lexopt::Error> {
    let mut words = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(word) => words.push(word.into_string()?),
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if words.is_empty() {
        return Err("which command?".into());
    }
    let command = words.remove(0);
    Ok(Some((command, words)))
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("xtask: {problem}\n\n{}", help());
    ExitCode::from(USAGE)
}

fn help() -> String {
    format!(
        "\
cargo xtask test [SUITE...]    runs all suites, or those named: {}
cargo xtask cross [TARGET...]  builds the static device binary for all targets, or those named: {}
cargo xtask bench              measures what the device binary costs: size, memory, wake-ups, bytes

A suite that can't run on this machine is skipped, with the reason; with CI=true in the environment that is a failure.
Downloads are kept in target/tools.
",
        suites::names(),
        cross::target::names()
    )
}
