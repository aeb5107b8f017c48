//! A NAT that forgets: what nobody has said anything on for 20 s is no connection any more, and nobody is told.

use std::process::Command;
use std::thread;
use std::time::Duration;

use super::checks::{require, wait_for};
use super::service::Service;
use super::stage::{Stage, run};
use crate::process;

const DEVICE: &[&str] = &["ip", "netns", "exec", "device"];
const ENDPOINT: &str = "http://10.77.0.1:8083";
/// What the NAT remembers, in seconds; and a silence after which it has surely forgotten.
const REMEMBERS: &str = "20";
const QUIET: Duration = Duration::from_secs(30);

pub(super) fn forgets(stage: &Stage) -> Result<String, String> {
    build()?;
    let service = Service::start(stage, &["--long-poll", "60s"])?;
    let (kept, kept_machine) = service.machine("kept-alive", 300)?;
    let (quiet, quiet_machine) = service.machine("quiet", 300)?;
    let kept_setup = stage.worker("kept-alive", &kept, ENDPOINT)?.under(DEVICE);
    let quiet_setup = stage.worker("quiet", &quiet, ENDPOINT)?.under(DEVICE).network("keepalive = \"off\"");
    let workers = (kept_setup.start()?, quiet_setup.start()?);
    service.wait_poll(&kept)?;
    service.wait_poll(&quiet)?;
    thread::sleep(QUIET);
    let kept_task = service.execute(&kept_machine, 0)?;
    let swallowed = service.execute(&quiet_machine, 0)?;
    let home = service.all_succeed(&[kept_task], Duration::from_secs(12))?;
    let status =
        wait_for(
            "nothing",
            Duration::from_secs(3),
            || Ok(service.execution(&swallowed)?.status != "RUNNING"),
        );
    require(status.is_err(), || {
        "without keepalive the task came through as well: the NAT forgot nothing".into()
    })?;
    workers.0.kill();
    workers.1.kill();
    Ok(format!(
        "after {} s of silence on a NAT that remembers for {REMEMBERS} s a task was done in {:.1} s; without keepalive it was swallowed",
        QUIET.as_secs(),
        home.as_secs_f64()
    ))
}

/// service - router - device.
fn build() -> Result<(), String> {
    run("mount", &["-t", "tmpfs", "names", "/run"])?;
    for command in [
        "netns add router",
        "netns add device",
        "link add service type veth peer name out netns router",
        "addr add 10.77.0.1/24 dev service",
        "link set service up",
        "-n router addr add 10.77.0.2/24 dev out",
        "-n router link set out up",
        "-n router link add in type veth peer name device netns device",
        "-n router addr add 10.78.0.1/24 dev in",
        "-n router link set in up",
        "-n device addr add 10.78.0.2/24 dev device",
        "-n device link set device up",
        "-n device link set lo up",
        "-n device route add default via 10.78.0.1",
    ] {
        process::read(Command::new("ip").args(command.split(' ')))?;
    }
    let rules = format!(
        "echo 1 > /proc/sys/net/ipv4/ip_forward && iptables -t nat -A POSTROUTING -o out -j MASQUERADE && \
         iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP && cd /proc/sys/net/netfilter && \
         echo 0 > nf_conntrack_tcp_loose && echo {REMEMBERS} > nf_conntrack_tcp_timeout_established"
    );
    run("ip", &["netns", "exec", "router", "sh", "-c", &rules]).map(drop)
}
