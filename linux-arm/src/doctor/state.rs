//! The state folder: may the worker write there, is there room, and does the disk keep its word in good time?

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use activity_worker::{INPUT_MAX, StorageKind, storage_kind};
use rustix::fs::{Access, access, statvfs};

use super::deadline::within;
use super::report::{Finding, Report, Step, Verdict};
use super::{Examined, One};
use crate::error::Error;
use crate::state_dir;

/// A disk that takes longer than this to keep a few bytes is about to die.
const PATIENCE: Duration = Duration::from_secs(10);
/// From here on a task's way to the disk is felt.
const SLOW: Duration = Duration::from_secs(1);
/// The worker does not know this name, and lets it be.
const PROBE: &str = "doctor.tmp";

/// The worker that has the folder.
pub(super) struct Running {
    pub(super) pid: u32,
}

/// Looks, and says who uses the folder. Nothing is left behind.
pub(super) fn look(examined: &Examined, report: &mut Report) -> Result<Option<Running>, Error> {
    let root = rustix::process::geteuid().is_root();
    let told = examined.worker.state_dir.clone();
    let dir = match state_dir::choose(told, |name| std::env::var_os(name), root) {
        Ok(dir) => dir,
        Err(e) => {
            report.add(Finding::new(Step::State, Verdict::NoStart, e.to_string()))?;
            return Ok(None);
        }
    };
    let unusable = |what: String| Finding::new(Step::State, Verdict::NoStart, what);
    let name = dir.display();
    let there = match fs::metadata(&dir) {
        Ok(found) if !found.is_dir() => {
            report.add(unusable(format!("{name} is no folder")).advice("name another one: state_dir"))?;
            return Ok(None);
        }
        Ok(found) => Some(found),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => {
            let advice = "run doctor as the user that the worker runs as, or name another folder: state_dir";
            report.add(unusable(format!("can't look at {name}: {e}")).advice(advice))?;
            return Ok(None);
        }
    };
    let ground = existing(&dir);
    let may = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    if let Err(e) = access(&ground, may) {
        let what = match &there {
            Some(_) => format!("{name} can't be written: {}", io::Error::from(e)),
            None => format!(
                "{name} is not there, and {} can't be written: {}",
                ground.display(),
                io::Error::from(e)
            ),
        };
        let advice = match e {
            rustix::io::Errno::ROFS => "mount it for writing, or name another folder: state_dir".to_owned(),
            _ => {
                format!("run doctor as the user that the worker runs as; give that user {}", ground.display())
            }
        };
        report.add(unusable(what).advice(advice))?;
        return Ok(None);
    }
    let free = space(&ground, &examined.activities, report)?;
    let allowed = examined.worker.allow_unsafe_storage.unwrap_or(false);
    kind(&ground, allowed, report)?;
    let Some(found) = there else {
        report.ok(Step::State, format!("{name}: not there yet, the worker makes it; {free} free"))?;
        return Ok(None);
    };
    let user = rustix::process::geteuid().as_raw();
    if found.uid() != user {
        let what = format!("{name} belongs to user {}, and this is user {user}", found.uid());
        let advice = "run doctor as the worker's user: what it may read and write counts";
        report.add(Finding::new(Step::State, Verdict::Warning, what).advice(advice))?;
    }
    let running = running(&dir);
    let used =
        running.as_ref().map_or(String::new(), |r| format!("; in use by the worker with pid {}", r.pid));
    match sync(&dir) {
        None => {
            let what = format!("{name}: the disk has not kept a few bytes within {} s", PATIENCE.as_secs());
            report.add(
                Finding::new(Step::State, Verdict::Problem, what).advice("the disk is failing: dmesg"),
            )?;
        }
        Some(Err(e)) => {
            let advice = match e.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room",
                _ => "dmesg may tell more; the worker takes no task while its disk refuses",
            };
            let what = format!("{name}: nothing can be kept there: {e}");
            report.add(Finding::new(Step::State, Verdict::Problem, what).advice(advice))?;
        }
        Some(Ok(took)) => {
            let verdict = if took > SLOW { Verdict::Warning } else { Verdict::Ok };
            let what = format!("{name}: {free} free, synced in {} ms{used}", took.as_millis().max(1));
            let finding = Finding::new(Step::State, verdict, what);
            report.add(match verdict {
                Verdict::Ok => finding,
                _ => finding.advice("a slow or worn-out disk: each task is synced before its handler starts"),
            })?;
        }
    }
    Ok(running)
}

