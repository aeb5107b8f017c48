//! What the disk is asked for, and how several changes share one sync of the log. No threads here: a simulator carries out
//! the same jobs.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::engine::Kept;
use crate::spool::{
    Claimed, Footing, Found, KeepError, Later, Letter, NewTask, ReadError, Said, Spool, SpoolError,
    StoredTask,
};
use crate::worker::question::Asker;
use crate::{Origin, Outcome, Scope, Settlement, TaskId, TaskToken};

/// One thing to do. No `Debug`: it holds secrets.
pub(crate) enum DiskJob {
    Accept(Accept),
    /// A later word on a task that is held: the answer goes back with the same ticket.
    Complete {
        id: TaskId,
        later: Later,
        ticket: u64,
    },
    KeepOutcome {
        id: TaskId,
        outcome: Arc<Outcome>,
    },
    CountRun {
        id: TaskId,
    },
    /// A task of others becomes this worker's.
    Claim(Claim),
    ReadInput {
        id: TaskId,
        run: u8,
    },
    /// For the app: the answer goes back with the same ticket.
    ShowInput {
        id: TaskId,
        ticket: u64,
    },
    /// As above: what the app answered.
    ShowOutcome {
        id: TaskId,
        ticket: u64,
    },
    ReadOutcome {
        id: TaskId,
    },
    Settle {
        id: TaskId,
        settlement: Settlement,
        at: SystemTime,
    },
    /// How did a task end that is over?
    FindSettlement {
        id: TaskId,
        reply: Asker<Option<Settlement>>,
    },
    /// What lies in the inbox?
    ListLetters,
    ReadLetter {
        path: PathBuf,
    },
    RemoveLetter {
        path: PathBuf,
    },
    /// Raises the floor of the clock for the next start.
    KeepDate {
        date: SystemTime,
    },
    /// Reads again what could not be read, and looks whether there is room by now.
    Look,
    /// How many more tasks fit? Every batch ends with the answer.
    LookAtRoom,
}

/// A task that becomes this worker's, whoever it belonged to.
pub(crate) struct Claim {
    pub(crate) id: TaskId,
    pub(crate) origin: Origin,
    pub(crate) scope: Scope,
}

/// A task to be accepted.
pub(crate) struct Accept {
    pub(crate) token: TaskToken,
    pub(crate) origin: Origin,
    pub(crate) scope: Scope,
    pub(crate) activity: Option<String>,
    pub(crate) deferred: bool,
    pub(crate) input: Arc<str>,
    /// It is over before it began.
    pub(crate) outcome: Option<Arc<Outcome>>,
    pub(crate) said: Said,
    pub(crate) max_output: usize,
    pub(crate) at: SystemTime,
    pub(crate) expires: Option<SystemTime>,
}

/// What came of it.
pub(crate) enum DiskDone {
    Accepted {
        id: TaskId,
        result: Result<(), Refused>,
    },
    /// The task as it is now, if the word changed anything.
    Completed {
        id: TaskId,
        ticket: u64,
        result: Result<Option<Box<StoredTask>>, Refused>,
    },
    OutcomeKept {
        id: TaskId,
        kept: Kept,
        reason: String,
    },
    RunCounted {
        id: TaskId,
        runs: Option<u8>,
    },
    Claimed {
        id: TaskId,
        result: Result<(Box<StoredTask>, Claimed), String>,
    },
    Input {
        id: TaskId,
        run: u8,
        input: Result<String, ReadError>,
    },
    Shown {
        id: TaskId,
        ticket: u64,
        input: Result<String, ReadError>,
    },
    ShownOutcome {
        id: TaskId,
        ticket: u64,
        outcome: Result<Outcome, ReadError>,
    },
    Outcome {
        id: TaskId,
        outcome: Result<Outcome, ReadError>,
    },
    Settled {
        id: TaskId,
        error: Option<String>,
    },
    Letters(Vec<PathBuf>),
    Letter {
        path: PathBuf,
        letter: Result<Letter, ReadError>,
    },
    /// Nothing that anyone waits for.
    Done,
    Looked(Box<Found>),
    /// The state folder is not what it was.
    Footing(Footing),
    /// How many more tasks fit.
    Room(usize),
}

/// Why a task was not accepted.
pub(crate) enum Refused {
    /// It was here before, and is over.
    Over(Settlement),
    /// It lies in the folder already.
    Known(Box<StoredTask>),
    /// The disk refused.
    Disk(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Over(_) => "it is over",
            Refused::Known(_) => "it lies in the state folder already",
            Refused::Disk(why) => why,
        })
    }
}

/// Room is made for so many more tasks: there are as many lanes.
pub(crate) const AHEAD: usize = 4;

