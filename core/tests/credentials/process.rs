//! A program that prints credentials, by way of a profile.

use std::path::PathBuf;

use crate::home::Home;
use crate::planted::{SECRET, TOKEN, told};

/// A home whose program is this shell script, with two words behind it.
fn home(script: &str) -> (Home, PathBuf) {
    let home = Home::new(&[]);
    let program = home.write("bin/give keys", &format!("#!/bin/sh\n{script}\n"));
    make_executable(&program);
    home.write(
        ".aws/config",
        &format!("[default]\ncredential_process = \"{}\" 'one word' $HOME;x\n", program.display()),
    );
    (home, program)
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

fn printed(end: &str) -> String {
    format!(
        r#"{{"Version":1,"AccessKeyId":"PROGRAM","SecretAccessKey":"{SECRET}","SessionToken":"{TOKEN}","Expiration":"{end}"}}"#
    )
}

#[test]
fn it_is_started_without_a_shell_and_its_words_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let words = folder.path().join("words");
    let script = format!(
        "for word; do echo \"[$word]\"; done > {}; cat; echo '{}'",
        words.display(),
        printed("2030-01-02T03:04:05Z")
    );
    let (home, _) = home(&script);
    let found = home.source(None).credentials().unwrap();
    assert_eq!((found.access_key_id.as_str(), found.secret_access_key.as_str()), ("PROGRAM", SECRET));
    assert_eq!(std::fs::read_to_string(words).unwrap(), "[one word]\n[$HOME;x]\n");
}

#[test]
fn what_is_wrong_is_told_without_what_it_printed() {
    let cut = &printed("2030-01-02T03:04:05Z")[..120];
    for (script, said) in [
        (format!("echo '{cut}'"), "printed no JSON"),
        (format!("echo '{}'", printed("soon")), "Expiration that is no ISO 8601 date"),
        (format!("echo '{}'; exit 3", printed("2030-01-02T03:04:05Z")), "failed (exit status: 3)"),
        (format!("echo 'refused: {SECRET}' >&2; exit 1"), "failed (exit status: 1): refused: (hidden)"),
        ("yes '<html>log in</html>' | head -c 3000000".to_owned(), "printed over 65536 bytes"),
        ("kill -9 $$".to_owned(), "signal: 9"),
    ] {
        let (home, _) = home(&script);
        let error = told(home.source(None).credentials());
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn credentials_that_have_ended_are_none() {
    let (home, _) = home(&format!("echo '{}'", printed("2020-01-02T03:04:05Z")));
    let clock = &home.network.clock;
    clock.learn(crate::home::today(), clock.clock().monotonic());
    assert!(told(home.source(None).credentials()).contains("have expired"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let (home, program) = home("");
    let source = home.source(None);
    std::fs::remove_file(&program).unwrap();
    let error = told(source.credentials());
    assert!(error.contains("give keys can't be started: No such file"), "{error}");
}
