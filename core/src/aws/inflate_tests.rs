//! Answers that a gateway has compressed.

use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use proptest::prelude::*;

use super::*;
use crate::aws::always::{ID, JSON, answer, client};
use crate::aws::{ActivityArn, CallError, PolledTask, Response, TransportError};
use crate::{ErrorClass, Receipt, TaskToken, WorkerName};

fn poll(answer: Result<Response, TransportError>) -> Result<Option<PolledTask>, CallError> {
    let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap();
    client(answer).get_activity_task(&arn, &WorkerName::new("pi").unwrap())
}

fn report(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Receipt, CallError> {
    client(Ok(answer(status, headers, body))).send_task_success(&TaskToken::new("T").unwrap(), "{}")
}

#[test]
fn field_04_every_head_is_passed_over_and_no_more_is_kept_than_asked_for() {
    let text = b"{\"taskToken\":\"T\"}";
    for (flags, more) in [
        (0, &b""[..]),
        (1, b""),
        (2, b"\x12\x34"),
        (4, b"\x03\0abc"),
        (8, b"name\0"),
        (16, b"comment\0"),
        (31, b"\x01\0anane\0comment\0\x12\x34"),
    ] {
        let head = [&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3], more].concat();
        let body = [&head, &*compress_to_vec(text, 6), &[0; 8]].concat();
        assert_eq!(inflated(&body, 100).as_deref(), Some(&text[..]), "{flags}");
        assert_eq!(inflated(&body, 5).unwrap().len(), 5);
        assert_eq!(inflated(&head, 100), None);
    }
    for level in [0, 1, 6, 9] {
        let body = compress_to_vec_zlib(text, level);
        assert_eq!(inflated(&body, 100).as_deref(), Some(&text[..]), "{level}");
    }
}

#[test]
fn field_04_what_is_not_compressed_stays_as_it_is() {
    for body in ["", "{}", "[1]", "x^y", "HK is not available", "<html>", "\u{1f}\u{8b}", "h\u{2}", "\u{1f}"]
    {
        let response = |body: &str| Response { status: 200, headers: Vec::new(), body: body.into() };
        assert_eq!(plain(response(body), 100).body, body.as_bytes(), "{body}");
    }
}

proptest! {
    #[test]
    fn field_04_whatever_seems_to_be_compressed_is_read_within_bounds(
        begin in prop::sample::select(vec![&[0x1f, 0x8b, 8][..], &[0x78, 0x9c], &[]]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let body = [begin, &rest].concat();
        prop_assert!(inflated(&body, 1000).is_none_or(|body| body.len() <= 1000));
    }
}

/// By a gateway that compresses whatever goes through it.
#[test]
fn field_04_an_answer_that_was_compressed_though_not_asked_for_is_read_all_the_same() {
    let body = r#"{"taskToken":"T","input":"[1]"}"#.as_bytes();
    for (name, zipped) in
        [("gzip", gzip(body)), ("x-gzip", gzip(body)), ("deflate", zlib(body)), ("br", gzip(body))]
    {
        let zip = ("content-encoding", name);
        for headers in [&[ID, JSON, zip][..], &[ID, JSON]] {
            let task = poll(Ok(answer(200, headers, zipped.clone()))).unwrap().expect("a task");
            assert_eq!(
                (task.token.expose(), task.input.as_str(), task.unusable),
                ("T", "[1]", None),
                "{name}"
            );
        }
        // Without the marks it is a stranger's, compressed or not.
        assert!(!poll(Ok(answer(200, &[JSON, zip], zipped))).unwrap_err().task_lost);
    }
    let zip = ("content-encoding", "gzip");
    let over = report(400, &[ID, JSON, zip], gzip(br#"{"__type":"TaskTimedOut"}"#));
    assert_eq!(over.unwrap_err().class, ErrorClass::Settled);
    report(200, &[ID, JSON, zip], gzip(b"{}")).unwrap();
    report(200, &[ID, JSON, zip], gzip(br#"{"Message":"denied"}"#)).unwrap_err();
    report(200, &[JSON, zip], gzip(b"{}")).unwrap_err();
    // What came of it before it was cut may hold the token.
    let noise: String = (0..40_000u32).map(|n| char::from(b'a' + (n * n / 7 % 26) as u8)).collect();
    let long = gzip(format!(r#"{{"taskToken":"T","input":"{noise}"}}"#).as_bytes());
    let half = answer(200, &[ID, JSON, zip], &long[..long.len() / 2]);
    let broken = TransportError { part: Some(Box::new(half.clone())), ..TransportError::new("reset", true) };
    for cut in [Ok(half), Err(broken)] {
        let task = poll(cut).unwrap().expect("a task");
        assert_eq!(task.unusable.as_deref(), Some("the input was cut short"));
    }
    // Few bytes that become very many: no more is read of it than of any other.
    let bomb = gzip(format!(r#"{{"taskToken":"T","input":"{}"}}"#, "1".repeat(50_000_000)).as_bytes());
    let task = poll(Ok(answer(200, &[ID, JSON, zip], bomb))).unwrap().expect("a task");
    assert!(task.unusable.unwrap().contains("is over"));
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let head = *b"\x1f\x8b\x08\x18\0\0\0\0\0\x03name\0comment\0";
    [&head, &*compress_to_vec(text, 6), &[0; 8]].concat()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(text, 6)
}
