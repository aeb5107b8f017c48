//! The command line of `doctor`.

use std::path::PathBuf;
use std::time::Duration;

use activity_worker::aws::ActivityArn;
use lexopt::prelude::*;

use super::flags::{text, usage, worker_flag};
use crate::config::{self, Allowed, WorkerConfig, place};
use crate::error::Error;

/// What `doctor` is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Doctor {
    pub(crate) patient: Patient,
    /// What wins over a file.
    pub(crate) worker: WorkerConfig,
    pub(crate) state_machine: Option<PathBuf>,
    pub(crate) poll: bool,
    pub(crate) json: bool,
    /// Colours, where there is a terminal that has them.
    pub(crate) colour: bool,
}

/// Whose way is walked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Patient {
    File(PathBuf),
    Activities { arns: Vec<ActivityArn>, heartbeat_interval: Duration },
}

/// Its arguments; `None`: it is asked for help.
pub(super) fn doctor(mut parser: lexopt::Parser) -> Result<Option<Doctor>, Error> {
    let (mut file, mut arns, mut interval) = (None::<PathBuf>, Vec::new(), None);
    let mut worker = WorkerConfig::default();
    let (mut state_machine, mut poll, mut json, mut colour) = (None::<PathBuf>, false, false, true);
    while let Some(argument) = parser.next().map_err(usage)? {
        let flag = match argument {
            Long("help") | Short('h') => return Ok(None),
            Long(flag) => flag.to_owned(),
            other => return Err(usage(other.unexpected())),
        };
        match flag.as_str() {
            "config" => file = Some(parser.value().map_err(usage)?.into()),
            "activity-arn" => arns.push(text(&mut parser, &flag, config::arn)?),
            "heartbeat-interval" => {
                let time = |t: &str| config::duration(t, Allowed::HEARTBEAT_INTERVAL);
                interval = Some(text(&mut parser, &flag, time)?);
            }
            "state-machine" => state_machine = Some(parser.value().map_err(usage)?.into()),
            "poll" => poll = true,
            "json" => json = true,
            "no-color" => colour = false,
            _ if worker_flag(&mut worker, &flag, &mut parser)? => {}
            _ => return Err(usage(Long(&flag).unexpected())),
        }
    }
    let wrong = |text: &str| Err(Error::Usage(text.to_owned()));
    if arns.windows(2).any(|two| place(&two[0]) != place(&two[1])) {
        return wrong("--activity-arn: one doctor for each region and account, as one worker");
    }
    let patient = match (file, arns.is_empty()) {
        (Some(_), false) => return wrong("--activity-arn belongs in the file when there is a --config"),
        (None, false) if poll => {
            return wrong("--poll needs --config FILE: a task that comes is worked, by the file's program");
        }
        (None, false) => {
            let heartbeat_interval = interval.unwrap_or(config::DEFAULT_HEARTBEAT_INTERVAL);
            Patient::Activities { arns, heartbeat_interval }
        }
        (_, true) if interval.is_some() => {
            return wrong("--heartbeat-interval belongs in the file when there is no --activity-arn");
        }
        (file, true) => Patient::File(file.unwrap_or_else(|| config::DEFAULT_FILE.into())),
    };
    Ok(Some(Doctor { patient, worker, state_machine, poll, json, colour }))
}
