//! One state tried alone: what `TestState` does. Tasks, Maps and Parallels get their result from whoever asks.

use std::cell::RefCell;
use std::sync::Arc;

use super::host::Host;
use crate::asl::{Chance, Form, Kind, Map, Quantity, Raised, Scope, State, Value, Variables};

/// What a state is tried with.
pub(crate) struct Probe {
    pub(crate) state: Arc<State>,
    pub(crate) input: Value,
    pub(crate) context: Value,
    pub(crate) variables: Variables,
    /// The result that the state's work has; `None` for a state that has none of its own.
    pub(crate) work: Option<Result<Value, (String, String)>>,
    /// Retries so far.
    pub(crate) retries: u64,
    /// Items of a Map that have failed.
    pub(crate) failed_items: Option<usize>,
}

/// How it came out.
pub(crate) struct Probed {
    /// `SUCCEEDED`, `FAILED`, `RETRIABLE`, `CAUGHT_ERROR`
    pub(crate) status: &'static str,
    pub(crate) output: Option<Value>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) next: Option<String>,
    /// What the data was like on its way, by the names of `inspectionData`.
    pub(crate) data: Vec<(&'static str, Value)>,
    /// Numbers of a Map and of an error, by the same.
    pub(crate) numbers: Vec<(&'static str, f64)>,
    pub(crate) error_details: Vec<(&'static str, f64)>,
}

/// A state that came to its end: its output and where it goes.
type Ended = (Value, Option<String>);

impl Probe {
    /// Tries it.
    pub(crate) fn run(&self, host: &mut dyn Host) -> Probed {
        let mut probed = Probed {
            status: "SUCCEEDED",
            output: None,
            error: None,
            cause: None,
            next: None,
            data: vec![("input", self.input.clone())],
            numbers: Vec::new(),
            error_details: Vec::new(),
        };
        let now = host.now();
        let chance: &mut dyn Chance = host;
        let chance = RefCell::new(chance);
        let make = || self.context.clone();
        let scope = Scope::new(&self.input, &make, &self.variables, &chance);
        let ended = self.work_through(&scope, now, &mut probed);
        let caught = match ended {
            Ok(ended) => Ok(ended),
            Err(raised) => self.handled(raised, &scope, &mut probed),
        };
        if let Ok((output, next)) = caught {
            probed.output = Some(output);
            probed.next = next;
        }
        probed
    }

    fn work_through(
        &self,
        scope: &Scope<'_>,
        now: std::time::SystemTime,
        probed: &mut Probed,
    ) -> Result<Ended, Raised> {
        let state = &*self.state;
        let flow = &state.flow;
        let is_path = !flow.is_jsonata();
        let narrowed = flow.narrowed(scope)?;
        let has_result = matches!(&state.kind, Kind::Pass { result: Some(_) });
        let is_parallel = matches!(state.kind, Kind::Parallel { .. });
        if is_path && !has_result && !is_parallel {
            probed.data.push(("afterInputPath", narrowed.clone()));
        }
        match &state.kind {
            Kind::Succeed => Ok((flow.passed(&narrowed, scope)?, None)),
            Kind::Wait(wait) => {
                wait.time(&scope.on(&narrowed), now)?;
                flow.assigned(&narrowed, scope)?;
                Ok((flow.passed(&narrowed, scope)?, state.next.clone()))
            }
            Kind::Fail { error, cause } => {
                let text = |words: &Option<crate::asl::Words>| {
                    words.as_ref().map(|words| words.value(scope)).transpose()
                };
                Err(Raised::reported(text(error)?, text(cause)?))
            }
            Kind::Choice(choice) => choice.leave(flow, &narrowed, scope),
            Kind::Pass { result } => {
                let result = match result {
                    Some(result) => {
                        probed.data.push(("result", result.clone()));
                        result.clone()
                    }
                    None => self.payload(scope, probed)?,
                };
                self.leave(result, scope, probed)
            }
            Kind::Task(_) => {
                self.payload(scope, probed)?;
                let result = self.result()?;
                probed.data.push(("result", result.clone()));
                self.leave(result, scope, probed)
            }
            Kind::Parallel { .. } => {
                flow.payload(scope)?;
                self.leave(self.result()?, scope, probed)
            }
            Kind::Map(map) => {
                self.map(map, &scope.on(&narrowed), probed)?;
                self.leave(self.result()?, scope, probed)
            }
        }
    }

    fn payload(&self, scope: &Scope<'_>, probed: &mut Probed) -> Result<Value, Raised> {
        let flow = &self.state.flow;
        let payload = flow.payload(scope)?;
        if !flow.is_jsonata() {
            probed.data.push(("afterParameters", payload.clone()));
        } else if flow.has_parameters() {
            probed.data.push(("afterArguments", payload.clone()));
        }
        Ok(payload)
    }

    fn result(&self) -> Result<Value, Raised> {
        match &self.work {
            Some(Ok(result)) => Ok(result.clone()),
            Some(Err((error, cause))) => Err(Raised::reported(Some(error.clone()), Some(cause.clone()))),
            None => Ok(Value::Null),
        }
    }

    fn map(&self, map: &Map, scope: &Scope<'_>, probed: &mut Probed) -> Result<(), Raised> {
        let items = if map.reads_items { Vec::new() } else { map.items(scope)? };
        if !self.state.flow.is_jsonata() && !map.reads_items {
            probed.data.push(("afterItemsPath", Value::Array(items)));
        }
        let number = |quantity: &Option<Quantity>, name: &str, form| {
            quantity.as_ref().map(|quantity| quantity.value(name, form, scope)).transpose()
        };
        probed.numbers.push((
            "maxConcurrency",
            number(&map.max_concurrency, "MaxConcurrency", Form::Integer)?.unwrap_or(0.0),
        ));
        let Some(distributed) = &map.distributed else { return Ok(()) };
        let count = number(&distributed.tolerated_count, "ToleratedFailureCount", Form::Integer)?;
        let percentage =
            number(&distributed.tolerated_percentage, "ToleratedFailurePercentage", Form::Float)?;
        probed.numbers.extend(count.map(|count| ("toleratedFailureCount", count)));
        probed.numbers.extend(percentage.map(|percentage| ("toleratedFailurePercentage", percentage)));
        let (Some(failed), Some(Ok(Value::Array(results)))) = (self.failed_items, &self.work) else {
            return Ok(());
        };
        let (failed, all) = (failed as f64, results.len() as f64);
        let is_exceeded = count.is_some_and(|count| failed > count)
            || percentage.is_some_and(|percentage| failed * 100.0 > percentage * all);
        if is_exceeded {
            return Err(Raised::threshold());
        }
        Ok(())
    }

    fn leave(&self, result: Value, scope: &Scope<'_>, probed: &mut Probed) -> Result<Ended, Raised> {
        let flow = &self.state.flow;
        let selected = flow.select(result, scope)?;
        flow.assigned_by(&selected, scope)?;
        if !flow.is_jsonata() {
            probed.data.push(("afterResultSelector", selected.clone()));
            probed.data.push(("afterResultPath", flow.merged(selected.clone(), scope)?));
        }
        Ok((flow.output(selected, scope)?, self.state.next.clone()))
    }

    /// What becomes of an error: another try, a catcher, or the end.
    fn handled(&self, raised: Raised, scope: &Scope<'_>, probed: &mut Probed) -> Result<Ended, ()> {
        let (error, cause) = raised.parts();
        probed.error = error.map(str::to_owned);
        probed.cause = cause.map(str::to_owned);
        probed.status = "FAILED";
        if let Some((index, retrier)) =
            self.state.retriers.iter().enumerate().find(|(_, r)| r.matches(&raised))
        {
            probed.error_details.push(("retryIndex", index as f64));
            if self.retries < retrier.max_attempts {
                let wait = retrier.delay(self.retries, 1.0);
                probed.error_details.push(("retryBackoffIntervalSeconds", wait.as_secs_f64().floor()));
                probed.status = "RETRIABLE";
                return Err(());
            }
        }
        let Some((index, catcher)) = self.state.catchers.iter().enumerate().find(|(_, c)| c.matches(&raised))
        else {
            return Err(());
        };
        match catcher.caught(&raised, scope) {
            Ok((output, _)) => {
                probed.error_details.push(("catchIndex", index as f64));
                probed.status = "CAUGHT_ERROR";
                Ok((output, Some(catcher.next.clone())))
            }
            Err(other) => {
                let (error, cause) = other.into_parts();
                (probed.error, probed.cause) = (error, cause);
                Err(())
            }
        }
    }
}
