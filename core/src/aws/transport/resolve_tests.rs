//! Look-ups that hang, come late, or come in parts.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;

const SOON: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(5);

/// The addresses found, or why there are none.
fn resolve(names: &Arc<Names>, host: &str, within: Duration) -> Result<Vec<IpAddr>, Unresolved> {
    names.resolve(host, within).map(|found| found.addresses())
}

/// A resolver that hangs until the returned sender is dropped, and a count of the look-ups it began.
fn black_hole() -> (Arc<Names>, mpsc::Sender<()>, Arc<AtomicUsize>) {
    let (release, hangs) = mpsc::channel::<()>();
    let hangs = Mutex::new(hangs);
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let names = Names::of(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        let _ = hangs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    });
    (names, release, begun)
}

#[test]
fn p6_a_hundred_requests_for_a_name_that_hangs_share_one_thread() {
    let (names, release, begun) = black_hole();
    for _ in 0..100 {
        assert_eq!(resolve(&names, "hangs.example", Duration::from_millis(1)), Err(Unresolved::TimedOut));
    }
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    drop(release);
}

#[test]
fn p6_no_more_than_four_names_hang_at_once_and_each_finds_room_again() {
    let (names, release, begun) = black_hole();
    for host in ["a", "b", "c", "d"] {
        assert_eq!(resolve(&names, host, SOON), Err(Unresolved::TimedOut));
    }
    assert_eq!(resolve(&names, "e", LONG), Err(Unresolved::Busy));
    drop(release);
    for host in ["a", "b", "c", "d"] {
        assert!(resolve(&names, host, LONG).is_ok());
    }
    assert!(resolve(&names, "e", LONG).is_ok());
    assert!(begun.load(Ordering::SeqCst) >= 5);
}

#[test]
fn p9_all_who_wait_for_one_name_get_its_answer() {
    let (names, release, _) = black_hole();
    assert_eq!(resolve(&names, "slow.example", SOON), Err(Unresolved::TimedOut));
    let together = Barrier::new(9);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                together.wait();
                assert_eq!(resolve(&names, "slow.example", LONG), Ok(vec![IpAddr::from([127, 0, 0, 1])]));
            });
        }
        together.wait();
        drop(release);
    });
}

#[test]
fn p9_closing_ends_the_waits() {
    let (names, release, _) = black_hole();
    let asked = Instant::now();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| resolve(&names, "hangs.example", LONG));
        names.close();
        assert_eq!(waiting.join().unwrap(), Err(Unresolved::Closed));
    });
    assert!(asked.elapsed() < LONG);
    assert_eq!(resolve(&names, "other.example", LONG), Err(Unresolved::Closed));
    drop(release);
}

#[test]
fn a_name_without_an_address_is_not_found() {
    let names = Names::of(|host| if host == "empty" { Ok(vec![]) } else { Err(io::ErrorKind::Other.into()) });
    assert_eq!(resolve(&names, "empty", LONG), Err(Unresolved::NotFound));
    assert_eq!(resolve(&names, "failing", LONG), Err(Unresolved::NotFound));
}

/// Tells what it is sent, until the sender is dropped.
fn told(addresses: mpsc::Receiver<Vec<IpAddr>>) -> Box<Lookup> {
    let addresses = Mutex::new(addresses);
    Box::new(move |_, _, tell| {
        addresses.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(tell);
    })
}

const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

#[test]
fn field_12_one_familys_addresses_wait_for_the_others_a_moment_at_most() {
    let (tell, addresses) = mpsc::channel();
    let names = Names::new(vec![told(addresses)]);
    tell.send(vec![V4]).unwrap();
    let asked = Instant::now();
    let mut found = names.resolve("host.example", LONG).unwrap();
    assert!((RESOLUTION_DELAY..LONG).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    assert_eq!((found.more(), found.is_over()), (vec![V4], false));
    // Whoever comes meanwhile takes part in it.
    assert_eq!(resolve(&names, "host.example", LONG), Ok(vec![V4]));
    tell.send(vec![V6]).unwrap();
    assert_eq!(resolve(&names, "host.example", LONG).map(|all| all.contains(&V4)), Ok(true));
    drop(tell);
    while !found.is_over() {
        assert!(found.more().iter().all(|address| *address == V6));
        thread::yield_now();
    }
    assert_eq!(found.addresses(), [V4, V6]);
}

#[test]
fn field_12_where_the_first_way_is_late_the_second_helps() {
    let (_silent, never) = mpsc::channel();
    let (help, helps) = mpsc::channel();
    help.send(vec![V4]).unwrap();
    let names = Names::new(vec![told(never), told(helps)]);
    // A quarter of the time is late.
    let asked = Instant::now();
    assert_eq!(resolve(&names, "host.example", LONG), Ok(vec![V4]));
    assert!(asked.elapsed() >= LONG / 4, "{:?}", asked.elapsed());
    // A clear no is one.
    let (no, nothing) = mpsc::channel();
    drop(no);
    let (_more, unasked) = mpsc::channel();
    let names = Names::new(vec![told(nothing), told(unasked)]);
    assert_eq!(resolve(&names, "host.example", LONG), Err(Unresolved::NotFound));
}

#[test]
fn field_12_an_address_needs_no_look_up() {
    let (names, _release, begun) = black_hole();
    for literal in [V4, V6] {
        assert_eq!(resolve(&names, &literal.to_string(), SOON), Ok(vec![literal]));
    }
    assert_eq!(begun.load(Ordering::SeqCst), 0);
}
