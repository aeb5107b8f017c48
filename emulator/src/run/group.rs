//! Parallel and Map: the threads within a state.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::host::{Action, Host};
use super::machine::Run;
use super::thread::{Group, Item, Stage, Thread, Tolerance};
use crate::asl::{Block, Form, Kind, Map, Quantity, Raised, Scope, State, THRESHOLD, Value};

/// Items of a Map that go through its states at once. Source: developer guide, "Using Map state in Inline mode".
const INLINE_MAX: usize = 40;
/// The same for a distributed one: what the service does in thousands would only cost memory here.
const DISTRIBUTED_MAX: usize = 100;

impl Run {
    pub(super) fn branch(
        &mut self,
        id: u64,
        state: &State,
        branches: &[Arc<Block>],
        host: &mut dyn Host,
    ) -> Result<(), Raised> {
        let input = Arc::new(self.look(id, None, host, |scope| state.flow.payload(scope))?);
        self.text(state, &input)?;
        self.record(id, "ParallelStateStarted", Json::Null, host);
        let mut group = Group {
            results: vec![None; branches.len()],
            waiting: VecDeque::new(),
            running: BTreeSet::new(),
            distributed: None,
        };
        for (index, block) in branches.iter().enumerate() {
            let item = self.threads.get(&id).and_then(|thread| thread.item.clone());
            group.running.extend(self.child(id, index, block, Arc::clone(&input), item, host));
        }
        self.ticket(id, Stage::Leads(group));
        Ok(())
    }

    pub(super) fn map(
        &mut self,
        id: u64,
        state: &Arc<State>,
        map: &Map,
        host: &mut dyn Host,
    ) -> Result<(), Raised> {
        let most = if map.distributed.is_some() { DISTRIBUTED_MAX } else { INLINE_MAX };
        let (items, limit) = self.look(id, None, host, |scope| {
            let narrowed = state.flow.narrowed(scope)?;
            let scope = scope.on(&narrowed);
            let limit = match number(&map.max_concurrency, "MaxConcurrency", Form::Integer, &scope)? {
                Some(limit) if limit < 0.0 => {
                    return Err(Raised::runtime("MaxConcurrency must not be negative."));
                }
                Some(limit) if limit >= 1.0 => (limit as usize).min(most),
                _ => most,
            };
            Ok((map.items(&scope)?, limit))
        })?;
        self.record(id, "MapStateStarted", json!({ "length": items.len() }), host);
        let tolerance =
            self.look(id, None, host, |scope| tolerance(map, &scope.on(&state.flow.narrowed(scope)?)))?;
        if let Some(distributed) = &map.distributed {
            let arn = self.map_run_arn(distributed.label.as_deref(), host);
            self.record(id, "MapRunStarted", json!({ "mapRunArn": arn }), host);
        }
        let mut group = Group {
            results: vec![None; items.len()],
            waiting: items.into_iter().enumerate().collect(),
            running: BTreeSet::new(),
            distributed: tolerance,
        };
        while group.running.len() < limit
            && let Some((index, value)) = group.waiting.pop_front()
        {
            match self.begin_item(id, state, map, index, value, host) {
                Ok(child) => group.running.extend(child),
                Err(raised) => {
                    self.ticket(id, Stage::Leads(group));
                    self.drop_below(id);
                    return Err(raised);
                }
            }
        }
        let is_done = group.running.is_empty();
        self.ticket(id, Stage::Leads(group));
        if is_done { self.gather(id, host) } else { Ok(()) }
    }

    /// Lets an item go through the states. `None` if its thread has gone.
    fn begin_item(
        &mut self,
        id: u64,
        state: &State,
        map: &Map,
        index: usize,
        value: Value,
        host: &mut dyn Host,
    ) -> Result<Option<u64>, Raised> {
        let item = Arc::new(Item { index, value });
        let Some(thread) = self.threads.get_mut(&id) else { return Ok(None) };
        let outer = thread.item.replace(Arc::clone(&item));
        let input = self.look(id, None, host, |scope| match &map.item_selector {
            None => Ok(item.value.clone()),
            Some(template) => template.fill(&scope.on(&state.flow.narrowed(scope)?)),
        });
        if let Some(thread) = self.threads.get_mut(&id) {
            thread.item = outer;
        }
        let input = Arc::new(input?);
        if map.distributed.is_none() {
            let details = json!({ "name": state.name, "index": index });
            let last = self.threads.get(&id).map_or(0, |thread| thread.last);
            self.record(id, "MapIterationStarted", details, host);
            let child = self.child(id, index, &map.processor, input, Some(item), host);
            if let Some(thread) = self.threads.get_mut(&id) {
                thread.last = last;
            }
            return Ok(child);
        }
        Ok(self.child(id, index, &map.processor, input, Some(item), host))
    }

