//! Mutation testing, `cargo xtask mutants`: would anyone notice if the code did something else? cargo-mutants changes one place of a
//! room after the other. The room's own tests judge first, in seconds; then all tests of the library, then the simulator's worlds,
//! each what the one before let pass. What is left survives, but for what `proof/mutants/ROOM.txt` calls equivalent, with the reason.

mod equivalents;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use self::equivalents::Equivalents;
use crate::process;
use crate::tools::Tool;
use crate::workspace::Workspace;

const CARGO_MUTANTS: Tool = Tool { name: "cargo-mutants", version: "27.1.0" };

/// The rooms, as folders of `core/src`.
pub(crate) const ROOMS: [&str; 4] = ["engine", "spool", "aws", "worker"];
/// Guards that are there for a planted bug alone.
const PLANTS: &str = r"match guard [^!]*planted\(";

/// Who judges: what cargo-mutants is told of the tests to run.
struct Judge {
    name: &'static str,
    tests: &'static [&'static str],
}

const JUDGES: [Judge; 3] = [
    // The model, and the random worlds, take longer than all other tests of the engine: they judge with the rest of the library.
    Judge {
        name: "room",
        tests: &["--cargo-arg=--lib", "--", "ROOM::", "--", "--skip", "model::", "--skip", "chaos::"],
    },
    Judge { name: "library", tests: &["--cargo-arg=--lib"] },
    Judge {
        name: "worlds",
        tests: &[
            "--cargo-arg=--package=activity-worker-sim",
            "--profile=sim",
            "--cargo-arg=--test=same",
            "--",
            "--",
            "--include-ignored",
        ],
    },
];

/// Tries all mutants of a room, or those that the options, which are cargo-mutants', choose. An error: some survive.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), String> {
    let (room, options) = match arguments.split_first() {
        Some((first, rest)) if !first.starts_with('-') => (first.as_str(), rest),
        _ => (ROOMS[0], arguments),
    };
    if !ROOMS.contains(&room) {
        return Err(format!("no room {room:?}; there are: {}", ROOMS.join(", ")));
    }
    let mut options = options.to_vec();
    let folder = workspace.target.join("mutants").join(room);
    let trial = Trial {
        workspace,
        room,
        folder,
        program: CARGO_MUTANTS.program(workspace)?,
        jobs: jobs(&mut options),
    };
    let listed = process::read(trial.cargo_mutants().arg("--list"))?;
    let equivalents = Equivalents::read(workspace, room)?.find(listed.lines(), workspace)?;
    options.extend(only("--exclude-re", &equivalents));

    // cargo-mutants tries the removal of fields whatever it is told to try, so what it says is looked at again.
    let mut left = trial.judge(&JUDGES[0], &options)?;
    left.retain(|name| !equivalents.contains(name));
    for judge in &JUDGES[1..] {
        // Of what was chosen, only what was missed: a shard of it would be another choice.
        let missed = if left.is_empty() { Vec::new() } else { trial.judge(judge, &only("--re", &left))? };
        left.retain(|name| missed.contains(name));
    }
    println!("{} mutants of {room}, {} of them equivalent", listed.lines().count(), equivalents.len());
    let path = trial.folder.join("survivors.txt");
    fs::write(&path, left.join("\n")).map_err(|e| format!("can't write {}: {e}", path.display()))?;
    if left.is_empty() {
        return Ok(());
    }
    Err(format!("{} survive, listed in {}:\n{}", left.len(), path.display(), left.join("\n")))
}

struct Trial<'a> {
    workspace: &'a Workspace,
    room: &'a str,
    folder: PathBuf,
    program: PathBuf,
    jobs: String,
}

