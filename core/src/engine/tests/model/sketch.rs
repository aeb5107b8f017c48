//! The order of steps in its smallest form: no times, no lanes, no back-off. What a stage allows may be asked for at any time, or
//! never.

use super::*;

/// One task's stage, and what must be remembered beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Sketch {
    rules: Rules,
    stage: Option<Stage>,
    polling: bool,
    beating: bool,
    reporting: bool,
    no_more_beats: bool,
    maybe_taken: bool,
    over: bool,
    on_disk: bool,
    runs: u8,
    stop: Option<Stop>,
    stopped: bool,
    ask: Vec<Action>,
}

impl Sketch {
    fn go(&mut self, stage: Stage, ask: Action) {
        self.stage = Some(stage);
        self.ask.push(ask);
    }

    fn keep(&mut self, which: Which) {
        self.go(Stage::Ended, Action::KeepOutcome { id: id(1), which });
    }

    fn run(&mut self) {
        self.go(Stage::Running, Action::Run { id: id(1), run: self.runs + 1 });
    }

    fn forget(&mut self, settlement: Settlement) {
        self.go(Stage::Forgetting, Action::Forget { id: id(1), settlement });
    }

    fn when_over(&self) -> Settlement {
        if self.maybe_taken { Settlement::Unknown } else { Settlement::TooLate }
    }

    fn may_beat(&self) -> bool {
        !self.beating
            && !self.no_more_beats
            && self.stop != Some(Stop::Now)
            && match self.stage {
                None => false,
                Some(Stage::Accepting | Stage::NotKept | Stage::Forgetting | Stage::Foreign) => false,
                Some(Stage::Running) => !self.over,
                Some(
                    Stage::Reclaiming | Stage::Counting | Stage::Deferred | Stage::Ended | Stage::Waiting,
                ) => true,
            }
    }

    fn may_report(&self) -> bool {
        self.stop != Some(Stop::Now)
            && !self.reporting
            && match self.stage {
                None => false,
                Some(Stage::Waiting | Stage::NotKept) => true,
                Some(Stage::Accepting | Stage::Reclaiming | Stage::Counting | Stage::Running) => false,
                Some(Stage::Deferred | Stage::Ended | Stage::Forgetting | Stage::Foreign) => false,
            }
    }

    /// A drain leaves nothing behind that could still go on in this process.
    fn may_stop(&self) -> bool {
        let still = !self.polling && !self.beating && !self.reporting;
        self.stop.is_some_and(|how| how == Stop::Now || still)
            && !self.stopped
            && match self.stage {
                None => true,
                // Left on disk for the next start.
                Some(
                    Stage::Deferred | Stage::Foreign | Stage::Waiting | Stage::NotKept | Stage::Reclaiming,
                ) => true,
                Some(
                    Stage::Accepting | Stage::Counting | Stage::Running | Stage::Ended | Stage::Forgetting,
                ) => false,
            }
    }

    fn call_ended(&mut self, call: Call, answer: Result<(), CallFailure>) {
        let class = answer.err().map(|failure| failure.class);
        match call {
            Call::Beat => {
                self.beating = false;
                self.no_more_beats |= class == Some(ErrorClass::Held) && !self.reporting;
                match self.stage {
                    Some(Stage::Running) => self.over |= class == Some(ErrorClass::Settled),
                    Some(Stage::Deferred) if class == Some(ErrorClass::Settled) => {
                        self.forget(Settlement::TooLate)
                    }
                    // From the first report on only a report's answer settles anything.
                    _ => self.no_more_beats |= class == Some(ErrorClass::Settled),
                }
            }
            Call::Report => {
                self.reporting = false;
                match class {
                    None => self.forget(Settlement::Delivered),
                    Some(ErrorClass::Settled) => self.forget(self.when_over()),
                    Some(_) => self.maybe_taken |= answer.is_err_and(|failure| failure.maybe_taken),
                }
            }
        }
    }
}

impl Decider for Sketch {
    fn start(rules: &Rules, found: Option<FoundState>) -> Self {
        let mut sketch = Sketch {
            rules: *rules,
            stage: None,
            polling: false,
            beating: false,
            reporting: false,
            no_more_beats: false,
            maybe_taken: false,
            over: false,
            on_disk: found == Some(FoundState::Outcome),
            runs: 0,
            stop: None,
            stopped: false,
            ask: Vec::new(),
        };
        match found {
            None => {}
            Some(FoundState::Outcome) => (sketch.stage, sketch.maybe_taken) = (Some(Stage::Waiting), true),
            Some(FoundState::Deferred) => sketch.stage = Some(Stage::Deferred),
            Some(FoundState::Begun { runs }) => {
                sketch.runs = runs;
                sketch.go(Stage::Reclaiming, Action::Reclaim { id: id(1) });
            }
            Some(FoundState::Broken(own)) => sketch.keep(Which::Own(own)),
            Some(FoundState::Foreign) => sketch.stage = Some(Stage::Foreign),
        }
        sketch
    }

