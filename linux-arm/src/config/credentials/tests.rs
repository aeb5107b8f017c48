use std::fs::Permissions;
use std::time::Duration;

use super::*;
use crate::config::file::tests::all_told;
use crate::config::{Config, Flaw, NetworkConfig, ServiceConfig, WorkerConfig, parse};

const ACTIVITY: &str = "\n[[activity]]\narn = \"arn:aws:states:eu-west-1:123456789012:activity:print\"\ncommand = [\"/bin/cat\"]\n";

/// A device's certificate with its key, and what may be there in their place.
pub(in crate::config) struct Files(tempfile::TempDir);

impl Files {
    pub(in crate::config) fn new() -> Self {
        let files = Files(tempfile::tempdir().unwrap());
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["device".to_owned()]).unwrap();
        let other = rcgen::KeyPair::generate().unwrap();
        for (name, text) in [
            ("device.crt", cert.pem()),
            ("device.key", signing_key.serialize_pem()),
            ("other.key", other.serialize_pem()),
            ("notes.txt", "no PEM".to_owned()),
        ] {
            fs::write(files.path(name), text).unwrap();
            fs::set_permissions(files.path(name), Permissions::from_mode(0o600)).unwrap();
        }
        files
    }

    pub(in crate::config) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// A table with `$NAME` in place of the files' paths.
    fn table(&self, text: &str) -> String {
        text.replace('$', &format!("{}/", self.0.path().display())) + ACTIVITY
    }

    fn read(&self, text: &str) -> (Config, Vec<Flaw>) {
        parse(&self.table(text)).unwrap()
    }

    fn source(&self, text: &str) -> Option<CredentialsSource> {
        self.read(text).0.worker.service.credentials
    }
}

const IOT: &str = "[credentials]\nsource = \"iot\"\nendpoint = \"abc\"\nrole_alias = \"a\"\ncertificate = \"$device.crt\"\nprivate_key = \"$device.key\"\n";

#[test]
fn each_source_gets_what_it_needs() {
    let files = Files::new();
    assert_eq!(files.source("[credentials]\n"), None);
    assert_eq!(files.source("[credentials]\nsource = \"chain\"\n"), None);
    assert_eq!(
        files.source("[credentials]\nsource = \"environment\"\n"),
        Some(CredentialsSource::Environment)
    );
    let (config, _) = files.read("[credentials]\nsource = \"profile\"\nprofile = \"p\"\n");
    assert_eq!(
        (config.worker.service.profile.as_deref(), config.worker.service.credentials),
        (Some("p"), None)
    );
    let Some(CredentialsSource::Iot(iot)) = files.source(&format!("{IOT}thing_name = \"t\"\n")) else {
        panic!()
    };
    assert_eq!(
        (iot.endpoint.as_str(), iot.region.as_str(), iot.role_alias.as_str()),
        ("abc", "eu-west-1", "a")
    );
    assert_eq!((iot.thing_name.as_deref(), iot.ca_file), (Some("t"), None));
    let none = CredentialsSource::Container(ContainerConfig::default());
    assert_eq!(files.source("[credentials]\nsource = \"container\"\n"), Some(none));
    let mode = CredentialsSource::Imds(ImdsConfig { endpoint: None, mode: Some(ImdsMode::Ipv6) });
    assert_eq!(files.source("[credentials]\nsource = \"imds\"\nendpoint_mode = \"IPv6\"\n"), Some(mode));
    let (web, doubts) = files
        .read("[credentials]\nsource = \"web-identity\"\ntoken_file = \"$token\"\nrole_arn = \"arn:r\"\n");
    assert!(
        matches!(&web.worker.service.credentials, Some(CredentialsSource::WebIdentity(web)) if web.session_name.is_none())
    );
    // Whoever writes the token may come later.
    assert!(
        matches!(&doubts[..], [Flaw { line: 3, key, .. }] if key == "credentials.token_file"),
        "{doubts:?}"
    );
    let process = ProcessConfig { program: "/bin/cat".into(), arguments: vec!["x".into()] };
    let process = CredentialsSource::Process(process);
    assert_eq!(
        files.source("[credentials]\nsource = \"process\"\ncommand = [\"/bin/cat\", \"x\"]\n"),
        Some(process)
    );
}

