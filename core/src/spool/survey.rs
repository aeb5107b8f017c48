//! What lies in a state folder, read from outside: nothing is locked, changed or waited for, so a worker may be at it meanwhile.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::log::look;
use super::owner::{machine_id, owned};
use super::{LINE_MAX, files, format, log_of};
use crate::arn::ActivityArn;
use crate::{Origin, Scope, TaskId};

/// What lies in a state folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// The tasks, whatever their state.
    pub tasks: Vec<SurveyedTask>,
    /// Files of the log of which a part can't be read, or not be understood.
    pub unreadable: Vec<PathBuf>,
    /// How many files were set aside since they can't be understood.
    pub quarantined: usize,
    /// How many letters wait in its inbox.
    pub letters: usize,
}

/// A task in a state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SurveyedTask {
    /// Its id.
    pub id: TaskId,
    /// Whose it is.
    pub origin: Origin,
    /// The user it belongs to.
    pub scope: Scope,
    /// Its activity; `None` for an adopted token.
    pub activity: Option<ActivityArn>,
    /// When it was accepted.
    pub accepted: SystemTime,
    /// Its outcome is kept.
    pub has_outcome: bool,
    /// It came with a copy of another machine's state folder.
    pub copied: bool,
}

/// Looks into a state folder. A worker may be running in it, or not. An error: the folder can't be read.
pub fn survey(state_dir: &Path) -> io::Result<Survey> {
    let machine = machine_id();
    let owner = files::head(&state_dir.join("owner"), LINE_MAX).unwrap_or_default();
    let (machine, copied) = owned(&owner, machine.as_deref());
    let mut survey = Survey {
        quarantined: count(&state_dir.join("quarantine"), |_| true),
        letters: count(&state_dir.join("inbox"), |name| {
            name.ends_with(".token") || name.ends_with(".answer")
        }),
        ..Survey::default()
    };
    let looked = look(&log_of(state_dir))?;
    survey.unreadable = looked.unreadable;
    for (id, envelope) in looked.tasks {
        let envelope = format::decode_envelope(&envelope);
        let Some((task, copied)) =
            envelope.and_then(|envelope| Some((envelope.task()?, envelope.is_copy(copied, &machine))))
        else {
            continue;
        };
        survey.tasks.push(SurveyedTask {
            id,
            origin: task.origin,
            scope: task.scope,
            activity: task.activity.and_then(|arn| ActivityArn::parse(&arn).ok()),
            accepted: task.accepted,
            has_outcome: task.has_outcome,
            copied,
        });
    }
    survey.tasks.sort_by_key(|task| (task.accepted, task.id));
    Ok(survey)
}

fn count(dir: &Path, counts: impl Fn(&str) -> bool) -> usize {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    names.filter(|entry| entry.file_name().to_str().is_some_and(&counts)).count()
}
