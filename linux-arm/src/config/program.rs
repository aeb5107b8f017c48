//! Finds a handler's program at the start, so that a typing error is told before a task is taken.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::exec::Program;

/// Where `execvp` looks without a PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The program of a command line, found as `execvp` finds it: a name with a slash as it stands, any other in `PATH`.
/// `what` it is called in an error.
pub(crate) fn find(argv: Vec<OsString>, what: &str) -> Result<Program, String> {
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    match argv.first() {
        Some(name) if !name.is_empty() => {
            Ok(Program { path: find_in(name, &path).map_err(|why| format!("{what} {why}"))?, argv })
        }
        _ => Err(format!("the command of {what} is empty")),
    }
}

fn find_in(name: &OsStr, path: &OsStr) -> Result<PathBuf, String> {
    let shown = Path::new(name).display();
    if name.as_bytes().contains(&b'/') {
        let program = PathBuf::from(name);
        return match state(&program) {
            State::Runs => Ok(program),
            State::NotExecutable => Err(format!("{shown} is not executable (chmod +x)")),
            State::Missing => Err(format!("{shown} does not exist")),
        };
    }
    let mut refused = None;
    for candidate in env::split_paths(path).map(|folder| folder.join(name)) {
        match state(&candidate) {
            State::Runs => return Ok(candidate),
            State::NotExecutable => refused = refused.or(Some(candidate)),
            State::Missing => {}
        }
    }
    Err(match refused {
        Some(found) => format!("{} is not executable (chmod +x)", found.display()),
        None => format!("{shown} is not in PATH; give its whole path"),
    })
}

enum State {
    Runs,
    NotExecutable,
    Missing,
}

fn state(program: &Path) -> State {
    match program.metadata() {
        Ok(found) if found.is_file() && access(program, Access::EXEC_OK).is_ok() => State::Runs,
        Ok(_) => State::NotExecutable,
        Err(_) => State::Missing,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_program_is_found_as_execvp_finds_it_and_what_is_wrong_has_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::create_dir_all(one.join("tool")).unwrap();
        fs::create_dir(&two).unwrap();
        fs::copy("/bin/true", two.join("tool")).unwrap();
        fs::write(two.join("notes"), "text").unwrap();
        let path = env::join_paths([&one, &two]).unwrap();

        assert_eq!(find_in("tool".as_ref(), &path), Ok(two.join("tool")));
        assert_eq!(find_in(two.join("tool").as_os_str(), OsStr::new("")), Ok(two.join("tool")));
        let error = |name: &str| find_in(name.as_ref(), &path).unwrap_err();
        assert!(error("notes").ends_with("two/notes is not executable (chmod +x)"));
        assert_eq!(error("absent"), "absent is not in PATH; give its whole path");
        assert_eq!(error("./absent"), "./absent does not exist");
        assert!(error(one.join("tool").to_str().unwrap()).ends_with("is not executable (chmod +x)"));
        assert!(find(vec![], "it").is_err() && find(vec!["".into()], "it").is_err());
    }
}
