//! The engine itself. Its times are jittered and run on for ever; two of its states count as one if the same things are due, and
//! the same thing comes next.

use std::hash::{Hash, Hasher};

use super::*;

/// The engine and its time.
#[derive(Debug, Clone)]
pub(super) struct Real {
    engine: Engine,
    now: Time,
}

const INTERVAL: Duration = Duration::from_secs(30);

impl Decider for Real {
    fn start(rules: &Rules, found: Option<FoundState>) -> Self {
        let Rules { deferred, safe_to_repeat, .. } = *rules;
        let rules = ActivityRules { heartbeat: INTERVAL, deferred, safe_to_repeat, ..super::super::rules() };
        let now = 1000 * S;
        let mut engine = Engine::new(Config { max_tasks: 1, ..config(&[rules]) }, now);
        engine.apply(now, Input::Room { tasks: usize::from(found.is_none()) });
        if let Some(state) = found {
            engine.apply(now, Input::Found { id: id(1), activity: Some(0), adopted: false, deferred, state });
        }
        Real { engine, now }
    }

    fn apply(&mut self, input: Input) {
        self.now += Duration::from_millis(100);
        self.engine.apply(self.now, input);
    }

    fn at_once(&mut self) -> Option<Action> {
        loop {
            match self.engine.next(self.now)? {
                // The disk is as it was.
                Action::LookAtRoom => {
                    let tasks = self.engine.room;
                    self.engine.apply(self.now, Input::Room { tasks });
                }
                action => return Some(action),
            }
        }
    }

    fn later(&self) -> Vec<Self> {
        let mut ahead = self.clone();
        while let Some(at) = ahead.engine.wake_at() {
            ahead.now = at.max(ahead.now + Duration::from_millis(1));
            if ahead != *self || ahead.clone().at_once().is_some() {
                return vec![ahead];
            }
        }
        Vec::new()
    }

    fn stage(&self) -> Option<Stage> {
        self.engine.stage(id(1))
    }

    fn beats(&self) -> bool {
        // The app has not asked for it for a day: then it must not beat.
        if self.engine.tasks().any(|slot| slot.beat.stopped == Some(BeatsStopped::Lease)) {
            return true;
        }
        let end = self.now + INTERVAL;
        let mut ahead = self.clone();
        loop {
            // A report says as well as a heartbeat does that the task is worked on.
            while let Some(action) = ahead.at_once() {
                if matches!(action, Action::Call { .. }) {
                    return true;
                }
            }
            match ahead.later().pop() {
                Some(later) if later.now <= end => ahead = later,
                _ => return false,
            }
        }
    }
}

impl Real {
    /// What tells two states apart.
    fn face(&self) -> impl Hash + PartialEq + use<> {
        let Real { engine, now } = self;
        let due = |at: Time| at <= *now;
        let slot = engine.tasks().next().map(|s| {
            let beat = (
                s.beat.interval.is_some(),
                due(s.beat.due),
                s.beat.in_flight,
                s.beat.stopped.map(|why| why as u8),
            );
            let r = &s.report;
            let report =
                (due(r.due), r.failures.min(2), r.in_flight, r.maybe_taken, r.held, r.denied_since.is_some());
            let again = (s.keep_again.map(due), s.try_again.map(due), s.refusals.min(2));
            let own = (s.outcome as u8, s.own.map(|own| own as u8), s.cancelled.map(|why| why as u8), s.runs);
            // Which of its times comes first.
            let mut order = [
                (s.beat.due, 0),
                (r.due, 1),
                (s.keep_again.unwrap_or_default(), 2),
                (s.try_again.unwrap_or_default(), 3),
            ];
            order.sort();
            (s.stage, s.deferred, beat, report, again, own, order.map(|(_, which)| which))
        });
        let link = engine.link();
        let opens = [link.polls_open_at(), link.reports_open_at(), link.beats_open_at(INTERVAL)];
        let link = (link.offline_since().is_some(), opens.map(|at| at.map(due)), link.beats_turn());
        let poll = (engine.polls_in_flight(), engine.polls.due(0).map(due), engine.polls.was_empty(0));
        let calls = [Call::Beat, Call::Report]
            .map(|call| (engine.lanes.lane_free(call), due(engine.lanes.opens_at(call))));
        let rest =
            (engine.room, engine.stop.map(|how| how as u8), engine.stopped_told, engine.reports_paused());
        (slot, link, poll, calls, rest)
    }
}

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.face() == other.face()
    }
}

impl Eq for Real {}

impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.face().hash(state);
    }
}
