//! AWS' settings, from the environment and the shared files, as the AWS CLI finds them.

use std::path::PathBuf;

use super::shared_files::{Profile, Setting, SharedFiles, SharedPaths, expand_home};
use super::{Endpoint, EndpointError, EndpointOptions, SettingsError};

/// What the environment and the shared files say. An environment variable counts before the profile.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// The profile that counts: the one asked for, else `AWS_PROFILE`, else `default`.
    pub profile: String,
    /// `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's `region`.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL_SFN`, `AWS_ENDPOINT_URL`, `endpoint_url` below `sfn` in the section that the profile's `services` names,
    /// or the profile's `endpoint_url`. `None` too where `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is true.
    pub endpoint_url: Option<String>,
    /// `AWS_USE_FIPS_ENDPOINT`, or `use_fips_endpoint`.
    pub use_fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`, or `use_dualstack_endpoint`.
    pub use_dualstack: bool,
    /// `AWS_CA_BUNDLE`, or `ca_bundle`: a file of certificates to trust, in PEM.
    pub ca_bundle: Option<PathBuf>,
    /// Whether the caller asked for this profile: then its credentials count before those of the environment.
    pub(super) explicit_profile: bool,
    pub(super) paths: SharedPaths,
}

impl Settings {
    /// Finds the settings. `env` reads an environment variable; a `profile` given here counts before `AWS_PROFILE`.
    pub fn load(env: &dyn Fn(&str) -> Option<String>, profile: Option<&str>) -> Result<Self, SettingsError> {
        Self::load_with(env, profile, &EndpointConfig::default())
    }

    /// The same, but that what is said of the endpoint counts first.
    pub(super) fn load_with(
        env: &dyn Fn(&str) -> Option<String>,
        profile: Option<&str>,
        said: &EndpointConfig,
    ) -> Result<Self, SettingsError> {
        let var = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let paths = SharedPaths::from(env);
        let files = SharedFiles::read(&paths)?;
        let wanted =
            profile.map(str::to_owned).or_else(|| var("AWS_PROFILE")).or_else(|| var("AWS_DEFAULT_PROFILE"));
        let name = wanted.clone().unwrap_or_else(|| "default".to_owned());
        let found = files.profile(&name);
        if let (Some(name), None) = (wanted, found) {
            return Err(SettingsError::NoProfile { name, files: paths.describe() });
        }
        let lookup = Lookup { var: &var, files: &files, profile: found };
        Ok(Settings {
            region: lookup.text(&["AWS_REGION", "AWS_DEFAULT_REGION"], "region").map(|s| s.value),
            endpoint_url: match &said.url {
                Some(url) => Some(url.clone()),
                None => lookup.endpoint_url("sfn")?,
            },
            use_fips: lookup.switch(said.fips, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")?,
            use_dualstack: lookup.switch(
                said.dual_stack,
                "AWS_USE_DUALSTACK_ENDPOINT",
                "use_dualstack_endpoint",
            )?,
            ca_bundle: lookup.text(&["AWS_CA_BUNDLE"], "ca_bundle").and_then(|s| expand_home(&s.value, env)),
            profile: name,
            explicit_profile: profile.is_some(),
            paths,
        })
    }

    /// The endpoint of another service that is set up by hand. `id`: as it is called in a `services` section, `sts` for instance.
    pub(super) fn endpoint_url_of(
        &self,
        id: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, SettingsError> {
        let var = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let files = SharedFiles::read(&self.paths)?;
        Lookup { var: &var, files: &files, profile: files.profile(&self.profile) }.endpoint_url(id)
    }

    /// The endpoint in `region` that these settings ask for.
    pub fn endpoint(&self, region: &str) -> Result<Endpoint, EndpointError> {
        let options = EndpointOptions {
            url: self.endpoint_url.clone(),
            fips: self.use_fips,
            dual_stack: self.use_dualstack,
        };
        Endpoint::resolve(region, &options)
    }
}

/// What is said of the endpoint. What is left open, the environment and the profile say.
#[derive(Debug, Clone, Default)]
pub(super) struct EndpointConfig {
    pub(super) url: Option<String>,
    pub(super) fips: Option<bool>,
    pub(super) dual_stack: Option<bool>,
}

struct Lookup<'a> {
    var: &'a dyn Fn(&str) -> Option<String>,
    files: &'a SharedFiles,
    profile: Option<Profile<'a>>,
}

impl Lookup<'_> {
    fn text(&self, vars: &[&str], key: &str) -> Option<Setting> {
        let set = |name: &&str| Some(Setting { value: (self.var)(name)?, place: (*name).to_owned() });
        vars.iter().find_map(set).or_else(|| self.profile?.get(key)).filter(|s| !s.value.is_empty())
    }

    fn switch(&self, said: Option<bool>, var: &str, key: &str) -> Result<bool, SettingsError> {
        if let Some(on) = said {
            return Ok(on);
        }
        match self.text(&[var], key) {
            None => Ok(false),
            Some(s) if s.value.eq_ignore_ascii_case("true") => Ok(true),
            Some(s) if s.value.eq_ignore_ascii_case("false") => Ok(false),
            Some(s) => Err(SettingsError::Value {
                reason: format!("expected true or false, not {:?}", s.value),
                place: s.place,
            }),
        }
    }

    fn endpoint_url(&self, id: &str) -> Result<Option<String>, SettingsError> {
        if self.switch(None, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")? {
            return Ok(None);
        }
        let of_service = format!("AWS_ENDPOINT_URL_{}", id.to_ascii_uppercase());
        let from_env = (self.var)(&of_service).or_else(|| (self.var)("AWS_ENDPOINT_URL"));
        if from_env.is_some() {
            return Ok(from_env);
        }
        let Some(profile) = self.profile else { return Ok(None) };
        let of_service = match profile.get("services") {
            None => None,
            Some(named) => match self.files.section("services", &named.value) {
                Some(services) => services.get_nested(id, "endpoint_url"),
                None => {
                    let reason = format!("there is no section [services {}] in the config file", named.value);
                    return Err(SettingsError::Value { place: named.place, reason });
                }
            },
        };
        Ok(of_service.or_else(|| profile.get("endpoint_url")).map(|s| s.value).filter(|url| !url.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
[default]
region = eu-west-1
[profile dev]
region = us-east-2
use_fips_endpoint = True
ca_bundle = ~/ca.pem
endpoint_url = http://profile:1
[profile local]
services = here
endpoint_url = http://profile:2
[services here]
sfn =
  endpoint_url = http://service:1
[profile lost]
services = nowhere
[profile odd]
use_dualstack_endpoint = yes
";

    fn load(vars: &[(&str, &str)], profile: Option<&str>) -> Result<Settings, String> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
        let home = home.path().to_str().unwrap();
        let env = |name: &str| match name {
            "HOME" => Some(home.to_owned()),
            _ => vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()),
        };
        Settings::load(&env, profile).map_err(|e| e.to_string().replace(home, "~"))
    }

    fn endpoint_url(vars: &[(&str, &str)], profile: Option<&str>) -> Option<String> {
        load(vars, profile).unwrap().endpoint_url
    }

    #[test]
    fn the_profile_is_the_one_asked_for_then_the_environments_then_default() {
        let named = [("AWS_PROFILE", "dev"), ("AWS_DEFAULT_PROFILE", "local")];
        assert_eq!(
            load(&named, Some("odd")).unwrap_err(),
            "~/.aws/config, line 17: expected true or false, not \"yes\""
        );
        assert_eq!(load(&named, None).unwrap().profile, "dev");
        assert_eq!(load(&named[1..], None).unwrap().profile, "local");
        let default = load(&[], None).unwrap();
        assert_eq!((default.profile.as_str(), default.region.as_deref()), ("default", Some("eu-west-1")));
    }

    #[test]
    fn a_profile_that_is_nowhere_is_an_error_if_it_was_asked_for() {
        let error = load(&[("AWS_PROFILE", "nope")], None).unwrap_err();
        assert_eq!(error, "the profile \"nope\" is not in ~/.aws/credentials or ~/.aws/config");
        assert!(load(&[("AWS_CONFIG_FILE", "/nowhere")], None).is_ok());
    }

    #[test]
    fn the_environment_counts_before_the_profile() {
        let dev = load(&[], Some("dev")).unwrap();
        assert_eq!(dev.region.as_deref(), Some("us-east-2"));
        assert!(dev.use_fips && !dev.use_dualstack);
        assert!(dev.ca_bundle.unwrap().to_str().unwrap().ends_with("/ca.pem"));
        let vars = [
            ("AWS_DEFAULT_REGION", "b"),
            ("AWS_REGION", "a"),
            ("AWS_USE_FIPS_ENDPOINT", "false"),
            ("AWS_CA_BUNDLE", "/x"),
        ];
        let dev = load(&vars, Some("dev")).unwrap();
        assert_eq!((dev.region.as_deref(), dev.use_fips), (Some("a"), false));
        assert_eq!(dev.ca_bundle, Some(PathBuf::from("/x")));
        assert_eq!(load(&[("AWS_REGION", " "), vars[0]], None).unwrap().region.as_deref(), Some("b"));
    }

    #[test]
    fn the_nearest_endpoint_url_counts() {
        let vars = [("AWS_ENDPOINT_URL_SFN", "http://a"), ("AWS_ENDPOINT_URL", "http://b")];
        assert_eq!(endpoint_url(&vars, Some("local")).as_deref(), Some("http://a"));
        assert_eq!(endpoint_url(&vars[1..], Some("local")).as_deref(), Some("http://b"));
        assert_eq!(endpoint_url(&[], Some("local")).as_deref(), Some("http://service:1"));
        assert_eq!(endpoint_url(&[], Some("dev")).as_deref(), Some("http://profile:1"));
        assert_eq!(endpoint_url(&[], None), None);
        assert_eq!(
            endpoint_url(&[vars[0], ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")], Some("dev")),
            None
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert_eq!(
            load(&[], Some("lost")).unwrap_err(),
            "~/.aws/config, line 15: there is no section [services nowhere] in the config file"
        );
        let error = load(&[("AWS_USE_FIPS_ENDPOINT", "1")], None).unwrap_err();
        assert_eq!(error, "AWS_USE_FIPS_ENDPOINT: expected true or false, not \"1\"");
    }

    #[test]
    fn settings_give_the_endpoint_or_say_why_they_can_not() {
        let endpoint = |profile| load(&[], profile).unwrap().endpoint("us-east-2");
        assert_eq!(endpoint(Some("local")).unwrap().url(), "http://service:1/");
        assert_eq!(endpoint(None).unwrap().url(), "https://states.us-east-2.amazonaws.com/");
        assert_eq!(endpoint(Some("dev")), Err(EndpointError::Combination("FIPS")));
    }
}
