use std::path::PathBuf;

use super::*;
use crate::aws::{
    ContainerConfig, Credentials, ImdsConfig, IotConfig, ProcessConfig, StaticCredentials, WebIdentityConfig,
};

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "KEY"), ("AWS_SECRET_ACCESS_KEY", "S")];
const REGION: (&str, &str) = ("AWS_REGION", "eu-west-1");

/// A device with these variables and no shared files.
fn told(vars: &[(&str, &str)]) -> ClientEnvironment {
    let vars: Vec<_> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ClientEnvironment::of(move |name| vars.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()))
}

fn error(environment: ClientEnvironment) -> String {
    environment.build().unwrap_err().to_string()
}

#[test]
fn aws_variables_are_enough() {
    let client = told(&[KEYS[0], KEYS[1], REGION]).build().unwrap();
    assert_eq!(
        format!("{client:?}"),
        "ActivityClient(eu-west-1, https://states.eu-west-1.amazonaws.com, credentials of the environment)"
    );
    let vars = [KEYS[0], KEYS[1], REGION, ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    assert_eq!(told(&vars).build().unwrap().endpoint().url(), "http://127.0.0.1:1/");
}

#[test]
fn what_the_caller_says_counts_before_the_environment() {
    let vars = [
        REGION,
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_USE_FIPS_ENDPOINT", "nonsense"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "nonsense"),
    ];
    let said = told(&vars).region("us-east-2").use_fips(false).use_dualstack(false);
    let route = said.endpoint_url("http://127.0.0.1:2").route().unwrap();
    assert_eq!(
        (route.region.as_str(), route.endpoint().url().as_str()),
        ("us-east-2", "http://127.0.0.1:2/")
    );
    let route = told(&[REGION]).use_fips(true).use_dualstack(true).route().unwrap();
    assert_eq!(route.endpoint().url(), "https://states-fips.eu-west-1.api.aws/");
}

#[test]
fn what_is_wrong_is_one_line_that_says_where() {
    assert_eq!(error(told(&KEYS)), "no AWS region: set AWS_REGION, or `region` in the profile \"default\"");
    assert!(
        error(told(&[REGION])).starts_with("no AWS credentials: the environment has no AWS_ACCESS_KEY_ID; ")
    );
    assert!(error(told(&KEYS).region("the moon")).contains("\"the moon\" is not a region"));
    let of = |name, value| error(told(&[KEYS[0], KEYS[1], REGION, (name, value)]));
    assert!(of("AWS_PROFILE", "nope").contains("the profile \"nope\" is not in "));
    assert!(of("AWS_USE_FIPS_ENDPOINT", "1").starts_with("AWS_USE_FIPS_ENDPOINT: expected true or false"));
    assert!(of("AWS_ENDPOINT_URL", "foo").contains("\"foo\" does not begin with https:// or http://"));
    assert!(of("HTTPS_PROXY", "socks5://me:sEcReT@p").ends_with("only http:// and https:// ones"));
    assert!(of("AWS_CA_BUNDLE", "/nowhere").contains("can't read the CA file /nowhere"));
    let both = told(&[REGION]).use_fips(true).endpoint_url("http://127.0.0.1:1");
    assert_eq!(error(both), "an endpoint URL can't be combined with FIPS: remove one of the two");
}

#[test]
fn what_is_said_of_the_network_counts_key_by_key() {
    let vars = [
        REGION,
        ("HTTPS_PROXY", "http://theirs:1"),
        ("NO_PROXY", "a.example"),
        ("AWS_CA_BUNDLE", "/their.pem"),
    ];
    let network = |said| told(&vars).network(said).route().unwrap().network().clone();
    let proxy = |network: &Network, host: &str| network.proxies.on_the_way_to(&format!("https://{host}/"));
    let theirs = network(NetworkConfig::default());
    assert_eq!(proxy(&theirs, "b.example").as_deref(), Some("theirs:1"));
    assert_eq!((proxy(&theirs, "a.example"), theirs.ca_file), (None, Some(PathBuf::from("/their.pem"))));
    let ours = NetworkConfig { proxy: Some("http://ours:2".into()), ..NetworkConfig::default() };
    let ours = network(NetworkConfig { ca_file: Some("/our.pem".into()), ..ours });
    assert_eq!(proxy(&ours, "b.example").as_deref(), Some("ours:2"));
    assert_eq!((proxy(&ours, "a.example"), ours.ca_file), (None, Some(PathBuf::from("/our.pem"))));
    let around = network(NetworkConfig { no_proxy: Some("b.example".into()), ..NetworkConfig::default() });
    assert_eq!(
        (proxy(&around, "b.example"), proxy(&around, "a.example").as_deref()),
        (None, Some("theirs:1"))
    );
    let none = network(NetworkConfig { proxy: Some(String::new()), ..NetworkConfig::default() });
    assert_eq!(proxy(&none, "b.example"), None);
}

#[test]
fn field_13_connections_are_kept_alive_unless_the_caller_says_no() {
    let idle = |keepalive| {
        let said = NetworkConfig { keepalive, ..NetworkConfig::default() };
        told(&[REGION]).network(said).route().unwrap().network().keepalive
    };
    assert_eq!(idle(None), Some(Duration::from_secs(15)));
    assert_eq!(idle(Some(Duration::from_secs(40))), Some(Duration::from_secs(40)));
    assert_eq!(idle(Some(Duration::ZERO)), None);
}

#[test]
fn field_14_only_own_cas_need_a_file() {
    let only = || NetworkConfig { ca_only: true, ..NetworkConfig::default() };
    let why = error(told(&[REGION]).network(only()));
    assert!(why.contains("set ca_bundle, or AWS_CA_BUNDLE"), "{why}");
    let named = told(&[REGION, ("AWS_CA_BUNDLE", "/ca.pem")]).network(only()).route().unwrap();
    assert!(named.network().ca_only && named.network().ca_file.is_some());
}

#[test]
fn p7_a_proxys_password_is_not_shown() {
    let said = NetworkConfig { proxy: Some("http://me:sEcReT@p:1".into()), ..NetworkConfig::default() };
    let shown = format!("{said:?}");
    assert!(shown.contains("p:1") && !shown.contains("sEcReT"), "{shown}");
}

#[test]
fn a_source_that_is_named_counts_alone_and_the_environment_says_the_rest() {
    let name = |vars: &[(&str, &str)], source: CredentialsSource| {
        let mut all = vec![REGION, ("AWS_EC2_METADATA_DISABLED", "true")];
        all.extend(vars);
        let route = told(&all).credentials(source).route().unwrap();
        assert_eq!(route.chain(), None);
        route.credentials().map_or_else(|e| e.to_string(), |source| source.name().to_owned())
    };
    let iot = IotConfig {
        endpoint: "abc".into(),
        region: "eu-west-1".into(),
        role_alias: "worker".into(),
        thing_name: None,
        certificate: "/c".into(),
        key: "/k".into(),
        ca_file: None,
        ca_only: false,
    };
    let web = WebIdentityConfig {
        token_file: "/t".into(),
        role_arn: "arn:r".into(),
        session_name: None,
        endpoint_url: None,
    };
    let process = ProcessConfig { program: "/bin/p".into(), arguments: vec![] };
    let container = || CredentialsSource::Container(ContainerConfig::default());
    let there = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")];
    for (vars, source, said) in [
        (&KEYS[..], CredentialsSource::Environment, "the environment"),
        (&[], CredentialsSource::Environment, "the environment has no AWS_ACCESS_KEY_ID"),
        (&KEYS, CredentialsSource::Iot(iot), "AWS IoT (abc.credentials.iot.eu-west-1.amazonaws.com)"),
        (&there, container(), "the container's credentials endpoint"),
        (
            &KEYS,
            container(),
            "the container's credentials endpoint: there is neither url nor AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI",
        ),
        (&KEYS, CredentialsSource::Imds(ImdsConfig::default()), "the instance metadata service"),
        (&KEYS, CredentialsSource::WebIdentity(web), "the role arn:r"),
        (&KEYS, CredentialsSource::Process(process), "credential_process /bin/p"),
    ] {
        assert_eq!(name(vars, source), said);
    }
}

#[test]
fn a_source_of_the_programs_own_is_kept_in_front_of_the_chain() {
    let own = Arc::new(StaticCredentials::new(Credentials::new("OWN", "S", None, None)));
    let route = told(&[KEYS[0], KEYS[1], REGION]).credentials_provider(own).route().unwrap();
    assert_eq!(route.chain(), None);
    assert_eq!(route.credentials().unwrap().credentials().unwrap().access_key_id, "OWN");
    let chain = told(&[KEYS[0], KEYS[1], REGION]).route().unwrap().chain().unwrap();
    assert_eq!(chain.len(), 5);
}
