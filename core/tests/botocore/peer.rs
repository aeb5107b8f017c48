//! Answers what `core/tests/botocore/compare.py` asks, a line of JSON for a line of JSON: how this library understands shared files,
//! signs requests and finds hosts. A tool of the tests.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a wrong question ends the comparison")]

use std::io::{BufRead, Write};
use std::time::{Duration, SystemTime};

use activity_worker::aws::{Credentials, Network, Settings, default_credentials, peer};
use activity_worker::clock::ServerClock;
use serde_json::{Value, json};

fn main() {
    let stdin = std::io::stdin().lock();
    for line in stdin.lines() {
        let asked: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let answer = match asked["ask"].as_str().unwrap() {
            "files" => files(&asked),
            "settings" => settings(&asked),
            "sign" => sign(&asked),
            "host" => host(&asked),
            other => panic!("no question {other:?}"),
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{answer}").unwrap();
        stdout.flush().unwrap();
    }
}

fn env(asked: &Value) -> impl Fn(&str) -> Option<String> {
    let vars = asked["env"].clone();
    move |name| vars[name].as_str().map(str::to_owned)
}

fn files(asked: &Value) -> Value {
    peer::shared_files(&env(asked)).unwrap_or_else(|e| json!({ "error": e.to_string() }))
}

/// The settings, and where credentials come from: the source's name and, if they need no network, their key.
fn settings(asked: &Value) -> Value {
    let env = env(asked);
    let settings = match Settings::load(&env, asked["profile"].as_str()) {
        Ok(settings) => settings,
        Err(e) => return json!({ "error": e.to_string() }),
    };
    let region = settings.region.as_deref().unwrap_or("us-east-1");
    let network = Network::new(ServerClock::system());
    let source = default_credentials(&settings, &env, &network);
    let (name, key) = match &source {
        Err(e) => (e.to_string(), Value::Null),
        Ok(source) => {
            let is_near =
                ["the profile", "the environment"].iter().any(|near| source.name().starts_with(near));
            let key = is_near.then(|| source.credentials());
            let key = key.map(|found| match found {
                Ok(found) => json!([found.access_key_id, found.secret_access_key, found.session_token]),
                Err(e) => json!({ "error": e.to_string() }),
            });
            (source.name().to_owned(), key.into())
        }
    };
    json!({
        "profile": settings.profile,
        "region": settings.region,
        "endpoint_url": settings.endpoint_url,
        "fips": settings.use_fips,
        "dualstack": settings.use_dualstack,
        "url": settings.endpoint(region).map_or_else(|e| json!({ "error": e.to_string() }), |e| json!(e.url())),
        "source": name,
        "key": key,
    })
}

fn sign(asked: &Value) -> Value {
    let text = |name: &str| asked[name].as_str().unwrap().to_owned();
    let token = asked["token"].as_str().map(str::to_owned);
    let credentials = Credentials::new(text("id"), text("secret"), token, None);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(asked["time"].as_u64().unwrap());
    let headers: Vec<_> = asked["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (&*name.clone().leak(), value.as_str().unwrap().to_owned()))
        .collect();
    let body = text("body").repeat(usize::try_from(asked["times"].as_u64().unwrap()).unwrap());
    let (region, service, url) = (text("region"), text("service"), text("url"));
    match peer::signature(&credentials, &region, &service, time, &url, &headers, body.as_bytes()) {
        Some(signed) => {
            signed.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
        }
        None => json!({ "error": "unsignable" }),
    }
}

fn host(asked: &Value) -> Value {
    let text = |name: &str| asked[name].as_str().unwrap().to_owned();
    let is = |name: &str| asked[name].as_bool().unwrap();
    json!({ "url": peer::host(&text("service"), &text("region"), is("fips"), is("dualstack")) })
}
