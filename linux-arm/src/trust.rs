//! Who else can change what the worker obeys, runs or shows to others as itself. What root runs, nobody but root may write; for
//! another user it is worth a warning.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use activity_worker::aws::{ContainerConfig, ContainerToken, CredentialsSource};
use activity_worker::{StorageKind, storage_kind};

use crate::config::{Config, WorkerConfig};
use crate::error::Error;

/// Something that others can change, or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// No worker starts with it.
    pub(crate) refused: bool,
    pub(crate) what: String,
    pub(crate) advice: String,
}

impl Config {
    /// Looks at all files that it names, and at its own. What is unwise becomes a warning.
    pub(crate) fn trusted(mut self, file: Option<&Path>) -> Result<Config, Error> {
        for Doubt { refused, what, advice } in doubts(&self, file) {
            let said = format!("{what}: {advice}");
            if refused {
                return Err(Error::Config(said));
            }
            self.warnings.push(said);
        }
        Ok(self)
    }
}

/// What is to be doubted of a configuration, its own `file`, and the files that it names.
pub(crate) fn doubts(config: &Config, file: Option<&Path>) -> Vec<Doubt> {
    let mut look = Look::new();
    if let Some(file) = file {
        look.at("the configuration", file, false);
    }
    for activity in &config.activities {
        look.at("the handler program", &activity.program.path, false);
        // A script that an interpreter runs. It may be a mere file of data.
        for argument in activity.program.argv.iter().skip(1).map(Path::new).filter(|path| path.is_absolute())
        {
            look.mildly(|look| look.at("an argument of the handler", argument, false));
        }
        if let Some(name) =
            activity.program.argv.first().filter(|name| Path::new(name).iter().nth(1).is_none())
        {
            look.at_path(&name.to_string_lossy());
        }
    }
    files(&config.worker, &mut look);
    look.doubts
}

/// What is to be doubted of the way to the state folder. The folder itself is the spool's to judge, at the start and later.
pub(crate) fn way_to_state(dir: &Path) -> Vec<Doubt> {
    let mut look = Look::new();
    let real = dir
        .ancestors()
        .find_map(|there| Some(fs::canonicalize(there).ok()?.join(dir.strip_prefix(there).ok()?)));
    look.mildly(|look| {
        look.way_to(&format!("the state folder {}", dir.display()), real.as_deref().unwrap_or(dir), dir)
    });
    look.doubts
}

fn files(worker: &WorkerConfig, look: &mut Look) {
    const KEY: &str = "the private key";
    const CERTIFICATE: &str = "the certificate";
    const CA: &str = "the CA file";
    const TOKEN: &str = "the token file";
    if let Some(file) = &worker.service.network.ca_file {
        look.at(CA, file, false);
    }
    if let Some((certificate, key)) = &worker.service.network.client_certificate {
        look.at(CERTIFICATE, certificate, false);
        // That others can read it is told by its own setting.
        look.at(KEY, key, false);
    }
    match &worker.service.credentials {
        Some(CredentialsSource::Iot(iot)) => {
            look.at(CERTIFICATE, &iot.certificate, false);
            look.at(KEY, &iot.key, false);
            if let Some(file) = &iot.ca_file {
                look.at(CA, file, false);
            }
        }
        Some(CredentialsSource::Process(process)) => {
            look.at("the program for credentials", &process.program, false)
        }
        Some(CredentialsSource::WebIdentity(web)) => look.at(TOKEN, &web.token_file, true),
        Some(CredentialsSource::Container(ContainerConfig {
            token: Some(ContainerToken::File(file)),
            ..
        })) => look.at(TOKEN, file, true),
        Some(
            CredentialsSource::Environment | CredentialsSource::Container(_) | CredentialsSource::Imds(_),
        ) => {}
        None => {
            let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
            let usual = |name: &str| named("HOME").map(|home| home.join(".aws").join(name));
            let shared =
                [("AWS_SHARED_CREDENTIALS_FILE", "credentials", true), ("AWS_CONFIG_FILE", "config", false)];
            for (variable, name, secret) in shared {
                if let Some(file) = named(variable).or_else(|| usual(name)) {
                    look.at("AWS' shared file", &file, secret);
                }
            }
        }
    }
}

/// Who but root can replace what lies in the folder, and what ends that.
fn others_in(folder: &fs::Metadata) -> Option<(String, &'static str)> {
    match (folder.uid(), folder.gid()) {
        (0, 0) => None,
        (0, group) => (folder.mode() & 0o1020 == 0o020).then(|| (format!("group {group}"), "chmod g-w")),
        (user, _) => Some((format!("user {user}"), "chown root")),
    }
}

struct Look {
    root: bool,
    doubts: Vec<Doubt>,
    /// Each file and folder is told once.
    seen: BTreeSet<PathBuf>,
}

impl Look {
    fn new() -> Self {
        Look { root: rustix::process::geteuid().is_root(), doubts: Vec::new(), seen: BTreeSet::new() }
    }

