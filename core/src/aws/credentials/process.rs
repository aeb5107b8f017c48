//! Credentials that a program prints: `credential_process`.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::Deserialize;

use super::expiration;
use super::{Credentials, CredentialsError, CredentialsProvider};
use crate::aws::redact::redact;
use crate::aws::shell_split::split;

/// The program is ended after this long.
const DEADLINE: Duration = Duration::from_secs(60);
/// What is kept of stdout, and of stderr. Credentials have a few kilobytes.
const OUTPUT_MAX: usize = 64 * 1024;
/// How long outputs are read on after the program's end, if something that it left behind keeps them open.
const LINGER: Duration = Duration::from_millis(500);
/// How often to look whether the program has ended.
const LOOK: Duration = Duration::from_millis(20);
/// A pipe holds no more than this.
const CHUNK: usize = 64 * 1024;

/// Runs a program each time it is asked, without a shell. The program prints JSON of version 1 and ends with exit status 0.
///
/// It is ended with its process group after 60 s. What it leaves behind when it ends by itself, a daemon for instance, goes on. Of what it
/// prints on stderr, the first line appears in the error.
#[derive(Debug)]
pub struct ProcessCredentials {
    name: String,
    config: ProcessConfig,
    deadline: Duration,
}

/// A program that prints credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessConfig {
    /// The program: a path, or a name that is looked for in `PATH`.
    pub program: PathBuf,
    /// Its arguments, as they are.
    pub arguments: Vec<String>,
}

impl ProcessConfig {
    /// A program by its command line, split at white space as a shell does with quotes and backslashes, and nothing else of a
    /// shell.
    pub fn parse(command: &str) -> Result<Self, CredentialsError> {
        let setup = |reason: &str| CredentialsError::Setup(format!("credential_process {reason}"));
        let mut words =
            split(command).ok_or_else(|| setup("has a quote that is not closed, or ends in a backslash"))?;
        if words.is_empty() {
            return Err(setup("is empty"));
        }
        Ok(ProcessConfig { program: words.remove(0).into(), arguments: words })
    }
}

impl ProcessCredentials {
    /// A source that runs what `config` says.
    pub fn new(config: ProcessConfig) -> Self {
        let name = format!("credential_process {}", redact(&config.program.to_string_lossy()));
        ProcessCredentials { name, config, deadline: DEADLINE }
    }

    fn run(&self) -> Result<Vec<u8>, String> {
        let mut child = Command::new(&self.config.program)
            .args(&self.config.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0) // so that it can be ended with all that it started
            .spawn()
            .map_err(|e| format!("can't be started: {e}"))?;
        let output = watch(&mut child, self.deadline);
        if output.is_err() {
            end_group(&child);
        }
        let status = child.wait().map_err(|e| format!("can't be waited for: {e}"))?;
        let (stdout, stderr) = output?;
        if status.success() {
            return Ok(stdout);
        }
        let stderr = String::from_utf8_lossy(&stderr);
        match stderr.lines().find(|l| !l.trim().is_empty()) {
            Some(line) => Err(format!("failed ({status}): {}", redact(line.trim()))),
            None => Err(format!("failed ({status}) and said nothing on stderr")),
        }
    }
}

impl CredentialsProvider for ProcessCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let answer = self.run().and_then(|stdout| parse(&stdout));
        answer.map_err(|reason| CredentialsError::Unavailable(format!("{} {reason}", self.name)))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Reads both pipes until the program has ended, and leaves its exit to be collected: until then, the process id can't become
/// another's, and ending the group is safe. Pipes that something else holds open are listened to a little longer, and closed.
fn watch(child: &mut Child, deadline: Duration) -> Result<(Vec<u8>, Vec<u8>), String> {
    let failed = |e: Errno| format!("can't be watched: {e}");
    let pid = Pid::from_child(child);
    let mut out = Output::of(child.stdout.take()).map_err(failed)?;
    let mut err = Output::of(child.stderr.take()).map_err(failed)?;
    let mut until = Instant::now() + deadline;
    let (mut exited, mut chunk) = (false, vec![0; CHUNK]);
    while !exited || out.pipe.is_some() || err.pipe.is_some() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() && !exited {
            return Err(format!("took over {} s", deadline.as_secs()));
        }
        if left.is_zero() {
            break;
        }
        wait([&out, &err], left.min(LOOK)).map_err(failed)?;
        // Before the pipes are read: what it printed up to its end is in them then.
        if !exited && has_exited(pid).map_err(failed)? {
            exited = true;
            until = until.min(Instant::now() + LINGER);
        }
        out.read(&mut chunk).map_err(|e| format!("can't be read: {e}"))?;
        let _ = err.read(&mut chunk);
    }
    if out.kept.len() > OUTPUT_MAX {
        return Err(format!("printed over {OUTPUT_MAX} bytes"));
    }
    Ok((out.kept, err.kept))
}

