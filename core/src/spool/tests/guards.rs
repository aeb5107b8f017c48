//! What the spool refuses, so that nothing takes the place of what it keeps.

use super::*;

#[test]
fn p1_a_second_task_of_the_same_token_takes_the_place_of_no_kept_outcome() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    spool.keep_outcome(id, &outcome(1)).unwrap();
    spool.commit().unwrap();
    assert!(matches!(accept(&mut spool, 1), Err(SpoolError::Known(_))));
    assert_eq!(spool.outcome(id).unwrap(), outcome(1));
}

#[test]
fn p3_a_damaged_task_is_found_again_until_its_failure_is_kept() {
    for has_space in [true, false] {
        let disk = MemoryDisk::new(None);
        let (mut spool, _) = open(&disk);
        let id = accept_with(&mut spool, 1, &"x".repeat(500)).unwrap();
        spool.commit().unwrap();
        vouch(&mut spool);
        rot(&disk, &spool, id, 1, 300);
        drop(spool);
        if !has_space {
            // Nor is there space for a copy.
            let aside = dir().join("quarantine");
            disk.set_fault(move |op, path| (op == Op::Write && path.starts_with(&aside)).then(broken));
        }
        for _ in 0..3 {
            let (_, found) = open(&disk);
            assert_eq!(found.damaged.len(), 1);
            disk.power_cut(|| false);
        }
        let quarantined = disk.files().iter().filter(|f| f.starts_with(dir().join("quarantine"))).count();
        assert_eq!(quarantined, usize::from(has_space), "one copy, however often it is found");
        let (mut spool, _) = open(&disk);
        spool.keep_outcome(id, &Outcome::failure("Worker.Damaged", "")).unwrap();
        spool.commit().unwrap();
        drop(spool);
        assert!(open(&disk).1.tasks[0].has_outcome);
    }
}

#[test]
fn a_copied_folder_stays_copied_and_one_whose_owner_cannot_be_read_is_not_taken() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    accept(&mut spool, 1).unwrap();
    drop(spool);
    let other = || SpoolConfig { machine_id: Some("other".into()), ..config() };
    disk.set_fault(|op, path| (op == Op::Read && path.starts_with(dir().join("log"))).then(broken));
    let (mut spool, found) = Spool::open(Box::new(disk.clone()), other()).unwrap();
    assert!(found.copied);
    disk.clear_fault();
    let found = spool.reread();
    assert_eq!((found.tasks.len(), found.copied), (1, true), "what is read later is copied too");
    drop(spool);

    disk.set_fault(|op, path| (op == Op::Read && path.ends_with("owner")).then(broken));
    assert!(matches!(Spool::open(Box::new(disk.clone()), other()), Err(SpoolError::Io { .. })));
    disk.clear_fault();
    assert!(Spool::open(Box::new(disk.clone()), other()).unwrap().1.copied, "it did not become the other's");
}

#[test]
fn p1_a_run_that_is_counted_swallows_no_failed_sync_of_a_task_staged_before() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let first = accept(&mut spool, 1).unwrap();
    let second = accept_with(&mut spool, 2, "{}").unwrap();
    disk.set_fault(|op, _| (op == Op::Fsync).then(broken));
    assert_eq!(spool.count_run(first).unwrap(), 1);
    assert!(spool.commit().is_err());
    assert!(matches!(spool.input(second), Err(ReadError::NoSuchTask(_))), "so the second task is given up");
    assert_eq!(spool.task(first).unwrap().runs, 0);
}

#[test]
fn p2_a_disk_that_refused_a_task_has_no_room_until_it_takes_something_again() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    spool.probe_again();
    assert!(spool.make_room(1000, 1) > 0);
    // Read-only, with space left.
    disk.set_fault(|op, _| (op == Op::Write).then(|| io::ErrorKind::ReadOnlyFilesystem.into()));
    assert!(accept(&mut spool, 1).is_err());
    spool.probe_again();
    assert_eq!(spool.room(1000), 0);
    disk.clear_fault();
    spool.probe_again();
    assert!(spool.room(1000) > 0);

    // What can't be synced keeps no task either.
    disk.set_fault(|op, _| (op == Op::Fsync).then(broken));
    assert!(accept(&mut spool, 2).is_err());
    spool.probe_again();
    assert_eq!(spool.room(1000), 0);
    disk.clear_fault();
    spool.probe_again();
    assert!(spool.room(1000) > 0);

    // One that fails once goes on.
    let mut failed = false;
    disk.set_fault(move |op, _| (op == Op::Fsync && !std::mem::replace(&mut failed, true)).then(broken));
    accept(&mut spool, 3).unwrap();
    assert!(spool.room(1000) > 0);
}

#[test]
fn p1_a_task_that_is_over_does_not_come_back_with_its_records() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    spool.keep_outcome(id, &outcome(1)).unwrap();
    spool.commit().unwrap();
    spool.settle(id, Settlement::Delivered, now());
    assert!(spool.owes_ends() && spool.settled(id).is_some());
    spool.commit().unwrap();
    assert!(!spool.owes_ends());
    drop(spool);
    disk.power_cut(|| false);
    let (spool, found) = open(&disk);
    assert!(found.tasks.is_empty() && spool.is_empty());
    assert_eq!(spool.settled(id), Some(Settlement::Delivered));
}

