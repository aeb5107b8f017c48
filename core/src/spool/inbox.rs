//! The inbox: a folder inside the state folder, or elsewhere, where other processes of an app (a notification extension, a widget)
//! leave tokens and answers. They need neither the worker nor its lock; the worker takes the letters in when it starts and when it
//! is woken.
//!
//! A letter is JSON in a file of its own, `ID.token` or `ID.answer`, complete at every moment. The first letter of a name counts. What
//! it leaves out of a token, a further one says: `ID.token.2`, and so on.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Disk, ReadError, RealDisk, Spool, files};
use crate::task::INPUT_MAX;
use crate::{Adoption, Origin, Outcome, Output, Scope, Settlement, TaskId, TaskToken};

/// More letters than this are refused.
const LETTERS_MAX: usize = 1000;
/// A letter that is not done after so long will never be.
const HALF_LETTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// So many letters on one token are looked at: each says something that the ones before left out.
const LETTERS_OF_A_TOKEN: usize = 8;
/// The largest letter: control characters in JSON take six bytes.
const LETTER_MAX: u64 = 6 * INPUT_MAX as u64 + 64 * 1024;

/// Leaves tokens and answers for the worker of a state folder.
#[derive(Debug, Clone)]
pub struct Inbox {
    dir: PathBuf,
}

/// Why a letter was not left. Whoever has it still has it.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum InboxError {
    /// The task has an answer in the inbox already; the first one counts.
    #[error("task {0} has been answered already")]
    AlreadyAnswered(TaskId),
    /// The token, the input, the origin or the scope is none, or the output is no JSON or over 262,144 bytes.
    #[error("{0}")]
    Invalid(String),
    /// A thousand letters wait already: no worker has taken any in.
    #[error("the inbox is full: start the worker of this state folder")]
    Full,
    /// The disk refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct TokenLetter {
    version: u32,
    token: String,
    input: Option<String>,
    origin: Option<Origin>,
    scope: Option<Scope>,
    /// Seconds since 1970.
    expires: Option<u64>,
}

impl TokenLetter {
    fn said(&self) -> [bool; 4] {
        [self.input.is_some(), self.origin.is_some(), self.scope.is_some(), self.expires.is_some()]
    }
}

#[derive(Serialize, Deserialize)]
struct AnswerLetter {
    version: u32,
    output: Option<String>,
    error: Option<String>,
    cause: Option<String>,
}

/// What lay in the inbox.
pub enum Letter {
    /// A token to be adopted.
    Token(Adoption),
    /// An outcome of a task.
    Answer(TaskId, Outcome),
    /// An outcome of a task that is over.
    Late(TaskId, Settlement),
}

impl Inbox {
    /// The inbox of the worker with this state folder, which need not be there yet.
    pub fn of(state_dir: &Path) -> Self {
        Inbox { dir: state_dir.join("inbox") }
    }

