//! `doctor`: walks the way of a poll, and says of each step whether it works, and what to do if not.
//!
//! A file for each kind of step; `report` puts it in words. A step that needs an earlier one that failed is told as not done. Each
//! has a deadline of its own.

pub(crate) mod certificate;
mod credentials;
mod deadline;
mod examined;
mod kept;
mod network;
mod poll;
mod report;
mod service;
mod state;
mod state_machine;

use std::process::ExitCode;

use crate::args::{self, Patient};
use crate::config::{self, ActivityConfig, Config, WorkerConfig};
use crate::connect;
use crate::error::Error;
use crate::trust::{self, Doubt};
use examined::{Examined, One};
use report::{Report, Step, Verdict};

/// Walks the way, and ends with the code of the worst that was found.
pub(crate) fn doctor(told: args::Doctor) -> Result<ExitCode, Error> {
    let mut report = Report::new(told.json, told.colour);
    walk(told, &mut report);
    report.end().map(ExitCode::from)
}

/// What depends on where requests go.
const WAY: [Step; 9] = [
    Step::Dns,
    Step::Tcp,
    Step::Proxy,
    Step::Tls,
    Step::Clock,
    Step::Credentials,
    Step::Signature,
    Step::Describe,
    Step::Poll,
];

fn walk(told: args::Doctor, report: &mut Report) {
    use Step::{State, StateMachine};
    let Some(examined) = configuration(told.patient, told.worker, report) else {
        let why = "the configuration is not right";
        let mut all = vec![State];
        all.extend(WAY);
        all.extend(told.state_machine.map(|_| StateMachine));
        return report.not_done(&all, why);
    };
    for Doubt { refused, what, advice } in &examined.doubts {
        let verdict = if *refused { Verdict::NoStart } else { Verdict::Warning };
        report.say(Step::Config, verdict, what, advice);
    }
    let running = state::look(&examined, report);
    let region = examined.activities.first().map(|one| one.arn.region()).unwrap_or_default();
    let route = connect::route(&examined.worker.service, region);
    kept::look(&examined, route.as_ref().ok(), report);
    match route {
        Err(why) => {
            report.say(Step::Config, Verdict::NoStart, &why, "");
            report.not_done(&WAY, "AWS' settings are not right");
        }
        Ok(route) => {
            if let Some(Doubt { what, advice, .. }) = trust::plain_http(&route.endpoint().url()) {
                report.say(Step::Config, Verdict::Warning, &what, &advice);
            }
            let reached = network::look(&route, report);
            let credentials = credentials::look(&route, examined.worker.service.credentials.as_ref(), report);
            service::look(&route, &examined.activities, reached, credentials, report);
            poll::look(told.poll, examined.worker, examined.programs, running, report);
        }
    }
    if let Some(file) = told.state_machine {
        state_machine::look(&file, &examined.activities, report);
    }
}

/// `None`: there is nothing to go on with.
fn configuration(patient: Patient, worker: WorkerConfig, report: &mut Report) -> Option<Examined> {
    let file = match patient {
        Patient::File(file) => file,
        Patient::Activities { arns, heartbeat_interval } => {
            let one = |arn| One { arn, heartbeat_interval, concurrency: 1, max_output: config::MAX_OUTPUT };
            let activities: Vec<_> = arns.into_iter().map(one).collect();
            report.ok(Step::Config, &told_of("the command line", &activities));
            let config = Config { worker, activities: Vec::new(), warnings: Vec::new() };
            let doubts = trust::doubts(&config, None);
            return Some(Examined { worker: config.worker, activities, programs: Vec::new(), doubts });
        }
    };
    let name = file.display().to_string();
    let read = match config::read(&file) {
        Ok(read) => read,
        Err(why) => {
            let advice = match file.exists() {
                true => format!("activity-worker check {name} looks at it again"),
                false => format!("write {name}, name another with --config, or give --activity-arn ARN"),
            };
            report.say(Step::Config, Verdict::NoStart, &why.to_string(), &advice);
            return None;
        }
    };
    let one = |activity: &ActivityConfig| One {
        arn: activity.arn.clone(),
        heartbeat_interval: activity.heartbeat_interval,
        concurrency: activity.concurrency,
        max_output: activity.limits.max_output,
    };
    let activities: Vec<_> = read.activities.iter().map(one).collect();
    report.ok(Step::Config, &told_of(&name, &activities));
    for warning in &read.warnings {
        report.say(Step::Config, Verdict::Warning, warning, "");
    }
    for doubt in read.activities.iter().filter_map(ActivityConfig::doubt) {
        report.say(Step::Config, Verdict::Problem, &doubt, "");
    }
    let config = Config { worker: worker.or(read.worker), ..read };
    let doubts = trust::doubts(&config, Some(&file));
    Some(Examined { worker: config.worker, activities, programs: config.activities, doubts })
}

fn told_of(source: &str, activities: &[One]) -> String {
    let names: Vec<_> = activities.iter().map(|one| one.arn.name()).collect();
    let place = activities.first().map(|one| (one.arn.region(), one.arn.account())).unwrap_or_default();
    format!("{source}: {} in {}, account {}", names.join(", "), place.0, place.1)
}
