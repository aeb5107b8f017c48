//! `--poll`: one poll of each activity, for real.
//!
//! `GetActivityTask` has no dry run, and a task that it hands out is handed out once. So this is a worker as `run` starts it, on the
//! real state folder and with the real programs, that polls each activity until one poll was answered, and then ends: a task that
//! comes is kept on disk before anything else, worked and reported, as any other. Where a worker runs already, it is the one to ask.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use activity_worker::aws::ActivityArn;
use activity_worker::worker::{Event, Events, PollOnceError, PollRisk, PolledOnce, Snapshot, Stop};
use activity_worker::{TaskId, Worker};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::deadline::aside;
use super::report::{Report, Step, Verdict};
use super::state::Running;
use crate::config::{ActivityConfig, Config, WorkerConfig};
use crate::run::{self, Polls};

/// The service holds a poll for 60 s. Who has said nothing for longer than this does not refuse it.
const PATIENCE: Duration = Duration::from_secs(70);
const LOOK: Duration = Duration::from_millis(100);
/// A poll that failed is tried again after this long.
const AGAIN: Duration = Duration::from_secs(5);
/// A poll that fails later than this had its connection, and was quiet on it for longer than some NATs remember.
const QUIET: Duration = Duration::from_secs(15);
/// A worker that has nothing to do and has begun no poll by now, can't.
const BEGUN: Duration = Duration::from_secs(5);

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
    let arns: Vec<_> = activities.iter().map(|activity| activity.arn.clone()).collect();
    // A handler ends within its time and its grace.
    let longest = activities.iter().map(|a| a.limits.timeout + a.limits.grace).max().unwrap_or_default();
    // Signals count from here on, so that none drops a poll.
    let signals = Signals::new([SIGINT, SIGTERM]);
    let worker = match run::start(Config { worker, activities, warnings: Vec::new() }, Polls::OnRequest) {
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
    let answers = Answers::of(arns.len());
    for (at, arn) in arns.into_iter().enumerate() {
        let (worker, answers) = (worker.clone(), answers.clone());
        aside(Box::new(move || ask(&worker, &arn, |answer| answers.set(at, answer))));
    }
    let seen = watch(&worker, &events, &answers, longest);
    let stopped = worker.stop(Stop::Drain);
    seen.tell(&answers.lock(), stopped.kept, report);
}

/// What came of the poll of one activity.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// None so far; the last reason, if one is known.
    Missing(Option<String>),
    Nothing,
    Task(TaskId),
}

/// One for each activity.
#[derive(Clone)]
struct Answers(Arc<Mutex<Vec<Answer>>>);

impl Answers {
    fn of(activities: usize) -> Self {
        Answers(Arc::new(Mutex::new(vec![Answer::Missing(None); activities])))
    }

