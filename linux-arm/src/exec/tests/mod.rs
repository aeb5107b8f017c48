//! The contract, with real children.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use activity_worker::worker::Cancelled;
use activity_worker::{Failure, TaskId, TaskToken};

use super::*;

mod causes;

/// The service's limit.
const INPUT_MAX: usize = 1_048_576;
const QUICK: Limits =
    Limits { timeout: Duration::from_secs(20), grace: Duration::from_secs(5), max_output: 1000 };

struct Bench {
    exec: Exec,
    cancel: Arc<CancelSwitch>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn sh(script: &str, limits: Limits) -> Self {
        Self::program("/bin/sh", &["sh", "-c", script], limits)
    }

    fn program(path: &str, argv: &[&str], limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let exec = Exec {
            program: Program { path: path.into(), argv: argv.iter().map(Into::into).collect() },
            limits,
            environment: Arc::new(Environment::scrubbed()),
            spawner: Arc::new(Spawner::start().unwrap()),
            runs: folder.path().join("run"),
        };
        Bench { exec, cancel: CancelSwitch::new().unwrap(), folder }
    }

    fn work(&self, input: &[u8]) -> Result<String, Failure> {
        let variables = [
            ("ACTIVITY_ARN", "arn".to_owned()),
            ("ACTIVITY_TASK_ID", task().to_string()),
            ("ACTIVITY_WORKER_NAME", "pi".to_owned()),
            ("ACTIVITY_RUN", "1".to_owned()),
        ];
        self.exec.run(&Run { id: task(), input, variables }, &self.cancel)
    }
}

fn task() -> TaskId {
    TaskToken::new("a token").unwrap().id()
}

fn sh(script: &str, input: &[u8]) -> Result<String, Failure> {
    Bench::sh(script, QUICK).work(input)
}

fn name_and_cause(result: Result<String, Failure>) -> (String, String) {
    let failure = result.unwrap_err();
    (failure.error().to_owned(), failure.cause().to_owned())
}

#[test]
fn stdin_gets_exactly_the_input_and_stdout_is_the_output() {
    let input = "{\"name\": \"Zoë; $(reboot) `id` '\\\\\"}".as_bytes();
    let output = Bench::program("/bin/cat", &["cat"], QUICK).work(input).unwrap();
    assert_eq!(output.as_bytes(), input);
}

#[test]
fn no_output_is_an_empty_object() {
    assert_eq!(sh("exit 0", b"{}").unwrap(), "{}");
    assert_eq!(sh("echo; echo ' '", b"{}").unwrap(), "{}");
}

#[test]
fn a_program_that_has_gone_since_the_start_is_not_started() {
    let (name, cause) =
        name_and_cause(Bench::program("/nonexistent/handler", &["handler"], QUICK).work(b"{}"));
    assert_eq!(name, "Handler.NotStarted");
    assert!(cause.starts_with("/nonexistent/handler does not exist"), "{cause}");
}

#[test]
fn field_21_a_program_that_is_just_being_written_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("handler");
    fs::copy("/bin/echo", &program).unwrap();
    let writer = fs::OpenOptions::new().write(true).open(&program).unwrap();
    let bench = Bench::program(program.to_str().unwrap(), &["handler", "1"], QUICK);
    thread::scope(|scope| {
        let work = scope.spawn(|| bench.work(b"{}"));
        thread::sleep(Duration::from_millis(200));
        drop(writer);
        assert_eq!(work.join().unwrap().unwrap(), "1");
    });
}

#[test]
fn p6_a_flood_on_both_outputs_is_bounded_and_the_handler_still_finishes() {
    let bench = Bench::sh("head -c 30000000 /dev/zero | tee /dev/stderr; touch \"$(cat)\"", QUICK);
    let done = bench.folder.path().join("done");
    assert_eq!(name_and_cause(bench.work(done.to_str().unwrap().as_bytes())).0, "Worker.OutputTooLarge");
    assert!(done.exists());
}

#[test]
fn p6_only_the_end_of_stderr_is_kept_and_never_half_a_character() {
    let (_, cause) = name_and_cause(sh(
        "i=0; while [ $i -lt 4000 ]; do printf 'é漢'; i=$((i+1)); done >&2; echo end >&2; exit 1",
        b"{}",
    ));
    assert!(cause.len() <= output::TAIL + 3, "{}", cause.len());
    assert!(cause.starts_with("...") && cause.ends_with("é漢end") && !cause.contains('\u{FFFD}'), "{cause}");
}

#[test]
fn an_output_of_just_the_limit_passes_and_one_byte_more_does_not() {
    assert_eq!(sh("head -c 1000 /dev/zero | tr '\\0' 1", b"").unwrap().len(), 1000);
    assert_eq!(name_and_cause(sh("head -c 1001 /dev/zero | tr '\\0' 1", b"")).0, "Worker.OutputTooLarge");
}

