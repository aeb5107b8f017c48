//! The rooms of `core`: which files know a room that is not their own.

use std::collections::BTreeSet;

use super::arrows::Arrow;

/// Only what lies in `worker` may know another room than its own.
const ROOMS: [&str; 4] = ["aws", "spool", "engine", "worker"];

/// What may know a room all the same.
pub(super) struct Exception {
    /// A file; a name that ends with `/` stands for a folder.
    pub(super) from: &'static str,
    pub(super) room: &'static str,
    /// Why it may.
    pub(super) why: &'static str,
}

impl Exception {
    fn allows(&self, from: &str, room: &str) -> bool {
        let is_it = from == self.from || (self.from.ends_with('/') && from.starts_with(self.from));
        is_it && room == self.room
    }
}

/// What is wrong: each arrow through a wall, and each exception that nothing needs.
pub(super) fn wrong(arrows: &BTreeSet<Arrow>, exceptions: &[Exception]) -> Vec<String> {
    let through = arrows.iter().flat_map(|arrow| {
        // A room that shows another's things on is asked for them, and is known too.
        let named = arrow.name.split("::").next().unwrap_or_default();
        let rooms = BTreeSet::from([room_of(&arrow.to), named]);
        rooms.into_iter().filter(|room| is_wall(&arrow.from, room)).map(move |room| (arrow, room))
    });
    let through: Vec<_> = through.collect();
    let allowed = |(arrow, room): &&(&Arrow, &str)| exceptions.iter().any(|e| e.allows(&arrow.from, room));
    let forbidden = through.iter().filter(|one| !allowed(one));
    let forbidden = forbidden.map(|(Arrow { from, name, .. }, room)| format!("{from} knows {room}: {name}"));
    let is_idle = |e: &&Exception| !through.iter().any(|(arrow, room)| e.allows(&arrow.from, room));
    let idle = exceptions.iter().filter(is_idle);
    let idle =
        idle.map(|e| format!("{} does not know {} any more, which is excepted: {}", e.from, e.room, e.why));
    forbidden.chain(idle).collect()
}

fn is_wall(from: &str, room: &str) -> bool {
    ROOMS.contains(&room) && !["worker", room].contains(&room_of(from))
}

/// The folder, or the file beside the folders.
fn room_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walls::arrows::tests::arrows_of;

    const FOLDER: Exception = Exception { from: "fuzzing/", room: "spool", why: "a reason" };

    fn of(engine: &str, aside: &str, exceptions: &[Exception]) -> Vec<String> {
        let files = [
            (
                "lib.rs",
                "mod aws; mod engine; mod fuzzing; mod spool; mod task; mod worker; pub use spool::Spool;",
            ),
            ("aws.rs", "pub struct Arn(crate::task::Id);"),
            ("engine/mod.rs", engine),
            ("fuzzing/mod.rs", "mod f;"),
            ("fuzzing/f.rs", aside),
            ("spool/mod.rs", "pub use crate::aws::Arn; pub struct Spool;"),
            ("task.rs", "pub struct Id;"),
            ("worker/mod.rs", "use crate::{aws::Arn, engine, spool::Spool}; fn f() { engine::new() }"),
        ];
        wrong(&arrows_of(&files), exceptions)
    }

    #[test]
    fn only_the_worker_knows_other_rooms() {
        assert!(of("use crate::task::Id; pub fn new() {}", "", &[]).is_empty());
        let by_its_name = of("use crate::spool::Spool;", "", &[]);
        assert_eq!(by_its_name, ["engine/mod.rs knows spool: spool::Spool"]);
        let by_the_root = of("fn f(s: crate::Spool) {}", "", &[]);
        assert_eq!(by_the_root, ["engine/mod.rs knows spool: Spool"]);
        let by_another_room = of("use crate::spool::Arn;", "", &[]);
        assert_eq!(
            by_another_room,
            ["aws", "spool"].map(|room| format!("engine/mod.rs knows {room}: spool::Arn"))
        );
    }

    #[test]
    fn an_exception_is_for_one_room_and_must_be_needed() {
        assert!(of("", "use crate::spool::Spool;", &[FOLDER]).is_empty());
        assert_eq!(of("", "use crate::aws::Arn;", &[FOLDER]).len(), 2);
        let idle = of("", "", &[FOLDER]);
        assert!(idle.len() == 1 && idle[0].contains("any more") && idle[0].contains("a reason"), "{idle:?}");
    }
}
