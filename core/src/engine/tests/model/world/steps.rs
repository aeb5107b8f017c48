//! Everything that can happen, and what the decider is told of it.

use super::*;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) enum Step {
    /// Time passes for the decider.
    Later(usize),
    HandOut,
    HandOutLost,
    NothingToHandOut,
    TaskKept(bool),
    /// The handler ends, or the app answers.
    Answer,
    /// The handler could not be started.
    NotStarted,
    OutcomeKept(Kept),
    BeatAnswered,
    BeatLost,
    BeatRejected,
    /// The report reaches the service, which takes it or says that the task is over.
    ReportReaches,
    ReportAnswered,
    /// Before the service or after it.
    ReportLost,
    ReportRejected,
    Forgotten,
    /// The old run ends, by itself or because it was told to.
    OldRunEnds,
    Reclaimed(bool),
    RunCounted(bool),
    ServiceTimesOut,
    /// A report of a process that is gone reaches the service.
    StrayReaches,
    Stop(Stop),
    /// `written`: of what was being written, whether it is found. `outlives`: whether the handler does.
    Crash {
        written: bool,
        outlives: bool,
    },
    StartAgain,
}

impl Step {
    /// Nothing has to bring it about.
    pub(in super::super) fn is_fault(self) -> bool {
        match self {
            Step::HandOutLost
            | Step::BeatLost
            | Step::BeatRejected
            | Step::ReportLost
            | Step::ReportRejected
            | Step::NotStarted => true,
            Step::TaskKept(kept) => !kept,
            Step::OutcomeKept(kept) => kept != Kept::Yes,
            Step::Reclaimed(done) | Step::RunCounted(done) => !done,
            Step::ServiceTimesOut | Step::StrayReaches | Step::Stop(_) | Step::Crash { .. } => true,
            Step::Later(_) | Step::HandOut | Step::NothingToHandOut | Step::Answer | Step::BeatAnswered => {
                false
            }
            Step::ReportReaches
            | Step::ReportAnswered
            | Step::Forgotten
            | Step::OldRunEnds
            | Step::StartAgain => false,
        }
    }
}

impl World {
    /// Everything that can happen now.
    pub(in super::super) fn steps(&self, stage: Option<Stage>, steps: &mut Vec<Step>) {
        let Faults { crashes, lost, refused, stops } = self.left;
        let now = self.stop == Some(Stop::Now);
        // A stop at once ends every call without an answer.
        let lost = if now { 1 } else { lost };
        let mut can = |step: Step, when: bool| {
            if when {
                steps.push(step);
            }
        };
        let Asked { poll, keep_task, keep_outcome, beat, report, forget, reclaim, count } = self.asked;
        let handed = self.service == Service::Queued;
        can(Step::HandOut, poll && handed);
        can(Step::HandOutLost, poll && handed && lost > 0);
        can(Step::NothingToHandOut, poll);
        can(Step::TaskKept(true), keep_task);
        can(Step::TaskKept(false), keep_task && refused > 0);
        can(Step::Answer, self.handler || (self.rules.deferred && stage == Some(Stage::Deferred)));
        can(Step::NotStarted, self.handler && refused > 0);
        can(Step::OutcomeKept(Kept::Yes), keep_outcome);
        can(Step::OutcomeKept(Kept::No), keep_outcome && refused > 0);
        can(Step::OutcomeKept(Kept::Unknown), keep_outcome && refused > 0);
        can(Step::BeatAnswered, beat);
        can(Step::BeatLost, beat && lost > 0);
        can(Step::BeatRejected, beat && refused > 0);
        can(Step::ReportReaches, report == Some(Report::OnItsWay));
        can(Step::ReportAnswered, matches!(report, Some(Report::There { .. })));
        can(Step::ReportLost, report.is_some() && lost > 0);
        can(Step::ReportRejected, report == Some(Report::OnItsWay) && refused > 0);
        // One thread does what the disk is asked for, in the order of asking.
        can(Step::Forgotten, forget.is_some() && !keep_outcome);
        can(Step::OldRunEnds, self.old_run);
        can(Step::Reclaimed(true), reclaim && !self.old_run);
        can(Step::Reclaimed(false), reclaim && refused > 0);
        can(Step::RunCounted(true), count);
        can(Step::RunCounted(false), count && refused > 0);
        can(Step::ServiceTimesOut, self.service == Service::Open);
        can(Step::StrayReaches, self.stray);
        can(Step::Stop(Stop::Drain), stops > 0 && self.stop.is_none());
        can(Step::Stop(Stop::Now), stops > 0 && !now);
        let writing = keep_task || keep_outcome || forget.is_some() || self.file == File::TaskOrOutcome;
        for (written, outlives) in [(true, false), (true, true), (false, false), (false, true)] {
            let differs = (written || writing) && (!outlives || self.handler);
            can(Step::Crash { written, outlives }, crashes > 0 && differs);
        }
        // A handler that does not end keeps nobody from stopping at once.
        can(Step::StartAgain, self.stopped || (now && self.handler));
    }

