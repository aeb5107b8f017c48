//! The insides of the program `activity-worker`, which takes tasks from AWS Step Functions, runs a program for each, and never
//! loses a result. Nobody's library: it is one so that fuzzers reach what reads bytes from outside.
#![deny(unsafe_code)]

mod args;
mod check;
mod config;
mod connect;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod error;
mod exec;
#[cfg(any(test, feature = "testing"))]
pub mod fuzzing;
mod logger;
mod policy;
mod run;
mod state_dir;

use std::io::{self, Write};
use std::process::ExitCode;

use args::Command;
use error::Error;

/// The program.
pub fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)).and_then(obey) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "activity-worker: error: {error}");
            error.exit_code()
        }
    }
}

fn obey(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Run(command) => run::run(*command),
        Command::Check(file) => check::check(&file),
        Command::Doctor(told) => return doctor::doctor(*told),
        Command::Policy(told) => policy::print(&told),
        #[cfg(feature = "demo")]
        Command::Demo => demo::demo(),
        #[cfg(feature = "demo")]
        Command::DemoHandler => demo::handler(),
        #[cfg(not(feature = "demo"))]
        Command::Demo | Command::DemoHandler => Err(Error::Failure("this build has no demo".into())),
        Command::Version => print(concat!("activity-worker ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Help => print(args::HELP),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Prints to stdout; a reader that went away (`| head`) is no error.
fn print(text: &str) -> Result<(), Error> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Failure(format!("can't write to stdout: {e}")))
        }
        _ => Ok(()),
    }
}
