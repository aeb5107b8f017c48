//! The folder is not ours, or not what it was: removed, replaced, opened, taken.

use std::fs::{self, File, Permissions};

use super::*;

struct Device {
    root: tempfile::TempDir,
}

impl Device {
    fn new() -> Self {
        Device { root: tempfile::tempdir().unwrap() }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("state")
    }

    fn open(&self) -> Result<(Spool, Found), SpoolError> {
        let config = SpoolConfig { dir: self.dir(), allow_unsafe_storage: true, ..config() };
        Spool::open(Box::new(RealDisk::default()), config)
    }

    fn aside(&self) -> PathBuf {
        self.root.path().join("aside")
    }
}

fn in_use(device: &Device) -> bool {
    matches!(device.open(), Err(SpoolError::InUse { .. }))
}

#[test]
fn field_17_a_lock_file_that_is_deleted_or_replaced_lets_nobody_in() {
    let device = Device::new();
    let (mut spool, _) = device.open().unwrap();
    let lock = device.dir().join("lock");
    for replaced in [false, true] {
        fs::remove_file(&lock).unwrap();
        if replaced {
            fs::write(device.aside(), "1\n").unwrap();
            fs::rename(device.aside(), &lock).unwrap();
        }
        assert!(in_use(&device), "before it is noticed");
        assert_eq!(spool.footing(), Footing::Mended(FolderMend::Relocked));
        assert_eq!(spool.footing(), Footing::Firm, "said once");
        assert_eq!(fs::read_to_string(&lock).unwrap().trim(), std::process::id().to_string());
        // As an earlier version would: by the file alone.
        assert!(File::open(&lock).unwrap().try_lock().is_err(), "it is locked again");
        assert!(in_use(&device));
    }
    drop(spool);
    assert!(!in_use(&device));
}

#[test]
fn field_17_a_worker_of_an_earlier_version_that_got_in_has_the_folder_alone() {
    let device = Device::new();
    let (mut spool, _) = device.open().unwrap();
    let id = accept(&mut spool, 1).unwrap();
    let lock = device.dir().join("lock");
    fs::remove_file(&lock).unwrap();
    let other = File::create(&lock).unwrap();
    other.try_lock().unwrap();
    assert!(matches!(spool.footing(), Footing::Taken));
    let contents =
        || (0..5).map(|n| fs::read(device.dir().join(format!("log/00{n}"))).unwrap()).collect::<Vec<_>>();
    let before = contents();
    assert!(spool.keep_outcome(id, &outcome(1)).is_err());
    assert!(accept(&mut spool, 2).is_err());
    spool.settle(id, Settlement::Delivered, now());
    assert!(spool.commit().is_err());
    assert!(spool.keep_date(now()).is_err());
    assert!(contents() == before, "nothing is written");
    assert!(!device.dir().join("date").exists());
    assert_eq!(spool.room(MAX_OUTPUT), 0);
    assert!(matches!(spool.footing(), Footing::Taken), "for good");
}

#[test]
fn field_17_a_worker_starts_after_an_earlier_version_on_its_lock_alone_not_beside_it() {
    let device = Device::new();
    drop(device.open().unwrap());
    let other = File::open(device.dir().join("lock")).unwrap();
    other.try_lock().unwrap();
    assert!(in_use(&device));
    // A snapshot made of hard links is no way around it.
    fs::hard_link(device.dir().join("lock"), device.aside()).unwrap();
    assert!(in_use(&device));
    drop(other);
    assert!(!in_use(&device));
}

#[test]
fn field_17_a_folder_that_was_removed_is_made_anew_and_every_task_keeps_its_token() {
    // All of it, what is in it, its log; and with an empty folder in its place.
    for removed in ["", "contents", "log", "replaced"] {
        let device = Device::new();
        let (mut spool, _) = device.open().unwrap();
        let (kept, open, over) =
            (accept(&mut spool, 1).unwrap(), accept(&mut spool, 2).unwrap(), accept(&mut spool, 3).unwrap());
        spool.keep_outcome(kept, &outcome(1)).unwrap();
        spool.commit().unwrap();
        spool.settle(over, Settlement::Delivered, now());
        spool.commit().unwrap();
        let dir = device.dir();
        match removed {
            "log" => fs::remove_dir_all(dir.join("log")).unwrap(),
            "contents" => {
                for name in ["log", "quarantine"] {
                    fs::remove_dir_all(dir.join(name)).unwrap();
                }
                for name in ["lock", "owner"] {
                    fs::remove_file(dir.join(name)).unwrap();
                }
            }
            _ => fs::remove_dir_all(&dir).unwrap(),
        }
        if removed == "replaced" {
            fs::create_dir(&dir).unwrap();
        }
        assert_eq!(spool.footing(), Footing::Renewed, "{removed}");
        assert_eq!(spool.footing(), Footing::Firm);
        assert!(in_use(&device), "{removed}: locked again");
        assert_eq!(mode(&dir), 0o700);
        assert!(spool.make_room(MAX_OUTPUT, 1) > 0, "{removed}: and it works");
        // What is in memory is kept once more; of what is not the token is left.
        spool.keep_outcome(kept, &outcome(1)).unwrap();
        let new = accept(&mut spool, 4).unwrap();
        assert!(matches!(spool.input(open), Err(ReadError::Damaged { .. })));
        assert_eq!(spool.settled(over), Some(Settlement::Delivered), "known to this process");
        drop(spool);
        let (mut spool, found) = device.open().unwrap();
        let mut tasks: Vec<_> = found.tasks.iter().map(|task| task.token.id()).collect();
        tasks.sort_unstable();
        let mut both = [kept, new];
        both.sort_unstable();
        assert_eq!(tasks, both, "{removed}");
        assert_eq!(found.damaged.iter().map(|t| t.token.id()).collect::<Vec<_>>(), [open], "{removed}: P3");
        assert_eq!(spool.outcome(kept).unwrap(), outcome(1));
        assert!(!found.copied);
    }
}