    fn set(&self, at: usize, answer: Answer) {
        if let Some(place) = self.lock().get_mut(at) {
            *place = answer;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Polls until there was an answer, or the worker has ended.
fn ask(worker: &Worker, arn: &ActivityArn, set: impl Fn(Answer)) {
    loop {
        match worker.poll_once(arn, PATIENCE, PollRisk::Refuse) {
            Ok(PolledOnce::Task(id)) => return set(Answer::Task(id)),
            Ok(PolledOnce::Nothing) => return set(Answer::Nothing),
            Ok(_) | Err(PollOnceError::Stopped) => return,
            Err(why) => set(Answer::Missing(Some(why.to_string()))),
        }
        thread::sleep(AGAIN);
    }
}

/// What else was seen meanwhile.
#[derive(Default)]
struct Seen {
    refused: Vec<String>,
    offline: Option<String>,
    /// A poll had no answer for so long that something on the way may have forgotten its connection.
    silent: bool,
    /// Why no poll could be begun.
    full: Option<String>,
    /// The tasks that are over, or held.
    ended: Vec<TaskId>,
}

impl Seen {
    fn tell(&self, answers: &[Answer], kept: usize, report: &mut Report) {
        let mut problem = |what: &str, advice| report.say(Step::Poll, Verdict::Problem, what, advice);
        if let Some(refused) = self.refused.first() {
            let advice = "the policy of these credentials must allow states:GetActivityTask on the activity: activity-worker iam-policy";
            return problem(refused, advice);
        }
        let goes_on = match self.silent {
            // All steps before this one went well, short calls among them.
            true => {
                "short calls get through, a quiet one does not: something on the way (a NAT, a firewall) may forget connections that are quiet: set network.keepalive lower"
            }
            false => "the worker tries again by itself",
        };
        if let Some(why) = &self.offline {
            return problem(why, goes_on);
        }
        for answer in answers {
            let Answer::Missing(why) = answer else { continue };
            return match (why, &self.full) {
                (Some(why), _) => problem(why, goes_on),
                (None, Some(full)) => {
                    problem(full, "what is held takes a task's place: raise max_tasks or max_bytes")
                }
                (None, None) => problem(&format!("not answered within {} s", PATIENCE.as_secs()), goes_on),
            };
        }
        let said = match (answers.iter().filter(|answer| **answer != Answer::Nothing).count(), kept) {
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

    fn is_at_work(&self, answer: &Answer) -> bool {
        matches!(answer, Answer::Task(id) if !self.ended.contains(id))
    }
}

/// Until each activity has its answer and each task that came is over, or it makes no sense to wait.
fn watch(worker: &Worker, events: &Events, answers: &Answers, longest: Duration) -> Seen {
    let mut seen = Seen::default();
    let start = Instant::now();
    loop {
        match events.next_within(LOOK) {
            Some(Event::PollRefused { activity, reason }) => {
                seen.refused.push(format!("{activity}: {reason}"))
            }
            Some(Event::Offline { reason } | Event::CredentialsRefused { reason }) => {
                seen.silent |= start.elapsed() > QUIET;
                seen.offline = Some(reason);
            }
            Some(Event::Online | Event::CredentialsAccepted) => seen.offline = None,
            Some(Event::Settled { id, .. } | Event::Held { id, .. }) => seen.ended.push(id),
            Some(_) => {}
            None if events.is_over() => {
                // A signal ended it. Who waits for an answer hears it in this moment.
                thread::sleep(LOOK);
                return seen;
            }
            None => {
                let answers = answers.lock().clone();
                let at_work = answers.iter().any(|answer| seen.is_at_work(answer));
                let missing = answers.iter().filter(|answer| matches!(answer, Answer::Missing(_))).count();
                // A poll that could not be begun says why when its time is over.
                seen.silent |= missing > 0 && start.elapsed() > PATIENCE;
                let patience = PATIENCE + 10 * LOOK + if at_work { longest } else { Duration::ZERO };
                if missing > 0 && start.elapsed() > BEGUN {
                    seen.full = worker.snapshot().ok().and_then(|now| full(&now));
                }
                if (missing <= seen.refused.len() && !at_work)
                    || (seen.full.is_some() && answers.contains(&Answer::Missing(None)))
                    || seen.offline.is_some()
                    || start.elapsed() > patience
                {
                    return seen;
                }
            }
        }
    }
}

/// How a worker looks that has no room for a task, and nothing to do that makes some.
fn full(now: &Snapshot) -> Option<String> {
    let (held, foreign) = (now.held.len(), now.foreign.len());
    let busy = now.polls + now.running + now.deferred + now.waiting > 0;
    (!busy && held + foreign > 0).then(|| {
        format!(
            "not polled, no room for one more task; results held, since the service rejects them: {held}; tasks of another account, region, user or device: {foreign}"
        )
    })
}

/// The first signal ends it without a poll being dropped, the second at once.
fn listen(mut signals: Signals, worker: &Worker) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_13_a_poll_that_ends_in_silence_where_all_else_works_is_named() {
        let told = |silent| {
            let mut report = Report::new(true, false);
            let seen = Seen { silent, offline: Some("no answer within 65 s".into()), ..Seen::default() };
            seen.tell(&[Answer::Missing(None)], 0, &mut report);
            report.last_advice().to_owned()
        };
        assert!(told(true).contains("set network.keepalive lower"), "{}", told(true));
        assert!(told(false).contains("tries again by itself"), "{}", told(false));
    }

    #[test]
    fn only_an_answer_means_that_a_poll_is_allowed() {
        let verdict = |answers: &[Answer]| {
            let mut report = Report::new(true, false);
            Seen::default().tell(answers, 0, &mut report);
            report.worst(None)
        };
        let task = Answer::Task(activity_worker::TaskToken::new("t").unwrap().id());
        assert_eq!(verdict(&[Answer::Nothing, task]), Verdict::Ok);
        for why in [None, Some("GetActivityTask: ThrottlingException".to_owned())] {
            assert_eq!(verdict(&[Answer::Nothing, Answer::Missing(why)]), Verdict::Problem);
        }
    }
}
