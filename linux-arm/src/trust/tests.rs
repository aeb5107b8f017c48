use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::Duration;

use activity_worker::aws::ProcessConfig;

use super::*;
use crate::config::{ActivityConfig, MAX_OUTPUT, ServiceConfig, arn};
use crate::exec::{Limits, Program};

const NOBODY: u32 = 65_534;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn file(folder: &Path, name: &str, mode: u32) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, "#!/bin/sh\n").unwrap();
    chmod(&path, mode);
    path
}

fn config(argv: &[&Path]) -> Config {
    let argv: Vec<OsString> = argv.iter().map(|word| word.as_os_str().to_owned()).collect();
    let second = Duration::from_secs(1);
    let activity = ActivityConfig {
        arn: arn("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap(),
        program: Program { path: argv[0].clone().into(), argv },
        concurrency: 1,
        heartbeat_interval: second,
        limits: Limits { timeout: second, grace: second, max_output: MAX_OUTPUT },
        safe_to_repeat: false,
        pollers: 1,
    };
    // A source that needs no file: the machine's own shared files are none of this test's.
    let credentials = Some(CredentialsSource::Environment);
    let service = ServiceConfig { credentials, ..ServiceConfig::default() };
    let worker = WorkerConfig { service, ..WorkerConfig::default() };
    Config { worker, activities: vec![activity], warnings: Vec::new() }
}

fn process(program: PathBuf) -> CredentialsSource {
    CredentialsSource::Process(ProcessConfig { program, arguments: vec![] })
}

fn container(token_file: PathBuf) -> CredentialsSource {
    CredentialsSource::Container(ContainerConfig { url: None, token: Some(ContainerToken::File(token_file)) })
}

/// Of what root would refuse the same is said to others.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn field_19_what_every_user_can_change_is_refused_as_root_and_told_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (file(folder.path(), "good", 0o755), file(folder.path(), "bad", 0o757));
    assert_eq!(doubts(&config(&[&good]), Some(&good)), []);
    let service = |change: fn(&mut ServiceConfig, PathBuf)| {
        let mut config = config(&[&good]);
        change(&mut config.worker.service, bad.clone());
        config
    };
    for (config, file) in [
        (config(&[&good]), Some(&*bad)),
        (config(&[&bad]), None),
        (service(|s, bad| s.network.ca_file = Some(bad)), None),
        (service(|s, bad| s.network.client_certificate = Some((bad.clone(), bad))), None),
        (service(|s, bad| s.credentials = Some(process(bad))), None),
        (service(|s, bad| s.credentials = Some(container(bad))), None),
    ] {
        let found = doubts(&config, file);
        let first = &found[0];
        assert!(
            first.what.contains("can be changed by every user") && first.what.contains("bad"),
            "{found:?}"
        );
        assert_eq!(first.advice, format!("chmod o-w {}", fs::canonicalize(&bad).unwrap().display()));
        assert_eq!(first.refused, is_root());
        assert_eq!(config.trusted(file).is_err(), is_root());
    }
    // The script of an interpreter, or some file: nobody knows.
    let found = doubts(&config(&[&good, &bad]), None);
    assert_eq!((found.len(), found[0].refused), (1, false));
}

#[test]
fn field_19_a_folder_in_which_every_user_can_replace_the_program_is_found_on_either_way_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (open, closed) = (folder.path().join("open"), folder.path().join("closed"));
    fs::create_dir_all(open.join("deep")).unwrap();
    fs::create_dir(&closed).unwrap();
    let program = file(&closed, "program", 0o755);
    std::os::unix::fs::symlink(&program, open.join("link")).unwrap();
    let inside = file(&open.join("deep"), "program", 0o755);
    for path in [open.join("link"), inside] {
        chmod(&open, 0o777);
        let found = doubts(&config(&[&path]), None);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].what.contains("can be replaced by every user"), "{found:?}");
        assert_eq!(found[0].refused, is_root());
        // As /tmp is.
        chmod(&open, 0o1777);
        assert_eq!(doubts(&config(&[&path]), None), []);
    }
}

