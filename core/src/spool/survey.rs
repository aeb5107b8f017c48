//! What lies in a state folder, read from outside: nothing is locked, changed or waited for, so a worker may be at it meanwhile.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::owner::{machine_id, owned};
use super::{files, format};
use crate::arn::ActivityArn;
use crate::{Origin, Scope, TaskId};

/// An envelope with the longest token, ARN and scope has less; inputs and outcomes, which follow it, are not read.
const ENVELOPE_MAX: u64 = 64 << 10;

/// What lies in a state folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// The tasks, whatever their state.
    pub tasks: Vec<SurveyedTask>,
    /// Files of tasks that can't be read, or not be understood.
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
    let owner = files::head(&state_dir.join("owner"), ENVELOPE_MAX).unwrap_or_default();
    let (machine, copied) = owned(&owner, machine.as_deref());
    let mut survey = Survey {
        quarantined: count(&state_dir.join("quarantine"), |_| true),
        letters: count(&state_dir.join("inbox"), |name| {
            name.ends_with(".token") || name.ends_with(".answer")
        }),
        ..Survey::default()
    };
    for entry in std::fs::read_dir(state_dir.join("tasks"))? {
        let path = entry?.path();
        let stem = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".task"));
        let Some(id) = stem.and_then(TaskId::parse) else { continue };
        let envelope = match files::head(&path, ENVELOPE_MAX) {
            Ok(bytes) => format::envelope(&bytes).filter(|envelope| envelope.task().is_some()),
            // A worker is at it, and has just settled it.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => None,
        };
        match envelope
            .and_then(|envelope| envelope.task().map(|task| (task, envelope.is_copy(copied, &machine))))
        {
            Some((task, copied)) => survey.tasks.push(SurveyedTask {
                id,
                origin: task.origin,
                scope: task.scope,
                activity: task.activity.and_then(|arn| ActivityArn::parse(&arn).ok()),
                accepted: task.accepted,
                has_outcome: task.has_outcome,
                copied,
            }),
            None => survey.unreadable.push(path),
        }
    }
    survey.tasks.sort_by_key(|task| (task.accepted, task.id));
    survey.unreadable.sort();
    Ok(survey)
}

fn count(dir: &Path, counts: impl Fn(&str) -> bool) -> usize {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    names.filter(|entry| entry.file_name().to_str().is_some_and(&counts)).count()
}
