//! What was found, for a person as it comes, or for a program at the end.

use std::io::{self, IsTerminal};

use serde_json::{Value, json};

use crate::error::Error;

/// The steps, in their order. The names are part of the JSON's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Config,
    State,
    Dns,
    Tcp,
    Proxy,
    Tls,
    Clock,
    Credentials,
    Signature,
    Describe,
    Poll,
    StateMachine,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Config => "config",
            Step::State => "state",
            Step::Dns => "dns",
            Step::Tcp => "tcp",
            Step::Proxy => "proxy",
            Step::Tls => "tls",
            Step::Clock => "clock",
            Step::Credentials => "credentials",
            Step::Signature => "signature",
            Step::Describe => "describe",
            Step::Poll => "poll",
            Step::StateMachine => "state-machine",
        }
    }
}

/// How a step went; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Ok,
    /// It could not be tried.
    NotDone,
    Warning,
    /// A worker would start, and not get on.
    Problem,
    /// A worker would not start: `run` ends with 78.
    NoStart,
}

impl Verdict {
    /// The word, and its colour on a terminal.
    fn shown(self) -> (&'static str, &'static str) {
        match self {
            Verdict::Ok => ("ok", "32"),
            Verdict::NotDone => ("not done", "2"),
            Verdict::Warning => ("warning", "33"),
            Verdict::Problem | Verdict::NoStart => ("problem", "1;31"),
        }
    }
}

/// One thing that was found.
pub(super) struct Finding {
    step: Step,
    verdict: Verdict,
    said: String,
    /// What to do about it.
    advice: Option<String>,
    /// More for those who want to know.
    details: Vec<String>,
}

impl Finding {
    pub(super) fn new(step: Step, verdict: Verdict, said: impl Into<String>) -> Self {
        Finding { step, verdict, said: clean(&said.into()), advice: None, details: Vec::new() }
    }

    pub(super) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(clean(&advice.into()));
        self
    }

    pub(super) fn details(mut self, details: Vec<String>) -> Self {
        self.details = details.iter().map(|line| clean(line)).collect();
        self
    }

    fn plain(&self, colour: bool) -> String {
        let (word, code) = self.verdict.shown();
        let word = match colour {
            true => format!("\x1b[{code}m{word:<9}\x1b[0m"),
            false => format!("{word:<9}"),
        };
        let mut text = format!("{word} {:<14} {}\n", self.step.name(), self.said);
        let indent = " ".repeat(25);
        self.details.iter().for_each(|line| text += &format!("{indent}- {line}\n"));
        self.advice.iter().for_each(|advice| text += &format!("{indent}-> {advice}\n"));
        text
    }

    fn json(&self) -> Value {
        json!({
            "step": self.step.name(),
            "verdict": self.verdict.shown().0.replace(' ', "-"),
            "said": self.said,
            "advice": self.advice,
            "details": self.details,
        })
    }
}

/// All that was found so far.
pub(super) struct Report {
    json: bool,
    colour: bool,
    findings: Vec<Finding>,
}

impl Report {
    /// `colour`: unless stdout, or `NO_COLOR` (see no-color.org), is against it.
    pub(super) fn new(json: bool, colour: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = colour && !set("NO_COLOR") && !dumb && io::stdout().is_terminal();
        Report { json, colour, findings: Vec::new() }
    }

    pub(super) fn add(&mut self, finding: Finding) -> Result<(), Error> {
        if !self.json {
            crate::print(&finding.plain(self.colour))?;
        }
        self.findings.push(finding);
        Ok(())
    }

    pub(super) fn ok(&mut self, step: Step, said: impl Into<String>) -> Result<(), Error> {
        self.add(Finding::new(step, Verdict::Ok, said))
    }

    /// Steps that can't be done, for the same reason.
    pub(super) fn not_done(&mut self, steps: &[Step], why: &str) -> Result<(), Error> {
        steps.iter().try_for_each(|step| self.add(Finding::new(*step, Verdict::NotDone, why)))
    }

    /// The worst of a step, or of all.
    pub(super) fn worst(&self, step: Option<Step>) -> Verdict {
        let meant = self.findings.iter().filter(|f| step.is_none_or(|step| step == f.step));
        meant.map(|f| f.verdict).max().unwrap_or(Verdict::NotDone)
    }

    /// The last words, and the exit code.
    pub(super) fn end(&self) -> Result<u8, Error> {
        let code = match self.worst(None) {
            Verdict::NoStart => 78,
            Verdict::Problem => 1,
            _ => 0,
        };
        let count = |verdict| self.findings.iter().filter(|f| f.verdict.shown().0 == verdict).count();
        let (problems, warnings) = (count("problem"), count("warning"));
        if self.json {
            let findings: Vec<_> = self.findings.iter().map(Finding::json).collect();
            let whole = json!({
                "version": 1,
                "exit_code": code,
                "problems": problems,
                "warnings": warnings,
                "findings": findings,
            });
            crate::print(&format!("{whole:#}\n"))?;
        } else {
            let several = |n: usize, what: &str| match n {
                0 => format!("no {what}s"),
                1 => format!("1 {what}"),
                n => format!("{n} {what}s"),
            };
            crate::print(&format!("{}, {}\n", several(problems, "problem"), several(warnings, "warning")))?;
        }
        Ok(code)
    }
}

/// Text from outside, certificates and servers, must not steer a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_indented_lines_with_what_to_do_last() {
        let finding = Finding::new(Step::Tls, Verdict::Warning, "old")
            .advice("renew it")
            .details(vec!["by \x1b[31mCA".into()]);
        let indent = " ".repeat(25);
        let expected = format!("warning   tls            old\n{indent}- by  [31mCA\n{indent}-> renew it\n");
        assert_eq!(finding.plain(false), expected);
        assert!(finding.plain(true).starts_with("\x1b[33mwarning  \x1b[0m tls"));
        assert_eq!(
            finding.json(),
            json!({ "step": "tls", "verdict": "warning", "said": "old", "advice": "renew it", "details": ["by  [31mCA"] })
        );
    }

    #[test]
    fn the_worst_finding_makes_the_exit_code() {
        let mut report = Report { json: true, colour: false, findings: Vec::new() };
        for (verdict, code) in [
            (Verdict::Ok, 0),
            (Verdict::NotDone, 0),
            (Verdict::Warning, 0),
            (Verdict::Problem, 1),
            (Verdict::NoStart, 78),
        ] {
            report.add(Finding::new(Step::State, verdict, "")).unwrap();
            assert_eq!(report.end().unwrap(), code);
        }
    }
}
