//! Credentials of a Cognito identity pool, for guests and for those who are logged in somewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};

use super::web::Web;
use super::{Credentials, CredentialsError, CredentialsProvider};
use crate::aws::answer::marks;
use crate::aws::endpoint::{Service, service_url};
use crate::aws::redact::redact;
use crate::aws::{Response, Transport};
use crate::clock::ServerClock;

const PATIENCE: Duration = Duration::from_secs(10);

/// The login tokens that the app has now, by the name of who gave them, for instance `accounts.google.com`. Empty: a guest.
pub type Logins = dyn Fn() -> Result<BTreeMap<String, String>, CredentialsError> + Send + Sync;

/// Where the identity's id is kept between starts. Without it each start would be a new guest.
pub trait IdentityStore: Send + Sync {
    /// The id, if one was kept.
    fn load(&self) -> Option<String>;
    /// Keeps the id.
    fn save(&self, id: &str);
}

/// Asks a Cognito identity pool: first, once, for an identity, then for its credentials.
pub struct CognitoCredentials {
    web: Web,
    url: String,
    pool: String,
    logins: Box<Logins>,
    store: Box<dyn IdentityStore>,
    identity: Mutex<Identity>,
}

#[derive(Default)]
struct Identity {
    id: Option<String>,
    /// It is new, and not known to be good for anything.
    untried: bool,
    /// The pool does not know this one any more, though it may still be in the store.
    gone: Option<String>,
}

impl CognitoCredentials {
    /// A source for the pool `REGION:UUID`. `clock`: the one at whose date `transport` checks certificates.
    pub fn new(
        pool: &str,
        logins: Box<Logins>,
        store: Box<dyn IdentityStore>,
        transport: Arc<dyn Transport>,
        clock: Arc<ServerClock>,
    ) -> Result<Self, CredentialsError> {
        let region = pool.split_once(':').map(|(region, _)| region).unwrap_or_default();
        let Ok(url) = service_url(Service::CognitoIdentity, region, false, false) else {
            let text = "a Cognito identity pool's id is REGION:UUID, for instance eu-west-1:11111111-2222-3333-4444-555555555555";
            return Err(CredentialsError::Setup(text.to_owned()));
        };
        let web = Web { name: "the Cognito identity pool".to_owned(), transport, patience: PATIENCE, clock };
        let url = format!("{url}/");
        Ok(CognitoCredentials { web, url, pool: pool.to_owned(), logins, store, identity: Mutex::default() })
    }

    /// Another endpoint.
    #[must_use]
    pub fn endpoint(self, url: impl Into<String>) -> Self {
        CognitoCredentials { url: url.into(), ..self }
    }

    fn identity(&self, logins: &Value) -> Result<String, CredentialsError> {
        {
            let mut identity = self.lock();
            if identity.id.is_none() {
                identity.id = self.store.load().filter(|kept| identity.gone.as_ref() != Some(kept));
            }
            if let Some(id) = &identity.id {
                return Ok(id.clone());
            }
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            identity_id: String,
        }
        let response = self.ask("GetId", json!({ "IdentityPoolId": self.pool, "Logins": logins }))?;
        let id = self.web.json::<Answer>(&response)?.identity_id;
        let mut identity = self.lock();
        (identity.id, identity.untried) = (Some(id.clone()), true);
        Ok(id)
    }

