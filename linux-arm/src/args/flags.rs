//! Flags that several commands have, and how their values are read.

use lexopt::ValueExt;
use log::LevelFilter;

use crate::config::{self, WorkerConfig};
use crate::error::Error;

/// Whether `flag` is one that concerns the worker as a whole; then it is set.
pub(super) fn worker_flag(
    worker: &mut WorkerConfig,
    flag: &str,
    parser: &mut lexopt::Parser,
) -> Result<bool, Error> {
    match flag {
        "worker-name" => worker.worker_name = Some(text(parser, flag, config::worker_name)?),
        "state-dir" => worker.state_dir = Some(parser.value().map_err(usage)?.into()),
        "profile" => worker.service.profile = Some(string(parser)?),
        "endpoint-url" => worker.service.endpoint_url = Some(string(parser)?),
        "ca-bundle" => {
            worker.service.network.ca_file = Some(parser.value().map_err(usage)?.into());
        }
        "allow-unsafe-storage" => worker.allow_unsafe_storage = Some(true),
        _ => return Ok(false),
    }
    Ok(true)
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

pub(super) fn string(parser: &mut lexopt::Parser) -> Result<String, Error> {
    parser.value().and_then(|value| value.string()).map_err(usage)
}

pub(super) fn text<T>(
    parser: &mut lexopt::Parser,
    flag: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Error> {
    parse(&string(parser)?).map_err(|e| Error::Usage(format!("--{flag}: {e}")))
}

pub(super) fn usage(e: lexopt::Error) -> Error {
    Error::Usage(e.to_string())
}
