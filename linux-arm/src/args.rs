//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;
use log::LevelFilter;

use crate::config::{self, ActivityConfig, Allowed, Config, WorkerConfig};
use crate::error::Error;
use crate::exec::Limits;

pub(crate) const HELP: &str = "\
activity-worker takes tasks from AWS Step Functions, runs a program for each, and never loses a result.

Usage:
  activity-worker run --activity-arn ARN [OPTION...] -- PROGRAM [ARG...]
  activity-worker run [--config FILE] [OPTION...]     several activities, each with its program
  activity-worker check [--config FILE]               is the file right? names line and key of what is not
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

TIME is 500ms, 30s, 10m or 2h. FILE is /etc/activity-worker.toml if nothing else is said.
Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration.
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Run(Box<Run>),
    Check(PathBuf),
    Demo,
    /// The handler of the demo: not for people.
    DemoHandler,
    Version,
    Help,
}

/// What `run` is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) source: Source,
    /// What wins over a file.
    pub(crate) worker: WorkerConfig,
    pub(crate) region: Option<String>,
    pub(crate) exit_when_idle: bool,
    pub(crate) log_level: Option<LevelFilter>,
}

/// Where the activities come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Flags(Box<ActivityConfig>),
}

/// Parses the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let command = match parser.next().map_err(usage)? {
        None => return Err(Error::Usage("what to do? run, check or demo".into())),
        Some(Long("help") | Short('h')) => return Ok(Command::Help),
        Some(Long("version") | Short('V')) => return Ok(Command::Version),
        Some(Value(name)) => name,
        Some(other) => return Err(usage(other.unexpected())),
    };
    match command.to_str() {
        Some("run") => run(parser),
        Some("check") => check(parser),
        Some("demo") => alone(parser, Command::Demo),
        Some("demo-handler") => alone(parser, Command::DemoHandler),
        Some("help") => Ok(Command::Help),
        _ => Err(Error::Usage(format!("{command:?} is none of run, check and demo"))),
    }
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

/// The flags that describe one activity, which a file does as well.
#[derive(Default)]
struct ActivityFlags {
    arn: Option<String>,
    concurrency: Option<usize>,
    heartbeat_interval: Option<std::time::Duration>,
    handler_timeout: Option<std::time::Duration>,
    safe_to_repeat: bool,
    command: Vec<OsString>,
    /// The first flag of this kind, for an error.
    given: Option<String>,
}

fn run(mut parser: lexopt::Parser) -> Result<Command, Error> {
    let mut file: Option<PathBuf> = None;
    let mut activity = ActivityFlags::default();
    let mut worker = WorkerConfig::default();
    let (mut region, mut exit_when_idle, mut log_level) = (None, false, None);
    let mut seen: Vec<String> = Vec::new();
    while let Some(argument) = parser.next().map_err(usage)? {
        let flag = match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long(flag) => flag.to_owned(),
            Value(program) => {
                activity.command.push(program);
                activity.command.extend(parser.raw_args().map_err(usage)?);
                break;
            }
            Short(_) => return Err(usage(argument.unexpected())),
        };
        if seen.contains(&flag) {
            return Err(Error::Usage(format!("--{flag} is given twice")));
        }
        if !activity.set(&flag, &mut parser)? {
            match flag.as_str() {
                "config" => file = Some(parser.value().map_err(usage)?.into()),
                "worker-name" => {
                    worker.worker_name = Some(text(&mut parser, &flag, config::worker_name)?);
                }
                "state-dir" => worker.state_dir = Some(parser.value().map_err(usage)?.into()),
                "profile" => worker.profile = Some(string(&mut parser)?),
                "endpoint-url" => worker.endpoint_url = Some(string(&mut parser)?),
                "region" => region = Some(string(&mut parser)?),
                "ca-bundle" => worker.ca_bundle = Some(parser.value().map_err(usage)?.into()),
                "allow-unsafe-storage" => worker.allow_unsafe_storage = Some(true),
                "exit-when-idle" => exit_when_idle = true,
                "log-level" => log_level = Some(text(&mut parser, &flag, level)?),
                _ => return Err(usage(Long(&flag).unexpected())),
            }
        }
        seen.push(flag);
    }
    let source = match (file, activity.given.take()) {
        (Some(_), Some(flag)) => {
            return Err(Error::Usage(format!("--{flag} belongs in the file when there is a --config")));
        }
        (Some(_), None) if !activity.command.is_empty() => {
            return Err(Error::Usage("a PROGRAM belongs in the file when there is a --config".into()));
        }
        (Some(file), None) => Source::File(file),
        (None, None) if activity.command.is_empty() => Source::File(config::DEFAULT_FILE.into()),
        (None, _) => Source::Flags(Box::new(activity.finish()?)),
    };
    Ok(Command::Run(Box::new(Run { source, worker, region, exit_when_idle, log_level })))
}

