//! Activities and state machines: create, describe, list, delete.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use super::Service;
use super::activity::Activity;
use super::moment::Moment;
use super::state_machine::StateMachine;
use crate::asl::{Definition, Workflow};
use crate::error::{ApiError, Resource};
use crate::names::{check_arn, check_name};

impl Service {
    /// Creates an activity; one that exists already is the answer then.
    pub(crate) fn create_activity(
        &mut self,
        name: &str,
        now: Moment,
    ) -> Result<(String, SystemTime), ApiError> {
        check_name(name)?;
        let arn = self.arn("activity", name);
        let new = || Activity {
            name: name.to_owned(),
            created: now.date,
            queue: VecDeque::new(),
            polls: VecDeque::new(),
        };
        let created = self.activities.entry(arn.clone()).or_insert_with(new).created;
        Ok((arn, created))
    }

    pub(crate) fn activity(&self, arn: &str) -> Result<&Activity, ApiError> {
        check_arn(arn, Resource::Activity)?;
        self.activities.get(arn).ok_or_else(|| ApiError::no_such(Resource::Activity, arn))
    }

    /// All activities with their ARNs.
    pub(crate) fn activities(&self) -> impl Iterator<Item = (&String, &Activity)> {
        self.activities.iter()
    }

    /// Deletes an activity, or does nothing if there is none. Its polls end empty; its tasks can only time out.
    pub(crate) fn delete_activity(&mut self, arn: &str) -> Result<(), ApiError> {
        check_arn(arn, Resource::Activity)?;
        for poll in self.activities.remove(arn).into_iter().flat_map(|a| a.polls) {
            poll.answer(None);
        }
        Ok(())
    }

    /// Creates a state machine; an equal one that exists already is the answer then.
    pub(crate) fn create_state_machine(
        &mut self,
        name: &str,
        text: &str,
        role_arn: &str,
        workflow: Workflow,
        now: Moment,
    ) -> Result<(String, SystemTime), ApiError> {
        check_name(name)?;
        let definition = Arc::new(
            Definition::parse_as(text, workflow)
                .map_err(|problems| ApiError::invalid_definition(&problems))?,
        );
        let arn = self.arn("stateMachine", name);
        if let Some(machine) = self.machines.get(&arn) {
            if machine.text != text || machine.role_arn != role_arn || machine.workflow != workflow {
                return Err(ApiError::service(
                    "StateMachineAlreadyExists",
                    format!("State Machine Already Exists: '{arn}'"),
                ));
            }
            return Ok((arn, machine.created));
        }
        let (name, text, role_arn) = (name.to_owned(), text.to_owned(), role_arn.to_owned());
        let machine = StateMachine { name, created: now.date, text, role_arn, workflow, definition };
        self.machines.insert(arn.clone(), machine);
        Ok((arn, now.date))
    }

    pub(crate) fn state_machine(&self, arn: &str) -> Result<&StateMachine, ApiError> {
        check_arn(arn, Resource::StateMachine)?;
        self.machines.get(arn).ok_or_else(|| ApiError::no_such(Resource::StateMachine, arn))
    }

    /// All state machines with their ARNs.
    pub(crate) fn state_machines(&self) -> impl Iterator<Item = (&String, &StateMachine)> {
        self.machines.iter()
    }

    /// Deletes a state machine, or does nothing if there is none. Its executions go on.
    pub(crate) fn delete_state_machine(&mut self, arn: &str) -> Result<(), ApiError> {
        check_arn(arn, Resource::StateMachine)?;
        self.machines.remove(arn);
        Ok(())
    }
}
