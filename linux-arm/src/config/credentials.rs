//! `[credentials]`: which source, and what it needs to know.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::program;
use super::table::Table;
use activity_worker::aws::{
    ContainerCredentials, CredentialsError, HttpsTransport, ImdsCredentials, IotConfig, IotCredentials,
    Proxies, Transport, TransportConfigError,
};
use activity_worker::clock::ServerClock;

/// A source of credentials that counts alone. That of a profile is a setting of the worker's: a profile says more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Environment,
    Iot(IotConfig),
    /// Without a URL, AWS' own variables say it.
    Container {
        url: Option<String>,
        token_file: Option<String>,
    },
    Imds {
        endpoint: Option<String>,
        endpoint_mode: Option<String>,
    },
    WebIdentity {
        token_file: String,
        role_arn: String,
        session_name: Option<String>,
        sts_endpoint_url: Option<String>,
    },
    /// A program, found, and its arguments.
    Process {
        program: PathBuf,
        arguments: Vec<String>,
    },
}

type Kind = (&'static str, &'static [&'static str], &'static [&'static str]);

/// The sources, the keys that each needs, and those that it may have besides.
#[rustfmt::skip]
const SOURCES: &[Kind] = &[
    ("chain",        &[],                                                    &[]),
    ("environment",  &[],                                                    &[]),
    ("profile",      &["profile"],                                           &[]),
    ("iot",          &["endpoint", "role_alias", "certificate", "private_key"], &["thing_name", "ca_file"]),
    ("container",    &[],                                                    &["url", "token_file"]),
    ("imds",         &[],                                                    &["endpoint", "endpoint_mode"]),
    ("web-identity", &["token_file", "role_arn"],                            &["session_name", "sts_endpoint_url"]),
    ("process",      &["command"],                                           &[]),
];

/// The source that a table names, or the profile; neither: the chain. `region`: the activities'.
pub(super) fn read(table: &mut Table, region: &str) -> (Option<Source>, Option<String>) {
    let name = table.text("source").unwrap_or_else(|| "chain".to_owned());
    let Some((name, needed, optional)) = SOURCES.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<_> = SOURCES.iter().map(|(name, ..)| *name).collect();
        table.wrong("source", &format!("{name:?} is none of {}", known.join(", ")));
        return (None, None);
    };
    let mut known = vec!["source"];
    for (_, needed, optional) in SOURCES {
        known.extend(needed.iter().chain(*optional));
    }
    known.dedup();
    table.known(&known);
    let fits = |key: &str| key == "source" || needed.contains(&key) || optional.contains(&key);
    let other = table.keys().find(|key| !fits(key)).map(str::to_owned);
    if let Some(key) = other {
        let holds = |keys: &[&str]| keys.contains(&key.as_str());
        let whose = SOURCES.iter().find(|(_, needed, optional)| holds(needed) || holds(optional));
        let whose = whose.map_or("", |(name, ..)| *name);
        table.wrong(&key, &format!("belongs to source {whose:?}, and source is {name:?}"));
    }
    for key in *needed {
        if !table.keys().any(|set| set == *key) {
            table.wrong(key, &format!("is missing: source {name:?} needs it"));
        }
    }
    let source = match *name {
        "environment" => Source::Environment,
        "iot" => return (iot(table, region), None),
        "container" => {
            let url = taken(table, "url", "AWS_CONTAINER_CREDENTIALS_FULL_URI", |env, transport, clock| {
                ContainerCredentials::from(env, transport, clock).err()
            });
            Source::Container { url, token_file: token_file(table) }
        }
        "imds" => {
            let mode = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
            let endpoint_mode = taken(table, "endpoint_mode", mode, |env, transport, clock| {
                ImdsCredentials::from(env, transport, clock).err()
            });
            Source::Imds { endpoint: table.text("endpoint"), endpoint_mode }
        }
        "web-identity" => Source::WebIdentity {
            token_file: token_file(table).unwrap_or_default(),
            role_arn: table.text("role_arn").unwrap_or_default(),
            session_name: table.text("session_name"),
            sts_endpoint_url: table.text("sts_endpoint_url"),
        },
        "process" => return (process(table), None),
        _ => return (None, table.text("profile")),
    };
    (Some(source), None)
}

type Refusal =
    fn(&dyn Fn(&str) -> Option<String>, Arc<dyn Transport>, Arc<ServerClock>) -> Option<CredentialsError>;

/// A text that the source takes; it knows it as a variable of AWS'.
fn taken(table: &mut Table, key: &str, variable: &str, refusal: Refusal) -> Option<String> {
    let text = table.text(key)?;
    let env = |name: &str| (name == variable).then(|| text.clone());
    let transport = HttpsTransport::builder().build().ok()?;
    if let Some(e) = refusal(&env, Arc::new(transport), ServerClock::system()) {
        table.wrong(key, &e.to_string());
    }
    Some(text)
}

fn iot(table: &mut Table, region: &str) -> Option<Source> {
    let (certificate, key) = key_pair(table, "certificate", "private_key")?;
    let config = IotConfig {
        endpoint: table.text("endpoint")?,
        region: region.to_owned(),
        role_alias: table.text("role_alias")?,
        thing_name: table.text("thing_name"),
        certificate,
        key,
        ca_file: ca_file(table),
    };
    if let Err(e) = IotCredentials::new(config.clone(), Proxies::default(), ServerClock::system()) {
        table.wrong("endpoint", &e.to_string());
    }
    Some(Source::Iot(config))
}

fn process(table: &mut Table) -> Option<Source> {
    let mut command = table.list("command")?;
    let argv = command.iter().map(Into::into).collect();
    match program::find(argv, "the program") {
        Ok(program) => Some(Source::Process { program: program.path, arguments: command.split_off(1) }),
        Err(what) => {
            table.wrong("command", &what);
            None
        }
    }
}

/// A file that someone else makes and renews may come later than the worker.
fn token_file(table: &mut Table) -> Option<String> {
    let file = table.text("token_file")?;
    if let Err(why) = readable(Path::new(&file)) {
        table.doubt("token_file", &why);
    }
    Some(file)
}

/// A certificate and its key, two settings, that TLS can use. A key that others may read is a doubt.
pub(super) fn key_pair(table: &mut Table, certificate: &str, key: &str) -> Option<(PathBuf, PathBuf)> {
    let (certificate_file, key_file) = (file(table, certificate)?, file(table, key)?);
    let pair = HttpsTransport::builder().client_certificate(certificate_file.clone(), key_file.clone());
    if let Err(e) = pair.build() {
        let why = match e {
            TransportConfigError::ClientCertificate { reason, .. } => reason,
            other => other.to_string(),
        };
        let of_certificate =
            certificate_file != key_file && why.starts_with(&*certificate_file.to_string_lossy());
        let of_certificate = of_certificate || why.ends_with("holds no certificate");
        table.wrong(if of_certificate { certificate } else { key }, &why);
    }
    let mode = fs::metadata(&key_file).map(|m| m.permissions().mode()).unwrap_or_default();
    if mode & 0o007 != 0 {
        let what = format!("{} can be read or changed by every user: chmod o= {0}", key_file.display());
        table.doubt(key, &what);
    }
    Some((certificate_file, key_file))
}

/// CAs that TLS can use.
fn ca_file(table: &mut Table) -> Option<PathBuf> {
    let path = file(table, "ca_file")?;
    if let Err(e) = HttpsTransport::builder().ca_file(path.clone()).build() {
        table.wrong("ca_file", &e.to_string());
    }
    Some(path)
}

fn file(table: &mut Table, key: &str) -> Option<PathBuf> {
    let path = PathBuf::from(table.text(key)?);
    match readable(&path) {
        Ok(()) => Some(path),
        Err(what) => {
            table.wrong(key, &what);
            None
        }
    }
}

/// Whether a file is there, and this user may read it. One of the size of no key is not read at all.
pub(super) fn readable(file: &Path) -> Result<(), String> {
    const LARGEST: u64 = 4 << 20;
    let name = file.display();
    let says = |e: std::io::Error| format!("can't read {name}: {e}");
    let about = fs::metadata(file).map_err(says)?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(format!("{name} is no file of a certificate, a key or a token"));
    }
    fs::File::open(file).and_then(|mut file| file.read(&mut [0])).map_err(says)?;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
