//! How far the letters of the inbox have been taken in. One sweep at a time goes through those that lie there.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::plants::planted;
use crate::worker::warnings::LINES;

/// One sweep, and what it leaves for the next.
#[derive(Default)]
pub(super) struct Sweep {
    under_way: bool,
    /// Someone asked for it meanwhile.
    again: bool,
    letters: VecDeque<PathBuf>,
    /// Letters that lie there, taken in or not.
    left: usize,
    /// Letters that make no sense, so far.
    odd: usize,
    /// A token found no place.
    crowded: bool,
}

impl Sweep {
    /// Whether one may begin now. While one is under way, the next follows it.
    pub(super) fn begin(&mut self) -> bool {
        let may = !self.under_way;
        self.again |= !may;
        self.under_way = true;
        may
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Letters that are not taken in yet.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Those that lie there.
    pub(super) fn listed(&mut self, letters: Vec<PathBuf>) {
        self.left = letters.len();
        self.letters = letters.into();
    }

    pub(super) fn next(&mut self) -> Option<PathBuf> {
        self.letters.pop_front()
    }

    /// Nothing is next: how many letters that make no sense were not told one by one, and whether another sweep is to follow.
    pub(super) fn over(&mut self) -> (usize, bool) {
        self.under_way = false;
        (std::mem::take(&mut self.odd).saturating_sub(LINES), std::mem::take(&mut self.again))
    }

    /// A letter is gone from the inbox.
    pub(super) fn taken_in(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// A letter makes no sense. Whether it is one of the few that are told one by one.
    pub(super) fn makes_no_sense(&mut self) -> bool {
        self.odd += 1;
        self.odd <= LINES
    }

    /// A token found no place, so there is none for the other tokens either. An answer has its room, and makes more.
    pub(super) fn no_place(&mut self) {
        self.crowded = true;
        let is_answer = |path: &Path| path.extension().is_some_and(|kind| kind == "answer");
        self.letters.retain(|path| is_answer(path) && !planted("answers-wait-behind-tokens"));
    }

    /// Whether tokens that found no place are to be tried again, now that there is one.
    pub(super) fn tries_again(&mut self, has_place: bool) -> bool {
        let tries = self.crowded && !self.under_way && has_place;
        self.crowded &= !tries;
        tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn p1_who_asks_while_one_is_under_way_gets_one_of_their_own_and_no_two_run_at_once() {
        let mut sweep = Sweep::default();
        assert!(sweep.begin() && !sweep.begin() && sweep.is_under_way());
        sweep.listed(letters(&["1.token"]));
        assert_eq!((sweep.next(), sweep.next()), (Some("1.token".into()), None));
        assert_eq!(sweep.over(), (0, true));
        assert!(sweep.begin());
        assert_eq!(sweep.over(), (0, false), "once");
    }

    #[test]
    fn p1_a_token_without_a_place_holds_up_tokens_and_no_answer() {
        let mut sweep = Sweep::default();
        assert!(!sweep.tries_again(true), "nothing waits for a place");
        sweep.begin();
        sweep.listed(letters(&["1.token", "2.token", "3.answer"]));
        sweep.next();
        sweep.no_place();
        assert_eq!((sweep.next(), sweep.next()), (Some("3.answer".into()), None));
        sweep.taken_in();
        assert_eq!(sweep.left(), 2);
        assert!(!sweep.tries_again(true), "one is under way");
        sweep.over();
        assert!(!sweep.tries_again(false) && sweep.tries_again(true) && !sweep.tries_again(true));
    }

    #[test]
    fn of_thousands_of_letters_that_make_no_sense_a_few_are_told_one_by_one() {
        let mut sweep = Sweep::default();
        let told = (0..LINES + 5).filter(|_| sweep.makes_no_sense()).count();
        assert_eq!((told, sweep.over()), (LINES, (5, false)));
    }
}
