//! AWS' shared files, `~/.aws/config` and `~/.aws/credentials`, and the profiles in them.

#[cfg(feature = "testing")]
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::SettingsError;
use super::ini::{Ini, Section};
use super::shell_split::split;
use super::small_file;

/// Many times what any profile takes.
const LARGEST: u64 = 1 << 20;

/// Where the shared files are.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedPaths {
    config: Option<PathBuf>,
    credentials: Option<PathBuf>,
}

impl SharedPaths {
    /// `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, else the usual places in the home folder.
    pub(super) fn from(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let path = |var: &str, usual: &str| {
            expand_home(&env(var).filter(|v| !v.is_empty()).unwrap_or(usual.into()), env)
        };
        SharedPaths {
            config: path("AWS_CONFIG_FILE", "~/.aws/config"),
            credentials: path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        }
    }

    /// The files in words.
    pub(super) fn describe(&self) -> String {
        let paths = [&self.credentials, &self.config];
        let shown: Vec<_> = paths.into_iter().flatten().map(|p| p.display().to_string()).collect();
        if shown.is_empty() { "shared files (no HOME is set)".to_owned() } else { shown.join(" or ") }
    }
}

/// `~/x` in the home folder. `None` if there is none.
pub(super) fn expand_home(path: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        None => Some(PathBuf::from(path)),
        Some(rest) => env("HOME").filter(|h| !h.is_empty()).map(|home| Path::new(&home).join(rest)),
    }
}

/// The shared files, read.
#[derive(Debug, Default)]
pub(super) struct SharedFiles {
    config: File,
    credentials: File,
}

#[derive(Debug, Default)]
struct File {
    path: PathBuf,
    ini: Ini,
}

/// A profile: its sections in both files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile<'a> {
    pub(super) credentials: Option<Part<'a>>,
    pub(super) config: Option<Part<'a>>,
}

/// A profile's section in one file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    path: &'a Path,
    section: &'a Section,
}

/// A setting, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) value: String,
    /// `/home/me/.aws/config, line 3`, or a variable's name.
    pub(super) place: String,
}

impl SharedFiles {
    /// Reads both. A file that is not there is empty.
    pub(super) fn read(paths: &SharedPaths) -> Result<Self, SettingsError> {
        Ok(SharedFiles { config: File::read(&paths.config)?, credentials: File::read(&paths.credentials)? })
    }

    pub(super) fn profile(&self, name: &str) -> Option<Profile<'_>> {
        // In the config file all profiles but the default one say so. Of two that are meant the last one counts.
        let is_meant = |s: &&Section| {
            s.header == name && name == "default" || named(&s.header, "profile").as_deref() == Some(name)
        };
        let config = self.config.ini.sections.iter().rfind(is_meant);
        let credentials = self.credentials.ini.sections.iter().find(|s| s.header == name);
        let part = |file, section: Option<_>| section.map(|section| part(file, section));
        let profile =
            Profile { credentials: part(&self.credentials, credentials), config: part(&self.config, config) };
        (config.is_some() || credentials.is_some()).then_some(profile)
    }

    /// The section `[kind name]` of the config file.
    pub(super) fn section(&self, kind: &str, name: &str) -> Option<Part<'_>> {
        let section =
            self.config.ini.sections.iter().rfind(|s| named(&s.header, kind).as_deref() == Some(name));
        section.map(|section| part(&self.config, section))
    }
}

#[cfg(feature = "testing")]
impl SharedFiles {
    /// The names of all profiles, or of all sections of another kind: each once.
    pub(super) fn names(&self, kind: &str) -> BTreeSet<String> {
        let config = self.config.ini.sections.iter().filter_map(|s| named(&s.header, kind));
        let is_profile = kind == "profile";
        let default = is_profile.then(|| "default".to_owned());
        let credentials =
            self.credentials.ini.sections.iter().filter(|_| is_profile).map(|s| s.header.clone());
        config.chain(default).chain(credentials).collect()
    }
}

#[cfg(feature = "testing")]
impl Part<'_> {
    pub(super) fn keys(&self) -> Vec<&str> {
        self.section.keys().collect()
    }

    pub(super) fn is_section(&self, key: &str) -> bool {
        self.section.get(key).is_some_and(|entry| entry.value.starts_with('\n'))
    }

    pub(super) fn nested_names(&self, key: &str) -> Vec<String> {
        self.section
            .get(key)
            .map(|entry| entry.nested.iter().map(|(n, _, _)| n.clone()).collect())
            .unwrap_or_default()
    }
}

fn part<'a>(file: &'a File, section: &'a Section) -> Part<'a> {
    Part { path: &file.path, section }
}

/// The name in `[kind name]`, with or without quotes: two words.
fn named(header: &str, kind: &str) -> Option<String> {
    let words = split(header).filter(|_| header.starts_with(kind))?;
    match <[String; 2]>::try_from(words) {
        Ok([first, name]) if first == kind => Some(name),
        _ => None,
    }
}

