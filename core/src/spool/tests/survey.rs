//! What a state folder looks like from outside.

use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::spool::survey;

fn real(dir: &Path) -> Spool {
    let config = SpoolConfig { dir: dir.to_owned(), allow_unsafe_storage: true, ..config() };
    Spool::open(Box::new(RealDisk::default()), config).unwrap().0
}

#[test]
fn field_01_a_folder_is_surveyed_while_a_worker_is_at_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = real(folder.path());
    let ids = [1, 2].map(|n| accept(&mut spool, n).unwrap());
    spool.keep_outcome(ids[0], &outcome(1)).unwrap();
    spool.commit().unwrap();
    let found = survey(folder.path()).unwrap();
    let mut shown: Vec<_> = found.tasks.iter().map(|task| (task.id, task.has_outcome)).collect();
    shown.sort();
    let mut expected = vec![(ids[0], true), (ids[1], false)];
    expected.sort();
    assert_eq!(shown, expected);
    assert!(found.tasks.iter().all(|task| task.origin == spool.task(ids[0]).unwrap().origin));
    assert!(found.unreadable.is_empty() && found.quarantined == 0 && found.letters == 0);
}

#[test]
fn field_01_odd_files_in_a_folder_are_told_and_neither_waited_for_nor_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    drop(real(folder.path()));
    let file = |n: u8| folder.path().join(format!("log/05{n}"));
    mknodat(CWD, file(1), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    symlink("/dev/zero", file(2)).unwrap();
    std::fs::create_dir(file(3)).unwrap();
    std::fs::File::create(file(4)).unwrap().set_len(6 << 30).unwrap();
    std::fs::write(file(5), "").unwrap();
    std::fs::write(folder.path().join("log/notes"), "").unwrap();
    let found = survey(folder.path()).unwrap();
    assert_eq!(found.unreadable, (1..=5).map(file).collect::<Vec<_>>());
    assert!(found.tasks.is_empty());
    assert!(survey(&folder.path().join("nowhere")).is_err());
}
