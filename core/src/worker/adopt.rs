//! Tokens that come by another way than a poll.

use super::driver::Driver;
use super::inbox::{Live, Reply};
use crate::engine::slots::Stage;
use crate::engine::{self, OwnFailure};
use crate::plants::planted;
use crate::task::INPUT_MAX;
use crate::worker::disk::Refused;
use crate::worker::notices::own_failure;
use crate::{Adoption, Outcome, Settlement, TaskId};

/// What became of an adopted token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// A new task, now on stable storage.
    New(TaskId),
    /// It was held already.
    Known(TaskId),
    /// It was here before, and is over.
    Over(TaskId, Settlement),
}

impl Adopted {
    /// The task's id.
    pub fn id(&self) -> TaskId {
        match self {
            Adopted::New(id) | Adopted::Known(id) | Adopted::Over(id, _) => *id,
        }
    }
}

/// Why a token was not adopted. Whoever has it still has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The worker has no place, or no room on disk, for one more task; or it is stopping. For five minutes polls leave the next
    /// place to a token: try again. A letter in the inbox is tried again by itself.
    #[error("no room for one more task")]
    Full,
    /// The input is over 1,048,576 bytes.
    #[error("the input is over 1,048,576 bytes")]
    InputTooLarge,
    /// The disk refused.
    #[error("not kept: {0}")]
    NotKept(String),
    /// The worker has ended.
    #[error("the worker has ended")]
    Stopped,
}

impl Driver {
    pub(super) fn adopt(&mut self, adoption: Adoption, reply: Reply<Result<Adopted, AdoptError>>) {
        let Adoption { token, input, origin, scope, expires } = adoption;
        let id = token.id();
        let input = input.unwrap_or_else(|| "{}".to_owned());
        if input.len() > INPUT_MAX {
            return self.tell_adopter(reply, Err(AdoptError::InputTooLarge));
        }
        match self.engine.stage(id) {
            None => {}
            // Not on disk yet: the answer must wait for that.
            Some(Stage::Accepting) if self.live.get(&id).is_some_and(|live| !live.adopters.is_empty()) => {
                self.live.entry(id).and_modify(|live| live.adopters.push(reply));
                return;
            }
            Some(_) => return self.tell_adopter(reply, Ok(Adopted::Known(id))),
        }
        let scope = scope.unwrap_or_else(|| self.scope.clone());
        let foreign = scope != self.scope || origin.as_ref().is_some_and(|origin| *origin != self.origin);
        let mut live = Live::new(token, None, scope, self.client.clock().now());
        (live.origin, live.expires, live.input) = (origin, expires, Some(input.into()));
        live.adopters.push(reply);
        self.live.insert(id, live);
        self.tell(engine::Event::Adopt { id, foreign });
    }

    /// The disk's answer to a task that was to be accepted, polled or adopted.
    pub(super) fn accepted(&mut self, id: TaskId, result: Result<(), Refused>) {
        let result = if planted("refused-task-taken") { Ok(()) } else { result };
        let Some(live) = self.live.get_mut(&id) else { return };
        let adopters = std::mem::take(&mut live.adopters);
        let adopted = !adopters.is_empty();
        let answer = match &result {
            Ok(()) => Ok(Adopted::New(id)),
            Err(Refused::Over(settlement)) => Ok(Adopted::Over(id, *settlement)),
            Err(Refused::Held(_)) => Ok(Adopted::Known(id)),
            Err(Refused::Disk(why)) => Err(AdoptError::NotKept(why.clone())),
        };
        match result {
            Ok(()) => {
                self.tell(engine::Event::TaskKept { id });
                let kept_for_later = matches!(self.engine.stage(id), Some(Stage::Deferred | Stage::Foreign));
                if let Some(live) = self.live.get_mut(&id).filter(|_| kept_for_later) {
                    // From now on the app reads it from disk.
                    live.input = None;
                }
            }
            // Its file could not be read so far, and was, just before this.
            Err(Refused::Held(task)) => {
                self.live.remove(&id);
                self.tell(engine::Event::TaskNotKept { id });
                self.found(*task, None, self.copied);
            }
            Err(refused) => {
                // What a polled task is failed with, from memory.
                live.outcome = Some(Outcome::Failure(own_failure(OwnFailure::NotKept)).into());
                self.reason = refused.to_string();
                if adopted {
                    self.live.remove(&id);
                }
                self.tell(engine::Event::TaskNotKept { id });
            }
        }
        self.poll_brought(id, answer.is_ok());
        for (n, adopter) in adopters.into_iter().enumerate() {
            self.tell_adopter(
                adopter,
                match &answer {
                    Ok(Adopted::New(id)) if n > 0 => Ok(Adopted::Known(*id)),
                    answer => answer.clone(),
                },
            );
        }
    }

    pub(super) fn tell_adopter(
        &mut self,
        reply: Reply<Result<Adopted, AdoptError>>,
        answer: Result<Adopted, AdoptError>,
    ) {
        match reply {
            Reply::App(app) => drop(app.send(answer)),
            Reply::Letter(path) => self.letter_adopted(path, answer),
        }
    }
}
