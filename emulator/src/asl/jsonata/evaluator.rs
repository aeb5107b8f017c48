//! What one evaluation has cost so far.

use super::host::Host;

/// Why an expression has no value: JSONata's code and text.
pub(super) type Failure = String;

/// Parts that may be evaluated in all: an expression can loop.
const STEPS_MAX: u64 = 500_000;

/// One evaluation: what it has cost so far, and where chance comes from.
pub(super) struct Evaluator<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) depth: usize,
    steps: u64,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(host: &'a dyn Host) -> Self {
        Evaluator { host, depth: 0, steps: 0 }
    }

    /// Notes so many more steps.
    pub(super) fn count(&mut self, steps: u64) -> Result<(), Failure> {
        self.steps += steps;
        if self.steps > STEPS_MAX {
            return Err("U1001: Expression evaluation timeout: Check for infinite loop".to_owned());
        }
        Ok(())
    }
}
