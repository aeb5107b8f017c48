//! The marks of the service, and what an answer says: every combination.

use proptest::prelude::*;

use super::*;

const ID: (&str, &str) = ("x-amzn-requestid", "0b4c-1");
const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Response { status, headers, body: body.as_bytes().to_vec() }
}

/// With the marks, and more headers.
fn ours(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    answer(status, &[&[ID, JSON], headers].concat(), body)
}

#[test]
fn field_03_a_missing_mark_is_named() {
    let missing = |headers: &[(&str, &str)]| marks(&answer(200, headers, "{}")).unwrap_err();
    assert_eq!(missing(&[JSON]), "carries no x-amzn-RequestId");
    assert_eq!(missing(&[ID]), "has no Content-Type");
    assert_eq!(missing(&[]), "carries no x-amzn-RequestId and has no Content-Type");
    assert_eq!(missing(&[ID, ("content-type", "text/html; charset=utf-8")]), "is text/html, not JSON");
    assert_eq!(missing(&[ID, JSON, ("content-type", "text/html")]), "is text/html, not JSON");
    for id in ["", " ", "two words", "<script>"] {
        assert_eq!(missing(&[("x-amzn-requestid", id), JSON]), "carries no x-amzn-RequestId", "{id}");
    }
    for other in [
        "",
        "text/json",
        "application/jsonp",
        "application/xml",
        "x application/json",
        "text/plain; application/json",
    ] {
        assert!(missing(&[ID, ("content-type", other)]).ends_with(", not JSON"), "{other}");
    }
    for json in [
        "application/x-amz-json-1.0",
        "application/x-amz-json-1.1",
        "APPLICATION/X-AMZ-JSON-1.0;charset=UTF-8",
        " application/json ; charset=utf-8",
        "application/json",
    ] {
        assert_eq!(marks(&answer(200, &[ID, ("content-type", json)], "")), Ok(()), "{json}");
    }
}

#[test]
fn field_03_a_later_versions_members_are_of_no_account() {
    for body in [
        "{}",
        " {} ",
        "\u{feff}{}",
        r#"{"new":1}"#,
        r#"{"new":{"message":"not ours","code":[1e400]},"Code":1}"#,
        r#"{"new":1e400,"new":"\ud800","n":-0.0e-999}"#,
    ] {
        assert!(done(&ours(200, &[], body)).is_ok(), "{body}");
    }
    for body in
        [r#"{"message":null}"#, r#"{"a":1,"__type":""}"#, r#"{"code":{}}"#, r#"{"\u004dessage":"denied"}"#]
    {
        assert_eq!(done(&ours(200, &[], body)), Err(Unheard::Unreadable(ERROR_AS_SUCCESS.into())), "{body}");
    }
    for (name, value) in [("x-amzn-errortype", ""), ("x-amzn-errortype", "X"), ("x-amzn-error-message", "no")]
    {
        assert!(done(&ours(200, &[(name, value)], "{}")).is_err(), "{name}");
    }
}

#[test]
fn the_code_is_found_in_every_place_and_spelling() {
    let code = |headers: &[(&str, &str)], body: &str| error(&ours(400, headers, body)).code;
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
    let message = |body: &str| error(&ours(400, &[], body)).message;
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
        assert_eq!(error(&ours(400, &[], &body)), ServiceError { code: Some(code.into()), message: None });
    }
    let no_code = error(&ours(400, &[], r#"{"message":"sEcReT"}"#));
    assert_eq!(no_code, ServiceError::default());
}

#[test]
fn the_pause_asked_for_is_in_milliseconds_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_858_828);
    let pause = |headers: &[(&str, &str)]| retry_after(&ours(503, headers, ""), now);
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
fn field_11_nobody_but_the_service_asks_for_a_pause() {
    let now = SystemTime::UNIX_EPOCH;
    let wish = ("retry-after", "60");
    let millis = ("x-amz-retry-after", "60000");
    for wish in [wish, millis] {
        assert_eq!(retry_after(&ours(503, &[wish], ""), now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after(&answer(503, &[ID, wish], ""), now), None);
        assert_eq!(retry_after(&answer(503, &[JSON, wish], ""), now), None);
        assert_eq!(retry_after(&answer(503, &[ID, ("content-type", "text/html"), wish], ""), now), None);
    }
    for long in ["3600", "301", "18446744073709551615", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_eq!(
            retry_after(&ours(503, &[("retry-after", long)], ""), now),
            Some(Duration::from_secs(300))
        );
    }
}

/// All parts of an answer that anything depends on.
fn any_answer() -> impl Strategy<Value = (Response, bool, bool, bool)> {
    let status =
        prop_oneof![Just(200u16), Just(400), Just(407), Just(403), Just(503), Just(302), 100..600u16];
    let id = prop_oneof![Just(None), Just(Some("0b4c-1")), Just(Some("")), Just(Some("a b"))];
    let kind = prop_oneof![
        Just(None),
        Just(Some("application/x-amz-json-1.0")),
        Just(Some("Application/JSON; charset=utf-8")),
        Just(Some("text/html")),
        Just(Some("application/json-seq")),
    ];
    let error = prop_oneof![
        Just(None),
        Just(Some("TaskTimedOut")),
        Just(Some("ns#InvalidToken:http://x")),
        Just(Some(""))
    ];
    let body = prop_oneof![
        Just(("{}", true)),
        Just((r#"{"later":[1e400,"\ud800"]}"#, true)),
        Just(("", false)),
        Just(("[]", false)),
        Just((r#"{"__type":"TaskTimedOut"}"#, false)),
        Just((r#"{"message":"denied"}"#, false)),
        Just((r#"{"Message":"denied"}"#, false)),
        Just((r#"{"code":"TaskTimedOut"}"#, false)),
        Just((r#"{"later":"#, false)),
        Just(("<html>TaskTimedOut</html>", false)),
    ];
    (status, id, kind, error, body).prop_map(|(status, id, kind, error, (body, plain))| {
        let headers = [("x-amzn-requestid", id), ("content-type", kind), ("x-amzn-errortype", error)];
        let given: Vec<_> = headers.iter().filter_map(|(n, v)| Some((*n, (*v)?))).collect();
        let marked = id == Some("0b4c-1") && kind.is_some_and(|k| k.ends_with("1.0") || k.ends_with("utf-8"));
        let over = error == Some("TaskTimedOut")
            || (error.is_none_or(str::is_empty) && body.contains(r#":"TaskTimedOut"}"#));
        (answer(status, &given, body), marked, plain && error.is_none(), over)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn field_03_only_the_services_own_word_is_taken((answer, marked, plain, over) in any_answer()) {
        prop_assert_eq!(done(&answer).is_ok(), marked && plain);
        let said = error(&answer);
        prop_assert!(said.code.is_none() || marked);
        let class = crate::aws::classify(crate::aws::Operation::SendTaskSuccess, answer.status, said.code.as_deref(), false);
        prop_assert_eq!(class == crate::ErrorClass::Settled, marked && over && answer.status == 400);
        if !marked {
            let harmless = matches!(class, crate::ErrorClass::Network | crate::ErrorClass::Server | crate::ErrorClass::Throttled);
            prop_assert!(harmless, "{:?}", class);
        }
        if class == crate::ErrorClass::Server {
            prop_assert!((500..600).contains(&answer.status) || marked);
        }
    }
}
