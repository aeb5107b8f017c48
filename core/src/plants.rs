//! Bugs planted on purpose, for the simulator to find: a simulator that finds nothing must be known to look. Without the feature
//! `plants` none of them is compiled.

/// Whether this bug is in. Never, without the feature.
#[cfg(not(feature = "plants"))]
pub(crate) const fn planted(_: &str) -> bool {
    false
}

#[cfg(feature = "plants")]
pub use bugs::*;

#[cfg(feature = "plants")]
mod bugs {
    use std::sync::OnceLock;

    static CURRENT: OnceLock<&'static str> = OnceLock::new();

    /// A planted bug.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Plant {
        /// Its name.
        pub name: &'static str,
        /// The promises one of which it must be seen to break.
        pub breaks: &'static [&'static str],
    }

    /// Whether this bug is in.
    pub fn planted(name: &str) -> bool {
        CURRENT.get().is_some_and(|current| *current == name)
    }

    /// Puts a bug in, for the rest of the process. `None` if there is none of this name.
    pub fn plant(name: &str) -> Option<Plant> {
        let plant = PLANTS.iter().find(|plant| plant.name == name)?;
        CURRENT.set(plant.name).ok()?;
        Some(*plant)
    }

    const fn bug(name: &'static str, breaks: &'static [&'static str]) -> Plant {
        Plant { name, breaks }
    }

    /// All of them.
    pub const PLANTS: &[Plant] = &[
        bug("file-removed-before-the-answer", &["P1"]),
        bug("no-folder-sync", &["P1", "P3"]),
        bug("second-sync-believed", &["P1"]),
        bug("outcome-sent-before-it-is-kept", &["P1"]),
        bug("app-told-kept-too-early", &["P1"]),
        bug("throttled-is-settled", &["P1"]),
        bug("portal-is-an-answer", &["P1", "P8"]),
        bug("too-late-is-delivered", &["P1"]),
        bug("attempts-drop-a-result", &["P1"]),
        bug("poll-without-slot", &["P2"]),
        bug("poll-without-room", &["P2"]),
        bug("no-room-set-aside", &["P2"]),
        bug("refused-task-taken", &["P1", "P3"]),
        bug("deferred-task-forgotten", &["P3"]),
        bug("quarantine-deletes", &["P1", "P3"]),
        bug("beats-end-with-the-handler", &["P4"]),
        bug("beat-error-ends-the-beats", &["P4"]),
        bug("beats-too-rare", &["P4"]),
        bug("beats-wait-for-window", &["P4"]),
        bug("probe-rarer-than-beats", &["P4"]),
        bug("drain-drops-polls", &["P5"]),
        bug("drain-forgets-polls", &["P5"]),
        bug("too-late-is-sent-again", &["P6"]),
        bug("memory-of-ended-tasks", &["P6"]),
        bug("no-pauses", &["P6", "P10"]),
        bug("date-of-a-cache", &["P8"]),
        bug("clock-never-learns", &["P8"]),
        bug("no-jitter", &["P10"]),
        bug("poll-without-lanes", &["P2"]),
        bug("throttling-slows-nothing", &["P10"]),
        bug("polls-end-with-the-network", &["P9"]),
        bug("held-is-dropped", &["P1"]),
        bug("letter-removed-before-it-is-kept", &["P1"]),
        // Where something is believed that was seen once.
        bug("idle-disk-not-looked-at", &["P2"]),
        bug("failed-starts-eat-the-queue", &["P2"]),
        bug("beat-waits-for-its-report", &["P4"]),
        bug("foreign-not-counted", &["P1"]),
        bug("foreign-is-sent", &["P1"]),
        bug("strangers-settle", &["P1", "P4", "P8"]),
        bug("one-date-is-the-floor", &["P8"]),
        bug("removed-results-lost-in-silence", &["P1"]),
        bug("removed-results-not-kept-again", &["P1"]),
        bug("taken-folder-is-written-to", &["P1"]),
        // These were in core once, and the simulator found them.
        bug("beats-starve", &["P4"]),
        bug("refusing-disk-is-polled-for", &["P2"]),
        bug("settled-file-comes-back", &["P6"]),
        bug("start-believes-what-was-not-synced", &["P1", "P3", "P6"]),
        bug("quarantine-not-synced", &["P1", "P3"]),
        bug("unmovable-is-forgotten", &["P1", "P3"]),
        bug("damaged-is-moved-away", &["P1", "P3"]),
        bug("power-cuts-make-poison", &["P1", "P3"]),
        bug("rotten-date-is-believed", &["P1", "P3", "P8"]),
        bug("tokens-crowded-out", &["P1", "P3"]),
        bug("slow-for-good", &["P4"]),
        // This one a reader found.
        bug("answers-wait-behind-tokens", &["P1", "P9"]),
    ];
}
