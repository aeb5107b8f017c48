//! How often the worker hears that the network may be back.
//!
//! A link that comes up says so in many messages: a carrier, addresses, routes. They are one hint, a second after the first of them,
//! when the name servers are known too. A few hints may follow each other, for a link that comes and goes; after that there is one in
//! half a minute, so that who keeps changing the network's shape can't make a worker probe much more often than its pauses would.

use std::time::Duration;

/// From the first message of a change to its hint.
const SETTLE: Duration = Duration::from_secs(1);
/// A hint more is had in this time.
const EACH: Duration = Duration::from_secs(30);
/// As many may follow each other before that.
const AT_ONCE: u32 = 3;

/// Times are since some start.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the first change came that was not told yet.
    changed: Option<Duration>,
    /// When all hints may follow each other again.
    whole: Duration,
}

impl Pace {
    /// Something changed that matters.
    pub(super) fn changed(&mut self, now: Duration) {
        self.changed.get_or_insert(now);
    }

    /// When a hint is due, if one is to come.
    pub(super) fn due(&self) -> Option<Duration> {
        let allowed = self.whole.saturating_sub(EACH * (AT_ONCE - 1));
        Some((self.changed? + SETTLE).max(allowed))
    }

    /// Whether a hint goes now.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let goes = self.due().is_some_and(|due| due <= now);
        if goes {
            self.changed = None;
            self.whole = self.whole.max(now) + EACH;
        }
        goes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    /// The seconds at which hints go, if something changes at each of these tenths of a second.
    fn hints(changes: impl Iterator<Item = u32>, end: u32) -> Vec<u32> {
        let (mut pace, mut changes, mut hints) = (Pace::default(), changes.peekable(), Vec::new());
        for tenth in 0..end * 10 {
            let now = S * tenth / 10;
            if changes.next_if_eq(&tenth).is_some() {
                pace.changed(now);
            }
            if pace.take(now) {
                hints.push(tenth / 10);
            }
            assert!(pace.due().is_none_or(|due| due > now), "a hint that is due does not go");
        }
        hints
    }

    #[test]
    fn p10_a_change_in_many_messages_is_one_hint() {
        assert_eq!(hints([50, 51, 52, 55, 59].into_iter(), 600), [6]);
        assert_eq!(hints([0].into_iter(), 600), [1], "also right after the start");
    }

    #[test]
    fn p10_whoever_keeps_changing_the_network_gets_three_hints_and_two_a_minute() {
        let hints = hints(0..36_000, 3600);
        assert_eq!(hints[..5], [1, 2, 3, 31, 61]);
        assert!(hints.len() <= 3 + 3600 / 30, "{} hints in an hour", hints.len());
    }

    #[test]
    fn a_link_that_comes_back_after_some_that_were_none_is_told_all_the_same() {
        assert_eq!(hints([100, 200, 300, 400].into_iter(), 600), [11, 21, 31, 41]);
        assert_eq!(hints([100, 120, 140, 160].into_iter(), 600), [11, 13, 15, 41], "later, but told");
    }
}
