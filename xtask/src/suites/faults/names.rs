//! Name servers as they are in the field, and the real binary's way through them: what doctor says of the step `dns`.
//!
//! A host's name says what its servers do: `v6-servfail.test` has a good answer for IPv4, and SERVFAIL for IPv6;
//! `first-silent.test` is known to the second name server alone. So the cases need no order, and run beside each other.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::checks::require;
use super::keys::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use super::stage::{Stage, run};
use crate::process;

/// The name servers: the first, and the second.
const SERVERS: [&str; 2] = ["127.0.0.1:53", "127.0.0.2:53"];
/// What is no answer; the second word says whether it is only known by waiting.
const BAD: [(&str, bool); 9] = [
    ("servfail", false),
    ("nxdomain", false),
    ("nodata", false),
    ("refused", false),
    ("formerr", false),
    ("notimp", false),
    ("empty", false),
    ("truncated", true),
    ("silent", true),
];
/// What needs no waiting, and what does, in milliseconds: far less than the worker's deadline of 10 s, far more than it takes.
const AT_ONCE: u64 = 1500;
const WAITING: u64 = 3500;
/// A silent search domain takes half of the deadline.
const SEARCHING: u64 = 7000;
const BESIDE_EACH_OTHER: usize = 4;
/// Who is too slow on a machine that has much else to do is quick enough in one of so many tries.
const TRIES: usize = 3;

/// A host whose name must be found, and within which time.
struct Case {
    host: String,
    at_most: u64,
}

fn case(host: impl Into<String>, waits: bool) -> Case {
    Case { host: host.into(), at_most: if waits { WAITING } else { AT_ONCE } }
}

/// The static binary: its resolver is our own.
pub(super) fn of_the_static_binary(stage: &Stage) -> Result<String, String> {
    let field = Field::set_up(stage, &stage.static_binary())?;
    let one = "nameserver 127.0.0.1\n";
    let families = BAD.iter().flat_map(|(bad, waits)| {
        // The other family's addresses are there at once, whatever this one does.
        let whole = [format!("v6-{bad}.test"), format!("v4-{bad}.test")].map(|host| case(host, false));
        whole.into_iter().chain([case(format!("first-{bad}.second-good.test"), *waits)])
    });
    let (families, servers): (Vec<_>, Vec<_>) = families.partition(|case| case.host.starts_with('v'));
    let mut tried = field.play(one, &families)?;
    tried += field
        .play(one, &[case("cut-v4.test", false), case("cut-v6.test", false), case("plain.test", false)])?;
    tried += field.play("nameserver 127.0.0.1\nnameserver 127.0.0.2\n", &servers)?;
    tried += field.play("nameserver 127.0.0.9\nnameserver 127.0.0.1\n", &[case("good.test", false)])?;
    for (bad, waits) in BAD {
        // In front of the good domain is one that does this; `host.corp` looks like a whole name, and is none.
        let at_most = if waits { SEARCHING } else { AT_ONCE };
        let config = format!("{one}search any-{bad}.test good.test\noptions ndots:5\n");
        let searched = ["broker", "host.corp"].map(|host| Case { host: host.into(), at_most });
        tried += field.play(&config, &searched)?;
        tried += field.play(&config, &[case("good.test", false)])?;
    }
    Ok(format!(
        "{tried} hosts of odd name servers found by the static binary, {AT_ONCE} to {SEARCHING} ms at most"
    ))
}

/// The release binary: the system's resolver, and ours once that is late.
pub(super) fn of_the_c_library(stage: &Stage) -> Result<String, String> {
    let field = Field::set_up(stage, &stage.binary())?;
    let silent = [case("v6-silent.test", true), case("v4-silent.test", true), case("v6-servfail.test", true)];
    let tried = field.play("nameserver 127.0.0.1\n", &silent)?;
    Ok(format!(
        "{tried} hosts of which one family is silent found within {WAITING} ms, where the C library waits longer"
    ))
}

/// The binary under test, and the files that its resolver reads.
struct Field {
    binary: PathBuf,
    folder: PathBuf,
    config: PathBuf,
}

impl Field {
    fn set_up(stage: &Stage, binary: &Path) -> Result<Self, String> {
        require(binary.exists(), || format!("{} is not built", binary.display()))?;
        for (server, address) in SERVERS.into_iter().enumerate() {
            serve(server, address).map_err(|e| format!("no name server at {address}: {e}"))?;
        }
        let folder = stage.folder("names")?;
        let config = folder.join("resolv.conf");
        for (file, at, text) in [
            (&config, "/etc/resolv.conf", ""),
            (&folder.join("hosts"), "/etc/hosts", "127.0.0.1 localhost\n"),
            (&folder.join("nsswitch.conf"), "/etc/nsswitch.conf", "hosts: files dns\n"),
        ] {
            fs::write(file, text).map_err(|e| e.to_string())?;
            run("mount", &["--bind", &file.to_string_lossy(), at])?;
        }
        Ok(Field { binary: binary.to_owned(), folder, config })
    }

