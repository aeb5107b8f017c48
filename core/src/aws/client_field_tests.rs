//! Answers as devices have met them, or will: whole calls over a transport that answers the same to each.

use super::*;
use crate::aws::TransportError;
use crate::aws::always::{ID, JSON, answer, client};

/// What every call makes of an answer.
fn calls(answer: &Response) -> Vec<(Operation, Result<(), CallError>, Option<SystemTime>)> {
    let token = TaskToken::new("T").unwrap();
    let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap();
    let name = WorkerName::new("pi").unwrap();
    let call = |operation: Operation| {
        let client = client(Ok(answer.clone()));
        let said = match operation {
            Operation::GetActivityTask => client.get_activity_task(&arn, &name).map(drop),
            Operation::SendTaskSuccess => client.send_task_success(&token, "{}").map(drop),
            Operation::SendTaskFailure => client.send_task_failure(&token, &Failure::new("E", "C")).map(drop),
            Operation::SendTaskHeartbeat => client.send_task_heartbeat(&token).map(drop),
            Operation::DescribeActivity => client.describe_activity(&arn).map(drop),
        };
        (operation, said, client.clock().learnt())
    };
    [
        Operation::GetActivityTask,
        Operation::SendTaskSuccess,
        Operation::SendTaskFailure,
        Operation::SendTaskHeartbeat,
        Operation::DescribeActivity,
    ]
    .map(call)
    .into()
}

fn poll(answer: Result<Response, TransportError>) -> Result<Option<PolledTask>, CallError> {
    let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap();
    client(answer).get_activity_task(&arn, &WorkerName::new("pi").unwrap())
}

/// The answer to a poll, with the service's marks.
fn polled(body: impl Into<Vec<u8>>) -> PolledTask {
    poll(Ok(answer(200, &[ID, JSON], body))).unwrap().expect("a task")
}

