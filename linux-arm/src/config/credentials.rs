//! `[credentials]`: which source, and what it needs to know.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use activity_worker::aws::{
    ContainerConfig, ContainerToken, CredentialsSource, HttpsTransport, ImdsConfig, ImdsMode, IotConfig,
    IotCredentials, ProcessConfig, Proxies, TransportConfigError, WebIdentityConfig,
};
use activity_worker::clock::ServerClock;

use super::program;
use super::table::Table;

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
pub(super) fn read(table: &mut Table<'_>, region: &str) -> (Option<CredentialsSource>, Option<String>) {
    let name = table.text("source").unwrap_or_else(|| "chain".to_owned());
    for (_, needed, optional) in SOURCES {
        table.knows(needed);
        table.knows(optional);
    }
    let Some((name, needed, optional)) = SOURCES.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<_> = SOURCES.iter().map(|(name, ..)| *name).collect();
        table.wrong("source", &format!("{name:?} is none of {}", known.join(", ")));
        return (None, None);
    };
    let fits = |key: &str| key == "source" || needed.contains(&key) || optional.contains(&key);
    let other = table.keys().find(|key| !fits(key)).map(str::to_owned);
    if let Some(key) = other {
        let holds = |keys: &[&str]| keys.contains(&key.as_str());
        let whose = SOURCES.iter().find(|(_, needed, optional)| holds(needed) || holds(optional));
        let whose = whose.map_or("", |(name, ..)| *name);
        table.wrong(&key, &format!("belongs to source {whose:?}, and source is {name:?}"));
    }
    for key in *needed {
        if !table.is_set(key) {
            table.wrong(key, &format!("is missing: source {name:?} needs it"));
        }
    }
    let source = match *name {
        "environment" => Some(CredentialsSource::Environment),
        "iot" => iot(table, region).map(CredentialsSource::Iot),
        "container" => Some(CredentialsSource::Container(container(table))),
        "imds" => Some(CredentialsSource::Imds(ImdsConfig {
            endpoint: table.text("endpoint"),
            mode: table.parsed("endpoint_mode", ImdsMode::parse),
        })),
        "web-identity" => web_identity(table).map(CredentialsSource::WebIdentity),
        "process" => process(table).map(CredentialsSource::Process),
        _ => return (None, table.text("profile")),
    };
    (source, None)
}

fn container(table: &mut Table<'_>) -> ContainerConfig {
    let url = table.text("url");
    let config = ContainerConfig { url, token: token_file(table).map(ContainerToken::File) };
    if let Err(e) = config.check() {
        table.wrong("url", &e.to_string());
    }
    config
}

fn web_identity(table: &mut Table<'_>) -> Option<WebIdentityConfig> {
    Some(WebIdentityConfig {
        token_file: token_file(table)?,
        role_arn: table.text("role_arn")?,
        session_name: table.text("session_name"),
        endpoint_url: table.text("sts_endpoint_url"),
    })
}

fn iot(table: &mut Table<'_>, region: &str) -> Option<IotConfig> {
    let (certificate, key) = key_pair(table, "certificate", "private_key")?;
    let config = IotConfig {
        endpoint: table.text("endpoint")?,
        region: region.to_owned(),
        role_alias: table.text("role_alias")?,
        thing_name: table.text("thing_name"),
        certificate,
        key,
        ca_file: ca_file(table),
        ca_only: false,
    };
    if let Err(e) = IotCredentials::new(config.clone(), Proxies::default(), ServerClock::system()) {
        table.wrong("endpoint", &e.to_string());
    }
    Some(config)
}

fn process(table: &mut Table<'_>) -> Option<ProcessConfig> {
    let mut command = table.list("command")?;
    let argv = command.iter().map(Into::into).collect();
    match program::find(argv, "the program") {
        Ok(program) => Some(ProcessConfig { program: program.path, arguments: command.split_off(1) }),
        Err(what) => {
            table.wrong("command", &what);
            None
        }
    }
}

/// A file that someone else makes and renews may come later than the worker.
fn token_file(table: &mut Table<'_>) -> Option<PathBuf> {
    let file = PathBuf::from(table.text("token_file")?);
    if let Err(why) = readable(&file) {
        table.doubt("token_file", &why);
    }
    Some(file)
}

/// A certificate and its key, two settings, that TLS can use. A key that others may read is a doubt.
pub(super) fn key_pair(
    table: &mut Table<'_>,
    certificate: &'static str,
    key: &'static str,
) -> Option<(PathBuf, PathBuf)> {
    let (certificate_file, key_file) = (file(table, certificate)?, file(table, key)?);
    let pair = HttpsTransport::builder().client_certificate(certificate_file.clone(), key_file.clone());
    if let Err(e) = pair.build() {
        let why = match e {
            TransportConfigError::ClientCertificate { reason, .. } => reason,
            other => other.to_string(),
        };
        let of_certificate =
            certificate_file != key_file && why.starts_with(&*certificate_file.to_string_lossy());
        let of_certificate = of_certificate || why.contains("holds no certificate");
        table.wrong(if of_certificate { certificate } else { key }, &why);
    }
    let mode = fs::metadata(&key_file).map(|m| m.permissions().mode()).unwrap_or_default();
    if mode & 0o007 != 0 {
        let what = format!("{} can be read or changed by every user: chmod o= {0}", key_file.display());
        table.doubt(key, &what);
    }
    Some((certificate_file, key_file))
}

fn ca_file(table: &mut Table<'_>) -> Option<PathBuf> {
    let path = file(table, "ca_file")?;
    if let Err(why) = holds_cas(&path) {
        table.wrong("ca_file", &why);
    }
    Some(path)
}

/// Whether a file holds CAs that TLS can use.
pub(super) fn holds_cas(file: &Path) -> Result<(), String> {
    HttpsTransport::builder().ca_file(file.to_owned()).build().map(drop).map_err(|e| e.to_string())
}

fn file(table: &mut Table<'_>, key: &'static str) -> Option<PathBuf> {
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
