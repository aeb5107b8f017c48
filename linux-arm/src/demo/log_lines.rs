//! What the worker's log tells, read again: the demo follows a worker that is another process by nothing else.

/// A line of a worker's log that matters to the demo, with the task's id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LogLine<'a> {
    Accepted(&'a str),
    Again(&'a str),
    Kept(&'a str),
    Settled(&'a str),
    Offline,
}

impl<'a> LogLine<'a> {
    /// Understands the text of a line, without its date and level.
    pub(super) fn understand(text: &'a str) -> Option<Self> {
        if text.starts_with("offline") {
            return Some(LogLine::Offline);
        }
        let (id, what) = text.strip_prefix("task ")?.split_once(": ")?;
        match what {
            _ if what.starts_with("accepted") => Some(LogLine::Accepted(id)),
            _ if what.starts_with("handler started again") => Some(LogLine::Again(id)),
            "result kept" => Some(LogLine::Kept(id)),
            _ if what.starts_with("result delivered") => Some(LogLine::Settled(id)),
            _ if what.starts_with("over;") => Some(LogLine::Settled(id)),
            _ => None,
        }
    }
}

/// The first digits of an id: enough to tell the tasks of a demo apart.
pub(super) fn short(id: &str) -> &str {
    id.get(..6).unwrap_or(id)
}
