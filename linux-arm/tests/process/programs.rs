//! Programs that can't be started, and what is left of those that were.

use std::fs;
use std::process::{Command, Output};

use rustix::process::{Pid, Signal, kill_process};

use super::bench::{Service, Worker, program};
use super::{executable, under};

fn foreign() -> Vec<u8> {
    let mut foreign = fs::read("/bin/true").unwrap();
    foreign[18..20].copy_from_slice(&if cfg!(target_arch = "x86_64") { [183, 0] } else { [62, 0] });
    foreign
}

#[test]
fn field_21_what_only_a_shell_would_run_is_not_started_and_the_reason_is_said() {
    let foreign = foreign();
    for (content, says) in [
        (&b"echo 1\n"[..], "is a script whose first line does not name its interpreter"),
        (&foreign, "is built for "),
        (b"\0\0\0\0", "is no program for Linux"),
    ] {
        let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
        let handler = executable(folder.path(), "handler", content);
        let execution = service.ask("{}");
        let mut worker = Worker::start(service.run(&folder, &[], &[&handler]));
        assert!(worker.until(says).contains("WARN"), "{:?}", worker.log);
        let end = service.end_of(&execution);
        assert_eq!(end.error.as_deref(), Some("Handler.NotStarted"));
        assert!(end.cause.unwrap().starts_with(&format!("{handler} {says}")));
        drop(worker);
        let check = checked(&folder);
        assert!(check.status.success() && String::from_utf8_lossy(&check.stderr).contains(says), "{check:?}");
        let doctor = String::from_utf8_lossy(&doctored(&folder).stdout).into_owned();
        assert!(doctor.contains(says), "{doctor}");
    }
}

fn checked(folder: &tempfile::TempDir) -> Output {
    program().args(["check", "--config"]).arg(folder.path().join("worker.toml")).output().unwrap()
}

fn doctored(folder: &tempfile::TempDir) -> Output {
    program().args(["doctor", "--config"]).arg(folder.path().join("worker.toml")).output().unwrap()
}

#[test]
fn field_21_what_nobody_could_start_is_told_before_a_task_is_taken() {
    for (content, says) in [
        ("#!/bin/sh\r\necho 1\r\n", "end as on Windows (CR LF)"),
        ("#!/usr/bin/env sh\r\necho 1\r\n", "end as on Windows (CR LF)"),
        ("#!/opt/no/python\n", "needs /opt/no/python to run it, which does not exist"),
        ("", "is an empty file"),
    ] {
        let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
        let handler = executable(folder.path(), "handler", content.as_bytes());
        let mut worker = Worker::start(service.run(&folder, &[], &[&handler]));
        assert_eq!(worker.end().code(), Some(78), "{:?}", worker.log);
        assert!(worker.has_said(says), "{:?}", worker.log);
        assert!(String::from_utf8_lossy(&checked(&folder).stderr).contains(says));
    }
}

#[test]
fn field_21_a_program_that_went_bad_after_the_start_is_named_with_its_fault() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let handler = executable(folder.path(), "handler", b"#!/bin/sh\necho 1\n");
    let mut worker = Worker::start(service.run(&folder, &[], &[&handler]));
    worker.until("keeping tasks and results in");
    executable(folder.path(), "handler", b"#!/bin/sh\r\necho 1\r\n");
    let end = service.end_of(&service.ask("{}"));
    assert_eq!(end.error.as_deref(), Some("Handler.NotStarted"));
    let cause = end.cause.unwrap();
    assert!(cause.contains("end as on Windows (CR LF)") && cause.contains(&handler), "{cause}");
}

#[test]
fn field_21_a_noexec_mount_is_called_that() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().display();
    let mount = format!(
        "mount -t tmpfs -o noexec none {dir} && printf '#!/bin/sh\\n' >{dir}/handler && chmod +x {dir}/handler && exec \"$@\""
    );
    let inside = |command: &Command| {
        let words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"];
        under(&words, command).output().unwrap()
    };
    if !inside(&Command::new("true")).status.success() {
        return eprintln!("no namespaces here: not tried");
    }
    let arn = "arn:aws:states:eu-west-1:123456789012:activity:work";
    let mut command = program();
    command.args(["run", "--activity-arn", arn, "--"]).arg(folder.path().join("handler"));
    let output = inside(&command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(78) && said.contains("is mounted noexec"), "{said}");
}

#[test]
fn field_21_a_process_that_left_the_group_and_outlives_its_end_is_named() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let script = "setsid sleep 60 >/dev/null 2>&1 & sleep 60";
    let execution = service.ask("{}");
    let options = ["handler_timeout = \"500ms\"", "grace = \"100ms\""];
    let mut worker = service.worker(&folder, &options, script);
    let line = worker.until("has left the process group and lives on");
    let pid = line.rsplit("process ").next().unwrap();
    assert!(pid.ends_with(" (sleep)") && line.contains("WARN"), "{line}");
    kill_process(Pid::from_raw(pid.split(' ').next().unwrap().parse().unwrap()).unwrap(), Signal::KILL)
        .unwrap();
    assert_eq!(service.end_of(&execution).error.as_deref(), Some("Handler.Timeout"));
}

#[test]
fn field_21_what_ends_with_its_handler_is_not_talked_of() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let options = ["handler_timeout = \"300ms\"", "grace = \"100ms\""];
    let mut worker = service.worker(&folder, &options, "sleep 60 & trap '' TERM; sleep 60; sleep 60");
    assert_eq!(service.end_of(&execution).error.as_deref(), Some("Handler.Timeout"));
    worker.signal(Signal::TERM);
    worker.end();
    assert!(!worker.has_said("lives on"), "{:?}", worker.log);
}