    fn apply(&mut self, input: Input) {
        match (self.stage, input) {
            (_, Input::PollEnded { answer, .. }) => {
                self.polling = false;
                if let PollAnswer::Task(id) = answer {
                    self.go(Stage::Accepting, Action::KeepTask { id });
                }
            }
            (Some(Stage::Accepting), Input::TaskKept { .. }) if self.rules.deferred => {
                self.stage = Some(Stage::Deferred)
            }
            (Some(Stage::Accepting), Input::TaskKept { .. }) if self.stop.is_some() => {
                self.keep(Which::Own(OwnFailure::Stopping))
            }
            (Some(Stage::Accepting), Input::TaskKept { .. }) => self.run(),
            (Some(Stage::Accepting), Input::TaskNotKept { .. }) => self.stage = Some(Stage::NotKept),
            (Some(Stage::Reclaiming), Input::Reclaimed { id })
                if self.rules.safe_to_repeat && self.runs < RUNS_MAX && self.stop.is_none() =>
            {
                self.go(Stage::Counting, Action::CountRun { id });
            }
            (Some(Stage::Reclaiming), Input::Reclaimed { .. }) => {
                self.keep(Which::Own(OwnFailure::Restarted))
            }
            (Some(Stage::Reclaiming), Input::NotReclaimed { id }) => {
                self.go(Stage::Reclaiming, Action::Reclaim { id })
            }
            (Some(Stage::Counting), Input::RunCounted { runs: Some(runs), .. }) if self.stop.is_none() => {
                self.runs = runs;
                self.run();
            }
            (Some(Stage::Counting), Input::RunCounted { .. }) => self.keep(Which::Own(OwnFailure::Restarted)),
            (Some(Stage::Running), Input::OutcomeReady { .. } | Input::NotStarted { .. }) if self.over => {
                self.forget(self.when_over())
            }
            (Some(Stage::Running), Input::NotStarted { .. }) => self.keep(Which::Theirs),
            (Some(Stage::Running | Stage::Deferred), Input::OutcomeReady { .. }) => self.keep(Which::Theirs),
            (Some(Stage::Ended), Input::OutcomeKept { kept: Kept::No, .. }) if self.rules.deferred => {
                self.stage = Some(Stage::Deferred);
            }
            (Some(Stage::Ended | Stage::Waiting), Input::OutcomeKept { kept, .. }) => {
                (self.stage, self.on_disk) = (Some(Stage::Waiting), kept == Kept::Yes);
            }
            (_, Input::CallEnded { call, answer, .. }) => self.call_ended(call, answer),
            (Some(Stage::Forgetting), Input::Forgotten { .. }) => self.stage = None,
            (stage, Input::Stop(how)) => {
                self.stop = Some(how);
                if how == Stop::Now {
                    self.ask.push(Action::DropCalls);
                }
                if how == Stop::Now && stage == Some(Stage::Running) {
                    self.ask.push(Action::Cancel { id: id(1), why: Cancelled::Stopping });
                }
            }
            _ => {}
        }
    }

    fn at_once(&mut self) -> Option<Action> {
        self.ask.pop()
    }

    fn later(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut may = |when: bool, action: Action, change: fn(&mut Self)| {
            if when {
                let mut next = self.clone();
                change(&mut next);
                next.ask.push(action);
                all.push(next);
            }
        };
        let id = id(1);
        let idle = self.stage.is_none() && !self.polling && self.stop.is_none();
        may(idle, Action::Poll { activity: 0 }, |s| s.polling = true);
        may(self.may_beat(), Action::Call { id, call: Call::Beat }, |s| s.beating = true);
        may(self.may_report(), Action::Call { id, call: Call::Report }, |s| s.reporting = true);
        may(self.may_stop(), Action::Notify(Notice::Stopped), |s| s.stopped = true);
        all
    }

    fn stage(&self) -> Option<Stage> {
        self.stage
    }

    fn beats(&self) -> bool {
        self.may_beat()
    }
}
