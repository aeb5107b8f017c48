//! The lines: what each is called, what it is counted in, what is aimed at, and the budget of what does not depend on the machine.

/// A line of the table.
pub(super) struct Line {
    pub(super) key: &'static str,
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    /// What it is to become.
    pub(super) goal: &'static str,
    /// The most that a quick run may measure: a little above what is measured today. `None`: it depends on the machine, or takes
    /// too long.
    pub(super) budget: Option<f64>,
}

const fn line(key: &'static str, what: &'static str, unit: &'static str) -> Line {
    Line { key, what, unit, goal: "", budget: None }
}

impl Line {
    const fn goal(self, goal: &'static str) -> Self {
        Line { goal, ..self }
    }

    const fn budget(self, budget: f64) -> Self {
        Line { budget: Some(budget), ..self }
    }
}

/// In the order of the page.
#[rustfmt::skip]
pub(super) const LINES: &[Line] = &[
    line("flash.one.kib", "reaches the block device for a small task, one at a time, ext4", "KiB").goal("10 KiB").budget(200.0),
    line("flash.one.flushes", "flushes of its cache for that task", "").goal("2").budget(10.5),
    line("calls.sync", "system calls that sync for that task", "").goal("2").budget(5.2),
    line("flash.many.kib", "reaches the block device for a small task, 32 at once, ext4", "KiB").goal("5 KiB").budget(170.0),
    line("flash.many.flushes", "flushes of its cache for that task", "").goal("0.6").budget(7.5),
    line("pace.ext4", "tasks a second, 32 at once, ext4", "/s").goal("as the SDK's"),
    line("pace.memory", "tasks a second, 32 at once, tmpfs", "/s").goal("as the SDK's"),
    line("pace.far.8", "tasks a second at 50 ms round trip, 8 at once, ext4", "/s").goal("75/s"),
    line("pace.far.32", "tasks a second at 50 ms round trip, 32 at once, ext4", "/s").goal("200/s"),
    line("load", "the bench's service itself: tasks a second for 32 clients that do nothing, on the same processors", "/s"),
    line("drain", "results a second at 50 ms round trip, when 1,000 wait, tmpfs", "/s").goal("240/s"),
    line("begin", "from the token to its handler, ext4", "ms").goal("1.5 × floor"),
    line("cpu.cat.ext4", "processor time a task, `cat` as handler, ext4", "ms").goal("1.3 ms"),
    line("cpu.cat.memory", "processor time a task, `cat` as handler, tmpfs", "ms").goal("1 ms"),
    line("cpu.within.ext4", "processor time a task, handler within the process, ext4", "ms").goal("0.7 ms"),
    line("cpu.within.memory", "processor time a task, handler within the process, tmpfs", "ms").goal("0.5 ms"),
    line("held.100", "the engine's processor time a task while 100 are held", "ms").goal("0.1 ms"),
    line("held.1000", "the engine's processor time a task while 1,000 are held", "ms").goal("0.1 ms"),
    line("held.10000", "the engine's processor time a task while 10,000 are held", "ms").goal("0.1 ms"),
    line("calls", "system calls a task, own threads, `cat` as handler", "").goal("80").budget(225.0),
    line("offline.wakes", "offline, 1,000 results wait, beats of 30 s: wake-ups a minute", "").goal("20"),
    line("offline.cpu", "offline, 1,000 results wait, beats of 30 s: processor time a minute", "s").goal("0.05 s"),
    line("offline.fewer", "offline, 200 results wait, beats of 30 s: wake-ups a minute", "").budget(200.0),
    line("offline.none", "offline, nothing waits: wake-ups a minute", "").budget(200.0),
    line("idle.hour", "bytes on the wire in an idle hour", "").goal("1.05 × floor").budget(49_000.0),
    line("idle.wakes", "idle: wake-ups for a poll that brings nothing", "").budget(9.0),
    line("idle.threads", "idle: threads", "").budget(11.0),
    line("idle.memory", "idle: resident memory", "KiB").budget(6_700.0),
    line("idle.own", "idle: resident memory not shared with the file", "KiB").budget(1_300.0),
    line("task.wire", "bytes on the wire for a task, its poll included", "").budget(2_800.0),
    line("task.written", "bytes written to files, pipes and sockets for a task", "").budget(2_050.0),
    line("task.writes", "system calls that write for a task", "").budget(6.5),
    line("task.memory", "after 50 tasks: resident memory", "KiB").budget(6_900.0),
    line("size.slim", "the binary without the demo", "bytes"),
    line("size.full", "the binary with the demo", "bytes"),
    line("static.memory", "static binary (musl), idle: resident memory", "KiB"),
    line("static.own", "static binary (musl), idle: resident memory not shared with the file", "KiB"),
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
