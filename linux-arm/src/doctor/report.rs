//! What was found, for a person as it comes, or for a program at the end.

use std::io::{self, IsTerminal};

use activity_worker::Printable;

use crate::console;
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
struct Finding {
    step: Step,
    verdict: Verdict,
    said: String,
    /// What to do about it; empty: nothing.
    advice: String,
    /// More for those who want to know.
    details: Vec<String>,
}

impl Finding {
    /// Text from outside, certificates, servers and file names, steers neither a terminal nor whoever reads the JSON.
    fn new(step: Step, verdict: Verdict, said: &str, advice: &str, details: &[String]) -> Self {
        let clean = |text: &str| Printable(text).to_string();
        let details = details.iter().map(|line| clean(line)).collect();
        Finding { step, verdict, said: clean(said), advice: clean(advice), details }
    }

    fn not_done(step: Step, said: &str) -> Self {
        Finding::new(step, Verdict::NotDone, said, "", &[])
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
        if !self.advice.is_empty() {
            text += &format!("{indent}-> {}\n", self.advice);
        }
        text
    }

    fn json(&self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
        let (verdict, _) = self.verdict.shown();
        let advice = if self.advice.is_empty() { "null".to_owned() } else { quoted(&self.advice) };
        let details: Vec<_> = self.details.iter().map(|line| quoted(line)).collect();
        format!(
            "{{ \"step\": \"{}\", \"verdict\": \"{}\", \"said\": {}, \"advice\": {advice}, \"details\": [{}] }}",
            self.step.name(),
            verdict.replace(' ', "-"),
            quoted(&self.said),
            details.join(", ")
        )
    }
}

/// All that was found so far.
pub(super) struct Report {
    json: bool,
    colour: bool,
    findings: Vec<Finding>,
    /// That stdout is gone is told at the end.
    printed: Result<(), Error>,
}

impl Report {
    /// `colour`: unless stdout, or `NO_COLOR` (see no-color.org), is against it.
    pub(super) fn new(json: bool, colour: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = colour && !set("NO_COLOR") && !dumb && io::stdout().is_terminal();
        Report { json, colour, findings: Vec::new(), printed: Ok(()) }
    }

    /// `advice`: what to do about it; empty: nothing.
    pub(super) fn say(&mut self, step: Step, verdict: Verdict, said: &str, advice: &str) {
        self.say_all(step, verdict, said, advice, &[]);
    }

    pub(super) fn say_all(
        &mut self,
        step: Step,
        verdict: Verdict,
        said: &str,
        advice: &str,
        details: &[String],
    ) {
        let finding = Finding::new(step, verdict, said, advice, details);
        if !self.json {
            self.print(&finding.plain(self.colour));
        }
        self.findings.push(finding);
    }

    pub(super) fn ok(&mut self, step: Step, said: &str) {
        self.say(step, Verdict::Ok, said, "");
    }

    /// Steps that can't be done, for the same reason: one line for a person.
    pub(super) fn not_done(&mut self, steps: &[Step], why: &str) {
        let Some((first, others)) = steps.split_first() else { return };
        if !self.json {
            let names: Vec<_> = others.iter().map(|step| step.name()).collect();
            let others = if names.is_empty() { String::new() } else { format!("and {}: ", names.join(", ")) };
            self.print(&Finding::not_done(*first, &format!("{others}{why}")).plain(self.colour));
        }
        self.findings.extend(steps.iter().map(|step| Finding::not_done(*step, why)));
    }

    /// The worst of a step, or of all.
    pub(super) fn worst(&self, step: Option<Step>) -> Verdict {
        let meant = self.findings.iter().filter(|f| step.is_none_or(|step| step == f.step));
        meant.map(|f| f.verdict).max().unwrap_or(Verdict::NotDone)
    }

    /// What to do about the last finding.
    #[cfg(test)]
    pub(super) fn last_advice(&self) -> &str {
        self.findings.last().map(|finding| finding.advice.as_str()).unwrap_or_default()
    }

    /// The last words, and the exit code.
    pub(super) fn end(&mut self) -> Result<u8, Error> {
        let code = match self.worst(None) {
            Verdict::NoStart => 78,
            Verdict::Problem => 1,
            _ => 0,
        };
        let count = |verdict| self.findings.iter().filter(|f| f.verdict.shown().0 == verdict).count();
        let (problems, warnings) = (count("problem"), count("warning"));
        let words = match self.json {
            true => {
                let findings: Vec<_> = self.findings.iter().map(Finding::json).collect();
                let findings = findings.join(",\n    ");
                format!(
                    "{{\n  \"version\": 1,\n  \"exit_code\": {code},\n  \"problems\": {problems},\n  \"warnings\": {warnings},\n  \"findings\": [\n    {findings}\n  ]\n}}\n"
                )
            }
            false => format!("problems: {problems}, warnings: {warnings}\n"),
        };
        self.print(&words);
        self.printed.clone().map(|()| code)
    }

    fn print(&mut self, text: &str) {
        if self.printed.is_ok() {
            self.printed = console::print(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_indented_lines_with_what_to_do_last() {
        let mut report = Report::new(true, false);
        report.say_all(Step::Tls, Verdict::Warning, "old", "renew it", &["by \x1b[31mCA".into()]);
        let [finding] = &report.findings[..] else { panic!() };
        let indent = " ".repeat(25);
        let expected =
            format!("warning   tls            old\n{indent}- by \\u{{1b}}[31mCA\n{indent}-> renew it\n");
        assert_eq!(finding.plain(false), expected);
        assert!(finding.plain(true).starts_with("\x1b[33mwarning  \x1b[0m tls"));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&finding.json()).unwrap(),
            serde_json::json!({ "step": "tls", "verdict": "warning", "said": "old", "advice": "renew it", "details": ["by \\u{1b}[31mCA"] })
        );
    }

    #[test]
    fn the_worst_finding_makes_the_exit_code() {
        let mut report = Report::new(true, false);
        for (verdict, code) in [
            (Verdict::Ok, 0),
            (Verdict::NotDone, 0),
            (Verdict::Warning, 0),
            (Verdict::Problem, 1),
            (Verdict::NoStart, 78),
        ] {
            report.say(Step::State, verdict, "", "");
            assert_eq!(report.end().unwrap(), code);
        }
    }
}
