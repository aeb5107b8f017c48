//! STS: roles of profiles, and of web identities.

use std::sync::Arc;

use activity_worker::aws::{
    AssumeRoleCredentials, Credentials, CredentialsProvider, Network, Proxies, StaticCredentials, StsRole,
    WebIdentityCredentials,
};

use crate::AMPLE;
use crate::home::{Home, clock};
use crate::peer::Peer;
use crate::planted::{SECRET, TOKEN, told, watch_log};
use crate::stand::{Answer, Asked, asked, plain};

const ROLE: &str = "arn:aws:iam::123456789012:role/worker";

pub(crate) fn given(action: &str, id: &str, end: &str) -> Answer {
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <{action}Result>\n    <AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>{ROLE}/x</Arn></AssumedRoleUser>\n    <Credentials>\n      <AccessKeyId>{id}</AccessKeyId>\n      <SecretAccessKey>{SECRET}</SecretAccessKey>\n      <SessionToken>{TOKEN}</SessionToken>\n      <Expiration>{end}</Expiration>\n    </Credentials>\n  </{action}Result>\n</{action}Response>"
    );
    (200, body)
}

pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    );
    (status, body)
}

fn sts() -> Peer {
    plain(|asked| {
        let action = asked.body().split('&').next().unwrap().trim_start_matches("Action=");
        given(action, "ROLE", "2030-01-02T03:04:05Z")
    })
}

fn role(url: &str) -> StsRole {
    StsRole {
        region: "eu-west-1".to_owned(),
        endpoint_url: Some(url.to_owned()),
        role_arn: ROLE.to_owned(),
        session_name: None,
        external_id: None,
        duration: None,
    }
}

pub(crate) fn assumed(url: &str) -> Arc<dyn CredentialsProvider> {
    watch_log();
    let keys = Credentials::new("AKIDSOURCE", SECRET, Some(TOKEN.to_owned()), None);
    let transport = Network::new(clock()).transport(AMPLE).unwrap();
    Arc::new(AssumeRoleCredentials::new(
        role(url),
        Arc::new(StaticCredentials::new(keys)),
        transport,
        clock(),
    ))
}

pub(crate) fn web_identity(url: &str) -> Arc<dyn CredentialsProvider> {
    watch_log();
    let file = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
    std::fs::write(&file, TOKEN).unwrap();
    let transport = Network::new(clock()).transport(AMPLE).unwrap();
    Arc::new(WebIdentityCredentials::new(role(url), file, transport, clock()))
}

fn config() -> String {
    format!(
        "[profile worker]\nrole_arn = {ROLE}\nsource_profile = base\nregion = eu-west-1\nexternal_id = a b&c\nduration_seconds = 900\nrole_session_name = pi-7\n\
         [profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {SECRET}\n"
    )
}

#[test]
fn a_role_is_taken_on_with_a_request_signed_by_the_source() {
    let peer = sts();
    let home = Home::new(&[("AWS_ENDPOINT_URL_STS", &peer.url("http"))]).with_config(&config());
    let found = home.source(Some("worker")).credentials().unwrap();
    assert_eq!((found.access_key_id.as_str(), found.secret_access_key.as_str()), ("ROLE", SECRET));
    assert_eq!(found.session_token.as_deref(), Some(TOKEN));
    let asked = &asked(&peer)[0];
    assert_eq!(asked.line(), "POST /");
    assert_eq!(
        asked.body(),
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fworker&RoleSessionName=pi-7&DurationSeconds=900&ExternalId=a%20b%26c"
    );
    let signature = asked.header("authorization").unwrap();
    assert!(signature.contains("Credential=AKIDBASE/20270115/eu-west-1/sts/aws4_request"), "{signature}");
    assert!(signature.contains("SignedHeaders=content-type;host;x-amz-date"), "{signature}");
}

