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
fn p1_a_file_that_can_be_read_after_all_is_no_poison() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    spool.keep_outcome(id, &outcome(7)).unwrap();
    spool.commit().unwrap();
    drop(spool);
    for deaths in [3, 1, 1] {
        die_reading(&disk, &format!("{id}.task"), deaths);
    }
    let (mut spool, found) = open(&disk);
    assert!(found.quarantined.is_empty() && found.damaged.is_empty());
    assert_eq!(spool.outcome(id).unwrap(), outcome(7));
}
