//! Whether an origin can be one: a misspelt one would wait for ever for a worker of its own.

use std::str::FromStr;

use super::endpoint::Endpoint;
use crate::Origin;
use crate::partition::{is_label, partition_of};

/// Why a text is no origin: what is wrong with it, and what to do, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OriginError(String);

impl FromStr for Origin {
    type Err = OriginError;

    /// Reads `partition/region/account`, with an endpoint of one's own behind that if there is one, however its URL is spelt.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let parts: Vec<_> = text.splitn(4, '/').collect();
        let [partition, region, account, endpoint @ ..] = parts.as_slice() else {
            return Err(OriginError(format!("an origin is partition/region/account, not {text:?}")));
        };
        let own = endpoint.first().and_then(|url| Endpoint::own(url).ok());
        let endpoint = own.as_ref().and_then(Endpoint::own_url).or(endpoint.first().copied());
        let origin = Origin::written(partition, region, account, endpoint);
        check_origin(&origin).map(|()| origin)
    }
}

/// Whether it can be one. It may come from a letter of another process, which wrote what it liked.
pub(crate) fn check_origin(origin: &Origin) -> Result<(), OriginError> {
    check(origin.as_str()).map_err(OriginError)
}

fn check(origin: &str) -> Result<(), String> {
    let parts: Vec<_> = origin.splitn(4, '/').collect();
    let [partition, region, account, endpoint @ ..] = parts.as_slice() else {
        return Err(format!("an origin is partition/region/account, not {origin:?}"));
    };
    let endpoint = endpoint.first();
    // Behind an endpoint of one's own a region may have any name.
    if !is_label(region) || (endpoint.is_none() && !is_region(region)) {
        return Err(format!("{region:?} is no region: give one as AWS writes it, for instance eu-west-1"));
    }
    if *partition != partition_of(region) {
        let its = partition_of(region);
        return Err(format!("region {region} is of the partition {its}, not {partition:?}"));
    }
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("the account {account:?} is not 12 digits, without blanks and dashes"));
    }
    match endpoint.map(|url| (url, Endpoint::own(url))) {
        Some((url, Err(error))) => Err(format!("the origin's endpoint {url:?}: {error}")),
        Some((url, Ok(own))) if own.own_url() != Some(*url) => {
            Err(format!("the origin's endpoint {url:?} is written {}", own.own_url().unwrap_or_default()))
        }
        _ => Ok(()),
    }
}

/// Whether a text is written as AWS writes its regions, `eu-west-1`, `us-gov-east-1`, `eusc-de-east-1`: words, the first of at
/// least two letters, and a number.
pub fn is_region(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return false };
    is_label(text)
        && first.len() >= 2
        && first.bytes().all(|b| b.is_ascii_lowercase())
        && !middle.is_empty()
        && middle.iter().all(|part| !part.is_empty())
        && !last.is_empty()
        && last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_26_regions_are_told_from_what_is_none() {
        for region in
            ["eu-west-1", "ap-southeast-7", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1", "cn-north-1"]
        {
            assert!(is_region(region), "{region}");
        }
        for none in [
            "",
            "eu",
            "eu-west",
            "EU-west-1",
            "Ireland",
            "eu_west_1",
            "eu-west-1a",
            "eu--1",
            "-west-1",
            "eu-west-",
        ] {
            assert!(!is_region(none), "{none}");
        }
    }

    #[test]
    fn field_26_an_origin_is_refused_with_what_is_wrong_with_it() {
        for good in [
            "aws/eu-west-1/123456789012",
            "aws-cn/cn-north-1/123456789012",
            "aws-us-gov/us-gov-west-1/123456789012",
            "aws/local/000000000000/http://127.0.0.1:4566",
        ] {
            assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("aws/eu-west-1/1234-5678-9012", "12 digits"),
            ("aws/eu-west-1/١٢٣٤٥٦٧٨٩٠١٢", "12 digits"),
            ("aws/local/123456789012", "region"),
            ("aws-cn/eu-west-1/123456789012", "partition"),
            ("AWS/eu-west-1/123456789012", "partition"),
            ("aws/eu-west-1/123456789012/localhost", "endpoint"),
            ("aws/eu-west-1/123456789012/", "endpoint"),
        ] {
            let error = bad.parse::<Origin>().unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn an_endpoint_has_one_spelling_and_a_letter_with_another_is_refused() {
        let spelt = "aws/eu-west-1/123456789012/http://Localhost:80/";
        assert_eq!(spelt.parse::<Origin>().unwrap().as_str(), "aws/eu-west-1/123456789012/http://localhost");
        let letter = Origin::written("aws", "eu-west-1", "123456789012", Some("http://Localhost:80/"));
        assert!(check_origin(&letter).unwrap_err().to_string().contains("is written http://localhost"));
    }
}
