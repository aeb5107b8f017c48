use std::time::Duration;

use super::run::Source;
use super::*;

const ARN: &str = "arn:aws:states:eu-west-1:123456789012:activity:print";

fn of(line: &str) -> Result<Command, Error> {
    parse(line.replace("ARN", ARN).split_whitespace().map(OsString::from))
}

fn run_of(line: &str) -> Run {
    match of(line) {
        Ok(Command::Run(run)) => *run,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_whole_command_line_is_understood() {
    let run = run_of(
        "run --activity-arn ARN --region=eu-west-1 --endpoint-url http://h:1 --profile p --worker-name n --concurrency 8 \
         --heartbeat-interval 5s --state-dir d --handler-timeout 2m --safe-to-repeat --allow-unsafe-storage \
         --exit-when-idle --log-level debug -- cat --help -- x",
    );
    assert!(run.exit_when_idle && run.log_level == Some(log::LevelFilter::Debug));
    let config = run.config().unwrap();
    let activity = &config.activities[0];
    assert_eq!(activity.arn.as_str(), ARN);
    assert_eq!(activity.program.argv, ["cat", "--help", "--", "x"]);
    assert!(activity.program.path.ends_with("cat") && activity.program.path.is_absolute());
    assert_eq!((activity.concurrency, activity.safe_to_repeat), (8, true));
    assert_eq!(activity.heartbeat_interval, Duration::from_secs(5));
    assert_eq!(activity.limits.timeout, Duration::from_secs(120));
    assert_eq!(config.worker.state_dir, Some("d".into()));
    assert_eq!(config.worker.allow_unsafe_storage, Some(true));
    assert_eq!(config.worker.service.profile.as_deref(), Some("p"));
}

#[test]
fn a_program_takes_all_that_follows_it_even_without_the_dashes() {
    let Source::Flags(activity) = run_of("run --activity-arn ARN cat --region x").source else { panic!() };
    assert_eq!(activity.program.argv, ["cat", "--region", "x"]);
}

#[test]
fn flags_about_the_worker_win_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    let text = format!(
        "profile = \"file\"\nworker_name = \"file\"\n[[activity]]\narn = \"{ARN}\"\ncommand = [\"cat\"]\n"
    );
    std::fs::write(&file, text).unwrap();
    let config = run_of(&format!("run --config {} --profile flag", file.display())).config().unwrap();
    assert_eq!(config.worker.service.profile.as_deref(), Some("flag"));
    assert_eq!(config.worker.worker_name.unwrap().as_str(), "file");
}

#[test]
fn without_a_word_the_file_of_the_machine_is_meant() {
    assert_eq!(run_of("run").source, Source::File("/etc/activity-worker.toml".into()));
    assert_eq!(of("check"), Ok(Command::Check("/etc/activity-worker.toml".into())));
    assert_eq!(of("check --config x"), Ok(Command::Check("x".into())));
    assert_eq!(of("check x"), Ok(Command::Check("x".into())));
}

#[test]
fn wrong_usage_is_told_in_one_line() {
    let table = [
        ("", "what to do?"),
        ("walk", "\"walk\" is none of run, check, doctor, iam-policy and demo"),
        ("--colour", "invalid option '--colour'"),
        ("demo x", "unexpected argument \"x\""),
        ("check a b", "unexpected argument \"b\""),
        ("run --activity-arn ARN", "end the line with -- PROGRAM"),
        ("run -- cat", "run needs --activity-arn ARN or --config FILE"),
        ("run --concurrency 2", "run needs --activity-arn ARN or --config FILE"),
        ("run --activity-arn", "missing argument for option '--activity-arn'"),
        ("run --activity-arn print -- cat", "--activity-arn \"print\": "),
        ("run --activity-arn ARN --activity-arn ARN -- cat", "--activity-arn is given twice"),
        ("run --activity-arn ARN --concurrency many -- cat", "--concurrency: \"many\" is no number"),
        ("run --activity-arn ARN --concurrency 0 -- cat", "--concurrency: 0 is not between 1 and 1000"),
        (
            "run --activity-arn ARN --heartbeat-interval 30 -- cat",
            "--heartbeat-interval: \"30\" is no time like",
        ),
        ("run --activity-arn ARN --worker-name a/b -- cat", "--worker-name: a worker name can't hold '/'"),
        ("run --activity-arn ARN --log-level loud -- cat", "--log-level: \"loud\" is none of"),
        (
            "run --activity-arn ARN --exit-when-idle=1 -- cat",
            "unexpected argument for option '--exit-when-idle'",
        ),
        ("run --activity-arn ARN -x -- cat", "invalid option '-x'"),
        ("run --activity-arn ARN --verbose -- cat", "invalid option '--verbose'"),
        ("run --config f --concurrency 2", "--concurrency belongs in the file"),
        ("run --config f -- cat", "a PROGRAM belongs in the file"),
        ("doctor x", "unexpected argument \"x\""),
        ("doctor --config f --activity-arn ARN", "--activity-arn belongs in the file"),
        ("doctor --activity-arn ARN --poll", "--poll needs --config FILE"),
        (
            "doctor --activity-arn ARN --activity-arn arn:aws:states:eu-west-2:123456789012:activity:x",
            "one doctor for each region and account",
        ),
        ("doctor --heartbeat-interval 5s", "--heartbeat-interval belongs in the file"),
        ("doctor --activity-arn x", "--activity-arn: \"x\": "),
        ("doctor --concurrency 2", "invalid option '--concurrency'"),
        ("iam-policy", "iam-policy needs --activity-arn ARN"),
        ("iam-policy --activity-arn x", "--activity-arn: \"x\": "),
    ];
    for (line, wanted) in table {
        match of(line) {
            Err(Error::Usage(text)) => {
                assert!(text.contains(wanted) && !text.contains('\n'), "{line}: {text}")
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    let Err(Error::Usage(text)) = run_of("run --activity-arn ARN --region eu-west-2 -- cat").config() else {
        panic!()
    };
    assert_eq!(text, "--region eu-west-2, but the activity is in eu-west-1: leave it out");
    assert!(matches!(of("run --activity-arn ARN -- no-such-program"), Err(Error::Config(_))));
}

#[test]
fn help_is_to_be_had_everywhere_and_fits_a_terminal() {
    for line in ["--help", "-h", "help", "run --activity-arn x --help", "check -h", "demo --help"] {
        assert_eq!(of(line), Ok(Command::Help), "{line}");
    }
    assert!(HELP.lines().all(|line| line.chars().count() <= 120));
}
