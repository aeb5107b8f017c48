//! Files in the folder that are no files, or none of ours: planted, or left by a restore.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::time::Instant;

use super::*;
use std::process::Command;

/// What can lie under a name.
const KINDS: [&str; 8] =
    ["fifo", "socket", "folder", "link outside", "dangling link", "loop", "sparse", "hard link"];
const OUTSIDE: &[u8] = b"somebody else's";

/// A state folder on the machine's disk, and a file outside it.
struct Ground {
    root: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("outside"), OUTSIDE).unwrap();
        Ground { root }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join("state").join(name)
    }

    fn open(&self) -> Result<(Spool, Found), SpoolError> {
        let dir = self.root.path().join("state");
        let inbox = None;
        let config = SpoolConfig { dir, inbox, max_tasks: 200, allow_unsafe_storage: true, ..config() };
        within(move || Spool::open(Box::new(RealDisk::default()), config))
    }

    fn plant(&self, kind: &str, name: &str) {
        let path = self.at(name);
        let _ = fs::remove_file(&path);
        let outside = self.root.path().join("outside");
        match kind {
            "fifo" => {
                assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            }
            "socket" => {
                // Its name may be longer than an address can be.
                let short = self.root.path().join("s");
                drop(UnixListener::bind(&short).unwrap());
                fs::rename(&short, &path).unwrap();
            }
            "folder" => {
                fs::create_dir(&path).unwrap();
                fs::write(path.join("in it"), "x").unwrap();
            }
            "link outside" => symlink(&outside, &path).unwrap(),
            "dangling link" => symlink(self.root.path().join("made by nobody"), &path).unwrap(),
            "loop" => symlink(&path, &path).unwrap(),
            "sparse" => File::create(&path).unwrap().set_len(6 << 30).unwrap(),
            "hard link" => fs::hard_link(&outside, &path).unwrap(),
            other => panic!("{other}"),
        }
    }

    fn nothing_outside_changed(&self, kind: &str) {
        assert_eq!(fs::read(self.root.path().join("outside")).unwrap(), OUTSIDE, "{kind}");
        assert!(!self.root.path().join("made by nobody").exists(), "{kind}: made through a link");
        assert_eq!(mode(&self.root.path().join("outside")) & 0o044, 0o044, "{kind}: closed through a link");
    }
}

/// What it gives; a test that hangs says so.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    is_done.recv_timeout(Duration::from_secs(20)).expect("it hangs")
}

#[test]
fn field_18_what_is_no_file_under_the_name_of_a_task_is_set_aside_and_the_others_are_read() {
    for kind in KINDS {
        let ground = Ground::new();
        let (mut spool, _) = ground.open().unwrap();
        let id = accept(&mut spool, 1).unwrap();
        drop(spool);
        let odd = format!("{}.task", token(2).id());
        ground.plant(kind, &format!("tasks/{odd}"));
        let (spool, found) = ground.open().unwrap();
        assert_eq!(found.tasks.len(), 1, "{kind}");
        assert_eq!(found.tasks[0].token.id(), id);
        assert_eq!(found.quarantined, [ground.at("quarantine").join(&odd)], "{kind}");
        ground.nothing_outside_changed(kind);
        drop(spool);
        assert!(ground.open().unwrap().1.quarantined.is_empty(), "{kind}: told once");
    }
}

#[test]
fn field_18_whatever_lies_under_a_name_of_the_workers_own_it_starts_and_works() {
    let names = [
        "lock",
        "owner",
        "owner.new",
        "date",
        "date.new",
        "loading",
        "settled.a",
        "settled.b",
        "settled.new",
        "tasks/probe",
        "tasks/probe.new",
    ];
    for kind in KINDS {
        for name in names {
            let ground = Ground::new();
            drop(ground.open().unwrap());
            ground.plant(kind, name);
            let what = format!("{kind} as {name}");
            let (mut spool, found) = ground.open().unwrap_or_else(|e| panic!("{what}: {e}"));
            assert!(found.quarantined.len() <= 1, "{what}");
            let what = within(move || {
                let (one, two) = (accept(&mut spool, 1).unwrap(), accept(&mut spool, 2).unwrap());
                spool.keep_outcome(one, &outcome(1)).unwrap();
                spool.commit().unwrap();
                spool
                    .settle(one, Settlement::Delivered, None, now())
                    .unwrap_or_else(|e| panic!("{what}: {e}"));
                spool.keep_date(now()).unwrap_or_else(|e| panic!("{what}: {e}"));
                spool.refused = true;
                spool.probe_again();
                assert!(!spool.refused, "{what}");
                assert_eq!(spool.input(two).unwrap(), "{\"in\":1}", "{what}");
                what
            });
            ground.nothing_outside_changed(&what);
            let (spool, found) = ground.open().unwrap();
            assert_eq!(found.tasks.len(), 1, "{what}");
            assert_eq!(spool.settled(token(1).id()), Some(Settlement::Delivered), "{what}");
            assert_eq!(spool.date_floor(), Some(now()), "{what}");
            let left = fs::read_dir(ground.root.path()).unwrap().count();
            assert_eq!(left, 2, "{what}: something came to be outside");
        }
    }
}

