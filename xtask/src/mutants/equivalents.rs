//! Mutants that nobody can tell from the code, and why: `proof/mutants/ROOM.txt`.
//!
//! ```text
//! # What only a reader needs.
//! link.rs: replace < with <= in LinkBelief::failed `< FRESH`
//!     The reason, on as many lines as it takes.
//! ```
//!
//! What stands between backticks is found in the line that is changed: lines move, so they have no number here.

use std::fs;
use std::io::ErrorKind;

use crate::workspace::Workspace;

/// What is listed for one room.
#[derive(Debug)]
pub(super) struct Equivalents {
    folder: String,
    listed: Vec<Equivalent>,
}

#[derive(Debug)]
struct Equivalent {
    file: String,
    mutation: String,
    /// Empty: every such mutation of the function.
    code: String,
    explained: bool,
}

impl Equivalents {
    /// None, where there is no such file.
    pub(super) fn read(workspace: &Workspace, room: &str) -> Result<Self, String> {
        let path = workspace.root.join("proof/mutants").join(format!("{room}.txt"));
        let text = match fs::read_to_string(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
            text => text.map_err(|e| format!("can't read {}: {e}", path.display()))?,
        };
        Self::parse(room, &text).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn parse(room: &str, text: &str) -> Result<Self, String> {
        let mut listed: Vec<Equivalent> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            if line.starts_with(' ') {
                listed
                    .last_mut()
                    .ok_or_else(|| format!("a reason for nothing: {}", line.trim()))?
                    .explained = true;
                continue;
            }
            let (file, change) = line.split_once(": ").ok_or_else(|| format!("no mutant: {line}"))?;
            let (mutation, code) = change.trim_end_matches('`').split_once(" `").unwrap_or((change, ""));
            let [file, mutation, code] = [file, mutation, code].map(str::to_owned);
            listed.push(Equivalent { file, mutation, code, explained: false });
        }
        match listed.iter().find(|one| !one.explained) {
            Some(one) => Err(format!("no reason for {}: {}", one.file, one.mutation)),
            None => Ok(Equivalents { folder: format!("core/src/{room}/"), listed }),
        }
    }

    /// Those of all mutants that are listed. An error: one is listed that the code can't have any more.
    pub(super) fn find<'m>(
        &self,
        all: impl Iterator<Item = &'m str> + Clone,
        workspace: &Workspace,
    ) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        for one in &self.listed {
            let before = found.len();
            for name in all.clone() {
                // FILE:LINE:COLUMN: MUTATION
                let mut parts = name.splitn(4, ':');
                let (Some(file), Some(line), Some(_), Some(mutation)) =
                    (parts.next(), parts.next(), parts.next(), parts.next())
                else {
                    return Err(format!("cargo-mutants lists what is no mutant: {name}"));
                };
                if file.strip_prefix(&self.folder) != Some(&one.file) || mutation.trim_start() != one.mutation
                {
                    continue;
                }
                let text =
                    fs::read_to_string(workspace.root.join(file)).map_err(|e| format!("{file}: {e}"))?;
                let code = line.parse().ok().and_then(|line: usize| text.lines().nth(line - 1));
                if code.is_some_and(|code| code.contains(&one.code)) {
                    found.push(name.to_owned());
                }
            }
            if found.len() == before {
                return Err(format!("no mutant is {}: {} `{}`", one.file, one.mutation, one.code));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Why at all.
link.rs: replace < with <= in L::failed `< FRESH`
    To the nanosecond.

jitter.rs: replace full -> Duration with Default::default()
    No one asks,
    ever.
";

    #[test]
    fn a_mutant_is_listed_by_its_file_its_mutation_and_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let room = folder.path().join("core/src/engine");
        fs::create_dir_all(&room).unwrap();
        fs::write(room.join("link.rs"), "if a < STALE\n    && b < FRESH {\n").unwrap();
        fs::write(room.join("jitter.rs"), "x\n").unwrap();
        let workspace = Workspace { root: folder.path().into(), target: folder.path().join("target") };
        let all = [
            "core/src/engine/link.rs:1:6: replace < with <= in L::failed",
            "core/src/engine/link.rs:2:10: replace < with <= in L::failed",
            "core/src/engine/link.rs:2:10: replace < with > in L::failed",
            "core/src/engine/jitter.rs:1:1: replace full -> Duration with Default::default()",
        ];
        let listed = Equivalents::parse("engine", TEXT).unwrap();
        assert_eq!(listed.find(all.into_iter(), &workspace).unwrap(), [all[1], all[3]]);
        let gone = listed.find(all[..3].iter().copied(), &workspace).unwrap_err();
        assert!(gone.starts_with("no mutant is jitter.rs: replace full"), "{gone}");
        let elsewhere = Equivalents::parse("spool", TEXT).unwrap();
        assert!(elsewhere.find(all.into_iter(), &workspace).is_err());
    }

    #[test]
    fn a_mutant_without_a_reason_is_not_equivalent() {
        let error = |text| Equivalents::parse("engine", text).unwrap_err();
        let first = error("a.rs: delete ! in f\nb.rs: delete ! in g\n    Because.\n");
        assert_eq!(first, "no reason for a.rs: delete ! in f");
        assert!(error("    Because.\n").starts_with("a reason for nothing"));
        assert!(error("delete ! in f\n").starts_with("no mutant"));
    }
}
