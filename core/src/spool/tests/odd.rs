//! Files in the folder that are no files, or none of ours: planted, or left by a restore.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::mpsc;

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
fn field_18_what_is_no_file_of_the_log_under_such_a_name_is_set_aside_and_the_others_are_read() {
    for kind in KINDS {
        let ground = Ground::new();
        let (mut spool, _) = ground.open().unwrap();
        let id = accept(&mut spool, 1).unwrap();
        drop(spool);
        ground.plant(kind, "log/050");
        let (spool, found) = ground.open().unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(found.tasks.len(), 1, "{kind}");
        assert_eq!(found.tasks[0].token.id(), id);
        if !["sparse", "hard link"].contains(&kind) {
            assert_eq!(found.quarantined, [ground.at("quarantine").join("050")], "{kind}");
        }
        ground.nothing_outside_changed(kind);
        drop(spool);
        assert!(ground.open().unwrap().1.quarantined.is_empty(), "{kind}: told once");
    }
}

#[test]
fn field_18_whatever_lies_under_a_name_of_the_workers_own_it_starts_and_works() {
    let names = ["lock", "owner", "owner.new", "date", "date.new", "loading", "log/005", "log/005.new"];
    for kind in KINDS {
        for name in names.into_iter().filter(|name| kind != "sparse" || !name.starts_with("log")) {
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
                spool.settle(one, Settlement::Delivered, now());
                spool.commit().unwrap_or_else(|e| panic!("{what}: {e}"));
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
fn field_18_a_folder_of_ours_that_is_a_link_or_a_file_is_named_and_not_followed() {
    for name in ["log", "quarantine"] {
        for kind in
            ["fifo", "socket", "link outside", "dangling link", "loop", "hard link", "link to a folder"]
        {
            let ground = Ground::new();
            drop(ground.open().unwrap());
            fs::remove_dir_all(ground.at(name)).unwrap();
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
fn field_18_a_log_with_other_names_elsewhere_is_no_one_elses_to_change() {
    let ground = Ground::new();
    let (mut spool, _) = ground.open().unwrap();
    let id = accept(&mut spool, 1).unwrap();
    drop(spool);
    // As a snapshot made of hard links.
    let snapshot = ground.root.path().join("snapshot");
    fs::create_dir(&snapshot).unwrap();
    let names: Vec<_> = (0..5).map(|n| format!("00{n}")).collect();
    for name in &names {
        fs::hard_link(ground.at("log").join(name), snapshot.join(name)).unwrap();
    }
    let before: Vec<_> = names.iter().map(|name| fs::read(snapshot.join(name)).unwrap()).collect();
    let (mut spool, found) = ground.open().unwrap();
    assert_eq!(found.tasks.len(), 1);
    spool.keep_outcome(id, &outcome(1)).unwrap();
    spool.commit().unwrap();
    for (name, before) in names.iter().zip(before) {
        assert!(fs::read(snapshot.join(name)).unwrap() == before, "{name}");
    }
    drop(spool);
    assert_eq!(ground.open().unwrap().0.outcome(id).unwrap(), outcome(1));
}
