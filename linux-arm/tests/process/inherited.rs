//! What is inherited over `exec`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use activity_emulator::Status;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, prlimit};

use super::bench::{PATIENCE, Service, Worker, program};
use super::{TELL, after, executable, output_of, under};

#[test]
fn field_15_with_sigchld_ignored_results_and_printed_credentials_come_all_the_same() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let script =
        "printf '{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\"}' \"$ID\" \"$SECRET\"";
    let printed =
        format!("top:[credentials]\nsource = \"process\"\ncommand = [\"/bin/sh\", \"-c\", {script:?}]");
    let credential = activity_emulator::Credential::test();
    let mut command = service.run(&folder, &[&printed], &["/bin/sh", "-c", "echo 7"]);
    command.env("ID", credential.access_key_id).env("SECRET", credential.secret_access_key);
    let execution = service.ask("{}");
    let mut worker = Worker::start(under(&["env", "--ignore-signal=CHLD"], &command));
    assert_eq!(output_of(&service.end_of(&execution)), 7);
    assert!(!worker.has_said("credentials do not work"), "{:?}", worker.log);
}

#[test]
fn field_15_with_all_signals_blocked_and_ignored_sigterm_drains_and_handlers_begin_anew() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let command = service.run(&folder, &[], &["/bin/sh", "-c", TELL]);
    let execution = service.ask("{}");
    let mut worker = Worker::start(under(&["env", "--ignore-signal", "--block-signal"], &command));
    let seen = output_of(&service.end_of(&execution));
    worker.signal(Signal::TERM);
    assert!(worker.end().success(), "{:?}", worker.log);
    let nothing = "0000000000000000";
    assert_eq!((seen["blocked"].as_str(), seen["ignored"].as_str()), (Some(nothing), Some(nothing)));
}

#[test]
fn field_15_nohup_is_meant_for_the_worker_and_not_for_handlers() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let command = service.run(&folder, &[], &["/bin/sh", "-c", TELL]);
    let mut worker = Worker::start(under(&["env", "--ignore-signal=HUP"], &command));
    worker.until("keeping tasks and results in");
    worker.signal(Signal::HUP);
    let execution = service.ask("{}");
    assert_eq!(output_of(&service.end_of(&execution))["ignored"], "0000000000000000");
}

#[test]
fn field_15_handlers_get_the_umask_the_limits_and_no_descriptor_that_the_worker_was_given() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let command = service.run(&folder, &["concurrency = 20"], &["/bin/sh", "-c", TELL]);
    let stray = folder.path().join("stray");
    let prepared = format!("umask 027; ulimit -Sn 100; ulimit -Sf 200; exec 7>{}", stray.display());
    let execution = service.ask("{}");
    let worker = Worker::start(after(&prepared, &command));
    let seen = output_of(&service.end_of(&execution));
    assert_eq!((&seen["umask"], &seen["files"]), (&"0027".into(), &"100".into()));
    assert_eq!((&seen["size"], &seen["open"]), (&"200".into(), &"".into()));
    // Perhaps a lock that is to last as long as the worker: it keeps it for itself.
    let open = fs::read_dir(format!("/proc/{}/fd", worker.pid().as_raw_nonzero())).unwrap();
    assert!(open.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|file| file == stray)));
}

#[test]
fn field_15_an_odd_umask_neither_opens_the_folder_nor_closes_it_to_the_worker() {
    for umask in ["000", "777"] {
        let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
        let execution = service.ask("{}");
        let command = service.run(&folder, &[], &["/bin/sh", "-c", "echo 1"]);
        let worker = Worker::start(after(&format!("umask {umask}"), &command));
        assert_eq!(service.end_of(&execution).status, Status::Succeeded, "umask {umask}");
        drop(worker);
        let mode = |name: &str| fs::metadata(folder.path().join("state").join(name)).unwrap().mode() & 0o777;
        assert_eq!((mode("."), mode("log"), mode("run"), mode("lock")), (0o700, 0o700, 0o700, 0o600));
    }
}

#[test]
fn field_15_a_write_beyond_the_file_size_limit_is_a_refusal_of_the_disk_and_not_the_end() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let mut worker = service.worker(&folder, &[], "echo 1");
    assert!(service.emulator.wait_polls(&service.activity, 1, PATIENCE));
    let pid = Some(worker.pid());
    let none = Rlimit { current: Some(0), ..getrlimit(Resource::Fsize) };
    let Ok(before) = prlimit(pid, Resource::Fsize, none) else { return };
    let refused = service.ask("{}");
    worker.until("can't be kept on disk");
    assert_eq!(service.end_of(&refused).error.as_deref(), Some("Worker.NotKept"));
    prlimit(pid, Resource::Fsize, before).unwrap();
    let execution = service.ask("{}");
    assert_eq!(service.end_of(&execution).status, Status::Succeeded);
}

