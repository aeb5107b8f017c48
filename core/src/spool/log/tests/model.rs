//! Random deeds on a log, with faults and power cuts, and what must be true of it.

use std::collections::HashMap;

use super::*;

/// What was said of a task that the log holds.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    envelope: Vec<u8>,
    body: Vec<u8>,
}

/// What may be found of a task: what was kept last, and what may or may not have got through since.
#[derive(Debug, Clone, Default)]
struct Known {
    kept: Option<Held>,
    /// `None`: its end.
    perhaps: Vec<Option<Held>>,
    /// Its end was kept.
    is_over: bool,
}

struct World {
    rng: fastrand::Rng,
    disk: MemoryDisk,
    log: Log,
    known: HashMap<u64, Known>,
    next: u64,
    trace: Vec<String>,
}

/// What a world's disk does.
#[derive(Clone, Copy)]
struct Ills {
    /// One step in so many fails; 0: none.
    fails: u32,
    cuts: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = MemoryDisk::new(None);
        let (log, _) = open(&disk);
        let rng = fastrand::Rng::with_seed(seed);
        World { rng, disk, log, known: HashMap::new(), next: 0, trace: Vec::new() }
    }

    /// As much as may be promised is never exceeded: so it must never be refused for want of room.
    fn promised(&self) -> u64 {
        self.log.used() + self.known.values().filter(|k| k.kept.is_some()).count() as u64 * cost(900, 9000)
    }

    fn step(&mut self, ills: Ills) {
        let mut faults = fastrand::Rng::with_seed(self.rng.u64(..));
        let fails = if self.rng.u32(..3) == 0 { ills.fails } else { 0 };
        self.disk.set_fault(move |op, _| {
            let may = matches!(op, Op::Write | Op::Fsync);
            (may && fails > 0 && faults.u32(..fails) == 0).then(broken)
        });
        let mut touched = Vec::new();
        for _ in 0..self.rng.usize(1..6) {
            touched.extend(self.change());
        }
        let committed = self.log.commit();
        self.disk.clear_fault();
        check_counts(&self.log);
        match committed {
            Ok(()) => touched.into_iter().for_each(|(n, what)| self.kept(n, what)),
            Err(failed) => {
                let what = failed.source.kind();
                assert!(fails > 0, "refused without a fault: {}\n{}", failed.source, self.told());
                self.trace.push(format!("failed: {what}"));
                for (n, what) in touched {
                    let known = self.known.entry(n).or_default();
                    known.perhaps.push(what);
                }
            }
        }
        if ills.cuts && self.rng.u32(..6) == 0 {
            self.restart(true);
        } else if self.rng.u32(..25) == 0 {
            self.restart(false);
        }
    }

    fn kept(&mut self, n: u64, what: Option<Held>) {
        let known = self.known.entry(n).or_default();
        match what {
            Some(held) => *known = Known { kept: Some(held), ..Known::default() },
            None => *known = Known { is_over: true, ..Known::default() },
        }
    }

    /// One thing is staged. What may be true of the task if that is kept.
    fn change(&mut self) -> Option<(u64, Option<Held>)> {
        let live: Vec<u64> = {
            let held =
                self.known.iter().filter(|(_, known)| known.kept.is_some() && known.perhaps.is_empty());
            let mut live: Vec<u64> = held.map(|(n, _)| *n).collect();
            live.sort_unstable();
            live
        };
        let picked = (!live.is_empty()).then(|| live[self.rng.usize(..live.len())]);
        let is_staged = |n: u64| self.log.staged.iter().any(|change| change.id() == id(n));
        let picked = picked.filter(|n| !is_staged(*n));
        match (self.rng.u32(..8), picked) {
            (0..=3, _) => {
                let length = match self.rng.u32(..8) {
                    0 => self.rng.usize(16_000..40_000),
                    1 => 0,
                    _ => self.rng.usize(..2000),
                };
                if self.promised() + cost(900, length) + cost(900, 9000) > self.log.capacity() {
                    return None;
                }
                self.next += 1;
                let n = self.next;
                let held = Held { envelope: bytes(n, 300 + n as usize % 500), body: bytes(n + 1, length) };
                self.trace.push(format!("put {n}: {length}"));
                self.log.put(id(n), held.envelope.clone(), Some(held.body.clone()));
                Some((n, Some(held)))
            }
            (4, Some(n)) => {
                let envelope = bytes(self.rng.u64(..), 400);
                let body = self.known[&n].kept.clone()?.body;
                self.trace.push(format!("envelope {n}"));
                self.log.put(id(n), envelope.clone(), None);
                Some((n, Some(Held { envelope, body })))
            }
            (5, Some(n)) => {
                let length = self.rng.usize(..9000);
                let held = Held { envelope: bytes(n, 500), body: bytes(self.rng.u64(..), length) };
                self.trace.push(format!("outcome {n}: {length}"));
                self.log.put(id(n), held.envelope.clone(), Some(held.body.clone()));
                Some((n, Some(held)))
            }
            (_, Some(n)) => {
                self.trace.push(format!("end {n}"));
                self.log.end(id(n), Some(Settlement::Delivered), at());
                Some((n, None))
            }
            _ => None,
        }
    }

    fn restart(&mut self, with_cut: bool) {
        self.trace.push(format!("restart, cut: {with_cut}"));
        if with_cut {
            let mut luck = fastrand::Rng::with_seed(self.rng.u64(..));
            let lucky = 1 + luck.u32(..9);
            self.disk.power_cut(|| luck.u32(..10) < lucky);
        }
        let before = lies(&self.disk);
        let opened = Log::open(&mut self.disk.clone(), &dir(), size(5), true);
        let (log, opened) = opened.unwrap_or_else(|e| panic!("{e}\n{}", self.told()));
        self.log = log;
        check_counts(&self.log);
        assert!(
            opened.bad.is_empty(),
            "called damaged: {:?}\n{}",
            opened.bad.iter().map(Bad::name).collect::<Vec<_>>(),
            self.told() + &before
        );
        assert!(opened.tasks.iter().all(|(_, state)| *state == State::Whole), "{}", self.told());
        self.judge();
    }

    /// What was kept is there; what was not is there whole or not at all; what is over does not come back.
    fn judge(&mut self) {
        let mut numbers: Vec<u64> = self.known.keys().copied().collect();
        numbers.sort_unstable();
        for n in numbers {
            let found = match (self.log.envelope(id(n)), self.log.body(id(n))) {
                (Ok(envelope), Ok(body)) => Some(Held { envelope, body }),
                (Err(NoBody::Unknown), _) => None,
                _ => panic!("{n} can't be read\n{}", self.told()),
            };
            let known = self.known[&n].clone();
            let is_over = self.log.settled(id(n)).is_some();
            assert!(!(is_over && found.is_some()), "{n} is over, and there\n{}", self.told());
            let mut may = known.perhaps.clone();
            may.push(known.kept.clone());
            assert!(may.contains(&found), "{n}: not what was kept\n{}", self.told());
            // A log that is small does not remember all.
            if known.is_over && n + 300 > self.next {
                assert!(is_over, "{n}: its end is forgotten\n{}", self.told());
            }
            let is_over = is_over || known.is_over;
            self.known.insert(n, Known { kept: found, perhaps: Vec::new(), is_over });
        }
        self.known.retain(|_, known| known.kept.is_some() || known.is_over);
    }

    fn told(&self) -> String {
        let from = self.trace.len().saturating_sub(60);
        format!("{}\n{}", self.trace[0], self.trace[from..].join("\n"))
    }
}

