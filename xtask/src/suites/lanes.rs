//! Two lanes: where all suites run, half of them run beside the other half, in a process of their own. A suite waits a lot, for a
//! compiler's last crate or for the service's clock, and two processors have time for both.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use super::suite::{Chosen, Suite};
use crate::process;
use crate::table::{Row, Verdict};
use crate::workspace::Workspace;

/// The command of xtask that is the second lane.
pub(crate) const SECOND: &str = "second-lane";

/// What the second lane runs. What shares a download, a tool or a target folder is in one lane.
const BESIDE: [&str; 4] = ["fuzz", "threads", "mobile", "cross"];

/// The second lane, under way.
pub(super) struct SecondLane {
    child: Child,
    names: Vec<&'static str>,
    output: PathBuf,
    rows: PathBuf,
}

impl SecondLane {
    /// Starts it, and takes what it runs out of `chosen`. `None` on a machine with one processor.
    pub(super) fn start(workspace: &Workspace, chosen: &mut Vec<Chosen>) -> Result<Option<Self>, String> {
        if thread::available_parallelism().map_or(1, usize::from) < 2 {
            return Ok(None);
        }
        let names: Vec<_> = chosen.extract_if(.., |c| is_beside(c.suite)).map(|c| c.suite.name).collect();
        let (output, rows) = (workspace.target.join("lane.log"), workspace.target.join("lane.json"));
        let _ = fs::remove_file(&rows);
        let log = File::create(&output).map_err(|e| format!("can't write {}: {e}", output.display()))?;
        let begin = || {
            let log_too = log.try_clone()?;
            let mut own = Command::new(process::own()?);
            own.arg(SECOND).arg(&rows).args(&names).stdin(Stdio::null()).stdout(log).stderr(log_too).spawn()
        };
        let child = begin().map_err(|e| format!("can't start the second lane: {e}"))?;
        println!("beside these, shown at the end: {} (now in {})", names.join(", "), output.display());
        Ok(Some(SecondLane { child, names, output, rows }))
    }

    /// Waits for it, and shows what it printed.
    pub(super) fn finish(mut self) -> Vec<Row> {
        let ended = self.child.wait().map_or_else(|e| e.to_string(), process::ending);
        let printed = fs::read(&self.output).unwrap_or_default();
        println!("{}", String::from_utf8_lossy(&printed));
        let rows = fs::read(&self.rows).ok().and_then(|json| serde_json::from_slice(&json).ok());
        let missing = |name: &&str| Row {
            suite: (*name).to_owned(),
            verdict: Verdict::Failed(format!("the second lane ended before it was through: {ended}")),
            took: std::time::Duration::ZERO,
            budget: std::time::Duration::ZERO,
        };
        rows.unwrap_or_else(|| self.names.iter().map(missing).collect())
    }
}

fn is_beside(suite: &Suite) -> bool {
    BESIDE.contains(&suite.name)
}

/// What the second lane's process does with its rows. It ends with the first lane.
pub(super) fn hand_over(rows: &[Row], file: &Path) -> Result<(), String> {
    let json = serde_json::to_vec(rows).map_err(|e| e.to_string())?;
    fs::write(file, json).map_err(|e| format!("can't write {}: {e}", file.display()))
}

/// Ends this process when the first lane's ends, however that happens; its children with it.
pub(super) fn end_with_the_first() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suites::choose;

    #[test]
    fn every_suite_runs_in_one_of_the_lanes() {
        let (beside, here): (Vec<_>, Vec<_>) =
            choose(&[]).unwrap().into_iter().partition(|c| is_beside(c.suite));
        assert_eq!(beside.len(), BESIDE.len(), "a name is no suite's");
        assert!(!here.is_empty());
    }

    #[test]
    fn a_lane_that_broke_off_is_a_failure_of_each_of_its_suites() {
        let folder = tempfile::tempdir().unwrap();
        let lane = || SecondLane {
            child: Command::new("sh").args(["-c", "exit 9"]).spawn().unwrap(),
            names: vec!["swift", "cross"],
            output: folder.path().join("lane.log"),
            rows: folder.path().join("lane.json"),
        };
        for row in lane().finish() {
            assert!(matches!(&row.verdict, Verdict::Failed(why) if why.contains("exit code 9")), "{row:?}");
        }
        let passed = Row {
            suite: "swift".into(),
            verdict: Verdict::Passed("34 tests".into()),
            took: std::time::Duration::from_secs(60),
            budget: std::time::Duration::from_secs(300),
        };
        hand_over(&[passed], &lane().rows).unwrap();
        let rows = lane().finish();
        assert_eq!((rows.len(), &*rows[0].suite), (1, "swift"));
        assert_eq!(rows[0].verdict, Verdict::Passed("34 tests".into()));
    }
}