    /// Tries the cases with this `resolv.conf`. How many there were.
    fn play(&self, config: &str, cases: &[Case]) -> Result<usize, String> {
        fs::write(&self.config, config).map_err(|e| e.to_string())?;
        let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..BESIDE_EACH_OTHER {
                scope.spawn(|| {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                        if let Err(why) = self.look(case) {
                            wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(why);
                        }
                    }
                });
            }
        });
        let wrong = wrong.into_inner().unwrap_or_default();
        require(wrong.is_empty(), || format!("with {config:?}:\n{}", wrong.join("\n")))?;
        Ok(cases.len())
    }

    fn look(&self, case: &Case) -> Result<(), String> {
        let mut slow = Vec::new();
        while slow.len() < TRIES {
            match self.time(&case.host)? {
                took if took <= case.at_most => return Ok(()),
                took => slow.push(took),
            }
        }
        Err(format!("{}: found after {slow:?} ms, {} at most", case.host, case.at_most))
    }

    /// The milliseconds within which doctor finds this host.
    fn time(&self, host: &str) -> Result<u64, String> {
        let folder = self.folder.join(host);
        fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let file = folder.join("config.toml");
        let arn = "arn:aws:states:eu-west-1:123456789012:activity:names";
        let text = format!(
            "endpoint_url = \"http://{host}:9\"\nstate_dir = {:?}\n[[activity]]\narn = {arn:?}\ncommand = [\"true\"]\n",
            folder.join("state")
        );
        fs::write(&file, text).map_err(|e| e.to_string())?;
        let mut doctor = Command::new(&self.binary);
        doctor.args(["doctor", "--config"]).arg(&file).env_clear();
        doctor.env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
        // Nobody listens there: doctor has found a problem, and ends.
        let said = doctor.output().map_err(|e| format!("can't start doctor: {e}"))?.stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        let line = said.lines().find(|line| line.contains(" dns ")).unwrap_or_default();
        let took = line
            .strip_prefix("ok")
            .and_then(|line| line.trim_end().strip_suffix(" ms")?.rsplit(' ').next()?.parse().ok());
        took.ok_or_else(|| {
            let shown = if line.is_empty() { process::last_lines(&said, 3) } else { line.to_owned() };
            format!("{host}: {shown}")
        })
    }
}

fn serve(server: usize, address: &str) -> std::io::Result<()> {
    let address: SocketAddr = address.parse().map_err(std::io::Error::other)?;
    let (udp, tcp) = (UdpSocket::bind(address)?, TcpListener::bind(address)?);
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut question) {
            if let Some(answer) = answer(server, &question[..length], false) {
                let _ = udp.send_to(&answer, from);
            }
        }
    });
    thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in tcp.incoming().flatten() {
            let mut length = [0; 2];
            let mut question = Vec::new();
            if stream.read_exact(&mut length).is_ok() {
                question.resize(usize::from(u16::from_be_bytes(length)), 0);
            }
            if stream.read_exact(&mut question).is_ok()
                && let Some(answer) = answer(server, &question, true)
            {
                let length = u16::try_from(answer.len()).unwrap_or_default().to_be_bytes();
                let _ = stream.write_all(&[&length, answer.as_slice()].concat());
            }
            // Who gets no answer here waits for it.
            open.push(stream);
        }
    });
    Ok(())
}

/// RFC 1035, as far as a question for one address needs it; what is said stands in the name.
fn answer(server: usize, question: &[u8], tcp: bool) -> Option<Vec<u8>> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while let Some(length) = question.get(at).filter(|length| **length > 0) {
        let end = at + 1 + usize::from(*length);
        labels.push(String::from_utf8_lossy(question.get(at + 1..end)?).to_ascii_lowercase());
        at = end;
    }
    let v6 = question.get(at + 1..at + 3)? == [0, 28];
    let whose = [["first", "second"][server], if v6 { "v6" } else { "v4" }, "any"];
    let name_of_both = [if v6 { "cut-v6" } else { "cut-v4" }];
    let cut = labels.iter().any(|label| name_of_both.contains(&label.as_str()));
    let word = labels.iter().find_map(|label| {
        let (who, what) = label.split_once('-')?;
        whose.contains(&who).then(|| what.to_owned())
    });
    let known = labels.last().is_some_and(|label| label == "test");
    let word = match word {
        _ if !known => "nxdomain".to_owned(),
        _ if cut && !tcp => "truncated".to_owned(),
        word => word.unwrap_or_default(),
    };
    let (code, addresses) = match word.as_str() {
        "silent" => return None,
        "empty" => return Some([question.get(..2)?, &[0x81, 0x82, 0, 0, 0, 0, 0, 0, 0, 0]].concat()),
        // Cut off, and over TCP nothing at all.
        "truncated" if tcp => return None,
        "truncated" | "nodata" => (0, 0),
        "formerr" => (1, 0),
        "servfail" => (2, 0),
        "nxdomain" => (3, 0),
        "notimp" => (4, 0),
        "refused" => (5, 0),
        _ => (0, 1),
    };
    let mut answer = question.get(..at + 5)?.to_vec();
    let bits = if word == "truncated" { 0x83 } else { 0x81 };
    answer[2..12].copy_from_slice(&[bits, 0x80 | code, 0, 1, 0, addresses, 0, 0, 0, 0]);
    match (addresses, v6) {
        (0, _) => {}
        (_, false) => answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]),
        (_, true) => {
            answer.extend([0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 0, 0, 16]);
            answer.extend(std::net::Ipv6Addr::LOCALHOST.octets());
        }
    }
    Some(answer)
}
