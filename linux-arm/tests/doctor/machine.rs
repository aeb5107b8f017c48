//! Set-ups that are broken on the device itself: its state folder, its credentials.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use activity_emulator::Credential;
use rustix::process::Signal;
use serde_json::json;

use crate::bench::tls::{Ca, Peer};
use crate::bench::{PATIENCE, Service};
use crate::device::{Device, KEYS, Told};

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
    Some(Told::new(&command.output().ok()?, device.folder.path().to_str()?))
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
            &["problem state: $DIR/state: 65 kB free, and a task with its result may take 2621 kB -> make room"],
        );
        told.has("ok state: $DIR/state: 65 kB free, synced in ");
    }
    if let Some(told) = mounted(&service, "size=64k", "head -c 65536 /dev/zero >\"$0/big\";") {
        told.only(
            1,
            &[
                "problem state: $DIR/state: 0 bytes free, and a task with its result may take 2621 kB -> make room",
                "problem state: $DIR/state: nothing can be kept there: No space left on device (os error 28) -> make room",
            ],
        );
    }
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
fn a_source_that_fails_says_why_and_what_to_do() {
    let service = Service::start();
    let set_up = |table: &str| {
        let top = format!("endpoint_url = {:?}\n[credentials]\n{table}", service.emulator.url());
        let mut device = Device::new(&service.activity, &top);
        device.without_keys();
        device.run()
    };
    let told =
        set_up("source = \"process\"\ncommand = [\"/bin/sh\", \"-c\", \"echo no key card >&2; exit 3\"]");
    told.only(
        1,
        &["problem credentials: credential_process /bin/sh failed (exit status: 3): no key card -> run the program by hand, as the worker's user"],
    );
    let told = set_up("source = \"container\"");
    told.only(
        78,
        &["problem credentials: [credentials]: the container's credentials endpoint: there is neither url nor AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI -> docs/credentials.md tells what each source needs"],
    );
    let told = set_up("source = \"web-identity\"\ntoken_file = \"$DIR/token\"\nrole_arn = \"arn:r\"");
    told.has(
        "warning config: $DIR/worker.toml:6: credentials.token_file: can't read $DIR/token: No such file",
    );
    told.has("problem credentials: the role arn:r: can't read the token file $DIR/token: No such file");
    assert_eq!(told.code, Some(1));
    let told = set_up("source = \"profile\"\nprofile = \"nobody\"");
    told.only(78, &["problem config: the profile \"nobody\" is not in /dev/null or /dev/null"]);
}

#[test]
fn p8_credentials_have_ended_by_the_date_of_the_service_alone() {
    let service = Service::start();
    // The device's clock is two hours ahead.
    service.emulator.set_clock_offset(-2 * 3600);
    let with_end = |hours_ago: u64| {
        let end = SystemTime::now() - Duration::from_secs(hours_ago * 3600);
        let json = json!({
            "Version": 1,
            "AccessKeyId": KEYS[0].1,
            "SecretAccessKey": KEYS[1].1,
            "Expiration": humantime::format_rfc3339_seconds(end).to_string(),
        });
        let table = format!(
            "endpoint_url = {:?}\n[credentials]\nsource = \"process\"\ncommand = [\"/bin/echo\", '{json}']",
            service.emulator.url()
        );
        let mut device = Device::new(&service.activity, &table);
        device.without_keys();
        device.run()
    };
    let told = with_end(1);
    told.has("warning clock: this device's clock is 2h ahead of that of ");
    told.has("ok credentials: credential_process /bin/echo: key ...MPLE, for good, for 59m more");
    told.has("ok signature: accepted");
    assert_eq!(told.code, Some(0), "{}", told.text);
    let told = with_end(3);
    told.has("problem credentials: ");
    assert_eq!(told.code, Some(1), "{}", told.text);
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
fn a_device_with_nothing_but_a_certificate_polls() {
    // Who vouches for the provider of credentials is said to it alone, or for all.
    for (top, more) in [("", "ca_file = \"$DIR/ca.crt\""), ("ca_bundle = \"$DIR/ca.crt\"", "")] {
        let (service, ca) = (Service::start(), Ca::new());
        let end = SystemTime::now() + Duration::from_secs(3600);
        let credential = Credential { access_key_id: "ASIAFROMIOT".into(), ..Credential::test() }
            .session("the-token", Some(end));
        service.emulator.set_credentials(vec![credential.clone()]);
        let iot = Peer::iot(&ca, &credential, end);
        let (certificate, key) = ca.issue("device");
        let table = format!(
            "{top}\nendpoint_url = {:?}\n[credentials]\nsource = \"iot\"\nendpoint = \"{}\"\nrole_alias = \"worker\"\nthing_name = \"pi\"\ncertificate = \"$DIR/device.crt\"\nprivate_key = \"$DIR/device.key\"\n{more}",
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
}
