//! A task that ends the process while it is read, and one that only seems to.

use super::*;

/// Starts that end when this record is read by itself, as often as said.
fn die_reading(disk: &MemoryDisk, record: &(PathBuf, std::ops::Range<usize>), times: usize) {
    for _ in 0..times {
        let (dying, record) = (disk.clone(), record.clone());
        let died = std::thread::spawn(move || {
            dying.set_deadly(Some(record));
            let _ = Spool::open(Box::new(dying), config());
        })
        .join();
        assert!(died.is_err());
        disk.set_deadly(None);
        disk.process_ends();
    }
}

/// A task whose result, the seventh, is kept, and where its envelope lies.
fn keep_one(disk: &MemoryDisk) -> (TaskId, (PathBuf, std::ops::Range<usize>)) {
    let (mut spool, _) = open(disk);
    let id = accept(&mut spool, 1).unwrap();
    spool.keep_outcome(id, &outcome(7)).unwrap();
    spool.commit().unwrap();
    // The start that comes next moves nothing any more.
    drop(spool);
    let (mut spool, _) = open(disk);
    vouch(&mut spool);
    (id, spool.lies(id)[0].clone())
}

#[test]
fn p3_a_task_that_ends_the_process_whenever_it_is_read_is_left_aside_with_a_word() {
    let disk = MemoryDisk::new(None);
    let (_, record) = keep_one(&disk);
    let (mut spool, _) = open(&disk);
    accept(&mut spool, 2).unwrap();
    drop(spool);
    die_reading(&disk, &record, 7);
    let (_, found) = open(&disk);
    assert_eq!(found.tasks.len(), 1, "the other one comes back");
    assert_eq!(found.quarantined.len(), 1, "out of the way, and told");
}

#[test]
fn p1_a_task_that_can_be_read_after_all_is_no_poison() {
    let disk = MemoryDisk::new(None);
    let (id, record) = keep_one(&disk);
    for deaths in [3, 1, 1] {
        die_reading(&disk, &record, deaths);
    }
    let (mut spool, found) = open(&disk);
    assert!(found.quarantined.is_empty() && found.damaged.is_empty());
    assert_eq!(spool.outcome(id).unwrap(), outcome(7));
}

#[test]
fn p1_power_cuts_and_ends_at_any_step_of_a_start_make_no_poison() {
    for luck in [false, true] {
        for steps in 0..60 {
            let disk = MemoryDisk::new(None);
            let (id, record) = keep_one(&disk);
            die_reading(&disk, &record, 3);
            for _ in 0..2 {
                disk.halt_after(steps);
                let _ = Spool::open(Box::new(disk.clone()), config());
                disk.power_cut(|| luck);
            }
            let (mut spool, found) = open(&disk);
            assert!(found.quarantined.is_empty(), "after {steps} steps");
            assert_eq!(spool.outcome(id).unwrap(), outcome(7), "after {steps} steps");
        }
    }
}
