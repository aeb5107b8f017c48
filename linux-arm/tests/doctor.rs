//! `doctor` on set-ups that are broken in one place each: the one clear line, what to do, and the exit code.

mod bench;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::Duration;

use activity_emulator::{Credential, Fault};
use bench::tls::{Ca, Peer};
use bench::{PATIENCE, Service, program};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A device with a configuration, and what doctor says of it.
struct Device {
    folder: tempfile::TempDir,
    command: Command,
}

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "emulator-test-secret-access-key")];

impl Device {
    /// `top` stands at the head of the file. All is right with the folder and the keys.
    fn new(activity: &str, top: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        let file = folder.path().join("worker.toml");
        let text = format!(
            "state_dir = {state:?}\nallow_unsafe_storage = true\n{top}\n[[activity]]\narn = {activity:?}\ncommand = [\"/bin/cat\"]\n"
        );
        fs::write(&file, text.replace("$DIR", folder.path().to_str().unwrap())).unwrap();
        let mut command = program();
        command.arg("doctor").arg("--config").arg(&file).env("HOME", folder.path()).envs(KEYS);
        Device { folder, command }
    }

    fn of(service: &Service) -> Self {
        Self::new(&service.activity, &format!("endpoint_url = {:?}", service.emulator.url()))
    }

    fn without_keys(&mut self) {
        for (name, _) in KEYS {
            self.command.env_remove(name);
        }
    }

    fn run(mut self) -> Told {
        let output = self.command.output().unwrap();
        Told::new(&output, self.folder.path().to_str().unwrap())
    }
}

/// What was printed.
struct Told {
    code: Option<i32>,
    text: String,
    /// `verdict step: said`, and ` -> advice` if there is one.
    findings: Vec<String>,
}

impl Told {
    fn new(output: &Output, folder: &str) -> Self {
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout.clone()).unwrap().replace(folder, "$DIR");
        assert!(!text.contains('\x1b'), "colours in a pipe");
        for (_, secret) in &KEYS[1..] {
            assert!(!text.contains(secret), "{text}");
        }
        let mut findings: Vec<String> = Vec::new();
        let lines: Vec<_> = text.lines().collect();
        for line in &lines[..lines.len().saturating_sub(1)] {
            match line.strip_prefix(&" ".repeat(25)) {
                Some(more) if more.starts_with("-> ") => {
                    findings.last_mut().unwrap().push_str(&format!(" {more}"))
                }
                Some(_) => {}
                None => {
                    let (verdict, rest) = line.split_at(10);
                    let (step, said) = rest.split_at(15);
                    findings.push(format!("{} {}: {said}", verdict.trim(), step.trim()));
                }
            }
        }
        Told { code: output.status.code(), text, findings }
    }

    /// Exactly these problems and warnings, whole, but for a storage that tests can't choose.
    fn only(&self, code: i32, expected: &[&str]) {
        let storage = |line: &&String| line.contains(" is on ") && line.starts_with("warning state: ");
        let bad = |line: &&String| line.starts_with("problem ") || line.starts_with("warning ");
        let found: Vec<_> = self.findings.iter().filter(bad).filter(|line| !storage(line)).collect();
        assert_eq!(found, expected, "\n{}", self.text);
        assert_eq!(self.code, Some(code), "{}", self.text);
    }

    fn not_done(&self) -> Vec<&str> {
        let name = |line: &'_ String| line.starts_with("not done ").then_some(());
        self.findings
            .iter()
            .filter(|l| name(l).is_some())
            .map(|l| l[9..].split(':').next().unwrap())
            .collect()
    }

    fn has(&self, line: &str) {
        assert!(self.findings.iter().any(|found| found.starts_with(line)), "no {line:?} in\n{}", self.text);
    }
}

