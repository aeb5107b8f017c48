//! All lines: what is timed is timed in rounds, ours and each peer after the other in every one of them.

use std::time::Duration;

use super::lines::offline::Outage;
use super::lines::{begin, calls, cpu, flash, held, idle, offline, pace};
use super::load;
use super::stand::Stand;
use super::subject::Subject;

/// A minute offline with as many results as the line says.
const OUTAGE: Outage = Outage {
    results: 1_000,
    line: "offline.wakes",
    settle: Duration::from_secs(20),
    watch: Duration::from_secs(60),
    timed: true,
};
const IDLE: Duration = Duration::from_secs(30);

/// A part of the table: what its lines begin with, how it is measured, and how many rounds of all it takes.
struct Part {
    lines: &'static [&'static str],
    rounds: fn(usize) -> usize,
    measure: fn(&Stand) -> Result<(), String>,
}

const fn part(
    lines: &'static [&'static str],
    rounds: fn(usize) -> usize,
    measure: fn(&Stand) -> Result<(), String>,
) -> Part {
    Part { lines, rounds, measure }
}

fn every(rounds: usize) -> usize {
    rounds
}

/// For what is counted, or takes minutes.
fn once(_: usize) -> usize {
    1
}

const PARTS: [Part; 8] = [
    part(&["flash"], once, |stand| flash::measure(stand).and_then(|()| flash::floor(stand))),
    part(&["calls"], once, |stand| each(&stand.all(), |subject| calls::measure(stand, subject))),
    part(&["pace"], every, |stand| each(&stand.all(), |subject| pace::measure(stand, subject))),
    part(&["cpu"], every, processor_time),
    part(&["begin"], every, |stand| {
        begin::floor(stand)?;
        each(&stand.all(), |subject| begin::measure(stand, subject))
    }),
    part(&["idle", "task"], once, |stand| each(&stand.all(), |subject| idle::measure(stand, subject, IDLE))),
    part(&["offline", "drain"], once, |stand| offline::measure(stand, &OUTAGE)),
    part(&["held"], once, |stand| {
        stand.library.as_ref().map_or(Ok(()), |library| held::measure(stand, library))
    }),
];

/// The parts that have one of these lines, or all.
pub(super) fn measure(stand: &Stand, lines: &[String], rounds: usize) -> Result<(), String> {
    stand.samples.add("load", "floor", load::measure()?);
    for part in PARTS {
        let is_meant = |wanted: &String| part.lines.iter().any(|line| wanted.starts_with(line));
        if !lines.is_empty() && !lines.iter().any(is_meant) {
            continue;
        }
        let rounds = (part.rounds)(rounds);
        for round in 1..=rounds {
            println!("measuring {}: round {round} of {rounds}", part.lines.join(", "));
            stand.samples.begin_round(round);
            (part.measure)(stand)?;
        }
    }
    Ok(())
}

fn processor_time(stand: &Stand) -> Result<(), String> {
    each(&stand.all(), |subject| cpu::measure(stand, subject, false))?;
    let within: Vec<Subject> = stand.library.iter().chain(&stand.sdks).cloned().collect();
    each(&within, |subject| cpu::measure(stand, subject, true))
}

/// One subject after the other. A peer that fails is told, and costs no more than its figure.
fn each(subjects: &[Subject], measure: impl Fn(&Subject) -> Result<(), String>) -> Result<(), String> {
    for subject in subjects {
        match measure(subject) {
            Err(why) if matches!(subject, Subject::Sdk(..)) => println!("not measured: {why}"),
            other => other?,
        }
    }
    Ok(())
}
