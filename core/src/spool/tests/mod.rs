//! The spool against a disk that fails and forgets, by promise.

mod ground;
mod guards;
mod loading;
mod odd;
mod phones;
mod random;
mod survey;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::*;
use crate::task::OUTPUT_MAX;
use crate::{Origin, Scope, TaskToken};

const MAX_OUTPUT: usize = 1000;

fn dir() -> PathBuf {
    PathBuf::from("/state")
}

fn config() -> SpoolConfig {
    SpoolConfig {
        inbox: None,
        dir: dir(),
        max_tasks: 8,
        max_bytes: 64 << 20,
        machine_id: Some("this".into()),
        allow_unsafe_storage: false,
    }
}

fn token(n: u64) -> TaskToken {
    TaskToken::new(format!("token-{n}")).unwrap()
}

fn open(disk: &MemoryDisk) -> (Spool, Found) {
    Spool::open(Box::new(disk.clone()), config()).unwrap()
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn accept_with(spool: &mut Spool, n: u64, input: &str) -> Result<TaskId, SpoolError> {
    let origin = Origin::written("aws", "eu-west-1", "123456789012", None);
    spool.accept(&NewTask {
        token: &token(n),
        origin: &origin,
        scope: &Scope::default(),
        activity: Some("arn:aws:states:eu-west-1:123456789012:activity:a"),
        deferred: false,
        input,
        said: Said::ALL,
        max_output: MAX_OUTPUT,
        accepted: now(),
        expires: None,
    })
}

fn accept(spool: &mut Spool, n: u64) -> Result<TaskId, SpoolError> {
    let id = accept_with(spool, n, "{\"in\":1}")?;
    spool.commit()?;
    Ok(id)
}

/// The next group vouches for what was written before.
fn vouch(spool: &mut Spool) {
    spool.settle(token(u64::MAX).id(), Settlement::Delivered, now());
    spool.commit().unwrap();
}

/// A bit flips in a record of the task: the one with its envelope, or a piece of its body; so many bytes behind its beginning.
fn rot(disk: &MemoryDisk, spool: &Spool, id: TaskId, record: usize, at: usize) {
    let (file, bytes) = spool.lies(id)[record].clone();
    assert!(disk.rot(&file, bytes.start + at));
}

/// A log of small segments, which may become as large as four MiB.
fn small() -> SpoolConfig {
    SpoolConfig { max_bytes: 4 << 20, ..config() }
}

fn open_small(disk: &MemoryDisk) -> (Spool, Found) {
    Spool::open(Box::new(disk.clone()), small()).unwrap()
}

fn outcome(n: u64) -> Outcome {
    Outcome::from(crate::Output::parse(format!("{{\"out\":{n}}}")))
}

fn broken() -> io::Error {
    io::Error::from_raw_os_error(5)
}

#[test]
fn what_is_kept_comes_back_as_it_was() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let input = "é".repeat(524_288);
    let (a, b) = (accept_with(&mut spool, 1, &input).unwrap(), accept(&mut spool, 2).unwrap());
    spool.keep_outcome(b, &Outcome::failure("E", "cause")).unwrap();
    spool.commit().unwrap();
    spool.keep_date(now()).unwrap();
    drop(spool);
    let (mut spool, found) = open(&disk);
    assert_eq!(found.tasks.len(), 2);
    assert_eq!(spool.input(a).unwrap(), input);
    assert_eq!(spool.outcome(b).unwrap(), Outcome::failure("E", "cause"));
    assert_eq!(spool.date_floor(), Some(now()));
    let task = found.tasks.iter().find(|t| t.has_outcome).unwrap();
    assert_eq!((task.token.id(), task.accepted), (b, now()));
}

#[test]
fn the_largest_output_and_the_longest_failure_fit_their_room() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let origin = Origin::written("aws", "eu-west-1", "123456789012", None);
    for n in 0..2 {
        let long = TaskToken::new(format!("{n}{}", "t".repeat(2047))).unwrap();
        let task = NewTask {
            token: &long,
            origin: &origin,
            scope: &Scope("u".repeat(256)),
            activity: None,
            deferred: true,
            input: "{}",
            said: Said::ALL,
            max_output: OUTPUT_MAX,
            accepted: now(),
            expires: None,
        };
        let id = spool.accept(&task).unwrap();
        let largest = match n {
            0 => Outcome::from(crate::Output::parse(format!("\"{}\"", "x".repeat(OUTPUT_MAX - 2)))),
            _ => Outcome::failure("é".repeat(256), "漢".repeat(32_768)),
        };
        spool.keep_outcome(id, &largest).unwrap();
        let promised = spool.tasks[&id].owed * log::TILE as u64;
        spool.commit().unwrap();
        assert_eq!(spool.outcome(id).unwrap(), largest);
        let taken: usize = spool.lies(id).iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(taken as u64 <= promised, "{taken}: it was written into its room of {promised}");
    }
}

