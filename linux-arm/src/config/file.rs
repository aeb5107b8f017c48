//! The configuration file. Every error reads `FILE:LINE: key: what is wrong`.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use activity_worker::aws::{ActivityArn, Endpoint};
use activity_worker::{ACTIVITIES_MAX, TASKS_MAX, Worker, WorkerName};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

use super::table::{Remark, Table};
use super::values::{self, Allowed, place};
use super::{ActivityConfig, Config, WorkerConfig, credentials, network};
use super::{
    DEFAULT_CONCURRENCY, DEFAULT_GRACE, DEFAULT_HANDLER_TIMEOUT, DEFAULT_HEARTBEAT_INTERVAL, MAX_OUTPUT,
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

/// What is wrong with a file, or unwise in it, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) what: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Flaw { line, key, what } = self;
        let colon = if key.is_empty() { "" } else { ": " };
        write!(f, "{line}: {key}{colon}{what}")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, deserialize_with = "worker_name")]
    worker_name: Option<WorkerName>,
    #[serde(default, deserialize_with = "state_dir")]
    state_dir: Option<PathBuf>,
    endpoint_url: Option<Spanned<String>>,
    region: Option<Spanned<String>>,
    profile: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "ca_bundle")]
    ca_bundle: Option<PathBuf>,
    #[serde(default, deserialize_with = "max_tasks")]
    max_tasks: Option<usize>,
    max_bytes: Option<Spanned<Bytes>>,
    allow_unsafe_storage: Option<bool>,
    #[serde(default, deserialize_with = "comeback_window")]
    comeback_window: Option<Duration>,
    credentials: Option<Table>,
    network: Option<Table>,
    #[serde(default)]
    activity: Vec<Activity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activity {
    arn: Spanned<Arn>,
    command: Spanned<Vec<String>>,
    #[serde(default, deserialize_with = "concurrency")]
    concurrency: Option<usize>,
    #[serde(default, deserialize_with = "heartbeat_interval")]
    heartbeat_interval: Option<Duration>,
    #[serde(default, deserialize_with = "handler_timeout")]
    handler_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "grace")]
    grace: Option<Duration>,
    #[serde(default, deserialize_with = "max_output")]
    max_output: Option<usize>,
    #[serde(default)]
    safe_to_repeat: bool,
}

/// What a file says, and what is unwise in it.
pub(crate) fn parse(text: &str) -> Result<(Config, Vec<Flaw>), Flaw> {
    let at =
        |start: usize, key: &str, what: String| Flaw { line: line(text, start), key: key.to_owned(), what };
    let file: File = toml::from_str(text).map_err(|e| flaw(text, e))?;
    let Some(first) = file.activity.first() else {
        return Err(at(0, "activity", "no [[activity]] to take tasks from".into()));
    };
    let home = first.arn.get_ref().0.clone();
    if let Some(region) = file.region.as_ref().filter(|region| region.get_ref() != home.region()) {
        let what =
            format!("{:?}, but the activities are in {}: leave it out", region.get_ref(), home.region());
        return Err(at(region.span().start, "region", what));
    }
    let mut activities: Vec<ActivityConfig> = Vec::with_capacity(file.activity.len());
    for activity in file.activity {
        if activities.len() == ACTIVITIES_MAX {
            let what =
                format!("one too many: a worker polls at most {ACTIVITIES_MAX} activities, run a second one");
            return Err(at(activity.arn.span().start, "activity", what));
        }
        let (start, arn) = (activity.arn.span().start, activity.arn.into_inner().0);
        if place(&arn) != place(&home) {
            let what = format!(
                "is of {}, the first activity of {}: run one worker for each region and account",
                place(&arn),
                place(&home)
            );
            return Err(at(start, "activity.arn", what));
        }
        if activities.iter().any(|other| other.arn == arn) {
            return Err(at(start, "activity.arn", "stands here twice: raise its concurrency instead".into()));
        }
        let start = activity.command.span().start;
        let argv = activity.command.into_inner().into_iter().map(Into::into).collect();
        activities.push(ActivityConfig {
            arn,
            program: super::find_handler(argv).map_err(|what| at(start, "activity.command", what))?,
            concurrency: activity.concurrency.unwrap_or(DEFAULT_CONCURRENCY),
            heartbeat_interval: activity.heartbeat_interval.unwrap_or(DEFAULT_HEARTBEAT_INTERVAL),
            limits: Limits {
                timeout: activity.handler_timeout.unwrap_or(DEFAULT_HANDLER_TIMEOUT),
                grace: activity.grace.unwrap_or(DEFAULT_GRACE),
                max_output: activity.max_output.unwrap_or(MAX_OUTPUT),
            },
            safe_to_repeat: activity.safe_to_repeat,
        });
    }
    let largest = activities.iter().map(|activity| activity.limits.max_output).max().unwrap_or_default();
    let least = Worker::room_of_task(largest);
    if let Some(bytes) = file.max_bytes.as_ref().filter(|bytes| bytes.get_ref().0 < least) {
        return Err(at(
            bytes.span().start,
            "max_bytes",
            format!("leaves no room for a task: {least} at least"),
        ));
    }
    if let Some(url) = &file.endpoint_url {
        Endpoint::own(url.get_ref()).map_err(|e| at(url.span().start, "endpoint_url", e.to_string()))?;
    }
    let own_endpoint = file.endpoint_url.is_some();
    let (network, doubtful) =
        table(text, "network", file.network, |table| network::read(table, own_endpoint))?;
    let ((credentials, named), mut doubts) =
        table(text, "credentials", file.credentials, |table| credentials::read(table, home.region()))?;
    doubts.extend(doubtful);
    if let Some(profile) = file.profile.as_ref().filter(|_| credentials.is_some() || named.is_some()) {
        let what = "names a source of credentials, and so does [credentials]: remove one of the two";
        return Err(at(profile.span().start, "profile", what.into()));
    }
    let profile = file.profile.map(Spanned::into_inner).or(named);
    let worker = WorkerConfig {
        worker_name: file.worker_name,
        state_dir: file.state_dir,
        endpoint_url: file.endpoint_url.map(Spanned::into_inner),
        profile,
        credentials,
        network,
        ca_bundle: file.ca_bundle,
        max_tasks: file.max_tasks,
        max_bytes: file.max_bytes.map(|bytes| bytes.into_inner().0),
        allow_unsafe_storage: file.allow_unsafe_storage,
        comeback_window: file.comeback_window,
    };
    Ok((Config { worker, activities, warnings: Vec::new() }, doubts))
}