#[test]
fn the_endpoint_may_stand_in_the_profile_or_be_that_of_all_services() {
    let peer = sts();
    let url = peer.url("http");
    let in_profile = config().replacen("region", &format!("endpoint_url = {url}\nregion"), 1);
    let in_services = format!("{}[services here]\nsts =\n  endpoint_url = {url}\n", config());
    let in_services = in_services.replacen("region", "services = here\nregion", 1);
    for (vars, config) in [
        (vec![], in_profile.clone()),
        (vec![], in_services),
        (vec![("AWS_ENDPOINT_URL", url.as_str())], config()),
        (vec![("AWS_ENDPOINT_URL_STS", url.as_str()), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")], config()),
    ] {
        let home = Home::new(&vars).with_config(&config);
        assert_eq!(home.source(Some("worker")).credentials().unwrap().access_key_id, "ROLE", "{vars:?}");
    }
    assert_eq!(asked(&peer).len(), 4);
    // Ignored as it is asked: the region's own host then, which nobody resolves here.
    let mut home = Home::new(&[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]).with_config(&in_profile);
    home.network.proxies = Proxies::new(Some("http://127.0.0.1:9"), None, "").unwrap();
    told(home.source(Some("worker")).credentials());
    assert_eq!(asked(&peer).len(), 4);
}

#[test]
fn roles_are_taken_on_one_after_the_other() {
    let peer = plain(|asked: &Asked| {
        let id = if asked.body().contains("role%2Ffirst") { "FIRST" } else { "SECOND" };
        given("AssumeRole", id, "2030-01-02T03:04:05Z")
    });
    let config = format!(
        "[profile two]\nrole_arn = arn:aws:iam::1:role/second\nsource_profile = one\n\
         [profile one]\nrole_arn = arn:aws:iam::1:role/first\nsource_profile = base\n\
         [profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {SECRET}\n"
    );
    let home = Home::new(&[("AWS_ENDPOINT_URL_STS", &peer.url("http"))]).with_config(&config);
    assert_eq!(home.source(Some("two")).credentials().unwrap().access_key_id, "SECOND");
    let signed_by: Vec<_> =
        asked(&peer).iter().map(|a| a.header("authorization").unwrap()[28..].to_owned()).collect();
    assert!(signed_by[0].starts_with("AKIDBASE/") && signed_by[1].starts_with("FIRST/"), "{signed_by:?}");
    assert_eq!(asked(&peer)[1].header("x-amz-security-token"), Some(TOKEN));
}

#[test]
fn a_web_identity_is_exchanged_without_a_signature_and_its_file_is_read_each_time() {
    let peer = sts();
    let mut home = Home::new(&[
        ("AWS_ENDPOINT_URL_STS", &peer.url("http")),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ROLE_SESSION_NAME", "pod"),
    ]);
    let file = home.write("token", "first.jwt+/=\n");
    home.set("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap());
    let source = home.source(None);
    let old = source.credentials().unwrap();
    home.write("token", "second");
    source.invalidate(&old);
    source.credentials().unwrap();
    let asked = asked(&peer);
    assert!(asked[0].body().ends_with("RoleSessionName=pod&WebIdentityToken=first.jwt%2B%2F%3D"));
    assert!(asked[1].body().ends_with("WebIdentityToken=second"));
    assert!(asked.iter().all(|asked| asked.header("authorization").is_none()));
    let config = format!(
        "[profile web]\nrole_arn = {ROLE}\nweb_identity_token_file = {}\nendpoint_url = {}\n",
        file.display(),
        peer.url("http")
    );
    let home = Home::new(&[]).with_config(&config);
    assert_eq!(home.source(Some("web")).credentials().unwrap().access_key_id, "ROLE");
}

#[test]
fn a_refusal_is_told_in_the_words_of_sts() {
    let denied = "User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole on resource: y";
    let peer = plain(move |_| refusal(403, "AccessDenied", denied));
    let error = told(assumed(&peer.url("http")).credentials());
    assert_eq!(error, format!("the role {ROLE}: AccessDenied: {denied}"));
    let peer = plain(|_| refusal(400, "InvalidIdentityToken", &format!("Not a token: {TOKEN}")));
    let error = told(web_identity(&peer.url("http")).credentials());
    assert!(error.ends_with("InvalidIdentityToken: Not a token: (hidden)"), "{error}");
}

#[test]
fn a_region_that_is_none_is_named() {
    let config = config().replace("eu-west-1", "eu-west-1.evil.example/");
    let error = Home::new(&[]).with_config(&config).try_source(Some("worker")).err().unwrap();
    assert!(error.contains("\"eu-west-1.evil.example/\" is not a region"), "{error}");
}

/// A proxy is asked for a tunnel to the host, and there it ends.
#[test]
fn without_an_endpoint_url_the_regions_own_host_is_asked() {
    let proxy = plain(|_| (503, String::new()));
    let sso = "sso_start_url = u\nsso_region = us-gov-east-1\nsso_account_id = 1\nsso_role_name = r\n";
    let cases = [
        ("eu-west-1", "", "sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", "", "sts.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "", "sts.eusc-de-east-1.amazonaws.eu"),
        ("us-east-2", "use_fips_endpoint = true\n", "sts-fips.us-east-2.amazonaws.com"),
        ("us-east-2", "use_dualstack_endpoint = true\n", "sts.us-east-2.api.aws"),
        ("us-gov-west-1", "use_fips_endpoint = true\n", "sts.us-gov-west-1.amazonaws.com"),
        ("us-gov-west-1", sso, "portal.sso.us-gov-east-1.amazonaws.com"),
    ];
    for (region, more, host) in cases {
        let config = config().replace("region = eu-west-1\n", &format!("region = {region}\n{more}"));
        let config = if more == sso { config.replace("role_arn", "not_role_arn") } else { config };
        let mut home = Home::new(&[]).with_config(&config);
        // `printf u | sha1sum`
        let token = format!(r#"{{"accessToken":"{TOKEN}","expiresAt":"2030-01-01T00:00:00Z"}}"#);
        home.write(".aws/sso/cache/51e69892ab49df85c6230ccc57f8e1d1606caccc.json", &token);
        home.network.proxies = Proxies::new(Some(&proxy.url("http")), None, "").unwrap();
        told(home.source(Some("worker")).credentials());
        assert_eq!(asked(&proxy).last().unwrap().line(), format!("CONNECT {host}:443"));
    }
}