#[test]
fn all_is_well() {
    let service = Service::start();
    let told = Device::of(&service).run();
    told.only(0, &[]);
    told.has("ok config: $DIR/worker.toml: work in eu-west-1, account 123456789012");
    told.has("ok state: $DIR/state: ");
    told.has("ok dns: 127.0.0.1 in ");
    told.has("ok tcp: connected in ");
    told.has("ok proxy: none: the way is direct");
    told.has("ok tls: none: the endpoint's URL begins with http://");
    told.has("ok credentials: the environment: key ...MPLE, for good");
    told.has("ok signature: accepted");
    told.has("ok describe: work exists");
    told.has("ok clock: ");
    assert_eq!(told.not_done(), ["poll"], "{}", told.text);
    assert!(told.text.contains("- profile: not set up (the profile \"default\" in "), "{}", told.text);
    assert_eq!(service.emulator.polls(&service.activity), 0, "a task may have been taken");
}

#[test]
fn credentials_that_are_nowhere() {
    let service = Service::start();
    let mut device = Device::of(&service);
    device.without_keys();
    let told = device.run();
    told.only(
        78,
        &["problem credentials: no credentials are set up -> set one up: [credentials] in the file, or what docs/credentials.md tells"],
    );
    assert_eq!(told.not_done(), ["signature", "describe", "poll"]);
    assert!(
        told.text.contains(
            "- container: not set up (no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is set)"
        )
    );
}

#[test]
fn the_key_of_another_certificate() {
    let ca = Ca::new();
    let (certificate, _) = ca.issue("device");
    let (_, key) = ca.issue("other");
    let iot = "[credentials]\nsource = \"iot\"\nendpoint = \"abc\"\nrole_alias = \"a\"\ncertificate = \"$DIR/device.crt\"\nprivate_key = \"$DIR/other.key\"";
    let device = Device::new("arn:aws:states:eu-west-1:123456789012:activity:work", iot);
    fs::write(device.folder.path().join("device.crt"), certificate).unwrap();
    fs::write(device.folder.path().join("other.key"), key).unwrap();
    let told = device.run();
    told.only(
        78,
        &["problem config: $DIR/worker.toml:8: credentials.private_key: the key is another certificate's -> activity-worker check $DIR/worker.toml looks at it again"],
    );
    assert_eq!(told.not_done().len(), 10, "{}", told.text);
}

#[test]
fn p8_a_clock_that_is_years_off() {
    let ca = Ca::new();
    let service = Service::start();
    let year = 365 * 86_400;
    service.emulator.set_clock_offset(4 * year);
    let peer = Peer::before(&service, &ca, None);
    let device = Device::new(
        &service.activity,
        &format!("endpoint_url = {:?}\nca_bundle = \"$DIR/ca.crt\"", peer.url()),
    );
    fs::write(device.folder.path().join("ca.crt"), ca.pem()).unwrap();
    let told = device.run();
    told.has("ok tls: TLS 1.3, certificate by \"the test's CA\", until ");
    told.has("ok signature: accepted");
    let [clock] = &told.findings.iter().filter(|f| f.starts_with("warning clock")).collect::<Vec<_>>()[..]
    else {
        panic!("{}", told.text)
    };
    assert!(
        clock.starts_with("warning clock: this device's clock is 3years")
            && clock.contains("behind that of 127.0.0.1:"),
        "{clock}"
    );
    assert!(clock.ends_with("-> the worker corrects itself by the service's date; logs and handlers have the wrong one: set up NTP"));
    assert_eq!(told.code, Some(0), "{}", told.text);
}

#[test]
fn a_name_that_is_none() {
    let told = Device::new(
        "arn:aws:states:eu-west-1:123456789012:activity:work",
        "endpoint_url = \"https://states.no-such-name.invalid\"",
    )
    .run();
    told.only(
        1,
        &["problem dns: could not resolve states.no-such-name.invalid -> is the device online, and endpoint_url right? /etc/resolv.conf names the name servers"],
    );
    assert_eq!(told.not_done(), ["tcp", "proxy", "tls", "clock", "signature", "describe", "poll"]);
}

#[test]
fn a_port_that_is_closed() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = Device::new(
        "arn:aws:states:eu-west-1:123456789012:activity:work",
        &format!("endpoint_url = \"https://{closed}\""),
    )
    .run();
    let line = format!(
        "problem tcp: {closed} refused the connection -> is the server up, and is endpoint_url its host and port?"
    );
    told.only(1, &[line.as_str()]);
    assert_eq!(told.not_done(), ["proxy", "tls", "clock", "signature", "describe", "poll"]);
}

