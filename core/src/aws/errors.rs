//! What an error of the service means: one table, one class each. What follows from a class stands beside
//! [`ErrorClass`](crate::ErrorClass), and is done in `engine/answers.rs`.

use crate::ErrorClass;

use super::Operation;

/// The calls that a row of the table speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Any,
    /// `GetActivityTask` and `DescribeActivity`: they name an activity.
    Activity,
    /// `SendTaskSuccess`.
    Success,
}

/// The first row that fits decides. A code that ends in `*` stands for all codes that begin so.
///
/// Sources: the operations' modelled errors, the common errors of the API reference, and the retry and clock-skew codes of the AWS
/// SDKs.
#[rustfmt::skip]
const TABLE: &[(&str, On, ErrorClass)] = &[
    // The task is over.
    ("TaskTimedOut",                On::Any,      ErrorClass::Settled),

    // Another output, please.
    ("InvalidOutput",               On::Success,  ErrorClass::BadOutput),

    // Maybe our own mistake: a token of another account or a wrong profile must not empty the spool.
    ("ValidationException",         On::Activity, ErrorClass::NoActivity),
    ("InvalidToken",                On::Any,      ErrorClass::Held),
    ("TaskDoesNotExist",            On::Any,      ErrorClass::Held),
    ("ValidationException",         On::Any,      ErrorClass::Held),

    // No such activity.
    ("ActivityDoesNotExist",        On::Activity, ErrorClass::NoActivity),
    ("InvalidArn",                  On::Activity, ErrorClass::NoActivity),

    // Too much, too fast.
    ("ActivityWorkerLimitExceeded", On::Any,      ErrorClass::Throttled),
    ("KmsThrottlingException",      On::Any,      ErrorClass::Throttled),
    ("Throttling*",                 On::Any,      ErrorClass::Throttled),
    ("ThrottledException",          On::Any,      ErrorClass::Throttled),
    ("TooManyRequests*",            On::Any,      ErrorClass::Throttled),
    ("RequestThrottled*",           On::Any,      ErrorClass::Throttled),
    ("RequestLimitExceeded",        On::Any,      ErrorClass::Throttled),
    ("SlowDown",                    On::Any,      ErrorClass::Throttled),

    // New credentials may do.
    ("ExpiredToken*",               On::Any,      ErrorClass::Credentials),
    ("UnrecognizedClientException", On::Any,      ErrorClass::Credentials),
    ("InvalidClientTokenId",        On::Any,      ErrorClass::Credentials),
    ("MissingAuthenticationToken*", On::Any,      ErrorClass::Credentials),

    // The clock, if it is off; else `classify` makes them `Denied`.
    ("InvalidSignatureException",   On::Any,      ErrorClass::Clock),
    ("SignatureDoesNotMatch",       On::Any,      ErrorClass::Clock),
    ("RequestExpired",              On::Any,      ErrorClass::Clock),
    ("RequestTimeTooSkewed",        On::Any,      ErrorClass::Clock),
    ("RequestInTheFuture",          On::Any,      ErrorClass::Clock),
    ("AuthFailure",                 On::Any,      ErrorClass::Clock),

    // An administrator must act.
    ("AccessDenied*",               On::Any,      ErrorClass::Denied),
    ("KmsAccessDeniedException",    On::Any,      ErrorClass::Denied),
    ("KmsInvalidStateException",    On::Any,      ErrorClass::Denied),
    ("IncompleteSignature*",        On::Any,      ErrorClass::Denied),
    ("OptInRequired",               On::Any,      ErrorClass::Denied),

    // Trouble at the service.
    ("InternalFailure*",            On::Any,      ErrorClass::Server),
    ("InternalServer*",             On::Any,      ErrorClass::Server),
    ("InternalError",               On::Any,      ErrorClass::Server),
    ("ServiceUnavailable*",         On::Any,      ErrorClass::Server),
    ("RequestTimeout*",             On::Any,      ErrorClass::Server),
];

