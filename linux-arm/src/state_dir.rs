//! Where tasks and results are kept when nobody says where.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::Error;
use crate::process;

/// The state folder of this process.
pub(crate) fn of(told: Option<PathBuf>) -> Result<PathBuf, Error> {
    let dir = choose(told, |name| std::env::var_os(name), rustix::process::geteuid().is_root())?;
    // It is looked for again later, wherever the process is then.
    if dir.is_relative() && process::folder_gone() {
        let dir = dir.display();
        return Err(Error::Config(format!(
            "the working folder is gone, and the state folder {dir} was to be in it"
        )));
    }
    Ok(std::path::absolute(&dir).unwrap_or(dir))
}

/// The state folder: what was `told`, else what systemd made, else root's or the user's.
fn choose(
    told: Option<PathBuf>,
    env: impl Fn(&str) -> Option<OsString>,
    root: bool,
) -> Result<PathBuf, Error> {
    let env = |name| env(name).filter(|value| !value.is_empty());
    if let Some(dir) = told {
        return Ok(dir);
    }
    if let Some(dirs) = env("STATE_DIRECTORY") {
        // systemd separates several by colons; the first is the unit's main one.
        return Ok(std::env::split_paths(&dirs).next().unwrap_or_default());
    }
    if root {
        return Ok("/var/lib/activity-worker".into());
    }
    // The XDG specification asks to ignore a relative path.
    if let Some(home) = env("XDG_STATE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute()) {
        return Ok(home.join("activity-worker"));
    }
    match env("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".local/state/activity-worker")),
        None => Err(Error::Config("no folder to keep results in: give one with --state-dir DIR".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_wins() {
        let chosen = |told: Option<&str>, variables: &[(&str, &str)], root| {
            let env =
                |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).into());
            choose(told.map(Into::into), env, root).map(|dir| dir.display().to_string())
        };
        let all =
            [("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("XDG_STATE_HOME", "/x"), ("HOME", "/home/pi")];
        assert_eq!(chosen(Some("d"), &all, true).unwrap(), "d");
        assert_eq!(chosen(None, &all, true).unwrap(), "/var/lib/a");
        assert_eq!(chosen(None, &all[1..], true).unwrap(), "/var/lib/activity-worker");
        assert_eq!(chosen(None, &all[1..], false).unwrap(), "/x/activity-worker");
        assert_eq!(chosen(None, &all[2..], false).unwrap(), "/home/pi/.local/state/activity-worker");
        let relative = [("XDG_STATE_HOME", "x"), ("HOME", "/home/pi")];
        assert_eq!(chosen(None, &relative, false).unwrap(), "/home/pi/.local/state/activity-worker");
        assert!(matches!(chosen(None, &[("HOME", "")], false), Err(Error::Config(_))));
    }
}
