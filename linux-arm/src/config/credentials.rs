//! `[credentials]`: which source, and what it needs to know.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use activity_worker::aws::{HttpsTransport, IotConfig, IotCredentials, Proxies, TransportConfigError};
use activity_worker::clock::{ServerClock, SystemClock};
use serde::Deserialize;
use toml::Spanned;

use super::program;

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

/// The sources, the keys that each needs, and those that it may have besides.
#[rustfmt::skip]
const SOURCES: &[(&str, &[&str], &[&str])] = &[
    ("chain",        &[],                                                    &[]),
    ("environment",  &[],                                                    &[]),
    ("profile",      &["profile"],                                           &[]),
    ("iot",          &["endpoint", "role_alias", "certificate", "private_key"], &["thing_name", "ca_file"]),
    ("container",    &[],                                                    &["url", "token_file"]),
    ("imds",         &[],                                                    &["endpoint", "endpoint_mode"]),
    ("web-identity", &["token_file", "role_arn"],                            &["session_name", "sts_endpoint_url"]),
    ("process",      &["command"],                                           &[]),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    source: Option<Spanned<String>>,
    profile: Option<Spanned<String>>,
    endpoint: Option<Spanned<String>>,
    role_alias: Option<Spanned<String>>,
    thing_name: Option<Spanned<String>>,
    certificate: Option<Spanned<String>>,
    private_key: Option<Spanned<String>>,
    ca_file: Option<Spanned<String>>,
    url: Option<Spanned<String>>,
    token_file: Option<Spanned<String>>,
    endpoint_mode: Option<Spanned<String>>,
    role_arn: Option<Spanned<String>>,
    session_name: Option<Spanned<String>>,
    sts_endpoint_url: Option<Spanned<String>>,
    command: Option<Spanned<Vec<String>>>,
}

/// What a table says.
pub(super) struct Said {
    /// `None`: the chain, or the profile.
    pub(super) source: Option<Source>,
    pub(super) profile: Option<String>,
    /// What would do, but not well: place, key, words.
    pub(super) doubts: Vec<Remark>,
}

/// A word about a key: where in the text, which key, what of it.
pub(super) type Remark = (usize, &'static str, String);

impl Table {
    /// `region`: the activities'. The error is the first thing that is wrong.
    pub(super) fn read(self, region: &str) -> Result<Said, Remark> {
        let (start, name) = match &self.source {
            Some(source) => (source.span().start, source.get_ref().clone()),
            None => (0, "chain".to_owned()),
        };
        let Some((name, needed, optional)) = SOURCES.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<_> = SOURCES.iter().map(|(name, ..)| *name).collect();
            return Err((start, "source", format!("{name:?} is none of {}", known.join(", "))));
        };
        let command = self.command;
        let given = [
            ("profile", self.profile),
            ("endpoint", self.endpoint),
            ("role_alias", self.role_alias),
            ("thing_name", self.thing_name),
            ("certificate", self.certificate),
            ("private_key", self.private_key),
            ("ca_file", self.ca_file),
            ("url", self.url),
            ("token_file", self.token_file),
            ("endpoint_mode", self.endpoint_mode),
            ("role_arn", self.role_arn),
            ("session_name", self.session_name),
            ("sts_endpoint_url", self.sts_endpoint_url),
        ];
        let mut keys = Keys(given.into_iter().filter_map(|(key, value)| Some((key, value?))).collect());
        let places = keys.0.iter().map(|(key, value)| (*key, value.span().start));
        let places: Vec<_> = places.chain(command.iter().map(|c| ("command", c.span().start))).collect();
        if let Some((key, at)) =
            places.iter().find(|(key, _)| !needed.contains(key) && !optional.contains(key))
        {
            let whose =
                SOURCES.iter().find(|(_, needed, optional)| needed.contains(key) || optional.contains(key));
            let whose = whose.map_or("", |(name, ..)| *name);
            return Err((*at, key, format!("belongs to source {whose:?}, and source is {name:?}")));
        }
        if let Some(key) = needed.iter().find(|needed| !places.iter().any(|(key, _)| key == *needed)) {
            return Err((start, key, format!("is missing: source {name:?} needs it")));
        }
        if let Some((key, value)) = keys.0.iter().find(|(_, value)| value.get_ref().trim().is_empty()) {
            return Err((value.span().start, key, "is empty".to_owned()));
        }
        let mut doubts = Vec::new();
        let profile = keys.text("profile");
        let source = match *name {
            "environment" => Some(Source::Environment),
            "iot" => Some(Source::Iot(keys.iot(region, &mut doubts)?)),
            "container" => {
                keys.not_yet_there("token_file", &mut doubts);
                Some(Source::Container { url: keys.text("url"), token_file: keys.text("token_file") })
            }
            "imds" => Some(Source::Imds {
                endpoint: keys.text("endpoint"),
                endpoint_mode: keys.text("endpoint_mode"),
            }),
            "web-identity" => {
                keys.not_yet_there("token_file", &mut doubts);
                Some(Source::WebIdentity {
                    token_file: keys.text("token_file").unwrap_or_default(),
                    role_arn: keys.text("role_arn").unwrap_or_default(),
                    session_name: keys.text("session_name"),
                    sts_endpoint_url: keys.text("sts_endpoint_url"),
                })
            }
            "process" => command.map(process).transpose()?,
            _ => None,
        };
        Ok(Said { source, profile, doubts })
    }
}

