//! The state folder under a worker that runs: removed, moved, taken, planted; and folders of other users.
// A test that can not go on panics, in what several share too.
#![allow(clippy::unwrap_used)]

mod bench;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use activity_emulator::Status;
use bench::{Service, Worker};
use rustix::process::Signal;

/// Another user than root.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: only root can be another user");
    }
    root
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The worker may make it anew while this is under way.
fn remove(state: &Path) {
    let _ = fs::remove_dir_all(state);
}

fn never_blames_a_full_disk(worker: &mut Worker) {
    assert!(!worker.has_said("disk is full"), "{:?}", worker.log);
}

#[test]
fn field_17_a_deleted_lock_file_is_made_anew_and_lets_no_second_worker_in() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let mut first = service.worker(&folder, &[], "cat");
    first.until("keeping tasks and results in");
    let lock = folder.path().join("state/lock");
    while !lock.exists() {
        std::thread::yield_now();
    }
    fs::remove_file(&lock).unwrap();
    let mut second = service.worker(&folder, &[], "cat");
    assert_eq!(second.end().code(), Some(78), "{:?}", second.log);
    first.until("is locked again");
    assert!(lock.exists());
    let execution = service.ask("{}");
    assert_eq!(service.end_of(&execution).status, Status::Succeeded);
}

#[test]
fn field_17_a_worker_whose_folder_is_removed_goes_on_in_a_new_one() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    let go = folder.path().join("go");
    let begun = folder.path().join("begun");
    let script =
        format!("touch {}; while ! [ -e {} ]; do sleep 0.02; done; cat", begun.display(), go.display());
    // With a task at work, whose result comes later; and one more slot, so that polls go on.
    let mut worker = service.worker(&folder, &["concurrency = 2"], &script);
    let running = service.ask("{\"n\": 1}");
    while !begun.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    remove(&state);
    worker.until("was removed while it was in use");
    fs::write(&go, "").unwrap();
    let end = service.end_of(&running);
    assert_eq!(end.status, Status::Succeeded, "P1: {:?} {:?} {:?}", end.error, end.cause, worker.log);
    let later = service.ask("{\"n\": 2}");
    assert_eq!(service.end_of(&later).status, Status::Succeeded, "it goes on");
    never_blames_a_full_disk(&mut worker);
    assert_eq!(fs::metadata(&state).unwrap().mode() & 0o7777, 0o700);
    let mut second = service.worker(&folder, &[], "cat");
    assert_eq!(second.end().code(), Some(78), "the new one is locked: {:?}", second.log);
}

#[test]
fn field_17_a_result_that_waits_in_memory_survives_the_folder_and_then_the_worker() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let go = folder.path().join("go");
    let script = format!("while ! [ -e {} ]; do sleep 0.02; done; echo 42", go.display());
    let mut worker = service.worker(&folder, &["concurrency = 2"], &script);
    worker.until("handler started");
    // No poll is under way whose end would look at the folder: a report is what goes out first.
    service.emulator.go_down();
    fs::write(&go, "").unwrap();
    worker.until("result kept");
    remove(&folder.path().join("state"));
    worker.until("was removed while it was in use");
    worker.until("result kept");
    worker.signal(Signal::KILL);
    worker.end();
    service.emulator.come_back();
    let _worker = service.worker(&folder, &[], "echo 'a second run' >&2; exit 1");
    assert_eq!(service.end_of(&execution).output.as_deref(), Some("42"));
}

#[test]
fn field_17_a_folder_that_is_moved_away_stops_the_polls_and_is_used_again_when_it_is_back() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let mut worker = service.worker(&folder, &[], "cat");
    let first = service.ask("{}");
    assert_eq!(service.end_of(&first).status, Status::Succeeded);
    let (state, aside) = (folder.path().join("state"), folder.path().join("aside"));
    fs::rename(&state, &aside).unwrap();
    worker.until("is not the one that was opened any more");
    assert!(!state.exists());
    fs::rename(&aside, &state).unwrap();
    worker.until("is back");
    let second = service.ask("{}");
    assert_eq!(service.end_of(&second).status, Status::Succeeded);
    fs::rename(&state, &aside).unwrap();
    worker.until("is not the one that was opened any more");
    never_blames_a_full_disk(&mut worker);
    worker.signal(Signal::TERM);
    assert!(worker.end().success(), "and it can be ended: {:?}", worker.log);
}