#[test]
fn a_ca_that_nobody_knows() {
    let (service, ca) = (Service::start(), Ca::new());
    let peer = Peer::before(&service, &ca, None);
    let told = Device::new(&service.activity, &format!("endpoint_url = {:?}", peer.url())).run();
    let line = format!(
        "problem tls: the certificate of {0} comes from an unknown CA; set AWS_CA_BUNDLE if that CA is yours or your proxy's -> it is by \"the test's CA\", until 2098-01-01: if that CA is yours or your proxy's, name its file: ca_bundle; if not, somebody else answers, a login page perhaps",
        peer.address
    );
    told.only(1, &[line.as_str()]);
    assert_eq!(told.not_done(), ["clock", "signature", "describe", "poll"]);
}

#[test]
fn a_certificate_that_has_ended() {
    let (service, ca) = (Service::start(), Ca::new());
    let peer = Peer::before(&service, &ca, Some((2026, 1, 1)));
    let device = Device::new(
        &service.activity,
        &format!("endpoint_url = {:?}\nca_bundle = \"$DIR/ca.crt\"", peer.url()),
    );
    fs::write(device.folder.path().join("ca.crt"), ca.pem()).unwrap();
    let told = device.run();
    let [tls] = &told.findings.iter().filter(|f| f.starts_with("problem")).collect::<Vec<_>>()[..] else {
        panic!("{}", told.text)
    };
    let said = format!(
        "problem tls: the certificate of {} ended on Thu, 01 Jan 2026 00:00:00 GMT, and this device believes that it is ",
        peer.address
    );
    assert!(tls.starts_with(&said), "{tls}");
    let advice = format!(
        "-> it is by \"the test's CA\", until 2026-01-01: whoever runs {} has to renew it; see clock for this device's date",
        peer.address
    );
    assert!(tls.ends_with(&advice), "{tls}");
    // The server's date was to be had all the same, and it is this device's.
    told.has("ok clock: ");
    assert_eq!(
        (told.code, told.not_done()),
        (Some(1), vec!["signature", "describe", "poll"]),
        "{}",
        told.text
    );
}

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
fn a_state_folder_that_is_no_folder_and_one_in_use() {
    let service = Service::start();
    let device = Device::of(&service);
    fs::remove_dir(device.folder.path().join("state")).unwrap();
    fs::write(device.folder.path().join("state"), "").unwrap();
    device.run().only(78, &["problem state: $DIR/state is no folder -> name another one: state_dir"]);

    let folder = tempfile::tempdir().unwrap();
    let mut worker = service.worker(&folder, &[], "cat");
    worker.until("keeping tasks and results in");
    assert!(service.emulator.wait_polls(&service.activity, 1, PATIENCE));
    let mut device = Device::of(&service);
    device.command.arg("--state-dir").arg(folder.path().join("state")).arg("--poll");
    let told = device.run();
    told.only(0, &[]);
    assert!(told.text.contains("; in use by the worker with pid "), "{}", told.text);
    told.has("not done poll: the worker with pid ");
    worker.signal(Signal::TERM);
    assert!(worker.end().success());
}

/// Runs doctor where the state folder lies on a file system of its own, mounted with `options`; `None` where the system does not
/// let us mount.
fn mounted(service: &Service, options: &str, before: &str) -> Option<Told> {
    let device = Device::of(service);
    let mount = format!("mount -t tmpfs -o {options} none \"$0\" && {before} exec \"$@\"");
    let namespaces = ["--user", "--map-root-user", "--mount"];
    let probe =
        Command::new("unshare").args(namespaces).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("left out: no mounts in a user namespace here");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(namespaces).args(["sh", "-c", &mount]).arg(device.folder.path().join("state"));
    command.arg(device.command.get_program()).args(device.command.get_args());
    for (name, value) in device.command.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(Told::new(&command.output().unwrap(), device.folder.path().to_str().unwrap()))
}

