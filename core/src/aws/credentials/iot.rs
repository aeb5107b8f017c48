//! Credentials for a device's X.509 certificate, by the credentials provider of AWS IoT Core.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::web::Web;
use super::{Credentials, CredentialsError, CredentialsProvider};
use crate::aws::endpoint::{Service, service_url};
use crate::aws::transport::Names;
use crate::aws::{HttpsTransport, Proxies, Response};
use crate::clock::ServerClock;

const PATIENCE: Duration = Duration::from_secs(10);

/// What a device shows to AWS IoT Core, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IotConfig {
    /// The account's endpoint of the type `iot:CredentialProvider`, for instance `c2sakl5huz0afv.credentials.iot.eu-west-1.amazonaws.com`.
    /// Its first part alone will do.
    pub endpoint: String,
    /// The region of the role alias.
    pub region: String,
    /// The role alias.
    pub role_alias: String,
    /// The thing's name, where its policy asks for it.
    pub thing_name: Option<String>,
    /// The device's certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM: PKCS#8, PKCS#1 or SEC1; RSA, EC P-256 or P-384.
    pub key: PathBuf,
    /// A PEM file of CAs to be trusted besides the public ones (Amazon's roots are among those).
    pub ca_file: Option<PathBuf>,
    /// Trusts the CAs of `ca_file` alone, and no public ones.
    pub ca_only: bool,
}

/// Exchanges the device's certificate for temporary credentials of a role, over mutual TLS.
///
/// Certificate and key are read each time, so that renewed ones count without a restart.
pub struct IotCredentials {
    name: String,
    config: IotConfig,
    url: String,
    proxies: Proxies,
    clock: Arc<ServerClock>,
    /// Each fetch has a transport of its own, but a look-up that hangs is one for all of them.
    names: Arc<Names>,
    patience: Duration,
}

impl IotCredentials {
    /// A source for this device. Certificates are checked at the date of `clock`.
    pub fn new(
        config: IotConfig,
        proxies: Proxies,
        clock: Arc<ServerClock>,
    ) -> Result<Self, CredentialsError> {
        let setup = |text: &str| Err(CredentialsError::Setup(format!("AWS IoT credentials: {text}")));
        let plain = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_=,@.-:".contains(&b))
        };
        if !plain(&config.role_alias) {
            return setup("the role alias is empty, or holds characters that none has");
        }
        if config.thing_name.as_deref().is_some_and(|name| !plain(name)) {
            return setup("the thing name holds characters that none has");
        }
        let host = config.endpoint.trim_start_matches("https://").trim_end_matches('/');
        if !plain(host) {
            return setup("the endpoint is no host");
        }
        let host = match host.contains('.') {
            true => host.to_owned(),
            false => match service_url(Service::IotCredentials, &config.region, false, false) {
                Ok(url) => format!("{host}.{}", url.trim_start_matches("https://")),
                Err(e) => return setup(&e.to_string()),
            },
        };
        if host.contains("-ats.iot.") || host.starts_with("data.iot") {
            return setup(
                "the endpoint is that of messages; ask for the one of the type iot:CredentialProvider",
            );
        }
        let url = format!("https://{host}/role-aliases/{}/credentials", config.role_alias);
        let name = format!("AWS IoT ({host})");
        Ok(IotCredentials { name, config, url, proxies, clock, names: Names::system(), patience: PATIENCE })
    }

    fn web(&self) -> Result<Web, CredentialsError> {
        let mut transport = HttpsTransport::builder()
            .clock(Arc::clone(&self.clock))
            .proxies(self.proxies.clone())
            .names(Arc::clone(&self.names))
            .connect_timeout(self.patience)
            .ca_only(self.config.ca_only)
            .client_certificate(self.config.certificate.clone(), self.config.key.clone());
        if let Some(file) = &self.config.ca_file {
            transport = transport.ca_file(file.clone());
        }
        let transport =
            transport.build().map_err(|e| CredentialsError::Setup(format!("{}: {e}", self.name)))?;
        Ok(Web {
            name: self.name.clone(),
            transport: Arc::new(transport),
            patience: self.patience,
            clock: Arc::clone(&self.clock),
        })
    }
}