#[test]
fn field_17_a_worker_whose_folder_another_one_has_ends_at_once_with_1() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let mut first = service.worker(&folder, &[], "cat");
    let one = service.ask("{}");
    assert_eq!(service.end_of(&one).status, Status::Succeeded);
    first.freeze();
    remove(&folder.path().join("state"));
    let mut second = service.worker(&folder, &[], "cat");
    second.until("keeping tasks and results in");
    while !folder.path().join("state/owner").exists() {
        std::thread::yield_now();
    }
    first.signal(Signal::CONT);
    first.until("is in use by another worker now");
    assert_eq!(first.end().code(), Some(1), "{:?}", first.log);
    assert!(!second.has_said("WARN"), "{:?}", second.log);
}

#[test]
fn field_18_a_folder_full_of_odd_files_keeps_no_worker_from_its_work() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let log = folder.path().join("state/log");
    fs::create_dir_all(&log).unwrap();
    fs::create_dir(log.join("001")).unwrap();
    symlink("/etc/passwd", log.join("002")).unwrap();
    fs::File::create(log.join("003")).unwrap().set_len(6 << 30).unwrap();
    let fifo = |name: &str| {
        let (mode, kind) = (rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, rustix::fs::FileType::Fifo);
        rustix::fs::mknodat(rustix::fs::CWD, folder.path().join("state").join(name), kind, mode, 0).unwrap();
    };
    fifo("log/004");
    for name in ["date", "owner", "loading", "lock"] {
        fifo(name);
    }
    for n in 100..300 {
        fs::write(log.join(n.to_string()), "junk").unwrap();
    }
    let mut worker = service.worker(&folder, &[], "cat");
    let execution = service.ask("{}");
    assert_eq!(service.end_of(&execution).status, Status::Succeeded);
    assert!(worker.has_said("files were set aside"), "{:?}", worker.log);
    let lines = worker.log.iter().filter(|line| line.contains("set aside")).count();
    assert!(lines <= 40, "{lines} lines");
}

#[test]
fn field_17_a_folder_that_is_writable_but_not_ours_is_used_with_a_word() {
    if !is_root() {
        return;
    }
    // As Kubernetes makes them: an emptyDir, and one with an fsGroup.
    for mode in [0o777, 0o2775] {
        let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
        let state = folder.path().join("state");
        chmod(folder.path(), 0o755);
        fs::create_dir(&state).unwrap();
        chown(&state, Some(0), Some(NOBODY)).unwrap();
        chmod(&state, mode);
        let mut command = service.command(&folder, &[], "cat");
        command.uid(NOBODY).gid(NOBODY);
        let mut worker = Worker::start(command);
        let execution = service.ask("{}");
        assert_eq!(service.end_of(&execution).status, Status::Succeeded, "{mode:o}");
        assert!(worker.has_said("belongs to user 0"), "{:?}", worker.log);
        assert_eq!(worker.log.iter().filter(|line| line.contains("belongs to user 0")).count(), 1);
        assert_eq!(fs::metadata(state.join("log")).unwrap().mode() & 0o777, 0o700, "what it made is closed");
    }
}

#[test]
fn field_17_a_folder_that_can_not_be_used_says_whose_it_is_and_what_to_do() {
    if !is_root() {
        return;
    }
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    chmod(folder.path(), 0o755);
    for mode in [0o700, 0o755] {
        let _ = fs::create_dir(&state);
        chmod(&state, mode);
        let mut command = service.command(&folder, &[], "cat");
        command.uid(NOBODY).gid(NOBODY);
        let mut worker = Worker::start(command);
        assert_eq!(worker.end().code(), Some(78), "{:?}", worker.log);
        let last = worker.log.last().unwrap();
        for word in ["belongs to user 0", "runs as user 65534", "chown 65534", state.to_str().unwrap()] {
            assert!(last.contains(word), "{word:?} is not in {last}");
        }
    }
}

