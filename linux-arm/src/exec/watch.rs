//! One run, from its start to its end, on one thread: feeds stdin, reads stdout and stderr, and ends the run when it must end.
//!
//! All pipes are non-blocking and one `poll(2)` waits for whatever comes first, so a handler that never reads its input, floods
//! an output or leaves a pipe to its children can't hang this thread.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid};

use super::cancel::CancelSwitch;
use super::child::Child;
use super::limits::Limits;
use super::output::{End, Ended, Head, Tail};

/// How long outputs are read on after the handler's end, if a process that it left behind keeps them open.
const LINGER: Duration = Duration::from_millis(500);
/// How long a handler may survive SIGKILL (it waits in the kernel, for a dying disk say) before its task goes on without it.
const UNKILLABLE: Duration = Duration::from_secs(10);
/// How often to look whether the handler ended, on kernels before 5.3: they have no descriptor to wait for.
const NO_PIDFD: Duration = Duration::from_millis(100);
/// What is read at once: most outputs whole. It is on the stack, for as long as a handler runs.
const CHUNK: usize = 16 * 1024;
/// As many chunks as the largest pipe can hold that an ordinary user's handler may ask for.
const LATE_READS: u32 = 64;

struct Watch<'a> {
    child: Child,
    pidfd: Option<OwnedFd>,
    stdin: Option<OwnedFd>,
    input: &'a [u8],
    stdout: Stream<Head>,
    stderr: Stream<Tail>,
    stage: Stage,
    ended: Option<Ended>,
    status: Option<ExitStatus>,
    /// Reads that are left once the time for them is over: what lay in the pipes then was written in time.
    late_reads: u32,
    limits: Limits,
}

/// What happens when `until` has passed.
struct Stage {
    until: Instant,
    next: Next,
}

enum Next {
    Terminate,
    Kill,
    GiveUp,
    StopReading,
}

/// Watches `child` until it is over. If that itself fails, the child is killed.
pub(super) fn watch(child: Child, input: &[u8], limits: Limits, cancel: &CancelSwitch) -> io::Result<End> {
    let mut watch = Watch::new(child, input, limits);
    if let Err(e) = watch.run(cancel) {
        watch.signal(Signal::KILL);
        watch.child.reap_if_ended();
        return Err(e);
    }
    Ok(End { ended: watch.ended, status: watch.status, stdout: watch.stdout.kept, stderr: watch.stderr.kept })
}

impl<'a> Watch<'a> {
    fn new(mut child: Child, input: &'a [u8], limits: Limits) -> Self {
        Watch {
            pidfd: pidfd_open(child.pid, PidfdFlags::empty()).ok(),
            stdin: child.stdin.take(),
            input,
            stdout: Stream { pipe: child.stdout.take(), kept: Head::new(limits.max_output) },
            stderr: Stream { pipe: child.stderr.take(), kept: Tail::default() },
            stage: Stage { until: Instant::now() + limits.timeout, next: Next::Terminate },
            ended: None,
            status: None,
            late_reads: LATE_READS,
            limits,
            child,
        }
    }

