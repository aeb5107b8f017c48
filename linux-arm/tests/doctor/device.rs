//! A device that is set up in some way, and what doctor says of it.
// A test that can not go on panics.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::{Command, Output};

use crate::bench::{Service, program};

/// A device with a configuration, and what doctor says of it.
pub(crate) struct Device {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) command: Command,
}

pub(crate) const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "emulator-test-secret-access-key")];

impl Device {
    /// `top` stands at the head of the file. All is right with the folder and the keys.
    pub(crate) fn new(activity: &str, top: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        let file = folder.path().join("worker.toml");
        let text = format!(
            "state_dir = {state:?}\nallow_unsafe_storage = true\n{top}\n[[activity]]\narn = {activity:?}\ncommand = [\"/bin/cat\"]\n"
        );
        fs::write(&file, text.replace("$DIR", folder.path().to_str().unwrap())).unwrap();
        let mut command = program();
        command.arg("doctor").arg("--config").arg(&file).env("HOME", folder.path()).envs(KEYS);
        Device { folder, command }
    }

    pub(crate) fn of(service: &Service) -> Self {
        Self::new(&service.activity, &format!("endpoint_url = {:?}", service.emulator.url()))
    }

    pub(crate) fn without_keys(&mut self) {
        for (name, _) in KEYS {
            self.command.env_remove(name);
        }
    }

    pub(crate) fn run(mut self) -> Told {
        let output = self.command.output().unwrap();
        Told::new(&output, self.folder.path().to_str().unwrap())
    }
}

/// What was printed.
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
    /// `verdict step: said`, and ` -> advice` if there is one.
    pub(crate) findings: Vec<String>,
}

impl Told {
    pub(crate) fn new(output: &Output, folder: &str) -> Self {
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout.clone()).unwrap().replace(folder, "$DIR");
        assert!(!text.contains('\x1b'), "colours in a pipe");
        for (_, secret) in &KEYS[1..] {
            assert!(!text.contains(secret), "{text}");
        }
        let mut findings: Vec<String> = Vec::new();
        let lines: Vec<_> = text.lines().collect();
        for line in &lines[..lines.len().saturating_sub(1)] {
            match line.strip_prefix(&" ".repeat(25)) {
                Some(more) if more.starts_with("-> ") => {
                    findings.last_mut().unwrap().push_str(&format!(" {more}"))
                }
                Some(_) => {}
                None => {
                    let (verdict, rest) = line.split_at(10);
                    let (step, said) = rest.split_at(15);
                    findings.push(format!("{} {}: {said}", verdict.trim(), step.trim()));
                }
            }
        }
        Told { code: output.status.code(), text, findings }
    }

    /// Exactly these problems and warnings, whole, but for a storage that tests can't choose.
    pub(crate) fn only(&self, code: i32, expected: &[&str]) {
        let storage = |line: &&String| line.contains(" is on ") && line.starts_with("warning state: ");
        let bad = |line: &&String| line.starts_with("problem ") || line.starts_with("warning ");
        let found: Vec<_> = self.findings.iter().filter(bad).filter(|line| !storage(line)).collect();
        assert_eq!(found, expected, "\n{}", self.text);
        assert_eq!(self.code, Some(code), "{}", self.text);
    }

    /// Steps that were not done.
    pub(crate) fn not_done(&self) -> Vec<&str> {
        let mut steps = Vec::new();
        for line in self.findings.iter().filter_map(|line| line.strip_prefix("not done ")) {
            let (step, said) = line.split_once(": ").unwrap();
            steps.push(step);
            let others = said.strip_prefix("and ").and_then(|said| said.split_once(": "));
            steps.extend(others.iter().flat_map(|(others, _)| others.split(", ")));
        }
        steps
    }

    pub(crate) fn has(&self, line: &str) {
        assert!(self.findings.iter().any(|found| found.starts_with(line)), "no {line:?} in\n{}", self.text);
    }
}
