//! What containers, instances, Cognito and STS answer when they are asked for credentials.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::responses::Always;
use super::{SECRET, assert_fit_for_a_log};
use crate::aws::{
    AssumeRoleCredentials, CognitoCredentials, ContainerCredentials, Credentials, CredentialsProvider,
    IdentityStore, ImdsCredentials, StaticCredentials, StsRole, Transport,
};
use crate::clock::{ManualClock, RELEASE_DATE, ServerClock};

/// One answer to all sources, in the form of [`responses`](super::responses()). `$SECRET` is a key.
pub fn providers(data: &[u8]) {
    let transport = Arc::new(Always::read(data));
    let said: serde_json::Value = serde_json::from_slice(&transport.response.body).unwrap_or_default();
    for source in sources(Arc::clone(&transport) as Arc<dyn Transport>) {
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

fn sources(transport: Arc<dyn Transport>) -> [Box<dyn CredentialsProvider>; 4] {
    let device = ManualClock::new(SystemTime::UNIX_EPOCH + RELEASE_DATE);
    let clock = Arc::new(ServerClock::new(Arc::new(device)));
    let env = |name: &str| (name == "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").then(|| "/role".to_owned());
    let container = ContainerCredentials::from(&env, Arc::clone(&transport), Arc::clone(&clock));
    let instance = ImdsCredentials::from(&|_| None, Arc::clone(&transport), Arc::clone(&clock));
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
        Box::new(container.expect("a right address").expect("an address is set")),
        Box::new(instance.expect("the usual address").expect("it is not turned off")),
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
