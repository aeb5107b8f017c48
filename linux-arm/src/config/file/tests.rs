use super::*;
use crate::config::credentials::tests::Files;
use activity_worker::aws::CredentialsSource;

const ACTIVITY: &str = r#"
[[activity]]
arn = "arn:aws:states:eu-west-1:123456789012:activity:print"
command = ["/bin/cat", "-u"]
"#;

#[test]
fn the_smallest_file_gets_the_defaults() {
    let (config, doubts) = parse(ACTIVITY).unwrap();
    assert_eq!(doubts, []);
    assert_eq!(config.worker, WorkerConfig::default());
    let [activity] = &config.activities[..] else { panic!("{config:?}") };
    assert_eq!(activity.arn.name(), "print");
    assert_eq!(activity.program.argv, ["/bin/cat", "-u"]);
    assert_eq!((activity.concurrency, activity.safe_to_repeat), (1, false));
    assert_eq!(activity.heartbeat_interval, Duration::from_secs(30));
    let limits =
        Limits { timeout: Duration::from_secs(600), grace: Duration::from_secs(10), max_output: 262_144 };
    assert_eq!(activity.limits, limits);
}

#[test]
fn the_example_file_is_right_and_says_what_the_defaults_are() {
    let example = include_str!("../../../activity-worker.example.toml");
    // The example names programs that this machine has not.
    let example = example
        .replace("/opt/printer/print-label", "/bin/cat")
        .replace("/opt/camera/take-picture", "/bin/cat");
    // Nor has it the certificates.
    let files = Files::new();
    let example = ["device.pem.crt", "client.crt"].iter().fold(example, |text, name| {
        text.replace(&format!("/etc/activity-worker/{name}"), &files.path("device.crt"))
    });
    let example = ["private.pem.key", "client.key"].iter().fold(example, |text, name| {
        text.replace(&format!("/etc/activity-worker/{name}"), &files.path("device.key"))
    });
    let example = example.replace("/etc/ssl/private-ca.pem", &files.path("device.crt"));
    let (config, _) = parse(&example).unwrap();
    assert_eq!(config.activities.len(), 2);
    // With every commented setting taken out of its comment it is right as well.
    let all: String = example
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .fold(String::new(), |all, l| all + l + "\n");
    // A profile and a source exclude each other.
    let (full, doubts) = parse(&all.replace("profile = \"device\"\n", "")).unwrap();
    assert_eq!(doubts, []);
    assert_ne!(full.worker, config.worker);
    assert!(matches!(full.worker.service.credentials, Some(CredentialsSource::Iot(_))));
    assert_eq!(full.worker.service.network.no_proxy.as_deref(), Some("10.0.0.0/8,internal.example"));
    assert!(full.worker.max_bytes.is_some() && full.worker.comeback_window == Some(Duration::from_secs(30)));
}

#[test]
fn every_key_stands_in_the_example_and_in_the_reference() {
    let example = include_str!("../../../activity-worker.example.toml");
    let reference = include_str!("../../../../docs/device.md");
    let has = |text: &str, key: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|w| w == key)
    };
    for table in ["", "[network]\n", "[credentials]\n", "[[activity]]\n"] {
        // The flaw of an unknown key tells all that are known.
        let flaw = parse(&format!("{table}no-such-key = 1\n{ACTIVITY}")).unwrap_err();
        let (_, known) = flaw.what.split_once("unknown key, expected one of ").unwrap();
        // It is only there to be sure.
        for key in known.split(", ").filter(|key| *key != "region") {
            assert!(has(example, key), "{table}{key} is not in the example");
            let told = [format!("`{key}`"), format!("[{key}]")].iter().any(|it| reference.contains(it));
            assert!(told, "{table}{key} is not in docs/device.md");
        }
    }
}

