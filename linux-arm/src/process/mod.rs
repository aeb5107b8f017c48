//! The process itself: what it got from whoever started it, set right before anything else happens.
//!
//! Much is inherited over `exec`: ignored and blocked signals, limits, the umask, open descriptors, a working folder that may be
//! gone. Any of it can break a promise far from where it was set, so the worker takes what it needs, and gives a handler what it
//! was given itself, with no signal ignored or blocked and no descriptor but its own.
//!
//! * `signals` and `descriptors`, as the kernel has them, and `home`;
//! * `limits`, reckoned from the configuration;
//! * `first`, for the first process of a container.

mod descriptors;
mod first;
mod home;
mod limits;
mod signals;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, chdir, getrlimit, set_child_subreaper, setrlimit, umask};

pub(crate) use limits::{Wanted, reckon};
pub(crate) use signals::without_signals;

/// What this process was given, and a handler gets back. Nothing in a unit test, which mends nothing.
static GIVEN: OnceLock<Given> = OnceLock::new();

/// Of the limits, those that the worker raises for itself.
const RAISED: [Resource; 2] = [Resource::Nofile, Resource::Fsize];

struct Given {
    umask: Mode,
    limits: [Rlimit; RAISED.len()],
    /// The working folder. `None`: it was gone.
    folder: Option<PathBuf>,
    /// What an operator should know of it.
    warnings: Vec<&'static str>,
}

/// Sets the process right. To be called first of all, while there is one thread. `Some`: this was the first process of a
/// container, its child was the program, and that has ended.
pub(crate) fn begin() -> Option<ExitCode> {
    let mut warnings = Vec::new();
    match first::stand_aside() {
        first::Role::Program => {}
        first::Role::Over(code) => return Some(code),
        first::Role::Alone => warnings.push(
            "this is the first process of a container, and there is no second one to be had: what handlers leave behind is not reaped",
        ),
    }
    signals::mend();
    descriptors::keep_from_children();
    // Orphans are the business of the first process; nobody reaps them here.
    let _ = set_child_subreaper(None);
    home::find();
    let folder = env::current_dir().ok();
    if folder.is_none() {
        warnings.push("the working folder is gone or not to be read: going on in /");
        let _ = chdir("/");
    }
    // What the worker makes is for nobody else; and a stranger one (0777) would keep it from its own files.
    let umask = umask(Mode::RWXG | Mode::RWXO);
    let _ = GIVEN.set(Given { umask, limits: RAISED.map(getrlimit), folder, warnings });
    None
}

/// What was found at the start that an operator should know, a line each.
pub(crate) fn warnings() -> &'static [&'static str] {
    GIVEN.get().map_or(&[], |given| &given.warnings)
}

/// Whether the working folder was gone, so that what is relative to it means another place by now.
pub(crate) fn folder_gone() -> bool {
    GIVEN.get().is_some_and(|given| given.folder.is_none())
}

/// Where a handler is to start, if it can't be where the worker is: that folder has been removed since. Another one may have its
/// name by now, after an update say.
pub(crate) fn other_folder() -> Option<PathBuf> {
    if env::current_dir().is_ok() {
        return None;
    }
    let named = GIVEN.get().and_then(|given| given.folder.clone()).filter(|folder| folder.is_dir());
    Some(named.unwrap_or_else(|| "/".into()))
}

/// Gives this process, a handler's before its `exec`, what the worker was given. Makes system calls and nothing else.
pub(crate) fn give_back_in_child() {
    signals::all_default();
    if let Some(given) = GIVEN.get() {
        umask(given.umask);
        for (resource, limit) in RAISED.into_iter().zip(given.limits) {
            // Refused only where the hard limit was lowered since; then the lower one holds.
            let _ = setrlimit(resource, limit);
        }
    }
}