/// The folder, or the nearest one above it that is there.
fn existing(dir: &Path) -> PathBuf {
    let there = dir.ancestors().find(|dir| dir.exists() && !dir.as_os_str().is_empty());
    there.map_or_else(|| ".".into(), Path::to_path_buf)
}

/// Says so if there is too little, and how much is free.
fn space(ground: &Path, activities: &[One], report: &mut Report) -> Result<String, Error> {
    // What the worker wants before it asks for a task; see the library's spool.
    const OVERHEAD: usize = 16 * 1024;
    let one = activities.iter().map(|a| INPUT_MAX + a.max_output + OVERHEAD).max().unwrap_or_default() as u64;
    let slots = activities.iter().map(|a| a.concurrency).sum::<usize>() as u64;
    let Ok(stat) = statvfs(ground) else { return Ok("an unknown number of bytes".into()) };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let shown = size(free);
    let finding = |verdict, what: String| Finding::new(Step::State, verdict, what).advice("make room");
    if free < one {
        let what =
            format!("{}: {shown} free, and a task with its result may take {}", ground.display(), size(one));
        report.add(finding(Verdict::Problem, what))?;
    } else if free < one.saturating_mul(slots) {
        let what = format!(
            "{}: {shown} free, room for {} of the {slots} tasks that may be at work",
            ground.display(),
            free / one
        );
        report.add(finding(Verdict::Warning, what))?;
    }
    Ok(shown)
}

fn kind(ground: &Path, allowed: bool, report: &mut Report) -> Result<(), Error> {
    let name = ground.display();
    let finding = match storage_kind(ground) {
        Ok(StorageKind::Volatile(kind)) => Finding::new(
            Step::State,
            Verdict::Warning,
            format!("{name} is on {kind}: what it holds goes with the power, or the container"),
        )
        .advice("name a folder on a disk: state_dir"),
        Ok(StorageKind::Unsafe(kind)) if allowed => Finding::new(
            Step::State,
            Verdict::Warning,
            format!("{name} is on {kind}, which may lose results; it is allowed by allow_unsafe_storage"),
        ),
        Ok(StorageKind::Unsafe(kind)) => Finding::new(
            Step::State,
            Verdict::NoStart,
            format!("{name} is on {kind}, which can't promise to keep what was written"),
        )
        .advice("name a folder on ext4, xfs, btrfs or f2fs: state_dir"),
        Ok(StorageKind::Durable) | Err(_) => return Ok(()),
    };
    report.add(finding)
}

/// How long it takes until a few bytes are kept; `None`: too long.
fn sync(dir: &Path) -> Option<io::Result<Duration>> {
    let (file, dir) = (dir.join(PROBE), dir.to_path_buf());
    within(PATIENCE, move || {
        let start = Instant::now();
        let kept =
            OpenOptions::new().create(true).truncate(true).write(true).open(&file).and_then(|mut probe| {
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
    let inode = fs::metadata(&lock).ok()?.ino();
    let pid: u32 = fs::read_to_string(&lock).ok()?.trim().parse().ok()?;
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
    fn the_nearest_folder_that_is_there_is_found() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(existing(&folder.path().join("a/b")), folder.path());
        assert_eq!(existing(Path::new("nowhere/at/all")), Path::new("."));
    }
}
