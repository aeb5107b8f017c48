//! What counts as an answer of the service, and what does not.

use proptest::prelude::*;

use super::*;

fn response(headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Response { status: 200, headers, body: body.as_bytes().to_vec() }
}

fn plain(body: &str) -> Response {
    response(&[("x-amzn-requestid", "0b4c-1"), ("content-type", "application/x-amz-json-1.0")], body)
}

fn polled_task(response: &Response) -> Result<Option<PolledTask>, Unheard> {
    super::polled_task(response, true)
}

fn accepted(response: &Response) -> Result<(), Unheard> {
    super::accepted(response, true)
}

fn description(response: &Response) -> Result<ActivityDescription, Unheard> {
    super::description(response, true)
}

fn token() -> TaskToken {
    TaskToken::new("T").unwrap()
}

#[test]
fn bodies_are_spelt_as_the_api_reference_does() {
    let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap();
    let text = |body: Vec<u8>| String::from_utf8(body).unwrap();
    assert_eq!(
        text(get_activity_task(&arn, &WorkerName::new("pi").unwrap())),
        r#"{"activityArn":"arn:aws:states:eu-west-1:123456789012:activity:a","workerName":"pi"}"#
    );
    assert_eq!(
        text(send_task_success(&token(), "\"é\"\u{1}")),
        r#"{"taskToken":"T","output":"\"é\"\u0001"}"#
    );
    assert_eq!(
        text(send_task_failure(&token(), &Failure::new("E", "C"))),
        r#"{"taskToken":"T","error":"E","cause":"C"}"#
    );
    assert_eq!(text(send_task_failure(&token(), &Failure::new("", ""))), r#"{"taskToken":"T"}"#);
    assert_eq!(text(send_task_heartbeat(&token())), r#"{"taskToken":"T"}"#);
    assert_eq!(
        text(describe_activity(&arn)),
        r#"{"activityArn":"arn:aws:states:eu-west-1:123456789012:activity:a"}"#
    );
}

#[test]
fn a_poll_that_ended_without_a_task_is_told_in_four_ways() {
    for body in [
        "{}",
        r#"{"taskToken":null}"#,
        r#"{"taskToken":"","input":""}"#,
        r#"{"taskToken":null,"input":null}"#,
    ] {
        assert!(polled_task(&plain(body)).unwrap().is_none(), "{body}");
    }
}

#[test]
fn a_polled_task_has_its_token_and_input() {
    let task = polled_task(&plain(r#"{"input":"{\"n\":1}","taskToken":"T"}"#)).unwrap().unwrap();
    assert_eq!((task.token, task.input.as_str()), (token(), "{\"n\":1}"));
    assert_eq!(polled_task(&plain(r#"{"taskToken":"T"}"#)).unwrap().unwrap().input, "{}");
}

#[test]
fn p1_a_200_that_is_not_the_services_json_is_no_answer() {
    for body in [
        "",
        " \r\n",
        "<html>Log in</html>",
        "[]",
        "null",
        "true",
        "\"{}\"",
        r#"{"taskToken":"AAA"#,
        "{}{}",
        r#"{"__type":"InternalFailure"}"#,
    ] {
        assert!(polled_task(&plain(body)).is_err(), "{body}");
        assert!(accepted(&plain(body)).is_err(), "{body}");
        assert!(description(&plain(body)).is_err(), "{body}");
    }
    assert!(accepted(&plain("{}")).is_ok());
}

#[test]
fn a_description_has_a_name_and_a_date() {
    let body = r#"{"activityArn":"arn:x","creationDate":1.5,"name":"a"}"#;
    let created = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
    assert_eq!(description(&plain(body)), Ok(ActivityDescription { name: "a".to_owned(), created }));
    assert!(description(&plain(r#"{"name":"a","creationDate":-1}"#)).is_err());
    assert!(description(&plain(r#"{"name":"a","creationDate":1e300}"#)).is_err());
}

#[test]
fn a_date_from_a_cache_is_not_the_servers() {
    let date = ("date", "Thu, 05 Nov 2026 06:07:08 GMT");
    let known = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_858_828);
    assert_eq!(response(&[date], "").server_date(), Some(known));
    assert_eq!(response(&[date, ("age", "0")], "").server_date(), None);
    assert_eq!(response(&[("date", "yesterday")], "").server_date(), None);
}

proptest! {
    #[test]
    fn field_04_an_answer_cut_anywhere_gives_the_token_or_nothing(input in "\\PC{0,20}", cut in 0.0..1.0f64, first: bool) {
        let quoted = serde_json::to_string(&input).unwrap();
        let whole = match first {
            true => format!(r#"{{"taskToken":"T","input":{quoted}}}"#),
            false => format!(r#"{{"input":{quoted},"taskToken":"T"}}"#),
        };
        let cut = whole.floor_char_boundary((whole.len() as f64 * cut) as usize).min(whole.len() - 1);
        let part = plain(&whole[..cut]);
        prop_assert!(accepted(&part).is_err());
        let has_token = whole[..cut].contains(r#""taskToken":"T""#);
        match polled_task(&part) {
            Ok(Some(task)) => {
                prop_assert!(has_token && task.token == token());
                prop_assert!(task.input == input || (task.unusable.is_some() && task.input.is_empty()));
            }
            Ok(None) => prop_assert!(false, "a cut answer says that there is no task"),
            Err(why) => prop_assert!(!has_token && matches!(why, Unheard::TaskLost(_))),
        }
        let task = polled_task(&plain(&whole)).unwrap().unwrap();
        prop_assert_eq!((task.input, task.unusable), (input, None));
    }

    #[test]
    fn no_bytes_make_the_decoders_panic(body in proptest::collection::vec(any::<u8>(), 0..80), header in "\\PC{0,40}") {
        let headers = ["x-amzn-errortype", "date", "retry-after", "x-amz-retry-after", "x-amzn-requestid"];
        let headers = headers.map(|name| (name.to_owned(), header.clone()));
        let headers = headers.into_iter().chain([("content-type".to_owned(), "application/json".to_owned())]).collect();
        let response = Response { status: 200, headers, body };
        let accepted = accepted(&response);
        let is_object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&response.body).is_ok();
        prop_assert!(accepted.is_err() || is_object);
        let _ = (polled_task(&response), description(&response), response.server_date());
        let _ = answer::retry_after(&response, SystemTime::UNIX_EPOCH);
        let error = answer::error(&Response { status: 400, ..response });
        prop_assert!(error.code.is_none_or(|c| (1..=128).contains(&c.len())));
    }
}