/// Carries out `jobs` in their order, with one sync of the log for all of them, and says how many more tasks fit.
pub(crate) fn batch(spool: &mut Spool, jobs: Vec<DiskJob>, max_output: usize) -> Vec<DiskDone> {
    let mut done = Vec::with_capacity(jobs.len() + 2);
    let mut staged = false;
    match spool.footing() {
        Footing::Firm => {}
        footing => done.push(DiskDone::Footing(footing)),
    }
    for job in jobs {
        staged |= job.is_staged();
        let one = one(spool, job);
        staged |= matches!(one, DiskDone::Completed { result: Ok(Some(_)), .. });
        done.push(one);
    }
    if staged && let Err(error) = spool.commit() {
        for done in &mut done {
            uncommit(done, &error.to_string());
        }
    }
    spool.probe_again();
    done.push(DiskDone::Room(spool.make_room(max_output, AHEAD)));
    done
}

impl DiskJob {
    /// What it changes is durable only once the log is synced.
    fn is_staged(&self) -> bool {
        matches!(
            self,
            DiskJob::Accept(_)
                | DiskJob::KeepOutcome { .. }
                | DiskJob::CountRun { .. }
                | DiskJob::Claim(_)
                | DiskJob::Settle { .. }
        )
    }
}

fn one(spool: &mut Spool, job: DiskJob) -> DiskDone {
    match job {
        DiskJob::Accept(accept) => {
            DiskDone::Accepted { id: accept.token.id(), result: accept_one(spool, &accept) }
        }
        DiskJob::KeepOutcome { id, outcome } => {
            let (kept, reason) = match spool.keep_outcome(id, &outcome) {
                Ok(()) => (Kept::Yes, String::new()),
                Err(error @ KeepError::Pinned(_)) => (Kept::Unknown, error.to_string()),
                Err(error) => (Kept::No, error.to_string()),
            };
            DiskDone::OutcomeKept { id, kept, reason }
        }
        DiskJob::CountRun { id } => DiskDone::RunCounted { id, runs: spool.count_run(id).ok() },
        DiskJob::Claim(Claim { id, origin, scope }) => {
            let result = spool.claim(id, &origin, &scope);
            let result = result.map(|(task, how)| (Box::new(task), how)).map_err(|e| e.to_string());
            DiskDone::Claimed { id, result }
        }
        DiskJob::ReadInput { id, run } => DiskDone::Input { id, run, input: spool.input(id) },
        DiskJob::ShowInput { id, ticket } => DiskDone::Shown { id, ticket, input: spool.input(id) },
        DiskJob::ShowOutcome { id, ticket } => {
            DiskDone::ShownOutcome { id, ticket, outcome: spool.outcome(id) }
        }
        DiskJob::Complete { id, later, ticket } => {
            DiskDone::Completed { id, ticket, result: complete_one(spool, id, &later) }
        }
        DiskJob::ReadOutcome { id } => DiskDone::Outcome { id, outcome: spool.outcome(id) },
        DiskJob::Settle { id, settlement, at } => {
            spool.settle(id, settlement, at);
            DiskDone::Settled { id, error: None }
        }
        DiskJob::KeepDate { date } => {
            if let Err(error) = spool.keep_date(date) {
                log::debug!(target: "activity_worker", "the date was not kept: {}", crate::Printable(&error));
            }
            DiskDone::Done
        }
        DiskJob::FindSettlement { id, reply } => {
            reply.send(spool.settled(id));
            DiskDone::Done
        }
        DiskJob::ListLetters => DiskDone::Letters(spool.letters().unwrap_or_else(|error| {
            log::warn!(target: "activity_worker", "the inbox can't be read now: {}", crate::Printable(&error));
            Vec::new()
        })),
        DiskJob::ReadLetter { path } => {
            let letter = spool.letter(&path);
            DiskDone::Letter { path, letter }
        }
        DiskJob::RemoveLetter { path } => {
            spool.remove_letter(&path);
            DiskDone::Done
        }
        DiskJob::Look => DiskDone::Looked(Box::new(spool.reread())),
        // Every batch ends with the answer: see `batch`.
        DiskJob::LookAtRoom => DiskDone::Done,
    }
}

fn accept_one(spool: &mut Spool, accept: &Accept) -> Result<(), Refused> {
    if let Some(settlement) = spool.settled(accept.token.id()) {
        return Err(Refused::Over(settlement));
    }
    let task = NewTask {
        token: &accept.token,
        origin: &accept.origin,
        scope: &accept.scope,
        activity: accept.activity.as_deref(),
        deferred: accept.deferred,
        input: &accept.input,
        said: accept.said,
        max_output: accept.max_output,
        accepted: accept.at,
        expires: accept.expires,
    };
    let accepted = match &accept.outcome {
        None => spool.accept(&task),
        Some(outcome) => spool.accept_ended(&task, outcome),
    };
    accepted.map(|_| ()).map_err(|e| match (&e, spool.task(accept.token.id())) {
        (SpoolError::Known(_), Some(held)) => Refused::Known(Box::new(held)),
        _ => Refused::Disk(e.to_string()),
    })
}