/// What a table says, and what is unwise in it.
fn table<T>(
    text: &str,
    name: &str,
    table: Option<Table>,
    read: impl FnOnce(&mut Table) -> T,
) -> Result<(T, Vec<Flaw>), Flaw> {
    let flaw =
        |(start, key, what): Remark| Flaw { line: line(text, start), key: format!("{name}.{key}"), what };
    let mut table = table.unwrap_or_default();
    let said = read(&mut table);
    let doubts = table.end().map_err(flaw)?;
    Ok((said, doubts.into_iter().map(flaw).collect()))
}

fn line(text: &str, start: usize) -> usize {
    text.bytes().take(start).filter(|b| *b == b'\n').count() + 1
}

/// What a value should have been, in the words of TOML.
const WORDS: [(&str, &str); 5] = [
    ("expected usize", "expected a whole number"),
    ("expected u64", "expected a whole number"),
    ("expected a sequence", "expected a list, [...]"),
    ("expected path string", "expected a text in quotes"),
    ("expected a string", "expected a text in quotes"),
];

fn flaw(text: &str, mut error: toml::de::Error) -> Flaw {
    let line = line(text, error.span().map_or(0, |span| span.start));
    // The key is only to be had from the text that an error prints when it has no input to quote.
    error.set_input(None);
    let shown = error.to_string();
    let key = shown
        .lines()
        .last()
        .and_then(|last| last.strip_prefix("in `")?.strip_suffix('`'))
        .unwrap_or_default();
    let mut what = error.message().replace('\n', ", ");
    for (rusts, ours) in WORDS {
        what = what.replace(rusts, ours);
    }
    // An unknown key is told as any other: by its name, and what is wrong with it.
    if let Some((unknown, known)) = what.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'))
    {
        let dot = if key.is_empty() { "" } else { "." };
        return Flaw { line, key: format!("{key}{dot}{unknown}"), what: format!("unknown key{known}") };
    }
    Flaw { line, key: key.to_owned(), what }
}

struct Arn(ActivityArn);

impl<'de> Deserialize<'de> for Arn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        values::arn(&String::deserialize(from)?).map(Arn).map_err(de::Error::custom)
    }
}

fn worker_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<WorkerName>, D::Error> {
    values::worker_name(&String::deserialize(from)?).map(Some).map_err(de::Error::custom)
}

fn time<'de, D: Deserializer<'de>>(from: D, allowed: Allowed) -> Result<Option<Duration>, D::Error> {
    values::duration(&String::deserialize(from)?, allowed).map(Some).map_err(de::Error::custom)
}

fn heartbeat_interval<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    time(from, Allowed::HEARTBEAT_INTERVAL)
}

fn handler_timeout<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    time(from, Allowed::HANDLER_TIMEOUT)
}

fn grace<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    time(from, Allowed::GRACE)
}

fn comeback_window<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    time(from, Allowed::COMEBACK_WINDOW)
}

fn concurrency<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    values::concurrency(u64::deserialize(from)?).map(Some).map_err(de::Error::custom)
}

fn state_dir<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let dir = PathBuf::deserialize(from)?;
    match dir.iter().next().map(|first| first == "~") {
        None => Err(de::Error::custom("empty: leave it out, or name a folder")),
        Some(true) => Err(de::Error::custom("no shell reads this: write the home folder out")),
        Some(false) => Ok(Some(dir)),
    }
}

fn ca_bundle<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let file = PathBuf::deserialize(from)?;
    credentials::readable(&file).map_err(de::Error::custom)?;
    Ok(Some(file))
}

fn max_tasks<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    match usize::deserialize(from)? {
        0 => Err(de::Error::custom("0 leaves no room for a task")),
        n if n > TASKS_MAX => Err(de::Error::custom(format!("{n} is over {TASKS_MAX}"))),
        n => Ok(Some(n)),
    }
}

fn max_output<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let size = usize::try_from(Bytes::deserialize(from)?.0).ok();
    match size {
        Some(2..=MAX_OUTPUT) => Ok(size),
        _ => Err(de::Error::custom(format!("not between 2 and {MAX_OUTPUT} bytes, the service's limit"))),
    }
}

/// A number of bytes, as a number or with a unit as text.
struct Bytes(u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Size;
        impl Visitor<'_> for Size {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes like 262144 or \"256KiB\"")
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Bytes, E> {
                u64::try_from(n).map(Bytes).map_err(|_| E::custom(format!("{n} is no number of bytes")))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                values::bytes(text).map(Bytes).map_err(E::custom)
            }
        }
        from.deserialize_any(Size)
    }
}

#[cfg(test)]
pub(super) mod tests;