#[test]
fn a_flaw_of_the_credentials_is_told_with_its_line_and_key() {
    let files = Files::new();
    let iot = |from: &str, to: &str| IOT.replace(from, to);
    let source = |text: &str| format!("[credentials]\nsource = {text}\n");
    let table = [
        (source("\"ssm\""), 2, "source", "\"ssm\" is none of chain, environment, profile, iot"),
        (source("7"), 2, "source", "expected a text"),
        (
            source("\"iot\"\ncolour = true"),
            3,
            "colour",
            "unknown key, expected one of source, profile, endpoint, ",
        ),
        (
            source("\"process\"\nrole_alias = \"a\""),
            3,
            "role_alias",
            "belongs to source \"iot\", and source is \"process\"",
        ),
        (
            "[credentials]\nrole_alias = \"a\"\n".into(),
            2,
            "role_alias",
            "belongs to source \"iot\", and source is \"chain\"",
        ),
        (source("\"profile\""), 1, "profile", "is missing: source \"profile\" needs it"),
        (source("\"web-identity\"\ntoken_file = \"/t\""), 1, "role_arn", "is missing"),
        (source("\"container\"\nurl = \"http://10.0.0.1/x\""), 3, "url", "plain http is for localhost"),
        (source("\"imds\"\nendpoint_mode = \"IPv5\""), 3, "endpoint_mode", "is IPv4 or IPv6, not \"IPv5\""),
        (source("\"process\""), 1, "command", "is missing"),
        (source("\"process\"\ncommand = \"x\""), 3, "command", "expected a list of texts"),
        (
            source("\"process\"\ncommand = [\"no-such-program\"]"),
            3,
            "command",
            "the program no-such-program is not in PATH",
        ),
        (iot("role_alias = \"a\"\n", ""), 1, "role_alias", "is missing: source \"iot\" needs it"),
        (iot("\"a\"", "\" \""), 4, "role_alias", "is empty"),
        (iot("\"abc\"", "\"a/b\""), 3, "endpoint", "the endpoint is no host"),
        (iot("\"abc\"", "\"x-ats.iot.eu-west-1.amazonaws.com\""), 3, "endpoint", "iot:CredentialProvider"),
        (iot("$device.crt", "$gone.crt"), 5, "certificate", "gone.crt: No such file"),
        (iot("$device.crt", "$notes.txt"), 5, "certificate", "notes.txt holds no certificate"),
        (iot("$device.crt", "/tmp"), 5, "certificate", "/tmp is no file of a certificate"),
        (iot("$device.key", "$gone.key"), 6, "private_key", "gone.key: No such file"),
        (iot("$device.key", "$device.crt"), 6, "private_key", "device.crt holds no private key"),
        (iot("$device.key", "$other.key"), 6, "private_key", "the key is another certificate's"),
        (format!("{IOT}ca_file = \"$notes.txt\"\n"), 7, "ca_file", "holds no certificate"),
    ];
    let table =
        table.map(|(text, line, key, what)| (files.table(&text), line, format!("credentials.{key}"), what));
    all_told(
        table.iter().map(|(text, line, key, what)| (text.clone(), *line, key.as_str(), *what)).collect(),
    );
    let twice = format!("profile = \"p\"\n{}", files.table(IOT));
    all_told(vec![(twice, 1, "profile", "remove one of the two")]);
}

