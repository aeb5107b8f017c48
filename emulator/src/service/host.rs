//! What the service answers an execution that goes on.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use super::activity::Activity;
use super::moment::Moment;
use super::token::Tokens;
use crate::asl::Chance;
use crate::run::Host;

/// The service, as far as an execution that goes on may ask it.
pub(super) struct ServiceHost<'a> {
    pub(super) now: Moment,
    pub(super) tokens: &'a Tokens,
    /// The last number given to a task, a poll or an alarm.
    pub(super) last: &'a mut u64,
    pub(super) activities: &'a BTreeMap<String, Activity>,
}

impl Chance for ServiceHost<'_> {
    fn chance(&mut self) -> f64 {
        RandomState::new().hash_one(()) as f64 / u64::MAX as f64
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (RandomState::new().hash_one(()), RandomState::new().hash_one(()));
        let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
        format!(
            "{a:08x}-{b:04x}-4{c:03x}-{:04x}-{:012x}",
            0x8000 | low >> 48 & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }

    fn now(&self) -> SystemTime {
        self.now.date
    }
}

impl Host for ServiceHost<'_> {
    fn task(&mut self) -> (u64, String) {
        *self.last += 1;
        (*self.last, self.tokens.issue(*self.last))
    }

    fn has_activity(&self, arn: &str) -> bool {
        self.activities.contains_key(arn)
    }
}
