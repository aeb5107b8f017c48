//! Why a program can't be started, in words that say what to do. The kernel has one number for many reasons, so the file is
//! looked at: before a task is taken, and again when a start has failed.

mod elf;
mod reason;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use rustix::io::Errno;

pub(crate) use reason::Unfit;
use reason::certain;

/// What is read of a program's beginning.
const HEAD: u64 = 4096;
/// The kernel reads no more of a script's first line.
const FIRST_LINE: usize = 256;
/// An interpreter may be a script itself, but not for ever.
const DEPTH: u32 = 4;

/// What keeps `program` from being started, as far as can be seen from here.
pub(crate) fn unfit(program: &Path) -> Option<Unfit> {
    examine(program, DEPTH).err()
}

/// Why `program` was not started, after its name.
pub(super) fn why(program: &Path, error: &io::Error) -> String {
    let of_file = matches!(
        errno(error),
        Some(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::NOEXEC | Errno::LOOP | Errno::INVAL)
    );
    match unfit(program).filter(|_| of_file) {
        Some(Unfit::Certain(what) | Unfit::Likely(what)) => what,
        None => format!("could not be started: {}", of_machine(error)),
    }
}

/// What the machine lacks, where it is that.
pub(super) fn of_machine(error: &io::Error) -> String {
    let advice = match errno(error) {
        Some(Errno::AGAIN) => {
            "the limit of processes is reached (ulimit -u, LimitNPROC= or TasksMax= of systemd, pids.max of the cgroup)"
        }
        Some(Errno::NOMEM) => "there is no memory for a process",
        Some(Errno::MFILE) => "the worker has too many files open (ulimit -n, LimitNOFILE= of systemd)",
        Some(Errno::NFILE) => "the machine has too many files open (fs.file-max)",
        Some(Errno::TOOBIG) => "its arguments and its environment are too long together",
        Some(Errno::NOEXEC) => "it is no program that this kernel knows",
        Some(Errno::TXTBSY) => "it is being written to",
        _ => return error.to_string(),
    };
    format!("{advice}: {error}")
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

fn examine(program: &Path, depth: u32) -> Result<(), Unfit> {
    runs(program)?;
    let mut head = Vec::new();
    // One that may be run and not be read is left to the kernel.
    let read = File::open(program).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    if read.is_err() {
        return Ok(());
    }
    match head.as_slice() {
        [] => certain("is an empty file"),
        [b'#', b'!', line @ ..] => interpreter(program, line, depth),
        [0xEF, 0xBB, 0xBF, b'#', b'!', ..] => {
            certain("begins with a byte order mark, before its #!: save it as UTF-8 without one")
        }
        [0x7F, b'E', b'L', b'F', ..] => elf::examine(&head),
        head if head[..head.len().min(FIRST_LINE)].contains(&0) => {
            Err(Unfit::Likely("is no program for Linux".into()))
        }
        _ => Err(Unfit::Likely(
            "is a script whose first line does not name its interpreter: begin it with #!/bin/sh, or whatever reads it".into(),
        )),
    }
}

/// Whether the file may be run at all.
fn runs(program: &Path) -> Result<(), Unfit> {
    let found = match fs::metadata(program) {
        Ok(found) => found,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return certain("does not exist"),
        Err(e) => return certain(format!("can't be looked at: {e}")),
    };
    if found.is_dir() {
        return certain("is a folder");
    }
    if !found.is_file() {
        return certain("is not executable: it is no regular file");
    }
    // Before the file's mode: access(2) has one answer for both.
    if statvfs(program).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::NOEXEC)) {
        return certain(
            "lies on a file system that is mounted noexec: put it on another one, or mount that with exec",
        );
    }
    match access(program, Access::EXEC_OK) {
        Ok(()) => Ok(()),
        Err(_) => certain("is not executable (chmod +x)"),
    }
}

