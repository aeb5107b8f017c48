//! Tasks that an app settles: their inputs stay, and what was left unsaid can be said later.

use super::*;

fn pushed(n: u64) -> TaskId {
    token(n).id()
}

/// As an app adopts it.
fn adopt(spool: &mut Spool, n: u64, input: Option<&str>) {
    let origin = Origin::written("aws", "eu-west-1", "123456789012", None);
    let task = NewTask {
        token: &token(n),
        origin: &origin,
        scope: &Scope::default(),
        activity: None,
        deferred: true,
        input: input.unwrap_or("{}"),
        said: Said { input: input.is_some(), origin: false, scope: false },
        max_output: MAX_OUTPUT,
        accepted: now(),
        expires: None,
    };
    spool.accept(&task).unwrap();
    spool.commit().unwrap();
}

fn later(input: &str) -> Later {
    Later { input: Some(input.into()), ..Later::default() }
}

/// Nothing more fits the disk.
fn fill(disk: &MemoryDisk) {
    let mut other = disk.clone();
    for size in [10_000, 100, 1] {
        for n in 0.. {
            let file = PathBuf::from(format!("/other-{size}-{n}"));
            if other.write(&file, &vec![0; size]).is_err() {
                other.remove(&file).unwrap();
                break;
            }
        }
    }
}

#[test]
fn field_22_the_input_stays_with_the_answer_on_a_disk_that_is_full_by_then() {
    let disk = MemoryDisk::new(Some(2 << 20));
    let (mut spool, _) = open_small(&disk);
    let input = format!("\"{}\"", "x".repeat(20_000));
    adopt(&mut spool, 1, Some(&input));
    let held = spool.bytes();
    fill(&disk);
    let answer = Outcome::from(crate::Output::parse(format!("\"{}\"", "y".repeat(MAX_OUTPUT - 2))));
    spool.keep_outcome(pushed(1), &answer).unwrap();
    spool.commit().unwrap();
    assert!(spool.bytes() <= held, "it was written into the room set aside");
    assert_eq!(spool.outcome(pushed(1)).unwrap(), answer);
    assert_eq!(spool.input(pushed(1)).unwrap(), input);
    drop(spool);
    disk.power_cut(|| false);
    let (mut spool, found) = open_small(&disk);
    assert!(found.tasks[0].has_outcome);
    assert_eq!(spool.outcome(pushed(1)).unwrap(), answer);
    assert_eq!(spool.input(pushed(1)).unwrap(), input);
}

#[test]
fn field_22_a_start_sets_room_aside_for_the_input_too() {
    let disk = MemoryDisk::new(Some(2 << 20));
    let (mut spool, _) = open_small(&disk);
    let input = format!("\"{}\"", "x".repeat(20_000));
    adopt(&mut spool, 1, Some(&input));
    drop(spool);
    let (mut spool, _) = open_small(&disk);
    assert!(spool.owed * log::TILE as u64 > 20_000);
    fill(&disk);
    spool.keep_outcome(pushed(1), &outcome(1)).unwrap();
    spool.commit().unwrap();
    assert_eq!(spool.input(pushed(1)).unwrap(), input);
}

#[test]
fn field_22_an_input_that_finds_no_room_does_not_cost_the_answer() {
    let disk = MemoryDisk::new(Some(2 << 20));
    let (mut spool, _) = open_small(&disk);
    adopt(&mut spool, 1, Some(&format!("\"{}\"", "x".repeat(20_000))));
    // As in a folder that was made anew on a full disk: nothing is promised, and others have taken what was free.
    spool.owe(pushed(1), 0);
    fill(&disk);
    let mut n = 10;
    while accept(&mut spool, n).is_ok() {
        n += 1;
    }
    for length in [20_000, 5000, 1000] {
        while accept_with(&mut spool, n, &"x".repeat(length)).is_ok() {
            n += 1;
        }
    }
    spool.commit().unwrap();
    spool.settle(token(10).id(), Settlement::Delivered, now());
    spool.commit().unwrap();
    spool.keep_outcome(pushed(1), &outcome(1)).unwrap();
    spool.commit().unwrap();
    assert_eq!(spool.outcome(pushed(1)).unwrap(), outcome(1));
    assert!(matches!(spool.input(pushed(1)), Err(ReadError::NoSuchTask(_))));
}

