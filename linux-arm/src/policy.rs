//! `iam-policy`: the least that a worker must be allowed.

use crate::args::Policy;
use crate::console;
use crate::error::Error;

/// Prints the policy. `SendTask*` know no resources: the task token, which the service gave, is what names the task.
/// Source: Service Authorization Reference, AWS Step Functions.
pub(crate) fn print(told: &Policy) -> Result<(), Error> {
    // No ARN of an activity holds a quote or a backslash.
    let arns: Vec<_> = told.arns.iter().map(|arn| format!("\"{}\"", arn.as_str())).collect();
    let describe = if told.describe { ", \"states:DescribeActivity\"" } else { "" };
    console::print(&format!(
        r#"{{
  "Version": "2012-10-17",
  "Statement": [
    {{
      "Effect": "Allow",
      "Action": ["states:GetActivityTask"{describe}],
      "Resource": [{}]
    }},
    {{
      "Effect": "Allow",
      "Action": ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"],
      "Resource": "*"
    }}
  ]
}}
"#,
        arns.join(", ")
    ))
}