#[test]
fn field_18_nothing_is_written_through_a_link_that_waits_where_a_tasks_files_go() {
    for kind in KINDS {
        for name in ["room", "new"] {
            let ground = Ground::new();
            let (mut spool, _) = ground.open().unwrap();
            // Before the task is taken, and before its outcome is kept.
            ground.plant(kind, &format!("tasks/{}.{name}", token(1).id()));
            let one = accept(&mut spool, 1).unwrap_or_else(|e| panic!("{kind} as {name}: {e}"));
            let two = accept(&mut spool, 2).unwrap();
            if kind != "folder" || name == "new" {
                ground.plant(kind, &format!("tasks/{two}.{name}"));
            }
            let spool = within(move || {
                for (n, id) in [(1, one), (2, two)] {
                    let kept = spool.keep_outcome(id, &outcome(n));
                    kept.unwrap_or_else(|e| panic!("{kind} as {name}: {e}"));
                }
                spool.commit().unwrap();
                spool
            });
            ground.nothing_outside_changed(kind);
            drop(spool);
            let (mut spool, found) = ground.open().unwrap();
            assert_eq!(found.tasks.len(), 2, "{kind} as {name}");
            assert_eq!(spool.outcome(one).unwrap(), outcome(1));
            assert_eq!(spool.outcome(two).unwrap(), outcome(2));
        }
    }
}

#[test]
fn field_18_a_folder_of_ours_that_is_a_link_or_a_file_is_named_and_not_followed() {
    for name in ["tasks", "quarantine"] {
        for kind in
            ["fifo", "socket", "link outside", "dangling link", "loop", "hard link", "link to a folder"]
        {
            let ground = Ground::new();
            drop(ground.open().unwrap());
            fs::remove_dir(ground.at(name)).unwrap();
            let elsewhere = ground.root.path().join("elsewhere");
            if kind == "link to a folder" {
                fs::create_dir(&elsewhere).unwrap();
                fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o755)).unwrap();
                symlink(&elsewhere, ground.at(name)).unwrap();
            } else {
                ground.plant(kind, name);
            }
            let Err(error) = ground.open() else { panic!("{kind} as {name} was taken") };
            let said = error.to_string();
            assert!(said.contains(&ground.at(name).display().to_string()), "{said}");
            assert!(!said.contains('\n') && !error.may_pass(), "{said}");
            ground.nothing_outside_changed(kind);
            if kind == "link to a folder" {
                assert!(said.contains("link"), "{said}");
                assert_eq!(mode(&elsewhere), 0o755, "closed through a link");
            }
        }
    }
}

#[test]
fn field_18_the_state_folder_itself_may_be_a_link_as_systemds_are() {
    let ground = Ground::new();
    fs::create_dir(ground.root.path().join("private")).unwrap();
    symlink(ground.root.path().join("private"), ground.root.path().join("state")).unwrap();
    let (mut spool, _) = ground.open().unwrap();
    accept(&mut spool, 1).unwrap();
    drop(spool);
    assert_eq!(ground.open().unwrap().1.tasks.len(), 1);
}

#[test]
fn field_18_what_is_no_letter_in_the_inbox_is_set_aside_or_told_and_never_waited_for() {
    for kind in KINDS {
        let ground = Ground::new();
        let (mut spool, _) = ground.open().unwrap();
        let inbox = Inbox::of(&ground.root.path().join("state"));
        inbox.leave_failure(token(1).id(), "E", "").unwrap();
        for (n, letter) in ["token", "answer"].into_iter().enumerate() {
            ground.plant(kind, &format!("inbox/{}.{letter}", token(2 + n as u64).id()));
        }
        let (read, told) = within(move || {
            let (mut read, mut told) = (0, 0);
            for path in spool.letters().unwrap() {
                match spool.letter(&path) {
                    Ok(_) => read += 1,
                    Err(ReadError::Damaged { path }) => {
                        assert!(path.symlink_metadata().is_ok());
                        told += 1;
                    }
                    Err(error) => panic!("{kind}: {error}"),
                }
            }
            (read, told)
        });
        assert_eq!((read, told), (1, 2), "{kind}");
        ground.nothing_outside_changed(kind);
    }
}

