//! Takes in the letters that other processes of the app left in the inbox: one after the other, each removed only when what it
//! says is on stable storage elsewhere.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::adopt::{AdoptError, Adopted};
use super::deferred::SettleError;
use super::disk::DiskJob;
use super::driver::Driver;
use super::events::Event;
use super::inbox::Reply;
use crate::engine::Kept;
use crate::plants::planted;
use crate::spool::{Letter, ReadError};
use crate::{Outcome, TaskId};

/// How far the letters have been taken in.
#[derive(Default)]
pub(super) struct Sweep {
    pub(super) under_way: bool,
    /// Someone asked for it meanwhile.
    again: bool,
    letters: VecDeque<PathBuf>,
    /// A token found no place.
    pub(super) crowded: bool,
}

impl Driver {
    pub(super) fn sweep(&mut self) {
        if self.sweep.under_way {
            self.sweep.again = true;
            return;
        }
        self.sweep.under_way = true;
        self.disk(DiskJob::ListLetters);
    }

    /// Tokens that found no place are tried again once there is one.
    pub(super) fn sweep_crowded(&mut self) {
        if self.sweep.crowded && !self.sweep.under_way && self.engine.has_place() {
            self.sweep.crowded = false;
            self.sweep();
        }
    }

    pub(super) fn letters(&mut self, letters: Vec<PathBuf>) {
        self.sweep.letters = letters.into();
        self.next_letter();
    }

    fn next_letter(&mut self) {
        if let Some(path) = self.sweep.letters.pop_front() {
            return self.disk(DiskJob::ReadLetter { path });
        }
        self.sweep.under_way = false;
        if std::mem::take(&mut self.sweep.again) {
            self.sweep();
        }
    }

    pub(super) fn letter(&mut self, path: PathBuf, letter: Result<Letter, ReadError>) {
        match letter {
            Ok(Letter::Token(adoption)) => self.adopt(adoption, Reply::Letter(path)),
            Ok(Letter::Answer(id, outcome)) => {
                if planted("letter-removed-before-it-is-kept") {
                    self.disk(DiskJob::RemoveLetter { path: path.clone() });
                }
                let outcome = match outcome {
                    // It is kept already, so it is too late to refuse it.
                    Outcome::Success(output) => Outcome::success(output, self.max_output(id)),
                    failure => failure,
                };
                self.settle(id, outcome, Reply::Letter(path));
            }
            Ok(Letter::Late(id, settlement)) => {
                let text =
                    format!("task {id}: an answer from the inbox came after the task's end ({settlement:?})");
                self.hub.tell(&Event::Warning { text });
                self.letter_done(path);
            }
            Err(ReadError::Damaged { path }) => {
                self.hub.tell(&Event::Quarantined { path });
                self.next_letter();
            }
            // It stays, for the next time.
            Err(error) => {
                self.hub.tell(&Event::Warning { text: error.to_string() });
                self.next_letter();
            }
        }
    }

    pub(super) fn letter_adopted(&mut self, path: PathBuf, answer: Result<Adopted, AdoptError>) {
        match answer {
            Ok(_) => self.letter_done(path),
            // Nor is there room for the other tokens. An answer has its room, and makes more.
            Err(AdoptError::Full) => {
                self.sweep.crowded = true;
                let is_answer = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "answer");
                self.sweep.letters.retain(|path| is_answer(path) && !planted("answers-wait-behind-tokens"));
                self.next_letter();
            }
            Err(_) => self.next_letter(),
        }
    }

    pub(super) fn letter_settled(&mut self, path: PathBuf, answer: Result<(), SettleError>) {
        match answer {
            Ok(()) => self.letter_done(path),
            Err(error @ SettleError::AlreadyAnswered(id)) if self.is_kept(id) => {
                self.hub
                    .tell(&Event::Warning { text: format!("{error}: the one from the inbox comes second") });
                self.letter_done(path);
            }
            // The task may be another user's, or its token not be here yet; or its answer is not kept for good, and the letter is
            // the only one that is.
            Err(_) => self.next_letter(),
        }
    }

    fn is_kept(&self, id: TaskId) -> bool {
        self.engine.tasks().any(|slot| slot.id == id && slot.outcome == Kept::Yes)
    }

    fn letter_done(&mut self, path: PathBuf) {
        self.disk(DiskJob::RemoveLetter { path });
        self.next_letter();
    }
}
