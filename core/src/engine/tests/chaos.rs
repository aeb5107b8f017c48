//! The engine under random events. The world answers what the engine asks for, in any order, after any time, with any error; the
//! rules below hold at every step, and once the faults end every task comes to its end.

use super::*;
use crate::engine::lanes::LANES_MIN;

const STEPS: usize = 600;
const SEEDS: u64 = 400;

/// What the world knows of one task, independently of the engine.
#[derive(Debug, Default, Clone)]
struct Seen {
    kept: bool,
    ran: u32,
    outcome_answered: bool,
    report_in_flight: bool,
    beat_in_flight: bool,
    /// The service's word that it took a report, or that the task is over.
    settled: bool,
    reports_begun: bool,
    forgotten: bool,
}

struct Chaos {
    world: World,
    rng: fastrand::Rng,
    faults: bool,
    /// What was asked for and is not answered yet.
    open: Vec<Action>,
    seen: HashMap<TaskId, Seen>,
    next_id: u64,
    seed: u64,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let rules = [
            ActivityRules { concurrency: 2, ..rules() },
            ActivityRules { deferred: true, concurrency: 3, ..rules() },
            ActivityRules { safe_to_repeat: true, heartbeat: 5 * S, ..rules() },
        ];
        let mut world = World::new(Config { max_tasks: 6, seed, ..config(&rules) });
        world.slow_disk = true;
        let mut chaos = Chaos {
            world,
            rng: fastrand::Rng::with_seed(seed),
            faults: true,
            open: Vec::new(),
            seen: HashMap::new(),
            next_id: 0,
            seed,
        };
        for state in [FoundState::Outcome, FoundState::Begun { runs: 1 }, FoundState::Deferred] {
            let id = chaos.fresh();
            let kept = state == FoundState::Outcome;
            let seen = Seen { kept: true, outcome_answered: kept, reports_begun: kept, ..Seen::default() };
            chaos.seen.insert(id, seen);
            let activity = Some(chaos.rng.usize(..3));
            chaos.world.tell(Input::Found { id, activity, adopted: false, deferred: false, state });
        }
        chaos
    }

    fn fresh(&mut self) -> TaskId {
        self.next_id += 1;
        TaskId::from_bytes((u128::from(self.next_id) << 64 | u128::from(self.seed)).to_be_bytes())
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.faults && self.rng.u32(..one_in) == 0
    }

    fn step(&mut self) {
        while let Some(action) = self.world.next() {
            self.asked(action);
        }
        self.check();
        if !self.open.is_empty() && self.rng.u32(..4) > 0 {
            let at = self.rng.usize(..self.open.len());
            let action = self.open.swap_remove(at);
            self.answer(action);
        } else {
            self.something_happens();
        }
    }

    fn asked(&mut self, action: Action) {
        let seen = |id: &TaskId| self.seen.get(id).cloned().unwrap_or_default();
        match &action {
            Action::Run { id, .. } => {
                assert!(seen(id).kept, "P2: run before it was kept");
                self.seen.entry(*id).or_default().ran += 1;
            }
            Action::Call { id, call: Call::Report } => {
                let seen = self.seen.entry(*id).or_default();
                assert!(seen.outcome_answered || !seen.kept, "P1: reported before the disk had answered");
                assert!(
                    !std::mem::replace(&mut seen.report_in_flight, true),
                    "two reports of one task at once"
                );
                assert!(!seen.settled, "P1: reported after it was settled");
            }
            Action::Call { id, call: Call::Beat } => {
                let seen = self.seen.entry(*id).or_default();
                assert!(!std::mem::replace(&mut seen.beat_in_flight, true), "two beats of one task at once");
            }
            Action::Forget { id, settlement } => {
                let seen = seen(id);
                assert!(seen.settled, "P1: forgotten without the service's word");
                assert!(
                    *settlement != Settlement::TooLate || !seen.reports_begun,
                    "P1: too late said after a report that may have been taken"
                );
                assert!(!seen.forgotten);
            }
            _ => {}
        }
        if !matches!(
            action,
            Action::Notify(_) | Action::DropCalls | Action::CloseConnections | Action::Cancel { .. }
        ) {
            self.open.push(action);
        }
    }

    fn check(&self) {
        let engine = &self.world.engine;
        engine.slots.check();
        let used = engine.tasks().count();
        assert!(
            used + engine.polls_in_flight() <= 6,
            "P2: {used} tasks and {} polls",
            engine.polls_in_flight()
        );
        let calls = engine.tasks().map(|s| usize::from(s.beat.in_flight) + usize::from(s.report.in_flight));
        assert!(calls.sum::<usize>() <= LANES_MIN, "P6: more calls than lanes");
        if let Some(at) = engine.wake_at() {
            assert!(
                at > self.world.now,
                "something is due at {at:?} that next did not ask for at {:?}",
                self.world.now
            );
        }
    }

    fn failure(&mut self) -> CallFailure {
        let classes = [
            ErrorClass::Network,
            ErrorClass::Network,
            ErrorClass::Server,
            ErrorClass::Throttled,
            ErrorClass::Credentials,
            ErrorClass::Clock,
            ErrorClass::Denied,
            ErrorClass::Held,
            ErrorClass::BadOutput,
            ErrorClass::NoActivity,
        ];
        let class = classes[self.rng.usize(..classes.len())];
        let maybe_taken = matches!(class, ErrorClass::Network | ErrorClass::Server) && self.rng.bool();
        CallFailure { class, maybe_taken, retry_after: None }
    }

    fn answer(&mut self, action: Action) {
        let took = Duration::from_millis(self.rng.u64(1..3000));
        self.world.now += took / 4;
        let event = match action {
            Action::LookAtRoom => Input::Room { tasks: self.world.engine.room },
            Action::Poll { activity } => {
                let answer = if self.chance(3) {
                    PollAnswer::Failed(self.failure())
                } else if self.faults && self.rng.bool() {
                    PollAnswer::Task(self.fresh())
                } else {
                    PollAnswer::Empty
                };
                Input::PollEnded { activity, answer, took: MINUTE }
            }
            Action::KeepTask { id } if self.chance(5) => Input::TaskNotKept { id },
            Action::KeepTask { id } => {
                self.seen.entry(id).or_default().kept = true;
                Input::TaskKept { id }
            }
            Action::Reclaim { id } => Input::Reclaimed { id },
            Action::CountRun { id } => Input::RunCounted { id, runs: (!self.chance(5)).then_some(2) },
            Action::Run { id, .. } if self.chance(10) => Input::Unreadable { id },
            Action::Run { id, .. } if self.chance(6) => Input::NotStarted { id },
            Action::Run { id, .. } => Input::OutcomeReady { id, success: self.rng.bool() },
            Action::KeepOutcome { id, .. } => {
                self.seen.entry(id).or_default().outcome_answered = true;
                let kept = match self.faults.then(|| self.rng.u32(..6)) {
                    Some(0) => Kept::No,
                    Some(1) => Kept::Unknown,
                    _ => Kept::Yes,
                };
                Input::OutcomeKept { id, kept }
            }
            Action::Call { id, call } => self.call_answer(id, call, took),
            Action::Forget { id, .. } => {
                self.seen.entry(id).or_default().forgotten = true;
                Input::Forgotten { id }
            }
            Action::Refuse { .. }
            | Action::Cancel { .. }
            | Action::DropCalls
            | Action::CloseConnections
            | Action::Notify(_) => return,
        };
        self.world.tell(event);
    }

    fn call_answer(&mut self, id: TaskId, call: Call, took: Duration) -> Input {
        let fails = self.chance(2);
        let over = self.chance(4);
        let failure = self.failure();
        let stage = self.world.engine.stage(id);
        let seen = self.seen.entry(id).or_default();
        let answer = match call {
            Call::Report => {
                seen.report_in_flight = false;
                if fails {
                    seen.reports_begun |= failure.maybe_taken;
                    Err(failure)
                } else {
                    seen.settled = true;
                    if over { failed(ErrorClass::Settled, false) } else { Ok(()) }
                }
            }
            Call::Beat => {
                seen.beat_in_flight = false;
                if over && matches!(stage, Some(Stage::Running | Stage::Deferred)) {
                    seen.settled = true;
                    failed(ErrorClass::Settled, false)
                } else if fails {
                    Err(failure)
                } else {
                    Ok(())
                }
            }
        };
        Input::CallEnded { id, call, answer, took }
    }

    fn something_happens(&mut self) {
        match self.rng.u32(..12) {
            0 if self.faults => {
                let id = self.fresh();
                self.world.tell(Input::Adopt { id, foreign: false });
            }
            1 if self.faults => self.world.tell(Input::Link(Link::Down)),
            2 => self.world.tell(Input::Link(Link::Up)),
            3 => self.world.tell(Input::Wake),
            4 => self.world.tell(Input::CredentialsChanged),
            5 if self.faults => self.world.tell(Input::Slept),
            6 => {
                let tasks = if self.faults { self.rng.usize(..4) } else { 100 };
                self.world.tell(Input::Room { tasks });
            }
            7 | 8 => {
                // The app answers.
                let open = self.world.engine.tasks().find(|s| s.stage == Stage::Deferred).map(|s| s.id);
                if let Some(id) = open {
                    self.world.tell(Input::OutcomeReady { id, success: true });
                }
            }
            _ => {
                if let Some(at) = self.world.engine.wake_at() {
                    self.world.now = self.world.now.max(at);
                }
                self.world.tell(Input::Tick);
            }
        }
    }
}

#[test]
fn p1_to_p6_hold_at_every_step_of_a_random_world_and_every_task_ends_once_the_faults_do() {
    for seed in 0..SEEDS {
        let mut chaos = Chaos::new(seed);
        for _ in 0..STEPS {
            chaos.step();
        }
        chaos.faults = false;
        let mut steps = 0;
        while chaos.world.engine.tasks().next().is_some() {
            chaos.step();
            steps += 1;
            assert!(steps < 20_000, "seed {seed}: P3: {:?}", chaos.world.engine.tasks().collect::<Vec<_>>());
        }
    }
}