    /// The inbox apart from the state folder that a worker was given ([`inbox_dir`](crate::worker::WorkerBuilder::inbox_dir)).
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Inbox { dir: dir.into() }
    }

    /// Leaves a token. It is on stable storage when this returns `Ok`; the same token twice is one letter, unless the second one says
    /// what the first one left out. State the origin and the
    /// scope where a device has several: without them the task becomes that of whichever worker takes it in.
    pub fn leave_token(&self, adoption: &Adoption) -> Result<TaskId, InboxError> {
        self.leave_token_on(&mut RealDisk::default(), adoption)
    }

    pub(crate) fn leave_token_on(
        &self,
        disk: &mut impl Letterbox,
        adoption: &Adoption,
    ) -> Result<TaskId, InboxError> {
        adoption.check().map_err(|error| InboxError::Invalid(error.to_string()))?;
        let since_1970 = |date: SystemTime| date.duration_since(SystemTime::UNIX_EPOCH).map(|d| d.as_secs());
        let letter = TokenLetter {
            version: 1,
            token: adoption.token.expose().to_owned(),
            input: adoption.input.clone(),
            origin: adoption.origin.clone(),
            scope: adoption.scope.clone(),
            expires: adoption.expires.and_then(|date| since_1970(date).ok()),
        };
        let id = adoption.token.id();
        let mut unsaid = letter.said();
        for n in 1..=LETTERS_OF_A_TOKEN {
            let name = if n == 1 { format!("{id}.token") } else { format!("{id}.token.{n}") };
            if self.leave(disk, &name, &letter)? {
                return Ok(id);
            }
            let earlier = disk.read(&self.dir.join(&name), LETTER_MAX).ok();
            let earlier = earlier.and_then(|bytes| serde_json::from_slice::<TokenLetter>(&bytes).ok());
            for (unsaid, said) in unsaid.iter_mut().zip(earlier.map_or([false; 4], |letter| letter.said())) {
                *unsaid &= !said;
            }
            if unsaid == [false; 4] {
                return Ok(id);
            }
        }
        Err(InboxError::Full)
    }

    /// Leaves an output, JSON of at most 262,144 bytes, as the answer to a task. It is on stable storage when this returns `Ok`.
    pub fn leave_success(&self, id: TaskId, output: &str) -> Result<(), InboxError> {
        let output = Output::parse(output).map_err(|error| InboxError::Invalid(error.to_string()))?;
        self.leave_answer_on(&mut RealDisk::default(), id, &Outcome::Success(output))
    }

    /// Leaves a failure as the answer to a task. It is on stable storage when this returns `Ok`.
    pub fn leave_failure(&self, id: TaskId, error: &str, cause: &str) -> Result<(), InboxError> {
        self.leave_answer_on(&mut RealDisk::default(), id, &Outcome::failure(error, cause))
    }

    pub(crate) fn leave_answer_on(
        &self,
        disk: &mut impl Letterbox,
        id: TaskId,
        outcome: &Outcome,
    ) -> Result<(), InboxError> {
        let (output, error, cause) = match outcome {
            Outcome::Success(output) => (Some(output.as_str().to_owned()), None, None),
            Outcome::Failure(why) => (None, Some(why.error().to_owned()), Some(why.cause().to_owned())),
        };
        match self.leave(disk, &format!("{id}.answer"), &AnswerLetter { version: 1, output, error, cause })? {
            true => Ok(()),
            false => Err(InboxError::AlreadyAnswered(id)),
        }
    }

    /// False if there is a letter of this name already.
    fn leave(
        &self,
        disk: &mut impl Letterbox,
        name: &str,
        letter: &impl Serialize,
    ) -> Result<bool, InboxError> {
        let path = self.dir.join(name);
        let io_error = |source| InboxError::Io { path: path.clone(), source };
        disk.make_dir(&self.dir, false).map_err(io_error)?;
        let (halves, letters): (Vec<_>, Vec<_>) =
            disk.list(&self.dir).map_err(io_error)?.into_iter().partition(|name| name.ends_with(".new"));
        if letters.len() >= LETTERS_MAX {
            return Err(InboxError::Full);
        }
        for half in halves.iter().map(|name| self.dir.join(name)).filter(|half| is_old(half)) {
            let _ = disk.remove(&half);
        }
        let json = serde_json::to_vec(letter).unwrap_or_default();
        let new = self.dir.join(format!("{name}.{}.{:x}.new", std::process::id(), fastrand::u64(..)));
        let left = disk.write_durably(&new, &json).and_then(|()| disk.rename_new(&new, &path));
        if !matches!(left, Ok(true)) {
            let _ = disk.remove(&new);
        }
        let left = left.map_err(io_error)?;
        disk.sync_dir(&self.dir).map_err(io_error)?;
        Ok(left)
    }
}

/// Whoever began the letter was ended in the middle of it.
fn is_old(half: &Path) -> bool {
    let written = std::fs::symlink_metadata(half).and_then(|file| file.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > HALF_LETTER_MAX))
}

/// What a process that leaves letters needs of storage besides.
pub(crate) trait Letterbox: Disk {
    /// Gives a file another name, if no file has it: else false.
    fn rename_new(&mut self, from: &Path, to: &Path) -> io::Result<bool>;
}

impl Letterbox for RealDisk {
    fn rename_new(&mut self, from: &Path, to: &Path) -> io::Result<bool> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            // A file system that can't: two processes that rename in the same instant are told apart by luck.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !to.exists() => {
                std::fs::rename(from, to).map(|()| true)
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}

