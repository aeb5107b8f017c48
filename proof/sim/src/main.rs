//! A world with virtual time around the real worker: engine, spool, client and driver are core's own, the rest is made up from a
//! seed. See docs/simulator.md.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use activity_worker_sim::plants::{self, Asked};
use activity_worker_sim::seeds;
use lexopt::prelude::*;

const HELP: &str = "\
cargo xtask sim [--seeds N] [--first S] [--minutes M]   N worlds, from seed S (0) on, or as many as fit into M minutes; else 20,000
cargo xtask sim --seed S                                one world again, event by event
cargo xtask sim --digest [--seeds N] [--first S]         one digest of all that happens in N (2,000) worlds: the same as long as nothing behaves otherwise
cargo xtask sim --plants                                the planted bugs, a name a line
cargo xtask sim --plant NAME [--seeds N]                one of them: 1 if it is found, 0 if it survives
cargo xtask sim --plant NAME --seed S                   one world with it, event by event
";

/// What was asked for on the command line.
#[derive(Default)]
struct Line {
    help: bool,
    seeds: Option<u64>,
    first: Option<u64>,
    time: Option<Duration>,
    seed: Option<u64>,
    digest: bool,
    plants: bool,
    plant: Option<String>,
}

fn main() -> ExitCode {
    let line = match parse() {
        Ok(line) => line,
        Err(e) => {
            eprintln!("sim: {e}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match act(&line, &mut io::stdout().lock()) {
        Ok(code) => ExitCode::from(code),
        // Whoever reads has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("sim: can't write: {e}");
            ExitCode::FAILURE
        }
    }
}

fn act(line: &Line, out: &mut impl Write) -> io::Result<u8> {
    if line.help {
        write!(out, "{HELP}")?;
        return Ok(0);
    }
    let kept = match (&line.plant, line.seed) {
        _ if line.plants => return plants::run(out, &Asked::Names),
        (Some(name), Some(seed)) => return plants::run(out, &Asked::World(name, seed)),
        (Some(name), None) => {
            return plants::run(out, &Asked::Search(name, line.seeds.unwrap_or(plants::SEEDS)));
        }
        (None, Some(seed)) => seeds::replay(out, seed)?,
        (None, None) if line.digest => {
            let (first, count) = (line.first.unwrap_or(0), line.seeds.unwrap_or(2_000));
            writeln!(out, "{count} worlds from seed {first}: {}", seeds::digest(first, count))?;
            true
        }
        (None, None) => {
            let all = if line.time.is_some() { u64::MAX } else { 20_000 };
            seeds::run(out, line.first.unwrap_or(0), line.seeds.unwrap_or(all), line.time)?
        }
    };
    Ok(u8::from(!kept))
}

fn parse() -> Result<Line, lexopt::Error> {
    let (mut line, mut args) = (Line::default(), lexopt::Parser::from_env());
    while let Some(arg) = args.next()? {
        match arg {
            Long("seeds") => line.seeds = Some(args.value()?.parse_with(at_least_one)?),
            Long("first") => line.first = Some(args.value()?.parse()?),
            Long("minutes") => line.time = Some(args.value()?.parse_with(minutes)?),
            Long("seed") => line.seed = Some(args.value()?.parse()?),
            Long("digest") => line.digest = true,
            Long("plants") => line.plants = true,
            Long("plant") => line.plant = Some(args.value()?.string()?),
            Short('h') | Long("help") => line.help = true,
            other => return Err(other.unexpected()),
        }
    }
    Ok(line)
}

/// No world would prove nothing.
fn at_least_one(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "not a number of worlds".to_owned())
}

fn minutes(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map(|minutes: f64| minutes * 60.0);
    let time = seconds.ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.filter(|time| !time.is_zero()).ok_or_else(|| "not a number of minutes".to_owned())
}
