//! What an app asks a running worker.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::aws::ActivityArn;
use crate::engine::{Link, Stop};
use crate::worker::answers::{
    AdoptError, Adopted, AnswerError, DeferredTask, PollOnceError, PollRisk, PolledOnce,
};
use crate::worker::cancel_wait::CancelWait;
use crate::worker::foreign::{ForeignError, ForeignTask};
use crate::worker::hub::{Events, Hub};
use crate::worker::mailbox::{Ask, Lease, Mail};
use crate::worker::question::{Asker, asked};
use crate::worker::reports::{DrainReport, Ended, Snapshot, StopReport, Stopped};
use crate::worker::status::Status;
use crate::{Adoption, Outcome, Output, Settlement, TaskId};

/// A poll needs this long to end by itself: the service holds it for 60 s, and its answer takes a while.
const POLL_WINDOW: Duration = Duration::from_secs(70);

/// A running worker. Cheap to clone. Dropping it changes nothing: a worker ends by [`stop`](Worker::stop).
#[derive(Clone)]
pub struct Worker {
    pub(super) mailbox: Sender<Mail>,
    pub(super) hub: Arc<Hub>,
    pub(super) ended: Arc<Ended>,
}

/// Whoever waits for the end is told even if the engine's thread panics.
pub(super) struct EndGuard(pub(super) Worker);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.hub.close();
        self.0.ended.over();
    }
}

impl Worker {
    /// Stops, and waits for the end. Called again with [`Stop::Now`], from another thread, it hurries a drain. After the end it
    /// answers at once.
    pub fn stop(&self, how: Stop) -> StopReport {
        self.request_stop(how);
        self.ended.wait()
    }

    /// Stops, without waiting for the end.
    pub fn request_stop(&self, how: Stop) {
        self.tell(Ask::Stop(how));
    }

    /// What the worker is and does now.
    pub fn snapshot(&self) -> Result<Snapshot, Stopped> {
        self.ask(Ask::Snapshot).ok_or(Stopped)
    }

    /// What the worker is up against now. Once this was asked, every change is told to subscribers as
    /// [`Event::StatusChanged`](super::Event::StatusChanged): subscribe first, then ask, then ask again whenever that is told.
    pub fn status(&self) -> Result<Status, Stopped> {
        self.ask(Ask::Status).ok_or(Stopped)
    }

    /// Something changed (the app came to the front, a person asks, there is a letter in the inbox): what waits for time is tried
    /// now. What is held stays slow.
    pub fn wake(&self) {
        self.tell(Ask::Wake);
    }

    /// Passes on what the platform knows of the network. `Up` brings the next try to a random point of the come-back window.
    pub fn set_link(&self, link: Link) {
        self.tell(Ask::Link(link));
    }

    /// Other credentials are in use, of another account perhaps: what was rejected or paused for their sake is tried again.
    pub fn credentials_changed(&self) {
        self.tell(Ask::CredentialsChanged);
    }

    /// From now on, what happens. A subscriber that does not keep up gets [`Event::Missed`](super::Event::Missed) in place of the
    /// oldest events.
    pub fn subscribe(&self) -> Events {
        self.hub.subscribe()
    }

    /// The tasks that the app settles, answers that are not delivered yet included. Asking renews their lease: a task that the app has
    /// not asked for in the lease (24 h by default) beats no more.
    pub fn deferred_tasks(&self) -> Vec<DeferredTask> {
        self.ask(|reply| Ask::Deferred(Lease::Renew, reply)).unwrap_or_default()
    }

    /// The same list, for the app's own bookkeeping: nobody looks at it, so it renews no lease.
    pub fn peek_deferred_tasks(&self) -> Vec<DeferredTask> {
        self.ask(|reply| Ask::Deferred(Lease::Leave, reply)).unwrap_or_default()
    }

    /// The input of a deferred task, read from disk: of one that is answered too, until it is settled.
    pub fn input(&self, id: TaskId) -> Result<String, AnswerError> {
        self.ask(|reply| Ask::ShowInput(id, reply)).unwrap_or(Err(AnswerError::Stopped))
    }

    /// What the app answered to a deferred task, until it is settled; `None` while it is open. Of one that the worker had to fail
    /// itself, that failure.
    pub fn answer(&self, id: TaskId) -> Result<Option<Outcome>, AnswerError> {
        self.ask(|reply| Ask::ShowAnswer(id, reply)).unwrap_or(Err(AnswerError::Stopped))
    }

    /// Settles a deferred task with `output`: JSON, at most the activity's `max_output`. It is on stable storage when this returns
    /// `Ok`, and will be delivered.
    pub fn succeed(&self, id: TaskId, output: impl Into<String>) -> Result<(), AnswerError> {
        let output = Output::parse(output).map_err(|error| AnswerError::BadOutput(error.to_string()))?;
        self.send_answer(id, Outcome::Success(output))
    }

    /// Settles a deferred task with a failure. `error` is cut at 256, `cause` at 32,768 characters.
    pub fn fail(&self, id: TaskId, error: &str, cause: &str) -> Result<(), AnswerError> {
        self.send_answer(id, Outcome::failure(error, cause))
    }

    fn send_answer(&self, id: TaskId, outcome: Outcome) -> Result<(), AnswerError> {
        self.ask(|reply| Ask::Answer(id, outcome, reply)).unwrap_or(Err(AnswerError::Stopped))
    }