    fn ask(&self, operation: &str, body: Value) -> Result<Response, CredentialsError> {
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("AWSCognitoIdentityService.{operation}")),
        ];
        let response = self.web.send("POST", &self.url, headers, body.to_string().into_bytes())?;
        if response.status == 200 { Ok(response) } else { Err(self.refused(operation, &response)) }
    }

    fn refused(&self, operation: &str, response: &Response) -> CredentialsError {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Refusal {
            __type: String,
            message: String,
        }
        let said: Refusal = serde_json::from_slice(&response.body).unwrap_or_default();
        let code = said.__type.rsplit('#').next().unwrap_or_default().to_owned();
        let advice = match code.as_str() {
            "NotAuthorizedException" => {
                "; does the app have a fresh login token, and does the pool allow guests if it has none?"
            }
            // The identity was deleted: another one is asked for next time. Nobody but the pool can say so.
            "ResourceNotFoundException" if marks(response).is_ok() => {
                let mut identity = self.lock();
                if let Some(gone) = identity.id.take() {
                    identity.gone = Some(gone);
                }
                "; is the pool's id right?"
            }
            "ResourceNotFoundException" => {
                "; but who says so is not Cognito: is there a proxy or a login page?"
            }
            _ => "",
        };
        let code = if code.is_empty() { format!("HTTP {}", response.status) } else { redact(&code) };
        self.web.unavailable(&format!("{operation}: {code}: {}{advice}", redact(&said.message)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CredentialsProvider for CognitoCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            credentials: Given,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Given {
            access_key_id: String,
            secret_key: String,
            session_token: String,
            /// Seconds since 1970, perhaps with a fraction.
            expiration: f64,
        }
        let logins = json!((self.logins)()?);
        let id = self.identity(&logins)?;
        let response =
            self.ask("GetCredentialsForIdentity", json!({ "IdentityId": id, "Logins": logins }))?;
        let Given { access_key_id, secret_key, session_token, expiration } =
            self.web.json::<Answer>(&response)?.credentials;
        let end =
            Duration::try_from_secs_f64(expiration).ok().and_then(|d| SystemTime::UNIX_EPOCH.checked_add(d));
        let end = end.ok_or_else(|| self.web.unavailable("the answer's Expiration is no date"))?;
        let given = self.web.given(access_key_id, secret_key, Some(session_token), Some(end))?;
        // It outlives this process, so one answer is not enough: it has to be of use first.
        if std::mem::take(&mut self.lock().untried) {
            self.store.save(&id);
        }
        Ok(given)
    }

    fn name(&self) -> &str {
        &self.web.name
    }

    /// What the app's store says of the identity counts again.
    fn changed(&self) {
        let mut identity = self.lock();
        (identity.id, identity.untried) = (None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::super::web::tests::Script;
    use super::*;

    const POOL: &str = "eu-west-1:11111111-2222-3333-4444-555555555555";
    const ID: &str = r#"{"IdentityId":"eu-west-1:id"}"#;
    const KEYS: &str = r#"{"IdentityId":"eu-west-1:id","Credentials":{"AccessKeyId":"KEY","SecretKey":"S","SessionToken":"T","Expiration":1.8E9}}"#;

    #[derive(Default, Clone)]
    struct Memory(Arc<Mutex<Option<String>>>);

    impl IdentityStore for Memory {
        fn load(&self) -> Option<String> {
            self.0.lock().unwrap().clone()
        }

        fn save(&self, id: &str) {
            *self.0.lock().unwrap() = Some(id.to_owned());
        }
    }

    fn source(script: &Arc<Script>, store: &Memory, login: Option<&'static str>) -> CognitoCredentials {
        let logins = move || {
            Ok(login.map(|token| ("accounts.example".to_owned(), token.to_owned())).into_iter().collect())
        };
        CognitoCredentials::new(
            POOL,
            Box::new(logins),
            Box::new(store.clone()),
            Arc::clone(script) as _,
            ServerClock::system(),
        )
        .unwrap()
    }

    fn bodies(script: &Script) -> Vec<Value> {
        script.asked().iter().map(|r| serde_json::from_slice(&r.body).unwrap()).collect()
    }

    #[test]
    fn a_guest_is_one_identity_for_good() {
        let (script, store) = (
            Script::new(&[Ok((200, ID)), Ok((200, KEYS)), Ok((200, KEYS)), Ok((200, KEYS))]),
            Memory::default(),
        );
        let guest = source(&script, &store, None);
        let found = guest.credentials().unwrap();
        assert_eq!((found.access_key_id.as_str(), found.secret_access_key.as_str()), ("KEY", "S"));
        assert_eq!(found.expires, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
        guest.credentials().unwrap();
        source(&script, &store, None).credentials().unwrap();
        let targets: Vec<_> = script.asked().iter().map(|r| r.headers[1].1.clone()).collect();
        let keys = "AWSCognitoIdentityService.GetCredentialsForIdentity";
        assert_eq!(targets, ["AWSCognitoIdentityService.GetId", keys, keys, keys]);
        assert_eq!(script.lines()[0], "POST https://cognito-identity.eu-west-1.amazonaws.com/");
        assert_eq!(bodies(&script)[0], json!({ "IdentityPoolId": POOL, "Logins": {} }));
    }

    #[test]
    fn an_identity_that_was_deleted_is_asked_for_anew_though_it_is_still_kept() {
        let gone = r#"{"__type":"ResourceNotFoundException","message":"Identity not found"}"#;
        let script = Script::marked(&[Ok((400, gone)), Ok((200, ID)), Ok((200, KEYS))]);
        let store = Memory::default();
        store.save("eu-west-1:deleted");
        let guest = source(&script, &store, None);
        guest.credentials().unwrap_err();
        guest.credentials().unwrap();
        assert_eq!(bodies(&script)[0]["IdentityId"], "eu-west-1:deleted");
        assert_ne!(store.load().unwrap(), "eu-west-1:deleted");
    }

    #[test]
    fn field_10_an_identity_is_kept_once_it_has_given_credentials() {
        let refusal = r#"{"__type":"InvalidParameterException","message":"1 validation error"}"#;
        let script = Script::new(&[Ok((200, ID)), Ok((400, refusal)), Ok((200, KEYS))]);
        let store = Memory::default();
        let guest = source(&script, &store, None);
        guest.credentials().unwrap_err();
        assert_eq!(store.load(), None, "one answer gave it, and it was of no use yet");
        guest.credentials().unwrap();
        assert_eq!(store.load().as_deref(), Some("eu-west-1:id"));
    }

    #[test]
    fn field_03_an_identity_is_given_up_on_the_pools_own_word_alone() {
        let gone = r#"{"__type":"ResourceNotFoundException","message":"Identity not found"}"#;
        let script = Script::new(&[Ok((400, gone)), Ok((200, KEYS))]);
        let store = Memory::default();
        store.save("eu-west-1:mine");
        let guest = source(&script, &store, None);
        guest.credentials().unwrap_err();
        guest.credentials().unwrap();
        assert_eq!(bodies(&script)[1]["IdentityId"], "eu-west-1:mine");
        assert_eq!(store.load().unwrap(), "eu-west-1:mine");
    }

    #[test]
    fn login_tokens_go_with_each_call() {
        let script = Script::new(&[Ok((200, ID)), Ok((200, KEYS))]);
        source(&script, &Memory::default(), Some("LOGIN")).credentials().unwrap();
        for body in bodies(&script) {
            assert_eq!(body["Logins"]["accounts.example"], "LOGIN");
        }
    }

    #[test]
    fn p7_a_refusal_is_explained_and_shows_no_login_token() {
        let refusal =
            r#"{"__type":"NotAuthorizedException","message":"Invalid login token. Token expired: 1 >= 2"}"#;
        let script = Script::new(&[Ok((400, refusal))]);
        let said = source(&script, &Memory::default(), Some("sEcReT")).credentials().unwrap_err().to_string();
        assert!(said.contains("GetId: NotAuthorizedException: Invalid login token"), "{said}");
        assert!(said.contains("a fresh login token") && !said.contains("sEcReT"), "{said}");
        let script = Script::new(&[Ok((503, "<html>"))]);
        let said = source(&script, &Memory::default(), None).credentials().unwrap_err().to_string();
        assert!(said.contains("GetId: HTTP 503"), "{said}");
    }

    #[test]
    fn what_is_no_pool_is_refused_at_once() {
        for pool in ["", "eu-west-1", ":x", "EU:x", "a/b:x"] {
            let made = CognitoCredentials::new(
                pool,
                Box::new(|| Ok(BTreeMap::new())),
                Box::new(Memory::default()),
                Script::new(&[]),
                ServerClock::system(),
            );
            assert!(matches!(made, Err(CredentialsError::Setup(_))), "{pool}");
        }
    }
}
