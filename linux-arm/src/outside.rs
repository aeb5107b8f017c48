//! What reaches a running worker from outside: signals, and word of the network. One thread waits for both.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::link_watch::LinkWatch;

/// How often to look where it can't be waited.
const NO_POLL: Duration = Duration::from_secs(1);

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// A signal came.
    Signal(i32),
    /// A way to the network may be back.
    LinkUp,
}

/// Listens to signals and to the network.
pub(crate) struct Outside {
    signals: SignalDelivery<UnixStream, SignalOnly>,
    came: VecDeque<i32>,
    /// `None`: the worker goes by its pauses alone.
    link: Option<LinkWatch>,
}

impl Outside {
    /// From now on these signals are heard, and end the process no more.
    pub(crate) fn listen(signals: [i32; 2]) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let signals = SignalDelivery::with_pipe(read, write, SignalOnly, signals)?;
        let link = LinkWatch::start();
        let link = link.map_err(|e| log::debug!("nobody tells when the network is back: {e}")).ok();
        Ok(Outside { signals, came: VecDeque::new(), link })
    }

    /// Waits for the next word.
    pub(crate) fn next(&mut self) -> Word {
        loop {
            self.came.extend(self.signals.pending());
            if let Some(signal) = self.came.pop_front() {
                return Word::Signal(signal);
            }
            if self.link.as_mut().is_some_and(LinkWatch::is_due) {
                return Word::LinkUp;
            }
            self.wait();
            if let Some(Err(e)) = self.link.as_mut().map(LinkWatch::read) {
                log::debug!("nobody tells any more when the network is back: {e}");
                self.link = None;
            }
        }
    }

    /// Until something has come, or is due.
    fn wait(&self) {
        let sources = [Some(self.signals.get_read().as_fd()), self.link.as_ref().map(AsFd::as_fd)];
        let sources = sources.into_iter().flatten();
        let mut fds: Vec<_> = sources.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let due = self.link.as_ref().and_then(LinkWatch::due_in);
        let due = due.and_then(|due| Timespec::try_from(due).ok());
        match poll(&mut fds, due.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // For want of memory in the kernel. What has come is looked for all the same, but not without end at once.
            Err(_) => thread::sleep(NO_POLL),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};
    use signal_hook::consts::{SIGUSR1, SIGUSR2};

    use super::*;

    #[test]
    fn signals_are_heard_one_by_one() {
        let mut outside = Outside::listen([SIGUSR1, SIGUSR2]).unwrap();
        // What else this machine says of its network is not what is listened for.
        outside.link = None;
        for signal in [Signal::USR1, Signal::USR2, Signal::USR1] {
            kill_process(getpid(), signal).unwrap();
            assert_eq!(outside.next(), Word::Signal(signal.as_raw()));
        }
    }
}
