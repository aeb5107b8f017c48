//! What credentials are, and what gives them.

use std::fmt;
use std::time::SystemTime;

use zeroize::Zeroize;

/// An access key, with a session token if it is a temporary one. `Debug` shows the end of its id and nothing else; its memory is
/// overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key. Don't log it.
    pub secret_access_key: String,
    /// The session token of temporary credentials. Don't log it.
    pub session_token: Option<String>,
    /// When they end. `None`: no end is known.
    pub expires: Option<SystemTime>,
}

impl Credentials {
    /// Credentials of these parts. An empty session token counts as none.
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: Option<String>,
        expires: Option<SystemTime>,
    ) -> Self {
        Credentials {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: session_token.filter(|t| !t.is_empty()),
            expires,
        }
    }

    /// The end of the access key id, by which a person tells it from others; empty if that would show all of it.
    pub fn key_end(&self) -> &str {
        match self.access_key_id.char_indices().rev().nth(3) {
            Some((start, _)) if start > 0 => &self.access_key_id[start..],
            _ => "",
        }
    }

    /// Whether the service sees the same key in both, whatever the dates say.
    pub(super) fn is_same_key(&self, other: &Credentials) -> bool {
        self.access_key_id == other.access_key_id
            && self.secret_access_key == other.secret_access_key
            && self.session_token == other.session_token
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
        self.session_token.zeroize();
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.key_end();
        let kind = if self.session_token.is_some() { "temporary" } else { "permanent" };
        write!(f, "Credentials(...{end}, {kind})")
    }
}

/// A source of credentials. It may block, within a deadline of its own, and is called from several threads.
pub trait CredentialsProvider: Send + Sync {
    /// The credentials to sign with now.
    fn credentials(&self) -> Result<Credentials, CredentialsError>;

    /// What a person calls this source: `environment`, `profile "dev"`.
    fn name(&self) -> &str;

    /// The service refused these. A source that keeps credentials fetches new ones when it is asked next, unless it has other
    /// ones already.
    fn invalidate(&self, _refused: &Credentials) {}

    /// The app says that other credentials are in use. A source forgets what it keeps of the old ones, and is asked again at once
    /// however often it failed before.
    fn changed(&self) {}
}

/// Why a source gave no credentials. The texts hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The source is set up wrongly; only a person can change that. The text names the place: a variable, or a file and its line.
    #[error("{0}")]
    Setup(String),
    /// The source gave no credentials now: it failed, did not answer in time, or answered nonsense. Later it may.
    #[error("{0}")]
    Unavailable(String),
    /// The source has only credentials that have ended.
    #[error("the credentials of {0} have expired, and it has no newer ones")]
    Expired(String),
    /// Another thread asks the source, and it takes too long.
    #[error("{0} takes too long to give credentials")]
    Busy(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_debug_shows_the_end_of_the_key_id_alone() {
        let shown =
            format!("{:?}", Credentials::new("AKIAIOSFODNN7WXYZ", "sEcReT", Some("sEcReT".into()), None));
        assert_eq!(shown, "Credentials(...WXYZ, temporary)");
        assert_eq!(
            format!("{:?}", Credentials::new("WXYZ", "s", Some(String::new()), None)),
            "Credentials(..., permanent)"
        );
    }
}