#[test]
fn a_flaw_is_told_with_its_line_and_key() {
    let top = |line: &str| format!("# a comment\n{line}\n{ACTIVITY}");
    let inside = |line: &str| format!("{ACTIVITY}{line}\n");
    let second = |arn: &str| format!("{ACTIVITY}[[activity]]\narn = \"{arn}\"\ncommand = [\"/bin/cat\"]\n");
    let arn = "arn:aws:states:eu-west-1:123456789012:activity:print";
    let table = [
        (String::new(), 1, "activity", "no [[activity]]"),
        ("worker_name = ".into(), 1, "", ""),
        (top("worker_name = \"a b\""), 2, "worker_name", "can't hold ' '"),
        (top("worker_name = 7"), 2, "worker_name", "expected a text in quotes"),
        (top("colour = \"red\""), 2, "colour", "unknown key, expected one of"),
        (top("region = \"eu-west-2\""), 2, "region", "the activities are in eu-west-1"),
        (top("max_tasks = 0"), 2, "max_tasks", "no room"),
        (top("max_tasks = -1"), 2, "max_tasks", "expected a whole number that is not below zero"),
        (top("max_tasks = \"5\""), 2, "max_tasks", "expected a whole number"),
        (top("max_tasks = 10001"), 2, "max_tasks", "10001 is over 10000"),
        (top("state_dir = \"\""), 2, "state_dir", "leave it out, or name a folder"),
        (top("state_dir = \"~/state\""), 2, "state_dir", "write the home folder out"),
        (top("ca_bundle = \"/nowhere/ca.pem\""), 2, "ca_bundle", "can't read /nowhere/ca.pem"),
        (top("ca_bundle = \"/etc/passwd\""), 2, "ca_bundle", "holds no certificate"),
        (top("[network]\nca_only = \"yes\""), 3, "network.ca_only", "expected true or false"),
        (top("max_bytes = \"5 MB\""), 2, "max_bytes", "no size like"),
        (top("max_bytes = 1000"), 2, "max_bytes", "leaves no room for a task: 2621440 at least"),
        (top("endpoint_url = \"foo\""), 2, "endpoint_url", "does not begin with https:// or http://"),
        (top("max_bytes = 1.5"), 2, "max_bytes", "a number of bytes like"),
        (top("allow_unsafe_storage = \"yes\""), 2, "allow_unsafe_storage", "expected true or false"),
        (top("comeback_window = 30"), 2, "comeback_window", "expected a text in quotes"),
        (top("comeback_window = \"2h\""), 2, "comeback_window", "is not between 0s and 1h"),
        (top("profile = \"a\"\nprofile = \"b\""), 3, "profile", "duplicate key"),
        (top("= 5"), 2, "", ""),
        (top("max_tasks"), 2, "", ""),
        (top("max_tasks = five"), 2, "", ""),
        (top("[network]\nproxy = \"\"\n[network]"), 4, "", "duplicate key"),
        (top("network = 5"), 2, "network", "expected a table, [network]"),
        (
            top("[netwrok]\nproxy = 5"),
            2,
            "netwrok",
            "unknown key, expected one of activity, endpoint_url, network, ",
        ),
        (top("network.proxy = 5"), 2, "network.proxy", "expected a text in quotes"),
        ("activity = [5]".into(), 1, "activity", "expected a list of tables, [[activity]]"),
        // One that is missing may be one that is misspelt.
        (
            ACTIVITY.replace("command", "comand"),
            4,
            "activity.comand",
            "unknown key, expected one of arn, command, ",
        ),
        (inside("concurrency = \"1\""), 5, "activity.concurrency", "expected a whole number"),
        (inside("concurrency = 99999999999999999999"), 5, "activity.concurrency", "nor beyond 64 bits"),
        (inside("arn = \"x\""), 5, "arn", "duplicate key"),
        (inside("concurrency = 0"), 5, "activity.concurrency", "not between 1 and 1000"),
        (inside("heartbeat_interval = \"fast\""), 5, "activity.heartbeat_interval", "no time like"),
        (inside("handler_timeout = \"10\""), 5, "activity.handler_timeout", "no time like"),
        (inside("grace = \"2h\""), 5, "activity.grace", "is not between"),
        (inside("max_output = \"1MiB\""), 5, "activity.max_output", "not between 2 and 262144 bytes"),
        (inside("safe_to_repeat = 1"), 5, "activity.safe_to_repeat", "expected true or false"),
        (inside("shell = true"), 5, "activity.shell", "unknown key, expected one of"),
        (second(arn), 6, "activity.arn", "stands here twice"),
        (
            second(&arn.replace("eu-west-1", "eu-west-2")),
            6,
            "activity.arn",
            "run one worker for each region and account",
        ),
        (
            second(&arn.replace("1234", "4321")),
            6,
            "activity.arn",
            "run one worker for each region and account",
        ),
        (
            second(&arn.replace("aws:", "aws-cn:")),
            6,
            "activity.arn",
            "the ARN's partition is aws-cn, and its region eu-west-1 is one of aws",
        ),
        (second("print"), 6, "activity.arn", "\"print\""),
        ("[[activity]]\ncommand = [\"/bin/cat\"]".into(), 1, "activity.arn", "is missing"),
        (format!("[[activity]]\narn = \"{arn}\""), 1, "activity.command", "is missing"),
        (
            format!("[[activity]]\narn = \"{arn}\"\ncommand = \"cat\""),
            3,
            "activity.command",
            "expected a list",
        ),
        (format!("[[activity]]\narn = \"{arn}\"\ncommand = []"), 3, "activity.command", "is empty"),
        (
            format!("[[activity]]\narn = \"{arn}\"\ncommand = [\"no-such-program\"]"),
            3,
            "activity.command",
            "not in PATH",
        ),
        (format!("[activity]\narn = \"{arn}\"\ncommand = [\"cat\"]"), 1, "activity", "expected a list"),
        (
            (0..17).map(|n| second(&format!("{arn}-{n}")).replace(ACTIVITY, "")).collect(),
            49,
            "activity",
            "a worker polls at most 16",
        ),
    ];
    all_told(table.into());
}

#[test]
fn p7_a_secret_that_went_astray_is_not_told() {
    let secret = "sEcReTkeyK7MDENGbPxRfiCYEXAMPLEKEY000000";
    for line in [secret.to_owned(), format!("max_tasks = {secret}"), format!("worker_name = \"{secret}\" 1")]
    {
        let flaw = parse(&format!("{line}\n{ACTIVITY}")).unwrap_err();
        assert!(flaw.line == 1 && !flaw.to_string().contains("sEcReT"), "{flaw}");
    }
}

/// Text, line, key, and a part of what is wrong.
pub(in crate::config) fn all_told(table: Vec<(String, usize, &str, &str)>) {
    let mut wrong = Vec::new();
    for (text, line, key, what) in table {
        match parse(&text) {
            Ok(_) => wrong.push(format!("accepted: {text}")),
            Err(flaw) => {
                let one_line = !flaw.what.contains('\n');
                if flaw.line != line || flaw.key != key || !flaw.what.contains(what) || !one_line {
                    wrong.push(format!("{text}\n -> {flaw:?}, not {line} {key} {what}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
