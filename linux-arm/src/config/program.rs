//! Finds a handler's program at the start, so that a typing error is told before a task is taken.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::exec::{Program, Unfit, unfit};

/// Where `execvp` looks without a PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The program of a command line, found as `execvp` finds it: a name with a slash as it stands, any other in `PATH`.
/// `what` it is called in an error.
pub(crate) fn find(argv: Vec<OsString>, what: &str) -> Result<Program, String> {
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    match argv.first() {
        Some(name) if !name.is_empty() => {
            let found = find_in(name, &path).map_err(|why| format!("{what} {why}"))?;
            // From here on it does not matter where the worker was started.
            Ok(Program { path: std::path::absolute(&found).unwrap_or(found), argv })
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
            State::NotExecutable => Err(refused(&program)),
            State::Missing => Err(format!("{shown} does not exist")),
        };
    }
    let mut found = None;
    // Others may put files where the worker is started: it is no place to look for programs, whatever PATH says.
    let folders = env::split_paths(path).filter(|folder| folder.is_absolute());
    let skipped = env::split_paths(path).any(|folder| !folder.is_absolute());
    for candidate in folders.map(|folder| folder.join(name)) {
        match state(&candidate) {
            State::Runs => return Ok(candidate),
            State::NotExecutable => found = found.or(Some(candidate)),
            State::Missing => {}
        }
    }
    Err(match found {
        Some(found) => refused(&found),
        None if path.is_empty() => format!("{shown} is not in PATH, which is empty; give its whole path"),
        None if skipped => format!(
            "{shown} is not in PATH, of which only absolute folders are searched; give its whole path"
        ),
        None => format!("{shown} is not in PATH; give its whole path"),
    })
}

fn refused(program: &Path) -> String {
    let why = match unfit(program) {
        Some(Unfit::Certain(why) | Unfit::Likely(why)) => why,
        None => "is not executable (chmod +x)".into(),
    };
    format!("{} {why}", program.display())
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
    fn field_19_no_program_comes_from_the_working_folder_by_way_of_path() {
        // Where tests are run, this one is there.
        assert!(Path::new("Cargo.toml").exists() && Path::new("src").exists());
        let Ok(folder) = tempfile::tempdir_in(".") else {
            eprintln!("skipped: nothing can be written here");
            return;
        };
        let name = folder.path().file_name().unwrap();
        fs::copy("/bin/true", folder.path().join("tool")).unwrap();
        for path in ["", ":", ":/nowhere", "/nowhere:", ".", name.to_str().unwrap(), "/nowhere::/none"] {
            let why = find_in("tool".as_ref(), path.as_ref()).unwrap_err();
            assert!(why.contains("tool is not in PATH, ") && why.ends_with("give its whole path"), "{why}");
        }
        // With a slash it is what somebody named: made absolute once.
        let given = Path::new(name).join("tool");
        let found = find(vec![given.clone().into()], "it").unwrap();
        assert_eq!(
            (found.path, &*found.argv[0]),
            (env::current_dir().unwrap().join(&given), given.as_os_str())
        );
    }

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
        assert!(error(one.join("tool").to_str().unwrap()).ends_with("is a folder"));
        assert!(find(vec![], "it").is_err() && find(vec!["".into()], "it").is_err());
    }
}
