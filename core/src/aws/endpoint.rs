//! Where the service is: the rules that turn a region and a few switches into one URL.
//!
//! Source: the service's endpoint rule set and `partitions.json`, as the AWS SDKs carry them.

use std::fmt;

use super::ActivityArn;
use crate::Origin;
use crate::partition::{Partition, is_label};

/// A service that is asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    StepFunctions,
    Sts,
    /// The part of single sign-on that gives credentials.
    Sso,
    CognitoIdentity,
    IotCredentials,
}

/// The URL of a service in a region, by the rules. Without a slash at the end.
pub(super) fn service_url(
    service: Service,
    region: &str,
    fips: bool,
    dual_stack: bool,
) -> Result<String, EndpointError> {
    if !is_label(region) {
        return Err(EndpointError::Region(region.to_owned()));
    }
    let Partition { id, suffix, dual_stack_suffix, .. } = Partition::of(region);
    let (host, fips_is_plain) = match service {
        Service::StepFunctions => ("states", region == "us-gov-west-1"),
        Service::Sts => ("sts", *id == "aws-us-gov"),
        Service::Sso => ("portal.sso", *id == "aws-us-gov"),
        Service::CognitoIdentity => ("cognito-identity", false),
        Service::IotCredentials => ("credentials.iot", false),
    };
    // Some plain hosts have FIPS cryptography, and there is no other. The dual-stack hosts of Step Functions for the government are
    // FIPS hosts.
    let fips = match dual_stack {
        true => fips || (service == Service::StepFunctions && *id == "aws-us-gov"),
        false => fips && !fips_is_plain,
    };
    let suffix = if dual_stack { dual_stack_suffix } else { suffix };
    Ok(format!("https://{host}{}.{region}.{suffix}", if fips { "-fips" } else { "" }))
}

/// Which of a region's endpoints to use. The default is the plain one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointOptions {
    /// An endpoint of one's own: `http://` or `https://`, a host and maybe a port.
    pub url: Option<String>,
    /// The endpoint with FIPS 140 validated cryptography.
    pub fips: bool,
    /// The endpoint that answers over IPv6 too.
    pub dual_stack: bool,
}

/// Where requests go: a scheme, a host and maybe a port.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Without a slash at the end.
    base: String,
    own: bool,
}

