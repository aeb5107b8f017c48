//! A worker that is offline with results that wait: what it costs until the network is back, and how fast they leave then.

use std::thread::sleep;
use std::time::Duration;

use super::super::figures::OURS;
use super::super::ground::On;
use super::super::service::Service;
use super::super::stand::{CAT, LONG_POLL, PATIENCE, Stand};
use super::super::subject::{ACTIVITY, Setup};

/// How many results wait, and how it is looked at.
pub(in crate::bench) struct Outage {
    pub(in crate::bench) results: usize,
    /// The line of the wake-ups.
    pub(in crate::bench) line: &'static str,
    /// Until the first tries have failed.
    pub(in crate::bench) settle: Duration,
    pub(in crate::bench) watch: Duration,
    /// Whether the processor's time is told, and the drain timed.
    pub(in crate::bench) timed: bool,
}

/// The round trip while results leave.
const ROUND_TRIP: Duration = Duration::from_millis(50);
const MINUTE: f64 = 60.0;

/// Of the binary. The results were kept by a worker that was killed; the next one finds the service gone, and the one after it finds
/// it back.
pub(in crate::bench) fn measure(stand: &Stand, outage: &Outage) -> Result<(), String> {
    let service = Service::start(LONG_POLL)?;
    let folder = stand.ground.folder(On::Memory, "outage")?;
    let mut setup = Setup {
        service: &service,
        folder: &folder,
        log: &stand.log,
        concurrency: 32,
        handler: Some(std::path::Path::new(CAT)),
        holds: outage.results + 100,
    };
    let results = fill(stand, &setup, outage.results)?;
    setup.concurrency = 1;
    service.go_down();
    let worker = stand.device.spawn(&setup)?;
    sleep(outage.settle);
    let process = worker.process();
    let (wakes, cpu) = (process.wake_ups()?, process.cpu()?);
    sleep(outage.watch);
    let (wakes, cpu) = (process.wake_ups()? - wakes, process.cpu()? - cpu);
    drop(worker);
    let minutes = outage.watch.as_secs_f64() / MINUTE;
    stand.samples.add(outage.line, OURS, wakes as f64 / minutes);
    if outage.timed {
        stand.samples.add("offline.cpu", OURS, cpu.as_secs_f64() / minutes);
        service.come_back()?;
        service.refuse_results(false);
        service.set_round_trip(ROUND_TRIP);
        let worker = stand.device.spawn(&setup)?;
        let mut times = service.reported(&results, PATIENCE)?;
        drop(worker);
        times.sort();
        let took = times.last().zip(times.first()).map_or(Duration::ZERO, |(last, first)| *last - *first);
        stand.samples.add("drain", OURS, results.len() as f64 / took.as_secs_f64());
    }
    Ok(())
}

/// Has a worker keep so many results that the service does not take, and kills it.
fn fill(stand: &Stand, setup: &Setup, count: usize) -> Result<std::ops::Range<usize>, String> {
    let service = setup.service;
    let worker = stand.device.start(setup)?;
    service.refuse_results(true);
    let results = service.give(ACTIVITY, count);
    service.handed(&results, PATIENCE)?;
    // The last ones' handlers.
    sleep(Duration::from_secs(2));
    drop(worker);
    Ok(results)
}
