//! Polls that end in silence.
//!
//! A poll is quiet for up to a minute. Something on the way that forgets a quiet connection sooner (a NAT, a firewall) swallows its
//! answer, and with it a task, while every short call gets through: nothing else tells.

use std::time::Duration;

/// A poll that ended sooner had no time to be forgotten.
const QUIET: Duration = Duration::from_secs(15);
/// One is an accident.
const IN_A_ROW: u32 = 3;

/// How many polls ended in silence, one after the other.
#[derive(Debug, Default)]
pub(super) struct Silence {
    polls: u32,
}

impl Silence {
    /// A poll was answered. One that was quiet for long before shows that quiet connections hold.
    pub(super) fn answered(&mut self, took: Duration) {
        if took >= QUIET {
            self.polls = 0;
        }
    }

    /// A poll had no answer. `written`: it was sent, so that there was a connection. How many in a row, once for as long as it lasts.
    pub(super) fn failed(&mut self, written: bool, took: Duration) -> Option<u32> {
        if !written || took < QUIET {
            return None;
        }
        self.polls = self.polls.saturating_add(1);
        (self.polls == IN_A_ROW).then_some(IN_A_ROW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(65);
    const MOMENT: Duration = Duration::from_millis(300);

    #[test]
    fn field_13_polls_that_end_in_silence_while_short_calls_work_are_told_once() {
        let mut silence = Silence::default();
        let mut said = 0;
        for _ in 0..10 {
            said += u32::from(silence.failed(true, MINUTE).is_some());
            // A task that waits already comes at once: nothing that a NAT could forget.
            silence.answered(MOMENT);
        }
        assert_eq!(said, 1);
        silence.answered(MINUTE);
        assert!((0..3).any(|_| silence.failed(true, MINUTE).is_some()), "it is back");
    }

    #[test]
    fn field_13_a_dead_link_or_a_quick_no_is_no_silence() {
        let mut silence = Silence::default();
        for _ in 0..10 {
            assert_eq!(silence.failed(false, MINUTE), None);
            assert_eq!(silence.failed(true, MOMENT), None);
        }
        for _ in 0..10 {
            assert_eq!(silence.failed(true, MINUTE), None);
            silence.answered(MINUTE);
        }
    }
}
