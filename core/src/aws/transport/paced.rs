//! An answer's body that must get on: the time that it has follows what has come of it.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::{Error, Timeout};

/// A body of which so much must have come, whenever one looks, as the slowest link brings.
pub(super) struct Paced<R> {
    body: R,
    begun: Instant,
    /// The time that it has before anything has come.
    ahead: Duration,
    /// Bytes a second.
    slowest: usize,
    came: usize,
}

impl<R: Read> Paced<R> {
    pub(super) fn new(body: R, ahead: Duration, slowest: usize) -> Self {
        Paced { body, begun: Instant::now(), ahead, slowest, came: 0 }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(into)?;
        self.came += read;
        let time = self.ahead + Duration::from_secs_f64(self.came as f64 / self.slowest as f64);
        // One that has come to its end is not too late.
        if read > 0 && self.begun.elapsed() > time {
            return Err(Error::Timeout(Timeout::RecvBody).into_io());
        }
        Ok(read)
    }
}
