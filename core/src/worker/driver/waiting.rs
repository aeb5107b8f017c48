//! Those who wait for an answer of the driver, and what they wait for.

use std::collections::HashMap;
use std::time::Duration;

use super::live::Reply;
use crate::worker::answers::{AdoptError, Adopted, AnswerError, PollOnceError, PolledOnce};
use crate::worker::cancel_wait::CancelWait;
use crate::worker::question::Asker;
use crate::worker::reports::DrainReport;
use crate::{Outcome, TaskId};

/// What the app waits to be shown.
pub(super) enum Shown {
    Input(Asker<Result<String, AnswerError>>),
    Answer(Asker<Result<Option<Outcome>, AnswerError>>),
}

/// A drain that someone waits for.
pub(super) struct DrainWait {
    pub(super) until: Duration,
    pub(super) cancel: CancelWait,
    pub(super) settled_before: usize,
    pub(super) reply: Asker<DrainReport>,
}

impl DrainWait {
    /// Whether it goes on waiting, if there is something left to wait for.
    pub(super) fn goes_on(&self, now: Duration) -> bool {
        self.until > now && !self.cancel.is_set()
    }
}

/// Someone waits for a poll.
pub(super) struct PollWait {
    pub(super) activity: usize,
    pub(super) until: Duration,
    pub(super) cancel: CancelWait,
    /// It came, and is being put on stable storage.
    pub(super) task: Option<TaskId>,
    pub(super) reply: Asker<Result<PolledOnce, PollOnceError>>,
}

/// Who hears what became of a token that was handed over.
pub(super) type Adopter = Reply<Result<Adopted, AdoptError>>;

/// All who wait. What goes through the disk carries a ticket, by which its answer finds whoever asked.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) idle: Vec<Asker<()>>,
    pub(super) drains: Vec<DrainWait>,
    pub(super) polls: Vec<PollWait>,
    tickets: u64,
    shown: HashMap<u64, Shown>,
    /// Who handed over a token that is held already.
    adopters: HashMap<u64, Adopter>,
}

impl Waiting {
    /// When the first of them has waited for long enough.
    pub(super) fn until(&self) -> Option<Duration> {
        self.drains.iter().map(|drain| drain.until).chain(self.polls.iter().map(|poll| poll.until)).min()
    }

    /// The ticket of something to be shown.
    pub(super) fn ticket_to_show(&mut self, shown: Shown) -> u64 {
        self.tickets += 1;
        self.shown.insert(self.tickets, shown);
        self.tickets
    }

    pub(super) fn shown(&mut self, ticket: u64) -> Option<Shown> {
        self.shown.remove(&ticket)
    }

    /// The ticket of a later word on a token.
    pub(super) fn ticket_to_complete(&mut self, adopter: Adopter) -> u64 {
        self.tickets += 1;
        self.adopters.insert(self.tickets, adopter);
        self.tickets
    }

    pub(super) fn completed(&mut self, ticket: u64) -> Option<Adopter> {
        self.adopters.remove(&ticket)
    }

    pub(super) fn tell_idle(&mut self) {
        for wait in self.idle.drain(..) {
            wait.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::question::asked;

    #[test]
    fn an_answer_finds_the_one_who_asked_and_only_once() {
        let mut waiting = Waiting::default();
        let ((first, first_hears), (second, second_hears)) = (asked(), asked());
        let tickets =
            (waiting.ticket_to_show(Shown::Input(first)), waiting.ticket_to_show(Shown::Input(second)));
        let Some(Shown::Input(reply)) = waiting.shown(tickets.1) else { panic!("it is waited for") };
        reply.send(Ok("2".to_owned()));
        assert_eq!(second_hears.try_recv(), Ok(Ok("2".to_owned())));
        assert!(first_hears.try_recv().is_err() && waiting.shown(tickets.1).is_none());
        assert!(waiting.completed(tickets.0).is_none(), "no ticket is given twice");
    }

    #[test]
    fn a_drain_waits_until_its_time_is_over_or_it_is_given_up() {
        let (mut waiting, (reply, _hears), cancel) = (Waiting::default(), asked(), CancelWait::default());
        assert_eq!(waiting.until(), None);
        let until = Duration::from_secs(9);
        let drain = DrainWait { until, cancel: cancel.clone(), settled_before: 0, reply };
        assert!(drain.goes_on(Duration::from_secs(8)) && !drain.goes_on(until));
        cancel.set();
        assert!(!drain.goes_on(Duration::ZERO));
        waiting.drains.push(drain);
        assert_eq!(waiting.until(), Some(until));
    }
}
