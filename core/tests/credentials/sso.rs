//! Single sign-on with the token that the AWS CLI keeps.

use std::sync::Arc;

use activity_worker::aws::CredentialsProvider;

use crate::home::Home;
use crate::peer::Peer;
use crate::planted::{SECRET, TOKEN, told};
use crate::stand::{asked, plain};

const CONFIG: &str = "\
[profile dev]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Read Only
[sso-session corp]
sso_region = eu-west-1
sso_start_url = https://corp.example/start
[profile old]
sso_start_url = https://corp.example/start
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = Admin
";

fn portal() -> Peer {
    plain(|asked| {
        if asked.header("x-amz-sso_bearer_token") != Some(TOKEN) {
            return (401, r#"{"message":"Session token not found or invalid"}"#.to_owned());
        }
        let body = format!(
            r#"{{"roleCredentials":{{"accessKeyId":"SSO","secretAccessKey":"{SECRET}","sessionToken":"{TOKEN}","expiration":1893553445000}}}}"#
        );
        (200, body)
    })
}

fn home(url: &str, token: &str, end: &str) -> Home {
    let home = Home::new(&[("AWS_ENDPOINT_URL_SSO", url)]).with_config(CONFIG);
    for named_after in ["corp", "https://corp.example/start"] {
        home.write(&cache_file(named_after), &format!(r#"{{"accessToken":"{token}","expiresAt":"{end}"}}"#));
    }
    home
}

fn cache_file(named_after: &str) -> String {
    use sha1::{Digest, Sha1};
    let name: String = Sha1::digest(named_after).iter().map(|byte| format!("{byte:02x}")).collect();
    format!(".aws/sso/cache/{name}.json")
}

pub(crate) fn source(url: &str) -> Arc<dyn CredentialsProvider> {
    let home = home(url, TOKEN, "2030-01-01T00:00:00Z");
    Arc::new(Kept(home.source(Some("dev")), home))
}

/// A source whose home folder lives as long.
struct Kept(Arc<dyn CredentialsProvider>, #[allow(dead_code, reason = "held")] Home);

impl CredentialsProvider for Kept {
    fn credentials(
        &self,
    ) -> Result<activity_worker::aws::Credentials, activity_worker::aws::CredentialsError> {
        self.0.credentials()
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

#[test]
fn the_cached_token_gives_the_roles_credentials() {
    let peer = portal();
    let home = home(&peer.url("http"), TOKEN, "2030-01-01T00:00:00Z");
    for profile in ["dev", "old"] {
        let found = home.source(Some(profile)).credentials().unwrap();
        assert_eq!((found.access_key_id.as_str(), found.secret_access_key.as_str()), ("SSO", SECRET));
    }
    let asked = asked(&peer);
    assert_eq!(asked[0].line(), "GET /federation/credentials?role_name=Read%20Only&account_id=123456789012");
    assert!(asked[1].line().contains("role_name=Admin"));
    assert_eq!(asked[0].header("authorization"), None);
}

#[test]
fn a_services_section_names_the_endpoint_too() {
    let peer = portal();
    let config = format!(
        "{}\n[services here]\nsso =\n  endpoint_url = {}\n",
        CONFIG.replace("[profile dev]", "[profile dev]\nservices = here"),
        peer.url("http")
    );
    let home = Home::new(&[]).with_config(&config);
    let cached = format!(r#"{{"accessToken":"{TOKEN}","expiresAt":"2030-01-01T00:00:00Z"}}"#);
    home.write(&cache_file("corp"), &cached);
    assert_eq!(home.source(Some("dev")).credentials().unwrap().access_key_id, "SSO");
}

#[test]
fn without_a_good_token_a_person_is_told_what_to_run() {
    let peer = portal();
    let url = peer.url("http");
    let run = "run `aws sso login --profile dev`";
    let error = told(home(&url, TOKEN, "2020-01-01T00:00:00Z").source(Some("dev")).credentials());
    assert!(error.contains("the cached token has expired") && error.contains(run), "{error}");
    let none = Home::new(&[("AWS_ENDPOINT_URL_SSO", &url)]).with_config(CONFIG);
    let error = told(none.source(Some("dev")).credentials());
    assert!(error.contains("no cached token in") && error.contains(run), "{error}");
    none.write(&cache_file("corp"), "{\"accessToken\":");
    let error = told(none.source(Some("dev")).credentials());
    assert!(error.contains("holds no token") && error.contains(run), "{error}");
    assert!(asked(&peer).is_empty());

    let revoked = "sEcReTrevoked0aBcDeFgHiJkLmNoPqRsTuVwXyZ";
    let error = told(home(&url, revoked, "2030-01-01T00:00:00Z").source(Some("dev")).credentials());
    assert!(error.contains("HTTP 401") && error.contains("not good any more"), "{error}");
}

#[test]
fn a_role_that_is_not_the_users_is_explained() {
    let peer = plain(|_| (403, r#"{"message":"No access"}"#.to_owned()));
    let error = told(source(&peer.url("http")).credentials());
    assert!(error.contains("No access\"}: may this user have that role in that account?"), "{error}");
}
