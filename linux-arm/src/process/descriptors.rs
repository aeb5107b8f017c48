//! Descriptors that are open, or not, when the program starts.
#![allow(unsafe_code)]

use libc::{F_GETFD, F_SETFD, FD_CLOEXEC, O_RDONLY, O_RDWR, c_int, c_uint, close, fcntl, open};

/// Without `close_range`, no descriptor above this is looked for.
const MOST: c_int = 4096;

/// What was open at the start, above the standard three, stays so here: it may be a lock that is meant to last as long as the
/// worker. No child inherits it: a pipe that a handler's descendant kept open would keep its reader waiting.
pub(super) fn keep_from_children() {
    let (first, last): (c_uint, c_uint) = (3, c_uint::MAX);
    // SAFETY: a system call that takes numbers. What is open is not closed.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) };
    if done != 0 {
        // Linux before 5.11.
        for fd in 3..MOST {
            // SAFETY: it takes numbers; one that is not open is an error and no more.
            unsafe { fcntl(fd, F_SETFD, FD_CLOEXEC) };
        }
    }
}

/// Rust's runtime opens /dev/null for a standard stream that is closed, and aborts without a word where there is none, as in a
/// bare chroot. So something else takes the place before it looks.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = occupy_standard_streams;

extern "C" fn occupy_standard_streams() {
    for fd in 0..3 {
        // SAFETY: they take numbers and constant strings; `open` gives the lowest number that is free, which is `fd`.
        unsafe {
            if fcntl(fd, F_GETFD) != -1 {
                continue;
            }
            let mut got = open(c"/dev/null".as_ptr(), O_RDWR);
            if got == -1 {
                got = open(c"/".as_ptr(), O_RDONLY);
            }
            if got > 2 {
                close(got);
            }
        }
    }
}
