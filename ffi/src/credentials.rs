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
            let AwsCredentials { access_key_id, secret_access_key, session_token, expires_at } = given;
            Ok(Credentials::new(access_key_id, secret_access_key, session_token, expires_at))
        }
        Err(error) => {
            Err(CredentialsError::Unavailable(format!("the app's credentials provider failed: {error}")))
        }
    })
}
