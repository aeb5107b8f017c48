//! A Cognito identity pool.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use activity_worker::aws::{CognitoCredentials, CredentialsProvider, IdentityStore, Network};
use serde_json::{Value, json};

use crate::home::clock;
use crate::peer::Peer;
use crate::planted::{SECRET, TOKEN, told, watch_log};
use crate::stand::{Answer, Asked, asked, plain};

const POOL: &str = "eu-west-1:11111111-2222-3333-4444-555555555555";

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<String>>>);

impl IdentityStore for Kept {
    fn load(&self) -> Option<String> {
        self.0.lock().unwrap().clone()
    }

    fn save(&self, id: &str) {
        *self.0.lock().unwrap() = Some(id.to_owned());
    }
}

/// A pool that knows one identity, and gives another one each time it is asked for one.
fn pool(known: &'static str) -> Peer {
    plain(move |asked: &Asked| {
        let body: Value = serde_json::from_str(asked.body()).unwrap();
        assert_eq!(asked.header("content-type"), Some("application/x-amz-json-1.1"));
        match asked.header("x-amz-target").unwrap() {
            "AWSCognitoIdentityService.GetId" => {
                assert_eq!(body["IdentityPoolId"], POOL);
                (200, json!({ "IdentityId": known }).to_string())
            }
            "AWSCognitoIdentityService.GetCredentialsForIdentity" if body["IdentityId"] == known => {
                keys(known)
            }
            _ => refusal("ResourceNotFoundException", "Identity not found."),
        }
    })
}

fn keys(id: &str) -> Answer {
    let given = json!({ "AccessKeyId": "COGNITO", "SecretKey": SECRET, "SessionToken": TOKEN, "Expiration": 1_893_553_445.5 });
    (200, json!({ "Credentials": given, "IdentityId": id }).to_string())
}

fn refusal(code: &str, message: &str) -> Answer {
    (400, json!({ "__type": code, "message": message }).to_string())
}

fn source_of(url: &str, store: Kept, login: Option<&'static str>) -> CognitoCredentials {
    watch_log();
    let transport = Network::new(clock()).transport(Duration::from_secs(2)).unwrap();
    let logins = move || {
        let login = login.map(|token| ("accounts.example".to_owned(), token.to_owned()));
        Ok(login.into_iter().collect::<BTreeMap<_, _>>())
    };
    let source = CognitoCredentials::new(POOL, Box::new(logins), Box::new(store), transport, clock());
    source.unwrap().endpoint(url)
}

pub(crate) fn source(url: &str) -> Arc<dyn CredentialsProvider> {
    Arc::new(source_of(url, Kept::default(), Some(TOKEN)))
}

fn targets(peer: &Peer) -> Vec<String> {
    let name = |asked: &Asked| asked.header("x-amz-target").unwrap().rsplit('.').next().unwrap().to_owned();
    asked(peer).iter().map(name).collect()
}

#[test]
fn a_guest_stays_the_same_over_a_restart() {
    let peer = pool("eu-west-1:guest");
    let store = Kept::default();
    for _ in 0..2 {
        let found = source_of(&peer.url("http"), store.clone(), None).credentials().unwrap();
        assert_eq!((found.access_key_id.as_str(), found.secret_access_key.as_str()), ("COGNITO", SECRET));
        assert_eq!(found.session_token.as_deref(), Some(TOKEN));
    }
    assert_eq!(targets(&peer), ["GetId", "GetCredentialsForIdentity", "GetCredentialsForIdentity"]);
    assert_eq!(store.load().as_deref(), Some("eu-west-1:guest"));
    // Nothing is signed, and a guest shows no login.
    for asked in asked(&peer) {
        assert_eq!(asked.header("authorization"), None);
        assert_eq!(serde_json::from_str::<Value>(asked.body()).unwrap()["Logins"], json!({}));
    }
}

#[test]
fn a_user_shows_the_login_token_in_each_call() {
    let peer = pool("eu-west-1:user");
    source_of(&peer.url("http"), Kept::default(), Some(TOKEN)).credentials().unwrap();
    for asked in asked(&peer) {
        let body: Value = serde_json::from_str(asked.body()).unwrap();
        assert_eq!(body["Logins"], json!({ "accounts.example": TOKEN }));
    }
}

#[test]
fn an_identity_that_was_deleted_is_replaced() {
    let peer = pool("eu-west-1:new");
    let store = Kept::default();
    store.save("eu-west-1:deleted");
    let guest = source_of(&peer.url("http"), store.clone(), None);
    assert!(told(guest.credentials()).contains("ResourceNotFoundException"));
    guest.credentials().unwrap();
    assert_eq!(store.load().as_deref(), Some("eu-west-1:new"));
}

#[test]
fn an_old_login_is_explained() {
    let peer = plain(|_| refusal("NotAuthorizedException", &format!("Invalid login token {TOKEN}.")));
    let error = told(source(&peer.url("http")).credentials());
    assert!(error.contains("GetId: NotAuthorizedException: Invalid login token (hidden)."), "{error}");
    assert!(error.contains("does the app have a fresh login token"), "{error}");
}