impl ActivityFlags {
    /// Whether `flag` is one of these.
    fn set(&mut self, flag: &str, parser: &mut lexopt::Parser) -> Result<bool, Error> {
        match flag {
            "activity-arn" => self.arn = Some(string(parser)?),
            "concurrency" => {
                let number =
                    |n: &str| config::concurrency(n.parse().map_err(|_| format!("{n:?} is no number"))?);
                self.concurrency = Some(text(parser, flag, number)?);
            }
            "heartbeat-interval" => {
                let time = |t: &str| config::duration(t, Allowed::HEARTBEAT_INTERVAL);
                self.heartbeat_interval = Some(text(parser, flag, time)?);
            }
            "handler-timeout" => {
                let time = |t: &str| config::duration(t, Allowed::HANDLER_TIMEOUT);
                self.handler_timeout = Some(text(parser, flag, time)?);
            }
            "safe-to-repeat" => self.safe_to_repeat = true,
            _ => return Ok(false),
        }
        self.given.get_or_insert_with(|| flag.to_owned());
        Ok(true)
    }

    fn finish(self) -> Result<ActivityConfig, Error> {
        let Some(arn) = self.arn else {
            return Err(Error::Usage("run needs --activity-arn ARN or --config FILE".into()));
        };
        if self.command.is_empty() {
            return Err(Error::Usage("run needs a handler: end the line with -- PROGRAM [ARG...]".into()));
        }
        Ok(ActivityConfig {
            arn: config::arn(&arn).map_err(|e| Error::Usage(format!("--activity-arn {e}")))?,
            program: config::find_program(self.command).map_err(Error::Config)?,
            concurrency: self.concurrency.unwrap_or(config::DEFAULT_CONCURRENCY),
            heartbeat_interval: self.heartbeat_interval.unwrap_or(config::DEFAULT_HEARTBEAT_INTERVAL),
            limits: Limits {
                timeout: self.handler_timeout.unwrap_or(config::DEFAULT_HANDLER_TIMEOUT),
                grace: config::DEFAULT_GRACE,
                max_output: config::MAX_OUTPUT,
            },
            safe_to_repeat: self.safe_to_repeat,
        })
    }
}

impl Run {
    /// Everything that the worker is told, flags and file put together.
    pub(crate) fn config(self) -> Result<Config, Error> {
        let (config, from_file) = match self.source {
            Source::Flags(activity) => (Config { worker: self.worker, activities: vec![*activity] }, false),
            Source::File(file) => {
                let Config { worker, activities } = config::read(&file)?;
                (Config { worker: self.worker.or(worker), activities }, true)
            }
        };
        match (self.region, config.activities.first()) {
            (Some(region), Some(first)) if region != first.arn.region() => {
                let whose = if from_file { "the file's activities are" } else { "the activity is" };
                Err(Error::Usage(format!(
                    "--region {region}, but {whose} in {}: leave it out",
                    first.arn.region()
                )))
            }
            _ => Ok(config),
        }
    }
}

/// A log level by its name.
pub(crate) fn level(name: &str) -> Result<LevelFilter, String> {
    match name {
        "error" => Ok(LevelFilter::Error),
        "warn" => Ok(LevelFilter::Warn),
        "info" => Ok(LevelFilter::Info),
        "debug" => Ok(LevelFilter::Debug),
        _ => Err(format!("{name:?} is none of error, warn, info and debug")),
    }
}

fn string(parser: &mut lexopt::Parser) -> Result<String, Error> {
    parser.value().and_then(|value| value.string()).map_err(usage)
}

