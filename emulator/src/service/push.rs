//! Tasks whose token goes another way than a poll: `.waitForTaskToken`. Nothing is sent; what would be is kept here.

use std::fmt;

/// So many are remembered: a test bench must not grow for ever.
const PUSHES_MAX: usize = 10_000;

/// What a `.waitForTaskToken` task would have sent. `Debug` shows no payload and no token.
#[derive(Clone)]
#[non_exhaustive]
pub struct Push {
    /// Its number, from 0.
    pub number: usize,
    /// The execution.
    pub execution_arn: String,
    /// The state's resource, for instance `arn:aws:states:::sqs:sendMessage.waitForTaskToken`.
    pub resource: String,
    /// The state's Parameters, filled in: JSON.
    pub payload: String,
    /// The task's token.
    pub token: String,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Push(number {}, {})", self.number, self.resource)
    }
}

/// All pushes so far, but for the oldest.
#[derive(Default)]
pub(super) struct Pushes {
    forgotten: usize,
    kept: std::collections::VecDeque<Push>,
}

impl Pushes {
    /// The push of this number, if there was one and it is not forgotten.
    pub(super) fn get(&self, number: usize) -> Option<&Push> {
        self.kept.get(number.checked_sub(self.forgotten)?)
    }

    /// All that are remembered, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Push> {
        self.kept.iter()
    }

    pub(super) fn keep(&mut self, execution: &str, resource: &str, payload: &str, token: String) {
        let Pushes { forgotten, kept } = self;
        kept.push_back(Push {
            number: *forgotten + kept.len(),
            execution_arn: execution.to_owned(),
            resource: resource.to_owned(),
            payload: payload.to_owned(),
            token,
        });
        if kept.len() > PUSHES_MAX {
            kept.pop_front();
            *forgotten += 1;
        }
    }
}