#[test]
fn p9_a_handler_that_never_reads_its_input_does_not_hang() {
    let huge = vec![b'x'; INPUT_MAX];
    assert_eq!(sh("echo 1", &huge).unwrap(), "1");
    assert_eq!(sh("exec 0<&-; sleep 0.2; echo 2", &huge).unwrap(), "2");
    let limits = Limits { timeout: Duration::from_millis(300), ..QUICK };
    let start = Instant::now();
    assert_eq!(name_and_cause(Bench::sh("exec sleep 30", limits).work(&huge)).0, "Handler.Timeout");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn the_largest_input_arrives_whole() {
    let huge = vec![b'x'; INPUT_MAX];
    assert_eq!(sh("wc -c | tr -d ' '", &huge).unwrap(), huge.len().to_string());
}

#[test]
fn p9_a_handler_over_its_time_is_asked_to_end_and_then_made_to() {
    let limits = Limits { timeout: Duration::from_millis(300), grace: Duration::from_secs(15), ..QUICK };
    let start = Instant::now();
    let polite = "trap 'echo bye >&2; exit 0' TERM; while :; do sleep 0.05; done";
    let (name, cause) = name_and_cause(Bench::sh(polite, limits).work(b"{}"));
    assert_eq!(name, "Handler.Timeout");
    assert!(
        cause.starts_with("the handler took longer than 300ms; stderr: ") && cause.ends_with("bye"),
        "{cause}"
    );

    let limits = Limits { grace: Duration::from_millis(200), ..limits };
    let deaf = "trap '' TERM; while :; do sleep 0.05; done";
    assert_eq!(name_and_cause(Bench::sh(deaf, limits).work(b"{}")).0, "Handler.Timeout");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn the_whole_process_group_ends_with_a_handler_over_its_time() {
    let limits = Limits { timeout: Duration::from_millis(300), grace: Duration::from_millis(200), ..QUICK };
    let bench = Bench::sh("(trap '' TERM; while :; do sleep 0.05; done) & wait", limits);
    let run_file = bench.exec.runs.join(task().to_string());
    let mut held = None;
    thread::scope(|scope| {
        let work = scope.spawn(|| bench.work(b"{}"));
        while held.is_none() && !work.is_finished() {
            held = fs::File::open(&run_file).ok();
            thread::yield_now();
        }
        assert!(work.join().unwrap().is_err());
    });
    // No descendant holds the lock any more, soon.
    let file = held.expect("a run file while the handler runs");
    let deadline = Instant::now() + Duration::from_secs(5);
    while rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_err() {
        assert!(Instant::now() < deadline, "a descendant lives on");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(!run_file.exists());
}

#[test]
fn p9_a_grandchild_that_keeps_the_pipes_does_not_hang_the_task() {
    let start = Instant::now();
    assert_eq!(sh("sleep 30 & echo '\"done\"'", b"{}").unwrap(), "\"done\"");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_stopping_worker_takes_what_its_handler_still_finishes_and_fails_the_rest() {
    let cancelled = |script: &str| {
        let bench = Bench::sh(script, QUICK);
        let ready = bench.folder.path().join("ready");
        thread::scope(|scope| {
            let work = scope.spawn(|| bench.work(ready.to_str().unwrap().as_bytes()));
            while !ready.exists() && !work.is_finished() {
                thread::sleep(Duration::from_millis(5));
            }
            bench.cancel.cancel(Cancelled::Stopping);
            work.join().unwrap()
        })
    };
    let ready = "touch \"$(cat)\"; while :; do sleep 0.05; done";
    assert_eq!(cancelled(&format!("trap 'echo 1; exit 0' TERM; {ready}")).unwrap(), "1");
    assert_eq!(name_and_cause(cancelled(ready)).0, "Worker.Stopping");
}

#[test]
fn p7_no_credential_of_the_worker_reaches_a_handler() {
    let secret = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_PROFILE",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_TOMORROWS_TOKEN",
        "SVCUID",
        "CREDENTIALS_DIRECTORY",
        "NOTIFY_SOCKET",
    ];
    let harmless =
        ["PATH", "HOME", "AWS_REGION", "AWS_CA_BUNDLE", "AWS_EC2_METADATA_DISABLED", "MY_AWS_THING"];
    let all = secret.iter().chain(&harmless).map(|name| ((*name).into(), "/usr/bin:/bin".into()));
    let mut bench = Bench::sh("tr '\\0' '\\n' </proc/$$/environ >&2; exit 1", QUICK);
    bench.exec.environment = Arc::new(Environment::scrub(all));
    let (_, seen) = name_and_cause(bench.work(b"{}"));
    let mut seen: Vec<_> = seen.lines().map(|line| line.split('=').next().unwrap()).collect();
    seen.sort_unstable();
    let mut wanted = harmless.to_vec();
    wanted.extend(["ACTIVITY_ARN", "ACTIVITY_TASK_ID", "ACTIVITY_WORKER_NAME", "ACTIVITY_RUN"]);
    wanted.sort_unstable();
    assert_eq!(seen, wanted);
}

#[test]
fn a_handler_inherits_the_lock_of_its_run_file_and_no_other_descriptor_of_the_worker() {
    let bench = Bench::sh("ls -l /proc/self/fd >&2; exit 1", QUICK);
    let _other = fs::File::create(bench.folder.path().join("other")).unwrap();
    let (_, open) = name_and_cause(bench.work(b"{}"));
    let of_ours: Vec<_> =
        open.lines().filter(|l| l.contains(bench.folder.path().to_str().unwrap())).collect();
    assert!(of_ours.len() == 1 && of_ours[0].ends_with(&task().to_string()), "{open}");
    assert!(!open.contains("anon_inode"), "{open}");
}

#[test]
fn an_earlier_run_of_the_same_task_is_ended_before_a_new_one_starts() {
    let limits = Limits { grace: Duration::from_millis(200), ..QUICK };
    let bench = Bench::sh("trap '' TERM; touch \"$(cat)\"; while :; do sleep 0.05; done", limits);
    let ready = bench.folder.path().join("ready");
    thread::scope(|scope| {
        let first = scope.spawn(|| bench.work(ready.to_str().unwrap().as_bytes()));
        while !ready.exists() {
            thread::sleep(Duration::from_millis(5));
        }
        // As a restarted worker does it; the lock is not its own.
        run_file::reclaim(&bench.exec.runs, task(), limits.grace).unwrap();
        assert_eq!(name_and_cause(first.join().unwrap()).0, "Handler.Signal9");
    });
    assert!(RunFile::take(&bench.exec.runs, task()).unwrap().is_some());
}

#[test]
fn what_an_earlier_run_left_is_ended_though_nobody_reaped_its_leader() {
    let bench = Bench::sh("sleep 60 & exit 0", QUICK);
    let run_file = RunFile::take(&bench.exec.runs, task()).unwrap().unwrap();
    let variables = ["A", "B", "C", "D"].map(|name| (name, String::new()));
    let run = Run { id: task(), input: b"", variables };
    let leader = bench.exec.start(&run, &run_file).unwrap();
    let stat = format!("/proc/{}/stat", leader.pid.as_raw_nonzero());
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        thread::sleep(Duration::from_millis(5));
    }
    // The worker is gone, and its lock with it; the file stays.
    let (path, link) = (bench.exec.runs.join(task().to_string()), bench.folder.path().join("link"));
    fs::hard_link(&path, &link).unwrap();
    drop(run_file);
    fs::rename(&link, &path).unwrap();
    let file = fs::File::open(&path).unwrap();
    let free = || rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_ok();
    assert!(!free());
    run_file::reclaim(&bench.exec.runs, task(), QUICK.grace).unwrap();
    assert!(free(), "it lives on");
    leader.wait().unwrap();
}

#[test]
fn to_reclaim_what_never_ran_or_has_ended_does_nothing() {
    let bench = Bench::sh("exit 0", QUICK);
    run_file::reclaim(&bench.exec.runs, task(), QUICK.grace).unwrap();
    bench.work(b"{}").unwrap();
    run_file::reclaim(&bench.exec.runs, task(), QUICK.grace).unwrap();
    fs::write(bench.exec.runs.join(task().to_string()), "1\n").unwrap();
    run_file::reclaim(&bench.exec.runs, task(), QUICK.grace).unwrap();
    assert!(!bench.exec.runs.join(task().to_string()).exists());
}

#[test]
fn field_18_what_lies_where_a_run_file_goes_is_never_waited_for_nor_written_to() {
    for kind in ["fifo", "link", "dangling", "hard link", "folder"] {
        let folder = tempfile::tempdir().unwrap();
        let (runs, outside) = (folder.path().join("run"), folder.path().join("outside"));
        fs::create_dir(&runs).unwrap();
        fs::write(&outside, "theirs").unwrap();
        let path = runs.join(task().to_string());
        let plant = || match kind {
            "fifo" => {
                let mkfifo = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
                assert!(mkfifo.success());
            }
            "link" => std::os::unix::fs::symlink(&outside, &path).unwrap(),
            "dangling" => std::os::unix::fs::symlink(folder.path().join("none"), &path).unwrap(),
            "hard link" => fs::hard_link(&outside, &path).unwrap(),
            _ => fs::create_dir(&path).unwrap(),
        };
        plant();
        run_file::reclaim(&runs, task(), QUICK.grace).unwrap();
        if !path.exists() {
            plant();
        }
        let taken = RunFile::take(&runs, task());
        assert_eq!(taken.is_ok_and(|taken| taken.is_some()), kind != "folder", "{kind}");
        assert_eq!(fs::read_to_string(&outside).unwrap(), "theirs", "{kind}");
        assert!(!folder.path().join("none").exists(), "{kind}");
    }
}

#[test]
fn field_17_a_run_file_makes_no_state_folder_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    assert!(RunFile::take(&folder.path().join("state/run"), task()).is_err());
    assert!(!folder.path().join("state").exists());
}
