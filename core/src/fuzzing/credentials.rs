//! What a `credential_process` prints, its command line, and the environment's dates.

use serde_json::Value;

use super::{PLACE, SECRET, assert_fit_for_a_log, is_beyond_grammar};
use crate::aws::{Credentials, EnvironmentCredentials, ProcessConfig, parse_printed};

/// Something printed. `$SECRET` is a key.
pub fn credentials(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace(PLACE, SECRET);
    let printed = if std::str::from_utf8(data).is_ok() { text.as_bytes() } else { data };
    match parse_printed(printed) {
        Ok(credentials) => {
            check(&credentials, printed);
            let shown = format!("{credentials:?}");
            assert!(!shown.contains(SECRET) && shown.chars().count() < 64, "{shown}");
        }
        Err(reason) => assert_fit_for_a_log(&reason),
    }
    if let Err(error) = ProcessConfig::parse(&text) {
        assert_fit_for_a_log(&error.to_string());
    }
    let environment = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("KEY".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
        "AWS_CREDENTIAL_EXPIRATION" => Some(text.clone()),
        _ => None,
    };
    match EnvironmentCredentials::from(&environment) {
        Ok(found) => assert!(found.is_some(), "a key that is set is not found"),
        Err(error) => assert_fit_for_a_log(&error.to_string()),
    }
}

/// They are what the program printed, read by another reader. Only that one insists on UTF-8 in fields that nobody asked for.
fn check(credentials: &Credentials, printed: &[u8]) {
    assert!(!credentials.access_key_id.is_empty() && !credentials.secret_access_key.is_empty());
    let said = match serde_json::from_slice::<Value>(printed) {
        Ok(said) => said,
        Err(e) => {
            let fits = std::str::from_utf8(printed).is_err() || is_beyond_grammar(&e);
            return assert!(fits, "no JSON, and yet credentials");
        }
    };
    assert_eq!(said["Version"], 1);
    assert_eq!(said["AccessKeyId"], credentials.access_key_id.as_str());
    assert_eq!(said["SecretAccessKey"], credentials.secret_access_key.as_str());
    assert_eq!(said["SessionToken"].as_str().filter(|t| !t.is_empty()), credentials.session_token.as_deref());
    assert_eq!(credentials.expires.is_some(), said["Expiration"].is_string());
}
