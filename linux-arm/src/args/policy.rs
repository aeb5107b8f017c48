//! The command line of `iam-policy`.

use activity_worker::aws::ActivityArn;
use lexopt::prelude::*;

use super::flags::{text, usage};
use crate::config;
use crate::error::Error;

/// What `iam-policy` is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// At least one.
    pub(crate) arns: Vec<ActivityArn>,
    pub(crate) describe: bool,
}

/// Its arguments; `None`: it is asked for help.
pub(super) fn policy(mut parser: lexopt::Parser) -> Result<Option<Policy>, Error> {
    let (mut arns, mut describe) = (Vec::new(), false);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("help") | Short('h') => return Ok(None),
            Long("activity-arn") => arns.push(text(&mut parser, "activity-arn", config::arn)?),
            Long("describe") => describe = true,
            other => return Err(usage(other.unexpected())),
        }
    }
    match arns.is_empty() {
        true => Err(Error::Usage("iam-policy needs --activity-arn ARN, once for each activity".into())),
        false => Ok(Some(Policy { arns, describe })),
    }
}
