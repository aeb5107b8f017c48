//! What containers, instances, Cognito and STS answer when they are asked for credentials.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::responses::Always;
use super::{SECRET, assert_fit_for_a_log};
use crate::aws::{
    AssumeRoleCredentials, CognitoCredentials, ContainerConfig, ContainerCredentials, Credentials,
    CredentialsProvider, IdentityStore, ImdsConfig, ImdsCredentials, StaticCredentials, StsRole, Transport,
};
use crate::clock::{ManualClock, RELEASE_DATE, ServerClock};

/// One answer to all sources, in the form of [`responses`](super::responses()). `$SECRET` is a key.
pub fn providers(data: &[u8]) {
    let device = ManualClock::new(SystemTime::UNIX_EPOCH + RELEASE_DATE);
    let transport = Arc::new(Always::read(data, &device));
    let said: serde_json::Value = serde_json::from_slice(&transport.response.body).unwrap_or_default();
    for source in sources(device, Arc::clone(&transport) as Arc<dyn Transport>) {
        match source.credentials() {
            Ok(found) => {
                assert_eq!(transport.response.status, 200, "{} gives what was refused", source.name());
                assert!(
                    !found.access_key_id.is_empty() && !found.secret_access_key.is_empty(),
                    "{} gives nothing",
                    source.name()
                );
                let names = ["/AccessKeyId", "/Credentials/AccessKeyId"];
                let in_json = names
                    .iter()
                    .filter_map(|name| said.pointer(name)?.as_str())
                    .any(|id| id == found.access_key_id);
                let in_xml = String::from_utf8_lossy(&transport.response.body).contains("<AccessKeyId>");
                assert!(in_json || in_xml || said.is_null(), "{} gives what nobody said", source.name());
            }
            Err(error) => assert_fit_for_a_log(&error.to_string()),
        }
    }
}

fn sources(device: ManualClock, transport: Arc<dyn Transport>) -> [Box<dyn CredentialsProvider>; 4] {
    let clock = Arc::new(ServerClock::new(Arc::new(device)));
    let here = ContainerConfig { url: Some("http://169.254.170.2/role".to_owned()), token: None };
    let container = ContainerCredentials::new(here, Arc::clone(&transport), Arc::clone(&clock));
    let instance = ImdsCredentials::new(ImdsConfig::default(), Arc::clone(&transport), Arc::clone(&clock));
    let guest = Box::new(|| Ok(BTreeMap::new()));
    let cognito = CognitoCredentials::new(
        "eu-west-1:1",
        guest,
        Box::new(Known),
        Arc::clone(&transport),
        Arc::clone(&clock),
    );
    let keys = Arc::new(StaticCredentials::new(Credentials::new("KEY", SECRET, None, None)));
    let role = StsRole {
        region: "eu-west-1".to_owned(),
        endpoint_url: None,
        role_arn: "arn:aws:iam::123456789012:role/device".to_owned(),
        session_name: None,
        external_id: None,
        duration: None,
    };
    [
        Box::new(container.expect("a right address")),
        Box::new(instance),
        Box::new(cognito.expect("a pool")),
        Box::new(AssumeRoleCredentials::new(role, keys, transport, clock)),
    ]
}

/// An identity that need not be asked for.
struct Known;

impl IdentityStore for Known {
    fn load(&self) -> Option<String> {
        Some("eu-west-1:2".to_owned())
    }

    fn save(&self, _: &str) {}
}