/// Judges what follows the `#!` of a script.
fn interpreter(script: &Path, rest: &[u8], depth: u32) -> Result<(), Unfit> {
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line[..line.len().min(FIRST_LINE)].trim_ascii_start();
    let (name, argument) = match line.iter().position(|byte| matches!(byte, b' ' | b'\t')) {
        Some(end) => line.split_at(end),
        None => (line, &[][..]),
    };
    // Perl and others do not mind one after their options. Where it ends the name of a program, no such program is found.
    if line.ends_with(b"\r") && (argument.is_empty() || name.ends_with(b"/env")) {
        return certain(format!(
            "has lines that end as on Windows (CR LF), so its interpreter is not found: sed -i 's/\\r$//' {}",
            script.display()
        ));
    }
    if name.is_empty() {
        return certain("names no interpreter after its #!");
    }
    let interpreter = Path::new(std::ffi::OsStr::from_bytes(name));
    let shown = interpreter.display();
    if depth == 0 {
        return certain(format!("is a script for a script for a script, down to {shown}"));
    }
    examine(interpreter, depth - 1).map_err(|flaw| {
        let of_it = |what: String| format!("needs {shown} to run it, which {what}");
        match flaw {
            Unfit::Certain(what) => Unfit::Certain(of_it(what)),
            Unfit::Likely(what) => Unfit::Likely(of_it(what)),
        }
    })?;
    if name.ends_with(b"/env") { found_by_env(argument.trim_ascii()) } else { Ok(()) }
}

/// Whether `env` finds what a script asks it for; options and variables before it are left to it.
fn found_by_env(word: &[u8]) -> Result<(), Unfit> {
    let is_name = !word.is_empty() && !word.iter().any(|byte| matches!(byte, b'/' | b'=' | b' ' | b'\t'));
    let name = std::ffi::OsStr::from_bytes(word);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    match is_name && !word.starts_with(b"-") && !found {
        true => Err(Unfit::Likely(format!("needs {} to run it, which is not in PATH", name.display()))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn said(content: &[u8]) -> Option<Unfit> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("handler");
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        unfit(&file)
    }

    fn text(content: &[u8]) -> String {
        match said(content) {
            Some(Unfit::Certain(text) | Unfit::Likely(text)) => text,
            None => "nothing".into(),
        }
    }

    #[test]
    fn field_21_what_is_wrong_with_a_program_is_seen_before_it_is_started() {
        for right in [
            "#!/bin/sh\n",
            "#! /bin/sh -e\n",
            "#!\t/bin/sh",
            "#!/usr/bin/env sh\n",
            "#!/usr/bin/env -S no such\n",
            "#!/bin/sh -e\r\n",
        ] {
            assert_eq!(said(right.as_bytes()), None, "{right:?}");
        }
        for (content, says) in [
            ("", "is an empty file"),
            ("echo 1\n", "does not name its interpreter"),
            ("\u{feff}#!/bin/sh\n", "byte order mark"),
            ("#!/bin/sh\r\necho 1\r\n", "end as on Windows (CR LF)"),
            ("#!/usr/bin/env python3\r\n", "end as on Windows (CR LF)"),
            ("#!\n", "names no interpreter"),
            ("#! \t \n", "names no interpreter"),
            ("#!", "names no interpreter"),
            ("#!/opt/no/python\n", "needs /opt/no/python to run it, which does not exist"),
            ("#!/etc/passwd\n", "needs /etc/passwd to run it, which is not executable"),
            ("#!/etc\n", "which is a folder"),
            ("#!/usr/bin/env no-such-program\n", "needs no-such-program to run it, which is not in PATH"),
            ("#!/dev/null\n", "no regular file"),
            ("MZ\0\0", "is no program for Linux"),
        ] {
            assert!(text(content.as_bytes()).contains(says), "{content:?}: {}", text(content.as_bytes()));
        }
        assert!(matches!(said(b"echo 1\n"), Some(Unfit::Likely(_))), "an emulator may know it by its name");
    }

    #[test]
    fn field_21_interpreters_that_are_scripts_are_followed_and_a_ring_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for (file, other) in [(&one, &two), (&two, &one)] {
            fs::write(file, format!("#!{}\n", other.display())).unwrap();
            fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
        }
        assert!(matches!(unfit(&one), Some(Unfit::Certain(_))));
        fs::write(&two, "#!/opt/no/python\n").unwrap();
        let Some(Unfit::Certain(text)) = unfit(&one) else { panic!("seen through") };
        assert!(text.contains("two to run it, which needs /opt/no/python"), "{text}");
    }

    #[test]
    fn field_06_what_the_machine_lacks_is_no_fault_of_the_program() {
        let of = |errno: Errno| why(Path::new("/bin/sh"), &errno.into());
        assert!(of(Errno::AGAIN).contains("TasksMax="), "{}", of(Errno::AGAIN));
        assert!(of(Errno::MFILE).contains("LimitNOFILE="), "{}", of(Errno::MFILE));
        assert!(of(Errno::NOMEM).contains("memory"));
        assert!(of(Errno::PERM).contains("Operation not permitted"));
        let gone = why(Path::new("/opt/no/such"), &Errno::NOENT.into());
        assert_eq!(gone, "does not exist");
    }
}
