//! One hard case after the other.

use super::*;

fn put(log: &mut Log, n: u64, length: usize) {
    log.put(id(n), bytes(n, 300), Some(bytes(n + 1, length)));
}

fn is_there(log: &Log, n: u64, length: usize) -> bool {
    log.envelope(id(n)).is_ok_and(|e| e == bytes(n, 300))
        && log.body(id(n)).is_ok_and(|b| b == bytes(n + 1, length))
}

#[test]
fn p1_what_is_written_into_a_file_that_was_removed_is_not_kept_there() {
    let disk = MemoryDisk::new(None);
    let (mut log, _) = open(&disk);
    put(&mut log, 1, 100);
    log.commit().unwrap();
    disk.clone().remove(&log.lies(id(1))[0].0).unwrap();
    put(&mut log, 2, 100);
    log.commit().unwrap();
    disk.power_cut(|| false);
    let (log, opened) = open(&disk);
    assert!(opened.bad.is_empty());
    assert!(is_there(&log, 1, 100), "what lay there was copied while it could be read");
    assert!(is_there(&log, 2, 100));
}

#[test]
fn p1_one_bad_sector_takes_one_record() {
    for tile in 16..60 {
        let disk = MemoryDisk::new(None);
        let (mut log, _) = open(&disk);
        (0..8).for_each(|n| put(&mut log, n, 700));
        log.commit().unwrap();
        put(&mut log, 99, 0);
        log.commit().unwrap();
        let file = log.lies(id(0))[0].0.clone();
        for at in tile * 512..(tile + 1) * 512 {
            disk.flip(&file, at, 0xff);
        }
        let (log, opened) = open(&disk);
        let whole = (0..8).filter(|n| is_there(&log, *n, 700)).count();
        assert!(whole >= 7, "tile {tile}: {whole} of 8");
        assert_eq!(whole == 7, !opened.bad.is_empty(), "tile {tile}: {:?}", opened.bad);
    }
}

#[test]
fn p6_ends_are_forgotten_only_when_nothing_older_lies_anywhere() {
    let disk = MemoryDisk::new(None);
    let (mut log, _) = open(&disk);
    put(&mut log, 1, 100);
    log.commit().unwrap();
    for n in 2..6000 {
        log.end(id(n), Some(Settlement::Delivered), at());
        if n % 40 == 0 {
            log.commit().unwrap();
        }
    }
    log.commit().unwrap();
    check_counts(&log);
    assert!(log.ends.len() < 4000, "{}", log.ends.len());
    drop(log);
    let (log, _) = open(&disk);
    assert!(is_there(&log, 1, 100) && log.settled(id(5999)).is_some());
}

#[test]
fn a_log_of_a_later_version_is_refused() {
    let disk = MemoryDisk::new(None);
    drop(open(&disk));
    let path = dir().join("001");
    let mut label = segment::Label::default().write(1, SEGMENT);
    label[8] = 9;
    let sum = crc::crc(&label[..60]);
    label[60..64].copy_from_slice(&sum.to_le_bytes());
    let mut all = disk.read(&path, u64::MAX).unwrap();
    all[..label.len()].copy_from_slice(&label);
    disk.clone().write_durably(&path, &all).unwrap();
    let refused = Log::open(&mut disk.clone(), &dir(), size(5), true).map(drop);
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::Unsupported);
}

#[test]
fn a_start_reads_what_a_hundred_bodies_in_many_pieces_left() {
    let disk = MemoryDisk::new(None);
    let (mut log, _) = Log::open(&mut disk.clone(), &dir(), size(60), true).unwrap();
    for n in 0..10 {
        let length = 200_000 + n as usize;
        while log.used() + cost(300, length) > log.capacity() {
            assert!(log.grow(&mut disk.clone()).unwrap());
        }
        put(&mut log, n, length);
        log.commit().unwrap();
    }
    disk.power_cut(|| false);
    let (log, opened) = Log::open(&mut disk.clone(), &dir(), size(60), true).unwrap();
    assert_eq!(opened.tasks.len(), 10);
    assert!((0..10).all(|n| is_there(&log, n, 200_000 + n as usize)));
    check_counts(&log);
}
