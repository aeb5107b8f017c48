//! Step Functions as far as a worker sees it: executions queue at activities, tokens are handed out once, the first valid report
//! settles a task, silence times it out.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use activity_worker::clock::RELEASE_DATE;
use activity_worker::{TaskId, TaskToken};

/// How long an empty poll is held.
pub(crate) const LONG_POLL: Duration = Duration::from_secs(60);
/// How far off a signature's time may be.
pub(crate) const SKEW: Duration = Duration::from_secs(300);

/// How tasks of an activity time out, and what follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskRules {
    /// `HeartbeatSeconds`.
    pub(crate) heartbeat: Option<Duration>,
    /// `TimeoutSeconds`.
    pub(crate) timeout: Option<Duration>,
}

/// A report: an output, or an error's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// `SendTaskSuccess`.
    Success(String),
    /// `SendTaskFailure`.
    Failure(String),
}

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// Handed out.
    Running,
    /// Settled by a report of this device.
    Taken(usize, Report),
    /// Silent for too long.
    TimedOut,
}

/// A task that was handed out.
#[derive(Debug)]
pub(crate) struct Task {
    /// Its token.
    pub(crate) token: String,
    /// Where it came from; `None`: it was pushed.
    pub(crate) activity: Option<usize>,
    /// How it stands.
    pub(crate) status: Status,
    rules: TaskRules,
    last_beat: Duration,
    started: Duration,
    /// How often its state was retried already.
    attempt: u32,
}

/// A poll that the service holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The poll.
    pub(crate) poll: u64,
    /// Until when it is held.
    pub(crate) until: Duration,
}

#[derive(Debug, Default)]
struct Queue {
    executions: VecDeque<u32>,
    polls: VecDeque<Waiting>,
}

/// A bucket of calls, as the account's quota is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    level: f64,
    size: f64,
    per_second: f64,
    at: Duration,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(size: f64, per_second: f64) -> Self {
        Bucket { level: size, size, per_second, at: Duration::ZERO }
    }

    fn take(&mut self, now: Duration) -> bool {
        self.level += now.saturating_sub(self.at).as_secs_f64() * self.per_second;
        (self.level, self.at) = (self.level.min(self.size), self.at.max(now));
        let full = self.level >= 1.0;
        self.level -= f64::from(u8::from(full));
        full
    }
}

/// The service.
pub(crate) struct Service {
    /// All tasks that were handed out.
    pub(crate) tasks: Vec<Task>,
    by_token: HashMap<String, usize>,
    by_id: HashMap<TaskId, usize>,
    rules: Vec<TaskRules>,
    queues: Vec<Queue>,
    /// The quota for each kind of call: polls, successes, failures, heartbeats.
    pub(crate) quota: Option<[Bucket; 4]>,
    /// Until when the role is not allowed anything.
    pub(crate) denied_until: Duration,
    /// When it last denied something.
    pub(crate) denied_at: Option<Duration>,
    /// Until when no token is known: the role belongs to another account.
    pub(crate) rejecting_until: Duration,
    /// Session tokens issued before this time are refused.
    pub(crate) revoked_before: Duration,
    salt: u64,
}

impl Service {
    /// A service with these activities.
    pub(crate) fn new(rules: Vec<TaskRules>, salt: u64) -> Self {
        let queues = rules.iter().map(|_| Queue::default()).collect();
        Service {
            tasks: Vec::new(),
            by_token: HashMap::new(),
            by_id: HashMap::new(),
            rejecting_until: Duration::ZERO,
            rules,
            queues,
            quota: None,
            denied_until: Duration::ZERO,
            denied_at: None,
            revoked_before: Duration::ZERO,
            salt,
        }
    }

    /// The service's date.
    pub(crate) fn date(now: Duration) -> SystemTime {
        SystemTime::UNIX_EPOCH + RELEASE_DATE + Duration::from_secs(20 * 86_400) + now
    }

    /// Whether the quota allows one more call of this kind.
    pub(crate) fn allows(&mut self, kind: usize, now: Duration) -> bool {
        self.quota.as_mut().is_none_or(|quota| quota[kind].take(now))
    }

    /// An execution reaches the activity's state.
    pub(crate) fn execute(&mut self, activity: usize, attempt: u32) {
        self.queues[activity].executions.push_back(attempt);
    }

    /// Executions that wait since long are stopped, but for so many.
    pub(crate) fn stop_executions(&mut self, but: usize) {
        self.queues.iter_mut().for_each(|queue| queue.executions.truncate(but));
    }

