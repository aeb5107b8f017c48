//! A device of a fleet: no key of AWS is on it, only a certificate of its own, which AWS IoT Core exchanges for credentials of a role.
//!
//! ```text
//! aws iot describe-endpoint --endpoint-type iot:CredentialProvider    # IOT_ENDPOINT
//! ACTIVITY_ARN=... STATE_DIR=./state IOT_ENDPOINT=... IOT_ROLE_ALIAS=activity-worker IOT_THING_NAME=pi-7 \
//!   IOT_CERTIFICATE=device.pem.crt IOT_PRIVATE_KEY=private.pem.key cargo run --example fleet_credentials
//! ```

use std::env::var;
use std::error::Error;

use activity_worker::aws::{ActivityArn, ActivityClient, CredentialsSource, IotConfig};
use activity_worker::worker::{Activity, Stop, TaskContext};
use activity_worker::{Failure, Worker};

fn main() -> Result<(), Box<dyn Error>> {
    let arn = ActivityArn::parse(&var("ACTIVITY_ARN")?)?;
    let certificate = IotConfig {
        endpoint: var("IOT_ENDPOINT")?,
        region: arn.region().to_owned(),
        role_alias: var("IOT_ROLE_ALIAS")?,
        thing_name: var("IOT_THING_NAME").ok(),
        certificate: var("IOT_CERTIFICATE")?.into(),
        key: var("IOT_PRIVATE_KEY")?.into(),
        ca_file: None,
        ca_only: false,
    };
    // The certificate counts alone, whatever keys the environment has. Proxies and CAs are the environment's.
    let client = ActivityClient::environment()
        .region(arn.region())
        .credentials(CredentialsSource::Iot(certificate))
        .build()?;
    let worker = Worker::builder()
        .client(client)
        .state_dir(var("STATE_DIR")?)
        .activity(Activity::handled(arn, measure))
        .start()?;
    println!("at work; Enter ends it");
    std::io::stdin().read_line(&mut String::new())?;
    worker.stop(Stop::Drain);
    Ok(())
}

fn measure(_: &TaskContext) -> Result<String, Failure> {
    Ok(r#"{"celsius":21.5}"#.to_owned())
}
