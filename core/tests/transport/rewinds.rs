//! A server whose certificate has run out, and who answers the question for the date with one within its validity: whoever holds an
//! old key. The true date of these tests is the first of June 2030; the certificate ended a week before.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use activity_worker::TaskToken;
use activity_worker::aws::{ActivityClient, Credentials, Endpoint, HttpsTransport, StaticCredentials};
use activity_worker::clock::{Clock, ManualClock, ServerClock};

use crate::AMPLE;
use crate::peer::{Ca, Day, LONG_AGO, Peer};

const DAY: Duration = Duration::from_secs(86_400);

fn today() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_906_502_400)
}

struct Device {
    wall: ManualClock,
    clock: Arc<ServerClock>,
    ca: Ca,
}

impl Device {
    fn at(wall: SystemTime) -> Self {
        let wall = ManualClock::new(wall);
        Device { clock: Arc::new(ServerClock::new(Arc::new(wall.clone()))), wall, ca: Ca::root() }
    }

    fn client(&self, peer: &Peer) -> ActivityClient {
        let transport = HttpsTransport::builder()
            .clock(Arc::clone(&self.clock))
            .ca_file(self.ca.file().path().to_owned())
            .connect_timeout(AMPLE)
            .build();
        ActivityClient::builder("eu-west-1")
            .endpoint(Endpoint::own(&peer.url("https")).unwrap())
            .credentials(Arc::new(StaticCredentials::new(Credentials::new("A", "S", None, None))))
            .transport(Arc::new(transport.unwrap()))
            .clock(Arc::clone(&self.clock))
            .build()
            .unwrap()
    }

    /// Who says that it is `date`, and what this device believed at each request.
    fn server(&self, from: Day, until: Day, date: SystemTime) -> (Peer, Arc<Mutex<Vec<SystemTime>>>) {
        let believed = Arc::new(Mutex::new(Vec::new()));
        let (clock, noted) = (Arc::clone(&self.clock), Arc::clone(&believed));
        let answer = saying(date);
        let peer = Peer::tls(self.ca.server_dated("127.0.0.1", from, until), move |wire, seen| {
            while let Some(request) = seen.request(wire) {
                noted.lock().unwrap().push(clock.now());
                let end = if request.starts_with("HEAD") { answer.len() - 2 } else { answer.len() };
                if wire.write_all(&answer.as_bytes()[..end]).is_err() {
                    return;
                }
            }
        });
        (peer, believed)
    }

    /// The certificate ended a week ago.
    fn impostor(&self) -> Peer {
        self.server((2030, 3, 1), (2030, 5, 25), today() - 12 * DAY).0
    }

    fn gives_nothing_to(&self, peer: &Peer) {
        for _ in 0..3 {
            let error = self.client(peer).send_task_heartbeat(&TaskToken::new("a-token").unwrap());
            let error = error.unwrap_err();
            assert!(error.message.contains("certificate") && !error.maybe_taken, "{error}");
            let told: Vec<_> =
                peer.seen.requests().into_iter().filter(|r| !r.starts_with("HEAD / ")).collect();
            assert!(told.is_empty(), "{told:?}");
        }
    }
}

fn saying(date: SystemTime) -> String {
    let date = httpdate::fmt_http_date(date);
    format!(
        "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-type: application/x-amz-json-1.0\r\nx-amzn-requestid: 1\r\ncontent-length: 2\r\n\r\n{{}}"
    )
}

#[test]
fn field_09_an_expired_certificate_gets_nothing_once_a_date_was_learnt() {
    for wall in [SystemTime::UNIX_EPOCH, today() - 12 * DAY, today(), today() + 25_000 * DAY] {
        let device = Device::at(wall);
        device.clock.learn(today(), device.wall.monotonic());
        device.gives_nothing_to(&device.impostor());
        assert_eq!(device.clock.now(), today());
    }
}

#[test]
fn field_09_an_expired_certificate_gets_nothing_once_a_date_was_kept_on_disk() {
    for wall in [SystemTime::UNIX_EPOCH, today() - 12 * DAY, today()] {
        let device = Device::at(wall);
        device.clock.raise_floor(today());
        device.gives_nothing_to(&device.impostor());
        assert_eq!(device.clock.now(), today());
    }
}

/// The date that was learnt goes on: a certificate that was good then is not for good.
#[test]
fn field_09_a_certificate_that_expired_since_the_last_answer_gets_nothing() {
    let device = Device::at(SystemTime::UNIX_EPOCH);
    device.clock.learn(today() - 20 * DAY, device.wall.monotonic());
    device.wall.advance(20 * DAY);
    device.gives_nothing_to(&device.impostor());
}

