//! The files of a state folder, and what lies in its log.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::spool::{
    Disk, Found, Letter, MemoryDisk, NewTask, ReadError, Said, Spool, SpoolConfig, write_task,
};
use crate::{OUTPUT_MAX, Origin, Outcome, Output, Scope, TaskId, TaskToken};

const DIR: &str = "/state";

/// One task in lines: `ENVL json` its envelope, `TAG payload` a section of its body with its checksum, or `~TAG payload` with a wrong
/// one; `!text` adds bytes to the body as they are, `@FILE text` writes another file of the folder, `^N` flips a bit of the task's
/// records, `@token text` and `@answer text` leave a letter in the inbox.
pub fn spool(data: &[u8]) {
    opens(data);
    letters(data);
    comes_back(&String::from_utf8_lossy(data));
}

fn opens(data: &[u8]) {
    let task = Task::read(data);
    let mut disk = MemoryDisk::new(Some(64 << 20));
    let id = task.id.unwrap_or(TaskId::from_bytes([0; 16]));
    let lies = write_task(&mut disk, Path::new(DIR), id, task.envelope.clone(), task.body.clone());
    for (name, text) in &task.others {
        disk.write_durably(&Path::new(DIR).join(name), text).expect("room");
    }
    let spots: Vec<_> =
        lies.into_iter().flat_map(|(file, bytes)| bytes.map(move |at| (file.clone(), at))).collect();
    for flip in &task.flips {
        let (file, at) = &spots[*flip as usize / 8 % spots.len()];
        disk.rot_bit(file, *at, flip % 8);
    }
    let (mut spool, found) = open(&disk).expect("nothing in a log keeps a spool from opening");
    let Found { tasks, damaged, quarantined, .. } = &found;
    assert!(tasks.len() + damaged.len() <= 1, "one task, and several are found");
    let kept = tasks.iter().chain(damaged).next();
    assert_eq!(
        kept.map(|kept| kept.token.id()),
        task.id.filter(|_| kept.is_some()),
        "a task that was not there"
    );
    assert!(kept.is_some() || !quarantined.is_empty(), "a task is gone, and nobody says so");
    for stored in tasks.iter().chain(damaged) {
        assert!(!format!("{stored:?}").contains(stored.token.expose()) || stored.token.expose().len() < 16);
        let read = match stored.has_outcome {
            true => spool.outcome(id).map(drop),
            false => spool.input(id).map(drop),
        };
        // Each section stands for itself: one of them is there, and it is what the envelope says.
        let Err(error) = read else { continue };
        assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
        spool
            .keep_outcome(id, &Outcome::failure("Worker.Damaged", ""))
            .expect("what is damaged can be failed");
        spool.commit().expect("a disk without faults");
        assert_eq!(spool.outcome(id).expect("kept"), Outcome::failure("Worker.Damaged", ""));
    }
    // The next start finds the same.
    let first: BTreeSet<_> = tasks.iter().chain(damaged).map(|task| task.token.id()).collect();
    drop(spool);
    let (_, again) = open(&disk).expect("it opened before");
    let second: BTreeSet<_> = again.tasks.iter().chain(&again.damaged).map(|task| task.token.id()).collect();
    assert_eq!(first, second, "the next start finds something else");
}

