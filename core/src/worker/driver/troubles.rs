//! What notices and the ends of calls told of what stands in the way, kept for those who ask later.

use std::time::SystemTime;

use crate::ErrorClass;
use crate::engine::{Link, Notice};
use crate::worker::status::{Status, Trouble};

/// What does not work now.
#[derive(Default)]
pub(super) struct Troubles {
    pub(super) offline: Option<Trouble>,
    /// The platform said last that there is no network.
    told_down: bool,
    pub(super) credentials: Option<Trouble>,
    /// Activities whose polls are refused, and why.
    pub(super) polls: Vec<(usize, String)>,
    /// The state that was last told; from then on changes are.
    told: Option<Status>,
    /// What of it can be seen at a glance, and how often what can't has changed.
    glance: Option<(Status, u64, u64)>,
}

impl Troubles {
    /// A notice that came at `since`, since `reason`.
    pub(super) fn note(&mut self, notice: Notice, since: SystemTime, reason: &str) {
        let trouble = || Some(Trouble { since, reason: reason.to_owned() });
        match notice {
            Notice::Offline => self.offline = trouble(),
            Notice::Online => self.offline = None,
            // A signature that is refused after the clock was corrected is a wrong key's.
            Notice::CredentialsRefused | Notice::ClockRefused if self.credentials.is_none() => {
                self.credentials = trouble();
            }
            Notice::PollRefused(activity, _) => self.polls.push((activity, reason.to_owned())),
            Notice::PollAccepted(activity) => self.polls.retain(|(refused, _)| *refused != activity),
            _ => {}
        }
    }

    /// What the end of a call says of credentials. The engine tells of the first refusal; why may change, and a signature that is
    /// taken again has no notice.
    pub(super) fn heard_of_credentials(&mut self, failure: Option<ErrorClass>, reason: &str) {
        match (failure, &mut self.credentials) {
            (Some(ErrorClass::Network), _) => {}
            (Some(ErrorClass::Credentials | ErrorClass::Clock), Some(trouble)) => {
                reason.clone_into(&mut trouble.reason);
            }
            (Some(ErrorClass::Credentials | ErrorClass::Clock), None) => {}
            (_, trouble) => *trouble = None,
        }
    }

    /// The app has others: what was said of the old ones is over.
    pub(super) fn credentials_replaced(&mut self) {
        self.credentials = None;
    }

    /// What the platform says of the network. Where nothing `waits` to be sent no call would ever find out that it is back.
    pub(super) fn hinted(&mut self, hint: Link, waits: bool) {
        let is_over = match hint {
            Link::Down => false,
            Link::Up => self.told_down || !waits,
            Link::Unknown => self.told_down,
        };
        self.told_down = hint == Link::Down;
        if is_over {
            self.offline = None;
        }
    }

    /// A call failed on a network that the engine takes for dead, or the platform says again that there is none.
    pub(super) fn still_offline(&mut self, since: SystemTime, reason: &str) {
        self.offline.get_or_insert_with(|| Trouble { since, reason: reason.to_owned() });
    }

    pub(super) fn is_asked_for(&self) -> bool {
        self.told.is_some()
    }

    /// A glance at the state. Whether it may be another one than at the last glance.
    pub(super) fn glanced(&mut self, glance: (Status, u64, u64)) -> bool {
        let changed = self.glance.as_ref() != Some(&glance);
        if changed {
            self.glance = Some(glance);
        }
        changed
    }

    /// The state as it is told now. Whether it is another one than before.
    pub(super) fn told(&mut self, status: &Status) -> bool {
        let changed = self.told.as_ref() != Some(status);
        if changed {
            self.told = Some(status.clone());
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn field_24_trouble_with_credentials_keeps_its_beginning_and_its_last_reason_until_a_call_is_heard() {
        let mut troubles = Troubles::default();
        troubles.heard_of_credentials(Some(ErrorClass::Credentials), "expired");
        assert_eq!(troubles.credentials, None, "that it lasts is the engine's word");
        troubles.note(Notice::CredentialsRefused, SINCE, "expired");
        troubles.note(Notice::ClockRefused, SINCE, "another");
        troubles.heard_of_credentials(Some(ErrorClass::Network), "no route");
        troubles.heard_of_credentials(Some(ErrorClass::Credentials), "no such key");
        let trouble = Trouble { since: SINCE, reason: "no such key".to_owned() };
        assert_eq!(troubles.credentials, Some(trouble));
        troubles.heard_of_credentials(Some(ErrorClass::Denied), "not allowed");
        assert_eq!(troubles.credentials, None, "whom the service refuses it knows");
    }

    #[test]
    fn field_24_the_platforms_word_ends_what_no_call_would_and_a_call_that_fails_begins_it_anew() {
        let offline = |hints: &[Link], waits| {
            let mut troubles = Troubles::default();
            troubles.note(Notice::Offline, SINCE, "no route");
            hints.iter().for_each(|hint| troubles.hinted(*hint, waits));
            troubles.offline.is_some()
        };
        assert!(!offline(&[Link::Down, Link::Up], true) && !offline(&[Link::Down, Link::Unknown], true));
        assert!(!offline(&[Link::Up], false), "nobody would ever find out");
        assert!(offline(&[Link::Up], true), "what waits finds out");
        assert!(offline(&[Link::Unknown], false) && offline(&[Link::Up, Link::Down], true));
        let mut troubles = Troubles::default();
        troubles.still_offline(SINCE, "refused");
        troubles.still_offline(SINCE, "another");
        assert_eq!(troubles.offline, Some(Trouble { since: SINCE, reason: "refused".to_owned() }));
    }

    #[test]
    fn field_24_polls_are_refused_until_they_are_accepted_each_activity_by_itself() {
        let mut troubles = Troubles::default();
        for activity in [0, 1] {
            troubles.note(Notice::PollRefused(activity, ErrorClass::Denied), SINCE, "no");
        }
        troubles.note(Notice::PollAccepted(0), SINCE, "");
        assert_eq!(troubles.polls, [(1, "no".to_owned())]);
    }

    #[test]
    fn field_24_a_state_is_news_when_it_is_another_one() {
        let mut troubles = Troubles::default();
        assert!(!troubles.is_asked_for());
        let (calm, full) = (Status::default(), Status { full: true, ..Status::default() });
        assert!(troubles.told(&calm) && !troubles.told(&calm) && troubles.told(&full));
        assert!(troubles.is_asked_for());
    }
}
