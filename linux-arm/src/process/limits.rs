//! Limits of the process, reckoned from what it is told to do: room to start each handler is a part of taking its task.

use activity_worker::Worker;
use activity_worker::worker::CONNECTIONS;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors of the worker itself: the spool, the log, a name server, a program that prints credentials.
const OWN: u64 = 56;
/// For each connection: itself, and the one that takes its place.
const PER_CONNECTION: u64 = 2;
/// For each handler at work: three pipes, its process, its run file, its cancellation; and both ends of what is made while it
/// starts.
const PER_HANDLER: u64 = 8;

/// What an activity asks for.
pub(crate) struct Wanted<'a> {
    pub(crate) activity: &'a str,
    pub(crate) concurrency: usize,
    pub(crate) pollers: usize,
    pub(crate) max_output: usize,
}

/// What the limits allow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// How many handlers of each activity may run at once.
    pub(crate) concurrency: Vec<usize>,
    /// Whether there are descriptors for more connections than a worker needs at least.
    pub(crate) roomy: bool,
    /// What to tell the operator where that is less than was asked for.
    pub(crate) warning: Option<String>,
}

/// Raises this process' soft limits as far as `wanted` asks for, never further: programs that visit each possible descriptor
/// suffer from large ones. What the hard limits do not allow is cut, or an error: what is wrong, and what to do.
pub(crate) fn reckon(wanted: &[Wanted<'_>], connections: usize) -> Result<Allowed, String> {
    let largest = wanted.iter().map(|w| Worker::room_of_task(w.max_output)).max().unwrap_or_default();
    let bytes = raise(Resource::Fsize, largest);
    if bytes < largest {
        return Err(format!(
            "no file may grow over {bytes} bytes here (RLIMIT_FSIZE), and a task with its result may take {largest}: set \
             LimitFSIZE=infinity in systemd's unit, or ulimit -f unlimited"
        ));
    }
    Ok(share(wanted, connections, raise(Resource::Nofile, needed(wanted, connections))))
}

/// Raises a soft limit that is lower than this, and gives what it is then.
fn raise(resource: Resource, needed: u64) -> u64 {
    let now = getrlimit(resource);
    let Some(soft) = now.current.filter(|soft| *soft < needed) else {
        return now.current.unwrap_or(u64::MAX);
    };
    let goal = now.maximum.map_or(needed, |hard| hard.min(needed));
    let raised = setrlimit(resource, Rlimit { current: Some(goal), maximum: now.maximum });
    if raised.is_ok() { goal } else { soft }
}

fn needed(wanted: &[Wanted<'_>], connections: usize) -> u64 {
    let handlers: usize = wanted.iter().map(|w| w.concurrency).sum();
    let polls: usize = wanted.iter().map(|w| w.pollers).sum();
    own(connections, polls) + PER_HANDLER * handlers as u64
}

fn own(connections: usize, polls: usize) -> u64 {
    OWN + PER_CONNECTION * (connections + polls) as u64
}

/// Shares so many descriptors out: where they are few, handlers come before connections. Each activity keeps one handler, however few
/// there are.
fn share(wanted: &[Wanted<'_>], connections: usize, descriptors: u64) -> Allowed {
    let asked: Vec<_> = wanted.iter().map(|w| w.concurrency).collect();
    let needed = needed(wanted, connections);
    if descriptors >= needed {
        return Allowed { concurrency: asked, roomy: true, warning: None };
    }
    let all = asked.iter().sum::<usize>().max(1) as u64;
    let handlers = descriptors.saturating_sub(own(*CONNECTIONS.start(), wanted.len())) / PER_HANDLER;
    let part = |asked: usize| usize::try_from(asked as u64 * handlers / all).unwrap_or(asked).clamp(1, asked);
    let concurrency: Vec<_> = asked.iter().map(|n| part(*n)).collect();
    let polls = wanted.iter().map(|w| w.pollers).sum::<usize>();
    let crowd = connections > *CONNECTIONS.start() || polls > wanted.len();
    let fewer = format!(
        "calls go over {} connections, and one poll at once goes for each activity",
        CONNECTIONS.start()
    );
    let cut = wanted
        .iter()
        .zip(&concurrency)
        .filter(|(w, n)| **n < w.concurrency)
        .map(|(w, n)| format!("{} works {n} tasks at once, not {}", w.activity, w.concurrency));
    let cut: Vec<_> = cut.chain(crowd.then_some(fewer)).collect();
    let warning = format!(
        "at most {descriptors} files may be open here, and a concurrency of {all} needs {needed}: {}; set LimitNOFILE={needed} \
         in systemd's unit, --ulimit nofile={needed} for a container, or ulimit -n {needed}",
        if cut.is_empty() { "some may not start".to_owned() } else { cut.join(", ") }
    );
    Allowed { concurrency, roomy: false, warning: Some(warning) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(asked: &[usize], descriptors: u64) -> (Vec<usize>, Option<String>) {
        let wanted = |n: &usize| Wanted { activity: "print", concurrency: *n, pollers: 2, max_output: 1000 };
        let wanted: Vec<_> = asked.iter().map(wanted).collect();
        let Allowed { concurrency, warning, .. } = share(&wanted, 4, descriptors);
        (concurrency, warning)
    }

    #[test]
    fn field_06_no_more_handlers_are_allowed_than_there_are_descriptors_for() {
        assert_eq!(shares(&[100], 1024), (vec![100], None));
        let (concurrency, warning) = shares(&[250], 1024);
        assert_eq!(concurrency, [(1024 - 68) / 8]);
        let warning = warning.unwrap();
        assert!(warning.contains("print works 119 tasks at once, not 250"), "{warning}");
        assert!(warning.contains("LimitNOFILE=2068"), "{warning}");
        assert_eq!(shares(&[1000, 10, 1], 512).0, [54, 1, 1], "a small one is not starved by a large one");
        assert_eq!(shares(&[3, 1], 10).0, [1, 1], "each keeps one, however few there are");
        assert_eq!(shares(&[1000; 16], u64::MAX).1, None);
        let many = [Wanted { activity: "print", concurrency: 10, pollers: 4, max_output: 1000 }];
        let all = share(&many, 24, 56 + 2 * 28 + 80);
        assert_eq!(all, Allowed { concurrency: vec![10], roomy: true, warning: None });
        let few = share(&many, 24, 56 + 2 * 28 + 79);
        assert_eq!((few.concurrency, few.roomy), (vec![10], false), "handlers come first");
        assert!(few.warning.unwrap().contains(": calls go over 4 connections, and one poll"));
        for descriptors in 0..3000 {
            let (concurrency, warning) = shares(&[250, 30], descriptors);
            let used = 56 + 12 + 8 * concurrency.iter().sum::<usize>() as u64;
            assert!(used <= descriptors || concurrency.contains(&1), "{descriptors}: {concurrency:?}");
            assert!(warning.is_some() || concurrency == [250, 30]);
            assert_eq!(warning.is_none(), descriptors >= 56 + 2 * (4 + 4) + 8 * 280);
        }
    }
}
