//! The state folder: may the worker write there, is there room, and does the disk keep its word in good time?

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use activity_worker::{StorageKind, Worker, storage_kind};
use rustix::fs::{Access, access, statvfs};

use super::deadline::within;
use super::examined::{Examined, One};
use super::report::{Report, Step, Verdict};
use crate::{state_dir, trust};

/// A disk that takes longer than this to keep a few bytes is about to die.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// From here on a task's way to the disk is felt.
const SLOW: Duration = Duration::from_secs(1);
const AS_WORKER: &str =
    "run doctor as the user that the worker runs as, and give that user the folder: state_dir";

/// The worker that has the folder.
pub(super) struct Running {
    pub(super) pid: u32,
}

/// Looks, and says who uses the folder. Nothing is left behind.
pub(super) fn look(examined: &Examined, report: &mut Report) -> Option<Running> {
    let mut say = |verdict, what: String, advice: &str| {
        report.say(Step::State, verdict, &what, advice);
    };
    let dir = match state_dir::of(examined.worker.state_dir.clone()) {
        Ok(dir) => dir,
        Err(e) => {
            say(Verdict::NoStart, e.to_string(), "");
            return None;
        }
    };
    let name = dir.display();
    let there = match fs::metadata(&dir) {
        Ok(found) if !found.is_dir() => {
            say(Verdict::NoStart, format!("{name} is no folder"), "name another one: state_dir");
            return None;
        }
        Ok(found) => Some(found),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => {
            say(Verdict::NoStart, format!("can't look at {name}: {e}"), AS_WORKER);
            return None;
        }
    };
    let ground = existing(&dir);
    if let Err(e) = access(&ground, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let missing = if there.is_some() { String::new() } else { format!("{name} is not there, and ") };
        let what = format!("{missing}{} can't be written: {}", ground.display(), io::Error::from(e));
        let advice = match e {
            rustix::io::Errno::ROFS => "mount it for writing, or name another folder: state_dir",
            _ => AS_WORKER,
        };
        say(Verdict::NoStart, what, advice);
        return None;
    }
    let free = free(&ground);
    if let Some((verdict, what)) = cramped(free, &examined.activities) {
        say(verdict, format!("{}: {what}", ground.display()), "make room");
    }
    if let Some((verdict, what)) = kind(&ground, examined.worker.allow_unsafe_storage.unwrap_or(false)) {
        say(
            verdict,
            format!("{} {what}", ground.display()),
            "name a folder on ext4, xfs, btrfs or f2fs: state_dir",
        );
    }
    let free = size(free);
    let Some(found) = there else {
        say(Verdict::Ok, format!("{name}: not there yet, the worker makes it; {free} free"), "");
        return None;
    };
    let user = rustix::process::geteuid().as_raw();
    if found.uid() != user && user != 0 {
        let what = format!("{name} belongs to user {}, and this is user {user}", found.uid());
        say(Verdict::Warning, what, AS_WORKER);
    }
    for doubt in trust::way_to_state(&dir) {
        say(Verdict::Warning, doubt.what, &doubt.advice);
    }
    for (folder, may_be_link) in [("", true), ("log", false), ("quarantine", false), ("run", false)] {
        if let Some((what, advice)) = foreign(&dir.join(folder), user, may_be_link) {
            say(Verdict::NoStart, what, &advice);
            return None;
        }
    }
    let running = running(&dir);
    let used =
        running.as_ref().map_or(String::new(), |r| format!("; in use by the worker with pid {}", r.pid));
    let (verdict, how, advice) = match sync(&dir) {
        None => {
            let what = format!("a few bytes were not kept within {} s", PATIENCE.as_secs());
            (Verdict::Problem, what, "the disk is failing: dmesg")
        }
        Some(Err(e)) => {
            let advice = match e.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room",
                _ => "dmesg may tell more; the worker takes no task while its disk refuses",
            };
            (Verdict::Problem, format!("nothing can be kept there: {e}"), advice)
        }
        Some(Ok(took)) => {
            let what = format!("{free} free, synced in {} ms{used}", took.as_millis().max(1));
            match took > SLOW {
                true => (
                    Verdict::Warning,
                    what,
                    "a slow or worn-out disk: each task is synced before its handler starts",
                ),
                false => (Verdict::Ok, what, ""),
            }
        }
    };
    say(verdict, format!("{name}: {how}"), advice);
    running
}

/// What keeps a worker from a folder: it is none, or it is root's worker and another user's folder.
fn foreign(folder: &Path, user: u32, may_be_link: bool) -> Option<(String, String)> {
    let about = if may_be_link { fs::metadata(folder) } else { fs::symlink_metadata(folder) };
    let (about, name) = (about.ok()?, folder.display());
    if !about.is_dir() {
        return Some((format!("{name} is no folder"), "remove it: the worker makes its own".to_owned()));
    }
    (user == 0 && about.uid() != 0).then(|| {
        let what = format!(
            "{name} belongs to user {}, and root's worker would follow whatever that user puts there",
            about.uid()
        );
        (what, format!("run the worker as that user, or chown -R root {name}"))
    })
}