    /// What the decider is told of it.
    pub(in super::super) fn take(&mut self, step: Step) -> Vec<Input> {
        let (id, activity, took) = (task(), 0, Duration::from_secs(60));
        let lost = CallFailure { class: ErrorClass::Network, maybe_taken: true, retry_after: None };
        match step {
            Step::HandOutLost | Step::BeatLost | Step::ReportLost if self.stop == Some(Stop::Now) => {}
            Step::HandOutLost | Step::BeatLost | Step::ReportLost => self.left.lost -= 1,
            Step::Stop(_) => self.left.stops -= 1,
            other if other.is_fault() && !matches!(other, Step::ServiceTimesOut | Step::StrayReaches) => {
                self.left.refused -= 1
            }
            _ => {}
        }
        match step {
            Step::HandOut => {
                (self.service, self.asked.poll) = (Service::Open, false);
                vec![Input::PollEnded { activity, answer: PollAnswer::Task(id), took }]
            }
            Step::HandOutLost => {
                (self.service, self.asked.poll) = (Service::Open, false);
                vec![Input::PollEnded { activity, answer: PollAnswer::Failed(lost), took }]
            }
            Step::NothingToHandOut => {
                self.asked.poll = false;
                vec![Input::PollEnded { activity, answer: PollAnswer::Empty, took }]
            }
            Step::TaskKept(kept) => {
                self.asked.keep_task = false;
                self.in_memory = !kept;
                if kept {
                    self.file = File::Task;
                }
                vec![if kept { Input::TaskKept { id } } else { Input::TaskNotKept { id } }]
            }
            Step::Answer => {
                self.handler = false;
                vec![Input::OutcomeReady { id, success: true }]
            }
            Step::NotStarted => {
                self.handler = false;
                vec![Input::NotStarted { id }]
            }
            Step::OutcomeKept(kept) => {
                self.asked.keep_outcome = false;
                self.in_memory = kept != Kept::Yes;
                self.told_kept |= kept == Kept::Yes;
                self.file = match kept {
                    Kept::Yes => File::Outcome,
                    Kept::Unknown => File::TaskOrOutcome,
                    Kept::No => self.file,
                };
                vec![Input::OutcomeKept { id, kept }]
            }
            Step::BeatAnswered => {
                self.asked.beat = false;
                let over = self.service != Service::Open;
                self.heard |= over && !self.report_begun;
                self.beats_done |= over;
                call_ended(Call::Beat, if over { failed(ErrorClass::Settled, false) } else { Ok(()) })
            }
            Step::BeatLost => {
                self.asked.beat = false;
                call_ended(Call::Beat, Err(lost))
            }
            Step::BeatRejected => {
                (self.asked.beat, self.beats_done) = (false, true);
                call_ended(Call::Beat, failed(ErrorClass::Held, false))
            }
            Step::ReportReaches => {
                self.asked.report = Some(Report::There { taken: self.reaches() });
                Vec::new()
            }
            Step::ReportAnswered => {
                self.heard = true;
                let taken = self.asked.report.take() == Some(Report::There { taken: true });
                call_ended(Call::Report, if taken { Ok(()) } else { failed(ErrorClass::Settled, false) })
            }
            Step::ReportLost => {
                self.asked.report = None;
                call_ended(Call::Report, Err(lost))
            }
            Step::ReportRejected => {
                (self.asked.report, self.beats_done) = (None, true);
                call_ended(Call::Report, failed(ErrorClass::Held, false))
            }
            Step::Forgotten => {
                (self.asked.forget, self.file, self.in_memory) = (None, File::None, false);
                vec![Input::Forgotten { id }, Input::Room { tasks: 1 }]
            }
            Step::OldRunEnds => {
                self.old_run = false;
                Vec::new()
            }
            Step::Reclaimed(done) => {
                self.asked.reclaim = false;
                vec![if done { Input::Reclaimed { id } } else { Input::NotReclaimed { id } }]
            }
            Step::RunCounted(done) => {
                self.asked.count = false;
                self.runs += u8::from(done);
                vec![Input::RunCounted { id, runs: done.then_some(self.runs) }]
            }
            Step::ServiceTimesOut => {
                self.service = Service::TimedOut;
                Vec::new()
            }
            Step::StrayReaches => {
                self.stray = false;
                self.reaches();
                Vec::new()
            }
            Step::Stop(how) => {
                self.stop = Some(how);
                vec![Input::Stop(how)]
            }
            Step::Later(_) | Step::Crash { .. } | Step::StartAgain => Vec::new(),
        }
    }
}

fn call_ended(call: Call, answer: Result<(), CallFailure>) -> Vec<Input> {
    vec![Input::CallEnded { id: task(), call, answer, took: Duration::from_millis(100) }]
}
