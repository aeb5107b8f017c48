//! The calls of the activity API.

/// The calls that a worker makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Polls for a task.
    GetActivityTask,
    /// Reports an output.
    SendTaskSuccess,
    /// Reports a failure.
    SendTaskFailure,
    /// Says that a task is still worked on.
    SendTaskHeartbeat,
    /// Asks for an activity's description.
    DescribeActivity,
}

impl Operation {
    /// The name in the API reference.
    pub fn name(self) -> &'static str {
        match self {
            Operation::GetActivityTask => "GetActivityTask",
            Operation::SendTaskSuccess => "SendTaskSuccess",
            Operation::SendTaskFailure => "SendTaskFailure",
            Operation::SendTaskHeartbeat => "SendTaskHeartbeat",
            Operation::DescribeActivity => "DescribeActivity",
        }
    }
}
