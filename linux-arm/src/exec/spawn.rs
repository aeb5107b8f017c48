//! Starts all handlers, on one thread that lives as long as the worker.
//!
//! Linux sends a child its parent-death signal when the *thread* that started it ends, so no thread that comes and goes may
//! start one.
//!
//! The child begins in the worker's own memory, as after `vfork`, and the thread waits until it has become its program. A `fork`
//! copies the tables of all that memory for a child that throws them away at once, which costs more than the rest of its start.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsString, c_char, c_int, c_void};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::ptr;
use std::sync::mpsc;
use std::thread;

use rustix::io::{Errno, FdFlags, fcntl_setfd, read, retry_on_intr, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, chdir, getpid, getppid, set_parent_process_death_signal, setpgid};

use super::child::Child;
use super::run_file::RunFile;
use crate::process;

/// The thread itself only waits.
const STACK: usize = 128 * 1024;
/// Room for a child's way to its program, also where nothing is optimized.
const CHILD_STACK: usize = 64 * 1024;
/// The exit code of a child that became no program. Nobody sees it: the child has said why before.
const NO_PROGRAM: c_int = 127;

/// The thread that starts handlers. It ends with the last clone of its `Arc`, and so do the handlers that still run then.
pub(crate) struct Spawner {
    orders: mpsc::Sender<Order>,
}

struct Order {
    image: Image,
    lock: File,
    folder: Option<CString>,
    reply: mpsc::SyncSender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::Builder::new().name("spawner".into()).stack_size(STACK).spawn(move || {
            let mut stack = vec![0; CHILD_STACK];
            for Order { image, lock, folder, reply } in inbox {
                let _ = reply.send(spawn(&image, &lock, folder.as_deref(), &mut stack));
            }
        })?;
        Ok(Spawner { orders })
    }

    /// Starts a handler that holds `run_file`'s lock until it ends, and gets SIGTERM when the worker dies.
    pub(super) fn spawn(&self, image: Image, run_file: &RunFile) -> io::Result<Child> {
        let lock = run_file.share()?;
        let folder = process::other_folder().map(|folder| c_string(folder.into())).transpose()?;
        let (reply, answer) = mpsc::sync_channel(1);
        let gone = || io::Error::other("the thread that starts handlers has ended");
        self.orders.send(Order { image, lock, folder, reply }).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

fn spawn(image: &Image, lock: &File, folder: Option<&CStr>, stack: &mut [u8]) -> io::Result<Child> {
    let pipe = || pipe_with(PipeFlags::CLOEXEC);
    let ((stdin, ours_in), (ours_out, stdout), (ours_err, stderr)) = (pipe()?, pipe()?, pipe()?);
    let (why, no_program) = pipe()?;
    let way = Way {
        image,
        lock,
        folder,
        worker: getpid(),
        streams: [&stdin, &stdout, &stderr].map(AsRawFd::as_raw_fd),
        no_program: &no_program,
    };
    let pid = way.begin(stack)?;
    drop((stdin, stdout, stderr, no_program));
    let child = Child { pid, stdin: Some(ours_in), stdout: Some(ours_out), stderr: Some(ours_err) };
    match failure(&why) {
        None => Ok(child),
        Some(e) => {
            let _ = child.wait();
            Err(e)
        }
    }
}

/// Why the child became no program; `None` if it did: then this end of the pipe was closed without a word. The child's memory is not
/// asked, since an emulator of a processor may have given it one of its own.
fn failure(why: &OwnedFd) -> Option<io::Error> {
    let mut errno = [0; size_of::<i32>()];
    match retry_on_intr(|| read(why, &mut errno)) {
        Ok(0) => None,
        Ok(_) => Some(io::Error::from_raw_os_error(i32::from_ne_bytes(errno))),
        Err(e) => Some(e.into()),
    }
}

/// A child's way to its program, and what it needs there.
struct Way<'a> {
    image: &'a Image,
    lock: &'a File,
    folder: Option<&'a CStr>,
    worker: Pid,
    /// What it has as its stdin, stdout and stderr. Each is above those.
    streams: [RawFd; 3],
    no_program: &'a OwnedFd,
}

