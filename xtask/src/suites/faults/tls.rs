//! Peers that must not be believed: refused, said in one line, and nothing lost until the right one is back.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::checks::{require, wait_for};
use super::ledger::Ledger;
use super::service::Service;
use super::stage::{Stage, run};
use super::worker::Setup;
use crate::process::Group;
use crate::tls_proxy::{Authority, TlsProxy};

const PORT: u16 = 8443;
const ENDPOINT: &str = "https://localhost:8443";
/// What the emulator listens on.
pub(super) const SERVER: &str = "127.0.0.1:8083";
const SOON: Duration = Duration::from_secs(60);

/// A service behind TLS, and a worker that trusts its authority.
pub(super) struct Secure {
    pub(super) service: Service,
    pub(super) machine: String,
    pub(super) setup: Setup,
    pub(super) authority: Authority,
}

impl Secure {
    pub(super) fn new(stage: &Stage, name: &str, endpoint: &str) -> Result<Self, String> {
        let service = Service::start(stage, &["--long-poll", "1s"])?;
        let (activity, machine) = service.machine(name, 300)?;
        let authority = Authority::new("trusted")?;
        let ca = stage.folder("ca")?.join("ca.pem");
        authority.write(&ca)?;
        let setup = stage.worker(name, &activity, endpoint)?.variable("AWS_CA_BUNDLE", ca);
        Ok(Secure { service, machine, setup, authority })
    }
}

pub(super) fn certificates(stage: &Stage) -> Result<String, String> {
    let secure = Secure::new(stage, "certificates", ENDPOINT)?;
    let Secure { service, machine, setup, authority } = &secure;
    let setup = setup.clone().work("sleep 1");
    let right = || authority.certificate("localhost", 30);
    let proxy = TlsProxy::start(SERVER, PORT, right()?)?;
    let worker = setup.start()?;
    let mut executions = Vec::new();
    let mut said = Vec::new();
    let wrong = [
        ("expired", authority.certificate("localhost", -1)?),
        ("host", authority.certificate("elsewhere.test", 30)?),
        ("authority", Authority::new("stranger")?.certificate("localhost", 30)?),
    ];
    for (kind, identity) in wrong {
        let n = executions.len();
        executions.push(service.execute(machine, n)?);
        let begun = || fs::read_to_string(&setup.effects).unwrap_or_default().lines().count();
        wait_for("the handler", SOON, || Ok(begun() > n))?;
        proxy.present(identity);
        wait_for("the result on disk", SOON, || Ok(setup.logged("result kept") > n))?;
        wait_for("a word about it", SOON, || Ok(offline(&setup).len() > n))?;
        thread::sleep(Duration::from_secs(3));
        let lines = offline(&setup);
        require(lines.len() == n + 1, || {
            format!("{kind}: said {} times\n{}", lines.len() - n, lines.join("\n"))
        })?;
        require(service.execution(&executions[n])?.status == "RUNNING", || {
            format!("{kind}: taken all the same")
        })?;
        said.push(lines[n].clone());
        proxy.present(right()?);
        service.all_succeed(&executions, SOON)?;
    }
    for (line, words) in said.iter().zip(["ended on", "is for another host", "comes from an unknown CA"]) {
        require(line.contains(words), || format!("{words:?} is not in: {line}"))?;
    }
    worker.kill();
    accounts(&setup, service)?;
    Ok(format!("3 wrong certificates refused, 3 results home: {}", said.join(" | ")))
}

pub(super) fn old(stage: &Stage) -> Result<String, String> {
    let secure = Secure::new(stage, "old", ENDPOINT)?;
    let Secure { service, machine, setup, authority } = &secure;
    let folder = stage.folder("old-peer")?;
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let (key, certificate) = (key.to_string_lossy(), certificate.to_string_lossy());
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    )?;
    let mut proxy = Some(TlsProxy::start(SERVER, PORT, authority.certificate("localhost", 30)?)?);
    let setup = setup.clone().work("sleep 1");
    let worker = setup.start()?;
    let executions = vec![service.execute(machine, 0)?];
    wait_for("the handler", SOON, || Ok(setup.effects.exists()))?;
    drop(proxy.take());
    let mut said = Vec::new();
    for version in ["-tls1", "-tls1_1"] {
        let mut peer = Command::new("openssl");
        peer.args(["s_server", "-quiet", version, "-cipher", "ALL:@SECLEVEL=0", "-accept"]);
        peer.args([&format!("127.0.0.1:{PORT}"), "-key", &*key, "-cert", &*certificate]);
        let peer = Group::spawn(peer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
        let before = refusals(&setup);
        wait_for("a refusal", SOON, || Ok(refusals(&setup) > before))?;
        said.push(version.trim_start_matches('-'));
        drop(peer);
    }
    require(service.execution(&executions[0])?.status == "RUNNING", || "an old peer was believed".into())?;
    let _proxy = start_again(SERVER, authority)?;
    service.all_succeed(&executions, SOON * 2)?;
    worker.kill();
    accounts(&setup, service)?;
    Ok(format!("peers that speak {} at most refused, the result home after", said.join(" and ")))
}

/// The port may be the old peer's for a moment.
fn start_again(server: &str, authority: &Authority) -> Result<TlsProxy, String> {
    let deadline = Instant::now() + SOON;
    loop {
        match TlsProxy::start(server, PORT, authority.certificate("localhost", 30)?) {
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(100)),
            other => return other,
        }
    }
}

fn accounts(setup: &Setup, service: &Service) -> Result<(), String> {
    let status = setup.run_until_idle(SOON)?;
    require(status.success(), || format!("the last worker ended with {status}"))?;
    Ledger::of(setup).check(setup, &service.calls()?).map(drop)
}

/// What was said of the network.
fn offline(setup: &Setup) -> Vec<String> {
    let log = setup.read_log();
    log.lines().filter_map(|line| Some(line.split_once("offline: ")?.1.to_owned())).collect()
}

/// Handshakes that failed because of the version.
fn refusals(setup: &Setup) -> usize {
    setup.logged("does not offer TLS 1.2 or 1.3")
}
