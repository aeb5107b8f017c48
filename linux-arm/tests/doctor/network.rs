//! Set-ups that are broken between the device and the service.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use activity_emulator::Fault;

use crate::bench::Service;
use crate::bench::tls::{Ca, Peer};
use crate::device::Device;

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
            "-> something between here and the service answers in its place: sign in there, or go around it"
        ),
        "{line}"
    );
    assert_eq!((told.code, told.not_done()), (Some(1), vec!["describe", "poll"]), "{}", told.text);
}

#[test]
fn field_03_what_an_answer_lacks_to_be_the_services_is_said() {
    let service = Service::start();
    service.emulator.inject(Fault::captive_portal());
    let told = Device::of(&service).run();
    let line = "DescribeActivity: the answer carries no x-amzn-RequestId and is text/html, not JSON, so it is not the service's: ";
    assert!(told.text.contains(line), "{}", told.text);
}

#[test]
fn a_connection_that_leads_nowhere() {
    let service = Service::start();
    service.emulator.inject(Fault::close());
    let told = Device::of(&service).run();
    let host = service.emulator.address();
    let line = format!(
        "problem signature: DescribeActivity: {host} closed the connection before its whole answer had come -> the connection stands, but what goes over it is lost: a firewall or a proxy on the way, or trouble at the service"
    );
    told.only(1, &[line.as_str()]);
    assert_eq!(told.not_done(), ["clock", "describe", "poll"], "{}", told.text);
}

#[test]
fn an_endpoint_that_asks_for_a_certificate() {
    let (service, ca) = (Service::start(), Ca::new());
    let peer = Peer::asking(&service, &ca);
    let (certificate, key) = ca.issue("device");
    let look = |network: &str| {
        let top = format!("endpoint_url = {:?}\nca_bundle = \"$DIR/ca.crt\"\n{network}", peer.url());
        let device = Device::new(&service.activity, &top);
        for (name, text) in
            [("ca.crt", ca.pem()), ("device.crt", certificate.clone()), ("device.key", key.clone())]
        {
            let file = device.folder.path().join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        device.run()
    };
    let told = look("[network]\nclient_certificate = \"$DIR/device.crt\"\nclient_key = \"$DIR/device.key\"");
    told.only(0, &[]);
    told.has("ok describe: work exists");
    let told = look("");
    let line = format!(
        "problem signature: DescribeActivity: {} asks for a certificate of this device -> the server asks for a certificate: network.client_certificate and client_key",
        peer.address
    );
    told.only(1, &[line.as_str()]);
}

#[test]
fn a_web_identity_is_exchanged_where_the_settings_say() {
    let proxy = Peer::refusing();
    let sts = |more: &str, env: &[(&str, &str)]| {
        let table = format!(
            "[network]\nproxy = \"http://{}\"\n[credentials]\nsource = \"web-identity\"\ntoken_file = \"$DIR/token\"\nrole_arn = \"arn:r\"\n{more}",
            proxy.address
        );
        let mut device = Device::new("arn:aws:states:eu-west-1:123456789012:activity:work", &table);
        fs::write(device.folder.path().join("token"), "token").unwrap();
        device.without_keys();
        device.command.envs(env.iter().copied());
        let before = proxy.asked().len();
        device.run();
        let asked = proxy.asked().split_off(before);
        let mut hosts: Vec<_> = asked.iter().filter_map(|asked| asked.split(' ').nth(1)).collect();
        hosts.retain(|host| !host.starts_with("states"));
        hosts.dedup();
        hosts.join(" ")
    };
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let other = ("AWS_ENDPOINT_URL_STS", "https://other.example");
    let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert_eq!(sts("", &[]), "sts.eu-west-1.amazonaws.com:443");
    assert_eq!(sts("", &[fips]), "sts-fips.eu-west-1.amazonaws.com:443");
    assert_eq!(sts("", &[other]), "other.example:443");
    assert_eq!(sts("", &[other, ignored]), "sts.eu-west-1.amazonaws.com:443");
    let own = "sts_endpoint_url = \"https://own.example\"";
    assert_eq!(sts(own, &[other, ignored]), "own.example:443");
}