    fn run(&mut self, cancel: &CancelSwitch) -> io::Result<()> {
        set_nonblocking(self.stdin.as_ref())?;
        set_nonblocking(self.stdout.pipe.as_ref())?;
        set_nonblocking(self.stderr.pipe.as_ref())?;
        let mut chunk = [0; CHUNK];
        while !self.is_over() {
            self.wait(cancel)?;
            self.write();
            let got = self.stdout.read(&mut chunk, Head::push) | self.stderr.read(&mut chunk, Tail::push);
            if matches!(self.stage.next, Next::StopReading) && self.past_deadline() {
                self.late_reads = if got { self.late_reads.saturating_sub(1) } else { 0 };
            }
            self.look_after(cancel)?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        match self.stage.next {
            Next::StopReading => {
                self.late_reads == 0 || (self.stdout.pipe.is_none() && self.stderr.pipe.is_none())
            }
            Next::GiveUp => self.past_deadline(),
            Next::Terminate | Next::Kill => false,
        }
    }

    fn past_deadline(&self) -> bool {
        Instant::now() >= self.stage.until
    }

    /// Waits until something can be written or read, the handler ends, its task is cancelled, or the stage's time is up.
    fn wait(&self, cancel: &CancelSwitch) -> io::Result<()> {
        let alive = self.status.is_none();
        let sources = [
            (self.stdin.as_ref().map(AsFd::as_fd), PollFlags::OUT),
            (self.stdout.pipe.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.stderr.pipe.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.pidfd.as_ref().map(AsFd::as_fd).filter(|_| alive), PollFlags::IN),
            (Some(cancel.wake.as_fd()).filter(|_| alive && self.ended.is_none()), PollFlags::IN),
        ];
        let present =
            sources.into_iter().filter_map(|(fd, flags)| Some(PollFd::from_borrowed_fd(fd?, flags)));
        let mut fds: Vec<_> = present.collect();
        let mut at_most = self.stage.until.saturating_duration_since(Instant::now());
        if alive && self.pidfd.is_none() {
            at_most = at_most.min(NO_PIDFD);
        }
        match poll(&mut fds, Timespec::try_from(at_most).ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn write(&mut self) {
        let Some(stdin) = &self.stdin else { return };
        while !self.input.is_empty() {
            match rustix::io::write(stdin, self.input) {
                Ok(written) => self.input = &self.input[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // EPIPE: the handler has read what it wanted.
                Err(_) => break,
            }
        }
        self.stdin = None;
    }

    fn look_after(&mut self, cancel: &CancelSwitch) -> io::Result<()> {
        if self.status.is_none() && self.has_exited()? {
            return self.reap();
        }
        if self.status.is_none()
            && self.ended.is_none()
            && let Some(why) = cancel.why.get()
        {
            self.terminate(Ended::Cancelled(*why));
        } else if self.past_deadline() {
            match self.stage.next {
                Next::Terminate => self.terminate(Ended::TimedOut),
                Next::Kill => self.kill(),
                Next::GiveUp => log::warn!(
                    "a handler does not end on SIGKILL (process {}): going on without it",
                    self.child.pid.as_raw_nonzero()
                ),
                Next::StopReading => {}
            }
        }
        Ok(())
    }

    fn terminate(&mut self, why: Ended) {
        self.ended = Some(why);
        self.signal(Signal::TERM);
        self.enter(self.limits.grace, Next::Kill);
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.enter(UNKILLABLE, Next::GiveUp);
    }

    fn reap(&mut self) -> io::Result<()> {
        if self.ended.is_some() {
            // Not yet reaped, the leader still keeps the group's number from being given out again.
            self.signal(Signal::KILL);
        }
        self.status = Some(self.child.wait()?);
        self.stdin = None;
        self.enter(LINGER, Next::StopReading);
        Ok(())
    }

    fn enter(&mut self, time: Duration, next: Next) {
        self.stage = Stage { until: Instant::now() + time, next };
    }

    fn has_exited(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.child.pid), options)?.is_some())
    }

    fn signal(&self, signal: Signal) {
        // It can only fail because all are gone, or run as another user by now.
        let _ = kill_process_group(self.child.pid, signal);
    }
}

/// An output of the handler, and what is kept of it.
struct Stream<K> {
    pipe: Option<OwnedFd>,
    kept: K,
}

impl<K> Stream<K> {
    /// Reads one chunk, so that a flood on one stream keeps nobody waiting. Whether there was something.
    fn read(&mut self, chunk: &mut [u8], keep: impl Fn(&mut K, &[u8])) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        match rustix::io::read(pipe, &mut *chunk) {
            Ok(n) if n > 0 => {
                keep(&mut self.kept, &chunk[..n]);
                return true;
            }
            Err(Errno::INTR) => return true,
            Err(Errno::AGAIN) => {}
            Ok(_) | Err(_) => self.pipe = None,
        }
        false
    }
}

/// This end only: the handler's end is a file description of its own.
fn set_nonblocking(pipe: Option<&OwnedFd>) -> io::Result<()> {
    pipe.map_or(Ok(()), |pipe| Ok(ioctl_fionbio(pipe, true)?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use rustix::process::Pid;

    use super::*;

    #[test]
    fn p1_what_lies_in_the_pipe_is_read_however_late_this_thread_comes_to_it() {
        let mut handler = Command::new("/bin/sh");
        handler.args(["-c", "head -c 60000 /dev/zero; (sleep 20 >&2) &"]).stdin(Stdio::null());
        handler.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = handler.spawn().unwrap();
        let status = child.wait().unwrap();
        let child = Child {
            pid: Pid::from_child(&child),
            stdin: None,
            stdout: child.stdout.take().map(Into::into),
            stderr: child.stderr.take().map(Into::into),
        };
        let limits =
            Limits { timeout: Duration::from_secs(9), grace: Duration::from_secs(1), max_output: 100_000 };
        let mut watch = Watch::new(child, b"", limits);
        watch.status = Some(status);
        // Held up since the handler's end for longer than outputs are read on.
        watch.enter(Duration::ZERO, Next::StopReading);
        watch.run(&CancelSwitch::new().unwrap()).unwrap();
        assert!(watch.stdout.kept.complete() == Some(&[0; 60_000][..]));
        assert!(watch.stderr.pipe.is_some(), "what was left behind keeps nobody waiting");
        watch.signal(Signal::KILL);
    }
}
