//! Regions and the partitions that they belong to, by their names.
//!
//! Source: `partitions.json`, as the AWS SDKs carry it.

/// A group of regions with names and hosts of its own.
pub(crate) struct Partition {
    pub(crate) id: &'static str,
    /// How the names of its regions begin.
    regions: &'static str,
    pub(crate) suffix: &'static str,
    pub(crate) dual_stack_suffix: &'static str,
}

/// All partitions but `aws`, whose regions have no common beginning.
#[rustfmt::skip]
const PARTITIONS: &[Partition] = &[
    Partition { id: "aws-cn",     regions: "cn-",      suffix: "amazonaws.com.cn", dual_stack_suffix: "api.amazonwebservices.com.cn" },
    Partition { id: "aws-us-gov", regions: "us-gov-",  suffix: "amazonaws.com",    dual_stack_suffix: "api.aws" },
    Partition { id: "aws-eusc",   regions: "eusc-",    suffix: "amazonaws.eu",     dual_stack_suffix: "api.amazonwebservices.eu" },
    Partition { id: "aws-iso",    regions: "us-iso-",  suffix: "c2s.ic.gov",       dual_stack_suffix: "api.aws.ic.gov" },
    Partition { id: "aws-iso-b",  regions: "us-isob-", suffix: "sc2s.sgov.gov",    dual_stack_suffix: "api.aws.scloud" },
    Partition { id: "aws-iso-e",  regions: "eu-isoe-", suffix: "cloud.adc-e.uk",   dual_stack_suffix: "api.cloud-aws.adc-e.uk" },
    Partition { id: "aws-iso-f",  regions: "us-isof-", suffix: "csp.hci.ic.gov",   dual_stack_suffix: "api.aws.hci.ic.gov" },
];
#[rustfmt::skip]
const AWS: Partition =
    Partition { id: "aws",        regions: "",         suffix: "amazonaws.com",    dual_stack_suffix: "api.aws" };

impl Partition {
    pub(crate) fn of(region: &str) -> &'static Partition {
        PARTITIONS.iter().find(|p| region.starts_with(p.regions)).unwrap_or(&AWS)
    }
}

/// The partition that a region belongs to, by its name: `aws-cn` for `cn-north-1`. `aws` for a region of no other partition.
pub fn partition_of(region: &str) -> &'static str {
    Partition::of(region).id
}

/// Whether there is a partition of this name.
pub(crate) fn is_partition(name: &str) -> bool {
    name == AWS.id || PARTITIONS.iter().any(|partition| partition.id == name)
}

/// Whether `text` can stand between two dots of a host name, in lower case. Regions and partitions are such labels.
pub(crate) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_tells_its_partition() {
        let pairs = [
            ("eu-west-1", "aws"),
            ("mx-central-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-isob-west-1", "aws-iso-b"),
        ];
        for (region, partition) in pairs {
            assert_eq!(partition_of(region), partition);
        }
    }
}
