//! The first process of a container (PID 1).
//!
//! Every orphan becomes a child of the first process, and stays a zombie until that reaps it; some day no process can be started
//! any more. A worker that reaped whatever comes would take the ends of its own handlers from the threads that wait for them. So
//! the first process does nothing but reap, and its child is the worker. The first one also has no default actions: a signal
//! that the program does not listen to, like Ctrl-C for `doctor`, would do nothing.
#![allow(unsafe_code)]

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use rustix::process::{Pid, WaitOptions, getpid, wait};

use super::signals;

/// What this process is.
pub(super) enum Role {
    /// The one that goes on with the program.
    Program,
    /// The first one, and the program has ended.
    Over(ExitCode),
    /// The first one, and the program too: there was no second one to be had.
    Alone,
}

/// In the first process of a container, makes another one go on, and returns when that has ended.
pub(super) fn stand_aside() -> Role {
    if !getpid().is_init() {
        return Role::Program;
    }
    signals::children_can_be_waited_for();
    // None is lost that comes before it is waited for. The program lets them through again.
    signals::block_all();
    // SAFETY: there is one thread, so the child is a whole process, free to do anything.
    match unsafe { libc::fork() } {
        0 => Role::Program,
        -1 => Role::Alone,
        program => Role::Over(look_after(program)),
    }
}

/// Reaps whatever ends and passes signals on to the program, until that ends.
fn look_after(program: libc::pid_t) -> ExitCode {
    loop {
        match signals::next() {
            libc::SIGCHLD => {
                while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                    if pid == Pid::from_raw(program).unwrap_or(Pid::INIT) {
                        return code(ExitStatus::from_raw(status.as_raw()));
                    }
                }
            }
            // SAFETY: it takes numbers. The program is not reaped yet, so the number is no other's.
            signal => drop(unsafe { libc::kill(program, signal) }),
        }
    }
}

/// As a shell has it.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
