//! P7 from outside: no secret of the tests may be in anything that a suite prints, or that the binary under test logs.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// What the tests' secrets hold, and nothing else does.
const MARKS: [&str; 3] = [
    // Keys, tokens, inputs, outputs and causes that a test makes up.
    "sEcReT",
    // The emulator's only key.
    concat!("emulator-test-", "secret-access-key"),
    // How each of its task tokens begins.
    concat!("AAAAKgAAAAI", "AAAAAAAAAA"),
];

/// Ends what a suite has printed. No program prints it.
const END: &str = "\u{1}end of suite\u{1}";

/// The first line that tells a secret, without the secret.
pub(crate) fn find(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let mark = MARKS.iter().find(|mark| line.contains(**mark))?;
        let (before, _) = line.split_once(mark)?;
        Some(format!("{before}(a secret of the tests)"))
    })
}

/// The same of a file; one that is not there tells nothing.
pub(crate) fn find_in(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let line = find(&String::from_utf8_lossy(&bytes))?;
    Some(format!("{} tells a secret: {line}", path.display()))
}

/// Stands between what this process and its children print and where it goes, and looks at every line.
pub(crate) struct Watch {
    terminal: File,
    found: Receiver<Vec<String>>,
}

impl Watch {
    /// From now on stdout and stderr are looked at. Both go where stdout went.
    pub(crate) fn start() -> io::Result<Self> {
        let terminal = File::from(rustix::io::dup(io::stdout())?);
        let (reader, writer) = io::pipe()?;
        rustix::stdio::dup2_stdout(&writer)?;
        rustix::stdio::dup2_stderr(&writer)?;
        let (tell, found) = mpsc::channel();
        let out = terminal.try_clone()?;
        thread::Builder::new().name("leaks".into()).spawn(move || pass_on(reader, out, &tell))?;
        Ok(Watch { terminal, found })
    }

    /// The lines that told a secret since the last time, without it.
    pub(crate) fn leaks(&self) -> Vec<String> {
        println!("{END}");
        self.found.recv().unwrap_or_else(|_| vec!["the output was not looked at to its end".to_owned()])
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // All that was printed has been passed on once this returns.
        self.leaks();
        let _ = rustix::stdio::dup2_stdout(&self.terminal);
        let _ = rustix::stdio::dup2_stderr(&self.terminal);
    }
}

fn pass_on(from: impl Read, mut to: impl Write, tell: &Sender<Vec<String>>) {
    let (mut from, mut found) = (BufReader::new(from), Vec::new());
    let mut bytes = Vec::new();
    while from.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
        let line = String::from_utf8_lossy(&bytes).into_owned();
        let rest = line.trim_end_matches('\n').strip_suffix(END);
        let leak = find(&line);
        let shown = leak.as_deref().or(rest).unwrap_or(&line);
        let _ = to.write_all(shown.as_bytes());
        if (leak.is_some() || rest.is_some_and(|rest| !rest.is_empty())) && !shown.ends_with('\n') {
            let _ = to.write_all(b"\n");
        }
        let _ = to.flush();
        found.extend(leak);
        if rest.is_some() && tell.send(std::mem::take(&mut found)).is_err() {
            return;
        }
        bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_a_line_that_tells_a_secret_is_found_and_not_shown() {
        let secret = MARKS[0];
        let printed = format!("fine\nkey={secret}/K7 and more\nhalf a line{END}\nlater{secret}\n{END}\n");
        let (tell, found) = mpsc::channel();
        let mut shown = Vec::new();
        pass_on(printed.as_bytes(), &mut shown, &tell);
        assert_eq!(found.recv().unwrap(), ["key=(a secret of the tests)"]);
        assert_eq!(found.recv().unwrap(), ["later(a secret of the tests)"]);
        let shown = String::from_utf8(shown).unwrap();
        assert!(!shown.contains(secret) && !shown.contains(END), "{shown}");
        assert!(shown.starts_with("fine\nkey=(") && shown.contains("half a line\n"), "{shown}");
    }

    #[test]
    #[ignore = "takes the stdout of its process: run by the test below"]
    fn a_process_under_watch() {
        let watch = Watch::start().unwrap();
        println!("nothing to see");
        assert_eq!(watch.leaks(), [""; 0]);
        let shell = format!("echo out {0}; echo err {0} >&2", MARKS[0]);
        crate::process::run(std::process::Command::new("sh").args(["-c", &shell])).unwrap();
        let told = watch.leaks();
        drop(watch);
        assert_eq!(told, ["out (a secret of the tests)", "err (a secret of the tests)"]);
    }

    #[test]
    fn p7_what_a_child_process_prints_is_looked_at() {
        let mut own = std::process::Command::new(std::env::current_exe().unwrap());
        own.args(["--exact", "leaks::tests::a_process_under_watch", "--ignored", "--nocapture"]);
        let printed = crate::process::read(&mut own).unwrap();
        assert!(printed.contains("nothing to see") && printed.contains("1 passed"), "{printed}");
        assert!(printed.contains("out (a secret") && !printed.contains(MARKS[0]), "{printed}");
    }

    #[test]
    fn p7_a_log_that_tells_a_task_token_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "started\n").unwrap();
        assert_eq!(find_in(file.path()), None);
        std::fs::write(file.path(), format!("started\nbeat of {}0007\n", MARKS[2])).unwrap();
        assert!(find_in(file.path()).unwrap().ends_with("tells a secret: beat of (a secret of the tests)"));
        assert_eq!(find_in(Path::new("/no/such/log")), None);
    }
}
