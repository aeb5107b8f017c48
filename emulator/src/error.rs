//! Errors as the service words them.

use serde_json::{Value, json};

use crate::asl::Problem;

/// An error of the API: its code and message are the service's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    status: u16,
    code: String,
    message: String,
    origin: Origin,
}

/// Which part of AWS speaks: it decides the namespace of the code, and how the message's key is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Step Functions itself.
    Service,
    /// The front end that checks the shapes of requests.
    Validation,
    /// The front end that checks signatures and routes requests.
    Front,
    /// Authorization, which alone writes `Message` with a capital.
    Authorization,
}

impl ApiError {
    /// An error of Step Functions, always with status 400.
    pub(crate) fn service(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message.into(), Origin::Service)
    }

    /// A request whose members break the API's constraints.
    pub(crate) fn validation(constraint: &str) -> Self {
        let message = format!("1 validation error detected: {constraint}");
        Self::new(400, "ValidationException", message, Origin::Validation)
    }

    /// A request that Step Functions itself refuses as not valid.
    pub(crate) fn plain_validation(message: String) -> Self {
        Self::new(400, "ValidationException", message, Origin::Validation)
    }

    /// A request that was turned away before it came to the service.
    pub(crate) fn front(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::new(status, code, message.into(), Origin::Front)
    }

    /// A caller that is known, and not allowed.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(400, "AccessDeniedException", message.into(), Origin::Authorization)
    }

    /// `InvalidToken`, for task tokens and page tokens that this service never gave out.
    pub(crate) fn invalid_token() -> Self {
        Self::service("InvalidToken", "Invalid Token: 'Invalid token'")
    }

    /// `InvalidName`.
    pub(crate) fn invalid_name(name: &str) -> Self {
        Self::service("InvalidName", format!("Invalid Name: '{name}'"))
    }

    /// `InvalidArn`.
    pub(crate) fn invalid_arn(reason: &str) -> Self {
        Self::service("InvalidArn", format!("Invalid Arn: '{reason}'"))
    }

    /// `InvalidDefinition`, with all that is wrong.
    pub(crate) fn invalid_definition(problems: &[Problem]) -> Self {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let message = format!("Invalid State Machine Definition: '{}'", problems.join(", "));
        Self::service("InvalidDefinition", message)
    }

    /// `...DoesNotExist` for an activity, a state machine or an execution.
    pub(crate) fn no_such(what: Resource, arn: &str) -> Self {
        let (code, words) = match what {
            Resource::Activity => ("ActivityDoesNotExist", "Activity Does Not Exist"),
            Resource::StateMachine => ("StateMachineDoesNotExist", "State Machine Does Not Exist"),
            Resource::Execution => ("ExecutionDoesNotExist", "Execution Does Not Exist"),
        };
        Self::service(code, format!("{words}: '{arn}'"))
    }

    fn new(status: u16, code: &str, message: String, origin: Origin) -> Self {
        ApiError { status, code: code.to_owned(), message, origin }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The error's code, for instance `ActivityDoesNotExist`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body that carries it.
    pub(crate) fn body(&self) -> Value {
        let (namespace, key) = match self.origin {
            Origin::Service => ("com.amazonaws.swf.service.v2.model", "message"),
            Origin::Validation => ("com.amazon.coral.validate", "message"),
            Origin::Front => ("com.amazon.coral.service", "message"),
            Origin::Authorization => ("com.amazon.coral.service", "Message"),
        };
        json!({ "__type": format!("{namespace}#{}", self.code), key: self.message })
    }
}

/// The three kinds of things that have an ARN here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Activity,
    StateMachine,
    Execution,
}
