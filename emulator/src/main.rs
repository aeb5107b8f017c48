//! `activity-emulator`: the emulator as a program, for the AWS CLI, boto3 and workers in any language.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use activity_emulator::{Credential, Emulator, Options};
use lexopt::{Arg, Parser, ValueExt};

const HELP: &str = "\
The activity API of AWS Step Functions on loopback, with faults on demand.

Usage: activity-emulator [OPTIONS]

      --listen ADDRESS:PORT   where to listen [default: 127.0.0.1:8083; port 0 takes a free one]
      --long-poll SECONDS     how long a poll waits for a task [default: 60s]
      --region REGION         the region of its ARNs and of signatures [default: eu-west-1]
      --account ACCOUNT       the account of its ARNs [default: 123456789012]
      --no-signatures         take requests whoever signed them
  -h, --help                  show this
  -V, --version               show the version
";

fn main() -> ExitCode {
    let options = match parse(Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("activity-emulator: {e}; see --help");
            return ExitCode::from(2);
        }
    };
    let (listen, signatures) = (SocketAddr::new(options.address, options.port), options.check_signatures);
    let emulator = match Emulator::start(options) {
        Ok(emulator) => emulator,
        Err(e) => {
            eprintln!("activity-emulator: can't listen on {listen}: {e}; another --listen may help");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", emulator.url());
    let test = Credential::test();
    eprintln!("region {}, account {}", emulator.region(), emulator.account());
    if signatures {
        eprintln!(
            "AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
            test.access_key_id, test.secret_access_key
        );
    }
    eprintln!("state: curl {}/_emulator/state", emulator.url());
    loop {
        thread::park();
    }
}

/// `None` if the command line asked for a text that was printed.
fn parse(mut args: Parser) -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options::default().listen([127, 0, 0, 1].into(), 8083);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("listen") => {
                let address: SocketAddr = args.value()?.parse()?;
                options = options.listen(address.ip(), address.port());
            }
            Arg::Long("long-poll") => options = options.long_poll(args.value()?.parse_with(seconds)?),
            Arg::Long("region") => options = options.region(args.value()?.string()?),
            Arg::Long("account") => options = options.account(args.value()?.string()?),
            Arg::Long("no-signatures") => options = options.check_signatures(false),
            Arg::Short('h') | Arg::Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            Arg::Short('V') | Arg::Long("version") => {
                println!("activity-emulator {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

/// `60`, `60s` or `0.5s`.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse().ok();
    let time = number.and_then(|n: f64| Duration::try_from_secs_f64(n).ok());
    time.ok_or_else(|| "a time in seconds is needed, for instance 60s".to_owned())
}
