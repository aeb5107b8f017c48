//! A container's endpoint: ECS, EKS Pod Identity, Greengrass.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use activity_worker::aws::{
    ContainerConfig, ContainerCredentials, ContainerToken, CredentialsProvider, Network,
};
use activity_worker::clock::{ManualClock, ServerClock};

use crate::home::{Home, clock, today};
use crate::peer::{Ca, Peer};
use crate::planted::{SECRET, TOKEN, told};
use crate::stand::{asked, lines, metadata, plain, tls};
use crate::{AMPLE, END};

const URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const GOOD: &str = "2030-01-02T03:04:05Z";

pub(crate) fn source(url: &str) -> Arc<dyn CredentialsProvider> {
    let token = Some(ContainerToken::Fixed(TOKEN.to_owned()));
    let config = ContainerConfig { url: Some(url.to_owned()), token };
    let transport = Network::new(clock()).transport(Duration::from_secs(1)).unwrap();
    Arc::new(ContainerCredentials::new(config, transport, clock()).unwrap())
}

#[test]
fn the_endpoint_is_asked_with_the_token_of_the_environment() {
    let peer = plain(|_| (200, metadata("CONTAINER", GOOD)));
    let home = Home::new(&[
        (URI, &peer.url("http")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", &format!("Basic {TOKEN}")),
    ]);
    let found = home.source(None).credentials().unwrap();
    assert_eq!(found.access_key_id, "CONTAINER");
    assert_eq!((found.secret_access_key.as_str(), found.session_token.as_deref()), (SECRET, Some(TOKEN)));
    assert_eq!(found.expires, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(END)));
    let asked = &asked(&peer)[0];
    assert_eq!((asked.line(), asked.header("accept")), ("GET /", Some("application/json")));
    assert_eq!(asked.header("authorization"), Some(format!("Basic {TOKEN}").as_str()));
}

#[test]
fn the_token_file_is_read_anew_each_time() {
    let peer = plain(|_| (200, metadata("CONTAINER", GOOD)));
    let mut home = Home::new(&[(URI, &peer.url("http"))]);
    let file = home.write("token", "first\n");
    home.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
    let source = home.source(None);
    let old = source.credentials().unwrap();
    home.write("token", "second");
    source.invalidate(&old);
    source.credentials().unwrap();
    let tokens: Vec<_> =
        asked(&peer).iter().map(|a| a.header("authorization").unwrap_or_default().to_owned()).collect();
    assert_eq!(tokens, ["first", "second"]);

    std::fs::remove_file(&file).unwrap();
    let source = home.source(None);
    let error = told(source.credentials());
    assert!(error.contains("can't read the token file") && error.contains("No such file"), "{error}");
    home.write("token", &TOKEN.repeat(10_000));
    let error = told(home.source(None).credentials());
    assert!(error.contains("it is larger than 65536 bytes"), "{error}");
    home.write("token", "one\nx-evil: two");
    let error = told(home.source(None).credentials());
    assert!(error.contains("the authorization token holds a line break"), "{error}");
}

#[test]
fn an_agent_that_comes_up_after_the_worker_is_found() {
    let place = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut home = Home::new(&[(URI, &format!("http://{place}/creds"))]);
    let device = ManualClock::new(today());
    home.network = Network::new(Arc::new(ServerClock::new(Arc::new(device.clone()))));
    let source = home.source(None);
    let error = told(source.credentials());
    assert!(error.contains(&format!("{place} refused the connection")), "{error}");

    let agent = TcpListener::bind(place).unwrap();
    thread::spawn(move || agent.incoming().for_each(|tcp| answer_once(tcp.unwrap())));
    // The source rests after a failure: without a network nobody is asked each millisecond.
    told(source.credentials());
    device.advance(Duration::from_secs(2));
    assert_eq!(source.credentials().unwrap().access_key_id, "LATE");
}

fn answer_once(mut tcp: TcpStream) {
    let _ = tcp.read(&mut [0; 4096]);
    let body = metadata("LATE", GOOD);
    let _ = write!(tcp, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
}

#[test]
fn plain_http_is_for_this_machine_and_the_platforms_and_https_for_all() {
    let told = |url: &str| Home::new(&[(URI, url)]).try_source(None).err();
    for url in [
        "http://127.0.0.2:1/",
        "http://[::1]:1/",
        "http://169.254.170.2/x",
        "http://169.254.170.23/x",
        "http://[fd00:ec2::23]/x",
    ] {
        assert_eq!(told(url), None, "{url}");
    }
    for url in ["http://192.168.0.1/", "http://example.com/", "http://127.0.0.1@example.com/"] {
        assert!(told(url).unwrap().contains("plain http is for localhost"), "{url}");
    }

    let ca = Ca::root();
    let peer = tls(ca.server("127.0.0.1"), |_| (200, metadata("TLS", GOOD)));
    let mut home = Home::new(&[(URI, &peer.url("https"))]);
    assert!(home.source(None).credentials().unwrap_err().to_string().contains("unknown CA"));
    let file = ca.file();
    home.network.ca_file = Some(file.path().to_owned());
    assert_eq!(home.source(None).credentials().unwrap().access_key_id, "TLS");
}

#[test]
fn a_refusal_is_explained() {
    let peer = plain(|_| (401, format!(r#"{{"message":"token {TOKEN} is not good"}}"#)));
    let error = told(source(&peer.url("http")).credentials());
    assert!(error.contains("HTTP 401") && error.contains("belong to this container?"), "{error}");
}

#[test]
fn credentials_that_have_ended_are_none() {
    let peer = plain(|_| (200, metadata("OLD", "2027-01-01T00:00:00Z")));
    let home = Home::new(&[(URI, &peer.url("http"))]);
    let source = home.source(None);
    // Until the service has told the date, nothing has ended.
    assert_eq!(source.credentials().unwrap().access_key_id, "OLD");
    let clock = &home.network.clock;
    clock.learn(today(), clock.clock().monotonic());
    let error = told(source.credentials());
    assert!(error.contains("have expired, and it has no newer ones"), "{error}");
    assert_eq!(lines(&peer)[0], "GET /");
}

#[test]
fn two_threads_ask_once() {
    let peer: Peer = plain(|_| {
        thread::sleep(Duration::from_millis(50));
        (200, metadata("ONE", GOOD))
    });
    let source = Home::new(&[(URI, &peer.url("http"))]).source(None);
    let began = std::time::Instant::now();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| source.credentials().unwrap());
        }
    });
    assert!(began.elapsed() < AMPLE);
    assert_eq!(lines(&peer).len(), 1);
}