/// The texts of a table that are not read yet.
struct Keys(Vec<(&'static str, Spanned<String>)>);

impl Keys {
    fn text(&mut self, key: &str) -> Option<String> {
        self.take(key).map(|(_, text)| text)
    }

    /// Its place as well.
    fn take(&mut self, key: &str) -> Option<(usize, String)> {
        let at = self.0.iter().position(|(name, _)| *name == key)?;
        let (_, value) = self.0.swap_remove(at);
        Some((value.span().start, value.into_inner()))
    }

    fn iot(&mut self, region: &str, doubts: &mut Vec<Remark>) -> Result<IotConfig, Remark> {
        let (at, endpoint) = self.take("endpoint").unwrap_or_default();
        let role_alias = self.text("role_alias").unwrap_or_default();
        let thing_name = self.text("thing_name");
        let pair =
            [self.take("certificate").unwrap_or_default(), self.take("private_key").unwrap_or_default()];
        let (certificate, key) = key_pair(pair, ["certificate", "private_key"], doubts)?;
        let ca_file = self.take("ca_file").map(ca_file).transpose()?;
        let config = IotConfig {
            endpoint,
            region: region.to_owned(),
            role_alias,
            thing_name,
            certificate,
            key,
            ca_file,
        };
        let clock = Arc::new(ServerClock::new(Arc::new(SystemClock)));
        match IotCredentials::new(config.clone(), Proxies::default(), clock) {
            Ok(_) => Ok(config),
            Err(e) => Err((at, "endpoint", e.to_string())),
        }
    }

    /// A file that someone else makes and renews may come later than the worker.
    fn not_yet_there(&self, key: &'static str, doubts: &mut Vec<Remark>) {
        if let Some((_, file)) = self.0.iter().find(|(name, _)| *name == key)
            && let Err(why) = readable(Path::new(file.get_ref()))
        {
            doubts.push((file.span().start, key, why));
        }
    }
}

fn process(command: Spanned<Vec<String>>) -> Result<Source, Remark> {
    let at = command.span().start;
    let argv: Vec<_> = command.get_ref().iter().map(Into::into).collect();
    let program = program::find(argv, "the program").map_err(|what| (at, "command", what))?;
    let arguments = command.into_inner().into_iter().skip(1).collect();
    Ok(Source::Process { program: program.path, arguments })
}

/// A certificate and its key that TLS can use. A key that others may read is a doubt.
pub(super) fn key_pair(
    files: [(usize, String); 2],
    keys: [&'static str; 2],
    doubts: &mut Vec<Remark>,
) -> Result<(PathBuf, PathBuf), Remark> {
    let [(certificate_at, certificate), (key_at, key)] = files.map(|(at, file)| (at, PathBuf::from(file)));
    readable(&certificate).map_err(|what| (certificate_at, keys[0], what))?;
    readable(&key).map_err(|what| (key_at, keys[1], what))?;
    let tried = HttpsTransport::builder().client_certificate(certificate.clone(), key.clone()).build();
    if let Err(e) = tried {
        let why = match e {
            TransportConfigError::ClientCertificate { reason, .. } => reason,
            other => other.to_string(),
        };
        let about_certificate = (certificate != key && why.starts_with(&*certificate.to_string_lossy()))
            || why.ends_with("holds no certificate");
        let (at, name) = if about_certificate { (certificate_at, keys[0]) } else { (key_at, keys[1]) };
        return Err((at, name, why));
    }
    let mode = fs::metadata(&key).map(|m| m.permissions().mode()).unwrap_or_default();
    if mode & 0o007 != 0 {
        let what = format!("{} can be read or changed by every user: chmod o= {0}", key.display());
        doubts.push((key_at, keys[1], what));
    }
    Ok((certificate, key))
}

/// CAs that TLS can use.
fn ca_file((at, file): (usize, String)) -> Result<PathBuf, Remark> {
    let path = PathBuf::from(file);
    readable(&path).map_err(|what| (at, "ca_file", what))?;
    match HttpsTransport::builder().ca_file(path.clone()).build() {
        Ok(_) => Ok(path),
        Err(e) => Err((at, "ca_file", e.to_string())),
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
