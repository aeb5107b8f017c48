//! Pauses between tries: exponential, with full jitter, so that a fleet that failed together does not come back together.

use std::time::Duration;

use crate::plants::planted;

/// No pause is shorter, so that a jitter near zero does not spin.
const SHORTEST: Duration = Duration::from_millis(100);

/// A random pause below `base * 2^attempts`, which is never over `cap`.
pub fn full_jitter(rng: &mut fastrand::Rng, base: Duration, cap: Duration, attempts: u32) -> Duration {
    let most = base.saturating_mul(1u32.checked_shl(attempts).unwrap_or(u32::MAX)).min(cap);
    match () {
        () if planted("no-jitter") => most,
        () if planted("no-pauses") => SHORTEST.min(cap),
        () => within(rng, most).max(SHORTEST.min(cap)),
    }
}

/// A random pause between half of `most` and `most`: for slow retries, where spreading matters more than an early try.
pub fn half_jitter(rng: &mut fastrand::Rng, most: Duration) -> Duration {
    most / 2 + within(rng, most / 2)
}

/// A random pause between zero and `most`.
pub fn within(rng: &mut fastrand::Rng, most: Duration) -> Duration {
    most.mul_f64(rng.f64())
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
            let pauses: Vec<_> = (0..500).map(|_| full_jitter(&mut rng, base, cap, attempts)).collect();
            assert!(pauses.iter().all(|p| *p >= SHORTEST && *p <= most));
            assert!(pauses.iter().any(|p| *p < most / 4), "no early pause among 500 at {attempts}");
            assert!(pauses.iter().any(|p| *p > most * 3 / 4), "no late pause among 500 at {attempts}");
        }
    }
}