#[test]
fn field_19_a_group_of_others_and_another_owner_matter_to_root_alone() {
    if !is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = file(folder.path(), "program", 0o775);
    assert_eq!(doubts(&config(&[&program]), None), [], "root's own group");
    chown(&program, Some(0), Some(NOBODY)).unwrap();
    let found = doubts(&config(&[&program]), None);
    assert!(found[0].refused && found[0].what.contains("group 65534"), "{found:?}");
    chmod(&program, 0o755);
    chown(&program, Some(NOBODY), Some(NOBODY)).unwrap();
    let found = doubts(&config(&[&program]), None);
    assert!(!found[0].refused && found[0].what.contains("belongs to user 65534"), "{found:?}");
}

#[test]
fn field_19_root_is_told_of_the_folder_in_which_another_user_or_group_can_replace_its_program() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    let config = config(&[&file(&theirs, "program", 0o755)]);
    let given_to = |user: u32, group: u32, mode: u32| {
        chown(&theirs, Some(user), Some(group)).unwrap();
        chmod(&theirs, mode);
        let found: Vec<_> =
            doubts(&config, None).into_iter().chain(way_to_state(&theirs.join("state"))).collect();
        assert!(found.iter().all(|doubt| !doubt.refused), "{found:?}");
        found.into_iter().map(|doubt| doubt.what).collect::<Vec<_>>()
    };
    if !is_root() {
        return;
    }
    for (user, group, mode, who) in [
        (1000, 0, 0o755, "by user 1000"),
        (1000, 1000, 0o1755, "by user 1000"),
        (0, 1000, 0o775, "by group 1000"),
    ] {
        let found = given_to(user, group, mode);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|what| what.contains(who) && what.contains("can be replaced")), "{found:?}");
    }
    for (group, mode) in [(0, 0o775), (1000, 0o755), (1000, 0o1775)] {
        assert_eq!(given_to(0, group, mode), Vec::<String>::new());
    }
}

#[test]
fn field_19_a_secret_that_every_user_can_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (program, token) = (file(folder.path(), "program", 0o755), file(folder.path(), "token", 0o644));
    let mut config = config(&[&program]);
    config.worker.service.credentials = Some(container(token.clone()));
    let found = doubts(&config, None);
    assert!(found.len() == 1 && !found[0].refused, "{found:?}");
    assert!(found[0].what.contains("can be read by every user"), "{found:?}");
    chmod(&token, 0o640);
    assert_eq!(doubts(&config, None), []);
}

#[test]
fn field_19_an_endpoint_without_tls_is_told_unless_it_is_on_this_machine_or_its_link() {
    for near in [
        "https://example.com",
        "http://127.0.0.1:8083",
        "http://127.8.8.8",
        "http://localhost:4566/path",
        "HTTP://LocalHost",
        "http://sfn.localhost",
        "http://[::1]:80",
        "http://[fe80::1%25eth0]/",
        "http://169.254.1.1",
        "http://[::ffff:127.0.0.1]",
    ] {
        assert_eq!(plain_http(near), None, "{near}");
    }
    for far in [
        "http://example.com",
        "HTTP://example.com",
        "http://10.0.0.1:4566",
        "http://192.168.1.1",
        "http://[fd00::1]",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "http://notlocalhost",
    ] {
        let doubt = plain_http(far).unwrap_or_else(|| panic!("{far}"));
        assert!(!doubt.refused && doubt.what.contains("without TLS"));
    }
}

#[test]
fn field_19_a_state_folder_that_every_user_can_replace_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    for dir in [open.join("state"), open.join("not/there")] {
        chmod(&open, 0o777);
        let found = way_to_state(&dir);
        assert!(found.len() == 1 && !found[0].refused, "{found:?}");
        assert!(found[0].what.contains("the state folder") && found[0].what.contains("open"), "{found:?}");
        chmod(&open, 0o755);
        assert_eq!(way_to_state(&dir), []);
    }
}