#[test]
fn field_22_no_damage_behind_an_answer_touches_it() {
    let (outcome, input) = (Outcome::failure("No", "because"), Some("\"what was asked\"".to_owned()));
    let bytes = format::encode_body(&Body::Outcome(outcome.clone(), input));
    let input = bytes.windows(4).position(|tag| tag == b"INPT").unwrap();
    let mut ills: Vec<_> = (input..bytes.len()).map(|end| bytes[..end].to_vec()).collect();
    ills.extend((input..bytes.len()).map(|at| {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        flipped
    }));
    for ill in ills {
        let Some(Body::Outcome(read, None)) = format::decode_body(&ill, true) else { panic!() };
        assert_eq!(read, outcome);
    }
}

#[test]
fn field_22_a_handlers_task_keeps_no_input() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    spool.keep_outcome(id, &outcome(1)).unwrap();
    assert!(matches!(spool.input(id), Err(ReadError::NoSuchTask(_))));
}

#[test]
fn field_23_what_was_unsaid_is_said_once_and_survives_the_power() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    adopt(&mut spool, 1, None);
    let (id, bob) = (pushed(1), Scope("bob".into()));
    let end = now() + Duration::from_secs(60);
    assert!(spool.complete(id, &later("[1]")).unwrap());
    assert!(
        spool.complete(id, &Later { scope: Some(bob.clone()), expires: Some(end), ..later("[2]") }).unwrap()
    );
    assert!(!spool.complete(id, &Later::default()).unwrap());
    let other = Later { scope: Some(Scope("eve".into())), expires: Some(now()), ..later("[3]") };
    assert!(!spool.complete(id, &other).unwrap());
    spool.commit().unwrap();
    drop(spool);
    disk.power_cut(|| false);
    let (mut spool, found) = open(&disk);
    assert_eq!(spool.input(id).unwrap(), "[1]");
    assert_eq!((found.tasks[0].scope.clone(), found.tasks[0].expires), (bob, Some(end)));
    assert_eq!(found.tasks[0].said, Said { origin: false, ..Said::ALL });
    // The room grew with it.
    spool.keep_outcome(id, &outcome(1)).unwrap();
    assert!(
        !spool
            .complete(id, &Later { origin: Some(Origin::written("a", "b", "c", None)), ..Later::default() })
            .unwrap()
    );
    assert_eq!(spool.outcome(id).unwrap(), outcome(1));
}

#[test]
fn field_23_a_disk_that_refuses_a_later_word_keeps_the_task_as_it_was() {
    for op in [Op::Write, Op::Fsync] {
        let disk = MemoryDisk::new(None);
        let (mut spool, _) = open(&disk);
        adopt(&mut spool, 1, None);
        disk.set_fault(move |did, _| (did == op).then(broken));
        assert!(spool.complete(pushed(1), &later("[1]")).unwrap(), "{op:?}");
        assert!(spool.commit().is_err());
        disk.clear_fault();
        assert_eq!(spool.input(pushed(1)).unwrap(), "{}");
        assert!(spool.complete(pushed(1), &later("[2]")).unwrap(), "written anew");
        spool.commit().unwrap();
        assert_eq!(spool.input(pushed(1)).unwrap(), "[2]");
        drop(spool);
        disk.power_cut(|| false);
        assert_eq!(open(&disk).0.input(pushed(1)).unwrap(), "[2]");
    }
}

#[test]
fn field_23_a_later_input_stays_within_max_bytes() {
    let disk = MemoryDisk::new(None);
    let config = SpoolConfig { max_bytes: 5 * (256 << 10), ..config() };
    let (mut spool, _) = Spool::open(Box::new(disk.clone()), config).unwrap();
    adopt(&mut spool, 1, None);
    adopt(&mut spool, 2, None);
    let large = format!("\"{}\"", "x".repeat(700_000));
    let error = spool.complete(pushed(1), &later(&large)).unwrap_err();
    assert!(error.to_string().contains("max_bytes"), "{error}");
    assert!(spool.complete(pushed(2), &later("[2]")).unwrap());
}
