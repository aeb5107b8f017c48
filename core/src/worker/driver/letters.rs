//! Takes in the letters that other processes of the app left in the inbox: one after the other, each removed only when what it
//! says is on stable storage elsewhere.

use std::path::PathBuf;

use super::Driver;
use super::live::Reply;
use crate::engine::Kept;
use crate::plants::planted;
use crate::spool::{Letter, ReadError};
use crate::worker::answers::{AdoptError, Adopted, AnswerError};
use crate::worker::events::Event;
use crate::worker::jobs::disk::DiskJob;
use crate::worker::warnings::{Many, Warning};
use crate::{Outcome, TaskId};

impl Driver {
    pub(super) fn sweep(&mut self) {
        if self.sweep.begin() {
            self.disk(DiskJob::ListLetters);
        }
    }

    /// Tokens that found no place are tried again once there is one.
    pub(super) fn sweep_crowded(&mut self) {
        if self.sweep.tries_again(self.engine.has_place()) {
            self.sweep();
        }
    }

    pub(super) fn letters_listed(&mut self, letters: Vec<PathBuf>) {
        self.sweep.listed(letters);
        self.next_letter();
    }

    fn next_letter(&mut self) {
        if let Some(path) = self.sweep.next() {
            return self.disk(DiskJob::ReadLetter { path });
        }
        let (odd, again) = self.sweep.over();
        self.and_more(odd, Many::Letters);
        if again {
            self.sweep();
        }
    }

    pub(super) fn letter_read(&mut self, path: PathBuf, letter: Result<Letter, ReadError>) {
        match letter {
            Ok(Letter::Token(adoption)) => self.adopt(adoption, Reply::Letter(path)),
            Ok(Letter::Answer(id, outcome)) => {
                if planted("letter-removed-before-it-is-kept") {
                    self.disk(DiskJob::RemoveLetter { path: path.clone() });
                }
                let outcome = match outcome {
                    // It is kept already, so it is too late to refuse it.
                    Outcome::Success(output) => output.within(self.max_output(id)).into(),
                    failure => failure,
                };
                self.answer(id, outcome, Reply::Letter(path));
            }
            Ok(Letter::Late(id, settlement)) => {
                self.warn(Warning::LateLetter { id, settlement });
                self.letter_done(path);
            }
            Err(error @ ReadError::Refused { .. }) => {
                self.warn(Warning::LetterRefused { reason: error.to_string() });
                self.next_letter();
            }
            Err(error) => {
                let event = match error {
                    ReadError::Damaged { path } => {
                        self.sweep.taken_in();
                        self.disk_watch.quarantined.push(path.clone());
                        Event::Quarantined { path }
                    }
                    // It stays, for the next time.
                    error => Event::Warning(Warning::LetterNotRead { reason: error.to_string() }),
                };
                if self.sweep.makes_no_sense() {
                    self.hub.tell(&event);
                }
                self.next_letter();
            }
        }
    }

    pub(super) fn letter_adopted(&mut self, path: PathBuf, answer: Result<Adopted, AdoptError>) {
        match answer {
            Ok(_) => self.letter_done(path),
            Err(AdoptError::Full(_)) => {
                self.sweep.no_place();
                self.next_letter();
            }
            Err(_) => self.next_letter(),
        }
    }

    pub(super) fn letter_answered(&mut self, path: PathBuf, answer: Result<(), AnswerError>) {
        match answer {
            Ok(()) => self.letter_done(path),
            Err(AnswerError::AlreadyAnswered(id)) if self.is_kept(id) => {
                self.warn(Warning::SecondAnswer { id });
                self.letter_done(path);
            }
            // The task may be another user's, or its token not be here yet; or its answer is not kept for good, and the letter is
            // the only one that is.
            Err(_) => self.next_letter(),
        }
    }

    fn is_kept(&self, id: TaskId) -> bool {
        self.engine.task(id).is_some_and(|slot| slot.outcome == Kept::Yes)
    }

    fn letter_done(&mut self, path: PathBuf) {
        self.sweep.taken_in();
        self.disk(DiskJob::RemoveLetter { path });
        self.next_letter();
    }
}