#[test]
fn field_17_a_running_tasks_outcome_is_kept_in_the_new_folder() {
    let device = Device::new();
    let (mut spool, _) = device.open().unwrap();
    let id = accept(&mut spool, 1).unwrap();
    fs::remove_dir_all(device.dir()).unwrap();
    assert!(matches!(spool.footing(), Footing::Renewed));
    spool.keep_outcome(id, &outcome(7)).unwrap();
    spool.commit().unwrap();
    drop(spool);
    assert_eq!(device.open().unwrap().0.outcome(id).unwrap(), outcome(7));
}

#[test]
fn field_17_a_folder_that_was_removed_and_is_anothers_now_is_left_to_it() {
    let device = Device::new();
    let (mut spool, _) = device.open().unwrap();
    accept(&mut spool, 1).unwrap();
    fs::remove_dir_all(device.dir()).unwrap();
    let (other, _) = device.open().unwrap();
    let files = || fs::read_dir(device.dir().join("log")).unwrap().count();
    let before = files();
    assert!(matches!(spool.footing(), Footing::Taken));
    assert_eq!(files(), before);
    drop(other);
}

#[test]
fn field_17_a_folder_that_was_moved_or_covered_is_written_to_no_more_and_used_again_when_it_is_back() {
    for covered in [false, true] {
        let device = Device::new();
        let (mut spool, _) = device.open().unwrap();
        let id = accept(&mut spool, 1).unwrap();
        fs::rename(device.dir(), device.aside()).unwrap();
        if covered {
            fs::create_dir_all(device.dir().join("log")).unwrap();
        }
        assert_eq!(spool.footing(), Footing::Away(FolderAway::Elsewhere));
        assert_eq!(spool.room(MAX_OUTPUT), 0, "P2");
        let refused = spool.keep_outcome(id, &outcome(1)).unwrap_err().to_string();
        assert!(refused.contains("not the one that was opened"), "{refused}");
        assert!(accept(&mut spool, 2).is_err());
        spool.probe_again();
        assert!(matches!(spool.footing(), Footing::Away(_)));
        assert_eq!(covered, device.dir().exists(), "it is not made anew: what was kept waits elsewhere");
        if covered {
            assert_eq!(fs::read_dir(device.dir().join("log")).unwrap().count(), 0);
            fs::remove_dir_all(device.dir()).unwrap();
        }
        fs::rename(device.aside(), device.dir()).unwrap();
        assert!(matches!(spool.footing(), Footing::Mended(_)));
        assert_eq!(spool.footing(), Footing::Firm);
        spool.probe_again();
        assert!(spool.make_room(MAX_OUTPUT, 1) > 0);
        spool.keep_outcome(id, &outcome(1)).unwrap();
        spool.commit().unwrap();
    }
}

#[test]
fn field_17_a_folder_that_is_opened_to_others_later_is_closed_again_with_a_word() {
    let device = Device::new();
    let (mut spool, _) = device.open().unwrap();
    for opened in [device.dir(), device.dir().join("log")] {
        fs::set_permissions(&opened, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(spool.footing(), Footing::Mended(_)));
        assert_eq!(mode(&opened), 0o700);
        assert_eq!(spool.footing(), Footing::Firm);
    }
}

#[test]
fn field_17_a_folder_that_all_users_share_is_not_closed_to_them() {
    let device = Device::new();
    fs::create_dir(device.dir()).unwrap();
    fs::set_permissions(device.dir(), Permissions::from_mode(0o1777)).unwrap();
    let (mut spool, found) = device.open().unwrap();
    assert_eq!(fs::metadata(device.dir()).unwrap().permissions().mode() & 0o7777, 0o1777, "as /tmp is");
    assert_eq!(found.remarks.len(), 1, "{:?}", found.remarks);
    assert_eq!(mode(&device.dir().join("log")), 0o700);
    assert_eq!(spool.footing(), Footing::Firm);
}

/// A power cut right after the folder was made anew leaves what was written there.
#[test]
fn field_17_what_is_made_anew_is_durable() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    disk.remove_all(&dir());
    assert!(matches!(spool.footing(), Footing::Renewed));
    disk.power_cut(|| false);
    drop(spool);
    assert_eq!(open(&disk).1.damaged[0].token.id(), id);
}

#[test]
fn field_17_what_can_not_be_made_anew_now_is_made_later() {
    for op in [Op::MakeDir, Op::Write, Op::Fsync, Op::Rename, Op::SyncDir] {
        let disk = MemoryDisk::new(None);
        let (mut spool, _) = open(&disk);
        let id = accept(&mut spool, 1).unwrap();
        disk.remove_all(&dir());
        disk.set_fault(move |now, _| (now == op).then(broken));
        assert!(matches!(spool.footing(), Footing::Away(FolderAway::NotRenewed(_))), "{op:?}");
        assert_eq!(spool.room(MAX_OUTPUT), 0);
        assert!(matches!(spool.footing(), Footing::Away(_)));
        disk.clear_fault();
        assert!(matches!(spool.footing(), Footing::Renewed), "{op:?}");
        drop(spool);
        assert_eq!(open(&disk).1.damaged.first().map(|task| task.token.id()), Some(id), "{op:?}");
    }
}
