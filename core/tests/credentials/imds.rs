//! The instance metadata service, version 2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use activity_worker::aws::CredentialsProvider;

use crate::home::{Home, today};
use crate::peer::{Peer, silent};
use crate::planted::{TOKEN, told};
use crate::stand::{Answer, Asked, asked, lines, metadata, plain};

const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

fn service(keys: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Peer {
    let times = AtomicUsize::new(0);
    plain(move |asked: &Asked| {
        if asked.line() == "PUT /latest/api/token" {
            let has_ttl = asked.header("x-aws-ec2-metadata-token-ttl-seconds") == Some("21600");
            return if has_ttl { (200, TOKEN.to_owned()) } else { (400, String::new()) };
        }
        if asked.header("x-aws-ec2-metadata-token") != Some(TOKEN) {
            return (401, "Unauthorized".to_owned());
        }
        match asked.line().strip_prefix("GET ").and_then(|path| path.strip_prefix(ROLES)) {
            Some("") => (200, "the-role".to_owned()),
            Some("the-role") => keys(times.fetch_add(1, Ordering::SeqCst)),
            _ => (404, String::new()),
        }
    })
}

pub(crate) fn source(url: &str) -> Arc<dyn CredentialsProvider> {
    Home::new(&[(ENDPOINT, url)]).source(None)
}

#[test]
fn a_token_is_asked_for_then_the_role_then_its_credentials() {
    let peer = service(|_| (200, metadata("INSTANCE", "2030-01-02T03:04:05Z")));
    // With and without a slash at the end.
    for url in [peer.url("http"), format!("http://{}", peer.address)] {
        assert_eq!(source(&url).credentials().unwrap().access_key_id, "INSTANCE");
    }
    let role = format!("GET {ROLES}the-role");
    assert_eq!(lines(&peer)[..3], ["PUT /latest/api/token", &format!("GET {ROLES}"), &role]);
    assert_eq!(asked(&peer)[0].header("content-length"), Some("0"));
}

#[test]
fn a_token_that_is_refused_is_replaced_by_the_next_try() {
    let refusals = AtomicUsize::new(1);
    let peer = plain(move |asked: &Asked| match asked.line() {
        "PUT /latest/api/token" => (200, TOKEN.to_owned()),
        line if line.ends_with("/") && refusals.swap(0, Ordering::SeqCst) == 1 => (401, String::new()),
        line if line.ends_with("/") => (200, "r".to_owned()),
        _ => (200, metadata("AGAIN", "2030-01-02T03:04:05Z")),
    });
    assert_eq!(source(&peer.url("http")).credentials().unwrap().access_key_id, "AGAIN");
    let puts = lines(&peer).iter().filter(|line| line.starts_with("PUT")).count();
    assert_eq!(puts, 2, "{:?}", lines(&peer));
}

#[test]
fn p9_behind_too_many_hops_the_token_never_comes_and_the_wait_is_short() {
    let peer = Peer::plain(silent);
    let began = Instant::now();
    let error = told(source(&peer.url("http")).credentials());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(error.contains("the instance metadata service"), "{error}");
    assert!(error.contains("hop limit"), "{error}");
}

#[test]
fn it_can_be_turned_off_and_asked_over_ipv6() {
    let peer = service(|_| (200, metadata("INSTANCE", "2030-01-02T03:04:05Z")));
    let off = Home::new(&[(ENDPOINT, &peer.url("http")), ("AWS_EC2_METADATA_DISABLED", "TRUE")]);
    assert!(off.try_source(None).err().unwrap().contains("AWS_EC2_METADATA_DISABLED is true"));
    assert!(lines(&peer).is_empty());

    let mode = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
    let six = Home::new(&[(ENDPOINT, &peer.url("http")), (mode, "IPv6")]);
    assert_eq!(
        six.source(None).credentials().unwrap().access_key_id,
        "INSTANCE",
        "an own endpoint counts first"
    );
    let odd = Home::new(&[(ENDPOINT, &peer.url("http")), (mode, "IPv5")]);
    assert!(odd.try_source(None).err().unwrap().contains("is IPv4 or IPv6, not \"IPv5\""));

    // Some machines have no IPv6 at all.
    let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else { return };
    let six = Peer::on(listener, |mut tcp, seen| {
        while let Some(request) = seen.request(&mut tcp).map(Asked) {
            let body = match request.line() {
                "PUT /latest/api/token" => TOKEN.to_owned(),
                line if line.ends_with('/') => "the-role".to_owned(),
                _ => metadata("SIX", "2030-01-02T03:04:05Z"),
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            std::io::Write::write_all(&mut tcp, head.as_bytes()).unwrap();
        }
    });
    assert_eq!(source(&six.url("http")).credentials().unwrap().access_key_id, "SIX");
    assert_eq!(asked(&six)[0].header("host"), Some(six.address.to_string().as_str()));
}

#[test]
fn credentials_that_have_ended_are_used_on_whether_the_service_gives_them_again_or_falls_silent() {
    let peer = service(|times| match times {
        0 | 1 => (200, metadata("OLD", "2027-01-15T09:00:00Z")),
        2 => (500, String::new()),
        _ => (200, metadata("NEW", "2030-01-02T03:04:05Z")),
    });
    let home = Home::new(&[(ENDPOINT, &peer.url("http"))]);
    let source = home.source(None);
    let clock = &home.network.clock;
    assert_eq!(source.credentials().unwrap().access_key_id, "OLD");
    for (minutes, id) in [(65, "OLD"), (90, "OLD"), (120, "NEW")] {
        clock.learn(today() + Duration::from_secs(minutes * 60), clock.clock().monotonic());
        assert_eq!(source.credentials().unwrap().access_key_id, id, "after {minutes} minutes");
    }
}

#[test]
fn what_is_in_the_way_is_said() {
    for (path, answer, said) in [
        ("PUT /latest/api/token", (403, ""), "it is turned off for this instance"),
        ("PUT /latest/api/token", (200, "two\nlines"), "its token is none"),
        ("GET /latest/meta-data/iam/security-credentials/", (404, ""), "the instance has no role"),
        ("GET /latest/meta-data/iam/security-credentials/", (200, "../../../etc"), "the role's name is none"),
        (
            "GET /latest/meta-data/iam/security-credentials/the-role",
            (200, r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}"#),
            "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role",
        ),
    ] {
        let peer = plain(move |asked: &Asked| match asked.line() {
            line if line == path => (answer.0, answer.1.to_owned()),
            line if line.starts_with("PUT") => (200, TOKEN.to_owned()),
            line if line.ends_with('/') => (200, "the-role".to_owned()),
            _ => (200, metadata("INSTANCE", "2030-01-02T03:04:05Z")),
        });
        let error = told(source(&peer.url("http")).credentials());
        assert!(error.contains(said), "{error}");
    }
}
