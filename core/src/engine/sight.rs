//! What the engine shows of itself, to its driver and to people. Only what lists tasks looks at all of them.

use super::link::LinkBelief;
use super::slots::{RANK_HELD, Slot, Stage};
use super::{Engine, Time};
use crate::TaskId;

impl Engine {
    /// Whether a task with this id is held, in whatever stage.
    pub fn knows(&self, id: TaskId) -> bool {
        self.slots.find(id).is_some()
    }

    /// How far the task has come, if it is held.
    pub fn stage(&self, id: TaskId) -> Option<Stage> {
        self.slots.find(id).map(|slot| slot.stage)
    }

    /// The task with this id, if it is held.
    pub fn task(&self, id: TaskId) -> Option<&Slot> {
        self.slots.find(id)
    }

    /// The tasks held, in the order of their ids, for showing.
    pub fn tasks(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// Tasks held.
    pub fn tasks_held(&self) -> usize {
        self.slots.len()
    }

    /// Tasks in this stage.
    pub fn in_stage(&self, stage: Stage) -> usize {
        self.slots.index().stage(stage)
    }

    /// Tasks that use up one of the activity's places.
    pub fn open(&self, activity: usize) -> usize {
        self.slots.index().open(activity)
    }

    /// Results that wait to be taken by the service, without those that it rejected.
    pub fn waiting(&self) -> usize {
        self.slots.index().waiting()
    }

    /// Results that the service rejected: they are held.
    pub fn rejected(&self) -> usize {
        self.slots.index().held()
    }

    /// Tasks and results that the disk has refused.
    pub fn troubling_the_disk(&self) -> usize {
        self.slots.index().troubles()
    }

    /// The tasks of which the service takes no report, or no heartbeat, in the order of their ids.
    pub fn refused(&self) -> impl Iterator<Item = &Slot> {
        self.slots.index().refused().filter_map(|id| self.slots.find(id))
    }

    /// How often one came to be among those, or left them.
    pub fn refusals(&self) -> u64 {
        self.slots.refusals()
    }

    /// Whether there is something to be sent, now or soon, but for polls.
    pub fn has_calls_to_make(&self) -> bool {
        self.waiting() > 0 || self.slots.index().shortest_beat().is_some()
    }

    /// Whether one more token can be adopted now. The places of tasks that polls may bring are taken.
    pub fn has_place(&self) -> bool {
        self.stop.is_none()
            && self.slots.free() > self.polls.in_flight()
            && self.room > self.room_spoken_for()
    }

    /// Whether there is a place for one more task, room on disk aside.
    pub fn has_free_place(&self) -> bool {
        self.slots.free() > self.polls.in_flight()
    }

    /// Whether it was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }

    /// Whether calls go slower, since the service throttled some.
    pub fn is_throttled(&self) -> bool {
        self.lanes.is_throttled()
    }

    /// Whether a poll of this activity is under way.
    pub fn is_polling(&self, activity: usize) -> bool {
        self.polls.is_in_flight(activity)
    }

    /// Whether handlers of this activity can't be started.
    pub fn starts_fail(&self, activity: usize) -> bool {
        self.starts.fail(activity)
    }

    /// Polls under way.
    pub fn polls_in_flight(&self) -> usize {
        self.polls.in_flight()
    }

    /// What is believed of the network.
    pub fn link(&self) -> &LinkBelief {
        &self.link
    }

    /// Whether reports are paused, since the service rejected three in a row.
    pub fn reports_paused(&self) -> bool {
        self.lanes.reports_paused()
    }

    /// When the next report is due, if one waits that is not held.
    pub fn next_report(&self) -> Option<Time> {
        let index = self.slots.index();
        let under_way = index.reporting().filter_map(|id| self.slots.find(id));
        let under_way =
            under_way.filter(|slot| slot.waits() && !slot.report.held).map(|slot| slot.report.due);
        index.reports().next(RANK_HELD).into_iter().chain(under_way).min()
    }
}
