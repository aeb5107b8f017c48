//! What is not ours: the service, the disk, the network, the handlers, the power; and the promises, watched at every step.

mod steps;

pub(super) use steps::Step;

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
    /// The service refused a beat or the report, or said to a beat that the task is over: this process need not beat any more.
    beats_done: bool,
    stop: Option<Stop>,
    stopped: bool,
    left: Faults,
    pub(super) broken: Option<Promise>,
}

fn task() -> TaskId {
    id(1)
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
            beats_done: false,
            stop: None,
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
                self.expect(P5, self.stop.is_none());
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
            Action::DropCalls => self.expect(P5, self.stop == Some(Stop::Now)),
            Action::Notify(Notice::Stopped) => {
                self.expect(P5, self.stop == Some(Stop::Now) || (!asked.poll && self.stop.is_some()));
                self.stopped = true;
            }
            Action::Cancel { .. } | Action::Refuse { .. } | Action::CloseConnections | Action::Notify(_) => {}
            // Whoever decides is told at once.
            Action::LookAtRoom => {}
        }
    }

    /// What must hold between any two steps.
    pub(super) fn watch(&mut self, decider: &impl Decider) {
        self.expect(Promise::P1, !self.told_kept || self.file == File::Outcome || self.heard);
        // A process that is at its end beats no more; the next one does.
        if self.stop == Some(Stop::Now) || self.stopped {
            return;
        }
        // A report under way says nothing to the service before all of it is there: beats go on beside it.
        let open = self.file != File::None && !self.asked.keep_task && !self.heard && !self.beats_done;
        self.expect(Promise::P4, !open || self.asked.beat || decider.beats());
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
        self.beats_done = false;
        self.stray |= asked.report == Some(Report::OnItsWay);
        self.old_run |= self.handler && outlives;
        (self.handler, self.in_memory, self.stop, self.stopped) = (false, false, None, false);
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