#[test]
fn a_state_folder_that_is_read_only_and_one_that_is_full() {
    let service = Service::start();
    if let Some(told) = mounted(&service, "ro", "") {
        told.only(
            78,
            &["problem state: $DIR/state can't be written: Read-only file system (os error 30) -> mount it for writing, or name another folder: state_dir"],
        );
    }
    if let Some(told) = mounted(&service, "size=64k", "") {
        told.only(
            1,
            &["problem state: $DIR/state: 65 kB free, and a task with its result may take 1327 kB -> make room"],
        );
        told.has("ok state: $DIR/state: 65 kB free, synced in ");
    }
    if let Some(told) = mounted(&service, "size=64k", "head -c 65536 /dev/zero >\"$0/big\";") {
        told.only(
            1,
            &[
                "problem state: $DIR/state: 0 bytes free, and a task with its result may take 1327 kB -> make room",
                "problem state: $DIR/state: nothing can be kept there: No space left on device (os error 28) -> make room",
            ],
        );
    }
}

#[test]
fn a_proxy_that_refuses() {
    let proxy = Peer::refusing();
    let mut device = Device::new("arn:aws:states:eu-west-1:123456789012:activity:work", "");
    device.command.env("HTTPS_PROXY", format!("http://me:sEcReT@{}", proxy.address));
    let told = device.run();
    let line = format!(
        "problem proxy: the proxy {} does not let us through to states.eu-west-1.amazonaws.com (403) -> the proxy's rules must let states.eu-west-1.amazonaws.com through; a password belongs into HTTPS_PROXY; network.no_proxy leads around it",
        proxy.address
    );
    told.only(1, &[line.as_str()]);
    assert!(!told.text.contains("sEcReT"));
    assert_eq!(told.not_done(), ["tls", "clock", "signature", "describe", "poll"]);

    // The file counts before the environment.
    let network = format!("[network]\nproxy = \"http://{}\"\n", proxy.address);
    let mut device = Device::new("arn:aws:states:eu-west-1:123456789012:activity:work", &network);
    device.command.env("HTTPS_PROXY", "http://no-such-proxy.invalid");
    device.run().only(1, &[line.as_str()]);
}

