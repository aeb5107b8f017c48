//! As many tasks as fit: what the process takes must not grow.

use std::collections::VecDeque;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::checks::require;
use super::service::Service;
use super::stage::Stage;
use super::worker::Setup;

const SECONDS: u64 = 75;
/// Executions that wait for the worker, so that it never idles.
const AHEAD: usize = 24;
/// Growth of the mean from the first to the last third that is noise: an allocator's, mostly.
const NOISE_KIB: f64 = 512.0;
/// An allocator with threads that come and go takes a quarter of a million tasks to settle: a run as long is compared from its second
/// third on.
const WARM: Duration = Duration::from_secs(600);
/// What a receipt takes in memory. They grow in number up to their bound, and memory with them.
const RECEIPT_KIB: f64 = 48.0 / 1024.0;

/// What the process takes at one moment.
struct Sample {
    resident_kib: f64,
    threads: f64,
    files: f64,
    /// Without the receipts, which have a bound of their own.
    spool_kib: f64,
    /// How many tasks that are over are remembered.
    receipts: f64,
}

/// How long it takes: `FAULTS_SOAK_SECONDS` makes it longer.
pub(super) fn length() -> Result<Duration, String> {
    let Ok(said) = std::env::var("FAULTS_SOAK_SECONDS") else { return Ok(Duration::from_secs(SECONDS)) };
    let seconds =
        said.parse().map_err(|_| format!("FAULTS_SOAK_SECONDS is {said:?}, no number of seconds"))?;
    Ok(Duration::from_secs(seconds))
}

pub(super) fn soak(stage: &Stage) -> Result<String, String> {
    let length = length()?;
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("soak", 60)?;
    let setup = stage.worker("worker", &activity, service.url())?.concurrency(8);
    let worker = setup.start()?;
    let end = Instant::now() + length;
    let (mut waiting, mut done, mut started) = (VecDeque::new(), 0, 0);
    let mut samples = Vec::new();
    let mut next_sample = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        while waiting.len() < AHEAD {
            waiting.push_back(service.execute(&machine, started)?);
            started += 1;
        }
        let (over, runs): (Vec<_>, Vec<_>) = waiting
            .drain(..)
            .map(|arn| service.execution(&arn).map(|e| (arn, e.status)))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .partition(|(_, status)| status != "RUNNING");
        let bad = over.iter().filter(|(_, status)| status != "SUCCEEDED").count();
        require(bad == 0, || format!("{bad} executions failed"))?;
        done += over.len();
        waiting.extend(runs.into_iter().map(|(arn, _)| arn));
        if Instant::now() > next_sample {
            samples.push(sample(worker.id(), &setup)?);
            next_sample += Duration::from_millis(500);
        }
        thread::sleep(Duration::from_millis(20));
    }
    worker.stop(Duration::from_secs(60))?;
    let figures =
        compare(&samples, if length > WARM { 1 } else { 0 }).map_err(|e| format!("{e}, in {done} tasks"))?;
    let receipts = receipts(&setup);
    require(receipts <= 20_000.0, || format!("{receipts} receipts"))?;
    let (seconds, count) = (length.as_secs(), samples.len());
    Ok(format!("{done} tasks in {seconds} s; an early and the last third of {count} samples: {figures}"))
}

/// A name, how it is read off a sample, and the growth that is noise.
type Measure = (&'static str, fn(&Sample) -> f64, f64);

/// Nothing grew from the third of this number to the last one.
fn compare(samples: &[Sample], early: usize) -> Result<String, String> {
    let third = samples.len() / 3;
    require(third > 5, || "too few samples".into())?;
    let mean = |of: fn(&Sample) -> f64, part: &[Sample]| {
        part.iter().map(of).sum::<f64>() / f64::from(u32::try_from(part.len()).unwrap_or(u32::MAX))
    };
    let mut shown = Vec::new();
    let all: [Measure; 4] = [
        ("KiB resident without receipts", |s| s.resident_kib - s.receipts * RECEIPT_KIB, NOISE_KIB),
        ("threads", |s| s.threads, 3.0),
        ("open files", |s| s.files, 10.0),
        ("KiB in the spool", |s| s.spool_kib, 2048.0),
    ];
    for (name, of, noise) in all {
        let (first, last) =
            (mean(of, &samples[early * third..][..third]), mean(of, &samples[samples.len() - third..]));
        require(last - first <= noise, || {
            let course: Vec<_> = samples.iter().step_by(third / 6).map(|s| format!("{:.0}", of(s))).collect();
            format!("{name} grew from {first:.0} to {last:.0}: {}", course.join(" "))
        })?;
        shown.push(format!("{first:.0} and {last:.0} {name}"));
    }
    Ok(shown.join(", "))
}

fn sample(process: u32, setup: &Setup) -> Result<Sample, String> {
    let status =
        fs::read_to_string(format!("/proc/{process}/status")).map_err(|e| format!("it is gone: {e}"))?;
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
    };
    let files = fs::read_dir(format!("/proc/{process}/fd")).map_err(|e| e.to_string())?.count();
    let bytes: u64 = ["log", "quarantine", "run"]
        .iter()
        .flat_map(|folder| fs::read_dir(setup.state_dir.join(folder)).into_iter().flatten().flatten())
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum();
    let files = f64::from(u32::try_from(files).unwrap_or(u32::MAX));
    let spool_kib = f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX));
    Ok(Sample {
        resident_kib: number("VmRSS:"),
        threads: number("Threads:"),
        files,
        spool_kib,
        receipts: receipts(setup),
    })
}

fn receipts(setup: &Setup) -> f64 {
    let bytes = |name| fs::metadata(setup.state_dir.join(name)).map_or(0, |m| m.len());
    f64::from(u32::try_from((bytes("settled.a") + bytes("settled.b")) / 64).unwrap_or(u32::MAX))
}
