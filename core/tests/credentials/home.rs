//! A home folder with AWS' shared files, and the environment of a process that lives in it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use activity_worker::aws::{CredentialsProvider, Network, Settings, default_credentials};
use activity_worker::clock::{ManualClock, ServerClock};
use tempfile::TempDir;

pub(crate) struct Home {
    folder: TempDir,
    vars: BTreeMap<String, String>,
    pub(crate) network: Network,
}

/// The device's date in these tests, unless a test says otherwise: 2027-01-15.
pub(crate) fn today() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) fn clock() -> Arc<ServerClock> {
    Arc::new(ServerClock::new(Arc::new(ManualClock::new(today()))))
}

impl Home {
    pub(crate) fn new(vars: &[(&str, &str)]) -> Self {
        crate::planted::watch_log();
        let folder = tempfile::tempdir().unwrap();
        let mut home = Home { folder, vars: BTreeMap::new(), network: Network::new(clock()) };
        home.set("HOME", home.folder.path().to_str().unwrap().to_owned().as_str());
        vars.iter().for_each(|(name, value)| home.set(name, value));
        home
    }

    pub(crate) fn with_config(self, config: &str) -> Self {
        self.write(".aws/config", config);
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.vars.insert(name.to_owned(), value.to_owned());
    }

    /// Writes a file, and returns where it is.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What a worker started here finds.
    pub(crate) fn try_source(&self, profile: Option<&str>) -> Result<Arc<dyn CredentialsProvider>, String> {
        let env = |name: &str| self.vars.get(name).cloned();
        let settings = Settings::load(&env, profile).map_err(|e| crate::planted::shown(&e))?;
        default_credentials(&settings, &env, &self.network).map_err(|e| crate::planted::shown(&e))
    }

    pub(crate) fn source(&self, profile: Option<&str>) -> Arc<dyn CredentialsProvider> {
        self.try_source(profile).unwrap()
    }
}
