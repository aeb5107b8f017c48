//! The command line.

mod doctor;
mod flags;
mod policy;
mod run;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::config;
use crate::error::Error;
pub(crate) use doctor::{Doctor, Patient};
pub(crate) use flags::level;
use flags::usage;
pub(crate) use policy::Policy;
pub(crate) use run::Run;

pub(crate) const HELP: &str = "\
activity-worker takes tasks from AWS Step Functions, runs a program for each, and never loses a result.

Usage:
  activity-worker run --activity-arn ARN [OPTION...] -- PROGRAM [ARG...]
  activity-worker run [--config FILE] [OPTION...]     several activities, each with its program
  activity-worker check [--config FILE]               is the file right? names line and key of what is not
  activity-worker doctor [--config FILE] [OPTION...]  walks the way of a poll: what works, what does not, what to do
  activity-worker doctor --activity-arn ARN [OPTION...]
  activity-worker iam-policy --activity-arn ARN...    the policy that lets a worker do its work and nothing else
  activity-worker demo                                a power cut and a network cut, without an account
  activity-worker --version | --help

The task's input (JSON) is on PROGRAM's stdin, its stdout is the output. Exit status 0 is success.

Options of run:
  --activity-arn ARN           the activity to take tasks from; the region is the ARN's
  --concurrency N              tasks at work at once [1]
  --heartbeat-interval TIME    at most a third of the state's HeartbeatSeconds [30s]
  --handler-timeout TIME       SIGTERM for a handler that takes longer, SIGKILL 10 s after [10m]
  --safe-to-repeat             run a task again when its handler died with the worker
Options of run, with or without a file (they win over the file):
  --worker-name NAME           shown in the execution history [the host's name]
  --state-dir DIR              where tasks and results are kept [$STATE_DIRECTORY, /var/lib/activity-worker for root,
                               else ~/.local/state/activity-worker]
  --profile NAME               of ~/.aws/config
  --endpoint-url URL           in place of AWS' own
  --region REGION              only to be sure: another than the ARN's is an error
  --ca-bundle FILE             certificates to trust besides the built-in ones
  --allow-unsafe-storage       take a file system that may lose what was written to it
  --exit-when-idle             end once there is nothing left to do
  --log-level LEVEL            error, warn, info or debug [info; $ACTIVITY_WORKER_LOG]
Options of doctor, besides --worker-name to --allow-unsafe-storage and --heartbeat-interval:
  --state-machine FILE         a definition (JSON): are its timeouts and retries such that no task is lost?
  --poll                       poll for real, with the file's programs: a task that comes is worked
  --json                       for programs; docs/doctor.md has the shape
  --no-color                   no colours on a terminal
Option of iam-policy:
  --describe                   let doctor ask whether the activity exists

TIME is 500ms, 30s, 10m or 2h. FILE is /etc/activity-worker.toml if nothing else is said.
Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration (doctor: run would end with 78).
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Run(Box<Run>),
    Check(PathBuf),
    Doctor(Box<Doctor>),
    Policy(Policy),
    Demo,
    /// The handler of the demo: not for people.
    DemoHandler,
    Version,
    Help,
}

/// Parses the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let command = match parser.next().map_err(usage)? {
        None => return Err(Error::Usage("what to do? run, check, doctor, iam-policy or demo".into())),
        Some(Long("help") | Short('h')) => return Ok(Command::Help),
        Some(Long("version") | Short('V')) => return Ok(Command::Version),
        Some(Value(name)) => name,
        Some(other) => return Err(usage(other.unexpected())),
    };
    match command.to_str() {
        Some("run") => run::run(parser).map(|told| or_help(told, |run| Command::Run(Box::new(run)))),
        Some("check") => check(parser),
        Some("doctor") => {
            doctor::doctor(parser).map(|told| or_help(told, |doctor| Command::Doctor(Box::new(doctor))))
        }
        Some("iam-policy") => policy::policy(parser).map(|told| or_help(told, Command::Policy)),
        Some("demo") => alone(parser, Command::Demo),
        Some("demo-handler") => alone(parser, Command::DemoHandler),
        Some("help") => Ok(Command::Help),
        _ => Err(Error::Usage(format!("{command:?} is none of run, check, doctor, iam-policy and demo"))),
    }
}

/// Help, where a command was told nothing but to give it.
fn or_help<T>(told: Option<T>, command: impl FnOnce(T) -> Command) -> Command {
    told.map_or(Command::Help, command)
}

fn alone(mut parser: lexopt::Parser, command: Command) -> Result<Command, Error> {
    match parser.next().map_err(usage)? {
        None => Ok(command),
        Some(Long("help") | Short('h')) => Ok(Command::Help),
        Some(other) => Err(usage(other.unexpected())),
    }
}

fn check(mut parser: lexopt::Parser) -> Result<Command, Error> {
    let mut file = None;
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("config") => file = Some(parser.value().map_err(usage)?.into()),
            Value(path) if file.is_none() => file = Some(path.into()),
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok(Command::Check(file.unwrap_or_else(|| config::DEFAULT_FILE.into())))
}

#[cfg(test)]
mod tests;
