//! Text from outside must not steer a log, a terminal, or whoever reads them: the binary with names and answers that try.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bench;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use bench::{PATIENCE, Service, output, program};

/// A line of a log made up, colours, a text that reads backwards, and other things that are not seen.
const HOSTILE: &str = "x\nactivity-worker: error: made up\r\u{1b}[31m\u{7}\u{202e}\u{2066}\u{200f}\u{61c}\u{85}\u{9b}\u{2028}\u{2029}\u{200b}\u{feff}y";

/// What no reader of a line should meet: what HOSTILE is made of, and its kin.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}')
}

/// Asserts that no line of it steers, and gives the lines.
fn harmless(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<_> = text.split_terminator('\n').map(str::to_owned).collect();
    for line in &lines {
        assert!(!line.chars().any(steers), "{line:?}");
        assert!(!line.starts_with("activity-worker: error: made up"), "{line:?}");
    }
    lines
}

fn check(file: &Path) -> Output {
    output(&["check".as_ref(), "--config".as_ref(), file.as_os_str()])
}

#[test]
fn field_20_a_file_name_in_an_error_stays_on_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let names = [HOSTILE.as_bytes(), b"not utf-8 \xff\x9b31m\n.toml"];
    for name in names {
        let file = folder.path().join(std::ffi::OsStr::from_bytes(name));
        let missing = check(&file);
        assert_eq!(missing.status.code(), Some(78));
        assert_eq!(harmless(&missing.stderr).len(), 1);
        fs::write(&file, "[[activity]]\narn = \"x\\n\\u001b[31m\"\ncommand = [\"cat\"]\n").unwrap();
        let wrong = check(&file);
        assert_eq!(wrong.status.code(), Some(78));
        assert_eq!(harmless(&wrong.stderr).len(), 1);
        let arn = "arn:aws:states:eu-west-1:123456789012:activity:print";
        fs::write(&file, format!("[[activity]]\narn = \"{arn}\"\ncommand = [\"/bin/cat\"]\n")).unwrap();
        let right = check(&file);
        assert!(right.status.success());
        assert_eq!(harmless(&right.stdout).len(), 2, "{right:?}");
    }
}

#[test]
fn field_20_a_wrong_argument_stays_on_its_line() {
    for arguments in
        [vec![HOSTILE], vec!["run", HOSTILE], vec!["run", "--activity-arn", HOSTILE, "--", "cat"]]
    {
        let told = output(&arguments);
        assert!(!told.status.success());
        assert_eq!(harmless(&told.stderr).len(), 1, "{arguments:?}");
    }
}

#[test]
fn field_20_a_handler_that_names_its_error_writes_no_line_of_the_log() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let said =
        r#"{ "error": "x\n2026-01-01T00:00:00Z INFO  made up\u001b[31m\u202e", "cause": "y\n\u001b[2J" }"#;
    let script = format!("printf '%s' '{said}'; printf '\\033[31m\\nz\\n' >&2; exit 1");
    let mut worker = service.worker(&folder, &["--exit-when-idle"], &script);
    worker.end();
    let end = service.end_of(&execution);
    assert!(end.error.unwrap().contains('\u{1b}'), "the workflow gets what the handler said");
    assert!(worker.log.iter().any(|line| line.contains("failed as x\\n")), "{:#?}", worker.log);
    for line in &worker.log {
        assert!(!line.chars().any(steers) && !line.contains("INFO  made up\u{1b}"), "{line:?}");
        assert!(!line.starts_with("2026-01-01T00:00:00Z INFO  made up"), "{line:?}");
    }
}

/// A service that refuses everything with a message that steers.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let _ = stream.read(&mut [0; 8192]);
            let body =
                serde_json::json!({ "__type": "AccessDeniedException", "message": HOSTILE }).to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 400 Bad Request\r\nx-amzn-requestid: 1\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

#[test]
fn field_20_a_servers_message_writes_no_line_of_the_log_and_none_of_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.toml");
    let text = format!(
        "endpoint_url = {:?}\nstate_dir = {:?}\nallow_unsafe_storage = true\n[[activity]]\narn = \"arn:aws:states:eu-west-1:123456789012:activity:work\"\ncommand = [\"/bin/cat\"]\n",
        refusing(),
        folder.path().join("state")
    );
    fs::write(&file, text).unwrap();
    let with_keys = |command: &str| {
        let mut program = program();
        program.arg(command).arg("--config").arg(&file);
        program.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x");
        program
    };
    let doctor = with_keys("doctor").output().unwrap();
    harmless(&doctor.stdout);
    harmless(&doctor.stderr);
    let mut worker = bench::Worker::start(with_keys("run"));
    worker.until("refused");
    for line in &worker.log {
        assert!(!line.chars().any(steers), "{line:?}");
    }
}

#[test]
fn field_20_what_the_environment_and_the_file_name_stays_on_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let arn = "arn:aws:states:eu-west-1:123456789012:activity:work";
    let mut runs = Vec::new();
    for variable in [
        "AWS_CA_BUNDLE",
        "HTTPS_PROXY",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_CONFIG_FILE",
        "STATE_DIRECTORY",
    ] {
        let mut run = program();
        run.args(["run", "--activity-arn", arn, "--endpoint-url", "http://127.0.0.1:9"])
            .env(variable, HOSTILE);
        if variable == "AWS_ENDPOINT_URL" {
            run = program();
            run.args(["run", "--activity-arn", arn]).env(variable, HOSTILE);
        }
        if variable != "STATE_DIRECTORY" {
            run.arg("--state-dir").arg(folder.path().join("state")).arg("--allow-unsafe-storage");
        }
        run.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x");
        run.args(["--exit-when-idle", "--", "/bin/cat"]).current_dir(folder.path());
        runs.push(run.stderr(Stdio::piped()).spawn().unwrap());
    }
    // Where one does not fail, it would poll for ever.
    std::thread::sleep(Duration::from_secs(1));
    for mut run in runs {
        run.kill().unwrap();
        harmless(&run.wait_with_output().unwrap().stderr);
    }
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    let file = folder.path().join("worker.toml");
    for key in ["ca_bundle", "state_dir", "worker_name", "profile", "region", "endpoint_url", &quoted] {
        let value = if key == quoted { "1" } else { &quoted };
        let text = format!("{key} = {value}\n[[activity]]\narn = \"{arn}\"\ncommand = [\"/bin/cat\"]\n");
        fs::write(&file, text).unwrap();
        let told = check(&file);
        harmless(&[told.stderr, told.stdout].concat());
    }
}

#[test]
fn field_20_a_damaged_file_is_set_aside_on_one_line() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let state = folder.path().join(HOSTILE);
    let option = format!("--state-dir={}", state.display());
    let mut first = service.worker(&folder, &[&option, "--exit-when-idle"], "cat");
    first.end();
    fs::write(state.join("log/050"), "damaged").unwrap();
    let mut second = service.worker(&folder, &[&option, "--exit-when-idle"], "cat");
    second.end();
    assert!(second.has_said("set aside"), "{:#?}", second.log);
    for worker in [first, second] {
        assert!(worker.log.len() > 1);
        for line in &worker.log {
            assert!(!line.chars().any(steers), "{line:?}");
            assert!(!line.starts_with("activity-worker: error: made up"), "{line:?}");
        }
    }
}
