//! Credentials that the app hands out.

use std::sync::Arc;
use std::time::SystemTime;

use activity_worker::aws::{CallbackCredentials, Credentials, CredentialsError};

use crate::CallbackError;

/// An access key, with the session token and the end of temporary ones.
#[derive(Clone, uniffi::Record)]
pub struct AwsCredentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The session token of temporary credentials.
    #[uniffi(default = None)]
    pub session_token: Option<String>,
    /// When they end. Without it they are used until the service refuses them.
    #[uniffi(default = None)]
    pub expires_at: Option<SystemTime>,
}

/// Where credentials come from: the app's login, for instance.
///
/// Asked on a thread of its own, never twice at once, when the first call is due, shortly before the old ones end, and after the
/// service refused them. It may take 20 s.
#[uniffi::export(foreign)]
pub trait AwsCredentialsProvider: Send + Sync {
    /// Credentials that are good now.
    fn credentials(&self) -> Result<AwsCredentials, CallbackError>;
}

pub(crate) fn source(provider: Arc<dyn AwsCredentialsProvider>) -> CallbackCredentials {
    CallbackCredentials::new("the app's credentials provider", move || match provider.credentials() {
        Ok(given) => {
            if let Some(what) = unsendable(&given) {
                return Err(CredentialsError::Unavailable(format!(
                    "the app's credentials provider gave {what} that can be none: it is empty, or holds a blank, a line break or \
                     another character that is no visible ASCII"
                )));
            }
            let AwsCredentials { access_key_id, secret_access_key, session_token, expires_at } = given;
            Ok(Credentials::new(access_key_id, secret_access_key, session_token, expires_at))
        }
        Err(error) => {
            Err(CredentialsError::Unavailable(format!("the app's credentials provider failed: {error}")))
        }
    })
}

/// What of them can't stand in a request. A network would be blamed for it.
fn unsendable(given: &AwsCredentials) -> Option<&'static str> {
    let texts = [
        ("an access key id", Some(&given.access_key_id)),
        ("a secret access key", Some(&given.secret_access_key)),
        ("a session token", given.session_token.as_ref()),
    ];
    let is_bad = |text: &String| text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic());
    texts.into_iter().find(|(_, text)| text.is_some_and(is_bad)).map(|(what, _)| what)
}
