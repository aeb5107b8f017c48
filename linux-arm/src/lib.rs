//! The insides of the program `activity-worker`, which takes tasks from AWS Step Functions, runs a program for each, and never
//! loses a result. Nobody's library: it is one so that fuzzers reach what reads bytes from outside.
#![deny(unsafe_code)]

mod args;
mod check;
mod config;
mod connect;
mod console;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod error;
mod exec;
#[cfg(any(test, feature = "testing"))]
pub mod fuzzing;
mod link_watch;
mod logger;
mod outside;
mod policy;
mod process;
mod run;
#[cfg(target_os = "linux")]
mod secrecy;
mod state_dir;
mod trust;

use std::process::ExitCode;

use args::Command;
use error::Error;

/// The program.
pub fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    secrecy::keep_memory();
    if let Some(code) = process::begin() {
        return code;
    }
    match args::parse(std::env::args_os().skip(1)).and_then(obey) {
        Ok(code) => code,
        Err(error) => {
            console::complain("error", &error);
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
        Command::Version => console::print(concat!("activity-worker ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Help => console::print(args::HELP),
    }?;
    Ok(ExitCode::SUCCESS)
}
