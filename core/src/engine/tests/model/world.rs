//! What is not ours: the service, the disk, the network, the handlers, the power; and the promises, watched at every step.

use super::*;

/// Of what may go wrong: how often it does, in one history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// The process ends, with or without the power.
    pub(super) crashes: u8,
    /// An answer does not reach us, or a call does not reach the service.
    pub(super) lost: u8,
    /// The disk, the service or an old run refuses.
    pub(super) refused: u8,
    /// The worker is told to stop.
    pub(super) stops: u8,
}

/// One promise of the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Promise {
    P1,
    P2,
    P3,
    P4,
    P5,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Time passes for the decider.
    Later(usize),
    HandOut,
    HandOutLost,
    NothingToHandOut,
    TaskKept(bool),
    /// The handler ends, or the app answers.
    Answer,
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
    Drain,
    /// `written`: of what was being written, whether it is found. `outlives`: whether the handler does.
    Crash {
        written: bool,
        outlives: bool,
    },
    StartAgain,
}

impl Step {
    /// Nothing has to bring it about.
    pub(super) fn is_fault(self) -> bool {
        match self {
            Step::HandOutLost
            | Step::BeatLost
            | Step::BeatRejected
            | Step::ReportLost
            | Step::ReportRejected => true,
            Step::TaskKept(kept) => !kept,
            Step::OutcomeKept(kept) => kept != Kept::Yes,
            Step::Reclaimed(done) | Step::RunCounted(done) => !done,
            Step::ServiceTimesOut | Step::StrayReaches | Step::Drain | Step::Crash { .. } => true,
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

/// The task, as the service sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Service {
    Queued,
    Open,
    /// It took a result.
    Taken,
    TimedOut,
}

/// The task's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum File {
    None,
    Task,
    Outcome,
    /// The rename is done, the folder's sync failed: after a crash it is one or the other.
    TaskOrOutcome,
}

/// What was asked for and is not answered yet. It ends with its process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Asked {
    poll: bool,
    keep_task: bool,
    keep_outcome: bool,
    beat: bool,
    report: Option<Report>,
    forget: Option<Settlement>,
    reclaim: bool,
    count: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Report {
    OnItsWay,
    /// And what the service answered: it took it, or the task is over.
    There {
        taken: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    rules: Rules,
    service: Service,
    file: File,
    runs: u8,
    asked: Asked,
    /// The handler runs, in this process; and in an earlier one.
    handler: bool,
    old_run: bool,
    /// A report of an earlier process is still under way.
    stray: bool,
    /// The handler, or the app, was told that its outcome is kept.
    told_kept: bool,
    /// The disk refused the task, or its outcome: the report goes from memory.
    in_memory: bool,
    /// A report was begun, be it by an earlier process; none is known if the disk forgot the outcome that it sent.
    report_begun: bool,
    forgot_report: bool,
    /// The service's word that it took our result, or that the task is over.
    heard: bool,
    draining: bool,
    stopped: bool,
    left: Faults,
    pub(super) broken: Option<Promise>,
}

fn task() -> TaskId {
    id(1)
}

fn call_ended(call: Call, answer: Result<(), CallFailure>) -> Vec<Event> {
    vec![Event::CallEnded { id: task(), call, answer, took: Duration::from_millis(100) }]
}

impl World {
    pub(super) fn new(rules: Rules) -> Self {
        World {
            rules,
            service: Service::Queued,
            file: File::None,
            runs: 0,
            asked: Asked::default(),
            handler: false,
            old_run: false,
            stray: false,
            told_kept: false,
            in_memory: false,
            report_begun: false,
            forgot_report: false,
            heard: false,
            draining: false,
            stopped: false,
            left: rules.faults,
            broken: None,
        }
    }

    fn expect(&mut self, promise: Promise, holds: bool) {
        if !holds {
            self.broken.get_or_insert(promise);
        }
    }

    /// The decider asks for something: here the promises about the order are watched.
    pub(super) fn ask(&mut self, action: Action) {
        use Promise::*;
        let asked = self.asked.clone();
        match action {
            Action::Poll { .. } => {
                self.expect(
                    P2,
                    !asked.poll && self.file == File::None && !asked.keep_task && !self.in_memory,
                );
                self.expect(P5, !self.draining);
                self.asked.poll = true;
            }
            Action::KeepTask { .. } => self.asked.keep_task = true,
            Action::Run { .. } => {
                self.expect(P2, self.file == File::Task && !asked.keep_task);
                self.expect(P3, !self.handler && !self.old_run);
                self.handler = true;
            }
            Action::KeepOutcome { .. } => {
                self.expect(P3, !self.old_run);
                self.asked.keep_outcome = true;
            }
            Action::Call { call: Call::Beat, .. } => {
                self.expect(P4, !asked.beat && self.file != File::None && asked.forget.is_none());
                self.asked.beat = true;
            }
            Action::Call { call: Call::Report, .. } => {
                self.expect(P1, self.file == File::Outcome || self.in_memory);
                self.expect(P1, asked.report.is_none() && asked.forget.is_none());
                self.asked.report = Some(Report::OnItsWay);
                self.report_begun = true;
            }
            Action::Forget { settlement, .. } => {
                self.expect(P1, self.heard && asked.forget.is_none());
                let ours = self.service == Service::Taken && !self.forgot_report;
                self.expect(P1, settlement != Settlement::TooLate || !ours);
                self.expect(P1, settlement != Settlement::Delivered || self.service == Service::Taken);
                self.asked.forget = Some(settlement);
            }
            Action::Reclaim { .. } => self.asked.reclaim = true,
            Action::CountRun { .. } => self.asked.count = true,
            // Only `stop(Now)` may, and nobody asks for that here.
            Action::DropCalls => self.expect(P5, false),
            Action::Notify(Notice::Stopped) => {
                self.expect(P5, !asked.poll && self.draining);
                self.stopped = true;
            }
            Action::Cancel { .. } | Action::Refuse { .. } | Action::CloseConnections | Action::Notify(_) => {}
        }
    }

    /// What must hold between any two steps.
    pub(super) fn watch(&mut self, decider: &impl Decider) {
        self.expect(Promise::P1, !self.told_kept || self.file == File::Outcome || self.heard);
        let open = self.file != File::None && !self.asked.keep_task && !self.report_begun && !self.heard;
        self.expect(Promise::P4, !open || self.asked.beat || self.rejects_beats() || decider.beats());
    }

    /// A beat was rejected, so there are no more.
    fn rejects_beats(&self) -> bool {
        self.left.refused < self.rules.faults.refused
    }

    /// Nothing is left to do for this task: it is over, or was never ours.
    pub(super) fn is_over(&self) -> bool {
        let Asked { keep_task, report, forget, .. } = &self.asked;
        self.file == File::None
            && self.service != Service::Queued
            && !keep_task
            && report.is_none()
            && forget.is_none()
            && !self.in_memory
    }

    /// Everything that can happen now.
    pub(super) fn steps(&self, stage: Option<Stage>, steps: &mut Vec<Step>) {
        let Faults { crashes, lost, refused, stops } = self.left;
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
        can(Step::Drain, stops > 0 && !self.draining);
        let writing = keep_task || keep_outcome || forget.is_some() || self.file == File::TaskOrOutcome;
        for (written, outlives) in [(true, false), (true, true), (false, false), (false, true)] {
            let differs = (written || writing) && (!outlives || self.handler);
            can(Step::Crash { written, outlives }, crashes > 0 && differs);
        }
        can(Step::StartAgain, self.stopped);
    }

    /// What the decider is told of it.
    pub(super) fn take(&mut self, step: Step) -> Vec<Event> {
        let (id, activity, took) = (task(), 0, Duration::from_secs(60));
        let lost = CallFailure { class: Class::Network, maybe_taken: true, retry_after: None };
        match step {
            Step::HandOutLost | Step::BeatLost | Step::ReportLost => self.left.lost -= 1,
            Step::Drain => self.left.stops -= 1,
            other if other.is_fault() && !matches!(other, Step::ServiceTimesOut | Step::StrayReaches) => {
                self.left.refused -= 1
            }
            _ => {}
        }
        match step {
            Step::HandOut => {
                (self.service, self.asked.poll) = (Service::Open, false);
                vec![Event::PollEnded { activity, answer: PollAnswer::Task(id), took }]
            }
            Step::HandOutLost => {
                (self.service, self.asked.poll) = (Service::Open, false);
                vec![Event::PollEnded { activity, answer: PollAnswer::Failed(lost), took }]
            }
            Step::NothingToHandOut => {
                self.asked.poll = false;
                vec![Event::PollEnded { activity, answer: PollAnswer::Empty, took }]
            }
            Step::TaskKept(kept) => {
                self.asked.keep_task = false;
                self.in_memory = !kept;
                if kept {
                    self.file = File::Task;
                }
                vec![if kept { Event::TaskKept { id } } else { Event::TaskNotKept { id } }]
            }
            Step::Answer => {
                self.handler = false;
                vec![Event::OutcomeReady { id, success: true }]
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
                vec![Event::OutcomeKept { id, kept }]
            }
            Step::BeatAnswered => {
                self.asked.beat = false;
                let over = self.service != Service::Open;
                self.heard |= over && !self.report_begun;
                call_ended(Call::Beat, if over { failed(Class::Settled, false) } else { Ok(()) })
            }
            Step::BeatLost => {
                self.asked.beat = false;
                call_ended(Call::Beat, Err(lost))
            }
            Step::BeatRejected => {
                self.asked.beat = false;
                call_ended(Call::Beat, failed(Class::Held, false))
            }
            Step::ReportReaches => {
                self.asked.report = Some(Report::There { taken: self.reaches() });
                Vec::new()
            }
            Step::ReportAnswered => {
                self.heard = true;
                let taken = self.asked.report.take() == Some(Report::There { taken: true });
                call_ended(Call::Report, if taken { Ok(()) } else { failed(Class::Settled, false) })
            }
            Step::ReportLost => {
                self.asked.report = None;
                call_ended(Call::Report, Err(lost))
            }
            Step::ReportRejected => {
                self.asked.report = None;
                call_ended(Call::Report, failed(Class::Held, false))
            }
            Step::Forgotten => {
                (self.asked.forget, self.file, self.in_memory) = (None, File::None, false);
                vec![Event::Forgotten { id }, Event::Room { tasks: 1 }]
            }
            Step::OldRunEnds => {
                self.old_run = false;
                Vec::new()
            }
            Step::Reclaimed(done) => {
                self.asked.reclaim = false;
                vec![if done { Event::Reclaimed { id } } else { Event::NotReclaimed { id } }]
            }
            Step::RunCounted(done) => {
                self.asked.count = false;
                self.runs += u8::from(done);
                vec![Event::RunCounted { id, runs: done.then_some(self.runs) }]
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
            Step::Drain => {
                self.draining = true;
                vec![Event::Stop(Stop::Drain)]
            }
            Step::Later(_) | Step::Crash { .. } | Step::StartAgain => Vec::new(),
        }
    }

    /// A report is at the service. Whether it takes it.
    fn reaches(&mut self) -> bool {
        let taken = self.service == Service::Open;
        if taken {
            self.service = Service::Taken;
        }
        taken
    }

    /// The process ends, and another one starts. What it finds.
    pub(super) fn restart(&mut self, step: Step) -> Option<FoundState> {
        let (written, outlives) = match step {
            Step::Crash { written, outlives } => {
                self.left.crashes -= 1;
                (written, outlives)
            }
            _ => (false, self.handler),
        };
        let asked = std::mem::take(&mut self.asked);
        self.stray |= asked.report == Some(Report::OnItsWay);
        self.old_run |= self.handler && outlives;
        (self.handler, self.in_memory, self.draining, self.stopped) = (false, false, false, false);
        self.file = match self.file {
            File::None if asked.keep_task && written => File::Task,
            File::TaskOrOutcome if written => File::Outcome,
            File::TaskOrOutcome => File::Task,
            File::Task if asked.keep_outcome && written => File::Outcome,
            _ if asked.forget.is_some() && written => File::None,
            file => file,
        };
        if self.file == File::Task && self.report_begun {
            // The disk had refused the outcome, and the memory of its report went with the process.
            (self.report_begun, self.forgot_report) = (false, true);
        }
        if self.file != File::None {
            // Whatever was heard went with the process too.
            self.heard = false;
        }
        match self.file {
            File::None => None,
            File::Task if self.rules.deferred => Some(FoundState::Deferred),
            File::Task | File::TaskOrOutcome => Some(FoundState::Begun { runs: self.runs }),
            File::Outcome => Some(FoundState::Outcome),
        }
    }
}
