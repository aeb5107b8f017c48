//! A world with virtual time around the real worker: engine, spool, client and driver are core's own, the rest is made up from a
//! seed. See docs/simulator.md.

use std::process::ExitCode;

use activity_worker_sim::{plants, seeds};
use lexopt::prelude::*;

/// What was asked for on the command line.
#[derive(Default)]
struct Line {
    seeds: Option<u64>,
    first: Option<u64>,
    minutes: Option<f64>,
    seed: Option<u64>,
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
    let passed = match (&line.plant, line.seed) {
        (Some(name), _) => return ExitCode::from(plants::try_one(name, line.seeds.unwrap_or(plants::SEEDS))),
        _ if line.plants => {
            plants::list();
            true
        }
        (None, Some(seed)) => seeds::replay(seed),
        (None, None) => seeds::run(line.first.unwrap_or(0), line.seeds.unwrap_or(20_000), line.minutes),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const HELP: &str = "\
cargo xtask sim [--seeds N] [--first S] [--minutes M]   N worlds (20,000), from seed S (0) on, for M minutes at most
cargo xtask sim --seed S                                one world again, event by event
cargo xtask sim --plants                                the planted bugs, a name a line
cargo xtask sim --plant NAME [--seeds N]                one of them: 1 if it is found, 0 if it survives
";

fn parse() -> Result<Line, lexopt::Error> {
    let (mut line, mut args) = (Line::default(), lexopt::Parser::from_env());
    while let Some(arg) = args.next()? {
        match arg {
            Long("seeds") => line.seeds = Some(args.value()?.parse()?),
            Long("first") => line.first = Some(args.value()?.parse()?),
            Long("minutes") => line.minutes = Some(args.value()?.parse()?),
            Long("seed") => line.seed = Some(args.value()?.parse()?),
            Long("plants") => line.plants = true,
            Long("plant") => line.plant = Some(args.value()?.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(line)
}
