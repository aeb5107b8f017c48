//! The protocol awsJson1.0 as the activity API speaks it: bodies out, answers in.
//!
//! An answer counts as the service's only if it looks like it in every respect: a captive portal's page with status 200 must
//! never pass for a delivered result.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::redact::redact;
use super::{ActivityArn, PolledTask, Response};
use crate::{Failure, TaskToken, WorkerName};

/// The content type of every request.
pub(super) const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
/// An error body over this size is not the service's.
const ERROR_BODY_MAX: usize = 64 * 1024;

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

pub(super) fn get_activity_task(arn: &ActivityArn, worker: &WorkerName) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        activity_arn: &'a str,
        worker_name: &'a str,
    }
    json(&Body { activity_arn: arn.as_str(), worker_name: worker.as_str() })
}

pub(super) fn send_task_success(token: &TaskToken, output: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        task_token: &'a str,
        output: &'a str,
    }
    json(&Body { task_token: token.expose(), output })
}

/// An empty error or cause is left out: with both absent the call needs no permission for the KMS key of the state machine.
pub(super) fn send_task_failure(token: &TaskToken, failure: &Failure) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        task_token: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        error: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        cause: &'a str,
    }
    json(&Body { task_token: token.expose(), error: failure.error(), cause: failure.cause() })
}

pub(super) fn send_task_heartbeat(token: &TaskToken) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        task_token: &'a str,
    }
    json(&Body { task_token: token.expose() })
}

pub(super) fn describe_activity(arn: &ActivityArn) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        activity_arn: &'a str,
    }
    json(&Body { activity_arn: arn.as_str() })
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default() // structs of strings always serialize
}

/// Why an answer with status 200 is none of the service's.
pub(super) type NotTheService = &'static str;

/// Reads the answer to a poll. A token that is absent, null or empty means that no task came.
pub(super) fn polled_task(response: &Response) -> Result<Option<PolledTask>, NotTheService> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        task_token: Option<String>,
        input: Option<String>,
    }
    let object = service_object(response, &["taskToken", "input"])?;
    let body = Body::deserialize(object).map_err(|_| "holds a task of the wrong shape")?;
    match body.task_token {
        None => Ok(None),
        Some(token) if token.is_empty() => Ok(None),
        Some(token) => {
            let token = TaskToken::new(token).map_err(|_| "holds a task token that is too long")?;
            Ok(Some(PolledTask { token, input: body.input.unwrap_or_else(|| "{}".to_owned()) }))
        }
    }
}

/// Reads the answer to a report or a heartbeat: an empty object.
pub(super) fn accepted(response: &Response) -> Result<(), NotTheService> {
    service_object(response, &[]).map(drop)
}

/// Reads the answer to DescribeActivity: the activity's name and when it was created.
pub(super) fn description(response: &Response) -> Result<(String, SystemTime), NotTheService> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        name: String,
        creation_date: f64,
    }
    let object = service_object(response, &["activityArn", "name", "creationDate"])?;
    let body = Body::deserialize(object).map_err(|_| "holds no description of an activity")?;
    let created = Duration::try_from_secs_f64(body.creation_date).ok();
    let created = created.and_then(|d| SystemTime::UNIX_EPOCH.checked_add(d)).ok_or("holds a wrong date")?;
    Ok((body.name, created))
}

/// The JSON object in the body. Fields that this version does not know are the service's only if the answer has a request id.
fn service_object(response: &Response, known: &[&str]) -> Result<Value, NotTheService> {
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Err("has an empty body");
    }
    let object: Map<String, Value> =
        serde_json::from_slice(&response.body).map_err(|_| "is not a JSON object, or cut short")?;
    if request_id(response).is_none() && object.keys().any(|k| !known.contains(&k.as_str())) {
        return Err("is JSON, but not the service's");
    }
    Ok(Value::Object(object))
}

/// What an answer says about an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ServiceError {
    /// The code without its namespace: `TaskTimedOut`. `None`: the answer is not the service's.
    pub(super) code: Option<String>,
    /// The message, fit for a log.
    pub(super) message: Option<String>,
}

/// Finds the code and the message, wherever the service put them: the code in the header `x-amzn-errortype`, else in the body as
/// `__type` or `code`; the message as `message` or `Message`.
pub(super) fn service_error(response: &Response) -> ServiceError {
    let body = match response.body.len() {
        0..=ERROR_BODY_MAX => {
            serde_json::from_slice::<Map<String, Value>>(&response.body).unwrap_or_default()
        }
        _ => Map::new(),
    };
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let code = header(response, "x-amzn-errortype")
        .and_then(bare_code)
        .or_else(|| text("__type").and_then(bare_code))
        .or_else(|| text("code").and_then(bare_code));
    let message = text("message").or_else(|| text("Message")).filter(|m| !m.trim().is_empty());
    // These quote what was sent.
    let quotes = |c: &str| {
        ["ValidationException", "InvalidOutput", "InvalidToken", "SerializationException"].contains(&c)
    };
    let shown = code.as_deref().is_some_and(|c| !quotes(c));
    ServiceError { message: message.filter(|_| shown).map(redact), code }
}

/// `com.amazonaws.swf.base.model#TaskTimedOut:http://...` is `TaskTimedOut`.
fn bare_code(text: &str) -> Option<String> {
    let text = text.split(':').next().unwrap_or_default();
    let text = text.rsplit('#').next().unwrap_or_default().trim();
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'_' || b == b'-';
    ((1..=128).contains(&text.len()) && text.bytes().all(is_name)).then(|| text.to_owned())
}

/// The value of a header.
pub(super) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim())
}

/// The request id, to quote to AWS support.
pub(super) fn request_id(response: &Response) -> Option<String> {
    let id = header(response, "x-amzn-requestid").or_else(|| header(response, "x-amz-request-id"))?;
    let is_id = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    ((1..=128).contains(&id.len()) && id.bytes().all(is_id)).then(|| id.to_owned())
}

/// The server's date, unless a cache sent it.
pub(super) fn server_date(response: &Response) -> Option<SystemTime> {
    if header(response, "age").is_some() {
        return None;
    }
    httpdate::parse_http_date(header(response, "date")?).ok()
}

/// The longest pause that an answer can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// The pause that the answer asks for, at most an hour: `x-amz-retry-after` in milliseconds, else `Retry-After` in seconds or as
/// a date.
pub(super) fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let millis =
        header(response, "x-amz-retry-after").and_then(|t| t.parse().ok()).map(Duration::from_millis);
    let pause = millis.or_else(|| {
        let text = header(response, "retry-after")?;
        match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).ok(),
        }
    });
    pause.map(|p| p.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
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
        for body in ["", "<html>", "[]", r#"{"code":403}"#, r#"{"code":"please log in"}"#, r#"{"__type":""}"#]
        {
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
}