#[test]
fn p1_a_disk_that_fills_up_later_cannot_refuse_an_outcome() {
    let disk = MemoryDisk::new(Some(3 << 20));
    let (mut spool, _) = open_small(&disk);
    let ids: Vec<_> = (0..7).map(|n| accept(&mut spool, n).unwrap()).collect();
    disk.set_capacity(Some(disk.used()));
    assert_eq!(spool.make_room(MAX_OUTPUT, 1), 0, "P2: and no further task is taken");
    let largest = || Outcome::from(crate::Output::parse(format!("\"{}\"", "x".repeat(MAX_OUTPUT - 2))));
    for id in ids {
        spool.keep_outcome(id, &largest()).unwrap();
        spool.commit().unwrap();
    }
    disk.power_cut(|| false);
    drop(spool);
    let (_, found) = open_small(&disk);
    assert!(found.tasks.len() == 7 && found.tasks.iter().all(|task| task.has_outcome));
}

#[test]
fn p1_after_a_failed_sync_the_outcome_is_written_anew_never_synced_again() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    let mut failures = 1;
    disk.set_fault(move |op, _| {
        let fails = op == Op::Fsync && failures > 0;
        failures -= i32::from(fails);
        fails.then(broken)
    });
    spool.keep_outcome(id, &outcome(1)).unwrap();
    spool.commit().unwrap();
    disk.power_cut(|| false);
    drop(spool);
    let (mut spool, found) = open(&disk);
    assert_eq!(found.tasks.len(), 1);
    assert_eq!(spool.outcome(id).unwrap(), outcome(1), "the second sync of the same file would have lied");
}

#[test]
fn p1_an_outcome_whose_sync_failed_is_pinned() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    disk.set_fault(|op, _| (op == Op::Fsync).then(broken));
    spool.keep_outcome(id, &outcome(1)).unwrap();
    assert!(spool.commit().is_err());
    assert!(matches!(spool.keep_outcome(id, &outcome(2)), Err(KeepError::Pinned(_))));
    disk.clear_fault();
    spool.keep_outcome(id, &outcome(1)).unwrap();
    spool.commit().unwrap();
    disk.power_cut(|| false);
    drop(spool);
    assert_eq!(open(&disk).0.outcome(id).unwrap(), outcome(1));
}

#[test]
fn p2_a_task_whose_sync_failed_is_not_accepted_and_does_not_come_back() {
    for cut in [false, true] {
        let disk = MemoryDisk::new(None);
        let (mut spool, _) = open(&disk);
        disk.set_fault(|op, _| (op == Op::Fsync).then(broken));
        assert!(accept(&mut spool, 1).is_err());
        assert_eq!((spool.len(), spool.bytes()), (0, 0));
        disk.clear_fault();
        // What failed is void from the next write on.
        spool.probe_again();
        drop(spool);
        if cut {
            disk.power_cut(|| true);
        }
        let (spool, found) = open(&disk);
        assert!(found.tasks.is_empty(), "{cut}: {:?}", spool.lies(token(1).id()));
    }
}

#[test]
fn p1_while_a_part_of_the_log_cannot_be_read_what_may_have_an_outcome_there_waits() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    drop(spool);
    disk.set_fault(|op, path| {
        (op == Op::Read && path.parent().is_some_and(|p| p.ends_with("log"))).then(broken)
    });
    let (mut spool, found) = open(&disk);
    assert_eq!((found.tasks.len(), found.quarantined.len()), (0, 0));
    assert!(!found.unreadable.is_empty());
    assert_eq!(spool.make_room(MAX_OUTPUT, 1), 0);
    assert!(accept(&mut spool, 2).is_err(), "nothing is written over what can't be read");
    assert!(!spool.reread().unreadable.is_empty());
    disk.clear_fault();
    let found = spool.reread();
    assert_eq!((found.tasks.len(), found.unreadable.len()), (1, 0));
    assert_eq!(spool.input(id).unwrap(), "{\"in\":1}");
    accept(&mut spool, 3).unwrap();
}

