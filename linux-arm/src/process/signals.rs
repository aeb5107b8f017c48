//! Signals that were ignored or blocked by whoever started this process.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;

use libc::{
    SA_RESTART, SIG_BLOCK, SIG_DFL, SIG_SETMASK, SIGCHLD, SIGXFSZ, c_int, sigaction, sighandler_t, sigset_t,
};

/// So many there are, the real-time ones included, and so many bits has a set of them, on all machines but MIPS.
const SIGNALS: usize = 64;

/// Lets every signal through, and makes those harmless that would break the worker.
///
/// What else was ignored stays so: `nohup` means it.
pub(super) fn mend() {
    children_can_be_waited_for();
    // A write beyond RLIMIT_FSIZE then fails with EFBIG, as one on a full disk does, and the worker lives. It is caught, not
    // ignored: a child of the worker, whoever starts it, has the default again.
    set(SIGXFSZ, nothing as extern "C" fn(c_int) as sighandler_t);
    set_mask(SIG_SETMASK, &none());
}

/// Where SIGCHLD is ignored, the kernel throws away how children ended.
pub(super) fn children_can_be_waited_for() {
    set(SIGCHLD, SIG_DFL);
}

/// What all signals do in a program that was just started. Makes system calls and nothing else.
pub(super) fn all_default() {
    // The kernel's own structure, whatever its fields: zero is the default action, with no flag and no signal blocked.
    let default = [0u64; 8];
    for signal in 1..=SIGNALS {
        // SAFETY: the kernel reads one of its structures from `default`, which is larger than any. Not by way of the C library,
        // which keeps two signals to itself, though those may have been ignored too.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, &raw const default, ptr::null::<u64>(), SIGNALS / 8)
        };
    }
    set_mask(SIG_SETMASK, &none());
}

/// Does it while no signal reaches this thread. Those that come meanwhile are other threads', or wait.
pub(crate) fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    let (all, mut before) = (all(), none());
    // SAFETY: both outlive the call. It can only fail for another `how`.
    let _ = unsafe { libc::pthread_sigmask(SIG_SETMASK, &raw const all, &raw mut before) };
    let done = work();
    // SAFETY: as above.
    let _ = unsafe { libc::pthread_sigmask(SIG_SETMASK, &raw const before, ptr::null_mut()) };
    done
}

pub(super) fn block_all() {
    set_mask(SIG_BLOCK, &all());
}

/// Waits for the next signal, all being blocked.
pub(super) fn next() -> c_int {
    let (all, mut signal) = (all(), 0);
    // SAFETY: both point to values of the right type that outlive the call.
    while unsafe { libc::sigwait(&raw const all, &raw mut signal) } != 0 {}
    signal
}

extern "C" fn nothing(_: c_int) {}

fn set(signal: c_int, action: sighandler_t) {
    // SAFETY: zero is a value of each of its fields: no flag, no signal blocked.
    let mut new: sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    new.sa_sigaction = action;
    new.sa_flags = SA_RESTART;
    // SAFETY: `new` outlives the call, and its handler, if it is one, does nothing.
    let _ = unsafe { sigaction(signal, &raw const new, ptr::null_mut()) };
}

fn set_mask(how: c_int, signals: &sigset_t) {
    // SAFETY: `signals` outlives the call. It can only fail for another `how`.
    let _ = unsafe { libc::sigprocmask(how, signals, ptr::null_mut()) };
}

fn none() -> sigset_t {
    filled(libc::sigemptyset)
}

fn all() -> sigset_t {
    filled(libc::sigfillset)
}

fn filled(fill: unsafe extern "C" fn(*mut sigset_t) -> c_int) -> sigset_t {
    let mut signals = MaybeUninit::zeroed();
    // SAFETY: the function fills the set that it is given, and zero is a set too.
    unsafe {
        let _ = fill(signals.as_mut_ptr());
        signals.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_signals_that_were_held_back_are_let_through_again() {
        let blocked = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            status.lines().find(|line| line.starts_with("SigBlk:")).unwrap().to_owned()
        };
        let before = blocked();
        let within = without_signals(blocked);
        assert!(within != before && within.ends_with("ff"), "{within}");
        assert_eq!(blocked(), before);
    }
}
