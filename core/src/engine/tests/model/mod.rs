//! The order of steps, proved for one task: every order of everything that can happen to it is explored by a model checker.
//!
//! | file | |
//! |---|---|
//! | `world` | what is not ours: the service, the disk, the network, the handlers, the power. It watches over the promises P1 to P5 |
//! | `sketch` | the order of steps in its smallest form. It asks at any time for anything that its stage allows, so what holds for it holds whatever jitter and back-off do |
//! | `real` | the engine itself, with its times |
//! | `wrong` | deliberate mistakes, one for each rule: a model that can't fail proves nothing |
//!
//! The sketch's states are the engine's [`Stage`]s, in matches without a wildcard: a stage that is added there must be placed here.

mod real;
mod sketch;
mod world;
mod wrong;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model, Property};

use self::real::Real;
use self::sketch::Sketch;
use self::world::{Faults, Promise, Step, World};
use self::wrong::{Mistake, Wrong};
use super::*;

/// The kinds of task that there are, and how much may go wrong in one history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Rules {
    deferred: bool,
    safe_to_repeat: bool,
    faults: Faults,
    /// Made on purpose, by [`Wrong`].
    mistake: Option<Mistake>,
}

/// What decides: it is told what happened, and asks the world for what should.
trait Decider: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// A process starts, and has read the disk.
    fn start(rules: &Rules, found: Option<FoundState>) -> Self;
    fn apply(&mut self, input: Input);
    /// What it asks for without waiting.
    fn at_once(&mut self) -> Option<Action>;
    /// What it may be after some time.
    fn later(&self) -> Vec<Self>;
    fn stage(&self) -> Option<Stage>;
    /// Whether a heartbeat or a report goes within an interval, if nothing else happens.
    fn beats(&self) -> bool;
}

/// One task, one decider, and everything that can happen.
struct Order<D> {
    rules: Rules,
    decider: std::marker::PhantomData<D>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State<D> {
    world: World,
    decider: D,
}

impl<D: Decider> Order<D> {
    fn new(rules: Rules) -> Self {
        Order { rules, decider: std::marker::PhantomData }
    }

    fn settle(&self, mut world: World, mut decider: D, events: Vec<Input>) -> State<D> {
        for input in events {
            decider.apply(input);
        }
        while let Some(action) = decider.at_once() {
            world.ask(action);
        }
        world.watch(&decider);
        State { world, decider }
    }

    /// The states that can be reached, each with those that follow from it when nothing more goes wrong.
    fn graph(&self) -> (Vec<State<D>>, Vec<Vec<usize>>) {
        let mut states = self.init_states();
        let mut places: HashMap<State<D>, usize> = states.iter().cloned().zip(0..).collect();
        let (mut follow, mut at) = (Vec::new(), 0);
        while at < states.len() {
            let mut next = Vec::new();
            for (step, state) in self.next_steps(&states[at].clone()) {
                let place = *places.entry(state).or_insert_with_key(|state| {
                    states.push(state.clone());
                    states.len() - 1
                });
                if !step.is_fault() {
                    next.push(place);
                }
            }
            follow.push(next);
            at += 1;
        }
        (states, follow)
    }

    /// P3: from every state that can be reached, the task's end can be reached without any more luck than no more faults. The first
    /// state from which it can't, if there is one.
    fn dead_end(&self) -> Option<State<D>> {
        let (mut states, follow) = self.graph();
        let mut before = vec![Vec::new(); states.len()];
        for (at, next) in follow.iter().enumerate() {
            next.iter().for_each(|place| before[*place].push(at));
        }
        let mut ends = vec![false; states.len()];
        let mut open: Vec<_> = (0..states.len()).filter(|at| states[*at].world.is_over()).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut ends[at], true) {
                open.extend(&before[at]);
            }
        }
        ends.iter().position(|ends| !ends).map(|at| states.swap_remove(at))
    }
}

impl<D: Decider> Model for Order<D> {
    type State = State<D>;
    type Action = Step;

