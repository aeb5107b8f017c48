//! The tasks held, and the stage each is in.
//!
//! ```text
//! Accepting ──> Running ──┐
//!     │   └──> Deferred ──┤
//!     │  found:           ├──> Ended ──> Waiting ──> Forgetting
//!     │  Reclaiming ──> Counting ──> Running
//!     └──> NotKept (reported from memory) ─────────> Forgetting          Foreign: stays where it is
//! ```

use std::time::Duration;

use super::protocol::{BeatsStopped, Cancelled, Kept, OwnFailure, Time};
use crate::plants::planted;
use crate::{Settlement, TaskId};

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It is being put on stable storage.
    Accepting,
    /// What an earlier process left running for it is being ended.
    Reclaiming,
    /// Its next run is being counted on stable storage.
    Counting,
    /// Its handler runs.
    Running,
    /// It waits for the app.
    Deferred,
    /// Its outcome is being put on stable storage.
    Ended,
    /// Its outcome is kept (or, where the disk refused, held in memory) and waits to be taken by the service.
    Waiting,
    /// The disk refused the task: its failure is reported from memory.
    NotKept,
    /// Its tombstone is being written.
    Forgetting,
    /// It is not ours to go on with.
    Foreign,
}

/// A task whose report has been denied for so long beats no more: its workflow must be able to time out.
const DENIED_LEASE: Duration = Duration::from_secs(3600);

/// The rank of reports that the service rejected: behind all others.
pub const RANK_HELD: u8 = 8;

/// The least tried goes first, so that one that fails by its own fault can't starve the rest.
fn rank(failures: u32) -> u8 {
    failures.min(u32::from(RANK_HELD) - 1) as u8
}

/// One task.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The task.
    pub id: TaskId,
    /// Its activity, where it is configured.
    pub activity: Option<usize>,
    /// How far it has come.
    pub stage: Stage,
    /// Whether the app settles it.
    pub deferred: bool,
    /// It was handed over for another origin or user.
    pub foreign: bool,
    /// Repetitions of its handler.
    pub runs: u8,
    /// When its handler was last to be started.
    pub began: Option<Time>,
    /// Its heartbeats.
    pub beat: Beat,
    /// Its report.
    pub report: Report,
    /// Its handler was told to end.
    pub cancelled: Option<Cancelled>,
    /// The worker's own failure is the outcome, in place of theirs.
    pub own: Option<OwnFailure>,
    /// Where its outcome lies.
    pub outcome: Kept,
    /// When the outcome is to be put on stable storage once more, since the disk refused.
    pub keep_again: Option<Time>,
    /// When its handler is to be started once more, since its input could not be read; or what an earlier process left running is
    /// to be ended once more.
    pub try_again: Option<Time>,
    /// How often the disk, or an old run, has refused.
    pub refusals: u32,
}

/// The heartbeats of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// The time between two; `None`: it has none.
    pub interval: Option<Duration>,
    /// When the next one is due.
    pub due: Time,
    /// Those that went to probe a dead link, and failed, since one was taken.
    pub failures: u32,
    /// One is under way.
    pub in_flight: bool,
    /// Why there are no more.
    pub stopped: Option<BeatsStopped>,
    /// The end of a deferred task's lease.
    pub lease_until: Time,
    /// A denied one was told of.
    pub denied_told: bool,
}

/// The report of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// When the next try is due.
    pub due: Time,
    /// Failed tries since something last changed.
    pub failures: u32,
    /// One is under way.
    pub in_flight: bool,
    /// One may have taken effect without our knowing.
    pub maybe_taken: bool,
    /// The service rejected it: kept, tried slowly.
    pub held: bool,
    /// Since when it is not allowed.
    pub denied_since: Option<Time>,
}

