//! `[credentials]`: which source, and what it needs to know.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::program;
use super::table::{Remark, Table};
use activity_worker::aws::{HttpsTransport, IotConfig, IotCredentials, Proxies, TransportConfigError};
use activity_worker::clock::{ServerClock, SystemClock};

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

/// What a table says.
pub(super) struct Said {
    /// `None`: the chain, or the profile.
    pub(super) source: Option<Source>,
    pub(super) profile: Option<String>,
    /// What would do, but not well: place, key, words.
    pub(super) doubts: Vec<Remark>,
}

/// `region`: the activities'. The error is the first thing that is wrong.
pub(super) fn read(mut table: Table, region: &str) -> Result<Said, Remark> {
    let (start, name) = table.text("source")?.unwrap_or((0, "chain".to_owned()));
    let Some((name, needed, optional)) = SOURCES.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<_> = SOURCES.iter().map(|(name, ..)| *name).collect();
        return Err((start, "source".into(), format!("{name:?} is none of {}", known.join(", "))));
    };
    let mut known = vec!["source"];
    for key in SOURCES.iter().flat_map(|(_, needed, optional)| needed.iter().chain(*optional)) {
        if !known.contains(key) {
            known.push(*key);
        }
    }
    table.known(&known)?;
    let holds = |(_, needed, optional): &&Kind, key: &str| needed.contains(&key) || optional.contains(&key);
    for (key, at) in table.keys() {
        if !needed.contains(&key) && !optional.contains(&key) {
            let whose = SOURCES.iter().find(|source| holds(source, key)).map_or("", |(name, ..)| *name);
            return Err((at, key.into(), format!("belongs to source {whose:?}, and source is {name:?}")));
        }
    }
    if let Some(key) = needed.iter().find(|needed| !table.keys().any(|(key, _)| key == **needed)) {
        return Err((start, (*key).into(), format!("is missing: source {name:?} needs it")));
    }
    let mut doubts = Vec::new();
    let mut text = |key: &str| Ok(table.text(key)?.map(|(_, text)| text));
    let mut profile = None;
    let source = match *name {
        "profile" => {
            profile = text("profile")?;
            None
        }
        "environment" => Some(Source::Environment),
        "iot" => Some(Source::Iot(iot(table, region, &mut doubts)?)),
        "container" => {
            let url = text("url")?;
            Some(Source::Container { url, token_file: token_file(&mut table, &mut doubts)? })
        }
        "imds" => Some(Source::Imds { endpoint: text("endpoint")?, endpoint_mode: text("endpoint_mode")? }),
        "web-identity" => Some(Source::WebIdentity {
            role_arn: text("role_arn")?.unwrap_or_default(),
            session_name: text("session_name")?,
            sts_endpoint_url: text("sts_endpoint_url")?,
            token_file: token_file(&mut table, &mut doubts)?.unwrap_or_default(),
        }),
        "process" => table.list("command")?.map(process).transpose()?,
        _ => None,
    };
    Ok(Said { source, profile, doubts })
}

fn iot(mut table: Table, region: &str, doubts: &mut Vec<Remark>) -> Result<IotConfig, Remark> {
    let mut text = |key: &str| table.text(key);
    let (at, endpoint) = text("endpoint")?.unwrap_or_default();
    let (_, role_alias) = text("role_alias")?.unwrap_or_default();
    let thing_name = text("thing_name")?.map(|(_, name)| name);
    let pair = [text("certificate")?.unwrap_or_default(), text("private_key")?.unwrap_or_default()];
    let (certificate, key) = key_pair(pair, ["certificate", "private_key"], doubts)?;
    let ca_file = text("ca_file")?.map(ca_file).transpose()?;
    let config =
        IotConfig { endpoint, region: region.to_owned(), role_alias, thing_name, certificate, key, ca_file };
    let clock = Arc::new(ServerClock::new(Arc::new(SystemClock)));
    match IotCredentials::new(config.clone(), Proxies::default(), clock) {
        Ok(_) => Ok(config),
        Err(e) => Err((at, "endpoint".into(), e.to_string())),
    }
}

/// A file that someone else makes and renews may come later than the worker.
fn token_file(table: &mut Table, doubts: &mut Vec<Remark>) -> Result<Option<String>, Remark> {
    let Some((at, file)) = table.text("token_file")? else { return Ok(None) };
    if let Err(why) = readable(Path::new(&file)) {
        doubts.push((at, "token_file".into(), why));
    }
    Ok(Some(file))
}

fn process((at, mut command): (usize, Vec<String>)) -> Result<Source, Remark> {
    let argv = command.iter().map(Into::into).collect();
    let program = program::find(argv, "the program").map_err(|what| (at, "command".into(), what))?;
    Ok(Source::Process { program: program.path, arguments: command.split_off(1) })
}

/// A certificate and its key that TLS can use. A key that others may read is a doubt.
pub(super) fn key_pair(
    files: [(usize, String); 2],
    keys: [&'static str; 2],
    doubts: &mut Vec<Remark>,
) -> Result<(PathBuf, PathBuf), Remark> {
    let [(certificate_at, certificate), (key_at, key)] = files.map(|(at, file)| (at, PathBuf::from(file)));
    readable(&certificate).map_err(|what| (certificate_at, keys[0].into(), what))?;
    readable(&key).map_err(|what| (key_at, keys[1].into(), what))?;
    let tried = HttpsTransport::builder().client_certificate(certificate.clone(), key.clone()).build();
    if let Err(e) = tried {
        let why = match e {
            TransportConfigError::ClientCertificate { reason, .. } => reason,
            other => other.to_string(),
        };
        let about_certificate = (certificate != key && why.starts_with(&*certificate.to_string_lossy()))
            || why.ends_with("holds no certificate");
        let (at, name) = if about_certificate { (certificate_at, keys[0]) } else { (key_at, keys[1]) };
        return Err((at, name.into(), why));
    }
    let mode = fs::metadata(&key).map(|m| m.permissions().mode()).unwrap_or_default();
    if mode & 0o007 != 0 {
        let what = format!("{} can be read or changed by every user: chmod o= {0}", key.display());
        doubts.push((key_at, keys[1].into(), what));
    }
    Ok((certificate, key))
}

/// CAs that TLS can use.
fn ca_file((at, file): (usize, String)) -> Result<PathBuf, Remark> {
    let path = PathBuf::from(file);
    readable(&path).map_err(|what| (at, "ca_file".into(), what))?;
    match HttpsTransport::builder().ca_file(path.clone()).build() {
        Ok(_) => Ok(path),
        Err(e) => Err((at, "ca_file".into(), e.to_string())),
    }
}

/// Whether a file is there, and this user may read it. One of the size of no key is not read at all.
fn readable(file: &Path) -> Result<(), String> {
    const LARGEST: u64 = 1 << 20;
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
