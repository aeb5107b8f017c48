//! AWS IoT Core's credentials provider, over mutual TLS.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use activity_worker::aws::{CredentialsProvider, IotConfig, IotCredentials, Proxies};
use activity_worker::clock::ServerClock;
use tempfile::{NamedTempFile, TempDir};

use crate::END;
use crate::home::clock;
use crate::peer::{Ca, Peer};
use crate::planted::{SECRET, TOKEN, told, watch_log};
use crate::stand::{Answer, Asked, asked, client, for_clients, tls};

const PATH: &str = "GET /role-aliases/worker/credentials";

pub(crate) fn good() -> Answer {
    let body = format!(
        r#"{{"credentials":{{"accessKeyId":"IOT","secretAccessKey":"{SECRET}","sessionToken":"{TOKEN}","expiration":"2030-01-02T03:04:05Z"}}}}"#
    );
    (200, body)
}

/// A device with its files.
struct Device {
    folder: TempDir,
    _ca: NamedTempFile,
    config: IotConfig,
}

impl Device {
    fn new(peer: &Peer, ca: &Ca) -> Self {
        watch_log();
        let folder = tempfile::tempdir().unwrap();
        let file = ca.file();
        let config = IotConfig {
            endpoint: peer.address.to_string(),
            region: "eu-west-1".to_owned(),
            role_alias: "worker".to_owned(),
            thing_name: Some("pi-7".to_owned()),
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("private.key"),
            ca_file: Some(file.path().to_owned()),
            ca_only: false,
        };
        Device { folder, _ca: file, config }
    }

    /// Puts another certificate in the place of the old one.
    fn renew(&self, certificate: &str, key: &str) {
        std::fs::copy(client(certificate), &self.config.certificate).unwrap();
        std::fs::copy(client(key), &self.config.key).unwrap();
        assert!(self.folder.path().join("private.key").exists());
    }

    fn source(&self) -> IotCredentials {
        IotCredentials::new(self.config.clone(), Proxies::default(), clock()).unwrap()
    }
}

/// A source that shows its certificate to whoever has this CA.
pub(crate) fn source(peer: &Peer, ca: &Ca) -> Arc<dyn CredentialsProvider> {
    source_at(peer, ca, clock())
}

/// The same at the date of this clock.
pub(crate) fn source_at(peer: &Peer, ca: &Ca, clock: Arc<ServerClock>) -> Arc<dyn CredentialsProvider> {
    watch_log();
    let config = IotConfig {
        endpoint: peer.address.to_string(),
        region: "eu-west-1".to_owned(),
        role_alias: "worker".to_owned(),
        thing_name: None,
        certificate: client("p256.pem"),
        key: client("p256-sec1.key"),
        // Read each time, so it stays for the rest of the test.
        ca_file: Some(ca.file().into_temp_path().keep().unwrap()),
        ca_only: false,
    };
    Arc::new(IotCredentials::new(config, Proxies::default(), clock).unwrap())
}

#[test]
fn every_kind_of_device_certificate_gets_credentials() {
    let ca = Ca::root();
    let peer = tls(for_clients(&ca.certificate("127.0.0.1"), &["rsa", "p256", "p384"]), |_| good());
    let device = Device::new(&peer, &ca);
    let source = device.source();
    let pairs = [
        ("rsa.pem", "rsa-pkcs1.key"),
        ("rsa.pem", "rsa-pkcs8.key"),
        ("p256.pem", "p256-sec1.key"),
        ("p256.pem", "p256-pkcs8.key"),
        ("p384.pem", "p384-sec1.key"),
        ("p384.pem", "p384-pkcs8.key"),
    ];
    for (certificate, key) in pairs {
        device.renew(certificate, key);
        let found = source.credentials().unwrap();
        assert_eq!(
            (found.access_key_id.as_str(), found.secret_access_key.as_str()),
            ("IOT", SECRET),
            "{key}"
        );
        assert_eq!(found.session_token.as_deref(), Some(TOKEN));
        assert_eq!(found.expires, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(END)));
    }
    for asked in asked(&peer) {
        assert_eq!((asked.line(), asked.header("x-amzn-iot-thingname")), (PATH, Some("pi-7")));
        assert_eq!(asked.header("authorization"), None);
    }
    assert_eq!(asked(&peer).len(), pairs.len());
}

#[test]
fn a_certificate_that_was_renewed_on_disk_counts_the_next_time() {
    let ca = Ca::root();
    let peer = tls(for_clients(&ca.certificate("127.0.0.1"), &["p384"]), |_| good());
    let device = Device::new(&peer, &ca);
    let source = device.source();
    let error = told(source.credentials());
    assert!(error.contains("cert.pem: No such file"), "{error}");
    device.renew("p256.pem", "p256-sec1.key");
    let error = told(source.credentials());
    // What the server says of a certificate may be overtaken by the end of the connection.
    let said = ["does not accept the certificate of this device", "closed the connection", "broke"];
    assert!(said.iter().any(|said| error.contains(said)), "{error}");
    assert!(asked(&peer).is_empty());
    // Half of the exchange is done: the key is still the old one.
    device.renew("p384.pem", "p256-sec1.key");
    assert!(told(source.credentials()).contains("the key is another certificate's"));
    device.renew("p384.pem", "p384-sec1.key");
    assert_eq!(source.credentials().unwrap().access_key_id, "IOT");
}

#[test]
fn a_refusal_is_explained() {
    for (status, said) in [
        (403, "does its policy allow iot:AssumeRoleWithCertificate on the role alias worker"),
        (404, "is there a role alias worker in eu-west-1?"),
        (500, "HTTP 500"),
    ] {
        let ca = Ca::root();
        let peer = tls(for_clients(&ca.certificate("127.0.0.1"), &["rsa"]), move |_: &Asked| {
            (status, format!(r#"{{"message":"Access Denied {TOKEN}"}}"#))
        });
        let device = Device::new(&peer, &ca);
        device.renew("rsa.pem", "rsa-pkcs8.key");
        let error = told(device.source().credentials());
        assert!(error.contains(said) && error.contains("Access Denied (hidden)"), "{error}");
        assert_eq!(error.contains("attached to the thing pi-7"), status == 403, "{error}");
    }
}

#[test]
fn a_server_of_another_ca_gets_no_request() {
    let peer = tls(for_clients(&Ca::root().certificate("127.0.0.1"), &["rsa"]), |_| good());
    let device = Device::new(&peer, &Ca::root());
    device.renew("rsa.pem", "rsa-pkcs8.key");
    assert!(told(device.source().credentials()).contains("unknown CA"));
    assert!(asked(&peer).is_empty());
}