    fn child(
        &mut self,
        id: u64,
        index: usize,
        block: &Arc<Block>,
        input: Arc<Value>,
        item: Option<Arc<Item>>,
        host: &dyn Host,
    ) -> Option<u64> {
        let parent = self.threads.get(&id)?;
        let is_distributed = self
            .state(id)
            .is_some_and(|state| matches!(&state.kind, Kind::Map(map) if map.distributed.is_some()));
        let thread = Thread {
            parent: Some(id),
            index,
            block: Arc::clone(block),
            state: block.start_at.clone(),
            input,
            entered: 0,
            entered_at: host.now(),
            last: parent.last,
            // A child execution has variables of its own alone.
            variables: if is_distributed { Arc::default() } else { Arc::clone(&parent.variables) },
            item,
            retries: Vec::new(),
            can_retry: false,
            stage: Stage::Ready,
            ticket: 0,
            is_silent: parent.is_silent || is_distributed,
            steps: 0,
        };
        Some(self.spawn(thread))
    }

    /// A branch or an item came to its end.
    pub(super) fn child_succeeded(&mut self, child: u64, output: Value, host: &mut dyn Host) {
        let Some(thread) = self.threads.remove(&child) else { return };
        let Some(parent) = thread.parent else { return };
        let Some(state) = self.state(parent) else { return };
        let mut last = thread.last;
        let is_inline = matches!(&state.kind, Kind::Map(map) if map.distributed.is_none());
        if is_inline {
            last = self.record_iteration(parent, &state, &thread, "MapIterationSucceeded", host);
        }
        let Some(leader) = self.threads.get_mut(&parent) else { return };
        let Stage::Leads(group) = &mut leader.stage else { return };
        group.running.remove(&child);
        if let Some(place) = group.results.get_mut(thread.index) {
            *place = Some(output);
        }
        if !leader.is_silent && last > 0 {
            leader.last = last;
        }
        self.next_item(parent, &state, thread.last, host);
    }

    /// Begins the next item, or leaves the state if all are done. `after` is the event that the next item follows.
    fn next_item(&mut self, id: u64, state: &Arc<State>, after: u64, host: &mut dyn Host) {
        let Some(leader) = self.threads.get_mut(&id) else { return };
        let Stage::Leads(group) = &mut leader.stage else { return };
        let ended = match (group.waiting.pop_front(), &state.kind) {
            (Some((index, value)), Kind::Map(map)) => {
                let last = leader.last;
                if map.distributed.is_none() {
                    leader.last = after;
                }
                let begun = self.begin_item(id, state, map, index, value, host);
                if let Some(leader) = self.threads.get_mut(&id) {
                    leader.last = last;
                    if let (Stage::Leads(group), Ok(child)) = (&mut leader.stage, &begun) {
                        group.running.extend(child);
                    }
                }
                begun.map(|_| ())
            }
            _ if group.running.is_empty() => self.gather(id, host),
            _ => Ok(()),
        };
        if let Err(raised) = ended {
            self.drop_below(id);
            self.raise(id, state, raised, host);
        }
    }

    /// All branches or items are done.
    fn gather(&mut self, id: u64, host: &mut dyn Host) -> Result<(), Raised> {
        let Some(state) = self.state(id) else { return Ok(()) };
        let Some(thread) = self.threads.get_mut(&id) else { return Ok(()) };
        let Stage::Leads(group) = std::mem::replace(&mut thread.stage, Stage::Ready) else { return Ok(()) };
        if group.distributed.is_some() {
            self.record(id, "MapRunSucceeded", Json::Null, host);
        }
        let succeeded =
            if let Kind::Map(_) = state.kind { "MapStateSucceeded" } else { "ParallelStateSucceeded" };
        self.record_aside(id, succeeded, Json::Null, host);
        // An item of a distributed Map that failed, within what is tolerated, is left out.
        let results = group.results.into_iter().flatten().collect();
        self.leave(id, &state, Value::Array(results), host)
    }

    fn exceeded(&mut self, id: u64, host: &dyn Host) -> Raised {
        let (error, cause) = THRESHOLD;
        self.record(id, "MapRunFailed", json!({ "error": error, "cause": cause }), host);
        Raised::threshold()
    }

