//! One state tried alone.

use super::Service;
use super::host::ServiceHost;
use super::moment::Moment;
use crate::asl::{Object, Value, format_timestamp};
use crate::run::{Probe, Probed};

impl Service {
    /// Tries a state.
    pub(crate) fn probe(&mut self, probe: &Probe, now: Moment) -> Probed {
        let mut host =
            ServiceHost { now, tokens: &self.tokens, last: &mut self.last, activities: &self.activities };
        probe.run(&mut host)
    }

    /// The context object of a state that is tried without one.
    pub(crate) fn made_up_context(
        &mut self,
        input: &Value,
        state: &str,
        role: &str,
        retries: u64,
        now: Moment,
    ) -> Value {
        let (machine, execution) = (self.unused_name(), self.unused_name());
        let date = Value::from(format_timestamp(now.date));
        let id = self.arn("express", &format!("{machine}:{execution}"));
        object([
            (
                "Execution",
                object([
                    ("Id", Value::from(id)),
                    ("Input", input.clone()),
                    ("Name", Value::from(execution)),
                    ("RoleArn", Value::from(role)),
                    ("StartTime", date.clone()),
                ]),
            ),
            (
                "State",
                object([
                    ("Name", Value::from(state)),
                    ("EnteredTime", date),
                    ("RetryCount", Value::whole(i64::try_from(retries).unwrap_or(i64::MAX))),
                ]),
            ),
            (
                "StateMachine",
                object([
                    ("Id", Value::from(self.arn("stateMachine", &machine))),
                    ("Name", Value::from(machine)),
                ]),
            ),
        ])
    }
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let fields: Object = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::Object(fields)
}
