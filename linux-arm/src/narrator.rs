//! What happens in a worker, told to people: one line an event.

use std::collections::HashMap;
use std::time::Instant;

use activity_worker::worker::{Cancelled, Event};
use activity_worker::{Settlement, TaskId};
use log::Level;

/// Remembers of each task what a later line needs.
#[derive(Default)]
pub(crate) struct Narrator {
    /// As many as the worker holds tasks: each is forgotten when its task is settled.
    tasks: HashMap<TaskId, Story>,
}

#[derive(Default)]
struct Story {
    started: Option<Instant>,
    ended: Option<Ended>,
    held: Option<String>,
}

struct Ended {
    took: Option<String>,
    error: Option<String>,
}

impl Narrator {
    /// The line for an event, if there is something to say.
    pub(crate) fn tell(&mut self, event: &Event) -> Option<(Level, String)> {
        Some(match event {
            Event::Accepted { id, activity } => {
                let of = activity.as_ref().map_or_else(|| "a token passed on".to_owned(), Clone::clone);
                (Level::Info, format!("task {} accepted ({of})", short(*id)))
            }
            Event::Started { id, run } => {
                self.story(*id).started = Some(Instant::now());
                match run {
                    0 | 1 => (Level::Debug, format!("task {} started", short(*id))),
                    run => (Level::Info, format!("task {} started again, run {run}", short(*id))),
                }
            }
            Event::Ended { id, error } => {
                let story = self.story(*id);
                let took = story.started.map(|started| duration(started.elapsed().as_millis()));
                story.ended = Some(Ended { took, error: error.clone() });
                return None;
            }
            Event::Kept { id } => {
                let ended = self.story(*id).ended.take();
                let took = ended
                    .as_ref()
                    .and_then(|e| e.took.as_ref())
                    .map(|t| format!(" after {t}"))
                    .unwrap_or_default();
                let what = match ended {
                    Some(Ended { error: Some(error), .. }) => format!("failed{took} as {error}, "),
                    Some(_) => format!("done{took}, "),
                    None => String::new(),
                };
                (Level::Info, format!("task {} {what}result kept", short(*id)))
            }
            Event::Settled { id, settlement, request_id } => {
                self.tasks.remove(id);
                settled(*id, *settlement, request_id.as_deref())
            }
            Event::Held { id, reason } => {
                self.story(*id).held = Some(reason.clone());
                (
                    Level::Warn,
                    format!(
                        "task {} held: the service rejects its result, which is kept: {reason}",
                        short(*id)
                    ),
                )
            }
            Event::Offline { reason } => (Level::Warn, format!("offline, results wait on disk: {reason}")),
            Event::Online => (Level::Info, "online".to_owned()),
            Event::Cancelled { id, reason: Cancelled::Stopping } => {
                (Level::Info, format!("task {} is to end: the worker stops", short(*id)))
            }
            Event::Cancelled { id, .. } => {
                (Level::Warn, format!("task {} cancelled: the service gave it up", short(*id)))
            }
            Event::Warning { text } => (Level::Warn, text.clone()),
            Event::Missed { count } => (Level::Debug, format!("{count} events came too fast to be told")),
            _ => return None,
        })
    }

    /// Why the service rejects a task's result, if it was said since the start.
    pub(crate) fn why_held(&self, id: TaskId) -> Option<&str> {
        self.tasks.get(&id)?.held.as_deref()
    }

    fn story(&mut self, id: TaskId) -> &mut Story {
        self.tasks.entry(id).or_default()
    }
}

fn settled(id: TaskId, settlement: Settlement, request_id: Option<&str>) -> (Level, String) {
    let id = short(id);
    match settlement {
        Settlement::Delivered => {
            let request = request_id.map(|request| format!(" (request {request})")).unwrap_or_default();
            (Level::Info, format!("task {id} delivered{request}"))
        }
        Settlement::TooLate => {
            (Level::Warn, format!("task {id} too late: the service had given it up before its result came"))
        }
        _ => {
            (Level::Info, format!("task {id} is over for the service; an earlier report may have been taken"))
        }
    }
}

/// The first digits of an id: enough to tell the tasks of one device apart.
pub(crate) fn short(id: TaskId) -> String {
    let mut text = id.to_string();
    text.truncate(8);
    text
}

fn duration(milliseconds: u128) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..60 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A line of [`Narrator`], read again: the demo follows a worker by its log.
#[cfg(feature = "demo")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told<'a> {
    Accepted(&'a str),
    Again,
    Kept(&'a str),
    Settled(&'a str),
    Offline,
}

#[cfg(feature = "demo")]
impl<'a> Told<'a> {
    pub(crate) fn understand(line: &'a str) -> Option<Self> {
        if line.starts_with("offline") {
            return Some(Told::Offline);
        }
        let (id, what) = line.strip_prefix("task ")?.split_once(' ')?;
        match what {
            _ if what.starts_with("accepted") => Some(Told::Accepted(id)),
            _ if what.starts_with("started again") => Some(Told::Again),
            _ if what.ends_with("result kept") => Some(Told::Kept(id)),
            _ if ["delivered", "too late", "is over"].iter().any(|end| what.starts_with(end)) => {
                Some(Told::Settled(id))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use activity_worker::TaskToken;

    use super::*;

    #[test]
    fn a_task_is_told_from_acceptance_to_delivery_and_then_forgotten() {
        let id = TaskToken::new("t").unwrap().id();
        let mut narrator = Narrator::default();
        let events = [
            Event::Accepted { id, activity: Some("print".into()) },
            Event::Started { id, run: 1 },
            Event::Ended { id, error: Some("Handler.Exit3".into()) },
            Event::Kept { id },
            Event::Held { id, reason: "InvalidToken".into() },
        ];
        let lines: Vec<_> =
            events.iter().filter_map(|event| narrator.tell(event)).map(|(_, line)| line).collect();
        let s = short(id);
        let wanted = [
            format!("task {s} accepted (print)"),
            format!("task {s} started"),
            format!("task {s} failed after 0.0 s as Handler.Exit3, result kept"),
            format!("task {s} held: the service rejects its result, which is kept: InvalidToken"),
        ];
        assert_eq!(lines, wanted);
        #[cfg(feature = "demo")]
        assert_eq!(Told::understand(&lines[0]), Some(Told::Accepted(&s)));
        #[cfg(feature = "demo")]
        assert_eq!(Told::understand(&lines[2]), Some(Told::Kept(&s)));
        assert_eq!(narrator.why_held(id), Some("InvalidToken"));
        let delivered =
            Event::Settled { id, settlement: Settlement::Delivered, request_id: Some("r-1".into()) };
        assert_eq!(
            narrator.tell(&delivered),
            Some((Level::Info, format!("task {s} delivered (request r-1)")))
        );
        assert!(narrator.tasks.is_empty());
    }

    #[test]
    fn what_an_operator_should_act_on_is_a_warning() {
        let id = TaskToken::new("t").unwrap().id();
        let late = Event::Settled { id, settlement: Settlement::TooLate, request_id: None };
        let cancelled = Event::Cancelled { id, reason: Cancelled::TimedOut };
        for event in
            [late, cancelled, Event::Offline { reason: "x".into() }, Event::Warning { text: "y".into() }]
        {
            assert_eq!(Narrator::default().tell(&event).unwrap().0, Level::Warn, "{event:?}");
        }
    }

    #[test]
    fn durations_are_as_exact_as_a_person_wants_them() {
        assert_eq!(duration(1_249), "1.2 s");
        assert_eq!(duration(61_000), "1 min 1 s");
        assert_eq!(duration(7_260_000), "2 h 1 min");
    }
}