/// The folder, or the nearest one above it that is there.
fn existing(dir: &Path) -> PathBuf {
    let there = dir.ancestors().find(|dir| dir.exists() && !dir.as_os_str().is_empty());
    there.map_or_else(|| ".".into(), Path::to_path_buf)
}

fn free(ground: &Path) -> u64 {
    statvfs(ground).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize)).unwrap_or_default()
}

/// Whether there is too little room.
fn cramped(free: u64, activities: &[One]) -> Option<(Verdict, String)> {
    let one = activities.iter().map(|a| Worker::room_of_task(a.max_output)).max()?;
    let slots = activities.iter().map(|a| a.concurrency).sum::<usize>() as u64;
    if free < one {
        let what = format!("{} free, and a task with its result may take {}", size(free), size(one));
        return Some((Verdict::Problem, what));
    }
    let what = || format!("{} free, room for {} of {slots} tasks at work", size(free), free / one);
    (free < one.saturating_mul(slots)).then(|| (Verdict::Warning, what()))
}

/// What is to be said of the file system.
fn kind(ground: &Path, allowed: bool) -> Option<(Verdict, String)> {
    match storage_kind(ground).ok()? {
        StorageKind::Durable => None,
        StorageKind::Volatile(kind) => Some((
            Verdict::Warning,
            format!("is on {kind}: what it holds goes with the power, or the container"),
        )),
        StorageKind::Unsafe(kind) => {
            let verdict = if allowed { Verdict::Warning } else { Verdict::NoStart };
            Some((verdict, format!("is on {kind}, which can't promise to keep what was written")))
        }
    }
}

/// How long it takes until a few bytes are kept; `None`: too long.
fn sync(dir: &Path) -> Option<io::Result<Duration>> {
    // Of each doctor its own. The worker does not know the name, and lets it be.
    let (file, dir) = (dir.join(format!("doctor-{}.tmp", std::process::id())), dir.to_path_buf());
    within(PATIENCE, move || {
        // One that an earlier doctor left. What is written is always new: in another user's folder a link may lie in wait.
        let _ = fs::remove_file(&file);
        let start = Instant::now();
        let kept = OpenOptions::new().create_new(true).write(true).open(&file).and_then(|mut probe| {
            probe.write_all(&[0; 4096])?;
            probe.sync_all()?;
            File::open(&dir)?.sync_all()
        });
        let took = start.elapsed();
        let removed = fs::remove_file(&file);
        kept.and(removed).map(|()| took)
    })
}

/// Who holds the lock. It is not tried: a worker that starts in that moment would find it taken, and give up for good.
fn running(dir: &Path) -> Option<Running> {
    let lock = dir.join("lock");
    let about = fs::symlink_metadata(&lock).ok().filter(fs::Metadata::is_file)?;
    let inode = about.ino();
    let mut pid = String::new();
    // It may be another file than a lock, of any size.
    File::open(&lock).ok()?.take(16).read_to_string(&mut pid).ok()?;
    let pid: u32 = pid.trim().parse().ok()?;
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().any(|line| is_of(line, pid, inode)).then_some(Running { pid })
}

/// Lines look like `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`; see proc_locks(5).
fn is_of(line: &str, pid: u32, inode: u64) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let kind = words.next();
    let owner = words.nth(2).and_then(|word| word.parse::<u32>().ok());
    let file = words.next().and_then(|word| word.rsplit(':').next()?.parse::<u64>().ok());
    kind == Some("FLOCK") && owner == Some(pid) && file == Some(inode)
}

fn size(bytes: u64) -> String {
    let (number, unit) = match bytes {
        0..10_000 => return format!("{bytes} bytes"),
        10_000..10_000_000 => (bytes / 1_000, "kB"),
        10_000_000..10_000_000_000 => (bytes / 1_000_000, "MB"),
        _ => (bytes / 1_000_000_000, "GB"),
    };
    format!("{number} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_known_by_pid_and_inode() {
        let line = "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF";
        assert!(is_of(line, 1234, 5678));
        assert!(!is_of(line, 1234, 1) && !is_of(line, 1, 5678));
        assert!(!is_of("1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF", 1234, 5678));
        assert!(!is_of("", 1, 1) && !is_of("1: -> FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF", 1234, 5678));
    }

    #[test]
    fn a_lock_that_is_held_is_seen_without_being_tried() {
        let folder = tempfile::tempdir().unwrap();
        assert!(running(folder.path()).is_none());
        let mut lock = File::create(folder.path().join("lock")).unwrap();
        write!(lock, "{}", std::process::id()).unwrap();
        assert!(running(folder.path()).is_none());
        lock.lock().unwrap();
        assert_eq!(running(folder.path()).map(|r| r.pid), Some(std::process::id()));
    }

    #[test]
    fn doctors_do_not_get_in_each_others_way() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("doctor.tmp")).unwrap();
        let other = folder.path().join("doctor-1.tmp");
        fs::write(&other, "").unwrap();
        assert!(sync(folder.path()).is_some_and(|kept| kept.is_ok()));
        assert!(other.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_nearest_folder_that_is_there_is_found() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(existing(&folder.path().join("a/b")), folder.path());
        assert_eq!(existing(Path::new("nowhere/at/all")), Path::new("."));
    }
}