    /// A file, where it really lies, and the folders on the way. One that is not there is somebody else's to tell.
    fn at(&mut self, what: &str, path: &Path, secret: bool) {
        let (Ok(real), Ok(given)) = (fs::canonicalize(path), std::path::absolute(path)) else { return };
        let Ok(about) = fs::metadata(&real) else { return };
        if !about.is_file() || !self.seen.insert(real.clone()) {
            return;
        }
        let (mode, name) = (about.mode() & 0o7777, real.display());
        let whose = format!("{what} {name}");
        if mode & 0o002 != 0 {
            self.doubt(
                &real,
                format!("{whose} can be changed by every user (mode {mode:04o})"),
                format!("chmod o-w {name}"),
            );
        } else if self.root && mode & 0o020 != 0 && about.gid() != 0 {
            let what = format!(
                "{whose} can be changed by group {} (mode {mode:04o}), and root obeys it",
                about.gid()
            );
            self.doubt(&real, what, format!("chmod g-w {name}"));
        } else if self.root && about.uid() != 0 {
            let what = format!("{whose} belongs to user {}, who can change what root obeys", about.uid());
            self.mildly(|look| {
                look.doubt(&real, what, format!("chown root {name}, or run the worker as that user"))
            });
        }
        if secret && mode & 0o004 != 0 {
            let what = format!("{whose} can be read by every user (mode {mode:04o})");
            self.mildly(|look| look.doubt(&real, what, format!("chmod o= {name}")));
        }
        self.way_to(&whose, &real, &given);
    }

    /// The folders on the way to a file or folder, where it really lies and as it was named.
    fn way_to(&mut self, whose: &str, real: &Path, given: &Path) {
        for folder in
            real.ancestors().chain(given.ancestors()).filter(|folder| *folder != given && *folder != real)
        {
            let Ok(about) = fs::metadata(folder) else { continue };
            // In a folder like /tmp only a file's owner, or the folder's, can replace it.
            let open_to_all = about.mode() & 0o1002 == 0o002;
            let of_others = (self.root && !open_to_all).then(|| others_in(&about)).flatten();
            if !about.is_dir()
                || !(open_to_all || of_others.is_some())
                || !self.seen.insert(folder.to_owned())
            {
                continue;
            }
            let name = folder.display();
            if let Some((who, advice)) = of_others {
                let what =
                    format!("{whose} can be replaced by {who}, whose folder {name} is, and root obeys it");
                self.mildly(|look| look.doubt(folder, what, format!("{advice} {name}")));
                continue;
            }
            let what = format!(
                "{whose} can be replaced by every user: {name} has mode {:04o}",
                about.mode() & 0o7777
            );
            // A volume is often made so, for a container in which there is nobody else.
            let above = folder.parent().and_then(|above| fs::metadata(above).ok());
            let is_volume = above.is_some_and(|above| above.dev() != about.dev());
            let doubt = |look: &mut Self| look.doubt(folder, what, format!("chmod o-w {name}"));
            if is_volume { self.mildly(doubt) } else { doubt(self) }
        }
    }

    /// A handler is never looked for where the worker happens to be started.
    fn at_path(&mut self, name: &str) {
        let Some(path) = env::var_os("PATH") else { return };
        let relative: Vec<_> = env::split_paths(&path).filter(|entry| !entry.is_absolute()).collect();
        if !relative.is_empty() && self.seen.insert("PATH".into()) {
            self.doubts.push(Doubt {
                refused: false,
                what: format!(
                    "PATH has {} that is no absolute folder, and {name} is not looked for there",
                    match relative.len() {
                        1 => "an entry".to_owned(),
                        n => format!("{n} entries, each of them one"),
                    }
                ),
                advice: "give the program's whole path, or remove it from PATH".to_owned(),
            });
        }
    }

    fn doubt(&mut self, path: &Path, what: String, advice: String) {
        // There the mode is made up, for all files alike.
        let has_modes = !matches!(storage_kind(path), Ok(StorageKind::Unsafe(_)));
        self.doubts.push(Doubt { refused: self.root && has_modes, what, advice });
    }

    /// What is found by this is worth a warning at most.
    fn mildly(&mut self, look: impl FnOnce(&mut Self)) {
        let before = self.doubts.len();
        look(self);
        for doubt in &mut self.doubts[before..] {
            doubt.refused = false;
        }
    }
}

/// What is to be said of an endpoint without TLS, unless it lies on this machine or its link.
pub(crate) fn plain_http(url: &str) -> Option<Doubt> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address.split('%').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_near = match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback() || v4.is_link_local())
        }
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    };
    (!is_near).then(|| Doubt {
        refused: false,
        what: format!("the endpoint http://{host} is reached without TLS: whoever is on the way can read and change tokens, inputs and results"),
        advice: "use https".to_owned(),
    })
}

#[cfg(test)]
mod tests;