/// One of the program's outputs: its beginning is kept, and the rest is read away, so that a program that prints much comes to its
/// end.
struct Output {
    pipe: Option<OwnedFd>,
    kept: Vec<u8>,
}

impl Output {
    fn of(pipe: Option<impl Into<OwnedFd>>) -> Result<Self, Errno> {
        let pipe = pipe.map(Into::into);
        if let Some(pipe) = &pipe {
            ioctl_fionbio(pipe, true)?; // this end only
        }
        Ok(Output { pipe, kept: Vec::new() })
    }

    fn read(&mut self, chunk: &mut [u8]) -> Result<(), Errno> {
        let Some(pipe) = &self.pipe else { return Ok(()) };
        match rustix::io::read(pipe, &mut *chunk) {
            Ok(0) => self.pipe = None,
            Ok(n) => {
                let room = OUTPUT_MAX + 1 - self.kept.len();
                self.kept.extend_from_slice(&chunk[..n.min(room)]);
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(e) => {
                self.pipe = None;
                return Err(e);
            }
        }
        Ok(())
    }
}

/// Waits until one of the outputs can be read, at most so long.
fn wait(outputs: [&Output; 2], at_most: Duration) -> Result<(), Errno> {
    let open = outputs.iter().filter_map(|output| output.pipe.as_ref());
    let mut fds: Vec<_> = open.map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
    match poll(&mut fds, Timespec::try_from(at_most).ok().as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(e) => Err(e),
    }
}

fn has_exited(pid: Pid) -> Result<bool, Errno> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(pid), options) {
        Err(Errno::INTR) => Ok(false),
        seen => Ok(seen?.is_some()),
    }
}

fn end_group(child: &Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL); // gone already: just as well
}

