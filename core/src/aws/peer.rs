//! What a peer that shares no code with us, botocore, is asked too: the shared files as they are understood, signatures, hosts.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::endpoint::{Service, service_url};
use super::shared_files::{Part, SharedFiles, SharedPaths};
use super::sign::{CredentialScope, sign};
use super::{Credentials, SettingsError};

/// All profiles, `sso-session` and `services` sections of the shared files that the environment names.
pub fn shared_files(env: &dyn Fn(&str) -> Option<String>) -> Result<Value, SettingsError> {
    let files = SharedFiles::read(&SharedPaths::from(env))?;
    let mut profiles = BTreeMap::new();
    for name in files.names("profile") {
        if let Some(profile) = files.profile(&name) {
            let mut keys = Map::new();
            // The credentials file last: what it says counts.
            [profile.config, profile.credentials]
                .iter()
                .flatten()
                .for_each(|part| keys.extend(keys_of(part)));
            profiles.insert(name, keys);
        }
    }
    let sections = |kind: &str| -> BTreeMap<String, Map<String, Value>> {
        let part = |name: String| files.section(kind, &name).map(|part| (name, keys_of(&part)));
        files.names(kind).into_iter().filter_map(part).collect()
    };
    Ok(json!({
        "profiles": profiles,
        "sso_sessions": sections("sso-session"),
        "services": sections("services"),
    }))
}

fn keys_of(part: &Part<'_>) -> Map<String, Value> {
    let value = |key: &str| match part.is_section(key) {
        true => {
            part.nested_names(key).into_iter().map(|name| (name.clone(), nested(part, key, &name))).collect()
        }
        false => part.get(key).map(|setting| setting.value).into(),
    };
    part.keys().into_iter().map(|key| (key.to_owned(), value(key))).collect()
}

fn nested(part: &Part<'_>, key: &str, name: &str) -> Value {
    part.get_nested(key, name).map(|setting| setting.value).into()
}

/// The headers that sign a POST. `None` if the parts can't be signed.
#[allow(clippy::too_many_arguments, reason = "they are what a signature is made of")]
pub fn signature(
    credentials: &Credentials,
    region: &str,
    service: &str,
    time: SystemTime,
    url: &str,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> Option<Vec<(&'static str, String)>> {
    sign(credentials, &CredentialScope { region, service }, time, url, headers, body).ok()
}

/// The URL of a service that is asked here, named as its host is.
pub fn host(service: &str, region: &str, fips: bool, dual_stack: bool) -> Option<String> {
    let service = match service {
        "states" => Service::StepFunctions,
        "sts" => Service::Sts,
        "portal.sso" => Service::Sso,
        "cognito-identity" => Service::CognitoIdentity,
        _ => return None,
    };
    service_url(service, region, fips, dual_stack).ok()
}