#[test]
fn p1_a_sector_that_can_not_be_read_for_ten_looks_counts_as_damaged() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let (id, other) =
        (accept_with(&mut spool, 1, &"x".repeat(9000)).unwrap(), accept(&mut spool, 2).unwrap());
    spool.keep_outcome(other, &outcome(2)).unwrap();
    spool.commit().unwrap();
    vouch(&mut spool);
    let (file, bytes) = spool.lies(id)[1].clone();
    drop(spool);
    // In the middle of its input, with nothing else in that block.
    disk.set_unreadable(Some((file, bytes.start + 4608..bytes.start + 5120)));
    let (mut spool, found) = open(&disk);
    assert_eq!(
        (found.tasks.len(), found.waiting, found.unreadable.len()),
        (1, 1, 1),
        "a kept outcome is sent"
    );
    assert_eq!(spool.outcome(other).unwrap(), outcome(2));
    let told = (0..10).map(|_| spool.reread()).find(|found| !found.damaged.is_empty()).unwrap();
    assert_eq!((told.damaged[0].token.id(), told.unreadable.len()), (id, 0));
    spool.keep_outcome(id, &Outcome::failure("Worker.Damaged", "")).unwrap();
    spool.commit().unwrap();
}

#[test]
fn p1_a_damaged_record_is_set_aside_and_its_task_can_still_be_failed_if_the_envelope_is_whole() {
    for (record, at, envelope_whole) in [(0, 20, false), (0, 90, false), (1, 20, true), (1, 300, true)] {
        let disk = MemoryDisk::new(None);
        let (mut spool, _) = open(&disk);
        let id = accept_with(&mut spool, 1, &"x".repeat(500)).unwrap();
        spool.commit().unwrap();
        vouch(&mut spool);
        rot(&disk, &spool, id, record, at);
        drop(spool);
        let (mut spool, found) = open(&disk);
        let what = format!("record {record}, byte {at}");
        assert_eq!((found.tasks.len(), found.quarantined.len()), (0, 1), "{what}");
        assert_eq!(found.damaged.len(), usize::from(envelope_whole), "{what}");
        assert!(disk.files().contains(&found.quarantined[0]), "nothing is deleted");
        if envelope_whole {
            assert!(matches!(spool.input(id), Err(ReadError::Damaged { .. })));
            spool.keep_outcome(id, &Outcome::failure("Worker.Damaged", "")).unwrap();
            spool.commit().unwrap();
            drop(spool);
            assert!(open(&disk).1.tasks[0].has_outcome);
        }
    }
}

#[test]
fn p1_a_damaged_outcome_is_not_taken_for_none() {
    for (record, at) in [(0, 20), (0, 90), (1, 20), (1, 90)] {
        let disk = MemoryDisk::new(None);
        let (mut spool, _) = open(&disk);
        let id = accept(&mut spool, 1).unwrap();
        spool.keep_outcome(id, &outcome(1)).unwrap();
        spool.commit().unwrap();
        vouch(&mut spool);
        rot(&disk, &spool, id, record, at);
        drop(spool);
        let (_, found) = open(&disk);
        let what = format!("record {record}, byte {at}");
        assert_eq!(
            (found.tasks.len(), found.damaged.len()),
            (0, 1),
            "{what}: its handler must not run again"
        );
        assert_eq!(found.quarantined.len(), 1, "{what}");
    }
}

#[test]
fn a_record_that_rots_while_the_worker_runs_is_set_aside_too() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept_with(&mut spool, 1, &"x".repeat(500)).unwrap();
    spool.commit().unwrap();
    rot(&disk, &spool, id, 1, 300);
    let Err(ReadError::Damaged { path }) = spool.input(id) else { panic!() };
    assert!(disk.files().contains(&path));
    spool.keep_outcome(id, &Outcome::failure("Worker.Damaged", "")).unwrap();
}

#[test]
fn p1_an_output_longer_than_the_task_was_accepted_for_is_kept_as_it_is() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    let long = Outcome::from(crate::Output::parse(format!("\"{}\"", "y".repeat(10 * MAX_OUTPUT))));
    spool.keep_outcome(id, &long).unwrap();
    spool.commit().unwrap();
    drop(spool);
    disk.power_cut(|| false);
    let (mut spool, _) = open(&disk);
    assert_eq!(spool.outcome(id).unwrap(), long);
}