/// Reads what the program printed. No error quotes any of it.
pub(crate) fn parse(stdout: &[u8]) -> Result<Credentials, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Printed {
        version: serde_json::Value,
        access_key_id: Option<String>,
        secret_access_key: Option<String>,
        session_token: Option<String>,
        expiration: Option<String>,
    }
    let printed: Printed = serde_json::from_slice(stdout).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => "printed JSON that is not of the expected form".to_owned(),
        _ => format!("printed no JSON (line {}, column {})", e.line(), e.column()),
    })?;
    if printed.version != 1 {
        return Err("printed credentials of another version than 1".to_owned());
    }
    let text = |field: Option<String>, name: &str| {
        field.filter(|t| !t.is_empty()).ok_or_else(|| format!("printed credentials without {name}"))
    };
    let id = text(printed.access_key_id, "AccessKeyId")?;
    let secret = text(printed.secret_access_key, "SecretAccessKey")?;
    let expires = match printed.expiration {
        None => None,
        Some(date) => Some(expiration::parse(&date).ok_or("printed an Expiration that is no ISO 8601 date")?),
    };
    Ok(Credentials::new(id, secret, printed.session_token, expires))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(command: &str) -> ProcessCredentials {
        ProcessCredentials::new(ProcessConfig::parse(command).unwrap())
    }

    fn shell(script: &str) -> ProcessCredentials {
        of(&format!("sh -c '{script}'"))
    }

    fn error(source: &ProcessCredentials) -> String {
        source.credentials().unwrap_err().to_string()
    }

    #[test]
    fn a_program_prints_credentials() {
        let json = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2026-11-05T06:07:08Z"}"#;
        let expires = expiration::parse("2026-11-05T06:07:08Z");
        let expected = Credentials::new("A", "S", Some("T".into()), expires);
        assert_eq!(
            shell(&format!("echo noise >&2; printf %s \"{}\"", json.replace('"', "\\\""))).credentials(),
            Ok(expected)
        );
    }

    #[test]
    fn a_program_that_fails_is_named_with_the_first_line_of_its_stderr() {
        let failed = error(&shell("echo; echo no certificate >&2; echo more >&2; exit 3"));
        assert_eq!(failed, "credential_process sh failed (exit status: 3): no certificate");
        let missing = error(&of("/nowhere/signing-helper"));
        assert!(missing.contains("/nowhere/signing-helper can't be started: No such file"), "{missing}");
        assert!(error(&shell("kill -9 $$")).contains("signal: 9"));
    }

    #[test]
    fn p7_a_secret_on_stderr_is_not_shown() {
        let failed = error(&shell("echo key wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY refused >&2; exit 1"));
        assert!(failed.ends_with("key (hidden) refused"), "{failed}");
    }

    #[test]
    fn p9_a_program_that_hangs_is_ended_with_all_that_it_started() {
        let started = Instant::now();
        for script in ["sleep 60", "sleep 60 & wait", "exec >&- 2>&-; sleep 60"] {
            let source = ProcessCredentials { deadline: Duration::from_millis(100), ..shell(script) };
            assert!(error(&source).contains("took over"), "{script}");
        }
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn p6_a_daemon_that_a_program_leaves_behind_costs_neither_the_answer_nor_a_pipe() {
        let (started, dir) = (Instant::now(), tempfile::tempdir().unwrap());
        let ended = dir.path().join("ended");
        // The daemon writes for as long as someone holds the other end.
        let answer = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S"}"#;
        let script = format!("(yes >&2; touch {}) & echo '{answer}'", ended.display());
        let source = ProcessConfig { program: "sh".into(), arguments: vec!["-c".into(), script] };
        let source = ProcessCredentials::new(source);
        assert_eq!(source.credentials().unwrap().access_key_id, "A");
        while !ended.exists() {
            assert!(started.elapsed() < Duration::from_secs(20), "its pipe is still open");
            std::thread::sleep(LOOK);
        }
    }

    #[test]
    fn p6_a_program_that_floods_is_bounded() {
        assert!(error(&shell("yes | head -c 1000000")).contains("printed over 65536 bytes"));
        let flooded = error(&shell("yes | head -c 1000000 >&2; exit 1"));
        assert!(flooded.ends_with("failed (exit status: 1): y"), "{flooded}");
    }

    #[test]
    fn a_program_has_no_stdin_and_no_shell() {
        assert!(error(&of("cat")).contains("printed no JSON"));
        assert!(error(&of("echo $HOME ; exit 7")).contains("printed no JSON"));
    }

    #[test]
    fn what_is_printed_must_be_version_1_and_complete() {
        let reason = |json: &str| parse(json.as_bytes()).unwrap_err();
        assert!(reason("").contains("no JSON"));
        assert!(reason("[]").contains("not of the expected form"));
        assert!(reason(r#"{"AccessKeyId":"A"}"#).contains("not of the expected form"));
        assert!(reason(r#"{"Version":2}"#).contains("another version"));
        assert!(reason(r#"{"Version":"1"}"#).contains("another version"));
        assert!(reason(r#"{"Version":1,"SecretAccessKey":"S"}"#).contains("AccessKeyId"));
        assert!(
            reason(r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":""}"#).contains("SecretAccessKey")
        );
        let soon = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"soon"}"#;
        assert!(reason(soon).contains("Expiration"));
    }

    #[test]
    fn what_is_no_command_line_is_refused_at_once() {
        assert!(ProcessConfig::parse("'a").unwrap_err().to_string().contains("quote"));
        assert!(ProcessConfig::parse(" ").unwrap_err().to_string().contains("empty"));
    }

    proptest! {
        #[test]
        fn p7_no_error_quotes_what_was_printed(field in "(Version|AccessKeyId|SecretAccessKey|SessionToken|Expiration)", value in "(\"sEcReT\"|\\[\"sEcReT\"\\]|sEcReT)") {
            let json = format!(r#"{{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","{field}":{value}}}"#);
            if let Err(reason) = parse(json.as_bytes()) {
                prop_assert!(!reason.contains("sEcReT"), "{}", reason);
            }
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(parse(&bytes).is_err());
        }
    }
}