#[test]
fn field_19_root_does_not_work_in_somebody_elses_folder() {
    if !is_root() {
        return;
    }
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    for whose in ["state", "log", "run"] {
        let theirs = if whose == "state" { state.clone() } else { state.join(whose) };
        fs::create_dir_all(&theirs).unwrap();
        chown(&theirs, Some(NOBODY), Some(NOBODY)).unwrap();
        let mut worker = service.worker(&folder, &[], "cat");
        assert_eq!(worker.end().code(), Some(78), "{whose}: {:?}", worker.log);
        let last = worker.log.last().unwrap();
        for word in ["belongs to user 65534", "root", theirs.to_str().unwrap()] {
            assert!(last.contains(word), "{word:?} is not in {last}");
        }
        chown(&theirs, Some(0), Some(0)).unwrap();
    }
    let _worker = service.worker(&folder, &[], "cat");
    let execution = service.ask("{}");
    assert_eq!(service.end_of(&execution).status, Status::Succeeded);
}

#[test]
fn field_19_what_every_user_can_change_keeps_roots_worker_from_starting_and_is_told_to_others() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let command = service.command(&folder, &[], "cat");
    let file = folder.path().join("worker.toml");
    chmod(&file, 0o666);
    let mut worker = Worker::start(command);
    let check = bench::output(&["check".as_ref(), "--config".as_ref(), file.as_os_str()]);
    let doctor = bench::output(&["doctor".as_ref(), "--config".as_ref(), file.as_os_str()]);
    let (checked, examined) =
        (String::from_utf8_lossy(&check.stderr), String::from_utf8_lossy(&doctor.stdout));
    assert!(checked.contains("can be changed by every user"), "{checked}");
    assert!(
        examined.contains("can be changed by every user") && examined.contains("chmod o-w"),
        "{examined}"
    );
    if rustix::process::geteuid().is_root() {
        assert_eq!(worker.end().code(), Some(78), "{:?}", worker.log);
        let last = worker.log.last().unwrap();
        assert!(last.contains("chmod o-w ") && last.contains(file.to_str().unwrap()), "{last}");
        assert_eq!((check.status.code(), doctor.status.code()), (Some(78), Some(78)));
    } else {
        worker.until("can be changed by every user");
        let execution = service.ask("{}");
        assert_eq!(service.end_of(&execution).status, Status::Succeeded);
    }
}

#[test]
fn field_19_an_endpoint_without_tls_is_told_by_run_check_and_doctor() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    // Reserved for documentation: nobody answers there.
    let far = "http://192.0.2.1:80";
    let mut command = service.command(&folder, &[], "cat");
    let file = folder.path().join("worker.toml");
    let text = fs::read_to_string(&file).unwrap().replace(&service.emulator.url(), far);
    fs::write(&file, text).unwrap();
    command.env("AWS_MAX_ATTEMPTS", "1");
    Worker::start(command).until("without TLS");
    let check = bench::output(&["check".as_ref(), "--config".as_ref(), file.as_os_str()]);
    assert!(
        check.status.success() && String::from_utf8_lossy(&check.stderr).contains("without TLS"),
        "{check:?}"
    );
}

#[test]
fn field_19_doctor_names_a_folder_of_another_user_and_waits_for_no_fifo() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    drop(service.command(&folder, &[], "cat"));
    let (file, state) = (folder.path().join("worker.toml"), folder.path().join("state"));
    fs::create_dir(&state).unwrap();
    let doctor = || {
        let output = bench::output(&["doctor".as_ref(), "--config".as_ref(), file.as_os_str()]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, state.join("lock"), fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert!(doctor().1.contains("state"));
    symlink("/etc", state.join("log")).unwrap();
    let (code, said) = doctor();
    assert!(code == Some(78) && said.contains("log is no folder"), "{said}");
    fs::remove_file(state.join("log")).unwrap();
    if is_root() {
        chown(&state, Some(NOBODY), Some(NOBODY)).unwrap();
        let (code, said) = doctor();
        assert!(
            code == Some(78) && said.contains("belongs to user 65534") && said.contains("chown"),
            "{said}"
        );
    }
}
