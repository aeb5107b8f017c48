//! What lies in the state folder: whose it is, and whether it is on its way. Read from the files, whether a worker is at them or not.

use std::collections::BTreeMap;

use activity_worker::aws::Route;
use activity_worker::{Origin, Survey, SurveyedTask, TASKS_MAX, survey};

use super::deadline::within;
use super::examined::Examined;
use super::report::{Report, Step, Verdict};
use super::state::PATIENCE;
use crate::state_dir;

/// So many files are named, of those that can't be read.
const NAMED: usize = 3;

/// `route`: `None` where the settings are not right, so that nobody knows whose tasks are this worker's.
pub(super) fn look(examined: &Examined, route: Option<&Route>, report: &mut Report) {
    let Ok(dir) = state_dir::of(examined.worker.state_dir.clone()) else { return };
    if !dir.join("log").is_dir() {
        return;
    }
    let mut say = |verdict, what: String, advice: &str| report.say(Step::State, verdict, &what, advice);
    let name = dir.display().to_string();
    let found = match within(PATIENCE, move || survey(&dir)) {
        Some(Ok(found)) => found,
        Some(Err(e)) => {
            return say(Verdict::Problem, format!("{name}: can't be read: {e}"), "dmesg may tell more");
        }
        None => {
            return say(
                Verdict::Problem,
                format!("{name}: can't be read in time"),
                "the disk is failing: dmesg",
            );
        }
    };
    let here = route.zip(examined.activities.first()).map(|(route, one)| route.origin(&one.arn));
    if let Some(here) = &here {
        foreign(&found, here, &mut say);
    }
    if !found.unreadable.is_empty() {
        let names: Vec<_> =
            found.unreadable.iter().take(NAMED).map(|path| path.display().to_string()).collect();
        let more = if found.unreadable.len() > NAMED { ", ..." } else { "" };
        let what = format!(
            "files of the log of which a part can't be read: {} ({}{more})",
            found.unreadable.len(),
            names.join(", ")
        );
        say(
            Verdict::Problem,
            what,
            "they stay, and are read again; dmesg may tell why, or whose they are: ls -l",
        );
    }
    if found.quarantined > 0 {
        let what = format!("damaged files set aside: {} in {name}/quarantine", found.quarantined);
        say(Verdict::Warning, what, "a failing disk? Look at them, and remove them when nobody needs them");
    }
    let slots = examined.activities.iter().map(|one| one.concurrency).sum::<usize>();
    let places = examined.worker.max_tasks.unwrap_or((slots + 64).min(TASKS_MAX));
    let strays =
        found.tasks.iter().filter(|task| here.as_ref().is_some_and(|here| why(task, here).is_some())).count();
    let taken = found.tasks.len() + found.unreadable.len();
    // A busy worker is no problem; places that no work of its own ever frees are.
    if strays > 0 && taken >= places {
        let what = format!(
            "all places are taken, by {taken} tasks, {strays} of them not this worker's: nothing is polled"
        );
        let verdict = if strays >= taken { Verdict::Problem } else { Verdict::Warning };
        say(verdict, what, "raise max_tasks, or see to what is kept");
    }
}

/// Why a task is not this worker's to go on with, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Origin(String),
    User,
    Copied,
}

fn why(task: &SurveyedTask, here: &Origin) -> Option<Why> {
    match () {
        () if task.origin != *here => Some(Why::Origin(task.origin.as_str().to_owned())),
        () if !task.scope.0.is_empty() => Some(Why::User),
        () if task.copied && !task.has_outcome => Some(Why::Copied),
        () => None,
    }
}

/// One problem for each reason.
fn foreign(found: &Survey, here: &Origin, say: &mut impl FnMut(Verdict, String, &str)) {
    let mut groups: BTreeMap<Why, (usize, usize)> = BTreeMap::new();
    for task in &found.tasks {
        if let Some(why) = why(task, here) {
            let (tasks, results) = groups.entry(why).or_default();
            *tasks += 1;
            *results += usize::from(task.has_outcome);
        }
    }
    for (why, (tasks, results)) in groups {
        let kept = format!("kept, and not on their way: tasks: {tasks}, {results} of them with a result");
        let (what, advice) = match why {
            Why::Origin(origin) => (
                format!("{kept}; they belong to {origin}, and this configuration is for {}", here.as_str()),
                "to send them, run a worker on this folder with their account, region and endpoint_url",
            ),
            Why::User => (
                format!("{kept}; they belong to a user of an app"),
                "only a worker of that user goes on with them",
            ),
            Why::Copied => (
                format!(
                    "{kept}; they came with a copy of another machine's state folder, which may still be at them"
                ),
                "only the machine that they came from goes on with them",
            ),
        };
        say(Verdict::Problem, what, advice);
    }
}
