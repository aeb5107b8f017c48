//! What does not depend on the machine's speed, held against its budgets: the suite `bench`.

use std::thread;
use std::time::Duration;

use super::catalog::LINES;
use super::figures::{Figures, OURS};
use super::lines::offline::Outage;
use super::lines::{calls, flash, idle, offline};
use super::stand::Stand;

/// Fewer results and a shorter look than in the full table.
const OUTAGE: Outage = Outage {
    results: 200,
    line: "offline.fewer",
    settle: Duration::from_secs(15),
    watch: Duration::from_secs(45),
    timed: false,
};
const IDLE: Duration = Duration::from_secs(30);

/// Side by side: most of it is waiting.
pub(super) fn measure(stand: &Stand) -> Result<(), String> {
    thread::scope(|scope| {
        let all = [
            scope.spawn(|| flash::measure(stand).and_then(|()| calls::measure(stand, &stand.device))),
            scope.spawn(|| idle::measure(stand, &stand.device, IDLE)),
            scope.spawn(|| offline::measure(stand, &OUTAGE)),
        ];
        all.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| Err("a panic".into())))
    })
}

/// A line for each budget, and those that are over.
pub(super) fn judge(figures: &Figures) -> (Vec<String>, Vec<String>) {
    let (mut shown, mut over) = (Vec::new(), Vec::new());
    for line in LINES {
        let Some(budget) = line.budget else { continue };
        let measured = figures.of(line.key, OURS).map(|figure| figure.median);
        let text =
            measured.map_or_else(|| "not measured".to_owned(), |value| format!("{value} {}", line.unit));
        shown.push(format!("{:<18} {:>14} of {budget:<8} {}", line.key, text.trim_end(), line.what));
        if measured.is_none_or(|value| value > budget) {
            over.push(format!("{} ({}): {}, the budget is {budget}", line.key, line.what, text.trim_end()));
        }
    }
    (shown, over)
}

#[cfg(test)]
mod tests {
    use super::super::figures::Samples;
    use super::*;

    #[test]
    fn a_figure_over_its_budget_and_one_that_is_missing_are_told() {
        let samples = Samples::default();
        for line in LINES.iter().filter(|line| line.key != "calls") {
            samples.add(line.key, OURS, line.budget.unwrap_or(0.0));
        }
        samples.add("flash.one.kib", OURS, 1e6);
        samples.add("flash.one.kib", OURS, 1e6);
        let (shown, over) = judge(&samples.figures(String::new()));
        assert_eq!(over.len(), 2, "{over:?}");
        assert!(over[0].starts_with("flash.one.kib") && over[1].contains("not measured"), "{over:?}");
        assert_eq!(shown.len(), LINES.iter().filter(|line| line.budget.is_some()).count());
    }
}