fn complete_one(spool: &mut Spool, id: TaskId, later: &Later) -> Result<Option<Box<StoredTask>>, Refused> {
    if let Some(settlement) = spool.settled(id) {
        return Err(Refused::Over(settlement));
    }
    let changed = spool.complete(id, later).map_err(|error| Refused::Disk(error.to_string()))?;
    Ok(if changed { spool.task(id).map(Box::new) } else { None })
}

/// The log was not synced: what was staged may be gone after a crash.
fn uncommit(done: &mut DiskDone, why: &str) {
    match done {
        DiskDone::Accepted { result: result @ Ok(()), .. } => *result = Err(Refused::Disk(why.to_owned())),
        DiskDone::Completed { result: result @ Ok(_), .. } => *result = Err(Refused::Disk(why.to_owned())),
        DiskDone::OutcomeKept { kept: kept @ Kept::Yes, reason, .. } => {
            *kept = Kept::Unknown;
            why.clone_into(reason);
        }
        DiskDone::RunCounted { runs, .. } => *runs = None,
        DiskDone::Claimed { result, .. } => *result = Err(why.to_owned()),
        DiskDone::Settled { error, .. } => *error = Some(why.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;
    use crate::spool::{MemoryDisk, Op, SpoolConfig};

    const MAX_OUTPUT: usize = 1000;

    fn open(disk: &MemoryDisk) -> Spool {
        let config = SpoolConfig {
            inbox: None,
            dir: "/state".into(),
            max_tasks: 8,
            max_bytes: 64 << 20,
            machine_id: Some("this".into()),
            allow_unsafe_storage: false,
        };
        Spool::open(Box::new(disk.clone()), config).unwrap().0
    }

    fn accept(spool: &mut Spool) -> TaskId {
        let token = TaskToken::new("token").unwrap();
        let id = token.id();
        let task = Accept {
            token,
            origin: Origin::written("aws", "eu-west-1", "123456789012", None),
            scope: Scope::default(),
            activity: Some("arn:aws:states:eu-west-1:123456789012:activity:a".to_owned()),
            deferred: false,
            input: "{}".into(),
            outcome: None,
            said: Said::ALL,
            max_output: MAX_OUTPUT,
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            expires: None,
        };
        let done = batch(spool, vec![DiskJob::Accept(task)], MAX_OUTPUT);
        assert!(matches!(done[0], DiskDone::Accepted { result: Ok(()), .. }));
        id
    }

    fn keep(spool: &mut Spool, id: TaskId, output: &str) -> Kept {
        let outcome = Arc::new(Outcome::from(crate::Output::parse_within(output, MAX_OUTPUT)));
        match batch(spool, vec![DiskJob::KeepOutcome { id, outcome }], MAX_OUTPUT)[0] {
            DiskDone::OutcomeKept { kept, .. } => kept,
            _ => panic!("another answer"),
        }
    }

    fn no_sync(disk: &MemoryDisk) {
        disk.set_fault(|op, _| (op == Op::Fsync).then(|| io::Error::from_raw_os_error(5)));
    }

    #[test]
    fn p3_a_run_that_was_not_synced_is_not_counted() {
        let disk = MemoryDisk::new(None);
        let mut spool = open(&disk);
        let id = accept(&mut spool);
        no_sync(&disk);
        let done = batch(&mut spool, vec![DiskJob::CountRun { id }], MAX_OUTPUT);
        assert!(matches!(done[0], DiskDone::RunCounted { runs: None, .. }), "and its handler does not run");
        disk.clear_fault();
        let done = batch(&mut spool, vec![DiskJob::CountRun { id }], MAX_OUTPUT);
        let DiskDone::RunCounted { runs: Some(runs), .. } = done[0] else { panic!("it works again") };
        drop(spool);
        disk.power_cut(|| false);
        assert_eq!(open(&disk).task(id).unwrap().runs, runs);
    }

    #[test]
    fn p1_of_a_task_with_an_outcome_that_is_perhaps_kept_no_answer_is_that_nothing_is() {
        let disk = MemoryDisk::new(None);
        let mut spool = open(&disk);
        let id = accept(&mut spool);
        no_sync(&disk);
        assert_eq!(keep(&mut spool, id, "1"), Kept::Unknown);
        disk.clear_fault();
        assert_eq!(keep(&mut spool, id, "2"), Kept::Unknown, "the first one may be on disk");
        assert_eq!(keep(&mut spool, id, "1"), Kept::Yes);
    }
}