    /// Takes back a deferred task that has no answer yet: its workflow withdrew the request. Nothing is reported. That it is over is
    /// on stable storage when this returns `Ok`.
    pub fn retract(&self, id: TaskId) -> Result<(), AnswerError> {
        self.ask(|reply| Ask::Retract(id, reply)).unwrap_or(Err(AnswerError::Stopped))
    }

    /// How a task ended that is over: also one of an earlier process, while its end is remembered (the last 10,000 tasks at least).
    pub fn settlement(&self, id: TaskId) -> Result<Option<Settlement>, Stopped> {
        self.ask(|reply| Ask::Settlement(id, reply)).ok_or(Stopped)
    }

    /// Takes a token that came by another way than a poll, for instance `.waitForTaskToken`, as a deferred task. It is on stable
    /// storage when this returns `Ok`. The same token twice is one task, also after its end.
    ///
    /// What the first call left out, input, end, origin or user, a later one says, while the task is open. Of two that say the same
    /// thing differently the first one counts, and one that says nothing changes nothing.
    pub fn adopt(&self, adoption: Adoption) -> Result<Adopted, AdoptError> {
        self.ask(|reply| Ask::Adopt(adoption, reply)).unwrap_or(Err(AdoptError::Stopped))
    }

    /// The tasks that are not this worker's to go on with, the oldest first.
    pub fn foreign_tasks(&self) -> Result<Vec<ForeignTask>, Stopped> {
        self.ask(Ask::Foreign).ok_or(Stopped)
    }

    /// Makes a foreign task this worker's own, for good, and goes on with it: a kept outcome is reported, an open task goes on as one
    /// that was found at a start. That it is so is on stable storage when this returns `Ok`.
    ///
    /// It is for an endpoint that got another name, a user who got another one, a card that was moved to a new device. Where that is
    /// not what happened it can't be taken back: the service rejects a token of another account, so that task is held from then on;
    /// a user gets to see what was another's; and a task of a copied folder may be worked and reported twice, by this machine and by
    /// the one that the folder was copied from.
    pub fn adopt_foreign(&self, id: TaskId) -> Result<(), ForeignError> {
        self.ask(|reply| Ask::AdoptForeign(id, reply)).unwrap_or(Err(ForeignError::Stopped))
    }

    /// Gives up a task that is foreign or held: nothing more is reported for it, and its outcome is gone. It ends as
    /// [`Settlement::Discarded`], which is on stable storage when this returns `Ok`; for its workflow it ends by a timeout. A task that
    /// is on its way can't be discarded.
    pub fn discard(&self, id: TaskId) -> Result<(), ForeignError> {
        self.ask(|reply| Ask::Discard(id, reply)).unwrap_or(Err(ForeignError::Stopped))
    }

    /// Polls an activity once, for an app that is open, and waits up to `within` for the end: for activities that are
    /// [polled on request](super::Activity::on_request). Under 70 s it refuses, unless the risk is taken.
    pub fn poll_once(
        &self,
        activity: &ActivityArn,
        within: Duration,
        risk: PollRisk,
    ) -> Result<PolledOnce, PollOnceError> {
        self.poll_once_until(activity, within, risk, &CancelWait::default())
    }

    /// The same; the wait can be given up. The poll goes on then, if it was begun: it answers
    /// [`UnderWay`](PolledOnce::UnderWay), and what the poll brings comes as an event.
    pub fn poll_once_until(
        &self,
        activity: &ActivityArn,
        within: Duration,
        risk: PollRisk,
        cancel: &CancelWait,
    ) -> Result<PolledOnce, PollOnceError> {
        if within < POLL_WINDOW && risk == PollRisk::Refuse {
            return Err(PollOnceError::WindowTooShort);
        }
        let within = within.min(super::LONGEST);
        self.ask(|reply| Ask::PollOnce(activity.clone(), within, cancel.clone(), reply))
            .unwrap_or(Err(PollOnceError::Stopped))
    }

    /// Delivers what it can in `time`, and says what is left: for a process that only has seconds. Returns at once when nothing
    /// is left, and when the worker ends meanwhile. The worker goes on.
    pub fn drain_within(&self, time: Duration) -> Result<DrainReport, Stopped> {
        self.drain_until(time, &CancelWait::default())
    }

    /// The same; the wait can be given up: then it says at once what is left.
    pub fn drain_until(&self, time: Duration, cancel: &CancelWait) -> Result<DrainReport, Stopped> {
        self.ask(|reply| Ask::Drain(time.min(super::LONGEST), cancel.clone(), reply)).ok_or(Stopped)
    }

    /// Ends the waits that were given `cancel`, those to come included.
    pub fn cancel(&self, cancel: &CancelWait) {
        cancel.set();
        self.tell(Ask::Cancelled);
    }

    /// Waits until a poll of each activity came back empty and nothing is on its way any more, or the worker has ended. What is kept
    /// all the same (held outcomes, tasks that are not this worker's, files that can't be read, letters) the snapshot and the
    /// [`StopReport`] tell. From the call on an activity that had nothing to hand out is not polled again until something else ended.
    pub fn wait_idle(&self) {
        self.ask(Ask::UntilIdle).unwrap_or_default();
    }

    fn tell(&self, ask: Ask) {
        // The mailbox is closed once the worker has ended: there is nothing to be told any more.
        let _ = self.mailbox.send(Mail::Ask(ask));
    }

    /// `None` if the worker has ended, or ends before it answers.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(Asker<T>) -> Ask) -> Option<T> {
        let (reply, answer) = asked();
        self.tell(ask(reply));
        answer.recv().ok()
    }
}