    /// A branch or an item failed. Gives the error that the state around it has by that, if it has one.
    pub(super) fn child_failed(&mut self, child: u64, raised: Raised, host: &mut dyn Host) -> Option<Raised> {
        self.drop_below(child);
        let thread = self.threads.remove(&child)?;
        let parent = thread.parent?;
        let state = self.state(parent)?;
        if matches!(&state.kind, Kind::Map(map) if map.distributed.is_none()) {
            self.record_iteration(parent, &state, &thread, "MapIterationFailed", host);
        }
        let leader = self.threads.get_mut(&parent)?;
        if !leader.is_silent && !thread.is_silent {
            leader.last = thread.last;
        }
        let Stage::Leads(group) = &mut leader.stage else { return None };
        group.running.remove(&child);
        if let Some(tolerance) = &mut group.distributed {
            tolerance.failed += 1;
            if !tolerance.is_exceeded(group.results.len()) {
                self.next_item(parent, &state, 0, host);
                return None;
            }
            self.drop_below(parent);
            return Some(self.exceeded(parent, host));
        }
        let running: Vec<u64> = group.running.iter().copied().collect();
        self.abort(parent, &state, &running, host);
        self.drop_below(parent);
        Some(raised)
    }

    /// What else was at work in the state ends with it.
    fn abort(&mut self, parent: u64, state: &State, running: &[u64], host: &dyn Host) {
        if !matches!(state.kind, Kind::Map(_)) {
            return;
        }
        for child in running {
            if let Some(thread) = self.threads.remove(child) {
                self.record_iteration(parent, state, &thread, "MapIterationAborted", host);
                self.threads.insert(*child, thread);
            }
        }
    }

    /// Writes an event of an item, which follows the item's last one. Returns its id.
    fn record_iteration(
        &mut self,
        parent: u64,
        state: &State,
        item: &Thread,
        event_type: &'static str,
        host: &dyn Host,
    ) -> u64 {
        let Some(leader) = self.threads.get_mut(&parent) else { return 0 };
        let last = std::mem::replace(&mut leader.last, item.last);
        let details = json!({ "name": state.name, "index": item.index });
        let event = self.record_aside(parent, event_type, details, host);
        if let Some(leader) = self.threads.get_mut(&parent) {
            leader.last = last;
        }
        event
    }

    /// Ends all threads below this one, and takes their tasks back.
    pub(super) fn drop_below(&mut self, id: u64) {
        let mut above = BTreeSet::from([id]);
        // A thread's parent is always older than itself.
        let below: Vec<u64> = self
            .threads
            .iter()
            .filter(|(child, thread)| {
                let is_below = thread.parent.is_some_and(|parent| above.contains(&parent));
                is_below && above.insert(**child)
            })
            .map(|(child, _)| *child)
            .collect();
        for child in below {
            self.threads.remove(&child);
        }
        // The thread's own task, if it has one, is over by now.
        let over: Vec<u64> =
            self.tasks.iter().filter(|(_, thread)| above.contains(thread)).map(|(task, _)| *task).collect();
        for task in over {
            self.tasks.remove(&task);
            self.actions.push(Action::Cancel(task));
        }
    }

    fn map_run_arn(&self, label: Option<&str>, host: &mut dyn Host) -> String {
        let machine = self.shown.state_machine_arn.replacen(":stateMachine:", ":mapRun:", 1);
        let label = label.map_or_else(|| host.uuid(), str::to_owned);
        format!("{machine}/{label}:{}", host.uuid())
    }
}

fn number(
    quantity: &Option<Quantity>,
    name: &str,
    form: Form,
    scope: &Scope<'_>,
) -> Result<Option<f64>, Raised> {
    quantity.as_ref().map(|quantity| quantity.value(name, form, scope)).transpose()
}

/// How many items may fail; `None` for an inline Map, which fails with the first.
fn tolerance(map: &Map, scope: &Scope<'_>) -> Result<Option<Tolerance>, Raised> {
    let Some(distributed) = &map.distributed else { return Ok(None) };
    let count = number(&distributed.tolerated_count, "ToleratedFailureCount", Form::Integer, scope)?;
    let percentage =
        number(&distributed.tolerated_percentage, "ToleratedFailurePercentage", Form::Float, scope)?;
    if percentage.is_some_and(|p| !(0.0..=100.0).contains(&p)) {
        return Err(Raised::runtime("ToleratedFailurePercentage must be between 0 and 100."));
    }
    Ok(Some(Tolerance { count, percentage, failed: 0 }))
}