fn text<T>(
    parser: &mut lexopt::Parser,
    flag: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Error> {
    parse(&string(parser)?).map_err(|e| Error::Usage(format!("--{flag}: {e}")))
}

fn usage(e: lexopt::Error) -> Error {
    Error::Usage(e.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ARN: &str = "arn:aws:states:eu-west-1:123456789012:activity:print";

    fn of(line: &str) -> Result<Command, Error> {
        parse(line.replace("ARN", ARN).split_whitespace().map(OsString::from))
    }

    fn run_of(line: &str) -> Run {
        match of(line) {
            Ok(Command::Run(run)) => *run,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_whole_command_line_is_understood() {
        let run = run_of(
            "run --activity-arn ARN --region=eu-west-1 --endpoint-url http://h:1 --profile p --worker-name n --concurrency 8 \
             --heartbeat-interval 5s --state-dir d --handler-timeout 2m --safe-to-repeat --allow-unsafe-storage \
             --exit-when-idle --log-level debug -- cat --help -- x",
        );
        assert!(run.exit_when_idle && run.log_level == Some(LevelFilter::Debug));
        let config = run.config().unwrap();
        let activity = &config.activities[0];
        assert_eq!(activity.arn.as_str(), ARN);
        assert_eq!(activity.program.argv, ["cat", "--help", "--", "x"]);
        assert!(activity.program.path.ends_with("cat") && activity.program.path.is_absolute());
        assert_eq!((activity.concurrency, activity.safe_to_repeat), (8, true));
        assert_eq!(activity.heartbeat_interval, Duration::from_secs(5));
        assert_eq!(activity.limits.timeout, Duration::from_secs(120));
        assert_eq!(config.worker.state_dir, Some("d".into()));
        assert_eq!(config.worker.allow_unsafe_storage, Some(true));
        assert_eq!(config.worker.profile.as_deref(), Some("p"));
    }

    #[test]
    fn a_program_takes_all_that_follows_it_even_without_the_dashes() {
        let Source::Flags(activity) = run_of("run --activity-arn ARN cat --region x").source else {
            panic!()
        };
        assert_eq!(activity.program.argv, ["cat", "--region", "x"]);
    }

    #[test]
    fn flags_about_the_worker_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        let text = format!(
            "profile = \"file\"\nworker_name = \"file\"\n[[activity]]\narn = \"{ARN}\"\ncommand = [\"cat\"]\n"
        );
        std::fs::write(&file, text).unwrap();
        let config = run_of(&format!("run --config {} --profile flag", file.display())).config().unwrap();
        assert_eq!(config.worker.profile.as_deref(), Some("flag"));
        assert_eq!(config.worker.worker_name.unwrap().as_str(), "file");
    }

    #[test]
    fn without_a_word_the_file_of_the_machine_is_meant() {
        assert_eq!(run_of("run").source, Source::File("/etc/activity-worker.toml".into()));
        assert_eq!(of("check"), Ok(Command::Check("/etc/activity-worker.toml".into())));
        assert_eq!(of("check --config x"), Ok(Command::Check("x".into())));
        assert_eq!(of("check x"), Ok(Command::Check("x".into())));
    }

    #[test]
    fn wrong_usage_is_told_in_one_line() {
        let table = [
            ("", "what to do?"),
            ("walk", "\"walk\" is none of run, check and demo"),
            ("--colour", "invalid option '--colour'"),
            ("demo x", "unexpected argument \"x\""),
            ("check a b", "unexpected argument \"b\""),
            ("run --activity-arn ARN", "end the line with -- PROGRAM"),
            ("run -- cat", "run needs --activity-arn ARN or --config FILE"),
            ("run --concurrency 2", "run needs --activity-arn ARN or --config FILE"),
            ("run --activity-arn", "missing argument for option '--activity-arn'"),
            ("run --activity-arn print -- cat", "--activity-arn \"print\": "),
            ("run --activity-arn ARN --activity-arn ARN -- cat", "--activity-arn is given twice"),
            ("run --activity-arn ARN --concurrency many -- cat", "--concurrency: \"many\" is no number"),
            ("run --activity-arn ARN --concurrency 0 -- cat", "--concurrency: 0 is not between 1 and 1000"),
            (
                "run --activity-arn ARN --heartbeat-interval 30 -- cat",
                "--heartbeat-interval: \"30\" is no time like",
            ),
            (
                "run --activity-arn ARN --worker-name a/b -- cat",
                "--worker-name: a worker name can't hold '/'",
            ),
            ("run --activity-arn ARN --log-level loud -- cat", "--log-level: \"loud\" is none of"),
            (
                "run --activity-arn ARN --exit-when-idle=1 -- cat",
                "unexpected argument for option '--exit-when-idle'",
            ),
            ("run --activity-arn ARN -x -- cat", "invalid option '-x'"),
            ("run --activity-arn ARN --verbose -- cat", "invalid option '--verbose'"),
            ("run --config f --concurrency 2", "--concurrency belongs in the file"),
            ("run --config f -- cat", "a PROGRAM belongs in the file"),
        ];
        for (line, wanted) in table {
            match of(line) {
                Err(Error::Usage(text)) => {
                    assert!(text.contains(wanted) && !text.contains('\n'), "{line}: {text}")
                }
                other => panic!("{line}: {other:?}"),
            }
        }
        let Err(Error::Usage(text)) = run_of("run --activity-arn ARN --region eu-west-2 -- cat").config()
        else {
            panic!()
        };
        assert_eq!(text, "--region eu-west-2, but the activity is in eu-west-1: leave it out");
        assert!(matches!(of("run --activity-arn ARN -- no-such-program"), Err(Error::Config(_))));
    }

    #[test]
    fn help_is_to_be_had_everywhere_and_fits_a_terminal() {
        for line in ["--help", "-h", "help", "run --activity-arn x --help", "check -h", "demo --help"] {
            assert_eq!(of(line), Ok(Command::Help), "{line}");
        }
        assert!(HELP.lines().all(|line| line.chars().count() <= 120));
    }
}