    /// Executions that nobody has asked for.
    pub(crate) fn waiting(&self) -> usize {
        self.queues.iter().map(|queue| queue.executions.len()).sum()
    }

    /// Holds a poll.
    pub(crate) fn hold(&mut self, activity: usize, poll: u64, now: Duration) {
        self.queues[activity].polls.push_back(Waiting { poll, until: now + LONG_POLL });
    }

    /// The next poll of the activity that gets a task, and the task's place. Polls that were dropped get theirs too.
    pub(crate) fn hand_out(&mut self, activity: usize, now: Duration) -> Option<(u64, usize)> {
        let queue = &mut self.queues[activity];
        queue.polls.retain(|waiting| waiting.until > now);
        if queue.executions.is_empty() {
            return None;
        }
        let waiting = queue.polls.pop_front()?;
        let attempt = queue.executions.pop_front()?;
        let rules = self.rules[activity];
        Some((waiting.poll, self.begin(Some(activity), rules, attempt, now)))
    }

    /// Takes a poll out that has come to its end.
    pub(crate) fn release(&mut self, activity: usize, poll: u64) {
        self.queues[activity].polls.retain(|waiting| waiting.poll != poll);
    }

    /// A `.waitForTaskToken` state begins: its token goes another way.
    pub(crate) fn push(&mut self, rules: TaskRules, now: Duration) -> usize {
        self.begin(None, rules, 0, now)
    }

    fn begin(&mut self, activity: Option<usize>, rules: TaskRules, attempt: u32, now: Duration) -> usize {
        let place = self.tasks.len();
        let token = format!("token-{:016x}-{place}", self.salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.by_token.insert(token.clone(), place);
        self.by_id.extend(TaskToken::new(token.clone()).map(|token| (token.id(), place)));
        let status = Status::Running;
        self.tasks.push(Task { token, activity, status, rules, last_beat: now, started: now, attempt });
        place
    }

    /// The task of this id.
    pub(crate) fn find(&self, id: TaskId) -> Option<&Task> {
        self.by_id.get(&id).map(|place| &self.tasks[*place])
    }

    /// The id of the task in this place.
    pub(crate) fn id(&self, place: usize) -> Option<TaskId> {
        TaskToken::new(self.tasks[place].token.clone()).ok().map(|token| token.id())
    }

    fn place(&self, token: &str, now: Duration) -> Result<usize, &'static str> {
        match self.by_token.get(token) {
            Some(place) if now >= self.rejecting_until => Ok(*place),
            _ => Err("InvalidToken"),
        }
    }

    /// When the task will time out if nothing more is heard of it.
    pub(crate) fn times_out_at(&self, place: usize) -> Option<Duration> {
        let task = &self.tasks[place];
        let silent = task.rules.heartbeat.map(|h| task.last_beat + h);
        let over = task.rules.timeout.map(|t| task.started + t);
        if task.status != Status::Running {
            return None;
        }
        silent.into_iter().chain(over).min()
    }

    /// The patience that the task's silence has worn out, if it has.
    pub(crate) fn worn_out(&self, place: usize, now: Duration) -> Option<Duration> {
        let task = &self.tasks[place];
        task.rules.heartbeat.filter(|heartbeat| task.last_beat + *heartbeat <= now)
    }

    /// Times the task out if its time has come; its state is retried three times. True if it timed out now.
    pub(crate) fn expire(&mut self, place: usize, now: Duration) -> bool {
        if self.times_out_at(place).is_none_or(|at| at > now) {
            return false;
        }
        let task = &mut self.tasks[place];
        task.status = Status::TimedOut;
        let (activity, attempt) = (task.activity, task.attempt + 1);
        if let Some(activity) = activity.filter(|_| attempt <= 3) {
            self.execute(activity, attempt);
        }
        true
    }

    /// A heartbeat. The error's name if it is refused.
    pub(crate) fn beat(&mut self, token: &str, now: Duration) -> Result<usize, &'static str> {
        let place = self.place(token, now)?;
        self.expire(place, now);
        let task = &mut self.tasks[place];
        if task.status != Status::Running {
            return Err("TaskTimedOut");
        }
        task.last_beat = now;
        Ok(place)
    }

    /// A report. The first one that comes in time settles the task.
    pub(crate) fn report(
        &mut self,
        token: &str,
        report: Report,
        device: usize,
        now: Duration,
    ) -> Result<usize, &'static str> {
        let place = self.place(token, now)?;
        self.expire(place, now);
        let task = &mut self.tasks[place];
        if task.status != Status::Running {
            return Err("TaskTimedOut");
        }
        task.status = Status::Taken(device, report);
        Ok(place)
    }
}
