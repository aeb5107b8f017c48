//! Files that end the process while they are read, and files that only seem to.

use super::*;

/// Starts that end when a file is read, as often as said.
fn die_reading(disk: &MemoryDisk, file: &str, times: usize) {
    for _ in 0..times {
        let (dying, file) = (disk.clone(), file.to_owned());
        let died = std::thread::spawn(move || {
            dying.set_fault(move |op, path| {
                if op == Op::Read && path.ends_with(&file) {
                    std::panic::resume_unwind(Box::new("the process ends"));
                }
                None
            });
            let _ = Spool::open(Box::new(dying), config());
        })
        .join();
        assert!(died.is_err());
        disk.clear_fault();
        disk.process_ends();
    }
}

/// A task whose result, the seventh, is kept.
fn keep_one(disk: &MemoryDisk) -> TaskId {
    let (mut spool, _) = open(disk);
    let id = accept(&mut spool, 1).unwrap();
    spool.keep_outcome(id, &outcome(7)).unwrap();
    spool.commit().unwrap();
    id
}

#[test]
fn p3_a_file_that_ends_the_process_whenever_it_is_read_is_left_aside_with_a_word() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    accept(&mut spool, 1).unwrap();
    accept(&mut spool, 2).unwrap();
    drop(spool);
    let name = format!("{}.task", token(1).id());
    die_reading(&disk, &name, 6);
    let (_, found) = open(&disk);
    assert_eq!(found.tasks.len(), 1, "the other one comes back");
    assert_eq!(found.quarantined, [dir().join("quarantine").join(name)], "out of the way, and told");
    drop(found);
    assert!(open(&disk).1.quarantined.is_empty(), "once");
}

#[test]
fn p1_a_file_that_can_not_be_read_now_goes_back_too() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    drop(spool);
    die_reading(&disk, &format!("{id}.task"), 3);
    disk.set_fault(|op, path| (op == Op::Read && path.starts_with(dir().join("quarantine"))).then(broken));
    let (mut spool, found) = open(&disk);
    assert_eq!((found.quarantined.len(), found.unreadable.len()), (0, 1));
    disk.clear_fault();
    assert_eq!(spool.reread().tasks.len(), 1);
}

#[test]
fn p1_a_file_that_can_not_go_back_now_goes_back_later() {
    for op_that_fails in [Op::Rename, Op::SyncDir] {
        for restarts in [false, true] {
            let disk = MemoryDisk::new(None);
            let id = keep_one(&disk);
            let (mut spool, _) = open(&disk);
            // Others are read after it.
            for n in 2..9 {
                accept(&mut spool, n).unwrap();
            }
            drop(spool);
            die_reading(&disk, &format!("{id}.task"), 3);
            let mut seen = false;
            disk.set_fault(move |op, path| {
                // From the moment at which it is looked at.
                seen |= op == Op::Read && path.starts_with(dir().join("quarantine"));
                (seen && op == op_that_fails).then(broken)
            });
            let (mut spool, found) = open(&disk);
            assert_eq!((found.quarantined.len(), found.unreadable.len()), (0, 1));
            disk.clear_fault();
            if restarts {
                drop((spool, found));
                spool = open(&disk).0;
            } else {
                assert_eq!(spool.reread().tasks.len(), 1);
            }
            assert_eq!(spool.outcome(id).unwrap(), outcome(7));
        }
    }
}

#[test]
fn p1_a_file_that_was_set_aside_to_be_looked_at_is_found_again_after_a_power_cut() {
    for luck in [false, true] {
        for steps in 0..60 {
            let disk = MemoryDisk::new(None);
            let id = keep_one(&disk);
            die_reading(&disk, &format!("{id}.task"), 3);
            disk.halt_after(steps);
            let _ = Spool::open(Box::new(disk.clone()), config());
            disk.power_cut(|| luck);
            let (mut spool, found) = open(&disk);
            assert!(found.quarantined.is_empty(), "after {steps} steps");
            assert_eq!(spool.outcome(id).unwrap(), outcome(7), "after {steps} steps");
        }
    }
}

#[test]
fn p3_a_file_that_was_just_set_aside_when_the_process_died_is_told_and_outlives_the_power() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    assert!(disk.rot(&dir().join(format!("tasks/{id}.task")), 40), "within the envelope");
    drop(spool);
    // Until a start ends right after the file was moved.
    let renamed = dir().join("quarantine").join(format!("{id}.task"));
    for steps in 1.. {
        disk.halt_after(steps);
        let died = Spool::open(Box::new(disk.clone()), config()).is_err() || disk.is_halted();
        let (was_moved, was_halted) = (disk.has(&renamed), disk.is_halted());
        disk.process_ends();
        assert!(died && was_halted, "else this tests nothing");
        if was_moved {
            break;
        }
    }
    let (mut spool, found) = open(&disk);
    assert_eq!(found.quarantined, std::slice::from_ref(&renamed));
    accept(&mut spool, 2).unwrap();
    drop(spool);
    disk.power_cut(|| false);
    assert!(disk.has(&renamed));
}

#[test]
fn p1_a_file_that_can_be_read_after_all_is_no_poison() {
    let disk = MemoryDisk::new(None);
    let id = keep_one(&disk);
    for deaths in [3, 1, 1] {
        die_reading(&disk, &format!("{id}.task"), deaths);
    }
    let (mut spool, found) = open(&disk);
    assert!(found.quarantined.is_empty() && found.damaged.is_empty());
    assert_eq!(spool.outcome(id).unwrap(), outcome(7));
}
