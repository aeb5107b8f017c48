//! What counts as an answer of the service, and what does not.

use proptest::prelude::*;

use super::*;

fn response(headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Response { status: 200, headers, body: body.as_bytes().to_vec() }
}

fn plain(body: &str) -> Response {
    response(&[], body)
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
    let long = format!(r#"{{"taskToken":"{}"}}"#, "t".repeat(2049));
    for body in [
        "",
        " \r\n",
        "<html>Log in</html>",
        "[]",
        "null",
        "true",
        "\"{}\"",
        r#"{"taskToken":"AAA","inp"#,
        "{}{}",
        r#"{"taskToken":7}"#,
        r#"{"status":"login required"}"#,
        r#"{"__type":"InternalFailure"}"#,
        &long,
    ] {
        assert!(polled_task(&plain(body)).is_err(), "{body}");
        assert!(accepted(&plain(body)).is_err(), "{body}");
        assert!(description(&plain(body)).is_err(), "{body}");
    }
    assert!(accepted(&plain("{}")).is_ok());
}

#[test]
fn fields_of_a_later_version_are_taken_from_the_service_alone() {
    let with_id = response(&[("x-amzn-requestid", "0b4c-1")], r#"{"new":1}"#);
    assert!(accepted(&with_id).is_ok());
    assert!(polled_task(&with_id).unwrap().is_none());
    let error = response(&[("x-amzn-requestid", "0b4c-1")], r#"{"__type":"InternalFailure"}"#);
    assert!(accepted(&error).is_err());
}

#[test]
fn a_description_has_a_name_and_a_date() {
    let body = r#"{"activityArn":"arn:x","creationDate":1.5,"name":"a"}"#;
    let created = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
    assert_eq!(description(&plain(body)), Ok(("a".to_owned(), created)));
    assert!(description(&plain(r#"{"name":"a","creationDate":-1}"#)).is_err());
    assert!(description(&plain(r#"{"name":"a","creationDate":1e300}"#)).is_err());
}

#[test]
fn the_code_is_found_in_every_place_and_spelling() {
    let code = |headers: &[(&str, &str)], body: &str| service_error(&response(headers, body)).code;
    let found = Some("TaskTimedOut".to_owned());
    for text in [
        "TaskTimedOut",
        "com.amazonaws.swf.base.model#TaskTimedOut",
        "TaskTimedOut:http://internal.amazon.com/coral/com.amazon.coral.validate/",
        "aws.protocoltests#TaskTimedOut:http://internal.amazon.com/x#y/",
    ] {
        assert_eq!(code(&[("x-amzn-errortype", text)], ""), found, "{text}");
        assert_eq!(code(&[], &format!(r#"{{"__type":"{text}"}}"#)), found, "{text}");
        assert_eq!(code(&[], &format!(r#"{{"code":"{text}"}}"#)), found, "{text}");
    }
    assert_eq!(code(&[("x-amzn-errortype", "TaskTimedOut")], r#"{"__type":"Other"}"#), found);
    assert_eq!(code(&[], r#"{"__type":"TaskTimedOut","code":"Other"}"#), found);
    assert_eq!(code(&[("x-amzn-errortype", "")], r#"{"code":"TaskTimedOut"}"#), found);
    for body in ["", "<html>", "[]", r#"{"code":403}"#, r#"{"code":"please log in"}"#, r#"{"__type":""}"#] {
        assert_eq!(code(&[], body), None, "{body}");
    }
}

#[test]
fn the_message_is_found_in_both_spellings_and_kept_short() {
    let message = |body: &str| service_error(&plain(body)).message;
    assert_eq!(message(r#"{"__type":"X","message":"a\nb"}"#).as_deref(), Some("a\\nb"));
    assert_eq!(message(r#"{"__type":"X","Message":"a"}"#).as_deref(), Some("a"));
    assert_eq!(message(r#"{"__type":"X","message":null}"#), None);
    let long = message(&format!(r#"{{"__type":"X","message":"{}"}}"#, "ä ".repeat(400))).unwrap();
    assert!(long.chars().count() <= 303, "{}", long.chars().count());
}

#[test]
fn p7_messages_that_quote_what_was_sent_are_not_shown() {
    for code in ["ValidationException", "InvalidOutput", "InvalidToken", "SerializationException"] {
        let body = format!(r#"{{"__type":"x#{code}","message":"Value 'sEcReT' at 'taskToken' failed"}}"#);
        assert_eq!(service_error(&plain(&body)), ServiceError { code: Some(code.into()), message: None });
    }
    let no_code = service_error(&plain(r#"{"message":"sEcReT"}"#));
    assert_eq!(no_code, ServiceError::default());
}

#[test]
fn the_pause_asked_for_is_in_milliseconds_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_858_828);
    let pause = |headers: &[(&str, &str)]| retry_after(&response(headers, ""), now);
    assert_eq!(
        pause(&[("x-amz-retry-after", "1500"), ("retry-after", "9")]),
        Some(Duration::from_millis(1500))
    );
    assert_eq!(pause(&[("retry-after", "9")]), Some(Duration::from_secs(9)));
    assert_eq!(pause(&[("retry-after", "Thu, 05 Nov 2026 06:08:08 GMT")]), Some(Duration::from_secs(60)));
    assert_eq!(pause(&[("retry-after", "99999999999")]), Some(RETRY_AFTER_MAX));
    assert_eq!(pause(&[("retry-after", "soon")]), None);
    assert_eq!(pause(&[]), None);
}

#[test]
fn a_date_from_a_cache_is_not_the_servers() {
    let date = ("date", "Thu, 05 Nov 2026 06:07:08 GMT");
    let known = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_858_828);
    assert_eq!(server_date(&response(&[date], "")), Some(known));
    assert_eq!(server_date(&response(&[date, ("age", "0")], "")), None);
    assert_eq!(server_date(&response(&[("date", "yesterday")], "")), None);
}

proptest! {
    #[test]
    fn p1_an_answer_cut_anywhere_is_no_answer(input in "\\PC{0,20}", cut in 0.0..1.0f64) {
        let whole = serde_json::json!({"taskToken": "T", "input": input}).to_string();
        let cut = whole.floor_char_boundary((whole.len() as f64 * cut) as usize).min(whole.len() - 1);
        prop_assert!(polled_task(&plain(&whole[..cut])).is_err());
        prop_assert_eq!(polled_task(&plain(&whole)).unwrap().unwrap().input, input);
    }

    #[test]
    fn no_bytes_make_the_decoders_panic(body in proptest::collection::vec(any::<u8>(), 0..80), header in "\\PC{0,40}") {
        let headers = ["x-amzn-errortype", "date", "retry-after", "x-amz-retry-after", "x-amzn-requestid"];
        let headers = headers.map(|name| (name.to_owned(), header.clone())).to_vec();
        let response = Response { status: 200, headers, body };
        let accepted = accepted(&response);
        let is_object = serde_json::from_slice::<Map<String, Value>>(&response.body).is_ok();
        prop_assert!(accepted.is_err() || is_object);
        let _ = (polled_task(&response), description(&response), server_date(&response));
        let _ = retry_after(&response, SystemTime::UNIX_EPOCH);
        let error = service_error(&response);
        prop_assert!(error.code.is_none_or(|c| (1..=128).contains(&c.len())));
    }
}
