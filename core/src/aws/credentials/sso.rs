//! Credentials of a profile with single sign-on, by the token that the AWS CLI keeps after `aws sso login`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use sha1::{Digest, Sha1};

use super::web::{Web, percent, read_token};
use super::{Credentials, CredentialsError, CredentialsProvider, expiration};
use crate::aws::Transport;
use crate::aws::sign::hex;
use crate::clock::ServerClock;

/// What a profile says about single sign-on.
#[derive(Debug, Clone)]
pub(super) struct SsoProfile {
    pub(super) profile: String,
    /// What the cached token is named after: the session's name, else the start URL.
    pub(super) named_after: String,
    /// Where single sign-on is asked.
    pub(super) url: String,
    pub(super) account_id: String,
    pub(super) role_name: String,
}

/// Exchanges the AWS CLI's cached token for credentials. The token itself is not renewed here: that needs a person.
pub(super) struct SsoCredentials {
    web: Web,
    profile: SsoProfile,
    cache: Option<PathBuf>,
    clock: Arc<ServerClock>,
}

impl SsoCredentials {
    /// `cache` is the folder of the cached tokens, usually `~/.aws/sso/cache`.
    pub(super) fn new(
        profile: SsoProfile,
        cache: Option<PathBuf>,
        transport: Arc<dyn Transport>,
        clock: Arc<ServerClock>,
    ) -> Self {
        let name = format!("single sign-on of the profile {:?}", profile.profile);
        SsoCredentials {
            web: Web { name, transport, patience: Duration::from_secs(10), clock: Arc::clone(&clock) },
            profile,
            cache,
            clock,
        }
    }

    fn token(&self) -> Result<String, CredentialsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Cached {
            access_token: String,
            expires_at: String,
        }
        let log_in = format!(
            "; a worker can't open a browser: run `aws sso login --profile {}` as this user, or better give it a role of its own",
            self.profile.profile
        );
        let Some(cache) = &self.cache else {
            return Err(self.web.setup("no HOME is set, so there is no cached token"));
        };
        let file = cache.join(format!("{}.json", hex(&Sha1::digest(&self.profile.named_after))));
        let text = read_token(&file).map_err(|e| {
            self.web.unavailable(&format!("no cached token in {} ({e}){log_in}", file.display()))
        })?;
        let cached: Cached = serde_json::from_str(&text)
            .map_err(|_| self.web.unavailable(&format!("{} holds no token{log_in}", file.display())))?;
        // The CLI writes UTC in two ways.
        let end = expiration::parse(&cached.expires_at.replace("UTC", "Z"));
        // The device's clock may be ahead: until the service has told the date, single sign-on itself judges the token.
        let at_least = self.clock.beyond_doubt().unwrap_or_else(|| self.clock.floor());
        if end.is_some_and(|end| end <= at_least) {
            return Err(self.web.unavailable(&format!("the cached token has expired{log_in}")));
        }
        Ok(cached.access_token)
    }
}

impl CredentialsProvider for SsoCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            role_credentials: Given,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Given {
            access_key_id: String,
            secret_access_key: String,
            session_token: String,
            /// Milliseconds since 1970.
            expiration: u64,
        }
        let token = self.token()?;
        let SsoProfile { url, account_id, role_name, .. } = &self.profile;
        let url = format!(
            "{}/federation/credentials?role_name={}&account_id={}",
            url.trim_end_matches('/'),
            percent(role_name),
            percent(account_id)
        );
        let response = self.web.get(&url, vec![("x-amz-sso_bearer_token", token)])?;
        match response.status {
            200 => {}
            401 => {
                return Err(self
                    .web
                    .refused(&response, "the cached token is not good any more: run `aws sso login`"));
            }
            403 | 404 => {
                return Err(self.web.refused(&response, "may this user have that role in that account?"));
            }
            _ => return Err(self.web.refused(&response, "")),
        }
        let Given { access_key_id, secret_access_key, session_token, expiration } =
            self.web.json::<Answer>(&response)?.role_credentials;
        let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(expiration));
        self.web.given(access_key_id, secret_access_key, Some(session_token), end)
    }

    fn name(&self) -> &str {
        &self.web.name
    }
}

