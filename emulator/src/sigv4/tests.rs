//! The two good requests were signed by botocore 1.44.5.

use std::time::Duration;

use super::*;

const BODY: &[u8] =
    br#"{"activityArn":"arn:aws:states:eu-west-1:123456789012:activity:pump","workerName":"device 7"}"#;
const DATE: &str = "20261101T120000Z";
const PLAIN: &str = "4afffc004bd5e8497573f35ba7b305638b334fc1b775476ebb6270291babba0b";
const SESSION: &str = "cd539822bf052ff03381062de296a555d67047d37f16ab52f4f629a043995ea4";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(date::parse(DATE).unwrap())
}

fn request(signature: &str, session: Option<&str>) -> Request {
    let names = if session.is_some() {
        "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
    } else {
        "content-type;host;x-amz-date;x-amz-target"
    };
    let scope = "AKIDEXAMPLE/20261101/eu-west-1/states/aws4_request";
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}");
    let mut headers = vec![
        ("host", "127.0.0.1:8083"),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "AWSStepFunctions.GetActivityTask"),
        ("x-amz-date", DATE),
        ("authorization", &authorization),
    ];
    headers.extend(session.map(|token| ("x-amz-security-token", token)));
    Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: headers.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        body: BODY.to_vec(),
        keep_alive: true,
    }
}

fn code(request: &Request, known: &[Credential], now: SystemTime) -> String {
    match verify(request, known, "eu-west-1", now) {
        Ok(()) => "ok".to_owned(),
        Err(e) => e.code().to_owned(),
    }
}

fn with(mut request: Request, name: &str, change: impl Fn(&str) -> String) -> Request {
    for (n, value) in &mut request.headers {
        if n == name {
            *value = change(value);
        }
    }
    request
}

#[test]
fn signatures_of_another_signer_are_right() {
    let known = [Credential::test()];
    assert_eq!(code(&request(PLAIN, None), &known, now()), "ok");
    let session = [Credential::test().session("session-token/1==", None)];
    assert_eq!(code(&request(SESSION, Some("session-token/1==")), &session, now()), "ok");
}

#[test]
fn any_change_of_what_was_signed_is_found() {
    let known = [Credential::test()];
    let good = || request(PLAIN, None);
    for name in ["host", "content-type", "x-amz-target"] {
        let changed = with(good(), name, |v| format!("{v}x"));
        assert_eq!(code(&changed, &known, now()), "InvalidSignatureException", "{name}");
    }
    let mut body = good();
    body.body.push(b' ');
    assert_eq!(code(&body, &known, now()), "InvalidSignatureException");
    let mut secret = Credential::test();
    secret.secret_access_key.push('x');
    assert_eq!(code(&good(), &[secret], now()), "InvalidSignatureException");
}

#[test]
fn dates_are_taken_within_five_minutes() {
    let known = [Credential::test()];
    let late = now() + Duration::from_secs(301);
    let error = verify(&request(PLAIN, None), &known, "eu-west-1", late).unwrap_err();
    let words = "Signature expired: 20261101T120000Z is now earlier than 20261101T120001Z (20261101T120501Z - 5 min.)";
    assert_eq!((error.code(), error.message()), ("InvalidSignatureException", words));
    let early = now() - Duration::from_secs(301);
    let error = verify(&request(PLAIN, None), &known, "eu-west-1", early).unwrap_err();
    assert!(error.message().starts_with("Signature not yet current: 20261101T120000Z is still later than"));
    for seconds in [0, 300] {
        assert_eq!(code(&request(PLAIN, None), &known, now() + Duration::from_secs(seconds)), "ok");
        assert_eq!(code(&request(PLAIN, None), &known, now() - Duration::from_secs(seconds)), "ok");
    }
}

#[test]
fn session_credentials_need_their_token_and_end() {
    let token = "session-token/1==";
    let known = |expires| [Credential::test().session(token, expires)];
    let good = || request(SESSION, Some(token));
    assert_eq!(code(&request(PLAIN, None), &known(None), now()), "UnrecognizedClientException");
    assert_eq!(code(&good(), &[Credential::test()], now()), "UnrecognizedClientException");
    assert_eq!(code(&good(), &known(Some(now())), now()), "ExpiredTokenException");
    assert_eq!(code(&good(), &known(Some(now() + Duration::from_secs(1))), now()), "ok");
}

#[test]
fn what_is_missing_or_not_ours_has_its_own_code() {
    let known = [Credential::test()];
    let auth = |change: &dyn Fn(&str) -> String| {
        code(&with(request(PLAIN, None), "authorization", change), &known, now())
    };
    assert_eq!(auth(&|_| "Bearer x".to_owned()), "MissingAuthenticationTokenException");
    assert_eq!(auth(&|v| v.replace(", Signature=", ", Sig=")), "IncompleteSignatureException");
    assert_eq!(auth(&|v| v.replace("/states/", "/")), "IncompleteSignatureException");
    assert_eq!(auth(&|v| v.replace("AKIDEXAMPLE", "AKIDOTHER")), "UnrecognizedClientException");
    for (from, to) in [
        ("eu-west-1", "us-east-1"),
        ("/states/", "/sqs/"),
        ("aws4_request", "aws5"),
        ("20261101", "20261102"),
    ] {
        assert_eq!(auth(&|v| v.replace(from, to)), "InvalidSignatureException", "{to}");
    }
    assert_eq!(auth(&|v| v.replace("host;", "")), "InvalidSignatureException");
    let mut unsigned = request(PLAIN, None);
    unsigned.headers.retain(|(n, _)| n != "authorization");
    assert_eq!(code(&unsigned, &known, now()), "MissingAuthenticationTokenException");
    let mut undated = request(PLAIN, None);
    undated.headers.retain(|(n, _)| n != "x-amz-date");
    assert_eq!(code(&undated, &known, now()), "IncompleteSignatureException");
}

proptest::proptest! {
    #[test]
    fn any_authorization_is_refused_or_right(text in "(AWS4-HMAC-SHA256 )?(Credential=[a-z/]{0,12},)?\\PC{0,60}") {
        let request = with(request(PLAIN, None), "authorization", |_| text.clone());
        proptest::prop_assert_ne!(code(&request, &[Credential::test()], now()), "ok");
    }
}