#[test]
fn a_login_page() {
    let service = Service::start();
    service.emulator.inject(Fault::captive_portal());
    let told = Device::of(&service).run();
    let [line] = &told.findings.iter().filter(|f| f.starts_with("problem")).collect::<Vec<_>>()[..] else {
        panic!("{}", told.text)
    };
    assert!(line.starts_with("problem signature: DescribeActivity: "), "{line}");
    assert!(
        line.ends_with(
            "-> something between here and the service answers in its place: a login page, or a proxy"
        ),
        "{line}"
    );
    assert_eq!((told.code, told.not_done()), (Some(1), vec!["describe", "poll"]), "{}", told.text);
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
fn a_device_with_nothing_but_a_certificate_polls() {
    let (service, ca) = (Service::start(), Ca::new());
    let end = std::time::SystemTime::now() + Duration::from_secs(3600);
    let credential = Credential { access_key_id: "ASIAFROMIOT".into(), ..Credential::test() }
        .session("the-token", Some(end));
    service.emulator.set_credentials(vec![credential.clone()]);
    let iot = Peer::iot(&ca, &credential, end);
    let (certificate, key) = ca.issue("device");
    let table = format!(
        "endpoint_url = {:?}\n[credentials]\nsource = \"iot\"\nendpoint = \"{}\"\nrole_alias = \"worker\"\nthing_name = \"pi\"\ncertificate = \"$DIR/device.crt\"\nprivate_key = \"$DIR/device.key\"\nca_file = \"$DIR/ca.crt\"",
        service.emulator.url(),
        iot.address
    );
    let mut device = Device::new(&service.activity, &table);
    for (name, text) in [("device.crt", certificate), ("device.key", key), ("ca.crt", ca.pem())] {
        let file = device.folder.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    device.without_keys();
    device.command.arg("--poll");
    let execution = service.ask("{}");
    let told = device.run();
    told.only(0, &[]);
    told.has(&format!("ok credentials: AWS IoT ({}): key ...MIOT, temporary, for 59m more", iot.address));
    told.has("ok poll: allowed; tasks that came, were worked and reported: 1");
    assert_eq!(service.end_of(&execution).output.as_deref(), Some("{}"));
    assert!(!told.text.contains("the-token"));
    let asked = iot.asked();
    assert!(asked[0].starts_with("GET /role-aliases/worker/credentials HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].contains("x-amzn-iot-thingname: pi\r\n"), "{}", asked[0]);
}

#[test]
fn p3_a_definition_that_may_cost_a_task() {
    let service = Service::start();
    let mut device = Device::of(&service);
    let file = device.folder.path().join("machine.json");
    let machine = json!({ "States": { "Each": { "Type": "Map", "ItemProcessor": { "States": {
        "Print": { "Type": "Task", "Resource": service.activity, "HeartbeatSeconds": 45, "TimeoutSeconds": 600 },
    } } } } });
    fs::write(&file, machine.to_string()).unwrap();
    device.command.arg("--state-machine").arg(&file);
    device.run().only(
        0,
        &[
            "warning state-machine: Print: HeartbeatSeconds 45 is shorter than two heartbeats, one each 30 s: one that is late costs the task -> set \"HeartbeatSeconds\": 90 or more; or heartbeat_interval = \"15s\"",
            "warning state-machine: Print: no Retry on States.Timeout and Worker.Restarted: a task that is lost on its way, or with the power, fails the execution -> add \"Retry\": [{ \"ErrorEquals\": [\"States.Timeout\", \"Worker.Restarted\"], \"IntervalSeconds\": 5, \"MaxAttempts\": 3 }]",
        ],
    );
    let mut device = Device::of(&service);
    device.command.arg("--state-machine").arg("/nonexistent.json");
    device.run().only(
        1,
        &["problem state-machine: can't read /nonexistent.json: No such file or directory (os error 2)"],
    );
}

#[test]
fn the_json_has_the_documented_shape() {
    let service = Service::start();
    let mut device = Device::of(&service);
    device.command.arg("--json");
    device.without_keys();
    let output = device.command.output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (told["version"].as_u64(), told["exit_code"].as_i64()),
        (Some(1), output.status.code().map(i64::from))
    );
    assert_eq!(told["problems"], 1);
    let findings = told["findings"].as_array().unwrap();
    let mut steps: Vec<_> = findings.iter().map(|f| f["step"].as_str().unwrap()).collect();
    steps.dedup();
    assert_eq!(
        steps,
        [
            "config",
            "state",
            "dns",
            "tcp",
            "proxy",
            "tls",
            "clock",
            "credentials",
            "signature",
            "describe",
            "poll"
        ]
    );
    for finding in findings {
        let keys: Vec<_> = finding.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["advice", "details", "said", "step", "verdict"]);
        assert!(["ok", "warning", "problem", "not-done"].contains(&finding["verdict"].as_str().unwrap()));
        assert!(finding["said"].is_string() && finding["details"].is_array());
        assert!(finding["advice"].is_string() || finding["advice"].is_null());
    }
    let credentials = findings.iter().find(|f| f["step"] == "credentials").unwrap();
    assert_eq!(
        (credentials["verdict"].as_str(), credentials["details"].as_array().unwrap().len()),
        (Some("problem"), 5)
    );
}

#[test]
fn the_policy_is_the_least_that_a_worker_needs() {
    let arn = "arn:aws:states:eu-west-1:123456789012:activity:work";
    let output = bench::output(&["iam-policy", "--activity-arn", arn]);
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Effect": "Allow", "Action": ["states:GetActivityTask"], "Resource": [arn] },
            {
                "Effect": "Allow",
                "Action": ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"],
                "Resource": "*"
            }
        ]
    });
    assert_eq!(policy, expected);
    let output = bench::output(&["iam-policy", "--activity-arn", arn, "--describe"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("states:DescribeActivity"));
}
