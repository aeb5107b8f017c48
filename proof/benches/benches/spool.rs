//! One task from its acceptance to its tombstone, as far as the spool keeps it, while others lie there. In `TMPDIR`, so that it is as
//! slow as the disk there is.

use std::time::SystemTime;

use activity_worker::aws::ActivityArn;
use activity_worker::spool::{NewTask, RealDisk, Said, Spool, SpoolConfig};
use activity_worker::{Origin, Outcome, Output, Scope, Settlement, TaskId, TaskToken};
use activity_worker_benches::{HELD, token};

const ACTIVITY: &str = "arn:aws:states:eu-west-1:123456789012:activity:bench";
const MAX_OUTPUT: usize = 4_096;

fn main() {
    divan::main();
}

struct Folder {
    spool: Spool,
    origin: Origin,
    _dir: tempfile::TempDir,
}

impl Folder {
    fn holding(held: usize) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let config = SpoolConfig {
            dir: dir.path().join("state"),
            inbox: None,
            max_tasks: 10_000,
            max_bytes: 4 << 30,
            machine_id: None,
            allow_unsafe_storage: true,
        };
        let (spool, _) = Spool::open(Box::new(RealDisk::default()), config).expect("a spool");
        let arn = ActivityArn::parse(ACTIVITY).expect("an ARN");
        let mut folder = Folder { spool, origin: Origin::new(&arn, None), _dir: dir };
        for number in 0..held {
            folder.accept(&token(number));
        }
        folder.spool.commit().expect("a sync");
        folder
    }

    fn accept(&mut self, token: &TaskToken) -> TaskId {
        let task = NewTask {
            token,
            origin: &self.origin,
            scope: &Scope::default(),
            activity: Some(ACTIVITY),
            deferred: false,
            input: r#"{"order":4711}"#,
            said: Said::ALL,
            max_output: MAX_OUTPUT,
            accepted: SystemTime::now(),
            expires: None,
        };
        self.spool.accept(&task).expect("a task")
    }

    fn work(&mut self, token: &TaskToken) {
        let id = self.accept(token);
        self.spool.commit().expect("a sync");
        let output = Output::parse("{}").expect("an output");
        self.spool.keep_outcome(id, &Outcome::Success(output)).expect("an outcome");
        self.spool.commit().expect("a sync");
        self.spool.settle(id, Settlement::Delivered, None, SystemTime::now()).expect("a tombstone");
    }
}

#[divan::bench(args = HELD, sample_count = 50)]
fn task(bencher: divan::Bencher, held: usize) {
    let mut folder = Folder::holding(held);
    let mut number = held;
    bencher.bench_local(move || {
        number += 1;
        folder.work(&token(number));
    });
}