impl Slot {
    /// A task that has just come.
    pub fn new(id: TaskId, activity: Option<usize>, stage: Stage, now: Time) -> Self {
        Slot {
            id,
            activity,
            stage,
            deferred: false,
            foreign: false,
            runs: 0,
            began: None,
            beat: Beat {
                interval: None,
                due: now,
                failures: 0,
                in_flight: false,
                stopped: None,
                lease_until: now,
                denied_told: false,
            },
            report: Report {
                due: now,
                failures: 0,
                in_flight: false,
                maybe_taken: false,
                held: false,
                denied_since: None,
            },
            cancelled: None,
            own: None,
            outcome: Kept::No,
            keep_again: None,
            try_again: None,
            refusals: 0,
        }
    }

    /// An outcome of it waits to be taken by the service.
    pub fn waits(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::NotKept)
    }

    /// Since when its handler runs, if it does.
    pub fn runs_since(&self) -> Option<Time> {
        self.began.filter(|_| self.stage == Stage::Running && self.try_again.is_none())
    }

    /// The service does not allow its report.
    pub fn is_denied(&self) -> bool {
        self.report.denied_since.is_some()
    }

    /// It is open, or waits to be reported, and beats no more: its workflow may give it up.
    pub fn is_silent(&self) -> bool {
        let on_its_way =
            self.waits() || matches!(self.stage, Stage::Reclaiming | Stage::Deferred | Stage::Running);
        on_its_way && self.beat.stopped.is_some()
    }

    /// It uses up one of its activity's places.
    pub fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Waiting | Stage::NotKept | Stage::Forgetting | Stage::Foreign)
    }

    /// It is due heartbeats.
    pub fn beats(&self) -> bool {
        self.beat.interval.is_some()
            && self.beat.stopped.is_none()
            && match self.stage {
                Stage::Accepting | Stage::NotKept | Stage::Forgetting | Stage::Foreign => false,
                Stage::Running => self.cancelled != Some(Cancelled::TimedOut),
                Stage::Ended | Stage::Waiting if planted("beats-end-with-the-handler") => false,
                Stage::Waiting => !self.report.held,
                Stage::Reclaiming | Stage::Counting | Stage::Deferred | Stage::Ended => true,
            }
    }

    /// When what was refused is to be tried once more.
    pub fn again_at(&self) -> Option<Time> {
        self.keep_again.into_iter().chain(self.try_again).min()
    }

    /// When, and why, its heartbeats end by themselves.
    pub fn expires(&self) -> Option<(Time, BeatsStopped)> {
        if !self.beats() {
            return None;
        }
        match (self.stage, self.report.denied_since) {
            (Stage::Deferred, _) => Some((self.beat.lease_until, BeatsStopped::Lease)),
            (Stage::Waiting, Some(since)) => Some((since + DENIED_LEASE, BeatsStopped::Denied)),
            _ => None,
        }
    }

    /// When its next heartbeat is due, and its rank, unless one is under way.
    pub fn beat_due(&self) -> Option<(u8, Time)> {
        // A report may take longer than the service waits for a heartbeat: it holds up none.
        let waits = self.report.in_flight && planted("beat-waits-for-its-report");
        (self.beats() && !self.beat.in_flight && !waits).then(|| (rank(self.beat.failures), self.beat.due))
    }

    /// When its next report is due, and its rank, unless one is under way.
    pub fn report_due(&self) -> Option<(u8, Time)> {
        let early = self.stage == Stage::Ended && planted("outcome-sent-before-it-is-kept");
        ((self.waits() || early) && !self.report.in_flight).then(|| (self.report_rank(), self.report.due))
    }

    /// The service takes no report of it, or no heartbeat.
    pub fn is_refused(&self) -> bool {
        match self.stage {
            Stage::Foreign | Stage::Forgetting => false,
            _ if self.waits() => self.report.held || self.is_denied(),
            _ => !self.report.held && self.beat.denied_told,
        }
    }

    /// Which reports go before which: the least tried first, and those last that the service rejected.
    pub fn report_rank(&self) -> u8 {
        if self.report.held { RANK_HELD } else { rank(self.report.failures) }
    }

    /// The settlement, when the service says that the task is over.
    pub fn settlement_when_over(&self) -> Settlement {
        if planted("too-late-is-delivered") {
            return Settlement::Delivered;
        }
        if self.report.maybe_taken { Settlement::Unknown } else { Settlement::TooLate }
    }

    /// The disk has refused the task, or its outcome, and has not taken it since. A task that is held is none of the disk's trouble
    /// any more: it may be held for months.
    pub fn troubles_the_disk(&self) -> bool {
        !self.report.held
            && (self.stage == Stage::NotKept || (self.stage == Stage::Waiting && self.outcome != Kept::Yes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(n: u8) -> Slot {
        Slot::new(TaskId::from_bytes([n; 16]), None, Stage::Accepting, Time::ZERO)
    }

    #[test]
    fn what_follows_from_the_stage_of_a_task() {
        // Whether a result waits, a place of the activity is taken, it beats, its silence matters, and the disk has refused it.
        let all = [
            (Stage::Accepting, [false, true, false, false, false]),
            (Stage::Reclaiming, [false, true, true, true, false]),
            (Stage::Counting, [false, true, true, false, false]),
            (Stage::Running, [false, true, true, true, false]),
            (Stage::Deferred, [false, true, true, true, false]),
            (Stage::Ended, [false, true, true, false, false]),
            (Stage::Waiting, [true, false, true, true, true]),
            (Stage::NotKept, [true, false, false, true, true]),
            (Stage::Forgetting, [false, false, false, false, false]),
            (Stage::Foreign, [false, false, false, false, false]),
        ];
        for (stage, follows) in all {
            let mut slot = Slot { stage, ..slot(1) };
            assert!(!slot.beats() && !slot.is_silent(), "{stage:?}: it has no heartbeats");
            slot.beat.interval = Some(Duration::from_secs(30));
            let beats = slot.beats();
            slot.beat.stopped = Some(BeatsStopped::Lease);
            assert!(!slot.beats(), "{stage:?}");
            let is = [slot.waits(), slot.is_open(), beats, slot.is_silent(), slot.troubles_the_disk()];
            assert_eq!(is, follows, "{stage:?}");
            slot.report.held = true;
            assert!(!slot.troubles_the_disk(), "{stage:?}: held, it is none of the disk's trouble");
        }
        let kept = Slot { stage: Stage::Waiting, outcome: Kept::Yes, ..slot(1) };
        assert!(!kept.troubles_the_disk());
    }

    #[test]
    fn p4_a_task_beats_until_its_end_is_known_or_it_is_held() {
        let beats = |stage, cancelled, held| {
            let mut slot = Slot { stage, cancelled, ..slot(1) };
            slot.beat.interval = Some(Duration::from_secs(30));
            slot.report.held = held;
            slot.beats()
        };
        assert!(
            beats(Stage::Running, None, false) && beats(Stage::Running, Some(Cancelled::Stopping), false)
        );
        assert!(!beats(Stage::Running, Some(Cancelled::TimedOut), false));
        assert!(beats(Stage::Waiting, None, false) && !beats(Stage::Waiting, None, true));
    }

    #[test]
    fn a_handler_runs_from_its_start_on_unless_it_is_to_be_started_again() {
        let since = |stage, began, try_again| Slot { stage, began, try_again, ..slot(1) }.runs_since();
        let at = Some(Duration::from_secs(7));
        assert_eq!(since(Stage::Running, at, None), at);
        assert_eq!(since(Stage::Running, None, None), None);
        assert_eq!(since(Stage::Running, at, at), None, "its input could not be read");
        assert_eq!(since(Stage::Ended, at, None), None);
    }

    #[test]
    fn a_task_is_denied_while_its_report_is() {
        let mut slot = slot(1);
        assert!(!slot.is_denied());
        slot.report.denied_since = Some(Time::ZERO);
        assert!(slot.is_denied());
    }
}
