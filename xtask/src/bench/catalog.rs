//! The lines: what each is called, what it is counted in, what is aimed at, and the budget of what does not depend on the machine.

/// A line of the table.
pub(super) struct Line {
    pub(super) key: &'static str,
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) more_is_better: bool,
    /// What it is to become, in the line's unit.
    pub(super) goal: Option<f64>,
    /// The most that a quick run may measure: a little above what is measured today. `None`: it depends on the machine.
    pub(super) budget: Option<f64>,
}

const fn line(key: &'static str, what: &'static str, unit: &'static str) -> Line {
    Line { key, what, unit, more_is_better: false, goal: None, budget: None }
}

impl Line {
    const fn more(self) -> Self {
        Line { more_is_better: true, ..self }
    }

    const fn goal(self, goal: f64) -> Self {
        Line { goal: Some(goal), ..self }
    }

    const fn budget(self, budget: f64) -> Self {
        Line { budget: Some(budget), ..self }
    }
}

/// In the order of the page.
pub(super) const LINES: &[Line] = &[
    line("flash.one.kib", "reaches the block device for a small task, ext4", "KiB").goal(10.0).budget(220.0),
    line("flash.one.flushes", "flushes of its cache for it", "").goal(2.0).budget(12.0),
    line("calls.sync", "calls that sync for it", "").goal(2.0).budget(6.0),
    line("flash.many.kib", "the same with 32 tasks at once", "KiB").goal(5.0).budget(220.0),
    line("flash.many.flushes", "flushes for each of those", "").goal(0.6).budget(10.0),
    line("pace.ext4", "tasks a second, 32 at once, ext4", "/s").more(),
    line("pace.memory", "the same, tmpfs", "/s").more(),
    line("pace.far.8", "tasks a second at 50 ms round trip, 8 at once", "/s").more().goal(75.0),
    line("pace.far.32", "the same, 32 at once", "/s").more().goal(200.0),
    line("drain", "drain of 1,000 results at 50 ms round trip", "/s").more().goal(240.0),
    line("cpu.cat.ext4", "processor time a task, `cat` as handler, ext4", "ms").goal(1.3),
    line("cpu.cat.memory", "the same, tmpfs", "ms").goal(1.0),
    line("cpu.within.ext4", "processor time a task, handler within the process, ext4", "ms").goal(0.7),
    line("cpu.within.memory", "the same, tmpfs", "ms").goal(0.5),
    line("calls", "calls to the system a task, own threads", "").goal(80.0).budget(260.0),
    line("held.100", "engine's processor time a task while 100 are held", "ms").goal(0.1),
    line("held.1000", "while 1,000 are held", "ms").goal(0.1),
    line("held.10000", "while 10,000 are held", "ms").goal(0.1),
    line("offline.wakes", "offline, 1,000 results wait, beats of 30 s: wake-ups a minute", "").goal(20.0).budget(20_000.0),
    line("offline.cpu", "the same: processor time a minute", "s").goal(0.05),
    line("begin", "from the token to the handler, ext4", "ms"),
    line("idle.hour", "bytes on the wire in an idle hour", "").budget(51_000.0),
    line("idle.wakes", "idle: wake-ups for a poll that brings nothing", "").budget(6.0),
    line("idle.threads", "idle: threads", "").budget(12.0),
    line("idle.memory", "idle: resident memory", "KiB").budget(7_000.0),
    line("idle.own", "idle: of that not shared with the file", "KiB").budget(1_200.0),
    line("task.wire", "bytes on the wire for a task, its polls included", "").budget(4_000.0),
    line("task.written", "bytes written to files, pipes and sockets for a task", "").budget(6_000.0),
    line("task.writes", "calls that write for a task", "").budget(12.0),
    line("task.memory", "after 50 tasks: resident memory", "KiB").budget(7_500.0),
    line("size.slim", "binary without the demo", "bytes"),
    line("size.full", "binary with the demo", "bytes"),
    line("static.memory", "static binary (musl), idle: resident memory", "KiB"),
    line("static.own", "of that not shared with the file", "KiB"),
];

/// The subjects, as columns of the page: their names in figures, and for a reader.
pub(super) const SUBJECTS: &[(&str, &str)] = &[
    ("ours", "this worker"),
    ("floor", "floor"),
    ("rust", "SDK for Rust"),
    ("go", "SDK for Go"),
    ("node", "SDK for Node"),
    ("boto3", "boto3"),
];
