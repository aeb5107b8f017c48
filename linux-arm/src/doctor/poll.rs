//! `--poll`: one poll for real.
//!
//! `GetActivityTask` has no dry run, and a task that it hands out is handed out once. So this is a worker as `run` starts it, on the
//! real state folder and with the real programs, that ends after its first polls: a task that comes is kept on disk before anything
//! else, worked and reported, as any other. Where a worker runs already, it is the one to ask.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use activity_worker::WorkerHandle;
use activity_worker::worker::{Event, Events, Stop};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::deadline::aside;
use super::report::{Report, Step, Verdict};
use super::state::Running;
use crate::config::{ActivityConfig, Config, WorkerConfig};
use crate::run;

/// The service holds a poll for 60 s. Who has said nothing for longer than this does not refuse it.
const PATIENCE: Duration = Duration::from_secs(70);
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn look(
    asked: bool,
    worker: WorkerConfig,
    activities: Vec<ActivityConfig>,
    running: Option<Running>,
    report: &mut Report,
) {
    if !asked {
        let why = "GetActivityTask is not tried: it may take a task. --poll tries it, and works what comes";
        return report.not_done(&[Step::Poll], why);
    }
    if let Some(Running { pid }) = running {
        let why = format!("the worker with pid {pid} polls from this folder: its log tells");
        return report.not_done(&[Step::Poll], &why);
    }
    if report.worst(None) >= Verdict::Problem {
        return report.not_done(&[Step::Poll], "the problems above come first");
    }
    let number = activities.len();
    // A handler ends within its time and its grace.
    let longest = activities.iter().map(|a| a.limits.timeout + a.limits.grace).max().unwrap_or_default();
    // Signals count from here on, so that none drops a poll.
    let signals = Signals::new([SIGINT, SIGTERM]);
    let worker = match run::start(Config { worker, activities, warnings: Vec::new() }) {
        Ok(worker) => worker,
        Err(why) => return report.say(Step::Poll, Verdict::NoStart, &why.to_string(), ""),
    };
    let events = worker.subscribe();
    if let Ok(signals) = signals {
        let worker = worker.clone();
        aside(Box::new(move || listen(signals, &worker)));
    }
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "polling, for up to a minute");
    }
    let seen = watch(&worker, &events, number, longest);
    let stopped = worker.stop(Stop::Drain);
    seen.tell(stopped.kept, report);
}

/// What came of the polls.
#[derive(Default)]
struct Seen {
    refused: Vec<String>,
    offline: Option<String>,
    taken: usize,
}

impl Seen {
    fn tell(&self, kept: usize, report: &mut Report) {
        if let Some(refused) = self.refused.first() {
            let advice = "the policy of these credentials must allow states:GetActivityTask on the activity: activity-worker iam-policy";
            return report.say(Step::Poll, Verdict::Problem, refused, advice);
        }
        if let Some(why) = &self.offline {
            return report.say(Step::Poll, Verdict::Problem, why, "the worker tries again by itself");
        }
        let said = match (self.taken, kept) {
            (0, _) => "allowed; no task came".to_owned(),
            (taken, 0) => format!("allowed; tasks that came, were worked and reported: {taken}"),
            (taken, kept) => {
                format!(
                    "allowed; tasks that came: {taken}; results on disk for the next run to report: {kept}"
                )
            }
        };
        report.ok(Step::Poll, &said);
    }
}

fn watch(worker: &WorkerHandle, events: &Events, activities: usize, longest: Duration) -> Seen {
    let idle = Arc::new(AtomicBool::new(false));
    {
        let (worker, idle) = (worker.clone(), Arc::clone(&idle));
        // Without it the polls are waited for until the deadline.
        aside(Box::new(move || {
            worker.wait_idle();
            idle.store(true, Ordering::SeqCst);
        }));
    }
    let mut seen = Seen::default();
    let start = Instant::now();
    let mut ended = 0;
    loop {
        match events.next_within(LOOK) {
            Some(Event::PollRefused { activity, reason }) => {
                seen.refused.push(format!("{activity}: {reason}"))
            }
            Some(Event::Offline { reason } | Event::CredentialsRefused { reason }) => {
                seen.offline = Some(reason);
            }
            Some(Event::Online | Event::CredentialsAccepted) => seen.offline = None,
            Some(Event::Accepted { .. }) => seen.taken += 1,
            Some(Event::Settled { .. } | Event::Held { .. }) => ended += 1,
            Some(_) => {}
            None => {
                let at_work = seen.taken > ended;
                let patience = if at_work { PATIENCE + longest } else { PATIENCE };
                let all_refused = seen.refused.len() >= activities && !at_work;
                if all_refused
                    || idle.load(Ordering::SeqCst)
                    || seen.offline.is_some()
                    || events.is_over()
                    || start.elapsed() > patience
                {
                    return seen;
                }
            }
        }
    }
}

/// The first signal ends it without a poll being dropped, the second at once.
fn listen(mut signals: Signals, worker: &WorkerHandle) {
    let mut second = false;
    for signal in signals.forever() {
        if second {
            worker.stop(Stop::Now);
            std::process::exit(128 + signal);
        }
        second = true;
        let _ = writeln!(
            io::stderr(),
            "ending: the poll ends by itself within a minute; to drop it can swallow a task. Again to end now"
        );
        let worker = worker.clone();
        aside(Box::new(move || drop(worker.stop(Stop::Drain))));
    }
}
