//! `~/.aws/config` and `~/.aws/credentials`.

use std::path::{Path, PathBuf};

use super::{PLACE, SECRET};
use crate::aws::{Network, Settings, default_credentials};
use crate::clock::ServerClock;

/// Both files, the second one after a line `--- credentials`. `$SECRET` stands for a key where a key may stand.
pub fn shared_files(data: &[u8]) {
    let text = with_secrets(&String::from_utf8_lossy(data));
    let (config, credentials) = text.split_once("--- credentials\n").unwrap_or((&text, ""));
    let folder = Folder::new();
    let before = folder.load(config, credentials);
    for told in before.iter().flatten() {
        assert!(!told.contains(SECRET), "a secret is told: {told}");
    }
    // What changes nothing for a reader changes nothing for us.
    let commented = format!("{}\n# a comment\n; another", config.trim_end());
    assert_eq!(before, folder.load(&commented, credentials), "a comment at the end makes a difference");
    if !text.contains('\r') {
        let [config, credentials] = [config, credentials].map(|text| text.replace('\n', "\r\n"));
        assert_eq!(before, folder.load(&config, &credentials), "the form of line ends makes a difference");
    }
}

/// Only where a secret belongs: whoever writes one elsewhere tells it himself.
fn with_secrets(text: &str) -> String {
    let line = |line: &str| {
        let key = line.split(['=', ':']).next().unwrap_or_default().trim_end().to_lowercase();
        match key.as_str() {
            "aws_secret_access_key" | "aws_session_token" => line.replace(PLACE, SECRET),
            _ => line.to_owned(),
        }
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

struct Folder(PathBuf);

impl Folder {
    /// Of this thread: fuzzers and tests may run side by side.
    fn new() -> Self {
        let name = format!("activity-worker-{}-{:?}", std::process::id(), std::thread::current().id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written to");
        Folder(folder)
    }

    /// What comes of the files: the settings of two profiles, and what is said of their credentials.
    fn load(&self, config: &str, credentials: &str) -> [Option<String>; 4] {
        let write = |name: &str, text: &str| {
            let file = self.0.join(name);
            std::fs::write(&file, text).expect("the temporary folder can be written to");
            Some(text_of(&file))
        };
        let (config, credentials) = (write("config", config), write("credentials", credentials));
        let env = |name: &str| match name {
            "AWS_CONFIG_FILE" => config.clone(),
            "AWS_SHARED_CREDENTIALS_FILE" => credentials.clone(),
            _ => None,
        };
        let mut told = [const { None }; 4];
        for (at, profile) in [None, Some("dev")].into_iter().enumerate() {
            let settings = Settings::load(&env, profile);
            if let Ok(settings) = &settings {
                let clock = ServerClock::system();
                let found = default_credentials(settings, &env, &Network::new(clock));
                told[2 + at] = Some(found.map_or_else(|e| e.to_string(), |found| found.name().to_owned()));
                let _ = settings.endpoint("eu-west-1");
            }
            told[at] = Some(settings.map_or_else(|e| e.to_string(), |found| format!("{found:?}")));
        }
        told
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
