//! The configuration file. Every error reads `FILE:LINE: key: what is wrong`.

use std::fs;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use activity_worker::aws::{ActivityArn, Endpoint};
use activity_worker::worker::{CONNECTIONS, POLLERS};
use activity_worker::{ACTIVITIES_MAX, TASKS_MAX, Worker};

use super::table::{Flaw, Table};
use super::values::{self, Allowed, place};
use super::{ActivityConfig, Config, ServiceConfig, WorkerConfig, credentials, network};
use super::{
    DEFAULT_CONCURRENCY, DEFAULT_GRACE, DEFAULT_HANDLER_TIMEOUT, DEFAULT_HEARTBEAT_INTERVAL, DEFAULT_POLLERS,
    MAX_OUTPUT,
};
use crate::error::Error;
use crate::exec::Limits;

/// No configuration is longer.
const FILE_MAX: u64 = 1 << 20;

/// Reads a file.
pub(crate) fn read(file: &Path) -> Result<Config, Error> {
    let name = file.display();
    let mut text = String::new();
    let read = fs::File::open(file).and_then(|opened| opened.take(FILE_MAX + 1).read_to_string(&mut text));
    read.map_err(|e| Error::Config(format!("can't read {name}: {e}")))?;
    if text.len() as u64 > FILE_MAX {
        return Err(Error::Config(format!("{name} is over {FILE_MAX} bytes: is it the configuration?")));
    }
    let (mut config, doubts) = parse(&text).map_err(|flaw| Error::Config(format!("{name}:{flaw}")))?;
    config.warnings = doubts.iter().map(|doubt| format!("{name}:{doubt}")).collect();
    Ok(config)
}

/// What a file says, and what is unwise in it.
pub(crate) fn parse(text: &str) -> Result<(Config, Vec<Flaw>), Flaw> {
    let mut file = Table::parse(text)?;
    let activities = activities(&mut file)?;
    let (worker, mut doubts) = worker(&mut file, &activities)?;
    doubts.extend(file.end()?);
    Ok((Config { worker, activities, warnings: Vec::new() }, doubts))
}

/// All activities, and no other key of the file.
fn activities(file: &mut Table<'_>) -> Result<Vec<ActivityConfig>, Flaw> {
    let mut activities: Vec<ActivityConfig> = Vec::new();
    for mut table in file.tables("activity") {
        let read = activity(&mut table);
        if let Some(read) = &read {
            fits(&read.arn, &activities, &mut table);
        }
        table.end()?;
        activities.extend(read);
    }
    if activities.is_empty() {
        file.wrong("activity", "no [[activity]] to take tasks from");
    }
    Ok(activities)
}

/// Whether one worker can have this activity besides those before it.
fn fits(arn: &ActivityArn, others: &[ActivityConfig], table: &mut Table<'_>) {
    if others.len() == ACTIVITIES_MAX {
        let what =
            format!("one too many: a worker polls at most {ACTIVITIES_MAX} activities, run a second one");
        table.wrong("", &what);
    }
    if let Some(first) = others.first().filter(|first| place(&first.arn) != place(arn)) {
        let what = format!(
            "is of {}, the first activity of {}: run one worker for each region and account",
            place(arn),
            place(&first.arn)
        );
        table.wrong("arn", &what);
    }
    if others.iter().any(|other| other.arn == *arn) {
        table.wrong("arn", "stands here twice: raise its concurrency instead");
    }
}

fn activity(table: &mut Table<'_>) -> Option<ActivityConfig> {
    table.needs("arn");
    table.needs("command");
    let arn = table.parsed("arn", values::arn);
    let command = table.list("command");
    let concurrency = table.number("concurrency", values::concurrency);
    let heartbeat_interval = time(table, "heartbeat_interval", Allowed::HEARTBEAT_INTERVAL);
    let timeout = time(table, "handler_timeout", Allowed::HANDLER_TIMEOUT);
    let grace = time(table, "grace", Allowed::GRACE);
    let max_output = table.bytes("max_output", max_output);
    let safe_to_repeat = table.switch("safe_to_repeat");
    let pollers = table.number("pollers", |n| within(n, POLLERS));
    let argv = command?.into_iter().map(Into::into).collect();
    let program = super::find_handler(argv).map_err(|what| table.wrong("command", &what)).ok();
    Some(ActivityConfig {
        arn: arn?,
        program: program?,
        concurrency: concurrency.unwrap_or(DEFAULT_CONCURRENCY),
        heartbeat_interval: heartbeat_interval.unwrap_or(DEFAULT_HEARTBEAT_INTERVAL),
        limits: Limits {
            timeout: timeout.unwrap_or(DEFAULT_HANDLER_TIMEOUT),
            grace: grace.unwrap_or(DEFAULT_GRACE),
            max_output: max_output.unwrap_or(MAX_OUTPUT),
        },
        safe_to_repeat: safe_to_repeat.unwrap_or(false),
        pollers: pollers.unwrap_or(DEFAULT_POLLERS),
    })
}

