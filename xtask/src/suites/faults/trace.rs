//! What strace wrote, and what a fault is by its measure: a scene, a thread, a call, a number.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::checks::require;

/// Where a life is watched from.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scene {
    /// An idle worker is given a task.
    Idle,
    /// A worker starts on what one left that died with a task.
    Start,
}

/// Which threads strace looks at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// The one of this name.
    Thread(String),
    /// All of them: for those that share a name or come and go.
    Process,
}

/// The fault of one life.
#[derive(Clone)]
pub(super) struct Point {
    pub(super) scene: Scene,
    pub(super) target: Target,
    pub(super) call: String,
    /// Which one, from 1.
    pub(super) number: usize,
}

impl Point {
    pub(super) fn shown(&self) -> String {
        let scene = if self.scene == Scene::Idle { "" } else { "start, " };
        let target = match &self.target {
            Target::Thread(name) => format!("thread {name}"),
            Target::Process => "any thread".to_owned(),
        };
        format!("{scene}{target}, {} {}", self.call, self.number)
    }
}

/// What strace wrote.
pub(super) struct Trace {
    lines: Vec<String>,
    /// The threads when it began, by number.
    threads: BTreeMap<u32, String>,
    pub(super) hit: bool,
}

impl Trace {
    pub(super) fn read(path: &Path, threads: BTreeMap<u32, String>, has_died: bool) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("no trace: {e}"))?;
        let hit = has_died || Trace::has_hit(path);
        Ok(Trace { lines: text.lines().map(str::to_owned).collect(), threads, hit })
    }

    /// Whether the fault came about.
    pub(super) fn has_hit(path: &Path) -> bool {
        fs::read_to_string(path).unwrap_or_default().contains("(INJECTED)")
    }

    /// Every call in it, as the place for a fault.
    pub(super) fn points(&self, scene: Scene) -> Vec<Point> {
        let mut counts: BTreeMap<(Target, String), BTreeMap<u32, usize>> = BTreeMap::new();
        for line in &self.lines {
            // With several threads a line begins with the thread's number.
            let (id, rest) = match line.split_once(char::is_whitespace) {
                Some((id, rest)) if id.parse::<u32>().is_ok() => (id.parse().unwrap_or(0), rest.trim_start()),
                _ => (0, line.as_str()),
            };
            let Some((call, _)) = rest.split_once('(') else { continue };
            if call.is_empty() || !call.chars().all(|c| c.is_ascii_alphanumeric()) {
                continue;
            }
            let name = self.threads.get(&id);
            let is_alone = name.is_some_and(|name| self.threads.values().filter(|n| *n == name).count() == 1);
            let target = match name {
                Some(name) if is_alone => Target::Thread(name.clone()),
                _ => Target::Process,
            };
            *counts.entry((target, call.to_owned())).or_default().entry(id).or_default() += 1;
        }
        let points = counts.into_iter().flat_map(|((target, call), by_thread)| {
            let most = by_thread.into_values().max().unwrap_or(0);
            (1..=most).map(move |number| Point { scene, target: target.clone(), call: call.clone(), number })
        });
        points.collect()
    }

    /// A sync that failed is never followed by one that is believed without the bytes being written again: the kernel may have
    /// marked them clean.
    pub(super) fn check_syncs(&self) -> Result<(), String> {
        let mut failed: Option<String> = None;
        for line in &self.lines {
            if let Some(path) = synced(line) {
                let is_failure = line.contains("(INJECTED)") && !line.contains("EINTR");
                let again = failed.as_deref() == Some(path.as_str());
                require(!again || is_failure, || {
                    format!("{path}: synced again after a failed sync, not written")
                })?;
                if is_failure && path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
                    failed = Some(path);
                }
            } else if failed.as_ref().is_some_and(|path| line.contains(path)) {
                let is_rename = line.contains("rename");
                require(!is_rename, || format!("renamed into place after its sync failed: {line}"))?;
                // Written again, or removed.
                failed = None;
            }
        }
        Ok(())
    }
}

/// The file of an fsync, if the line is one.
fn synced(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("sync(")?;
    let (_, rest) = rest.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(lines: &[&str]) -> Trace {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Trace {
            lines,
            threads: BTreeMap::from([(7, "disk".to_owned()), (8, "call".into()), (9, "call".into())]),
            hit: true,
        }
    }

    const FAILED: &str = "7 fsync(5</s/tasks/a.room>) = -1 EIO (Input/output error) (INJECTED)";
    const SYNCED: &str = "7 fsync(5</s/tasks/a.room>) = 0";

    #[test]
    fn a_sync_after_a_failed_one_is_believed_only_if_the_bytes_were_written_again() {
        let write = r#"7 write(5</s/tasks/a.room>, "AWSPOOL1"..., 400) = 400"#;
        let rename = r#"7 rename("/s/tasks/a.room", "/s/tasks/a.task") = 0"#;
        assert!(trace(&[write, FAILED, write, SYNCED, rename]).check_syncs().is_ok());
        assert!(trace(&[write, SYNCED, rename]).check_syncs().is_ok());
        assert!(trace(&[write, FAILED, SYNCED]).check_syncs().is_err());
        assert!(trace(&[write, FAILED, rename]).check_syncs().is_err());
        // An interrupted one was none.
        let interrupted = FAILED.replace("EIO", "EINTR");
        assert!(trace(&[write, &interrupted, SYNCED]).check_syncs().is_ok());
    }

    #[test]
    fn a_call_is_placed_in_its_thread_or_in_the_process_if_the_name_is_shared() {
        let lines = [
            FAILED,
            SYNCED,
            "8 sendto(9<socket:[1]>, 1) = 1",
            "9 sendto(8<socket:[2]>, 1) = 1",
            "9 +++ exited +++",
        ];
        let points = trace(&lines).points(Scene::Idle);
        let shown: Vec<_> = points.iter().map(Point::shown).collect();
        assert_eq!(shown, ["thread disk, fsync 1", "thread disk, fsync 2", "any thread, sendto 1"]);
    }
}
