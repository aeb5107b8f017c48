//! Many worlds on all cores, and what came of them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use activity_worker::Settlement;
use sha2::{Digest, Sha256};

use crate::judge::finding::Finding;
use crate::world::World;

/// What came of one world.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// The promise that was not kept, what happened, and when.
    pub(crate) finding: Option<(Finding, Duration)>,
    /// What happened, line by line, if that was asked for.
    pub(crate) trace: Vec<String>,
    tally: Tally,
}

/// Figures, added up over worlds.
#[derive(Debug, Default, Clone)]
struct Tally {
    worlds: u64,
    lived: f64,
    kept: u64,
    delivered: u64,
    otherwise: u64,
    held: u64,
    set_aside: u64,
    lost: u64,
    faults: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.worlds += other.worlds;
        self.lived += other.lived;
        self.kept += other.kept;
        self.delivered += other.delivered;
        self.otherwise += other.otherwise;
        self.held += other.held;
        self.set_aside += other.set_aside;
        self.lost += other.lost;
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }
}

/// Runs the world of a seed to its end.
pub(crate) fn one(seed: u64, traced: bool) -> Ending {
    let mut world = World::new(seed, traced);
    let end = catch_unwind(AssertUnwindSafe(|| world.run()));
    let finding = match end {
        Ok(end) => end.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Some(Finding { promise: "P9", text: format!("panic: {}", text.unwrap_or_default()) })
        }
    };
    let mut tally = Tally { worlds: 1, ..Tally::default() };
    tally.lived = world.now.as_secs_f64() * world.devices.len() as f64;
    tally.faults = std::mem::take(&mut world.outside().faults);
    for device in &world.devices {
        for debt in device.judge.debts.values().filter(|debt| debt.kept.is_some() || debt.lost) {
            tally.kept += 1;
            *match debt.settled {
                _ if debt.lost => &mut tally.lost,
                Some(Settlement::Delivered) => &mut tally.delivered,
                Some(_) => &mut tally.otherwise,
                None if debt.unreadable => &mut tally.set_aside,
                None => &mut tally.held,
            } += 1;
        }
    }
    Ending {
        finding: finding.map(|finding| (finding, world.now)),
        trace: world.trace.unwrap_or_default(),
        tally,
    }
}

/// What happens in the world of a seed, line by line.
pub fn trace(seed: u64) -> Vec<String> {
    one(seed, true).trace
}

/// The promise that the world of a seed breaks, if it does.
pub fn finding(seed: u64) -> Option<String> {
    one(seed, false)
        .finding
        .map(|(finding, at)| format!("{} at {:.3} s: {}", finding.promise, at.as_secs_f64(), finding.text))
}

/// One world again, event by event. True if every promise was kept.
pub fn replay(out: &mut impl Write, seed: u64) -> io::Result<bool> {
    let ending = one(seed, true);
    for line in &ending.trace {
        writeln!(out, "{line}")?;
    }
    tell(out, seed, &ending)?;
    Ok(ending.finding.is_none())
}

fn tell(out: &mut impl Write, seed: u64, ending: &Ending) -> io::Result<()> {
    match &ending.finding {
        None => writeln!(out, "seed {seed}: all promises kept"),
        Some((finding, at)) => writeln!(
            out,
            "seed {seed}: {} is broken at {:.3} s: {}",
            finding.promise,
            at.as_secs_f64(),
            finding.text
        ),
    }
}

/// Runs worlds until one breaks a promise, all are done, or the time is over. Tells what came of them; true if every promise was kept.
pub fn run(out: &mut impl Write, first: u64, count: u64, time: Option<Duration>) -> io::Result<bool> {
    let start = Instant::now();
    let (tally, broken) = many(first, count, time.and_then(|time| start.checked_add(time)));
    sum_up(out, &tally, start.elapsed())?;
    let Some(seed) = broken else { return Ok(true) };
    let ending = one(seed, true);
    writeln!(out, "\nthe last lines of the trace of seed {seed}:")?;
    for line in &ending.trace[ending.trace.len().saturating_sub(40)..] {
        writeln!(out, "{line}")?;
    }
    tell(out, seed, &ending)?;
    writeln!(out, "again: cargo xtask sim --seed {seed}")?;
    Ok(false)
}

/// The figures, and the first seed that broke a promise.
fn many(first: u64, count: u64, end: Option<Instant>) -> (Tally, Option<u64>) {
    let (next, worst) = (AtomicU64::new(first), AtomicU64::new(u64::MAX));
    let sum = Mutex::new(Tally::default());
    let work = || {
        let mut mine = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let late = end.is_some_and(|end| Instant::now() >= end);
            if seed.wrapping_sub(first) >= count || late || seed > worst.load(Ordering::Relaxed) {
                break;
            }
            let ending = one(seed, false);
            mine.add(&ending.tally);
            if ending.finding.is_some() {
                worst.fetch_min(seed, Ordering::Relaxed);
            }
        }
        sum.lock().unwrap_or_else(PoisonError::into_inner).add(&mine);
    };
    on_all_cores(work);
    let worst = Some(worst.into_inner()).filter(|seed| *seed != u64::MAX);
    (sum.into_inner().unwrap_or_else(PoisonError::into_inner), worst)
}

/// SHA-256 over the traces of so many worlds, in hex. A change that should change no behaviour leaves it as it was.
pub fn digest(first: u64, count: u64) -> String {
    let (next, of_worlds) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                break;
            }
            let mut hash = Sha256::new();
            for line in one(first + n, true).trace {
                hash.update(line);
                hash.update("\n");
            }
            of_worlds.lock().unwrap_or_else(PoisonError::into_inner).insert(n, hash.finalize());
        }
    };
    on_all_cores(work);
    let mut all = Sha256::new();
    for hash in of_worlds.into_inner().unwrap_or_else(PoisonError::into_inner).values() {
        all.update(hash);
    }
    all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn on_all_cores(work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(&work);
        }
    });
}

/// The first of `count` seeds whose world breaks a promise, and what it was.
#[cfg(feature = "plants")]
pub(crate) fn first_broken(count: u64) -> Option<(u64, Finding)> {
    broken(many(0, count, None).1?)
}

/// The promise that the world of this seed breaks, if it does.
#[cfg(feature = "plants")]
pub(crate) fn broken(seed: u64) -> Option<(u64, Finding)> {
    one(seed, false).finding.map(|(finding, _)| (seed, finding))
}

fn sum_up(out: &mut impl Write, tally: &Tally, took: Duration) -> io::Result<()> {
    let years = tally.lived / (365.25 * 86_400.0);
    writeln!(
        out,
        "{} worlds, {years:.1} device-years, in {:.0} s: {:.0} worlds a second",
        tally.worlds,
        took.as_secs_f64(),
        tally.worlds as f64 / took.as_secs_f64()
    )?;
    writeln!(
        out,
        "results: {} kept = {} delivered + {} too late, unknown or discarded + {} held at the end + {} damaged and set aside + {} lost with a removed folder",
        tally.kept, tally.delivered, tally.otherwise, tally.held, tally.set_aside, tally.lost
    )?;
    writeln!(out, "faults: {}", tally.faults.values().sum::<u64>())?;
    tally.faults.iter().try_for_each(|(kind, count)| writeln!(out, "{count:>12}  {kind}"))
}