    fn init_states(&self) -> Vec<State<D>> {
        vec![self.settle(World::new(self.rules), D::start(&self.rules, None), Vec::new())]
    }

    fn actions(&self, state: &State<D>, steps: &mut Vec<Step>) {
        if state.world.broken.is_some() {
            return;
        }
        state.world.steps(state.decider.stage(), steps);
        steps.extend((0..state.decider.later().len()).map(Step::Later));
    }

    fn next_state(&self, last: &State<D>, step: Step) -> Option<State<D>> {
        let State { mut world, mut decider } = last.clone();
        let mut events = Vec::new();
        match step {
            Step::Later(which) => decider = decider.later().swap_remove(which),
            Step::Crash { .. } | Step::StartAgain => {
                let found = world.restart(step);
                decider = D::start(&self.rules, found);
            }
            other => events = world.take(other),
        }
        Some(self.settle(world, decider, events)).filter(|next| next != last)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("P1", |_, state: &State<D>| state.world.broken != Some(Promise::P1)),
            Property::always("P2", |_, state: &State<D>| state.world.broken != Some(Promise::P2)),
            Property::always("P3", |_, state: &State<D>| state.world.broken != Some(Promise::P3)),
            Property::always("P4", |_, state: &State<D>| state.world.broken != Some(Promise::P4)),
            Property::always("P5", |_, state: &State<D>| state.world.broken != Some(Promise::P5)),
        ]
    }
}

/// A task with a handler, one whose handler may be run again, and one that waits for an app.
fn kinds(faults: Faults) -> [Rules; 3] {
    [(false, false), (false, true), (true, false)].map(|(deferred, safe_to_repeat)| Rules {
        deferred,
        safe_to_repeat,
        faults,
        mistake: None,
    })
}

/// Explores everything, or until a promise is found broken that `finish` asks for. The number of states, and the shortest way to
/// each broken promise.
fn broken<D: Decider>(rules: Rules, finish: HasDiscoveries) -> (usize, BTreeMap<&'static str, Vec<Step>>) {
    let checker = Order::<D>::new(rules).checker().finish_when(finish).threads(1).spawn_bfs().join();
    let ways = checker.discoveries().into_iter().map(|(promise, path)| (promise, path.into_actions()));
    (checker.unique_state_count(), ways.collect())
}

fn explore<D: Decider>(faults: Faults) {
    for rules in kinds(faults) {
        let (states, found) = broken::<D>(rules, HasDiscoveries::AnyFailures);
        assert!(found.is_empty(), "{rules:?}: {found:?}");
        assert!(states > 500, "{rules:?}: only {states} states: the world has lost its steps");
        let dead_end = Order::<D>::new(rules).dead_end();
        assert!(dead_end.is_none(), "{rules:?}: P3: no way to an end from {dead_end:#?}");
        println!("{rules:?}: {states} states");
    }
}

#[test]
fn p1_to_p5_hold_for_the_order_of_steps_whatever_happens_when() {
    explore::<Sketch>(Faults { crashes: 2, lost: 1, refused: 1, stops: 1 });
}

#[test]
fn p1_to_p5_hold_for_the_engine_itself_whatever_happens_when() {
    explore::<Real>(Faults { crashes: 1, lost: 1, refused: 1, stops: 1 });
}

/// Each mistake breaks its promise, and the checker shows how, for the sketch and for the engine.
#[test]
fn every_mistake_in_the_order_of_steps_is_found_by_its_promise() {
    fn find<D: Decider>(mistake: Mistake, promise: &'static str) {
        let faults = Faults { crashes: 1, lost: 1, refused: 1, stops: 1 };
        let finish = HasDiscoveries::AllOf([promise].into());
        let found = kinds(faults).iter().any(|rules| {
            let (_, found) = broken::<Wrong<D>>(Rules { mistake: Some(mistake), ..*rules }, finish.clone());
            found.contains_key(promise)
        });
        assert!(found, "{mistake:?} does not break {promise}");
    }
    for (mistake, promise) in wrong::MISTAKES {
        find::<Sketch>(mistake, promise);
        find::<Real>(mistake, promise);
    }
}
