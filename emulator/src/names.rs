//! Names and ARNs, by the API's rules.

use crate::error::{ApiError, Resource};

/// Characters that no name may hold. Source: API reference, `CreateActivity`, `name`.
const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";

/// Whether every character may stand in a name.
pub(crate) fn is_name(name: &str) -> bool {
    let bad = |c: char| {
        c.is_whitespace() || c.is_control() || FORBIDDEN.contains(c) || ('\u{fffe}'..='\u{ffff}').contains(&c)
    };
    !name.chars().any(bad)
}

/// Checks a name that the API's length limits have passed already.
pub(crate) fn check_name(name: &str) -> Result<(), ApiError> {
    if is_name(name) { Ok(()) } else { Err(ApiError::invalid_name(name)) }
}

/// Checks that `arn` has the form of an ARN of the kind `what`. Whether it exists is not asked.
pub(crate) fn check_arn(arn: &str, what: Resource) -> Result<(), ApiError> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, service, region, account, kind, names @ ..] = parts.as_slice() else {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN prefix: {arn}")));
    };
    if !partition.starts_with("aws") || *service != "states" || region.is_empty() || account.is_empty() {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN prefix: {arn}")));
    }
    let (expected, count) = match what {
        Resource::Activity => ("activity", 1),
        Resource::StateMachine => ("stateMachine", 1),
        Resource::Execution => ("execution", 2),
    };
    if *kind != expected {
        return Err(ApiError::invalid_arn(&format!("Resource type not valid in this context: {kind}")));
    }
    if names.len() != count || names.iter().any(|n| n.is_empty()) {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN: {arn}")));
    }
    Ok(())
}

/// The partition a region belongs to.
pub(crate) fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_blanks_brackets_or_control_characters_are_refused() {
        for bad in ["a b", "a\u{7f}", "a:b", "a/b", "ü{", "a\u{85}"] {
            assert_eq!(check_name(bad).unwrap_err().code(), "InvalidName", "{bad}");
        }
        for good in ["a-b_c.1", "prüfung", "a(b)", "a'b", "a@b=+!"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_arn_of_another_kind_or_service_is_invalid() {
        assert!(
            check_arn("arn:aws-cn:states:cn-north-1:123456789012:activity:a", Resource::Activity).is_ok()
        );
        for bad in [
            "",
            "activity",
            "arn:aws:sqs:eu-west-1:123456789012:activity:a",
            "arn:aws:states:eu-west-1:123456789012:stateMachine:a",
            "arn:aws:states:eu-west-1:123456789012:activity:",
            "arn:aws:states:eu-west-1:123456789012:activity:a:b",
        ] {
            assert_eq!(check_arn(bad, Resource::Activity).unwrap_err().code(), "InvalidArn", "{bad}");
        }
    }
}
