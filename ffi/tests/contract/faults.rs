//! An app's call-backs that misbehave, and a set-up that is wrong.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use activity_worker_ffi::*;

use crate::support::{Ear, Login, Phone, SOON, app, eventually, start};

/// A provider that does as it is told: 0 good, 1 throws, 2 throws something unexpected, 3 hangs, 4 gives expired ones.
#[derive(Default)]
struct Moody(AtomicU8);

impl AwsCredentialsProvider for Moody {
    fn credentials(&self) -> Result<AwsCredentials, CallbackError> {
        match self.0.load(Ordering::SeqCst) {
            1 => Err(CallbackError::Failed { reason: "nobody is logged in".into() }),
            2 => Err(uniffi::UnexpectedUniFFICallbackError::new("sEcReT").into()),
            3 => {
                while self.0.load(Ordering::SeqCst) == 3 {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(CallbackError::Failed { reason: "it took too long".into() })
            }
            4 => Ok(AwsCredentials {
                expires_at: Some(SystemTime::now() - Duration::from_secs(3600)),
                ..Login.credentials()?
            }),
            _ => Login.credentials(),
        }
    }
}

#[test]
fn c13_a_credentials_provider_that_throws_hangs_or_is_late_loses_nothing() {
    for mood in 1..=4 {
        let phone = Phone::new();
        let (execution, pushed) = phone.push("{}");
        let (provider, ear) = (Arc::new(Moody::default()), Arc::new(Ear::default()));
        provider.0.store(mood, Ordering::SeqCst);
        if mood == 4 {
            // Expired ones are used until the service refuses them: this device's clock may be the one that is wrong.
            phone.emulator.set_credentials(Vec::new());
        }
        let config = app(&phone.state_dir(), &phone.emulator.url());
        let worker = ActivityWorker::start(config, provider.clone(), Some(ear.clone())).unwrap();
        let Adopted::New { id } = worker.adopt(pushed).unwrap() else { panic!() };
        worker.succeed(id, "1".into()).unwrap();
        if mood != 3 {
            let reason = ear.hear(|event| match event {
                WorkerEvent::CredentialsRefused { reason } => Some(reason.clone()),
                _ => None,
            });
            assert!(mood != 1 || reason.contains("nobody is logged in"), "{reason}");
            assert!(!reason.contains("sEcReT"), "what it threw stays with the app: {reason}");
        }
        let begun = Instant::now();
        assert_eq!(worker.pending_tasks().unwrap().len(), 1);
        assert!(begun.elapsed() < Duration::from_secs(2), "other calls are answered");
        phone.emulator.set_credentials(vec![activity_emulator::Credential::test()]);
        provider.0.store(0, Ordering::SeqCst);
        worker.credentials_changed().unwrap();
        assert_eq!(phone.succeeds(&execution), "1", "mood {mood}");
        worker.stop(StopMode::Now).unwrap();
    }
}

/// A listener that throws, or hangs for good.
struct Rude(bool);

impl EventListener for Rude {
    fn on_event(&self, _: WorkerEvent) -> Result<(), CallbackError> {
        if self.0 {
            std::thread::sleep(Duration::from_secs(60));
        }
        Err(CallbackError::Unexpected)
    }
}

#[test]
fn c14_a_listener_that_throws_or_hangs_holds_up_nothing() {
    for hangs in [false, true] {
        let phone = Phone::new();
        let worker =
            ActivityWorker::start(phone.config(), Arc::new(Login), Some(Arc::new(Rude(hangs)))).unwrap();
        let execution = phone.start("{}");
        eventually("the request", || worker.pending_tasks().unwrap().len() == 1);
        let id = worker.pending_tasks().unwrap().remove(0).id;
        worker.succeed(id, "1".into()).unwrap();
        assert_eq!(phone.succeeds(&execution), "1");
        let begun = Instant::now();
        worker.stop(StopMode::Now).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn c15_a_stop_during_a_poll_says_what_it_dropped_or_lets_it_end() {
    let phone = Phone::new();
    let (worker, _) = phone.start_worker();
    assert!(phone.emulator.wait_polls(&phone.arn, 1, SOON));
    let begun = Instant::now();
    assert_eq!(worker.stop(StopMode::Now).unwrap().dropped_polls, 1);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(worker.pending_tasks().unwrap(), [], "after the end calls are answered too");
    let late = worker.poll_once(phone.arn.clone(), Duration::from_secs(90), PollRisk::Refuse);
    assert_eq!(late, Err(PollError::Stopped));

    let phone = Phone::new();
    let (worker, _) = phone.start_worker();
    assert!(phone.emulator.wait_polls(&phone.arn, 1, SOON));
    assert_eq!(worker.stop(StopMode::Drain).unwrap().dropped_polls, 0);
}

#[test]
fn c19_a_wrong_setup_is_an_error_with_a_code_and_one_line() {
    let phone = Phone::new();
    let (worker, _) = phone.start_worker();
    let refused = |config: WorkerConfig| match ActivityWorker::start(config, Arc::new(Login), None) {
        Ok(_) => panic!("started"),
        Err(error) => {
            assert!(!error.to_string().contains('\n'), "{error}");
            error
        }
    };
    let second = refused(phone.config());
    assert!(matches!(second, StartError::InUse { .. }), "{second}");
    worker.stop(StopMode::Now).unwrap();
    let wrong = [
        WorkerConfig { region: "nowhere at all".into(), ..phone.config() },
        WorkerConfig { endpoint_url: Some("not a url".into()), ..phone.config() },
        WorkerConfig { worker_name: Some("a b".into()), ..phone.config() },
        WorkerConfig { activities: Vec::new(), account: None, ..phone.config() },
        WorkerConfig { account: Some("999999999999".into()), ..phone.config() },
        WorkerConfig { max_bytes: Some(1), ..phone.config() },
        WorkerConfig { ca_file: Some("/does/not/exist.pem".into()), ..phone.config() },
        WorkerConfig { ca_only: true, ..phone.config() },
        WorkerConfig { region: "cn-north-1".into(), account: None, ..phone.config() },
        WorkerConfig {
            activities: vec![ActivityConfig { arn: "arn:aws:s3:::bucket".into(), ..phone.activity(true) }],
            ..phone.config()
        },
    ];
    for config in wrong {
        let error = refused(config);
        assert!(matches!(error, StartError::Config { .. }), "{error:?}");
    }
    let file = phone.dir.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let error = refused(WorkerConfig { state_dir: file.to_str().unwrap().into(), ..phone.config() });
    assert!(matches!(error, StartError::StateDir { .. }), "{error:?}");
}

#[derive(Default)]
struct Book(Mutex<Vec<String>>);

impl LogSink for Book {
    fn log(&self, _: LogLevel, line: String) -> Result<(), CallbackError> {
        self.0.lock().unwrap().push(line);
        Err(CallbackError::Unexpected)
    }
}

#[test]
fn c20_the_log_comes_and_holds_no_secrets() {
    let book = Arc::new(Book::default());
    set_log_sink(Some(book.clone()), LogLevel::Debug).unwrap();
    let phone = Phone::new();
    let (execution, pushed) = phone.push("\"sEcReT-input\"");
    let token = pushed.token.clone();
    let (worker, _) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let Adopted::New { id } = worker.adopt(pushed).unwrap() else { panic!() };
    phone.emulator.go_down();
    worker.succeed(id.clone(), "\"sEcReT-output\"".into()).unwrap();
    worker.drain_within(Duration::from_secs(1)).unwrap();
    phone.emulator.come_back();
    phone.succeeds(&execution);
    worker.stop(StopMode::Now).unwrap();
    eventually("the log", || book.0.lock().unwrap().iter().any(|line| line.contains(&id)));
    set_log_sink(None, LogLevel::Debug).unwrap();
    let key = activity_emulator::Credential::test().secret_access_key;
    for line in book.0.lock().unwrap().iter() {
        for secret in ["sEcReT", &token, &key] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
