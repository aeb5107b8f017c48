//! `activity-worker`: takes tasks from AWS Step Functions, runs a program for each, and never loses a result.

fn main() -> std::process::ExitCode {
    activity_worker_device::main()
}