#[test]
fn a_flaw_of_the_network_is_told_with_its_line_and_key() {
    let files = Files::new();
    let network = |text: &str| files.table(&format!("[network]\n{text}\n"));
    all_told(vec![
        (network("proxy = \"socks5://p\""), 2, "network.proxy", "only http:// and https://"),
        (network("proxy = \"http://me:sEcReT@p\""), 2, "network.proxy", "put the whole URL into HTTPS_PROXY"),
        (network("no_proxy = \"a\""), 2, "network.no_proxy", "expected a list of texts"),
        (
            network("client_key = \"$device.key\""),
            2,
            "network.client_key",
            "needs client_certificate beside it",
        ),
        (
            network("client_certificate = \"$device.crt\""),
            2,
            "network.client_certificate",
            "needs client_key beside it",
        ),
        (
            network("client_certificate = \"$device.crt\"\nclient_key = \"$other.key\""),
            3,
            "network.client_key",
            "the key is another certificate's",
        ),
        (network("use_fips_endpoint = \"yes\""), 2, "network.use_fips_endpoint", "expected true or false"),
        (network("socks = true"), 2, "network.socks", "unknown key"),
        (
            network("keepalive = \"often\""),
            2,
            "network.keepalive",
            "is no time like 30s, 10m or 500ms, nor \"off\"",
        ),
        (network("keepalive = \"2h\""), 2, "network.keepalive", "is not between 1s and 1h"),
        (network("keepalive = \"500ms\""), 2, "network.keepalive", "is not between 1s and 1h"),
        (network("keepalive = true"), 2, "network.keepalive", "expected a text"),
        (
            format!("endpoint_url = \"http://h:1\"\n{}", network("use_dualstack_endpoint = true")),
            3,
            "network.use_dualstack_endpoint",
            "does not go with endpoint_url",
        ),
    ]);
    let said = parse(&network("proxy = \"http://me:sEcReT@p\"")).unwrap_err();
    assert!(!said.to_string().contains("sEcReT"));
    let (config, doubts) = parse(&network("proxy = \"\"\nuse_fips_endpoint = true")).unwrap();
    let network = NetworkConfig { proxy: Some(String::new()), ..NetworkConfig::default() };
    let expected = ServiceConfig { use_fips_endpoint: Some(true), network, ..ServiceConfig::default() };
    assert_eq!((config.worker.service, doubts), (expected, vec![]));
}

#[test]
fn field_13_keepalive_is_a_time_or_off() {
    let files = Files::new();
    let read = |text: &str| {
        let (config, _) = parse(&files.table(&format!("[network]\nkeepalive = {text:?}\n"))).unwrap();
        config.worker.service.network.keepalive
    };
    assert_eq!(read("20s"), Some(Duration::from_secs(20)));
    for off in ["off", "0", "0s"] {
        assert_eq!(read(off), Some(Duration::ZERO));
    }
}

#[test]
fn p7_a_key_that_others_may_read_is_told() {
    let files = Files::new();
    assert_eq!(files.read(IOT).1, []);
    fs::set_permissions(files.path("device.key"), Permissions::from_mode(0o640)).unwrap();
    assert_eq!(files.read(IOT).1, [], "a group may well be the service's");
    fs::set_permissions(files.path("device.key"), Permissions::from_mode(0o644)).unwrap();
    let (_, doubts) = files.read(IOT);
    let [Flaw { line: 6, key, what }] = &doubts[..] else { panic!("{doubts:?}") };
    assert!(key == "credentials.private_key" && what.contains("chmod o= "), "{doubts:?}");
}

#[test]
fn a_profile_of_the_command_line_counts_alone() {
    let files = Files::new();
    let from_file = files.read(IOT).0.worker;
    let profile = ServiceConfig { profile: Some("p".into()), ..ServiceConfig::default() };
    let told = WorkerConfig { service: profile, ..WorkerConfig::default() };
    let both = told.or(from_file.clone()).service;
    assert_eq!((both.profile.as_deref(), both.credentials), (Some("p"), None));
    assert_eq!(WorkerConfig::default().or(from_file.clone()), from_file);
}