/// Why there is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The region can't be part of a host name.
    #[error("{0:?} is not a region: expected a name like eu-west-1")]
    Region(String),
    /// An own endpoint together with FIPS or dual-stack: the service's rules know no such thing.
    #[error("an endpoint URL can't be combined with {0}: remove one of the two")]
    Combination(&'static str),
    /// Not a URL that requests can be sent to.
    #[error("the endpoint URL {url:?} {reason}")]
    Url {
        /// The URL as it was given, without its user and password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Endpoint {
    /// The endpoint of a region, by the service's rules.
    pub fn resolve(region: &str, options: &EndpointOptions) -> Result<Self, EndpointError> {
        if !is_label(region) {
            return Err(EndpointError::Region(region.to_owned()));
        }
        match (options.url.as_deref(), options.fips, options.dual_stack) {
            (Some(_), true, _) => Err(EndpointError::Combination("FIPS")),
            (Some(_), _, true) => Err(EndpointError::Combination("dual-stack")),
            (Some(url), false, false) => Endpoint::own(url),
            (None, fips, dual_stack) => {
                let base = service_url(Service::StepFunctions, region, fips, dual_stack)?;
                Ok(Endpoint { base, own: false })
            }
        }
    }

    /// An endpoint of one's own: `http://` or `https://`, a host and maybe a port. A path, a query, a fragment, a user or a
    /// password is an error.
    pub fn own(url: &str) -> Result<Self, EndpointError> {
        let no = |reason| Err(EndpointError::Url { url: without_userinfo(url), reason });
        let Some((scheme, rest)) = url.split_once("://") else {
            return no("does not begin with https:// or http://");
        };
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return no("does not begin with https:// or http://"),
        };
        if rest.contains('@') {
            return no("holds a user or a password: remove them");
        }
        if rest.contains('?') || rest.contains('#') {
            return no("holds a query or a fragment: remove it");
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('/') {
            return no("holds a path: the service is at the root of a host, remove the path");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => match port.parse::<u16>() {
                Ok(port) if port > 0 => (host, port),
                _ => return no("has no valid port"),
            },
            _ => (authority, default_port),
        };
        if !is_host(host) {
            return no("has no valid host");
        }
        let host = host.to_ascii_lowercase();
        let port = if port == default_port { String::new() } else { format!(":{port}") };
        Ok(Endpoint { base: format!("{scheme}://{host}{port}"), own: true })
    }

    /// The URL that all requests are posted to.
    pub fn url(&self) -> String {
        format!("{}/", self.base)
    }

    /// Whose the tasks of an activity are, taken here: its ARN's partition, region and account, and the endpoint if it is one's own.
    pub fn origin(&self, arn: &ActivityArn) -> Origin {
        Origin::new(arn, self.own_url())
    }

    /// The endpoint if it is one's own, without a slash at the end and always in the same spelling: part of a task's origin.
    pub fn own_url(&self) -> Option<&str> {
        self.own.then_some(&self.base)
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return v6.parse::<std::net::Ipv6Addr>().is_ok();
    }
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

fn without_userinfo(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://...{}", &url[..scheme], &url[at..]),
        (None, Some(at)) => format!("...{}", &url[at..]),
        _ => url.to_owned(),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolve(region: &str, fips: bool, dual_stack: bool) -> String {
        Endpoint::resolve(region, &EndpointOptions { url: None, fips, dual_stack }).unwrap().url()
    }

    #[test]
    #[rustfmt::skip]
    fn every_partition_has_its_four_endpoints() {
        let four = |region| [resolve(region, false, false), resolve(region, true, false),
                             resolve(region, false, true), resolve(region, true, true)];
        // From botocore's resolver.
        for (region, expected) in [
            ("eu-west-1", ["states.eu-west-1.amazonaws.com", "states-fips.eu-west-1.amazonaws.com",
                           "states.eu-west-1.api.aws", "states-fips.eu-west-1.api.aws"]),
            ("cn-north-1", ["states.cn-north-1.amazonaws.com.cn", "states-fips.cn-north-1.amazonaws.com.cn",
                            "states.cn-north-1.api.amazonwebservices.com.cn", "states-fips.cn-north-1.api.amazonwebservices.com.cn"]),
            ("us-gov-west-1", ["states.us-gov-west-1.amazonaws.com", "states.us-gov-west-1.amazonaws.com",
                               "states-fips.us-gov-west-1.api.aws", "states-fips.us-gov-west-1.api.aws"]),
            ("us-gov-east-1", ["states.us-gov-east-1.amazonaws.com", "states-fips.us-gov-east-1.amazonaws.com",
                               "states-fips.us-gov-east-1.api.aws", "states-fips.us-gov-east-1.api.aws"]),
            ("eusc-de-east-1", ["states.eusc-de-east-1.amazonaws.eu", "states-fips.eusc-de-east-1.amazonaws.eu",
                                "states.eusc-de-east-1.api.amazonwebservices.eu", "states-fips.eusc-de-east-1.api.amazonwebservices.eu"]),
            ("us-iso-east-1", ["states.us-iso-east-1.c2s.ic.gov", "states-fips.us-iso-east-1.c2s.ic.gov",
                               "states.us-iso-east-1.api.aws.ic.gov", "states-fips.us-iso-east-1.api.aws.ic.gov"]),
            ("us-isob-east-1", ["states.us-isob-east-1.sc2s.sgov.gov", "states-fips.us-isob-east-1.sc2s.sgov.gov",
                                "states.us-isob-east-1.api.aws.scloud", "states-fips.us-isob-east-1.api.aws.scloud"]),
            ("eu-isoe-west-1", ["states.eu-isoe-west-1.cloud.adc-e.uk", "states-fips.eu-isoe-west-1.cloud.adc-e.uk",
                                "states.eu-isoe-west-1.api.cloud-aws.adc-e.uk", "states-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk"]),
            ("us-isof-south-1", ["states.us-isof-south-1.csp.hci.ic.gov", "states-fips.us-isof-south-1.csp.hci.ic.gov",
                                 "states.us-isof-south-1.api.aws.hci.ic.gov", "states-fips.us-isof-south-1.api.aws.hci.ic.gov"]),
        ] {
            assert_eq!(four(region), expected.map(|host| format!("https://{host}/")));
        }
    }

    #[test]
    fn an_own_endpoint_has_one_spelling() {
        for (url, expected) in [
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
            ("HTTPS://Proxy.Example:443/", "https://proxy.example"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://[::1]", "http://[::1]"),
            (
                "https://vpce-1.states.eu-west-1.vpce.amazonaws.com",
                "https://vpce-1.states.eu-west-1.vpce.amazonaws.com",
            ),
            ("http://local_stack:1", "http://local_stack:1"),
        ] {
            assert_eq!(Endpoint::own(url).unwrap().own_url(), Some(expected));
        }
        assert_eq!(Endpoint::resolve("eu-west-1", &EndpointOptions::default()).unwrap().own_url(), None);
    }

    #[test]
    fn a_url_that_can_not_be_an_endpoint_is_refused_with_the_reason() {
        for (url, reason) in [
            ("localhost:4566", "does not begin with https:// or http://"),
            ("ftp://host", "does not begin with https:// or http://"),
            ("https://host/prod", "holds a path"),
            ("https://host/?a=b", "holds a query"),
            ("https://host#x", "holds a query or a fragment"),
            ("https://host:", "has no valid port"),
            ("https://host:0", "has no valid port"),
            ("https://host:99999", "has no valid port"),
            ("https://", "has no valid host"),
            ("https://:80", "has no valid host"),
            ("https://a b", "has no valid host"),
            ("https://[::g]", "has no valid host"),
        ] {
            let error = Endpoint::own(url).unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn p7_a_password_in_a_url_is_not_shown() {
        let error = Endpoint::own("https://me:sEcReT@host").unwrap_err().to_string();
        assert!(!error.contains("sEcReT") && error.contains("user or a password"), "{error}");
    }

    #[test]
    fn an_own_endpoint_goes_with_neither_fips_nor_dual_stack() {
        let url = Some("http://localhost:1".to_owned());
        let with = |fips, dual_stack| {
            Endpoint::resolve("eu-west-1", &EndpointOptions { url: url.clone(), fips, dual_stack })
        };
        assert_eq!(with(true, false), Err(EndpointError::Combination("FIPS")));
        assert_eq!(with(false, true), Err(EndpointError::Combination("dual-stack")));
        assert!(with(false, false).is_ok());
        let error = Endpoint::resolve("EU west", &EndpointOptions::default()).unwrap_err();
        assert_eq!(error, EndpointError::Region("EU west".into()));
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_accepted_again_unchanged(url in "(https?|x)://[a-zA-Z0-9.:@/\\[\\]_-]{0,24}") {
            if let Ok(endpoint) = Endpoint::own(&url) {
                prop_assert_eq!(Endpoint::own(&endpoint.url()), Ok(endpoint));
            }
        }

        #[test]
        fn no_url_makes_the_parser_panic(url in "\\PC{0,60}") {
            let _ = Endpoint::own(&url).map_err(|e| e.to_string());
        }
    }
}