/// No thread sees the date of a stranger, and no signature or key is given away while nothing is proven.
#[test]
fn field_09_a_hint_is_for_one_handshake_and_for_nothing_else() {
    let device = Device::at(SystemTime::UNIX_EPOCH);
    let floor = device.clock.now();
    let (peer, believed) = device.server((2030, 3, 1), (2030, 9, 1), today());
    device.client(&peer).send_task_heartbeat(&TaskToken::new("a-token").unwrap()).unwrap();
    let asked = peer.seen.requests();
    let signed: Vec<_> = asked.iter().map(|r| r.contains("authorization")).collect();
    assert_eq!(signed, [false, false, true], "the question, the proof, the call: {asked:?}");
    assert_eq!(*believed.lock().unwrap(), [floor, floor, today()]);
    assert!(asked[2].contains("x-amz-date: 20300601T000000Z"), "{}", asked[2]);
    assert_eq!(peer.seen.resumed(), 0);
}

/// Whose certificate does not hold at the date that it tells proves nothing by it.
#[test]
fn field_09_a_hint_that_its_own_certificate_contradicts_is_of_no_use() {
    for date in [today() - 12 * DAY, today() + 400 * DAY, today() + 100_000 * DAY] {
        let device = Device::at(SystemTime::UNIX_EPOCH);
        let floor = device.clock.now();
        device.gives_nothing_to(&device.server((2030, 5, 25), (2030, 9, 1), date).0);
        assert_eq!(device.clock.now(), floor);
    }
}

/// Over a connection that is checked in full, too: whose certificate ends in a month does not know what will be in a year.
#[test]
fn field_10_a_date_beyond_the_servers_own_certificate_is_none() {
    for date in [today() + 37 * DAY, today() + 5 * 365 * DAY, SystemTime::UNIX_EPOCH + 2_932_896 * DAY] {
        let device = Device::at(today());
        let (peer, _) = device.server(LONG_AGO, (2030, 6, 20), date);
        let client = device.client(&peer);
        for _ in 0..3 {
            client.send_task_heartbeat(&TaskToken::new("a-token").unwrap()).unwrap();
            device.wall.advance(Duration::from_secs(10));
        }
        assert_eq!(device.clock.now(), today() + Duration::from_secs(30));
    }
}

/// One far date steers this process, and the next right one steers it back, over new connections too.
#[test]
fn field_10_a_process_that_was_steered_far_ahead_comes_back() {
    let device = Device::at(SystemTime::UNIX_EPOCH);
    device.clock.raise_floor(today() - DAY);
    let token = TaskToken::new("a-token").unwrap();
    let (liar, _) = device.server(LONG_AGO, (2031, 6, 1), today() + 37 * DAY);
    device.client(&liar).send_task_heartbeat(&token).unwrap();
    assert_eq!(device.clock.now(), today() + 37 * DAY);
    let (honest, _) = device.server(LONG_AGO, (2031, 6, 1), today());
    device.client(&honest).send_task_heartbeat(&token).unwrap();
    assert_eq!(device.clock.now(), today());
}

/// One thread asks a stranger for the date, and is kept waiting, while the others go on by what they know.
#[test]
fn field_09_other_threads_see_nothing_of_a_hint_under_way() {
    let device = Device::at(SystemTime::UNIX_EPOCH);
    let floor = device.clock.now();
    let (asked, is_asked) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let answer = saying(today());
    let config = device.ca.server_dated("127.0.0.1", (2030, 3, 1), (2030, 9, 1));
    let peer = Peer::tls(config, move |wire, seen| {
        while let Some(request) = seen.request(wire) {
            let is_question = request.starts_with("HEAD");
            if is_question {
                asked.send(()).unwrap();
                may_go_on.lock().unwrap().recv().unwrap();
            }
            let end = if is_question { answer.len() - 2 } else { answer.len() };
            if wire.write_all(&answer.as_bytes()[..end]).is_err() {
                return;
            }
        }
    });
    let (expired, _) = device.server(LONG_AGO, (2030, 5, 25), today() - 12 * DAY);
    thread::scope(|scope| {
        let call = scope.spawn(|| {
            device.client(&peer).send_task_heartbeat(&TaskToken::new("a-token").unwrap()).unwrap();
        });
        for _ in 0..2 {
            is_asked.recv().unwrap();
            assert_eq!((device.clock.now(), device.clock.certificate_date()), (floor, floor));
            go_on.send(()).unwrap();
        }
        call.join().unwrap();
    });
    assert_eq!(device.clock.now(), today());
    device.gives_nothing_to(&expired);
}
