//! What the lines are measured with: the subjects, the file systems, and workers started for one measurement.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::figures::Samples;
use super::ground::{Ground, On};
use super::service::Service;
use super::subject::{Setup, Subject, Worker};

/// All that a measurement may need.
pub(super) struct Stand {
    /// The release binary.
    pub(super) device: Subject,
    /// Our library with a handler within the process; not there in a quick run.
    pub(super) library: Option<Subject>,
    /// Workers on SDKs, as far as they could be built.
    pub(super) sdks: Vec<Subject>,
    pub(super) ground: Ground,
    pub(super) samples: Samples,
    /// What workers write to stderr.
    pub(super) log: PathBuf,
}

/// A program that answers with its input.
pub(super) const CAT: &str = "/bin/cat";
/// A poll waits so long, where nothing else is said: longer than any pause between tasks.
pub(super) const LONG_POLL: Duration = Duration::from_secs(60);
/// How long all tasks of a measurement may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(240);

/// How a worker is to work, and where.
pub(super) struct Job<'a> {
    pub(super) on: On,
    pub(super) concurrency: usize,
    pub(super) round_trip: Duration,
    /// `None`: within the process.
    pub(super) handler: Option<&'a Path>,
    pub(super) holds: usize,
}

/// A worker at work, and the service it works for.
pub(super) struct Pair {
    // Dropped first: a worker whose service has gone would begin to try again.
    pub(super) worker: Worker,
    pub(super) service: Service,
}

impl Default for Job<'_> {
    fn default() -> Self {
        Job {
            on: On::Memory,
            concurrency: 1,
            round_trip: Duration::ZERO,
            handler: Some(Path::new(CAT)),
            holds: 0,
        }
    }
}

impl Stand {
    /// Starts a worker for a service of its own, warm.
    pub(super) fn pair(&self, subject: &Subject, job: &Job) -> Result<Pair, String> {
        let service = Service::start(LONG_POLL)?;
        service.set_round_trip(job.round_trip);
        let folder = self.ground.folder(job.on, "worker")?;
        let setup = Setup {
            service: &service,
            folder: &folder,
            log: &self.log,
            concurrency: job.concurrency,
            handler: job.handler,
            holds: job.holds,
        };
        let worker = subject.start(&setup)?;
        Ok(Pair { worker, service })
    }

    /// Ours and the SDKs', in the order in which a round measures them.
    pub(super) fn all(&self) -> Vec<Subject> {
        std::iter::once(&self.device).chain(&self.sdks).cloned().collect()
    }
}
