//! Starts all handlers, on one thread that lives as long as the worker.
//!
//! Linux sends a child its parent-death signal when the *thread* that started it ends, so no thread that comes and goes may
//! start one.
#![allow(unsafe_code)]

use std::ffi::{CString, OsString, c_char};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::ptr;
use std::sync::mpsc;
use std::thread;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

use super::run_file::RunFile;
use crate::process;

/// Room for the standard library's way from `fork` to `exec`.
const STACK: usize = 256 * 1024;

/// The thread that starts handlers. It ends with the last clone of its `Arc`, and so do the handlers that still run then.
pub(crate) struct Spawner {
    orders: mpsc::Sender<Order>,
}

struct Order {
    command: Command,
    reply: mpsc::SyncSender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::Builder::new().name("spawner".into()).stack_size(STACK).spawn(move || {
            for Order { mut command, reply } in inbox {
                let _ = reply.send(command.spawn());
            }
        })?;
        Ok(Spawner { orders })
    }

    /// Starts a handler that holds `run_file`'s lock until it ends, and gets SIGTERM when the worker dies.
    pub(crate) fn spawn(&self, image: Image, run_file: &RunFile) -> io::Result<Child> {
        let lock = run_file.share()?;
        let worker = getpid();
        // Only for its pipes, its process group and its folder: the program is started by `in_child`.
        let mut command = Command::new("");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        if let Some(folder) = process::other_folder() {
            command.current_dir(folder);
        }
        // SAFETY: between fork and exec only async-signal-safe things may happen. The closure makes system calls through
        // rustix and libc, which keep no state, and formats a number into an array on the stack. It takes no lock and no memory.
        unsafe { command.pre_exec(move || in_child(&lock, worker, &image)) };
        let (reply, answer) = mpsc::sync_channel(1);
        let gone = || io::Error::other("the thread that starts handlers has ended");
        self.orders.send(Order { command, reply }).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

/// The child's first steps, and the program that takes its place. Only an error comes back.
fn in_child(lock: &File, worker: Pid, image: &Image) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // The worker may have died before the line above; then no signal will ever come.
    if getppid() != Some(worker) {
        return Err(rustix::io::Errno::SRCH.into());
    }
    fcntl_setfd(lock, FdFlags::empty())?;
    let mut text = [0; 16];
    let mut rest = text.as_mut_slice();
    writeln!(rest, "{}", getpid().as_raw_nonzero())?;
    let unused = rest.len();
    rustix::io::retry_on_intr(|| rustix::io::write(lock, &text[..text.len() - unused]))?;
    process::give_back_in_child();
    Err(image.execute())
}

/// What takes the place of a child. Made before it is needed: between fork and exec there is no memory to be had.
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

    /// Unlike `execvp`, and so unlike the standard library, it gives nothing that the kernel refuses to a shell.
    fn execute(&self) -> io::Error {
        // SAFETY: all three point to what `execve` wants, strings that end in a zero and lists of them that end in a null
        // pointer, and outlive the call.
        unsafe {
            libc::execve(
                self.program.as_ptr(),
                self.argv.pointers.as_ptr(),
                self.environment.pointers.as_ptr(),
            );
        }
        io::Error::last_os_error()
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
