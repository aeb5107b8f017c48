//! The emulator over real sockets: the long poll, faults, and going down and coming back.

#![allow(clippy::unwrap_used)] // the functions here serve tests alone

mod common;

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use activity_emulator::{Credential, Emulator, Fault, Options, Status};
use serde_json::{Value, json};

use self::common::Client;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(5);

/// An emulator with one activity and one state machine of one Task.
struct Bench {
    emulator: Emulator,
    activity: String,
    machine: String,
}

impl Bench {
    fn new(long_poll: Duration, task: Value) -> Self {
        let emulator = Emulator::start(Options::default().long_poll(long_poll)).unwrap();
        let activity = emulator.create_activity("pump").unwrap();
        let mut work = json!({ "Type": "Task", "Resource": activity, "End": true });
        work.as_object_mut().unwrap().extend(task.as_object().unwrap().clone());
        let machine = emulator
            .create_state_machine("m", &json!({ "StartAt": "Work", "States": { "Work": work } }))
            .unwrap();
        Bench { emulator, activity, machine }
    }

    fn start(&self) -> String {
        self.emulator.start_execution(&self.machine, r#"{"n":1}"#).unwrap()
    }

    fn client(&self) -> Client {
        Client::connect(&self.emulator)
    }

    fn poll_request(&self) -> Value {
        json!({ "activityArn": self.activity, "workerName": "device-1" })
    }

    fn token(&self) -> String {
        let answer = self.client().call("GetActivityTask", &self.poll_request()).unwrap();
        answer.json()["taskToken"].as_str().unwrap().to_owned()
    }

    fn succeed(&self, token: &str) -> common::Answer {
        self.client()
            .call("SendTaskSuccess", &json!({ "taskToken": token, "output": "{\"ok\":true}" }))
            .unwrap()
    }
}

#[test]
fn a_task_goes_from_start_to_end_over_one_connection() {
    let bench = Bench::new(LONG, json!({ "HeartbeatSeconds": 60 }));
    let execution = bench.start();
    let mut client = bench.client();
    let task = client.call("GetActivityTask", &bench.poll_request()).unwrap().json();
    assert_eq!(task["input"], r#"{"n":1}"#);
    let beat = client.call("SendTaskHeartbeat", &json!({ "taskToken": task["taskToken"] })).unwrap();
    assert_eq!((beat.status, beat.body.as_str()), (200, "{}"));
    client.call("SendTaskSuccess", &json!({ "taskToken": task["taskToken"], "output": "[1]" })).unwrap();
    let ended = bench.emulator.wait_execution(&execution, LONG).unwrap();
    assert_eq!((ended.status, ended.output.as_deref()), (Status::Succeeded, Some("[1]")));
    let history = bench.emulator.history(&execution);
    assert_eq!(history[3].details, json!({ "workerName": "device-1" }));

    let calls = bench.emulator.calls();
    let tasks: Vec<_> = calls.recent().map(|c| c.task.clone()).collect();
    assert!(tasks.len() == 3 && tasks.iter().all(|t| t.is_some() && *t == tasks[0]), "{tasks:?}");
    assert!(!format!("{calls:?}").contains(task["taskToken"].as_str().unwrap()));
    assert_eq!(calls.count("SendTaskHeartbeat"), 1);
}

#[test]
fn a_poll_waits_for_a_task_and_an_empty_one_ends_with_null() {
    let bench = Bench::new(SHORT, json!({}));
    let began = Instant::now();
    let empty = bench.client().call("GetActivityTask", &bench.poll_request()).unwrap();
    assert_eq!(empty.body, r#"{"taskToken":null}"#);
    assert!(began.elapsed() >= SHORT);

    let mut client = bench.client();
    client.send("GetActivityTask", &bench.poll_request()).unwrap();
    assert!(bench.emulator.wait_polls(&bench.activity, 1, LONG));
    bench.start();
    assert!(client.receive().unwrap().json()["taskToken"].is_string());
}

#[test]
fn a_poll_whose_client_has_gone_swallows_a_task() {
    let bench = Bench::new(SHORT, json!({}));
    let mut client = bench.client();
    client.send("GetActivityTask", &bench.poll_request()).unwrap();
    assert!(bench.emulator.wait_polls(&bench.activity, 1, LONG));
    drop(client);
    let execution = bench.start();
    assert!(bench.emulator.wait_event(&execution, "ActivityStarted", LONG).is_some());
    let next = bench.client().call("GetActivityTask", &bench.poll_request()).unwrap();
    assert!(next.json()["taskToken"].is_null());
}

#[test]
fn late_and_duplicate_reports_find_no_task() {
    let bench = Bench::new(LONG, json!({ "HeartbeatSeconds": 1 }));
    let execution = bench.start();
    let token = bench.token();
    let ended = bench.emulator.wait_execution(&execution, LONG).unwrap();
    assert_eq!(ended.error.as_deref(), Some("States.Timeout"));
    let late = bench.succeed(&token);
    assert_eq!((late.status, late.code().as_str()), (400, "TaskTimedOut"));
    assert_eq!(late.json()["message"], "Task Timed Out: 'Provided task does not exist anymore'");
    let never = bench.succeed("never");
    assert_eq!((never.status, never.code().as_str()), (400, "InvalidToken"));
}

#[test]
fn a_report_whose_answer_is_lost_has_taken_effect_or_not_as_asked() {
    let bench = Bench::new(LONG, json!({}));
    let execution = bench.start();
    let token = bench.token();
    let report = json!({ "taskToken": token, "output": "1" });

    bench.emulator.inject(Fault::close().on("SendTaskSuccess").times(1));
    assert!(bench.client().call("SendTaskSuccess", &report).is_err());
    assert_eq!(bench.emulator.execution(&execution).unwrap().status, Status::Running);

    bench.emulator.inject(Fault::close().after_effect().on("SendTaskSuccess").times(1));
    assert!(bench.client().call("SendTaskSuccess", &report).is_err());
    assert_eq!(bench.emulator.execution(&execution).unwrap().status, Status::Succeeded);
    assert_eq!(bench.succeed(&token).code(), "TaskTimedOut");
    let effects: Vec<_> =
        bench.emulator.calls().of("SendTaskSuccess").map(|c| (c.took_effect, c.status)).collect();
    assert_eq!(effects, [(false, None), (true, None), (false, Some(400))]);
}

#[test]
fn each_fault_looks_as_it_does_in_the_field() {
    let bench = Bench::new(LONG, json!({}));
    let list = |fault: Fault| {
        bench.emulator.inject(fault.times(1));
        bench.client().call("ListActivities", &json!({}))
    };
    for (fault, status, code) in [
        (Fault::throttle(), 400, "ThrottlingException"),
        (Fault::expired_token(), 400, "ExpiredTokenException"),
        (Fault::access_denied(), 400, "AccessDeniedException"),
        (Fault::status(500), 500, "InternalFailure"),
        (Fault::status(503), 503, "ServiceUnavailable"),
        (Fault::error(400, "KmsAccessDeniedException", "no key"), 400, "KmsAccessDeniedException"),
    ] {
        let answer = list(fault).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let portal = list(Fault::captive_portal()).unwrap();
    assert!(portal.status == 200 && portal.body.contains("<html>"));
    assert_eq!(list(Fault::truncated()).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    let dated = list(Fault::date_offset(-86_400)).unwrap();
    let date = httpdate::parse_http_date(dated.header("date").unwrap()).unwrap();
    let behind = SystemTime::now().duration_since(date).unwrap().as_secs();
    assert!((86_395..86_405).contains(&behind), "{behind}");
    let began = Instant::now();
    list(Fault::delay(SHORT)).unwrap();
    assert!(began.elapsed() >= SHORT);
    assert_eq!(bench.client().call("ListActivities", &json!({})).unwrap().status, 200);
}

#[test]
fn a_half_open_connection_is_silent_until_the_service_goes_down() {
    let bench = Bench::new(LONG, json!({}));
    bench.emulator.inject(Fault::half_open());
    let mut client = bench.client();
    client.stream.set_read_timeout(Some(SHORT)).unwrap();
    let silent = client.call("ListActivities", &json!({})).unwrap_err();
    assert!(matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silent}");
    bench.emulator.clear_faults();
    assert_eq!(bench.client().call("ListActivities", &json!({})).unwrap().status, 200);
    bench.emulator.go_down();
    client.stream.set_read_timeout(Some(LONG)).unwrap();
    assert!(client.receive().is_err());
}

#[test]
fn down_means_refused_and_cut_and_back_means_the_same_port() {
    let bench = Bench::new(LONG, json!({}));
    let mut open = bench.client();
    for _ in 0..3 {
        bench.emulator.go_down();
        assert!(bench.emulator.is_down());
        assert!(open.call("ListActivities", &json!({})).is_err());
        let refused = Client::try_connect(&bench.emulator).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        bench.emulator.come_back();
        open = bench.client();
        assert_eq!(open.call("ListActivities", &json!({})).unwrap().status, 200);
    }
    bench.emulator.go_down_for(Duration::from_millis(100));
    assert!(Client::try_connect(&bench.emulator).is_err());
    thread::sleep(SHORT);
    assert_eq!(bench.client().call("ListActivities", &json!({})).unwrap().status, 200);
}

#[test]
fn tasks_go_on_while_the_port_is_down() {
    let bench = Bench::new(LONG, json!({ "HeartbeatSeconds": 1 }));
    let execution = bench.start();
    let token = bench.token();
    bench.emulator.go_down();
    assert!(bench.emulator.wait_execution(&execution, LONG).is_some());
    bench.emulator.come_back();
    assert_eq!(bench.succeed(&token).code(), "TaskTimedOut");
}

#[test]
fn signatures_follow_the_services_clock_and_its_credentials() {
    let bench = Bench::new(LONG, json!({}));
    let list = |credential: &Credential| {
        let mut client = bench.client();
        client.credential = credential.clone();
        let answer = client.call("ListActivities", &json!({})).unwrap();
        (answer.status, if answer.status == 200 { String::new() } else { answer.code() })
    };
    let test = Credential::test();
    assert_eq!(list(&test).0, 200);
    for offset in [-400, 400] {
        bench.emulator.set_clock_offset(offset);
        assert_eq!(list(&test), (400, "InvalidSignatureException".to_owned()));
    }
    bench.emulator.set_clock_offset(0);
    let hour = SystemTime::now() + Duration::from_secs(3_600);
    let session = Credential::test().session("token", Some(hour));
    bench.emulator.set_credentials(vec![session.clone()]);
    assert_eq!(list(&test), (400, "UnrecognizedClientException".to_owned()));
    assert_eq!(list(&session).0, 200);
    bench.emulator.set_credentials(vec![test.clone().session("token", Some(SystemTime::UNIX_EPOCH))]);
    assert_eq!(list(&session), (400, "ExpiredTokenException".to_owned()));
}

#[test]
fn requests_that_are_none_are_answered_and_the_connection_closed() {
    let bench = Bench::new(LONG, json!({}));
    assert_eq!(bench.client().call("Nonsense", &json!({})).unwrap().code(), "UnknownOperationException");
    assert_eq!(bench.client().call("ListActivities", &json!([])).unwrap().code(), "SerializationException");
    let mut client = bench.client();
    Write::write_all(&mut client.stream, b"nonsense\r\n\r\n").unwrap();
    assert_eq!(client.receive().unwrap().status, 400);
    assert!(client.receive().is_err());
}

#[test]
fn admin_calls_inject_faults_show_the_state_and_refuse_web_pages() {
    let bench = Bench::new(LONG, json!({}));
    bench.start();
    let mut client = bench.client();
    let id =
        client.admin("POST", "/faults", r#"{"fault":"throttle","operation":"ListActivities"}"#).json()["id"]
            .clone();
    assert_eq!(client.call("ListActivities", &json!({})).unwrap().code(), "ThrottlingException");
    let state = client.admin("GET", "/state", "").json();
    assert_eq!((&state["activities"][0]["queued"], &state["executions"]["RUNNING"]), (&json!(1), &json!(1)));
    assert_eq!(state["faults"][0]["fault"]["fault"], "throttle");
    assert_eq!(client.admin("DELETE", &format!("/faults/{id}"), "").status, 200);
    assert_eq!(client.call("ListActivities", &json!({})).unwrap().status, 200);
    assert_eq!(client.admin("POST", "/faults", r#"{"fault":"earthquake"}"#).status, 400);
    let calls = client.admin("GET", "/calls", "").json();
    assert_eq!((calls.as_array().unwrap().len(), &calls[0]["code"]), (2, &json!("ThrottlingException")));
    let described = client.admin("POST", "/call/ListActivities", "{}").json();
    assert_eq!(described["activities"][0]["activityArn"], bench.activity.as_str());
    assert_eq!(client.admin("POST", "/call/DescribeActivity", r#"{"activityArn":"x"}"#).code(), "InvalidArn");
    assert_eq!(client.admin("POST", "/credentials", r#"{"accessKeyId":"A"}"#).status, 400);
    let other =
        json!({ "accessKeyId": "A", "secretAccessKey": "S", "sessionToken": "T", "expiresInSeconds": 60 });
    assert_eq!(client.admin("POST", "/credentials", &other.to_string()).status, 200);
    assert_eq!(client.call("ListActivities", &json!({})).unwrap().code(), "UnrecognizedClientException");
    assert_eq!(client.admin("POST", "/call/ListActivities", "{}").status, 200);
    assert_eq!(client.admin("POST", "/faults", r#"{"fault":"refuse"}"#).status, 400);
    Write::write_all(
        &mut client.stream,
        b"GET /_emulator/state HTTP/1.1\r\nOrigin: http://evil.test\r\n\r\n",
    )
    .unwrap();
    assert_eq!(client.receive().unwrap().status, 403);
}

#[test]
fn a_pushed_token_is_shown_to_programs_and_over_the_admin_calls() {
    let emulator = Emulator::start(Options::default()).unwrap();
    let definition = json!({ "StartAt": "Ask", "States": { "Ask": {
        "Type": "Task", "Resource": "arn:aws:states:::sns:publish.waitForTaskToken", "End": true,
        "Parameters": { "Message": { "token.$": "$$.Task.Token" } },
    } } });
    let machine = emulator.create_state_machine("ask", &definition).unwrap();
    assert!(emulator.wait_push(0, Duration::ZERO).is_none());
    let execution = emulator.start_execution(&machine, "{}").unwrap();
    let push = emulator.wait_push(0, LONG).unwrap();
    let mut client = Client::connect(&emulator);
    let shown = client.admin("GET", "/pushes/0", "").json();
    assert_eq!((&shown["token"], &shown["executionArn"]), (&json!(push.token), &json!(execution)));
    assert_eq!(shown["payload"]["Message"]["token"], json!(push.token));
    assert_eq!(client.admin("GET", "/pushes", "").json(), json!([shown]));
    assert_eq!(client.admin("GET", "/pushes/x", "").status, 404);
    let answer = json!({ "taskToken": push.token, "output": "1" });
    assert_eq!(client.call("SendTaskSuccess", &answer).unwrap().status, 200);
    assert_eq!(emulator.wait_execution(&execution, LONG).unwrap().output.as_deref(), Some("1"));
}

#[test]
fn dropping_it_ends_its_polls_and_its_threads_and_frees_the_port() {
    let bench = Bench::new(Duration::from_secs(60), json!({}));
    let mut polling = bench.client();
    polling.send("GetActivityTask", &bench.poll_request()).unwrap();
    assert!(bench.emulator.wait_polls(&bench.activity, 1, LONG));
    let (address, began) = (bench.emulator.address(), Instant::now());
    let (mut waiting, waits) = (bench.client(), Duration::from_millis(200));
    waiting.stream.set_read_timeout(Some(waits)).unwrap();
    write!(waiting.stream, "GET /_emulator/pushes/0 HTTP/1.1\r\n\r\n").unwrap();
    let silent = waiting.receive().unwrap_err();
    assert!(matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silent}");
    drop(bench);
    assert!(began.elapsed() < Duration::from_secs(2), "neither a poll nor a wait for a push holds it");
    assert!(polling.receive().is_err());
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
