//! Errors as a state raises them, and as `ErrorEquals` sees them.

use super::value::{Object, Value};

/// What a state, a task or an expression raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raised {
    error: Option<String>,
    cause: Option<String>,
    kind: Kind,
    /// The field whose expression has no value, below the state; empty if it is none's.
    location: Option<String>,
}

/// The error and the cause of a distributed Map of which too much has failed.
pub(crate) const THRESHOLD: (&str, &str) =
    ("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A worker, or a Fail state.
    Reported,
    /// The interpreter itself: the cause gets the state's place before it.
    Found,
    /// The same with its place, or one whose cause names the state as it is.
    Placed,
    /// HeartbeatSeconds passed: it answers to two names.
    Heartbeat,
}

impl Raised {
    /// Reported by a worker, or by a Fail state.
    pub(crate) fn reported(error: Option<String>, cause: Option<String>) -> Self {
        Raised { error, cause, kind: Kind::Reported, location: None }
    }

    /// TimeoutSeconds passed.
    pub(crate) fn timeout() -> Self {
        Self::reported(Some("States.Timeout".to_owned()), None)
    }

    /// HeartbeatSeconds passed without a heartbeat.
    pub(crate) fn heartbeat_timeout() -> Self {
        Raised { kind: Kind::Heartbeat, ..Self::timeout() }
    }

    /// Too many items of a distributed Map have failed.
    pub(crate) fn threshold() -> Self {
        let (error, cause) = THRESHOLD;
        Self::reported(Some(error.to_owned()), Some(cause.to_owned()))
    }

    /// Found by the interpreter while it executed a state.
    pub(crate) fn named(error: &str, reason: impl Into<String>) -> Self {
        Raised {
            error: Some(error.to_owned()),
            cause: Some(reason.into()),
            kind: Kind::Found,
            location: None,
        }
    }

    /// `States.Runtime`: no Retry and no Catch helps.
    pub(crate) fn runtime(reason: impl Into<String>) -> Self {
        Self::named("States.Runtime", reason)
    }

    /// An expression in this field has no value, or one that does not fit.
    pub(crate) fn evaluation(location: &str, reason: String) -> Self {
        Raised { location: Some(location.to_owned()), ..Self::named("States.QueryEvaluationError", reason) }
    }

    /// Takes the field whose expression has no value: an event tells it once.
    pub(crate) fn take_location(&mut self) -> Option<String> {
        self.location.take()
    }

    /// Found by the interpreter, with a cause that names the state.
    pub(crate) fn placed(error: &str, cause: String) -> Self {
        Raised { error: Some(error.to_owned()), cause: Some(cause), kind: Kind::Placed, location: None }
    }

    /// The same once its state is known: what the interpreter found names the place.
    pub(crate) fn in_state(mut self, state: &str, entered: u64) -> Self {
        if let (Kind::Found, Some(cause)) = (self.kind, &mut self.cause) {
            *cause = format!(
                "An error occurred while executing the state '{state}' (entered at the event id #{entered}). {cause}"
            );
            self.kind = Kind::Placed;
        }
        self
    }

    /// The error's name; empty if there is none.
    pub(crate) fn error(&self) -> &str {
        self.error.as_deref().unwrap_or("")
    }

    #[cfg(test)]
    pub(crate) fn reason(&self) -> &str {
        self.cause.as_deref().unwrap_or("")
    }

    pub(crate) fn into_parts(self) -> (Option<String>, Option<String>) {
        (self.error, self.cause)
    }

    pub(crate) fn parts(&self) -> (Option<&str>, Option<&str>) {
        (self.error.as_deref(), self.cause.as_deref())
    }

    /// Whether one of these names matches it. Source: developer guide, "Handling errors".
    pub(super) fn is_one_of(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.is(name))
    }

    fn is(&self, name: &str) -> bool {
        let error = self.error();
        // What a worker reports under these names is caught as any other error is.
        let is_found = matches!(self.kind, Kind::Found | Kind::Placed);
        match (error, name) {
            ("States.Runtime", _) if is_found => false,
            ("States.DataLimitExceeded", name) if is_found => name == error,
            (_, "States.ALL") => true,
            ("States.Timeout", "States.HeartbeatTimeout") => self.kind == Kind::Heartbeat,
            ("States.Timeout", "States.TaskFailed") => false,
            (_, "States.TaskFailed") => true,
            _ => name == error,
        }
    }

    /// What a catcher gives on: a timeout without a cause has an empty one, a failure without both has `null`.
    pub(crate) fn output(&self) -> Value {
        let text = |part: &Option<String>| part.as_deref().map_or(Value::Null, Value::from);
        let cause = match &self.cause {
            None if self.error() == "States.Timeout" => Value::from(""),
            cause => text(cause),
        };
        let fields = [("Error".to_owned(), text(&self.error)), ("Cause".to_owned(), cause)];
        Value::Object(Object::of_distinct(fields.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(raised: &Raised, name: &str) -> bool {
        raised.is_one_of(&[name.to_owned()])
    }

    #[test]
    fn a_missed_heartbeat_is_a_timeout_too_and_no_failure_of_the_task() {
        assert!(matches(&Raised::heartbeat_timeout(), "States.Timeout"));
        assert!(matches(&Raised::heartbeat_timeout(), "States.HeartbeatTimeout"));
        assert!(!matches(&Raised::timeout(), "States.HeartbeatTimeout"));
        assert!(!matches(&Raised::timeout(), "States.TaskFailed"));
        assert!(matches(&Raised::timeout(), "States.ALL"));
    }

    #[test]
    fn all_does_not_match_what_no_catch_helps_against() {
        let failed = Raised::reported(Some("Worker.Stopping".to_owned()), None);
        assert!(matches(&failed, "States.TaskFailed") && matches(&failed, "States.ALL"));
        assert!(matches(&failed, "Worker.Stopping") && !matches(&failed, "Other"));
        assert!(matches(&Raised::reported(None, None), "States.ALL"));
        for name in ["States.ALL", "States.Runtime", "States.TaskFailed"] {
            assert!(!matches(&Raised::runtime("why"), name), "{name}");
        }
        let large = Raised::named("States.DataLimitExceeded", "why");
        assert!(!matches(&large, "States.ALL") && matches(&large, "States.DataLimitExceeded"));
        assert!(matches(&Raised::named("States.IntrinsicFailure", "why"), "States.ALL"));
        let reported = Raised::reported(Some("States.DataLimitExceeded".to_owned()), None);
        assert!(matches(&reported, "States.ALL"));
    }

    #[test]
    fn a_catcher_gives_error_and_cause_always() {
        let some = Raised::reported(Some("E".to_owned()), Some("c".to_owned()));
        assert_eq!(some.output().to_string(), r#"{"Error":"E","Cause":"c"}"#);
        assert_eq!(Raised::reported(None, None).output().to_string(), r#"{"Error":null,"Cause":null}"#);
        assert_eq!(Raised::timeout().output().to_string(), r#"{"Error":"States.Timeout","Cause":""}"#);
    }

    #[test]
    fn what_the_interpreter_found_names_the_state_once() {
        let placed = Raised::runtime("why").in_state("S", 2).in_state("Outer", 1);
        assert_eq!(
            placed.reason(),
            "An error occurred while executing the state 'S' (entered at the event id #2). why"
        );
        assert_eq!(Raised::reported(None, Some("c".to_owned())).in_state("S", 2).reason(), "c");
    }
}