fn live(seed: u64, ills: Ills, steps: u32) {
    let mut world = World::new(seed);
    world.trace.push(format!("seed {seed}"));
    for _ in 0..steps {
        world.step(ills);
    }
    world.restart(false);
}

/// `LOG_SEEDS=N` lives through more worlds, `LOG_SEED=S` through one again.
fn seeds(default: u64) -> std::ops::Range<u64> {
    if let Some(seed) = std::env::var("LOG_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return seed..seed + 1;
    }
    match std::env::var("LOG_SEEDS").ok().and_then(|seeds| seeds.parse().ok()) {
        Some(seeds) => 0..seeds,
        None => 0..default,
    }
}

#[test]
fn p1_what_was_kept_survives_power_cuts() {
    for seed in seeds(20) {
        live(seed, Ills { fails: 0, cuts: true }, 60);
    }
}

#[test]
fn p1_what_was_kept_survives_failing_writes_and_syncs() {
    for seed in seeds(20) {
        live(seed, Ills { fails: 4, cuts: false }, 60);
    }
}

#[test]
fn p1_what_was_kept_survives_both() {
    for seed in seeds(40) {
        live(seed, Ills { fails: 6, cuts: true }, 80);
    }
}

#[test]
fn p2_what_was_promised_always_finds_room() {
    for seed in seeds(2) {
        live(seed, Ills { fails: 0, cuts: false }, 1500);
    }
}