impl Spool {
    /// The letters that wait, tokens before answers. Those in the state folder count too where the inbox is elsewhere: it may have
    /// moved there with a new version of the app.
    /// An inbox that can't be read now holds the other one up no more than it must: its error is the answer if there is no letter.
    pub fn letters(&self) -> io::Result<Vec<PathBuf>> {
        let inside = Inbox::of(&self.config.dir).dir;
        let (mut tokens, mut answers, mut failed) = (Vec::new(), Vec::new(), None);
        for dir in [Some(&inside), self.config.inbox.as_ref()].into_iter().flatten() {
            let names = match self.disk.list(dir) {
                Ok(names) => names,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => {
                    failed = Some(io::Error::new(e.kind(), format!("{}: {e}", dir.display())));
                    continue;
                }
            };
            for name in names {
                match name.split_once('.') {
                    Some((_, kind)) if is_token(kind) => tokens.push(dir.join(name)),
                    Some((_, "answer")) => answers.push(dir.join(name)),
                    _ => {}
                }
            }
        }
        // Of several on one token the first one counts.
        tokens.sort_unstable();
        let letters: Vec<_> = tokens.into_iter().chain(answers).collect();
        match failed {
            Some(e) if letters.is_empty() => Err(e),
            _ => Ok(letters),
        }
    }

    /// Reads a letter. One that makes no sense is set aside.
    pub fn letter(&mut self, path: &Path) -> Result<Letter, ReadError> {
        let unreadable = |source| ReadError::Unreadable { path: path.to_owned(), source };
        let bytes = match self.disk.read(path, LETTER_MAX) {
            Err(e) if files::is_odd(&e) => {
                // To copy it would be to read it.
                let path = self.set_aside(path).map_err(|_| unreadable(e))?;
                return Err(ReadError::Damaged { path });
            }
            bytes => bytes.map_err(unreadable)?,
        };
        let letter = parse(path, &bytes);
        let refused = match &letter {
            Some(Letter::Token(adoption)) => adoption.check().err(),
            _ => None,
        };
        match letter {
            Some(Letter::Answer(id, outcome)) => Ok(match self.settled(id) {
                Some(settlement) => Letter::Late(id, settlement),
                None => Letter::Answer(id, outcome),
            }),
            Some(letter) if refused.is_none() => Ok(letter),
            _ => Err(match (self.set_letter_aside(path, &bytes), refused) {
                (ReadError::Damaged { path }, Some(why)) => ReadError::Refused { path, why: why.to_string() },
                (error, _) => error,
            }),
        }
    }

    /// By a copy: the inbox may lie on another file system.
    fn set_letter_aside(&mut self, path: &Path, bytes: &[u8]) -> ReadError {
        let aside = self.copy_aside(path, bytes);
        if aside == path {
            let source =
                io::Error::other("it makes no sense, and the disk has no room for it in the quarantine");
            return ReadError::Unreadable { path: aside, source };
        }
        self.remove_letter(path);
        ReadError::Damaged { path: aside }
    }

    /// Removes a letter that was taken in. Should a power cut bring it back, it is known to be an old one.
    pub fn remove_letter(&mut self, path: &Path) {
        let _ = self.disk.remove(path);
    }
}

/// `token`, or a further letter on the same one.
fn is_token(kind: &str) -> bool {
    kind.strip_prefix("token").is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix('.').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

fn parse(path: &Path, bytes: &[u8]) -> Option<Letter> {
    let (id, kind) = path.file_name()?.to_str()?.split_once('.')?;
    let id = TaskId::parse(id)?;
    if is_token(kind) {
        let letter: TokenLetter = serde_json::from_slice(bytes).ok()?;
        let token = TaskToken::new(letter.token).ok().filter(|token| token.id() == id)?;
        let expires = letter.expires.map(super::format::date);
        let (input, origin, scope) = (letter.input, letter.origin, letter.scope);
        return Some(Letter::Token(Adoption { token, input, origin, scope, expires }));
    }
    let letter: AnswerLetter = serde_json::from_slice(bytes).ok()?;
    let outcome = match (letter.output, letter.error) {
        (Some(output), None) => Output::parse(output).into(),
        (None, Some(error)) => Outcome::failure(error, letter.cause.unwrap_or_default()),
        _ => return None,
    };
    Some(Letter::Answer(id, outcome))
}
