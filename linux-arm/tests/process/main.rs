//! The binary in processes that others have prepared badly, and with programs that can't be started.

// A test that can't go on panics, in what tests share too.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../bench/mod.rs"]
mod bench;

mod container;
mod inherited;
mod limits;
mod programs;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use activity_emulator::Execution;

/// `command`, started by the words before it.
fn under(words: &[&str], command: &Command) -> Command {
    let mut all = Command::new(words[0]);
    all.args(&words[1..]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => all.env(name, value),
            None => all.env_remove(name),
        };
    }
    all
}

/// `command`, in place of a shell that did this first.
fn after(script: &str, command: &Command) -> Command {
    under(&["/bin/sh", "-c", &format!("{script}; exec \"$@\""), "sh"], command)
}

fn output_of(execution: &Execution) -> serde_json::Value {
    let output = execution.output.as_deref().unwrap_or_else(|| {
        panic!("no output, but {:?}: {:?}", execution.error.as_deref(), execution.cause.as_deref())
    });
    serde_json::from_str(output).unwrap()
}

/// A handler that tells of its own process.
const TELL: &str = r#"
    field() { sed -n "s/^$1:[[:space:]]*//p" /proc/$$/status; }
    printf '{"blocked": "%s", "ignored": "%s", "umask": "%s", "files": "%s", "size": "%s", "folder": "%s", "home": "%s", "open": "%s"}' \
        "$(field SigBlk)" "$(field SigIgn)" "$(umask)" "$(ulimit -n)" "$(ulimit -f)" "$(pwd)" "$HOME" "$(ls -l /proc/$$/fd | grep stray)"
"#;

/// An executable file.
fn executable(folder: &Path, name: &str, content: &[u8]) -> String {
    let file = folder.join(name);
    fs::write(&file, content).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    file.to_str().unwrap().to_owned()
}