impl Way<'_> {
    /// Begins a child on this stack. It goes on once the child has a program, or has ended.
    fn begin(&self, stack: &mut [u8]) -> io::Result<Pid> {
        // It grows down, and begins where every processor wants it to.
        let end = stack.as_mut_ptr_range().end;
        let top = end.wrapping_sub(end.addr() % 16).cast::<c_void>();
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        // A signal handler of the worker would run in the child too, in the memory of both.
        process::without_signals(|| {
            // SAFETY: this thread waits until the child no longer runs in this memory, so what `self` and `stack` lead to stays, and
            // nobody else uses that stack. Other threads go on: the child takes no lock and no memory, and makes system calls
            // through rustix and libc, which keep no state but `errno`, this thread's. It ends by `execve` or `_exit`.
            let pid = unsafe { libc::clone(walk, top, flags, ptr::from_ref(self).cast_mut().cast()) };
            Pid::from_raw(pid).filter(|_| pid > 0).ok_or_else(io::Error::last_os_error)
        })
    }

    /// The child's steps, and the program that takes its place. Only an error comes back.
    fn walk(&self) -> Result<Infallible, Errno> {
        for (number, stream) in (0..).zip(self.streams) {
            // SAFETY: it takes numbers, of descriptors that are this child's own.
            if unsafe { libc::dup2(stream, number) } < 0 {
                return Err(last_errno());
            }
        }
        setpgid(None, None)?;
        if let Some(folder) = self.folder {
            chdir(folder)?;
        }
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // The worker may have died before the line above; then no signal will ever come.
        if getppid() != Some(self.worker) {
            return Err(Errno::SRCH);
        }
        fcntl_setfd(self.lock, FdFlags::empty())?;
        let mut text = [0; 16];
        let mut rest = text.as_mut_slice();
        writeln!(rest, "{}", getpid().as_raw_nonzero()).map_err(|_| Errno::NOBUFS)?;
        let unused = rest.len();
        retry_on_intr(|| write(self.lock, &text[..text.len() - unused]))?;
        process::give_back_in_child();
        self.image.execute();
        Err(last_errno())
    }
}

extern "C" fn walk(way: *mut c_void) -> c_int {
    // SAFETY: it is the `Way` that `begin` was called for, and the thread that has it waits.
    let way = unsafe { &*way.cast::<Way<'_>>() };
    let Err(errno) = way.walk();
    let _ = write(way.no_program, &errno.raw_os_error().to_ne_bytes());
    // SAFETY: it ends the child alone, without what the worker's end would do.
    unsafe { libc::_exit(NO_PROGRAM) }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// What takes the place of a child. Made before it is needed: on the way there no memory is to be had.
pub(crate) struct Image {
    program: CString,
    argv: Strings,
    environment: Strings,
}

impl Image {
    /// A program, its arguments with its name before them, and all of its environment.
    pub(crate) fn new(
        program: &Path,
        argv: &[OsString],
        environment: impl IntoIterator<Item = OsString>,
    ) -> io::Result<Self> {
        Ok(Image {
            program: c_string(program.as_os_str().to_owned())?,
            argv: Strings::new(argv.iter().cloned())?,
            environment: Strings::new(environment)?,
        })
    }

    /// Unlike `execvp`, and so unlike the standard library, it gives nothing that the kernel refuses to a shell. It comes back only if
    /// it fails, and `errno` says why.
    fn execute(&self) {
        // SAFETY: all three point to what `execve` wants, strings that end in a zero and lists of them that end in a null
        // pointer, and outlive the call.
        unsafe {
            libc::execve(
                self.program.as_ptr(),
                self.argv.pointers.as_ptr(),
                self.environment.pointers.as_ptr(),
            );
        }
    }
}

/// A list of strings as C has it.
struct Strings {
    /// Into `_owned`, and a null pointer at the end.
    pointers: Vec<*const c_char>,
    _owned: Vec<CString>,
}

// SAFETY: the pointers lead to what is owned beside them, on the heap, and nothing changes either.
unsafe impl Send for Strings {}
// SAFETY: as above.
unsafe impl Sync for Strings {}

impl Strings {
    fn new(strings: impl IntoIterator<Item = OsString>) -> io::Result<Self> {
        let owned = strings.into_iter().map(c_string).collect::<io::Result<Vec<_>>>()?;
        let pointers = owned.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Ok(Strings { pointers, _owned: owned })
    }
}

fn c_string(string: OsString) -> io::Result<CString> {
    let why = "a zero byte in the program's name, an argument or the environment";
    CString::new(string.into_vec()).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, why))
}