#[test]
fn field_15_where_no_task_file_can_grow_to_its_size_the_worker_does_not_start() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let command = service.run(&folder, &[], &["/bin/sh", "-c", "echo 1"]);
    let mut worker = Worker::start(after("ulimit -f 1000", &command));
    assert_eq!(worker.end().code(), Some(78), "{:?}", worker.log);
    assert!(worker.has_said("RLIMIT_FSIZE") && worker.has_said("LimitFSIZE="), "{:?}", worker.log);
}

#[test]
fn field_15_with_its_standard_streams_closed_it_works_on() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let command = service.run(&folder, &[], &["/bin/sh", "-c", "echo 1; echo 2 >&2"]);
    let _worker = Worker::start(after("exec <&- >&- 2>&-", &command));
    assert_eq!(output_of(&service.end_of(&execution)), 1);
}

#[test]
fn field_15_a_standard_stream_that_is_closed_needs_no_dev_null() {
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path();
    copy(program().get_program(), bare);
    let libraries = Command::new("ldd").arg(program().get_program()).output().unwrap();
    let libraries = String::from_utf8(libraries.stdout).unwrap();
    libraries.split_whitespace().filter(|word| word.starts_with('/')).for_each(|library| copy(library, bare));
    let inside = |script: &str| {
        let binary = Path::new(program().get_program()).to_owned();
        let chroot = format!("exec chroot {} {} --version {script}", bare.display(), binary.display());
        Command::new("unshare").args(["--user", "--map-root-user", "sh", "-c", &chroot]).output().unwrap()
    };
    if !inside("").status.success() {
        return eprintln!("no namespaces here: not tried");
    }
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let output = inside(closed);
        assert!(output.status.success(), "{closed}: {output:?}");
    }
}

fn copy(file: impl AsRef<OsStr>, root: &Path) {
    let file = Path::new(file.as_ref());
    let target = root.join(file.strip_prefix("/").unwrap());
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::copy(file, target).unwrap();
}

#[test]
fn field_15_where_the_working_folder_is_gone_handlers_start_in_the_root() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let command = service.run(&folder, &[], &["/bin/sh", "-c", TELL]);
    let gone = format!("mkdir {0}/gone; cd {0}/gone; rmdir {0}/gone", folder.path().display());
    let mut worker = Worker::start(after(&gone, &command));
    worker.until("the working folder is gone");
    assert_eq!(output_of(&service.end_of(&execution))["folder"], "/");
    drop(worker);
    // What was meant to be in that folder is not looked for in another one.
    let mut command = program();
    let arn = &service.activity;
    command.args(["run", "--activity-arn", arn, "--state-dir", "state", "--", "/bin/cat"]);
    let mut worker = Worker::start(after(&gone, &command));
    assert_eq!(worker.end().code(), Some(78));
    assert!(worker.has_said("the state folder state was to be in it"), "{:?}", worker.log);
}

#[test]
fn field_15_a_working_folder_that_goes_later_is_found_by_its_name_or_done_without() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let work = folder.path().canonicalize().unwrap().join("work");
    fs::create_dir(&work).unwrap();
    let tell = executable(&work, "tell", format!("#!/bin/sh\n{TELL}").as_bytes());
    let mut command = service.run(&folder, &[], &["./tell"]);
    command.current_dir(&work);
    let _worker = Worker::start(command);
    assert_eq!(output_of(&service.end_of(&service.ask("{}")))["folder"], work.to_str().unwrap());
    fs::remove_dir_all(&work).unwrap();
    let end = service.end_of(&service.ask("{}"));
    assert_eq!(end.cause.as_deref(), Some(format!("{tell} does not exist").as_str()));
    fs::create_dir(&work).unwrap();
    executable(&work, "tell", format!("#!/bin/sh\n{TELL}").as_bytes());
    assert_eq!(output_of(&service.end_of(&service.ask("{}")))["folder"], work.to_str().unwrap());
}

#[test]
fn field_15_without_home_the_user_has_the_one_that_the_user_database_names() {
    let user = Command::new("sh").args(["-c", "getent passwd $(id -u) | cut -d: -f6"]).output().unwrap();
    let home = String::from_utf8(user.stdout).unwrap().trim().to_owned();
    for prepared in ["unset HOME", "HOME="] {
        let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
        let execution = service.ask("{}");
        let command = service.run(&folder, &[], &["/bin/sh", "-c", TELL]);
        let _worker = Worker::start(after(prepared, &command));
        assert_eq!(output_of(&service.end_of(&execution))["home"], home.as_str());
    }
}

#[test]
fn field_15_neither_a_missing_path_nor_odd_bytes_in_the_environment_matter() {
    use std::os::unix::ffi::OsStrExt;
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let mut command = service.run(
        &folder,
        &[],
        &["sh", "-c", "printf '\"%s\"' $(printf %s \"$ODD\" | od -An -tx1 | tr -d ' ')"],
    );
    command.env("ODD", OsStr::from_bytes(b"\xff=\x01")).env("ACTIVITY_RUN", "9").env_remove("PATH");
    let _worker = Worker::start(command);
    assert_eq!(output_of(&service.end_of(&execution)), "ff3d01");
}
