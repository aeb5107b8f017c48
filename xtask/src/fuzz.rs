//! Fuzzers: `cargo xtask fuzz`, and the suite that lets each of them run for a while.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use crate::process::{self, Group};
use crate::tools::Tool;
use crate::workspace::Workspace;

const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// The fuzzers' workspace.
const FOLDER: &str = "proof/fuzz";
/// Each in `targets` there, its seeds in `seeds`.
pub(crate) const TARGETS: [&str; 8] =
    ["responses", "spool", "shared_files", "credentials", "providers", "dns", "config", "output"];

/// The fuzzers, built.
pub(crate) struct Fuzzers<'a> {
    workspace: &'a Workspace,
    program: PathBuf,
}

impl<'a> Fuzzers<'a> {
    /// Installs cargo-fuzz where it is not there yet. An error: it can't be had.
    pub(crate) fn find(workspace: &'a Workspace) -> Result<Self, String> {
        Ok(Fuzzers { workspace, program: CARGO_FUZZ.program(workspace)? })
    }

    /// Runs each target for so many seconds, as many at a time as there are processors. How many inputs each was given.
    pub(crate) fn run(&self, targets: &[String], seconds: u64) -> Result<String, String> {
        process::run(self.cargo_fuzz("build").args(["--fuzz-dir", FOLDER]))?;
        let at_once = thread::available_parallelism().map_or(1, usize::from);
        let mut told = Vec::new();
        for targets in targets.chunks(at_once) {
            let started: Vec<_> =
                targets.iter().map(|target| self.start(target, seconds)).collect::<Result<_, _>>()?;
            for (target, (mut group, log)) in targets.iter().zip(started) {
                let ended = group.wait();
                let text = fs::read_to_string(&log).unwrap_or_default();
                ended.map_err(|how| {
                    let shown = process::last_lines(&text, 40);
                    format!("{shown}\n{target} {how}; whole log: {}; once mended, the input belongs into {FOLDER}/regressions/{target}", log.display())
                })?;
                let count =
                    text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
                told.push(format!("{target} {}", count.ok_or(format!("{target} ran nothing"))?.trim()));
            }
        }
        Ok(format!("inputs tried: {}", told.join(", ")))
    }

    /// Finds are written to `artifacts` beside the targets, interesting inputs to the target folder.
    fn start(&self, target: &str, seconds: u64) -> Result<(Group, PathBuf), String> {
        let folder = self.workspace.target.join("fuzz-corpus");
        let (corpus, log) = (folder.join(target), folder.join(format!("{target}.log")));
        fs::create_dir_all(&corpus).map_err(|e| format!("can't make {}: {e}", corpus.display()))?;
        let output = File::create(&log).map_err(|e| format!("can't write {}: {e}", log.display()))?;
        let mut run = self.cargo_fuzz("run");
        run.args(["--fuzz-dir", FOLDER, target]).arg(corpus);
        for kind in ["seeds", "regressions"] {
            let known = self.workspace.root.join(FOLDER).join(kind).join(target);
            run.args(known.exists().then_some(known));
        }
        // An input that takes over 10 s, or 2 GB of memory, is a find too.
        run.args(["--", "-timeout=10", "-max_len=8192", "-print_final_stats=1"]);
        run.arg(format!("-max_total_time={seconds}")).stdout(Stdio::null()).stderr(output);
        println!("fuzzing {target} for {seconds} s");
        Ok((Group::spawn(&mut run)?, log))
    }

    fn cargo_fuzz(&self, command: &str) -> Command {
        let mut cargo = Command::new(&self.program);
        cargo.args(["fuzz", command]).current_dir(&self.workspace.root);
        // The sanitizer's flags are not stable, its runtime comes with every toolchain.
        cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", self.workspace.target.join("fuzz"));
        cargo
    }
}
