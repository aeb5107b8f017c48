//! What an error of the service means: one table, one class each.

use crate::Class;

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
const TABLE: &[(&str, On, Class)] = &[
    // The task is over.
    ("TaskTimedOut",                On::Any,      Class::Settled),

    // Another output, please.
    ("InvalidOutput",               On::Success,  Class::BadOutput),

    // Maybe our own mistake: a token of another account or a wrong profile must not empty the spool.
    ("ValidationException",         On::Activity, Class::NoActivity),
    ("InvalidToken",                On::Any,      Class::Held),
    ("TaskDoesNotExist",            On::Any,      Class::Held),
    ("ValidationException",         On::Any,      Class::Held),

    // No such activity.
    ("ActivityDoesNotExist",        On::Activity, Class::NoActivity),
    ("InvalidArn",                  On::Activity, Class::NoActivity),

    // Too much, too fast.
    ("ActivityWorkerLimitExceeded", On::Any,      Class::Throttled),
    ("KmsThrottlingException",      On::Any,      Class::Throttled),
    ("Throttling*",                 On::Any,      Class::Throttled),
    ("ThrottledException",          On::Any,      Class::Throttled),
    ("TooManyRequests*",            On::Any,      Class::Throttled),
    ("RequestThrottled*",           On::Any,      Class::Throttled),
    ("RequestLimitExceeded",        On::Any,      Class::Throttled),
    ("SlowDown",                    On::Any,      Class::Throttled),

    // New credentials may do.
    ("ExpiredToken*",               On::Any,      Class::Credentials),
    ("UnrecognizedClientException", On::Any,      Class::Credentials),
    ("InvalidClientTokenId",        On::Any,      Class::Credentials),
    ("MissingAuthenticationToken*", On::Any,      Class::Credentials),

    // The clock, if it is off; else `classify` makes them `Denied`.
    ("InvalidSignatureException",   On::Any,      Class::Clock),
    ("SignatureDoesNotMatch",       On::Any,      Class::Clock),
    ("RequestExpired",              On::Any,      Class::Clock),
    ("RequestTimeTooSkewed",        On::Any,      Class::Clock),
    ("RequestInTheFuture",          On::Any,      Class::Clock),
    ("AuthFailure",                 On::Any,      Class::Clock),

    // An administrator must act.
    ("AccessDenied*",               On::Any,      Class::Denied),
    ("KmsAccessDeniedException",    On::Any,      Class::Denied),
    ("KmsInvalidStateException",    On::Any,      Class::Denied),
    ("IncompleteSignature*",        On::Any,      Class::Denied),
    ("OptInRequired",               On::Any,      Class::Denied),

    // Trouble at the service.
    ("InternalFailure*",            On::Any,      Class::Server),
    ("InternalServer*",             On::Any,      Class::Server),
    ("InternalError",               On::Any,      Class::Server),
    ("ServiceUnavailable*",         On::Any,      Class::Server),
    ("RequestTimeout*",             On::Any,      Class::Server),
];

/// The class of an answer that is no success.
///
/// `code` is the service's code without its namespace, `None` if the answer has none: then it is not the service's. `skewed` tells
/// whether the answer's `Date` was over four minutes from the time in the signature: only then a signature error is the clock's.
pub fn classify(operation: Operation, status: u16, code: Option<&str>, skewed: bool) -> Class {
    match code.and_then(|code| in_table(operation, code)) {
        Some(Class::Clock) if !skewed => Class::Denied,
        Some(class) => class,
        None => by_status(operation, status, code.is_some()),
    }
}

fn in_table(operation: Operation, code: &str) -> Option<Class> {
    let fits = |&&(row, on, _): &&(&str, On, Class)| {
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
fn by_status(operation: Operation, status: u16, has_code: bool) -> Class {
    match status {
        500..=599 => Class::Server,
        429 => Class::Throttled,
        403 if has_code => Class::Denied,
        400..=499 if has_code => match operation {
            Operation::GetActivityTask | Operation::DescribeActivity => Class::Denied,
            _ => Class::Held,
        },
        _ => Class::Network,
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
    const EXPECTED: &[(Class, &[Operation], &[&str])] = &[
        (Class::Settled, &ALL, &["TaskTimedOut"]),
        (Class::BadOutput, &[SendTaskSuccess], &["InvalidOutput"]),
        (Class::Held, &[SendTaskFailure, SendTaskHeartbeat], &["InvalidOutput"]),
        (Class::Held, &[SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat],
            &["InvalidToken", "TaskDoesNotExist", "ValidationException", "ActivityDoesNotExist", "InvalidArn", "SomethingNew"]),
        (Class::NoActivity, &[GetActivityTask, DescribeActivity], &["ActivityDoesNotExist", "InvalidArn", "ValidationException"]),
        (Class::Denied, &[GetActivityTask, DescribeActivity], &["SomethingNew"]),
        (Class::Throttled, &ALL, &["ActivityWorkerLimitExceeded", "KmsThrottlingException", "Throttling", "ThrottlingException",
            "ThrottledException", "TooManyRequestsException", "TooManyRequests", "RequestThrottled", "RequestThrottledException",
            "RequestLimitExceeded", "SlowDown"]),
        (Class::Credentials, &ALL, &["ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException",
            "InvalidClientTokenId", "MissingAuthenticationToken", "MissingAuthenticationTokenException"]),
        (Class::Denied, &ALL, &["AccessDenied", "AccessDeniedException", "KmsAccessDeniedException", "KmsInvalidStateException",
            "IncompleteSignature", "IncompleteSignatureException", "OptInRequired"]),
        (Class::Server, &ALL, &["InternalFailure", "InternalServerError", "InternalServerException", "InternalError",
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
                assert_eq!(classify(operation, 403, Some(code), true), Class::Clock, "{code}");
                assert_eq!(classify(operation, 403, Some(code), false), Class::Denied, "{code}");
            }
        }
    }

    #[test]
    fn the_code_counts_not_the_status() {
        assert_eq!(classify(SendTaskSuccess, 500, Some("TaskTimedOut"), false), Class::Settled);
        assert_eq!(classify(SendTaskSuccess, 400, Some("InternalFailure"), false), Class::Server);
        assert_eq!(classify(SendTaskHeartbeat, 503, Some("ThrottlingException"), false), Class::Throttled);
    }

    #[test]
    fn codes_that_no_one_knows_go_by_their_status() {
        for operation in ALL {
            assert_eq!(classify(operation, 500, Some("SomethingNew"), false), Class::Server);
            assert_eq!(classify(operation, 599, None, false), Class::Server);
            assert_eq!(classify(operation, 429, Some("SomethingNew"), false), Class::Throttled);
            assert_eq!(classify(operation, 403, Some("SomethingNew"), false), Class::Denied);
        }
    }

    #[test]
    fn p1_answers_of_proxies_and_portals_settle_nothing() {
        for status in [100, 204, 301, 302, 307, 400, 401, 403, 404, 407, 408, 413, 451] {
            for operation in ALL {
                assert_eq!(classify(operation, status, None, true), Class::Network, "{status}");
            }
        }
    }
}
