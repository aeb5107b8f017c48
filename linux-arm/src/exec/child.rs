//! A handler's process, and the worker's ends of its pipes.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitOptions, waitpid};

/// A child of this process. Who drops it leaves it to itself, and unreaped.
pub(super) struct Child {
    pub(super) pid: Pid,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

impl Child {
    /// Waits for its end, and reaps it: after that its number may be another one's.
    pub(super) fn wait(&self) -> io::Result<ExitStatus> {
        self.reap(WaitOptions::empty())?.ok_or_else(|| io::Error::other("a child ended without a status"))
    }

    /// Reaps it if it has ended.
    pub(super) fn reap_if_ended(&self) {
        let _ = self.reap(WaitOptions::NOHANG);
    }

    fn reap(&self, options: WaitOptions) -> io::Result<Option<ExitStatus>> {
        let ended = retry_on_intr(|| waitpid(Some(self.pid), options))?;
        Ok(ended.map(|(_, status)| ExitStatus::from_raw(status.as_raw())))
    }
}
