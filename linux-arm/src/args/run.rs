//! The command line of `run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;
use log::LevelFilter;

use super::flags::{level, string, text, usage, worker_flag};
use crate::config::{self, ActivityConfig, Allowed, Config, WorkerConfig};
use crate::error::Error;
use crate::exec::Limits;

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

/// The flags that describe one activity, which a file does as well.
#[derive(Default)]
struct ActivityFlags {
    arn: Option<String>,
    concurrency: Option<usize>,
    heartbeat_interval: Option<Duration>,
    handler_timeout: Option<Duration>,
    safe_to_repeat: bool,
    command: Vec<OsString>,
    /// The first flag of this kind, for an error.
    given: Option<String>,
}

/// Its arguments; `None`: it is asked for help.
pub(super) fn run(mut parser: lexopt::Parser) -> Result<Option<Run>, Error> {
    let mut file: Option<PathBuf> = None;
    let mut activity = ActivityFlags::default();
    let mut worker = WorkerConfig::default();
    let (mut region, mut exit_when_idle, mut log_level) = (None, false, None);
    let mut seen: Vec<String> = Vec::new();
    while let Some(argument) = parser.next().map_err(usage)? {
        let flag = match argument {
            Long("help") | Short('h') => return Ok(None),
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
        if !activity.set(&flag, &mut parser)? && !worker_flag(&mut worker, &flag, &mut parser)? {
            match flag.as_str() {
                "config" => file = Some(parser.value().map_err(usage)?.into()),
                "region" => region = Some(string(&mut parser)?),
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
    Ok(Some(Run { source, worker, region, exit_when_idle, log_level }))
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
            program: config::find_handler(self.command).map_err(Error::Config)?,
            concurrency: self.concurrency.unwrap_or(config::DEFAULT_CONCURRENCY),
            heartbeat_interval: self.heartbeat_interval.unwrap_or(config::DEFAULT_HEARTBEAT_INTERVAL),
            limits: Limits {
                timeout: self.handler_timeout.unwrap_or(config::DEFAULT_HANDLER_TIMEOUT),
                grace: config::DEFAULT_GRACE,
                max_output: config::MAX_OUTPUT,
            },
            safe_to_repeat: self.safe_to_repeat,
            pollers: config::DEFAULT_POLLERS,
        })
    }
}

impl Run {
    /// Everything that the worker is told, flags and file put together.
    pub(crate) fn config(self) -> Result<Config, Error> {
        let (config, from_file) = match self.source {
            Source::Flags(activity) => {
                let (activities, warnings) = (vec![*activity], Vec::new());
                (Config { worker: self.worker, activities, warnings }.trusted(None)?, false)
            }
            Source::File(file) => {
                let Config { worker, activities, warnings } = config::read(&file)?;
                let config = Config { worker: self.worker.or(worker), activities, warnings };
                (config.trusted(Some(&file))?, true)
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