/// The class of an answer that is no success.
///
/// `code` is the service's code without its namespace, `None` if the answer has none: then it is not the service's. `skewed` tells
/// whether the answer's `Date` was over four minutes from the time in the signature: only then a signature error is the clock's.
///
/// Codes are the service's under a status of 400 to 499, but not under 407, which is a proxy's. What ends a result, or puts another in
/// its place, is said under 400 alone. A 5xx is never more than a reason to try again.
pub fn classify(operation: Operation, status: u16, code: Option<&str>, skewed: bool) -> ErrorClass {
    match (status, code.and_then(|code| in_table(operation, code))) {
        (500..=599, Some(ErrorClass::Throttled)) => ErrorClass::Throttled,
        (401..=499, Some(ErrorClass::Settled | ErrorClass::BadOutput)) => ErrorClass::Network,
        (400..=406 | 408..=499, Some(ErrorClass::Clock)) if !skewed => ErrorClass::Denied,
        (400..=406 | 408..=499, Some(class)) => class,
        _ => by_status(operation, status, code.is_some()),
    }
}

fn in_table(operation: Operation, code: &str) -> Option<ErrorClass> {
    let fits = |&&(row, on, _): &&(&str, On, ErrorClass)| {
        let code_fits = match row.strip_suffix('*') {
            Some(start) => code.starts_with(start),
            None => code == row,
        };
        code_fits && on.holds(operation)
    };
    TABLE.iter().find(fits).map(|(_, _, class)| *class)
}

impl On {
    fn holds(self, operation: Operation) -> bool {
        match self {
            On::Any => true,
            On::Activity => matches!(operation, Operation::GetActivityTask | Operation::DescribeActivity),
            On::Success => operation == Operation::SendTaskSuccess,
        }
    }
}

