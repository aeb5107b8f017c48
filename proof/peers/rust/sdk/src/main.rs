//! A worker on the AWS SDK for Rust, as somebody with little memory would write it: so many polls at once, each task handled by a
//! program or within the process, and reported. Nothing is kept, no heartbeats go out, one thread does all.
//!
//! `ACTIVITY_ARN`, `AWS_ENDPOINT_URL`, `AWS_CA_BUNDLE`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `CONCURRENCY`; `HANDLER`: a
//! program, or nothing for a handler within the process.

use std::env::var;
use std::error::Error;
use std::process::Stdio;

use aws_credential_types::Credentials;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::{BehaviorVersion, Config, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::task::JoinSet;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (client, arn) = (client()?, var("ACTIVITY_ARN")?);
    let concurrency: usize = var("CONCURRENCY")?.parse()?;
    let handler = var("HANDLER").unwrap_or_default();
    runtime.block_on(async {
        let mut pollers = JoinSet::new();
        for _ in 0..concurrency {
            pollers.spawn(work(client.clone(), arn.clone(), handler.clone()));
        }
        while pollers.join_next().await.is_some() {}
    });
    Ok(())
}

fn client() -> Result<Client, Box<dyn Error>> {
    let trust = TrustStore::empty().with_pem_certificate(std::fs::read(var("AWS_CA_BUNDLE")?)?);
    let tls = TlsContext::builder().with_trust_store(trust).build()?;
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build_https();
    let keys = Credentials::from_keys(var("AWS_ACCESS_KEY_ID")?, var("AWS_SECRET_ACCESS_KEY")?, None);
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(var("AWS_ENDPOINT_URL")?)
        .credentials_provider(keys)
        .http_client(http)
        .build();
    Ok(Client::from_conf(config))
}

/// Polls for one task after the other. What fails is tried again a second later.
async fn work(client: Client, arn: String, handler: String) {
    loop {
        let polled = client.get_activity_task().activity_arn(&arn).worker_name("peer").send().await;
        let Ok(polled) = polled else {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            continue;
        };
        let (Some(token), Some(input)) = (polled.task_token, polled.input) else { continue };
        let sent = match handle(&handler, input).await {
            Ok(output) => {
                client.send_task_success().task_token(token).output(output).send().await.map(drop).is_ok()
            }
            Err(_) => client.send_task_failure().task_token(token).send().await.map(drop).is_ok(),
        };
        if !sent {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
}

async fn handle(program: &str, input: String) -> std::io::Result<String> {
    if program.is_empty() {
        return Ok(input);
    }
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    String::from_utf8(output.stdout).map_err(std::io::Error::other)
}