#[test]
fn field_18_an_inbox_that_is_no_folder_is_told_and_keeps_no_letter_elsewhere_back() {
    let ground = Ground::new();
    drop(ground.open().unwrap());
    symlink(ground.root.path(), ground.at("inbox")).unwrap();
    fs::write(ground.root.path().join(format!("{}.answer", token(1).id())), "{}").unwrap();
    let elsewhere = ground.root.path().join("box");
    let letters = Inbox::at(&elsewhere);
    letters.leave_failure(token(2).id(), "E", "").unwrap();
    let config = SpoolConfig {
        dir: ground.root.path().join("state"),
        inbox: Some(elsewhere),
        allow_unsafe_storage: true,
        ..config()
    };
    let (spool, _) = Spool::open(Box::new(RealDisk::default()), config).unwrap();
    let found = spool.letters().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    let left = Inbox::of(&ground.root.path().join("state")).leave_failure(token(3).id(), "E", "");
    assert!(left.is_err(), "and none is left where a link leads");
}

#[test]
fn field_18_a_file_larger_than_any_of_its_kind_is_moved_and_not_read() {
    let disk = MemoryDisk::new(None);
    drop(open(&disk));
    let path = dir().join(format!("tasks/{}.task", token(1).id()));
    disk.clone().write_durably(&path, &vec![0; 9 << 20]).unwrap();
    let (_, found) = open(&disk);
    assert_eq!(found.quarantined.len(), 1);
    assert!(!disk.has(&path) && disk.has(&found.quarantined[0]), "moved");
}

#[test]
fn field_18_a_kept_result_that_a_tombstone_ends_is_told_of() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let (one, two) = (accept(&mut spool, 1).unwrap(), accept(&mut spool, 2).unwrap());
    spool.keep_outcome(one, &outcome(1)).unwrap();
    spool.commit().unwrap();
    let path = |id| dir().join(format!("tasks/{id}.task"));
    let files = [one, two].map(|id| (path(id), disk.read(&path(id), 1 << 20).unwrap()));
    spool.settle(one, Settlement::TooLate, None, now()).unwrap();
    spool.settle(two, Settlement::TooLate, None, now()).unwrap();
    drop(spool);
    for (path, bytes) in files {
        disk.clone().write_durably(&path, &bytes).unwrap();
    }
    let (_, found) = open(&disk);
    assert_eq!(found.over, [(one, Settlement::TooLate)], "a result; a mere input is no loss");
    assert!(!disk.has(&path(one)) && !disk.has(&path(two)));
    assert!(open(&disk).1.over.is_empty(), "once");
}

/// Junk of every kind that is looked at, and how often folders are listed for it.
fn start_among(junk: u64) -> (Duration, usize) {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let mut disk = MemoryDisk::new(None);
    drop(open(&disk));
    for n in 0..junk {
        let kind = ["task", "room", "new"][(n % 3) as usize];
        disk.write(&dir().join(format!("tasks/{n:032x}.{kind}")), b"junk").unwrap();
    }
    disk.sync_dir(&dir().join("tasks")).unwrap();
    let lists = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lists);
    disk.set_fault(move |op, _| {
        count.fetch_add(usize::from(op == Op::List), Ordering::Relaxed);
        None
    });
    let start = Instant::now();
    let (_, found) = open(&disk);
    assert_eq!(found.quarantined.len() as u64, junk.div_ceil(3));
    (start.elapsed(), lists.load(Ordering::Relaxed))
}

#[test]
fn field_18_twenty_thousand_files_of_junk_cost_a_start_ten_times_what_two_thousand_do() {
    let (few, lists) = start_among(2_000);
    let (many, more_lists) = start_among(20_000);
    assert_eq!(lists, more_lists, "a folder is listed for each file");
    // On a busy machine the smaller one says little: what is quadratic takes a minute.
    let few = few.max(Duration::from_millis(200));
    assert!(many < 35 * few, "{many:?} for 20,000, {few:?} for 2,000");
}

#[test]
fn field_18_a_refused_rename_moves_no_task_out_of_its_place() {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk);
    let id = accept(&mut spool, 1).unwrap();
    // EPERM, as of a file that was made immutable; unlink(2) of a folder says the same on other systems.
    disk.set_fault(|op, path| {
        let to_tasks = op == Op::Rename && path.starts_with(dir().join("tasks"));
        to_tasks.then(|| io::Error::from_raw_os_error(1))
    });
    assert!(spool.keep_outcome(id, &outcome(1)).is_err());
    assert!(disk.has(&dir().join(format!("tasks/{id}.task"))));
    disk.clear_fault();
    spool.keep_outcome(id, &outcome(1)).unwrap();
}