/// For codes that the table does not know, and for answers without one: of a proxy, a captive portal, a load balancer.
fn by_status(operation: Operation, status: u16, has_code: bool) -> ErrorClass {
    match status {
        500..=599 => ErrorClass::Server,
        407 => ErrorClass::Network,
        429 => ErrorClass::Throttled,
        403 if has_code => ErrorClass::Denied,
        400..=499 if has_code => match operation {
            Operation::GetActivityTask | Operation::DescribeActivity => ErrorClass::Denied,
            _ => ErrorClass::Held,
        },
        _ => ErrorClass::Network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Operation::{DescribeActivity, GetActivityTask, SendTaskFailure, SendTaskHeartbeat, SendTaskSuccess};

    const ALL: [Operation; 5] =
        [GetActivityTask, SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat, DescribeActivity];

    /// Written out a second time, by class and with the codes as the service spells them: a slip in the table shows here.
    #[rustfmt::skip]
    const EXPECTED: &[(ErrorClass, &[Operation], &[&str])] = &[
        (ErrorClass::Settled, &ALL, &["TaskTimedOut"]),
        (ErrorClass::BadOutput, &[SendTaskSuccess], &["InvalidOutput"]),
        (ErrorClass::Held, &[SendTaskFailure, SendTaskHeartbeat], &["InvalidOutput"]),
        (ErrorClass::Held, &[SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat],
            &["InvalidToken", "TaskDoesNotExist", "ValidationException", "ActivityDoesNotExist", "InvalidArn", "SomethingNew"]),
        (ErrorClass::NoActivity, &[GetActivityTask, DescribeActivity], &["ActivityDoesNotExist", "InvalidArn", "ValidationException"]),
        (ErrorClass::Denied, &[GetActivityTask, DescribeActivity], &["SomethingNew"]),
        (ErrorClass::Throttled, &ALL, &["ActivityWorkerLimitExceeded", "KmsThrottlingException", "Throttling", "ThrottlingException",
            "ThrottledException", "TooManyRequestsException", "TooManyRequests", "RequestThrottled", "RequestThrottledException",
            "RequestLimitExceeded", "SlowDown"]),
        (ErrorClass::Credentials, &ALL, &["ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException",
            "InvalidClientTokenId", "MissingAuthenticationToken", "MissingAuthenticationTokenException"]),
        (ErrorClass::Denied, &ALL, &["AccessDenied", "AccessDeniedException", "KmsAccessDeniedException", "KmsInvalidStateException",
            "IncompleteSignature", "IncompleteSignatureException", "OptInRequired"]),
        (ErrorClass::Server, &ALL, &["InternalFailure", "InternalServerError", "InternalServerException", "InternalError",
            "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException"]),
    ];

    const SIGNATURE: [&str; 6] = [
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "RequestInTheFuture",
        "AuthFailure",
    ];

    #[test]
    fn every_code_has_its_class() {
        for (class, operations, codes) in EXPECTED {
            for (operation, code) in operations.iter().flat_map(|o| codes.iter().map(move |c| (*o, *c))) {
                assert_eq!(classify(operation, 400, Some(code), true), *class, "{operation:?} {code}");
            }
        }
    }

    #[test]
    fn every_row_of_the_table_is_tested() {
        let tested: Vec<&str> =
            EXPECTED.iter().flat_map(|(_, _, c)| c.iter().copied()).chain(SIGNATURE).collect();
        for (row, _, _) in TABLE {
            let start = row.trim_end_matches('*');
            assert!(tested.iter().any(|code| code.starts_with(start)), "{row}");
        }
    }

    #[test]
    fn p8_a_signature_error_is_the_clocks_only_if_the_clock_is_off() {
        for code in SIGNATURE {
            for operation in ALL {
                assert_eq!(classify(operation, 403, Some(code), true), ErrorClass::Clock, "{code}");
                assert_eq!(classify(operation, 403, Some(code), false), ErrorClass::Denied, "{code}");
            }
        }
    }

    #[test]
    fn the_code_counts_not_the_status() {
        assert_eq!(
            classify(SendTaskSuccess, 403, Some("ExpiredTokenException"), false),
            ErrorClass::Credentials
        );
        assert_eq!(classify(SendTaskSuccess, 400, Some("InternalFailure"), false), ErrorClass::Server);
        assert_eq!(
            classify(SendTaskHeartbeat, 503, Some("ThrottlingException"), false),
            ErrorClass::Throttled
        );
    }

    #[test]
    fn field_03_a_result_is_ended_or_replaced_under_400_alone() {
        for operation in ALL {
            for status in (100..=599).filter(|status| *status != 400) {
                for code in ["TaskTimedOut", "InvalidOutput"] {
                    let class = classify(operation, status, Some(code), false);
                    assert!(!matches!(class, ErrorClass::Settled | ErrorClass::BadOutput), "{status} {code}");
                }
                if !(400..500).contains(&status) || status == 407 {
                    for (row, _, _) in TABLE {
                        let class = classify(operation, status, Some(row.trim_end_matches('*')), true);
                        let harmless = [ErrorClass::Network, ErrorClass::Server, ErrorClass::Throttled];
                        assert!(harmless.contains(&class), "{status} {row}: {class:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn codes_that_no_one_knows_go_by_their_status() {
        for operation in ALL {
            assert_eq!(classify(operation, 500, Some("SomethingNew"), false), ErrorClass::Server);
            assert_eq!(classify(operation, 599, None, false), ErrorClass::Server);
            assert_eq!(classify(operation, 429, Some("SomethingNew"), false), ErrorClass::Throttled);
            assert_eq!(classify(operation, 403, Some("SomethingNew"), false), ErrorClass::Denied);
        }
    }

    #[test]
    fn p1_answers_of_proxies_and_portals_settle_nothing() {
        for status in [100, 204, 301, 302, 307, 400, 401, 403, 404, 407, 408, 413, 451] {
            for operation in ALL {
                assert_eq!(classify(operation, status, None, true), ErrorClass::Network, "{status}");
            }
        }
    }
}
