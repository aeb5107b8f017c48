//! What many tasks cost: `cargo run --profile sim -p activity-worker-sim --example many` prints the engine's processor time for one
//! task from its poll to its end, by how many others are held; with `offline N`, how often a worker with N results and heartbeats of
//! 30 s wakes up on a dead network, and its processor time. Linux.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_worker::aws::{
    ActivityArn, ActivityClient, Credentials, Endpoint, HttpsTransport, StaticCredentials,
};
use activity_worker::engine::{
    Action, ActivityRules, Config, Engine, FoundState, Input, Kept, PollAnswer, Time,
};
use activity_worker::{Adoption, TaskId, TaskToken, Worker};

const SECOND: Duration = Duration::from_secs(1);
/// How long tasks are counted.
const MEASURED: Duration = Duration::from_secs(5);
/// How long a worker that is offline is left alone, and then watched.
const WATCHED: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("offline") => offline(args.get(1).and_then(|n| n.parse().ok()).unwrap_or(1000)),
        _ => {
            [100, 1_000, 10_000, 100_000].into_iter().for_each(one_task);
            Ok(())
        }
    }
}

fn id(n: u64) -> TaskId {
    let spread = u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    TaskId::from_bytes(spread.to_be_bytes())
}

fn one_task(held: u64) {
    let rules = ActivityRules {
        concurrency: 1,
        heartbeat: 30 * SECOND,
        deferred: false,
        safe_to_repeat: false,
        on_request: false,
        pollers: 1,
    };
    let config = Config {
        activities: std::iter::once(rules).collect(),
        max_tasks: usize::try_from(held).unwrap_or_default() + 64,
        max_connections: 24,
        comeback_window: 30 * SECOND,
        max_backoff: 120 * SECOND,
        lease: 86_400 * SECOND,
        adopted_heartbeat: Some(86_400 * SECOND),
        seed: 1,
    };
    let mut now = 1000 * SECOND;
    let mut engine = Engine::new(config, now);
    for n in 0..held {
        let state = FoundState::Deferred;
        engine.apply(now, Input::Found { id: id(n), activity: None, adopted: true, deferred: true, state });
    }
    engine.apply(now, Input::Room { tasks: 100 });
    now += 10 * SECOND;
    let (before, start, mut tasks) = (cpu("/proc/thread-self/schedstat"), Instant::now(), 0);
    while start.elapsed() < MEASURED {
        live(&mut engine, &mut now, id(held + tasks));
        tasks += 1;
    }
    let took = (cpu("/proc/thread-self/schedstat") - before) / u32::try_from(tasks).unwrap_or(u32::MAX);
    println!("{held:>7} tasks held: {:>9.4} ms a task", took.as_secs_f64() * 1e3);
}

/// A task goes its way, and the worker asks after each step when it is to wake up.
fn live(engine: &mut Engine, now: &mut Time, task: TaskId) {
    let (mut brought, mut over) = (false, false);
    while !over {
        *now += SECOND / 100;
        let Some(action) = engine.next(*now) else {
            *now = engine.wake_at().map_or(*now, |at| at.max(*now));
            continue;
        };
        let input = match action {
            Action::LookAtRoom => Input::Room { tasks: 100 },
            Action::Poll { activity } if !std::mem::replace(&mut brought, true) => {
                Input::PollEnded { activity, answer: PollAnswer::Task(task), took: SECOND }
            }
            Action::Poll { activity } => {
                Input::PollEnded { activity, answer: PollAnswer::Empty, took: 60 * SECOND }
            }
            Action::KeepTask { id } => Input::TaskKept { id },
            Action::Run { id, .. } => Input::OutcomeReady { id, success: true },
            Action::KeepOutcome { id, .. } => Input::OutcomeKept { id, kept: Kept::Yes },
            Action::Call { id, call } => Input::CallEnded { id, call, answer: Ok(()), took: SECOND / 10 },
            Action::Forget { id, .. } => {
                over = id == task;
                Input::Forgotten { id }
            }
            _ => continue,
        };
        engine.apply(*now, input);
    }
}

fn offline(results: u64) -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("many-{}", std::process::id()));
    let keys = StaticCredentials::new(Credentials::new("AKIDEXAMPLE", "secret", None, None));
    let client = ActivityClient::builder("eu-west-1")
        .endpoint(Endpoint::own("http://127.0.0.1:9")?)
        .credentials(Arc::new(keys))
        .transport(Arc::new(HttpsTransport::builder().build()?))
        .build()?;
    let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a")?;
    let origin = client.origin(&arn);
    let places = usize::try_from(results).unwrap_or_default() + 8;
    let worker = Worker::builder()
        .client(client)
        .state_dir(&dir)
        .origin(origin)
        .adopted_heartbeat(30 * SECOND)
        .max_tasks(places)
        .max_bytes(100 << 30)
        .allow_unsafe_storage(true)
        .start()?;
    for n in 0..results {
        let token = TaskToken::new(format!("token-{n}"))?;
        let id = worker.adopt(Adoption::new(token))?.id();
        worker.succeed(id, "1")?;
    }
    std::thread::sleep(WATCHED);
    let before = process();
    std::thread::sleep(WATCHED);
    let after = process();
    let (wakes, cpu) = (after.0 - before.0, after.1 - before.1);
    println!("{results} results, offline: {wakes} wake-ups and {:.3} s in a minute", cpu.as_secs_f64());
    worker.stop(activity_worker::worker::Stop::Now);
    fs::remove_dir_all(dir)?;
    Ok(())
}

/// How often any thread waited and went on, and their processor time.
fn process() -> (u64, Duration) {
    let (mut wakes, mut time) = (0, Duration::ZERO);
    for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        wakes += line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_default();
        time += cpu(&thread.path().join("schedstat").to_string_lossy());
    }
    (wakes, time)
}

fn cpu(path: &str) -> Duration {
    let stat = fs::read_to_string(path).unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or_default())
}
