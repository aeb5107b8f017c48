//! `iam-policy`: the least that a worker must be allowed.

use serde_json::json;

use crate::args::Policy;
use crate::error::Error;

/// Prints the policy. `SendTask*` know no resources: the task token, which the service gave, is what names the task.
/// Source: Service Authorization Reference, AWS Step Functions.
pub(crate) fn print(told: &Policy) -> Result<(), Error> {
    let arns: Vec<_> = told.arns.iter().map(|arn| arn.as_str()).collect();
    let mut on_activities = vec!["states:GetActivityTask"];
    if told.describe {
        on_activities.push("states:DescribeActivity");
    }
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Effect": "Allow", "Action": on_activities, "Resource": arns },
            {
                "Effect": "Allow",
                "Action": ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"],
                "Resource": "*"
            }
        ]
    });
    crate::print(&format!("{policy:#}\n"))
}