/// All that concerns the worker as a whole, and what is unwise in the tables of its own.
fn worker(file: &mut Table<'_>, activities: &[ActivityConfig]) -> Result<(WorkerConfig, Vec<Flaw>), Flaw> {
    let home = activities.first().map(|first| first.arn.region());
    let (service, doubts) = service(file, home.unwrap_or_default())?;
    // There is nothing to set: it is there to be sure.
    file.parsed("region", |region| match home {
        Some(home) if home != region => {
            Err(format!("{region:?}, but the activities are in {home}: leave it out"))
        }
        _ => Ok(()),
    });
    let largest = activities.iter().map(|activity| activity.limits.max_output).max().unwrap_or_default();
    let least = Worker::room_of_task(largest);
    let worker = WorkerConfig {
        service,
        worker_name: file.parsed("worker_name", values::worker_name),
        state_dir: file.parsed("state_dir", state_dir),
        max_tasks: file.number("max_tasks", max_tasks),
        max_bytes: file.bytes("max_bytes", |bytes| match bytes < least {
            true => Err(format!("leaves no room for a task: {least} at least")),
            false => Ok(bytes),
        }),
        max_connections: file.number("max_connections", |n| within(n, CONNECTIONS)),
        allow_unsafe_storage: file.switch("allow_unsafe_storage"),
        comeback_window: time(file, "comeback_window", Allowed::COMEBACK_WINDOW),
    };
    Ok((worker, doubts))
}

/// How the service is reached, from the top of the file and two tables. `region`: the activities'.
fn service(file: &mut Table<'_>, region: &str) -> Result<(ServiceConfig, Vec<Flaw>), Flaw> {
    let endpoint_url = file.parsed("endpoint_url", |url| match Endpoint::own(url) {
        Ok(_) => Ok(url.to_owned()),
        Err(e) => Err(e.to_string()),
    });
    let mut table = file.table("network");
    let mut network = network::read(&mut table);
    network.ca_file = file.parsed("ca_bundle", ca_bundle);
    let own = endpoint_url.is_some();
    let use_fips_endpoint = network::endpoint_switch(&mut table, "use_fips_endpoint", own);
    let use_dualstack_endpoint = network::endpoint_switch(&mut table, "use_dualstack_endpoint", own);
    let mut doubts = table.end()?;
    let mut table = file.table("credentials");
    let (credentials, named) = credentials::read(&mut table, region);
    doubts.extend(table.end()?);
    let profile = file.text("profile");
    if profile.is_some() && (credentials.is_some() || named.is_some()) {
        file.wrong(
            "profile",
            "names a source of credentials, and so does [credentials]: remove one of the two",
        );
    }
    let profile = profile.or(named);
    let service = ServiceConfig {
        endpoint_url,
        use_fips_endpoint,
        use_dualstack_endpoint,
        profile,
        credentials,
        network,
    };
    Ok((service, doubts))
}

fn time(table: &mut Table<'_>, key: &'static str, allowed: Allowed) -> Option<Duration> {
    table.parsed(key, |text| values::duration(text, allowed))
}

fn state_dir(text: &str) -> Result<PathBuf, String> {
    let dir = PathBuf::from(text);
    match dir.iter().next().map(|first| first == "~") {
        None => Err("empty: leave it out, or name a folder".to_owned()),
        Some(true) => Err("no shell reads this: write the home folder out".to_owned()),
        Some(false) => Ok(dir),
    }
}

fn ca_bundle(text: &str) -> Result<PathBuf, String> {
    let file = PathBuf::from(text);
    credentials::readable(&file).and_then(|()| credentials::holds_cas(&file))?;
    Ok(file)
}

fn max_tasks(tasks: u64) -> Result<usize, String> {
    match usize::try_from(tasks) {
        Ok(0) => Err("0 leaves no room for a task".to_owned()),
        Ok(tasks @ 1..=TASKS_MAX) => Ok(tasks),
        _ => Err(format!("{tasks} is over {TASKS_MAX}")),
    }
}

fn within(number: u64, allowed: RangeInclusive<usize>) -> Result<usize, String> {
    let is = usize::try_from(number).ok().filter(|number| allowed.contains(number));
    is.ok_or_else(|| format!("{number} is not between {} and {}", allowed.start(), allowed.end()))
}

fn max_output(bytes: u64) -> Result<usize, String> {
    match usize::try_from(bytes) {
        Ok(bytes @ 2..=MAX_OUTPUT) => Ok(bytes),
        _ => Err(format!("not between 2 and {MAX_OUTPUT} bytes, the service's limit")),
    }
}

#[cfg(test)]
pub(super) mod tests;
