//! What was measured, by line and subject: medians, and ratios of what was measured side by side.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Whose figure is ours.
pub(super) const OURS: &str = "ours";

/// Every value that was measured, in the order of the rounds.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// By line and subject: each value with its round.
    all: Mutex<BTreeMap<(String, String), Vec<Value>>>,
    round: AtomicUsize,
}

/// A round, and what was measured in it.
type Value = (usize, f64);

/// The figures of one run, as they are committed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    /// The machine, in a few words.
    pub(super) machine: String,
    /// By line, by subject.
    pub(super) lines: BTreeMap<String, BTreeMap<String, Figure>>,
}

/// A figure of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Figure {
    /// The median of all rounds.
    pub(super) median: f64,
    /// Ours by this one: the median of the rounds' own ratios, so that a slow minute of the machine counts for both.
    pub(super) ratio: f64,
    /// How many rounds.
    pub(super) rounds: usize,
}

impl Samples {
    pub(super) fn add(&self, line: &str, subject: &str, value: f64) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((line.to_owned(), subject.to_owned()))
            .or_default()
            .push((self.round.load(Ordering::SeqCst), value));
    }

    /// What is added from now on belongs to this round, and is compared within it.
    pub(super) fn begin_round(&self, round: usize) {
        self.round.store(round, Ordering::SeqCst);
    }

    pub(super) fn figures(&self, machine: String) -> Figures {
        let mut figures = Figures { machine, ..Figures::default() };
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        for ((line, subject), values) in &*all {
            let ours = all.get(&(line.clone(), OURS.to_owned())).unwrap_or(values);
            let ratios = values.iter().filter(|(_, value)| *value != 0.0).filter_map(|(round, value)| {
                let (_, ours) = ours.iter().find(|(at, _)| at == round)?;
                Some(ours / value)
            });
            let figure = Figure {
                median: rounded(median(values.iter().map(|(_, value)| *value).collect())),
                ratio: rounded(median(ratios.collect())),
                rounds: values.len(),
            };
            figures.lines.entry(line.clone()).or_default().insert(subject.clone(), figure);
        }
        figures
    }
}

impl Figures {
    /// Takes another run's lines in place of its own.
    pub(super) fn take(&mut self, newer: Figures) {
        self.machine = newer.machine;
        for (line, figures) in newer.lines {
            self.lines.entry(line).or_default().extend(figures);
        }
    }

    pub(super) fn of(&self, line: &str, subject: &str) -> Option<Figure> {
        self.lines.get(line)?.get(subject).copied()
    }
}

/// The middle one; of an even number the mean of the two in the middle. Of none: 0.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match (values.get(half), half.checked_sub(1).and_then(|below| values.get(below))) {
        (Some(upper), Some(lower)) if values.len().is_multiple_of(2) => f64::midpoint(*lower, *upper),
        (Some(middle), _) => *middle,
        (None, _) => 0.0,
    }
}

/// Three digits: no more of a figure is true.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    // By way of text, so that what is read back is the same.
    if digits <= 0 {
        let whole = 10f64.powi(-digits);
        (value / whole).round() * whole
    } else {
        format!("{value:.*}", usize::try_from(digits).unwrap_or(0)).parse().unwrap_or(value)
    }
}

/// With commas where it is long.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let digits: Vec<char> = whole.chars().collect();
    let groups: Vec<String> = digits.rchunks(3).rev().map(|group| group.iter().collect()).collect();
    format!("{}{rest}", groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_rounds_own() {
        let samples = Samples::default();
        // The second round was slow for both, and in the fourth theirs failed.
        for (round, (ours, theirs)) in [(10.0, 5.0), (30.0, 15.0), (11.0, 5.5)].into_iter().enumerate() {
            samples.begin_round(round);
            samples.add("a", OURS, ours);
            samples.add("a", "sdk", theirs);
        }
        samples.begin_round(3);
        samples.add("a", OURS, 11.0);
        let figures = samples.figures("here".into());
        assert_eq!(figures.of("a", "sdk").unwrap(), Figure { median: 5.5, ratio: 2.0, rounds: 3 });
        assert_eq!(figures.of("a", OURS).unwrap(), Figure { median: 11.0, ratio: 1.0, rounds: 4 });
    }

    #[test]
    fn three_digits_are_kept() {
        assert_eq!([48_217.0, 186.44, 5.126, 0.012_345].map(rounded), [48_200.0, 186.0, 5.13, 0.0123]);
        assert_eq!((median(vec![3.0, 1.0]), median(vec![])), (2.0, 0.0));
    }

    #[test]
    fn numbers_are_shown_with_commas() {
        assert_eq!([48_200.0, 5.13, 1_798_408.0, 100.0].map(number), ["48,200", "5.13", "1,798,408", "100"]);
    }
}
