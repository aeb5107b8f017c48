//! P7: what is secret stays so.

use std::sync::{Mutex, PoisonError};

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
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&format!("{} {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn p7_no_token_input_output_cause_or_key_reaches_a_log_an_event_or_a_file_name() {
    log::set_boxed_logger(Box::new(Everything)).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
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
    let key = activity_emulator::Credential::test().secret_access_key;
    for secret in ["sEcReT", key.as_str()] {
        let line = told.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
