//! Chance: pauses between tries, which grow, and the time of the next heartbeat, so that a fleet that failed or started together does
//! not come back together.

use std::time::Duration;

use crate::plants::planted;

/// No pause is shorter, so that a jitter near zero does not spin.
const SHORTEST: Duration = Duration::from_millis(100);

/// A random pause below `base * 2^attempts`, which is never over `cap`.
pub fn full(rng: &mut fastrand::Rng, base: Duration, cap: Duration, attempts: u32) -> Duration {
    let most = base.saturating_mul(1u32.checked_shl(attempts).unwrap_or(u32::MAX)).min(cap);
    match () {
        () if planted("no-jitter") => most,
        () if planted("no-pauses") => SHORTEST.min(cap),
        () => within(rng, most).max(SHORTEST.min(cap)),
    }
}

/// A random pause between half of `most` and `most`: for slow retries, where spreading matters more than an early try.
pub fn half(rng: &mut fastrand::Rng, most: Duration) -> Duration {
    most / 2 + within(rng, most / 2)
}

/// A random pause between zero and `most`.
pub fn within(rng: &mut fastrand::Rng, most: Duration) -> Duration {
    most.mul_f64(rng.f64())
}

/// When the heartbeat after one goes that was taken, and sent at `sent`: after 80 to 100 % of the interval.
pub fn next_beat(rng: &mut fastrand::Rng, sent: Duration, interval: Duration) -> Duration {
    sent + interval.mul_f64(0.8 + 0.2 * rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p10_pauses_grow_to_the_cap_and_spread_over_the_whole_range() {
        let mut rng = fastrand::Rng::with_seed(7);
        let (base, cap) = (Duration::from_secs(1), Duration::from_secs(120));
        for attempts in [0, 3, 6, 31, 32, 1000] {
            let most = base.saturating_mul(1u32.checked_shl(attempts).unwrap_or(u32::MAX)).min(cap);
            let pauses: Vec<_> = (0..500).map(|_| full(&mut rng, base, cap, attempts)).collect();
            assert!(pauses.iter().all(|p| *p >= SHORTEST && *p <= most));
            assert!(pauses.iter().any(|p| *p < most / 4), "no early pause among 500 at {attempts}");
            assert!(pauses.iter().any(|p| *p > most * 3 / 4), "no late pause among 500 at {attempts}");
        }
    }

    #[test]
    fn p4_a_beat_follows_after_80_to_100_percent_of_the_interval() {
        let mut rng = fastrand::Rng::with_seed(7);
        let (sent, interval) = (Duration::from_secs(5), Duration::from_secs(100));
        let pauses: Vec<_> = (0..500).map(|_| next_beat(&mut rng, sent, interval) - sent).collect();
        let (earliest, latest) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert!(*earliest >= interval * 4 / 5 && *earliest < interval * 81 / 100, "{earliest:?}");
        assert!(*latest > interval * 99 / 100 && *latest <= interval, "{latest:?}");
    }
}