impl CredentialsProvider for IotCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let web = self.web()?;
        let headers = self.config.thing_name.iter().map(|name| ("x-amzn-iot-thingname", name.clone()));
        let response = web.get(&self.url, headers.collect())?;
        understand(&web, &self.config, &response)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn understand(web: &Web, config: &IotConfig, response: &Response) -> Result<Credentials, CredentialsError> {
    #[derive(Deserialize)]
    struct Answer {
        credentials: Given,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Given {
        access_key_id: String,
        secret_access_key: String,
        session_token: String,
        expiration: String,
    }
    let advice = match response.status {
        200 => {
            let Given { access_key_id, secret_access_key, session_token, expiration } =
                web.json::<Answer>(response)?.credentials;
            return web.credentials(access_key_id, secret_access_key, Some(session_token), Some(&expiration));
        }
        403 => {
            let thing = match &config.thing_name {
                Some(name) => format!(", and is it attached to the thing {name}"),
                None => String::new(),
            };
            format!(
                "is the certificate active, does its policy allow iot:AssumeRoleWithCertificate on the role alias {}{thing}, and does the role trust credentials.iot.amazonaws.com?",
                config.role_alias
            )
        }
        404 => format!("is there a role alias {} in {}?", config.role_alias, config.region),
        _ => String::new(),
    };
    Err(web.refused(response, &advice))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, mpsc};

    use super::super::web::tests::Script;
    use super::*;

    fn config() -> IotConfig {
        IotConfig {
            endpoint: "c2sakl5huz0afv".into(),
            region: "eu-west-1".into(),
            role_alias: "worker".into(),
            thing_name: Some("pi-7".into()),
            certificate: "/nowhere/cert.pem".into(),
            key: "/nowhere/key.pem".into(),
            ca_file: None,
            ca_only: false,
        }
    }

    fn source(config: IotConfig) -> Result<IotCredentials, CredentialsError> {
        IotCredentials::new(config, Proxies::default(), ServerClock::system())
    }

    fn answer(status: u16, body: &str) -> Result<Credentials, CredentialsError> {
        let clock = ServerClock::system();
        let web = Web { name: "AWS IoT".into(), transport: Script::new(&[]), patience: PATIENCE, clock };
        understand(&web, &config(), &Response { status, headers: Vec::new(), body: body.into() })
    }

    #[test]
    fn the_endpoint_may_be_its_first_part_alone() {
        let url = |endpoint: &str, region: &str| {
            source(IotConfig { endpoint: endpoint.into(), region: region.into(), ..config() }).unwrap().url
        };
        let whole = "https://c2s.credentials.iot.eu-west-1.amazonaws.com/role-aliases/worker/credentials";
        assert_eq!(url("c2s", "eu-west-1"), whole);
        assert_eq!(url("https://c2s.credentials.iot.eu-west-1.amazonaws.com/", "eu-west-1"), whole);
        assert!(
            url("c2s", "cn-north-1").starts_with("https://c2s.credentials.iot.cn-north-1.amazonaws.com.cn/")
        );
    }

    #[test]
    fn what_can_not_be_is_refused_at_once() {
        let wrong = [
            IotConfig { endpoint: "c2s-ats.iot.eu-west-1.amazonaws.com".into(), ..config() },
            IotConfig { endpoint: "a/b".into(), ..config() },
            IotConfig { role_alias: String::new(), ..config() },
            IotConfig { role_alias: "a/b".into(), ..config() },
            IotConfig { thing_name: Some("a\r\nb".into()), ..config() },
        ];
        for config in wrong {
            assert!(matches!(source(config.clone()), Err(CredentialsError::Setup(_))), "{config:?}");
        }
        let error = source(config()).unwrap().credentials().unwrap_err();
        assert!(error.to_string().contains("can't read /nowhere/cert.pem"), "{error}");
    }

    #[test]
    fn p6_fetches_whose_look_up_hangs_share_one_thread() {
        let (release, hangs) = mpsc::channel::<()>();
        let (hangs, begun) = (Mutex::new(hangs), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&begun);
        let names = Names::of(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = hangs.lock().unwrap().recv();
            Err(std::io::ErrorKind::Other.into())
        });
        let client = |file: &str| {
            PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transport/clients")).join(file)
        };
        let config = IotConfig { certificate: client("p256.pem"), key: client("p256-pkcs8.key"), ..config() };
        let source = source(config).unwrap();
        let source = IotCredentials { names, patience: Duration::from_millis(10), ..source };
        for _ in 0..20 {
            let error = source.credentials().unwrap_err().to_string();
            assert!(error.contains("could not resolve"), "{error}");
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        drop(release);
    }

    #[test]
    fn the_answer_is_read_and_a_403_is_explained() {
        let body = r#"{"credentials":{"accessKeyId":"KEY","secretAccessKey":"S","sessionToken":"T","expiration":"2018-01-18T09:18:06Z"}}"#;
        let found = answer(200, body).unwrap();
        assert_eq!((found.access_key_id.as_str(), found.session_token.as_deref()), ("KEY", Some("T")));
        let said = answer(403, r#"{"message":"Access Denied"}"#).unwrap_err().to_string();
        for part in ["HTTP 403", "Access Denied", "iot:AssumeRoleWithCertificate", "worker", "the thing pi-7"]
        {
            assert!(said.contains(part), "{said}");
        }
        assert!(answer(404, "").unwrap_err().to_string().contains("a role alias worker in eu-west-1"));
        assert!(
            answer(200, r#"{"credentials":{"accessKeyId":"K"}}"#).unwrap_err().to_string().contains("JSON")
        );
    }
}
