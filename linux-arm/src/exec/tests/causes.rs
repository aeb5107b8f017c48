//! How a failure is named, and what its cause says.

use super::*;

#[test]
fn the_exit_status_names_the_failure_and_stderr_is_its_cause() {
    let (name, cause) = name_and_cause(sh("echo out; echo 'no paper' >&2; exit 3", b"{}"));
    assert_eq!((name.as_str(), cause.as_str()), ("Handler.Exit3", "no paper"));
    let (name, cause) = name_and_cause(sh("exit 4", b"{}"));
    assert_eq!((name.as_str(), cause.as_str()), ("Handler.Exit4", "exit status 4, nothing on stderr"));
}

#[test]
fn a_handler_names_its_own_error() {
    let fails =
        |json: &str| name_and_cause(sh(&format!("printf '%s' '{json}'; echo log >&2; exit 1"), b"{}"));
    assert_eq!(
        fails(r#"{"error": "Printer.Jam", "cause": "tray 2"}"#),
        ("Printer.Jam".into(), "tray 2".into())
    );
    assert_eq!(fails(r#"{"error": "Printer.Jam"}"#), ("Printer.Jam".into(), "log".into()));
    assert_eq!(fails(r#"{"error": "E", "cause": {"tray": 2}}"#), ("E".into(), r#"{"tray": 2}"#.into()));
    // Anything else on stdout is no name.
    assert_eq!(fails(r#"{"error": 7}"#).0, "Handler.Exit1");
    assert_eq!(fails("[1]").0, "Handler.Exit1");
    assert_eq!(fails(r#"{"error": ""}"#).0, "Handler.Exit1");
    // With exit 0 it is an output like any other.
    assert_eq!(sh(r#"printf '{"error": "x"}'"#, b"{}").unwrap(), r#"{"error": "x"}"#);
}

#[test]
fn field_08_where_stdout_ceases_to_be_json_it_is_quoted_with_the_end_of_stderr() {
    let invalid = |script: &str| {
        let (name, cause) = name_and_cause(sh(script, b"{}"));
        assert_eq!(name, "Worker.InvalidOutput", "{cause}");
        cause
    };
    assert_eq!(
        invalid("echo 'Traceback: no paper'; echo 'tray 2' >&2"),
        "exit status 0, but the output is not JSON: line 1, column 1; stdout there: Traceback: no paper; stderr: tray 2"
    );
    assert!(invalid("printf '{\"n\": 1'").ends_with("; stdout there: {\"n\": 1"));
    // Far in, the place itself, and not the beginning.
    let far = invalid(
        "printf '\\n\\n[\\n'; yes 1234567, | head -90 | tr -d '\\n'; printf 'oops]'; yes é | head -20",
    );
    assert!(far.contains("line 2, column 7") && far.contains("oops]") && far.contains("there: ..."), "{far}");
    assert!(far.len() < 1500, "{}", far.len());
    let huge = invalid("yes é | head -c 999; head -c 20000 /dev/zero | tr '\\0' e >&2");
    assert!(huge.len() < 10_000 && huge.contains("stderr: ...eee"), "{}", huge.len());
    let bytes = invalid("printf '{\\377'; echo broken >&2");
    assert_eq!(
        bytes,
        "exit status 0, but stdout is not UTF-8: byte 1; stdout there: {\u{FFFD}; stderr: broken"
    );
    let (name, cause) = name_and_cause(sh("head -c 2000 /dev/zero | tr '\\0' 1; echo why >&2", b"{}"));
    assert_eq!(
        (name.as_str(), cause.as_str()),
        ("Worker.OutputTooLarge", "exit status 0, but stdout has more than 1000 bytes; stderr: why")
    );
}

#[test]
fn field_08_a_failure_with_nothing_on_stderr_has_the_end_of_stdout_as_its_reason() {
    let failed = |script: &str| name_and_cause(sh(script, b"{}"));
    let says = |name: &str, cause: &str| (name.to_owned(), cause.to_owned());
    let cause = "exit status 1, nothing on stderr; stdout: no paper";
    assert_eq!(failed("echo no paper; exit 1"), says("Handler.Exit1", cause));
    let cause = "exit status 2, nothing on stderr; stdout: {\"error\": \"cut off";
    assert_eq!(failed("printf '{\"error\": \"cut off'; exit 2"), says("Handler.Exit2", cause));
    let cause = "ended by signal 6, nothing on stderr; stdout: assertion";
    assert_eq!(failed("echo assertion; kill -ABRT $$"), says("Handler.Signal6", cause));
    let cause = "exit status 3, nothing on stderr; stdout: a\u{FFFD}b";
    assert_eq!(failed("printf 'a\\377b'; exit 3"), says("Handler.Exit3", cause));
    // Over the limit too, and that is all that there is to be known.
    let (_, cause) = failed("yes line | head -c 30000; exit 1");
    assert!(cause.contains("stdout: ") && cause.contains("line\nline"), "{cause}");
    let limits = Limits { timeout: Duration::from_millis(300), ..QUICK };
    let (name, cause) = name_and_cause(Bench::sh("echo at page 3; exec sleep 60", limits).work(b"{}"));
    let says = "the handler took longer than 300ms; stdout: at page 3";
    assert_eq!((name.as_str(), cause.as_str()), ("Handler.Timeout", says));
}

#[test]
fn a_death_by_signal_names_the_signal() {
    let (name, cause) = name_and_cause(sh("kill -SEGV $$", b"{}"));
    assert_eq!(
        (name.as_str(), cause.as_str()),
        ("Handler.Signal11", "ended by signal 11, nothing on stderr")
    );
}

#[test]
fn an_output_that_is_not_utf8_is_invalid() {
    let (name, cause) = name_and_cause(sh("printf '\"ab\\377\"'", b"{}"));
    assert_eq!(
        (name.as_str(), cause.as_str()),
        (
            "Worker.InvalidOutput",
            "exit status 0, but stdout is not UTF-8: byte 3; stdout there: \"ab\u{fffd}\""
        )
    );
}
