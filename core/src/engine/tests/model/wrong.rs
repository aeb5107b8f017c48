//! Deciders with one deliberate mistake.

use super::*;

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mistake {
    /// The outcome counts as kept before the disk has answered.
    ReportBeforeKept,
    /// The file goes when the report is sent, not when it is answered.
    ForgetBeforeAnswer,
    /// A heartbeat's word that the task is over settles it even after a report was begun.
    BeatSettles,
    /// The task counts as accepted before the disk has answered.
    RunBeforeAccepted,
    /// The next task is asked for while this one takes the only place.
    PollWithoutRoom,
    /// The old run counts as ended before it has.
    RepeatBesideOldRun,
    /// A heartbeat whose answer was lost is the last one.
    NoBeatAfterFailure,
    /// Heartbeats end with the first report, be it answered or not.
    NoBeatBetweenReports,
    /// Heartbeats wait for the end of a report that is under way.
    NoBeatBesideReport,
    /// A drain gives up the poll that is out.
    DrainDropsPoll,
}

/// Each mistake, and the promise that it breaks.
pub(super) const MISTAKES: [(Mistake, &str); 10] = [
    (Mistake::ReportBeforeKept, "P1"),
    (Mistake::ForgetBeforeAnswer, "P1"),
    (Mistake::BeatSettles, "P1"),
    (Mistake::RunBeforeAccepted, "P2"),
    (Mistake::PollWithoutRoom, "P2"),
    (Mistake::RepeatBesideOldRun, "P3"),
    (Mistake::NoBeatAfterFailure, "P4"),
    (Mistake::NoBeatBetweenReports, "P4"),
    (Mistake::NoBeatBesideReport, "P4"),
    (Mistake::DrainDropsPoll, "P5"),
];

/// A decider, and what it does beyond or instead of what it should.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wrong<D> {
    right: D,
    mistake: Option<Mistake>,
    more: Vec<Action>,
    reported: bool,
    reporting: bool,
}

impl<D: Decider> Decider for Wrong<D> {
    fn start(rules: &Rules, found: Option<FoundState>) -> Self {
        let right = D::start(rules, found);
        Wrong { right, mistake: rules.mistake, more: Vec::new(), reported: false, reporting: false }
    }

    fn apply(&mut self, input: Input) {
        self.reporting &= !matches!(input, Input::CallEnded { call: Call::Report, .. });
        match (self.mistake, &input) {
            (
                Some(Mistake::BeatSettles),
                Input::CallEnded { id, call: Call::Beat, answer: Err(failure), .. },
            ) if failure.class == ErrorClass::Settled && self.stage() == Some(Stage::Waiting) => {
                self.more.push(Action::Forget { id: *id, settlement: Settlement::TooLate });
            }
            (
                Some(Mistake::NoBeatAfterFailure),
                Input::CallEnded { call: Call::Beat, answer: Err(failure), .. },
            ) if failure.class == ErrorClass::Network => {
                return;
            }
            (Some(Mistake::PollWithoutRoom), Input::TaskKept { .. }) => {
                self.more.push(Action::Poll { activity: 0 })
            }
            (Some(Mistake::DrainDropsPoll), Input::Stop(Stop::Drain)) => self.more.push(Action::DropCalls),
            _ => {}
        }
        self.right.apply(input);
    }

    fn at_once(&mut self) -> Option<Action> {
        if let Some(action) = self.more.pop() {
            return Some(action);
        }
        let action = self.right.at_once()?;
        self.reporting |= matches!(action, Action::Call { call: Call::Report, .. });
        self.reported |= self.reporting;
        let early = match (self.mistake, action) {
            (Some(Mistake::ReportBeforeKept), Action::KeepOutcome { id, .. }) => {
                Input::OutcomeKept { id, kept: Kept::Yes }
            }
            (Some(Mistake::RunBeforeAccepted), Action::KeepTask { id }) => Input::TaskKept { id },
            (Some(Mistake::RepeatBesideOldRun), Action::Reclaim { id }) => Input::Reclaimed { id },
            (Some(Mistake::ForgetBeforeAnswer), Action::Call { id, call: Call::Report }) => {
                self.more.push(Action::Forget { id, settlement: Settlement::Delivered });
                return Some(action);
            }
            _ => return Some(action),
        };
        self.right.apply(early);
        Some(action)
    }

    fn later(&self) -> Vec<Self> {
        self.right.later().into_iter().map(|right| Wrong { right, ..self.clone() }).collect()
    }

    fn stage(&self) -> Option<Stage> {
        self.right.stage()
    }

    fn beats(&self) -> bool {
        let silent = self.mistake == Some(Mistake::NoBeatBetweenReports) && self.reported;
        let waits = self.mistake == Some(Mistake::NoBeatBesideReport) && self.reporting;
        self.right.beats() && !silent && !waits
    }
}