impl Trial<'_> {
    /// Those that the judge misses. What was caught in an earlier run is not tried again, also where that was ended in the middle.
    fn judge(&self, judge: &Judge, options: &[String]) -> Result<Vec<String>, String> {
        let folder = self.folder.join(judge.name);
        fs::create_dir_all(&folder).map_err(|e| format!("can't make {}: {e}", folder.display()))?;
        let mut cargo = self.cargo_mutants();
        cargo.args(["--iterate", "--jobs", &self.jobs, "--output"]).arg(&folder).args(options);
        cargo.args(judge.tests.iter().map(|word| word.replace("ROOM", self.room)));
        let status = cargo.status().map_err(|e| format!("can't start cargo-mutants: {e}"))?;
        // All caught; some missed; some never ended, which is noticed too.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            return Err(format!("cargo-mutants ended with {}", process::ending(status)));
        }
        let told = folder.join("mutants.out");
        let count = |file| lines(&told, file).len();
        println!(
            "{} of {}: {} caught, {} missed, {} unviable, {} caught or unviable before",
            judge.name,
            self.room,
            count("caught") + count("timeout"),
            count("missed"),
            count("unviable"),
            count("previously_caught"),
        );
        Ok(lines(&told, "missed"))
    }

    fn cargo_mutants(&self) -> Command {
        let mut cargo = Command::new(&self.program);
        cargo.args(["mutants", "--no-config", "--package=activity-worker", "--exclude-re", PLANTS]);
        cargo.arg(format!("--file=core/src/{}/**", self.room)).current_dir(&self.workspace.root);
        // Several jobs build each in a tree of its own: in one folder a job would find what another has built of the same name. One
        // alone has a folder that stays, so that it begins at once. Nobody debugs a mutant.
        let build = (self.jobs == "1").then(|| ("CARGO_TARGET_DIR", self.folder.join("build")));
        cargo.env_remove("CARGO_TARGET_DIR").envs(build).env("CARGO_PROFILE_DEV_DEBUG", "false");
        cargo
    }
}

/// Takes `--jobs N` out of the options, since it holds for all judges; else there are as many as processors.
fn jobs(options: &mut Vec<String>) -> String {
    match options.iter().position(|option| option == "--jobs") {
        Some(at) if at + 1 < options.len() => options.drain(at..at + 2).nth(1).unwrap_or_default(),
        _ => thread::available_parallelism().map_or(1, usize::from).to_string(),
    }
}

fn lines(folder: &Path, file: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.join(file).with_extension("txt")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// What tells cargo-mutants, by regular expressions, to try or to leave out just these.
fn only(option: &str, mutants: &[String]) -> Vec<String> {
    let escaped = |name: &String| {
        let literal = |c: char| if r"\.+*?()|[]{}^$".contains(c) { format!(r"\{c}") } else { c.to_string() };
        name.chars().map(literal).collect::<String>()
    };
    mutants.iter().flat_map(|name| [option.to_owned(), format!("^{}$", escaped(name))]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_chosen_by_its_whole_name() {
        let name = "core/src/engine/a.rs:7:3: replace * with / in T<'_>::f -> Option<&[u8]>".to_owned();
        let chosen = only("--re", &[name]);
        let escaped = r"^core/src/engine/a\.rs:7:3: replace \* with / in T<'_>::f -> Option<&\[u8\]>$";
        assert_eq!(chosen, ["--re", escaped]);
    }

    #[test]
    fn the_number_of_jobs_holds_for_all_judges() {
        let mut options = ["--shard", "1/4", "--jobs", "3", "--no-times"].map(str::to_owned).to_vec();
        assert_eq!(jobs(&mut options), "3");
        assert_eq!(options, ["--shard", "1/4", "--no-times"]);
        assert!(jobs(&mut options).parse::<usize>().unwrap() > 0);
    }

    #[test]
    fn what_was_not_written_has_no_lines() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("missed.txt"), "a.rs:1:1: x\na.rs:2:1: y\n").unwrap();
        assert_eq!(lines(folder.path(), "missed"), ["a.rs:1:1: x", "a.rs:2:1: y"]);
        assert_eq!(lines(folder.path(), "timeout"), [""; 0]);
    }
}
