//! Set-ups that the service says no to, and polls for real.

use std::process::Stdio;

use activity_emulator::Fault;
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{PATIENCE, Service};
use crate::device::Device;

#[test]
fn an_activity_that_does_not_exist() {
    let service = Service::start();
    let gone = service.activity.replace("work", "gone");
    let told = Device::new(&gone, &format!("endpoint_url = {:?}", service.emulator.url())).run();
    let [describe] = &told.findings.iter().filter(|f| f.starts_with("problem")).collect::<Vec<_>>()[..]
    else {
        panic!("{}", told.text)
    };
    assert!(describe.starts_with("problem describe: DescribeActivity: ActivityDoesNotExist: "), "{describe}");
    assert!(describe.ends_with("In eu-west-1: aws stepfunctions create-activity --name gone"), "{describe}");
    told.has("ok signature: accepted");
    assert_eq!(told.code, Some(1));
}

#[test]
fn describe_activity_that_is_denied_proves_the_signature_and_is_no_problem() {
    let service = Service::start();
    service.emulator.inject(Fault::access_denied());
    let told = Device::of(&service).run();
    told.has("ok signature: accepted");
    told.has("warning describe: DescribeActivity: AccessDeniedException: ");
    assert_eq!(told.code, Some(0), "{}", told.text);
    assert!(told.text.contains("-> a worker does not need DescribeActivity"), "{}", told.text);
}

#[test]
fn keys_that_do_not_belong_together_and_keys_that_nobody_knows() {
    let service = Service::start();
    let mut device = Device::of(&service);
    device.command.env("AWS_SECRET_ACCESS_KEY", "wrong");
    let told = device.run();
    told.has("problem signature: DescribeActivity: InvalidSignatureException: ");
    assert!(
        told.text
            .contains("-> the secret access key that the environment gives is not the one of its key id")
    );
    assert_eq!((told.code, told.not_done()), (Some(1), vec!["describe", "poll"]), "{}", told.text);

    let mut device = Device::of(&service);
    device.command.env("AWS_ACCESS_KEY_ID", "AKIDNOBODY");
    let told = device.run();
    told.has("problem signature: DescribeActivity: UnrecognizedClientException: ");
    assert!(told.text.contains("-> the service does not know the key that the environment gives"));
    assert_eq!(told.code, Some(1));
}

#[test]
fn p3_a_task_that_comes_to_the_poll_is_worked_and_reported() {
    let service = Service::start();
    let execution = service.ask("{\"n\":1}");
    let mut device = Device::of(&service);
    device.command.arg("--poll");
    let told = device.run();
    told.only(0, &[]);
    told.has("ok poll: allowed; tasks that came, were worked and reported: 1");
    assert_eq!(service.end_of(&execution).output.as_deref(), Some("{\"n\":1}"));

    let mut device = Device::of(&service);
    device.command.arg("--poll");
    device.run().has("ok poll: allowed; no task came");
}

#[test]
fn one_task_is_taken_of_a_queue_and_a_poll_that_fails_is_tried_again() {
    let service = Service::start();
    service.emulator.inject(Fault::throttle().on("GetActivityTask").times(1));
    let (first, second) = (service.ask("1"), service.ask("2"));
    let mut device = Device::of(&service);
    device.command.arg("--poll");
    let told = device.run();
    told.only(0, &[]);
    told.has("ok poll: allowed; tasks that came, were worked and reported: 1");
    assert_eq!(service.emulator.calls().count("GetActivityTask"), 2);
    assert_eq!(service.end_of(&first).output.as_deref(), Some("1"));
    assert_eq!(service.emulator.execution(&second).unwrap().output, None);
}

#[test]
fn a_poll_that_a_held_result_leaves_no_room_for_is_not_called_allowed() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let fault = service.emulator.inject(Fault::error(400, "InvalidToken", "no").on("SendTaskSuccess"));
    let mut worker = service.worker(&folder, &["top:max_tasks = 1"], "cat");
    service.ask("1");
    worker.until("held");
    worker.signal(Signal::TERM);
    assert!(worker.end().success());
    service.ask("2");
    let polls = service.emulator.calls().count("GetActivityTask");
    let top = format!("endpoint_url = {:?}\nmax_tasks = 1", service.emulator.url());
    let mut device = Device::new(&service.activity, &top);
    device.command.arg("--state-dir").arg(folder.path().join("state")).arg("--poll");
    device.run().only(
        1,
        &["problem poll: not polled, no room for one more task; results held, since the service rejects them: 1; tasks of another account, region, user or device: 0 -> what is held takes a task's place: raise max_tasks or max_bytes"],
    );
    assert_eq!(service.emulator.calls().count("GetActivityTask"), polls);
    service.emulator.clear_fault(fault);
}

#[test]
fn a_poll_that_is_denied() {
    let service = Service::start();
    service.emulator.inject(Fault::access_denied().on("GetActivityTask"));
    let mut device = Device::of(&service);
    device.command.arg("--poll");
    let told = device.run();
    told.has("problem poll: work: GetActivityTask: AccessDeniedException");
    assert!(
        told.text.contains("must allow states:GetActivityTask on the activity: activity-worker iam-policy")
    );
    assert_eq!(told.code, Some(1));
}

#[test]
fn p5_ctrl_c_lets_the_poll_end_by_itself() {
    let service = Service::start();
    let mut device = Device::of(&service);
    device.command.arg("--poll").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = device.command.spawn().unwrap();
    assert!(service.emulator.wait_polls(&service.activity, 1, PATIENCE));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("ending: the poll ends by itself"));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("ok        poll           allowed; no task came")
    );
    assert_eq!(service.emulator.polls(&service.activity), 0, "a poll was dropped");
}