#[cfg(test)]
mod tests {
    use super::super::web::tests::Script;
    use super::*;
    use crate::clock::{Clock, ManualClock};

    const KEYS: &str = r#"{"roleCredentials":{"accessKeyId":"KEY","secretAccessKey":"S","sessionToken":"T","expiration":1800000000000}}"#;

    fn source(cache: &std::path::Path, script: &Arc<Script>) -> SsoCredentials {
        let profile = SsoProfile {
            profile: "dev".into(),
            named_after: "my-session".into(),
            url: "https://portal.sso.eu-west-1.amazonaws.com".into(),
            account_id: "123456789012".into(),
            role_name: "Read Only".into(),
        };
        let clock = Arc::new(ServerClock::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH))));
        SsoCredentials::new(profile, Some(cache.to_owned()), Arc::clone(script) as _, clock)
    }

    /// `printf my-session | sha1sum`
    const FILE: &str = "9e28173066ce536e277c5fb355efd9c64f398167.json";

    fn cached(text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), text).unwrap();
        dir
    }

    #[test]
    fn the_cached_token_gives_the_roles_credentials() {
        for date in ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00UTC"] {
            let dir = cached(&format!(r#"{{"accessToken":"TOKEN","expiresAt":"{date}","region":"x"}}"#));
            let script = Script::new(&[Ok((200, KEYS))]);
            let found = source(dir.path(), &script).credentials().unwrap();
            assert_eq!(found.expires, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
            let url = "GET https://portal.sso.eu-west-1.amazonaws.com/federation/credentials?role_name=Read%20Only&account_id=123456789012";
            assert_eq!(script.lines(), [url]);
            assert_eq!(script.asked()[0].headers, [("x-amz-sso_bearer_token", "TOKEN".to_owned())]);
        }
    }

    #[test]
    fn p8_until_the_date_is_learnt_the_service_judges_the_token() {
        let dir = cached(r#"{"accessToken":"T","expiresAt":"2030-01-01T00:00:00Z"}"#);
        let date = |years: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(years * 31_557_600);
        let script = Script::new(&[Ok((200, KEYS))]);
        let ahead = source(dir.path(), &script);
        let device = ManualClock::new(date(80));
        let ahead = SsoCredentials { clock: Arc::new(ServerClock::new(Arc::new(device.clone()))), ..ahead };
        assert_eq!(ahead.credentials().unwrap().access_key_id, "KEY", "the device believes it is 2050");
        ahead.clock.learn(date(61), device.monotonic());
        let said = ahead.credentials().unwrap_err().to_string();
        assert!(said.contains("the cached token has expired"), "{said}");
        assert_eq!(script.asked().len(), 1);
    }

    #[test]
    fn without_a_token_a_person_is_told_what_to_run() {
        let none = Script::new(&[]);
        let said = |dir: &tempfile::TempDir| source(dir.path(), &none).credentials().unwrap_err().to_string();
        assert!(said(&tempfile::tempdir().unwrap()).contains("no cached token in"));
        for text in ["{", r#"{"accessToken":"sEcReT","expiresAt":"2020-01-01T00:00:00Z"}"#] {
            let said = said(&cached(text));
            assert!(said.contains("aws sso login --profile dev") && !said.contains("sEcReT"), "{said}");
        }
        let dir = cached(r#"{"accessToken":"T","expiresAt":"2030-01-01T00:00:00Z"}"#);
        let refused = |status| {
            source(dir.path(), &Script::new(&[Ok((status, "{}"))])).credentials().unwrap_err().to_string()
        };
        assert!(refused(401).contains("not good any more"));
        assert!(refused(403).contains("that role in that account"));
    }
}
