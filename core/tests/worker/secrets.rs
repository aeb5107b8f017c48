//! P7: what is secret stays so.

use std::sync::{Mutex, Once, PoisonError};

use activity_emulator::Fault;
use activity_worker::Failure;
use activity_worker::worker::{Event, Stop, TaskContext};

use crate::support::{Bench, wait_for};

static LOG: Mutex<String> = Mutex::new(String::new());

struct Everything;

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if is_leak(&record.args().to_string()) {
            // A panic on a worker's thread might be caught; this is not.
            eprintln!("a secret of the tests reached the log of {}", record.target());
            std::process::abort();
        }
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&format!("{} {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// From now on a secret in the log, of whatever test, ends them all.
pub(crate) fn watch_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_boxed_logger(Box::new(Everything)).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

/// What the tests make up, the emulator's key, and how its task tokens begin.
fn is_leak(text: &str) -> bool {
    let key = activity_emulator::Credential::test().secret_access_key;
    ["sEcReT", key.as_str(), "AAAAKgAAAAIAAAAAAAAAA"].iter().any(|mark| text.contains(mark))
}

#[test]
fn p7_a_leak_is_known_when_it_is_seen() {
    let bench = Bench::new();
    let name = activity_worker::WorkerName::new("other").unwrap();
    bench.start("{}");
    let task = bench.client().get_activity_task(&bench.arn, &name).unwrap().unwrap();
    assert!(is_leak(&format!("beat of {}", task.token.expose())));
    assert!(is_leak("key sEcReT") && !is_leak(&format!("{task:?}")));
}

#[test]
fn p7_no_token_input_output_cause_or_key_reaches_a_log_an_event_or_a_file_name() {
    let bench = Bench::new();
    let handler = |task: &TaskContext| {
        log::info!("{task:?}");
        match task.input() {
            "\"sEcReT-in-1\"" => Ok("\"sEcReT-out\"".to_owned()),
            _ => Err(Failure::new("Refused", "sEcReT-cause")),
        }
    };
    let worker = bench.worker().activity(bench.handled(handler)).start().unwrap();
    let events = worker.subscribe();
    for fault in [Fault::close(), Fault::captive_portal(), Fault::expired_token()] {
        bench.emulator.inject(fault.times(2));
    }
    let (one, two) = (bench.start("\"sEcReT-in-1\""), bench.start("\"sEcReT-in-2\""));
    bench.succeeds(&one);
    bench.fails(&two);
    let mut told = String::new();
    for _ in 0..2 {
        wait_for(&events, |event| {
            let line = format!("{event} {event:?}\n");
            LOG.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
            matches!(event, Event::Settled { .. }).then_some(())
        });
    }
    told.push_str(&format!("{:?}", worker.snapshot()));
    worker.stop(Stop::Now);
    let mut folders = vec![bench.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            told.push_str(&entry.path().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    told.push_str(&log);
    assert!(told.contains("accepted from approve"), "the log was caught");
    assert_eq!(told.lines().find(|line| is_leak(line)), None);
}
