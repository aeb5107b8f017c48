//! The resolver against name servers that do what those in the field do.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const HOST: &str = "states.eu-west-1.example";
/// Sooner than any second try.
const AT_ONCE: Duration = Duration::from_millis(900);

/// One question, as a server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    server: usize,
    name: String,
    v6: bool,
    tcp: bool,
    edns: bool,
    /// How often the same was asked before.
    before: usize,
}

impl Asked {
    fn good(&self) -> Reply {
        Reply::Found(if self.v6 { V6 } else { V4 })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Found(IpAddr),
    Code(u8),
    /// No error, and no address.
    Nothing,
    Silence,
    /// Cut off, with an address or without one.
    Truncated(Option<IpAddr>),
    WrongId,
    Garbage,
    HeaderOnly(u8),
}

/// All that one server can say that is no address.
const BAD: [Reply; 13] = [
    Reply::Nothing,
    Reply::Code(1),
    Reply::Code(2),
    Reply::Code(3),
    Reply::Code(4),
    Reply::Code(5),
    Reply::Code(9),
    Reply::Code(15),
    Reply::Silence,
    Reply::WrongId,
    Reply::Garbage,
    Reply::HeaderOnly(2),
    Reply::Truncated(None),
];

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// Name servers at 127.0.0.1 and after it, on one port, and the files that name them.
struct Field {
    folder: tempfile::TempDir,
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Field {
    fn new(servers: u8, more: &str, script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let (script, asked): (Arc<Script>, _) = (Arc::new(script), Arc::default());
        let port = (0..100).find_map(|_| serve(servers, &script, &asked)).unwrap();
        let field = Field { folder: tempfile::tempdir().unwrap(), port, asked };
        let servers: String = (1..=servers).map(|n| format!("nameserver 127.0.0.{n}\n")).collect();
        field.write("resolv.conf", &format!("{servers}{more}"));
        field.write("hosts", "127.0.0.1 localhost\n");
        field
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    /// The addresses, and when the first of them and the end came.
    fn look_up(&self, host: &str, within: Duration) -> (Vec<IpAddr>, Duration, Duration) {
        let (told, start) = (mpsc::channel(), Instant::now());
        let (hosts, config) = (self.file("hosts"), self.file("resolv.conf"));
        Dns { hosts: &hosts, config: &config, port: self.port }.look_up(host, within, &|addresses| {
            told.0.send((addresses, start.elapsed())).unwrap();
        });
        let whole = start.elapsed();
        assert!(whole < within + Duration::from_millis(500), "{host}: {whole:?}");
        let told: Vec<_> = told.1.try_iter().collect();
        let first = told.first().map_or(whole, |(_, at)| *at);
        (told.into_iter().flat_map(|(addresses, _)| addresses).collect(), first, whole)
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(servers: u8, script: &Arc<Script>, asked: &Arc<Mutex<Vec<Asked>>>) -> Option<u16> {
    let first = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = first.local_addr().unwrap().port();
    let mut sockets = vec![(first, TcpListener::bind(("127.0.0.1", port)).ok()?)];
    for n in 2..=servers {
        let address = SocketAddr::from(([127, 0, 0, n], port));
        sockets.push((UdpSocket::bind(address).ok()?, TcpListener::bind(address).ok()?));
    }
    for (server, (udp, tcp)) in sockets.into_iter().enumerate() {
        let (script, asked) = (Arc::clone(script), Arc::clone(asked));
        let answer = move |question: &[u8], over_tcp| answer(server, question, over_tcp, &*script, &asked);
        let over_tcp = answer.clone();
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut question) {
                if let Some(answer) = answer(&question[..length], false) {
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        thread::spawn(move || {
            let mut open = Vec::new();
            for mut stream in tcp.incoming().flatten() {
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut question).unwrap();
                if let Some(answer) = over_tcp(&question, true) {
                    let _ = stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes());
                    let _ = stream.write_all(&answer);
                }
                open.push(stream);
            }
        });
    }
    Some(port)
}

fn answer(
    server: usize,
    question: &[u8],
    tcp: bool,
    script: &Script,
    seen: &Mutex<Vec<Asked>>,
) -> Option<Vec<u8>> {
    let (mut name, mut at) = (Vec::new(), 12);
    while question[at] > 0 {
        let end = at + 1 + usize::from(question[at]);
        name.push(String::from_utf8_lossy(&question[at + 1..end]).into_owned());
        at = end;
    }
    let (v6, edns) = (question[at + 2] == 28, question[11] == 1);
    let mut asked = Asked { server, name: name.join("."), v6, tcp, edns, before: 0 };
    let mut seen = seen.lock().unwrap();
    asked.before =
        seen.iter().filter(|a| (a.server, &a.name, a.v6, a.tcp) == (server, &asked.name, v6, tcp)).count();
    seen.push(asked.clone());
    let (code, truncated, address) = match script(&asked) {
        Reply::Silence => return None,
        Reply::Garbage => return Some(question.iter().map(|byte| byte ^ 0x5a).collect()),
        Reply::HeaderOnly(code) => {
            return Some([&question[..2], &[0x81, 0x80 | code, 0, 0, 0, 0, 0, 0, 0, 0]].concat());
        }
        Reply::Found(address) => (0, false, Some(address)),
        Reply::Code(code) => (code, false, None),
        Reply::Nothing | Reply::WrongId => (0, false, None),
        Reply::Truncated(address) => (0, true, address),
    };
    let mut message = question[..at + 5].to_vec();
    message[0] ^= u8::from(script(&asked) == Reply::WrongId);
    message[2] = 0x81 | if truncated { 2 } else { 0 };
    message[3] = 0x80 | code;
    message[4..12].copy_from_slice(&[0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    match address {
        Some(IpAddr::V4(address)) => {
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4]);
            message.extend(address.octets());
        }
        Some(IpAddr::V6(address)) => {
            message.extend([0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 9, 0, 16]);
            message.extend(address.octets());
        }
        None => {}
    }
    Some(message)
}

/// Each case on a thread of its own: most of them wait.
fn each<T: Send + Sync + Copy>(cases: &[T], check: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        let check = &check;
        cases.iter().for_each(|case| drop(scope.spawn(move || check(*case))));
    });
}

#[test]
fn field_12_whatever_one_family_says_the_others_addresses_are_there_at_once() {
    let cases: Vec<_> = BAD.iter().flat_map(|bad| [(*bad, false), (*bad, true)]).collect();
    each(&cases, |(bad, v6)| {
        let field = Field::new(1, "", move |asked| if asked.v6 == v6 { bad } else { asked.good() });
        let (addresses, first, _) = field.look_up(HOST, Duration::from_millis(1500));
        assert_eq!(addresses, [if v6 { V4 } else { V6 }], "{bad:?} for v6: {v6}");
        assert!(first < AT_ONCE, "{bad:?} for v6 {v6}: {first:?}");
    });
}

#[test]
fn field_12_both_families_are_told_each_when_it_comes() {
    let field = Field::new(1, "", |asked| match (asked.v6, asked.before) {
        (true, 0) => Reply::Silence,
        _ => asked.good(),
    });
    let (addresses, first, whole) = field.look_up(HOST, Duration::from_secs(5));
    assert_eq!(addresses, [V4, V6]);
    assert!(first < AT_ONCE && whole > AT_ONCE, "{first:?} of {whole:?}");
}

#[test]
fn field_12_the_next_name_server_is_asked_whatever_the_first_one_says() {
    each(&BAD, |bad| {
        let field = Field::new(2, "", move |asked| if asked.server == 0 { bad } else { asked.good() });
        let (mut addresses, first, _) = field.look_up(HOST, Duration::from_secs(5));
        addresses.sort();
        assert_eq!(addresses, [V4, V6], "{bad:?}");
        let silent = [Reply::Silence, Reply::WrongId, Reply::Garbage, Reply::Truncated(None)].contains(&bad);
        let limit = if silent { Duration::from_millis(1800) } else { AT_ONCE };
        assert!(first < limit, "{bad:?}: {first:?}");
    });
    // Cut off, and nothing over TCP.
    let field = Field::new(2, "", |asked| match (asked.server, asked.tcp) {
        (0, true) => Reply::Silence,
        (0, false) => Reply::Truncated(None),
        _ => asked.good(),
    });
    let (addresses, first, _) = field.look_up(HOST, Duration::from_secs(5));
    assert!(addresses.len() == 2 && first < Duration::from_millis(1800), "{addresses:?} in {first:?}");
    // Nobody is there at all.
    let field = Field::new(1, "", Asked::good);
    field.write("resolv.conf", "nameserver 127.0.0.9\nnameserver 127.0.0.1\n");
    let (addresses, first, _) = field.look_up(HOST, Duration::from_secs(5));
    assert!(addresses.len() == 2 && first < AT_ONCE, "{addresses:?} in {first:?}");
}

#[test]
fn field_12_a_search_domain_that_fails_is_not_the_end_of_the_search() {
    let silent = [Reply::Silence, Reply::WrongId, Reply::Garbage, Reply::Truncated(None)];
    each(&BAD, |bad| {
        let more = "search bad.example good.example\noptions ndots:5";
        let field = Field::new(1, more, move |asked| match asked.name.as_str() {
            "broker.good.example" | "x.corp.good.example" => asked.good(),
            "x.corp" => Reply::Code(3),
            _ => bad,
        });
        for host in ["broker", "x.corp"] {
            let (mut addresses, first, _) = field.look_up(host, Duration::from_secs(2));
            addresses.sort();
            assert_eq!(addresses, [V4, V6], "{bad:?}: {host}");
            assert!(first < AT_ONCE || silent.contains(&bad), "{bad:?}: {host}: {first:?}");
        }
    });
}

#[test]
fn field_12_a_whole_name_is_asked_for_before_any_search() {
    let field = Field::new(1, "search a.example b.example\noptions ndots:5", Asked::good);
    field.look_up(HOST, Duration::from_secs(3));
    assert!(field.asked().iter().all(|asked| asked.name == HOST), "{:?}", field.asked());
    let (addresses, _, _) = field.look_up("single.", Duration::from_secs(3));
    assert_eq!(addresses.len(), 2);
    assert_eq!(field.asked().last().unwrap().name, "single");
    assert!(field.look_up("a..b", Duration::from_secs(3)).0.is_empty());
}

#[test]
fn field_12_what_does_not_fit_is_asked_for_over_tcp() {
    for v6 in [false, true] {
        let field = Field::new(1, "", move |asked| match asked.v6 == v6 && !asked.tcp {
            true => Reply::Truncated(None),
            false => asked.good(),
        });
        let (addresses, first, whole) = field.look_up(HOST, Duration::from_secs(3));
        assert!(addresses.len() == 2 && first < AT_ONCE && whole < AT_ONCE, "{addresses:?} in {whole:?}");
    }
    let field = Field::new(1, "options use-vc", |asked| match asked.tcp {
        true => asked.good(),
        false => Reply::Code(5),
    });
    assert_eq!(field.look_up(HOST, Duration::from_secs(3)).0.len(), 2);
}

#[test]
fn field_12_half_an_answer_is_better_than_none_where_tcp_leads_nowhere() {
    each(&[Reply::Silence, Reply::Code(2), Reply::Garbage, Reply::Nothing], |over_tcp| {
        let field = Field::new(1, "", move |asked| match (asked.v6, asked.tcp) {
            (true, _) => Reply::Silence,
            (false, true) => over_tcp,
            (false, false) => Reply::Truncated(Some(V4)),
        });
        let (addresses, first, _) = field.look_up(HOST, Duration::from_millis(2500));
        assert_eq!(addresses, [V4], "{over_tcp:?}");
        assert!(first < Duration::from_millis(1800), "{over_tcp:?}: {first:?}");
    });
}

#[test]
fn field_12_a_server_that_knows_no_extensions_is_asked_without() {
    each(&[Reply::Code(1), Reply::Code(4), Reply::Code(2), Reply::HeaderOnly(1), Reply::Silence], |bad| {
        let field = Field::new(1, "", move |asked| if asked.edns { bad } else { asked.good() });
        let (addresses, first, _) = field.look_up(HOST, Duration::from_secs(4));
        assert_eq!(addresses.len(), 2, "{bad:?}");
        assert!(first < AT_ONCE || bad == Reply::Silence, "{bad:?}: {first:?}");
    });
}

#[test]
fn field_12_what_is_nowhere_is_known_soon_and_silence_ends_in_time() {
    let nowhere = Field::new(2, "", |_| Reply::Code(3));
    let (addresses, _, whole) = nowhere.look_up(HOST, Duration::from_secs(3));
    assert!(addresses.is_empty() && whole < AT_ONCE, "{whole:?}");
    // One server says no, the other nothing: a second of doubt.
    let dead = Field::new(2, "", |asked| if asked.server == 0 { Reply::Code(3) } else { Reply::Silence });
    let (addresses, _, whole) = dead.look_up(HOST, Duration::from_secs(5));
    assert!(addresses.is_empty() && whole < Duration::from_secs(2), "{whole:?}");
    let silent = Field::new(2, "search a b c d e f", |_| Reply::Silence);
    let (addresses, _, whole) = silent.look_up(HOST, Duration::from_millis(1500));
    assert!(addresses.is_empty() && whole > Duration::from_millis(1400), "{whole:?}");
}

#[test]
fn field_12_the_files_are_read_anew_and_localhost_needs_neither() {
    let field = Field::new(1, "", Asked::good);
    field.write("hosts", "192.0.2.77 broker\n");
    let within = Duration::from_secs(2);
    assert_eq!(field.look_up("broker", within).0, [IpAddr::from([192, 0, 2, 77])]);
    field.write("hosts", "192.0.2.78 broker\n");
    assert_eq!(field.look_up("Broker.", within).0, [IpAddr::from([192, 0, 2, 78])]);
    for local in ["localhost", "LOCALHOST.", "x.localhost"] {
        assert!(field.look_up(local, within).0.iter().all(IpAddr::is_loopback), "{local}");
    }
    assert!(field.asked().is_empty());
    field.write("resolv.conf", "nameserver 127.0.0.9\n");
    assert!(field.look_up(HOST, within).0.is_empty());
    field.write("resolv.conf", "nameserver 127.0.0.1\noptions no-aaaa\n");
    assert_eq!(field.look_up(HOST, within).0, [V4]);
    std::fs::remove_file(field.file("resolv.conf")).unwrap();
    std::fs::remove_file(field.file("hosts")).unwrap();
    assert_eq!(field.look_up(HOST, within).0.len(), 2);
    assert!(field.look_up("localhost", within).0.contains(&Ipv4Addr::LOCALHOST.into()));
}

#[test]
fn field_12_no_two_questions_look_alike() {
    let field = Field::new(1, "", |_| Reply::Silence);
    field.look_up(HOST, Duration::from_millis(1200));
    assert!(field.asked().len() >= 4, "a silent server is asked again: {:?}", field.asked());
    let ids: std::collections::HashSet<u16> = (0..64).map(|_| ask::random()).collect();
    assert!(ids.len() > 50, "{ids:?}");
}