/// Until its end is on disk a task is there: it is reported once more, which the service answers.
#[test]
fn p1_an_end_that_was_not_synced_takes_nothing_along() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    spool.keep_outcome(id, &outcome(1)).unwrap();
    spool.commit().unwrap();
    spool.settle(id, Settlement::Delivered, now());
    drop(spool);
    disk.power_cut(|| false);
    assert_eq!(open(&disk).0.outcome(id).unwrap(), outcome(1));
}

/// Found by the simulator: the disk refused the end, and the same token, adopted again, was a new task.
#[test]
fn p6_an_end_that_the_disk_refuses_is_remembered_and_written_with_the_next_one() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let ids: Vec<_> = (1..=3).map(|n| accept(&mut spool, n).unwrap()).collect();
    spool.settle(ids[0], Settlement::Delivered, now());
    spool.commit().unwrap();
    disk.set_fault(|op, _| (op == Op::Fsync).then(broken));
    spool.settle(ids[1], Settlement::TooLate, now());
    assert!(spool.commit().is_err());
    assert_eq!(spool.settled(ids[1]), Some(Settlement::TooLate));
    disk.clear_fault();
    spool.settle(ids[2], Settlement::Retracted, now());
    spool.commit().unwrap();
    drop(spool);
    disk.power_cut(|| false);
    let (spool, found) = open(&disk);
    let ends = [Settlement::Delivered, Settlement::TooLate, Settlement::Retracted];
    assert_eq!(ids.iter().map(|id| spool.settled(*id).unwrap()).collect::<Vec<_>>(), ends);
    assert!(found.tasks.is_empty());
}

/// A date in the next century would make every date of the service look old; another machine's name would make every task another's.
#[test]
fn p8_no_flipped_bit_sets_the_date_or_the_owner_to_something_else() {
    for name in ["date", "owner"] {
        for bit in 0..8 * 60 {
            let disk = MemoryDisk::new(None);
            let (mut spool, _) = open(&disk);
            spool.keep_date(now()).unwrap();
            drop(spool);
            if !disk.rot_bit(&dir().join(name), bit as usize / 8, bit) {
                break;
            }
            let (spool, found) = open(&disk);
            assert!(!found.copied, "{name}, bit {bit}");
            assert!(spool.date_floor().is_none_or(|floor| floor == now()), "{name}, bit {bit}");
        }
    }
}

/// Earlier versions kept what one answer said.
#[test]
fn field_10_a_date_of_an_earlier_version_is_known_as_one_that_nobody_confirmed() {
    let kept = |text: &str| {
        let mut disk = MemoryDisk::new(None);
        drop(open(&disk));
        disk.process_ends();
        disk.write_durably(&dir().join("date"), text.as_bytes()).unwrap();
        let (spool, _) = open(&disk);
        (spool.date_floor(), spool.is_date_confirmed())
    };
    assert_eq!(kept(&format::seal("1800000000")), (Some(now()), false));
    assert_eq!(kept(&format::seal("1800000000 confirmed")), (Some(now()), true));
    for text in
        ["18446744073709551615", "18446744073709551616", "-1", "", " confirmed", "1 confirmed confirmed"]
    {
        assert_eq!(kept(&format::seal(text)), (None, false), "{text}");
    }
    assert_eq!(kept("1800000000 confirmed 1\n"), (None, false));
}

#[test]
fn p1_a_start_on_a_disk_that_is_full_by_now_gives_no_room_away() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    drop(spool);
    disk.set_capacity(Some(disk.used()));
    let (mut spool, _) = open(&disk);
    // Others take what the start left.
    disk.set_capacity(Some(disk.used()));
    let largest = Outcome::from(crate::Output::parse(format!("\"{}\"", "x".repeat(MAX_OUTPUT - 2))));
    spool.keep_outcome(id, &largest).unwrap();
    spool.commit().unwrap();
    assert_eq!(spool.outcome(id).unwrap(), largest);
}

#[test]
fn p1_a_letter_that_was_left_outlives_the_power() {
    let disk = MemoryDisk::new(None);
    let inbox = Inbox::of(&dir());
    let id = inbox.leave_token_on(&mut disk.clone(), &crate::Adoption::new(token(1))).unwrap();
    inbox.leave_answer_on(&mut disk.clone(), id, &outcome(1)).unwrap();
    disk.power_cut(|| false);
    let (mut spool, _) = open(&disk);
    let letters = spool.letters().unwrap();
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(matches!(spool.letter(&letters[0]), Ok(Letter::Token(adoption)) if adoption.token == token(1)));
    assert!(
        matches!(spool.letter(&letters[1]), Ok(Letter::Answer(of, kept)) if (of, &kept) == (id, &outcome(1)))
    );
}