#[test]
fn field_04_a_task_is_one_under_any_success_and_a_report_is_taken_under_200_alone() {
    for status in [201, 202, 206, 226] {
        let with_task = answer(status, &[ID, JSON], r#"{"taskToken":"T","input":"{}"}"#);
        let task = poll(Ok(with_task)).unwrap().expect("a task");
        assert_eq!((task.token.expose(), task.input.as_str()), ("T", "{}"), "{status}");
        assert!(
            poll(Ok(answer(status, &[JSON], r#"{"taskToken":"T","input":"{}"}"#))).is_err(),
            "a stranger's"
        );
        for (operation, said, _) in calls(&answer(status, &[ID, JSON], "{}")) {
            let class = said.map_err(|e| e.class);
            let right =
                if operation == Operation::GetActivityTask { Ok(()) } else { Err(ErrorClass::Network) };
            assert_eq!(class, right, "{status} {operation:?}");
        }
    }
}

#[test]
fn field_03_what_looks_like_a_success_and_is_not_the_services_settles_nothing() {
    let date = ("date", "Sat, 21 Nov 2026 10:00:00 GMT");
    for (headers, body, missing) in [
        (&[date, JSON][..], "{}", "carries no x-amzn-RequestId"),
        (&[date, ID], "{}", "has no Content-Type"),
        (
            &[date, ("content-type", "text/html")],
            "{}",
            "carries no x-amzn-RequestId and is text/html, not JSON",
        ),
        (&[date, ID, ("content-type", "text/html")], "{}", "is text/html, not JSON"),
        (
            &[date, ID, JSON, ("x-amzn-errortype", "InternalFailure")],
            "{}",
            "is an error with the status of a success",
        ),
        (&[date, ID, JSON], r#"{"Message":"denied"}"#, "is an error with the status of a success"),
        (&[date, ID, JSON], r#"{"message":"denied"}"#, "is an error with the status of a success"),
        (&[date, ID, JSON], r#"{"__type":"TaskTimedOut"}"#, "is an error with the status of a success"),
        (&[date, ID, JSON], r#"{"code":"TaskTimedOut","new":1}"#, "is an error with the status of a success"),
        (&[date], "<html>Log in</html>", "carries no x-amzn-RequestId and has no Content-Type"),
    ] {
        for (operation, said, learnt) in calls(&answer(200, headers, body)) {
            let error = said.expect_err(body);
            assert_eq!(
                (error.class, error.maybe_taken, learnt),
                (ErrorClass::Network, true, None),
                "{operation:?} {error}"
            );
            assert!(error.message.contains(missing), "{error}");
        }
    }
    for (operation, said, learnt) in
        calls(&answer(200, &[date, ID, JSON], r#"{"new":[1e400],"name":"a","creationDate":1}"#))
    {
        said.unwrap_or_else(|e| panic!("{operation:?}: {e}"));
        assert!(learnt.is_some());
    }
}

#[test]
fn field_03_an_error_that_is_not_the_services_settles_holds_and_stops_nothing() {
    let codes = [
        "TaskTimedOut",
        "InvalidOutput",
        "InvalidToken",
        "TaskDoesNotExist",
        "ValidationException",
        "AccessDeniedException",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "ActivityDoesNotExist",
        "SomethingNew",
    ];
    let date = ("date", "Sat, 21 Nov 2050 10:00:00 GMT");
    for code in codes {
        let body = format!(r#"{{"__type":"com.amazonaws.states#{code}","message":"no"}}"#);
        let named = ("x-amzn-errortype", code);
        for marks in [&[][..], &[ID], &[JSON], &[ID, ("content-type", "text/html")]] {
            for status in [400, 401, 403, 404, 407, 408, 413, 302, 100, 204] {
                for (operation, said, learnt) in
                    calls(&answer(status, &[marks, &[date, named]].concat(), body.clone()))
                {
                    let error = said.expect_err(code);
                    assert_eq!(
                        (error.class, learnt),
                        (ErrorClass::Network, None),
                        "{operation:?} {status} {error}"
                    );
                    assert!(error.maybe_taken && error.code.is_none() && !error.message.contains('\n'));
                }
            }
            for (_, said, learnt) in calls(&answer(503, &[marks, &[date, named]].concat(), body.clone())) {
                assert_eq!((said.expect_err(code).class, learnt), (ErrorClass::Server, None));
            }
        }
    }
}

#[test]
fn field_03_a_task_is_over_under_400_alone() {
    let body =
        r#"{"__type":"TaskTimedOut","message":"Task Timed Out: 'Provided task does not exist anymore'"}"#;
    for status in [200, 204, 301, 302, 307, 401, 403, 404, 407, 408, 409, 429, 500, 502, 503, 504] {
        for headers in [&[ID, JSON][..], &[ID, JSON, ("x-amzn-errortype", "TaskTimedOut")]] {
            for (operation, said, _) in calls(&answer(status, headers, body)) {
                let error = said.expect_err(body);
                assert!(error.maybe_taken, "{operation:?} {status}");
                assert!(
                    [ErrorClass::Network, ErrorClass::Server, ErrorClass::Throttled].contains(&error.class),
                    "{operation:?} {status} {error:?}"
                );
            }
        }
    }
    for (_, said, _) in calls(&answer(400, &[ID, JSON], body)) {
        let error = said.expect_err(body);
        assert_eq!((error.class, error.maybe_taken), (ErrorClass::Settled, false));
    }
}

#[test]
fn field_03_services_of_others_that_send_the_marks_are_services() {
    // LocalStack 4.9.2: errors are application/json, and name their code twice.
    let error = r#"{"__type": "TaskTimedOut", "message": "no"}"#;
    let localstack = [ID, ("content-type", "application/json"), ("x-amzn-errortype", "TaskTimedOut")];
    for (_, said, _) in calls(&answer(400, &localstack, error)) {
        assert_eq!(said.expect_err(error).class, ErrorClass::Settled);
    }
    // npm stepfunctions-local sends no request id: its word counts for nothing, and the line says why.
    let (_, said, _) =
        calls(&answer(200, &[("content-type", "application/json; charset=utf-8")], "{}")).remove(1);
    assert_eq!(
        said.unwrap_err().message,
        "SendTaskSuccess: the answer carries no x-amzn-RequestId, so it is not the service's: is there a proxy or a login page, or does the endpoint lead elsewhere? (HTTP 200)"
    );
}

#[test]
fn field_04_a_task_is_a_task_whatever_else_is_wrong_in_the_answer() {
    let token = "t".repeat(2049);
    for (body, name, input) in [
        (br#"{"taskToken":"T","input":"[1]","new":1e400}"#.to_vec(), "T", "[1]"),
        (br#"{"new":1e400,"input":"[1]","taskToken":"T"}"#.to_vec(), "T", "[1]"),
        (br#"{"new":1,"new":2,"input":"[1]","taskToken":"T"}"#.to_vec(), "T", "[1]"),
        (br#"{"new":"\ud800","input":"[1]","taskToken":"T"}"#.to_vec(), "T", "[1]"),
        (b"{\"new\":\"\xff\",\"input\":\"[1]\",\"taskToken\":\"T\"}".to_vec(), "T", "[1]"),
        (b"\xEF\xBB\xBF{\"input\":\"[1]\",\"taskToken\":\"T\"}".to_vec(), "T", "[1]"),
        (br#"{"input":"[1]","taskToken":"T"} trailing"#.to_vec(), "T", "[1]"),
        (br#"{"taskToken":"T","input":"[1]","taskToken":null}"#.to_vec(), "T", "[1]"),
        (br#"{"taskToken":"T","input":"[1]","taskToken":""}"#.to_vec(), "T", "[1]"),
        (br#"{"input":"[1]","taskToken":"T""#.to_vec(), "T", "[1]"),
        (br#"{"message":"a later member","input":"[1]","taskToken":"T"}"#.to_vec(), "T", "[1]"),
        (
            br#"{"meta":{"taskToken":"no","input":"no"},"input":"[1]","task\u0054oken":"T"}"#.to_vec(),
            "T",
            "[1]",
        ),
        (br#"{"taskToken":"T"}"#.to_vec(), "T", "{}"),
        (br#"{"taskToken":"T","input":null}"#.to_vec(), "T", "{}"),
        (format!(r#"{{"taskToken":"{token}","input":"[1]"}}"#).into_bytes(), &token, "[1]"),
    ] {
        let task = polled(body.clone());
        let body = String::from_utf8_lossy(&body);
        assert_eq!((task.token.expose(), task.input.as_str()), (name, input), "{body}");
        assert_eq!(task.unusable, None, "{body}");
    }
}

#[test]
fn field_04_an_input_that_cant_be_used_is_told_by_its_cause_and_never_shown() {
    let escape = "the input holds half a character, a wrong escape or a control character";
    for (body, cause) in [
        (br#"{"taskToken":"T","input":"sEcReT\ud800"}"#.to_vec(), escape),
        (br#"{"taskToken":"T","input":"sEcReT\udc00\ud800"}"#.to_vec(), escape),
        (br#"{"taskToken":"T","input":"sEcReT\q"}"#.to_vec(), escape),
        (b"{\"taskToken\":\"T\",\"input\":\"sEcReT\n\"}".to_vec(), escape),
        (b"{\"taskToken\":\"T\",\"input\":\"sEcReT\xc3\"}".to_vec(), "the input is not UTF-8"),
        (br#"{"taskToken":"T","input":{"sEcReT":1}}"#.to_vec(), "the input is not a text"),
        (br#"{"taskToken":"T","input":["sEcReT"]}"#.to_vec(), "the input is not a text"),
        (br#"{"taskToken":"T","input":17}"#.to_vec(), "the input is not a text"),
        (br#"{"taskToken":"T","input":false}"#.to_vec(), "the input is not a text"),
        (br#"{"taskToken":"T","input":"sEcReT"#.to_vec(), "the input was cut short"),
        (br#"{"taskToken":"T","inp"#.to_vec(), "the answer that brought the task was cut short"),
        (br#"{"taskToken":"T""#.to_vec(), "the answer that brought the task was cut short"),
        (br#"{"taskToken":"T","input":"#.to_vec(), "the answer that brought the task was cut short"),
    ] {
        let task = polled(body.clone());
        let body = String::from_utf8_lossy(&body);
        assert_eq!((task.token.expose(), task.input.as_str()), ("T", ""), "{body}");
        assert_eq!(task.unusable.as_deref(), Some(cause), "{body}");
    }
}

#[test]
fn field_04_an_answer_without_a_readable_token_says_that_a_task_may_be_lost() {
    let zip = ("content-encoding", "gzip");
    let long = format!(r#"{{"taskToken":"{}"}}"#, "t".repeat(5000));
    for (headers, body, what) in [
        (
            &[ID, JSON, zip][..],
            b"\x1f\x8b\x08\0sEcReT".to_vec(),
            "is compressed (gzip) though that was not asked for",
        ),
        (
            &[ID, JSON],
            br#"{"taskToken":"sEcReT\ud800","input":"1"}"#.to_vec(),
            "holds a task token that can't be read",
        ),
        (&[ID, JSON], br#"{"taskToken":["sEcReT"]}"#.to_vec(), "holds a task token that can't be read"),
        (&[ID, JSON], br#"{"taskToken":"sEcReT"#.to_vec(), "holds a task token that can't be read"),
        (&[ID, JSON], br#"{"input":"sEcReT"#.to_vec(), "is not a JSON object, or cut short"),
        (&[ID, JSON], b"".to_vec(), "has an empty body"),
        (&[ID, JSON], long.into_bytes(), "holds a task token of over 4096 bytes"),
    ] {
        let error = poll(Ok(answer(200, headers, body))).unwrap_err();
        let line = format!(
            "GetActivityTask: the service's answer {what}; if it held a task, that is lost until its HeartbeatSeconds or TimeoutSeconds are over"
        );
        assert_eq!((error.message.as_str(), error.class), (line.as_str(), ErrorClass::Network));
        assert!(error.task_lost && error.maybe_taken);
    }
    // A page's token is nobody's, and nothing is lost in it.
    for headers in
        [&[JSON][..], &[ID], &[ID, ("content-type", "text/html")], &[ID, JSON, ("x-amzn-errortype", "X")]]
    {
        let error = poll(Ok(answer(200, headers, r#"{"taskToken":"T","input":"1"}"#))).unwrap_err();
        assert!(!error.task_lost, "{error}");
    }
}

#[test]
fn field_04_what_came_before_the_connection_broke_counts() {
    let broken = |status, headers: &[(&str, &str)], body: &str| {
        let part = Some(Box::new(answer(status, headers, body)));
        poll(Err(TransportError { part, ..TransportError::new("the connection was reset", true) }))
    };
    let task = broken(200, &[ID, JSON], r#"{"taskToken":"T","input":"12"#).unwrap().unwrap();
    assert_eq!(task.unusable.as_deref(), Some("the input was cut short"));
    let task = broken(200, &[ID, JSON], r#"{"taskToken":"T","input":"12""#).unwrap().unwrap();
    assert_eq!((task.input.as_str(), task.unusable), ("12", None));
    for body in ["", "{", r#"{"inp"#, r#"{"taskToken":"T"#, "{}", r#"{"x":1}"#] {
        let error = broken(200, &[ID, JSON], body).unwrap_err();
        assert!(error.task_lost, "{body}");
        assert!(
            error.message.starts_with("GetActivityTask: the connection was reset; if it held a task"),
            "{error}"
        );
    }
    for (status, headers) in [(200, &[JSON][..]), (400, &[ID, JSON]), (302, &[ID, JSON])] {
        let error = broken(status, headers, r#"{"taskToken":"T","input":"12""#).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.task_lost),
            ("GetActivityTask: the connection was reset", false)
        );
    }
}

#[test]
fn field_05_an_input_over_the_limit_is_a_task_that_cant_be_used() {
    let of = |input: &str| polled(serde_json::json!({"taskToken": "T", "input": input}).to_string());
    assert_eq!(of(&"x".repeat(1_048_576)).unusable, None);
    assert_eq!(of(&"\u{1}".repeat(1_048_576)).input.len(), 1_048_576, "six times as long in JSON");
    for (input, bytes) in [
        ("x".repeat(1_048_577), 1_048_577),
        ("é".repeat(524_289), 1_048_578),
        ("x".repeat(6_000_000), 6_000_000),
    ] {
        let task = of(&input);
        let cause = format!("the input has {bytes} bytes, the limit is 1048576");
        assert_eq!((task.input.len(), task.unusable), (0, Some(cause)));
    }
}

#[test]
fn field_05_of_an_answer_over_its_bound_the_token_is_looked_for_at_both_ends() {
    let too_large = |body: String| {
        let part = Some(Box::new(answer(200, &[ID, JSON], body)));
        poll(Err(TransportError { part, ..TransportError::new("the answer is too large", true) }))
    };
    let junk = "x".repeat(POLL_RESPONSE_MAX);
    for body in [
        format!(r#"{{"taskToken":"T","input":"{junk}"#),
        format!(r#"{{"input":"{junk}","taskToken":"T"}}"#),
        format!(r#"{{"taskToken":"T","input":"1","new":"{junk}"}}"#),
    ] {
        let task = too_large(body).unwrap().unwrap();
        assert_eq!(task.unusable.as_deref(), Some("the answer that brought the task is over 6356992 bytes"));
    }
    for body in [format!(r#"{{"input":"{junk}"#), format!(r#"{{"new":"{junk}"}}"#)] {
        let error = too_large(body).unwrap_err();
        assert!(
            error.task_lost && error.message.contains("the answer is too large; if it held a task"),
            "{error}"
        );
    }
}

#[test]
fn field_11_a_strangers_wish_for_a_pause_is_nobodys() {
    for status in [200, 400, 403, 407, 429, 500, 503] {
        for wish in [("retry-after", "3600"), ("x-amz-retry-after", "3600000")] {
            for marks in [&[][..], &[ID], &[JSON], &[ID, ("content-type", "text/html")]] {
                for (operation, said, _) in
                    calls(&answer(status, &[marks, &[wish]].concat(), "<html>Busy</html>"))
                {
                    assert_eq!(said.unwrap_err().retry_after, None, "{operation:?} {status}");
                }
            }
        }
    }
    let busy = answer(503, &[ID, JSON, ("retry-after", "3600")], r#"{"__type":"ServiceUnavailable"}"#);
    for (_, said, _) in calls(&busy) {
        assert_eq!(
            said.unwrap_err().retry_after,
            Some(Duration::from_secs(300)),
            "the service's own, within reason"
        );
    }
}