impl File {
    fn read(path: &Option<PathBuf>) -> Result<Self, SettingsError> {
        let Some(path) = path else { return Ok(File::default()) };
        let error = |line, reason: String| SettingsError::File { path: path.clone(), line, reason };
        let bytes = match small_file::read(path, LARGEST) {
            Ok(bytes) => bytes,
            // As for the AWS CLI, a folder that this user may not enter holds no file.
            Err(e)
                if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
                    || !path_is_visible(path) =>
            {
                return Ok(File::default());
            }
            Err(e) => return Err(error(None, format!("can't be read: {e}"))),
        };
        let text = String::from_utf8(bytes).map_err(|_| error(None, "is not UTF-8".to_owned()))?;
        let ini = Ini::parse(&text).map_err(|e| error(Some(e.line), e.reason.to_owned()))?;
        Ok(File { path: path.clone(), ini })
    }
}

fn path_is_visible(path: &Path) -> bool {
    std::fs::metadata(path).is_ok()
}

impl Profile<'_> {
    /// A setting of the profile. What the credentials file says counts before the config file.
    pub(super) fn get(&self, key: &str) -> Option<Setting> {
        [self.credentials, self.config].into_iter().flatten().find_map(|part| part.get(key))
    }
}

impl Part<'_> {
    /// A setting in this file.
    pub(super) fn get(&self, key: &str) -> Option<Setting> {
        let entry = self.section.get(key)?;
        Some(Setting { value: entry.value.clone(), place: self.place(entry.line) })
    }

    /// A setting in the section below `key`.
    pub(super) fn get_nested(&self, key: &str, name: &str) -> Option<Setting> {
        let (_, value, line) = self.section.get(key)?.nested.iter().rfind(|(n, _, _)| n == name)?;
        Some(Setting { value: value.clone(), place: self.place(*line) })
    }

    fn place(&self, line: usize) -> String {
        format!("{}, line {line}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(config: &str, credentials: &str) -> SharedFiles {
        let file = |path: &str, text| File { path: path.into(), ini: Ini::parse(text).unwrap() };
        SharedFiles { config: file("config", config), credentials: file("credentials", credentials) }
    }

    fn get(files: &SharedFiles, profile: &str, key: &str) -> Option<(String, String)> {
        files.profile(profile)?.get(key).map(|s| (s.value, s.place))
    }

    #[test]
    fn a_profile_is_made_of_both_files_and_the_credentials_file_counts_first() {
        let files = files("[profile dev]\nregion = a\nk = c\n", "[dev]\nregion = b\n");
        assert_eq!(get(&files, "dev", "region"), Some(("b".into(), "credentials, line 2".into())));
        assert_eq!(get(&files, "dev", "k"), Some(("c".into(), "config, line 3".into())));
        assert!(files.profile("other").is_none());
    }

    #[test]
    fn the_config_file_says_profile_and_the_credentials_file_does_not() {
        let both = files(
            "[dev]\nr=1\n[profile \"with space\"]\nr=2\n[profile\ttabbed]\nr=3\n[profilex]\nr=4\n",
            "[profile wrong]\nr=5\n",
        );
        assert!(both.profile("dev").is_none());
        assert_eq!(get(&both, "with space", "r").unwrap().0, "2");
        assert_eq!(get(&both, "tabbed", "r").unwrap().0, "3");
        assert!(both.profile("x").is_none());
        assert!(both.profile("wrong").is_none());
    }

    #[test]
    fn the_default_profile_goes_by_two_headers() {
        assert_eq!(get(&files("[default]\nr=1\n", ""), "default", "r").unwrap().0, "1");
        assert_eq!(
            get(&files("[default]\nr=1\n[profile default]\nr=2\n", ""), "default", "r").unwrap().0,
            "2"
        );
    }

    #[test]
    fn services_have_settings_within() {
        let files = files("[services local]\nsfn =\n  endpoint_url = http://h\n", "");
        let services = files.section("services", "local").unwrap();
        assert_eq!(services.get_nested("sfn", "endpoint_url").unwrap().place, "config, line 3");
        assert!(services.get_nested("s3", "endpoint_url").is_none());
        assert!(files.section("services", "other").is_none());
    }

    #[test]
    fn the_home_folder_and_the_variables_say_where_the_files_are() {
        let env = |name: &str| match name {
            "HOME" => Some("/home/me".to_owned()),
            "AWS_CONFIG_FILE" => Some("~/aws.ini".to_owned()),
            _ => None,
        };
        assert_eq!(SharedPaths::from(&env).describe(), "/home/me/.aws/credentials or /home/me/aws.ini");
        assert!(SharedPaths::from(&|_| None).describe().contains("no HOME"));
    }

    #[test]
    fn a_missing_file_is_empty_and_a_broken_one_names_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let paths = SharedPaths { config: Some(path.clone()), credentials: Some(path.join("below/a/file")) };
        assert!(SharedFiles::read(&paths).unwrap().profile("default").is_none());
        std::fs::write(&path, "[default]\nregion eu-west-1\n").unwrap();
        let error = SharedFiles::read(&paths).unwrap_err().to_string();
        assert_eq!(error, format!("{}, line 2: expected `key = value`", path.display()));
        std::fs::write(&path, b"[default]\nregion=\xff\n").unwrap();
        assert!(SharedFiles::read(&paths).unwrap_err().to_string().contains("is not UTF-8"));
    }

    #[test]
    fn field_18_a_pipe_in_place_of_a_shared_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let paths = SharedPaths { config: Some(path.clone()), credentials: None };
        let error = SharedFiles::read(&paths).unwrap_err().to_string();
        assert_eq!(error, format!("{} can't be read: it is a pipe or a socket, and no file", path.display()));
    }
}