#[test]
fn a_folder_of_another_machine_is_told() {
    let disk = MemoryDisk::new(None);
    drop(open(&disk));
    let other = SpoolConfig { machine_id: Some("other".into()), ..config() };
    assert!(Spool::open(Box::new(disk.clone()), other).unwrap().1.copied);
    assert!(!open(&disk).1.copied, "and it stays the first one's");
}

#[test]
fn storage_that_loses_what_was_synced_is_refused_and_a_volatile_one_is_told() {
    let disk = MemoryDisk::new(None);
    disk.set_kind(StorageKind::Volatile("tmpfs".into()));
    assert_eq!(open(&disk).1.unsafe_storage.as_deref(), Some("tmpfs"));
    disk.set_kind(StorageKind::Unsafe("vfat".into()));
    let Err(error) = Spool::open(Box::new(disk.clone()), config()) else { panic!("vfat was taken") };
    assert!(
        error.to_string().contains("vfat") && error.to_string().contains("allow_unsafe_storage"),
        "{error}"
    );
    let allowed = SpoolConfig { allow_unsafe_storage: true, ..config() };
    assert_eq!(Spool::open(Box::new(disk), allowed).unwrap().1.unsafe_storage.as_deref(), Some("vfat"));
}

#[test]
fn a_folder_of_a_later_version_is_refused() {
    let disk = MemoryDisk::new(None);
    drop(open(&disk));
    let owner = format::seal("{\"version\":3,\"machine\":null}");
    disk.clone().write_durably(&dir().join("owner"), owner.as_bytes()).unwrap();
    let Err(error) = Spool::open(Box::new(disk.clone()), config()) else { panic!("it was taken") };
    assert!(matches!(error, SpoolError::UnknownFormat { .. }) && !error.may_pass(), "{error}");
}

#[test]
fn foreign_and_half_written_files_are_no_trouble() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    accept(&mut spool, 1).unwrap();
    drop(spool);
    let mut other = disk.clone();
    for name in ["notes.txt", "12", "0001x", "017.new"] {
        other.write_durably(&dir().join("log").join(name), b"?").unwrap();
    }
    let (_, found) = open(&disk);
    assert_eq!((found.tasks.len(), found.quarantined.len()), (1, 0));
    let left: Vec<_> =
        disk.files().into_iter().filter_map(|f| f.file_name()?.to_str().map(str::to_owned)).collect();
    assert!(left.contains(&"notes.txt".into()) && left.contains(&"12".into()));
    assert!(!left.contains(&"017.new".into()));
}

#[test]
fn p6_room_is_bounded_by_count_and_bytes() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    assert_eq!(spool.make_room(MAX_OUTPUT, 100), 8);
    for n in 0..8 {
        accept(&mut spool, n).unwrap();
    }
    assert_eq!(spool.room(MAX_OUTPUT), 0);
    drop(spool);
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open_small(&disk);
    let room = spool.make_room(MAX_OUTPUT, 100);
    assert!((1..8).contains(&room), "{room}");
    assert!(disk.used() <= (4 << 20) + 4096, "{}", disk.used());
}

#[test]
fn p7_only_the_owner_can_read_the_folder_and_its_files_and_one_process_has_it() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("state");
    std::fs::create_dir(&dir).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = SpoolConfig { dir: dir.clone(), allow_unsafe_storage: true, ..config() };
    let (mut spool, _) = Spool::open(Box::new(RealDisk::default()), config.clone()).unwrap();
    let id = accept(&mut spool, 1).unwrap();
    accept(&mut spool, 2).unwrap();
    spool.keep_outcome(id, &outcome(1)).unwrap();
    spool.commit().unwrap();
    spool.settle(id, Settlement::Delivered, now());
    spool.commit().unwrap();
    let Err(error) = Spool::open(Box::new(RealDisk::default()), config.clone()) else {
        panic!("two processes")
    };
    assert!(
        matches!(error, SpoolError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    let mut seen = 0;
    let mut folders = vec![dir];
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "{seen}");
    drop(spool);
    assert_eq!(Spool::open(Box::new(RealDisk::default()), config).unwrap().1.tasks.len(), 1);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