/// A letter is what it says, or it is set aside.
fn letters(data: &[u8]) {
    let mut disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk).expect("an empty folder");
    disk.make_dir(&Path::new(DIR).join("inbox"), false).expect("a folder");
    for line in data.split(|b| *b == b'\n') {
        let token = |text: &[u8]| {
            TaskToken::new(serde_json::from_slice::<serde_json::Value>(text).ok()?["token"].as_str()?).ok()
        };
        let (kind, text) = match (line.strip_prefix(b"@token "), line.strip_prefix(b"@answer ")) {
            (Some(text), _) => ("token", text),
            (_, Some(text)) => ("answer", text),
            _ => continue,
        };
        let id = token(text).map_or(TaskId::from_bytes([1; 16]), |token| token.id());
        disk.write_durably(&Path::new(DIR).join("inbox").join(format!("{id}.{kind}")), text).expect("room");
    }
    for letter in spool.letters().expect("a disk without faults") {
        let name = letter.file_name().and_then(|name| name.to_str());
        let said = name.and_then(|name| TaskId::parse(name.split_once('.')?.0));
        match spool.letter(&letter) {
            Ok(Letter::Token(adoption)) => {
                assert_eq!(Some(adoption.token.id()), said, "a token under another's name")
            }
            Ok(Letter::Answer(id, outcome)) => {
                assert_eq!(Some(id), said);
                let Outcome::Success(output) = outcome else { continue };
                assert!((1..=OUTPUT_MAX).contains(&output.as_str().len()));
            }
            Ok(Letter::Late(..)) => panic!("nothing was settled"),
            Err(ReadError::Damaged { path } | ReadError::Refused { path, .. }) => {
                assert!(disk.read(&path, u64::MAX).is_ok(), "a letter is gone")
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// What was kept is read back as it was, whatever it is.
fn comes_back(text: &str) {
    let disk = MemoryDisk::new(None);
    let (mut spool, _) = open(&disk).expect("an empty folder");
    let token: String = text.chars().take(500).collect();
    let Ok(token) = TaskToken::new(token) else { return };
    let task = NewTask {
        token: &token,
        origin: &Origin::written("aws", "eu-west-1", text, None),
        scope: &Scope(text.to_owned()),
        activity: Some(text),
        deferred: text.len() % 2 == 1,
        input: text,
        said: Said { input: text.len() % 3 == 1, ..Said::ALL },
        max_output: OUTPUT_MAX,
        accepted: SystemTime::UNIX_EPOCH,
        expires: None,
    };
    let id = spool.accept(&task).expect("a disk without faults");
    spool.commit().expect("a disk without faults");
    drop(spool);
    let (mut spool, found) = open(&disk).expect("it opened before");
    let [stored] = found.tasks.as_slice() else { panic!("{} tasks of one", found.tasks.len()) };
    assert!(stored.token == token && stored.origin == *task.origin && stored.scope == *task.scope);
    assert_eq!((stored.activity.as_deref(), stored.deferred), (task.activity, task.deferred));
    assert_eq!(spool.input(id).expect("an input"), text);
    for outcome in [Outcome::Success(Output::kept(text.to_owned())), Outcome::failure(text, text)] {
        if spool.keep_outcome(id, &outcome).is_err() {
            continue;
        }
        spool.commit().expect("a disk without faults");
        drop(spool);
        spool = open(&disk).expect("it opened before").0;
        let kept = spool.outcome(id).expect("an outcome");
        assert!(kept == outcome || outcome.size() > OUTPUT_MAX, "another outcome than was kept");
    }
}

fn open(disk: &MemoryDisk) -> Result<(Spool, Found), crate::spool::SpoolError> {
    let config = SpoolConfig {
        dir: DIR.into(),
        inbox: None,
        max_tasks: 10,
        max_bytes: 64 << 20,
        machine_id: Some("here".into()),
        allow_unsafe_storage: false,
    };
    Spool::open(Box::new(disk.clone()), config)
}

/// What the lines of an input describe.
#[derive(Default)]
struct Task {
    envelope: Vec<u8>,
    body: Vec<u8>,
    /// Of an envelope that names a token.
    id: Option<TaskId>,
    flips: Vec<u32>,
    others: Vec<(&'static str, Vec<u8>)>,
}

impl Task {
    fn read(data: &[u8]) -> Self {
        let mut task = Task::default();
        for line in data.split(|b| *b == b'\n') {
            match line {
                [b'!', raw @ ..] => task.body.extend(raw),
                [b'@', other @ ..] => task.other(other),
                [b'^', number @ ..] => {
                    task.flips.extend(std::str::from_utf8(number).ok().and_then(|n| n.parse::<u32>().ok()));
                }
                [b'~', section @ ..] => task.section(section, false),
                section => task.section(section, true),
            }
        }
        task
    }

    fn other(&mut self, line: &[u8]) {
        for name in ["owner", "date", "loading"] {
            if let Some(text) = line.strip_prefix(name.as_bytes()) {
                self.others.push((name, text.trim_ascii_start().to_vec()));
            }
        }
    }

    fn section(&mut self, line: &[u8], right: bool) {
        let Some((tag, [b' ', payload @ ..])) = line.split_first_chunk::<4>() else { return };
        if tag == b"ENVL" {
            if self.envelope.is_empty() && payload.len() < 30_000 {
                self.envelope = payload.to_vec();
                let envelope: Option<serde_json::Value> = serde_json::from_slice(payload).ok();
                let token = envelope.and_then(|e| TaskToken::new(e["token"].as_str()?).ok());
                self.id = token.map(|token| token.id());
            }
            return;
        }
        let len = u32::try_from(payload.len()).expect("an input of less than 4 GB").to_le_bytes();
        let digest = Sha256::new().chain_update(tag).chain_update(len).chain_update(payload).finalize();
        let mut checksum = digest[..16].to_vec();
        checksum[0] ^= u8::from(!right);
        self.body.extend(tag.iter().chain(&len).chain(&checksum).chain(payload));
    }
}
