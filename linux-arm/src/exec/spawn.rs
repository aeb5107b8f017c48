//! Starts all handlers, on one thread that lives as long as the worker.
//!
//! Linux sends a child its parent-death signal when the *thread* that started it ends, so no thread that comes and goes may
//! start one. This is the only file of the program with `unsafe` in it.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

use super::run_file::RunFile;

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
    pub(crate) fn spawn(&self, mut command: Command, run_file: &RunFile) -> io::Result<Child> {
        let lock = run_file.share()?;
        let worker = getpid();
        // SAFETY: between fork and exec only async-signal-safe things may happen. The closure makes system calls through
        // rustix, which keeps no state, and formats a number into an array on the stack. It takes no lock and no memory.
        unsafe { command.pre_exec(move || in_child(&lock, worker)) };
        let (reply, answer) = mpsc::sync_channel(1);
        let gone = || io::Error::other("the thread that starts handlers has ended");
        self.orders.send(Order { command, reply }).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

/// The child's first steps, before the program takes its place.
fn in_child(lock: &File, worker: Pid) -> io::Result<()> {
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
    Ok(())
}
