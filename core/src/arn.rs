//! Activity ARNs.

use std::fmt;
use std::str::FromStr;

use crate::partition::{is_label, is_partition, partition_of};

/// The longest ARN. Source: API reference, `GetActivityTask`.
const ARN_MAX: usize = 256;
/// The longest activity name, in characters. Source: API reference, `CreateActivity`.
const NAME_MAX: usize = 80;

/// The ARN of an activity, `arn:<partition>:states:<region>:<account>:activity:<name>`, of at most 256 bytes.
///
/// ```
/// # use activity_worker::aws::ActivityArn;
/// let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:label-parcel")?;
/// assert_eq!((arn.region(), arn.name()), ("eu-west-1", "label-parcel"));
/// # Ok::<(), activity_worker::aws::ArnError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActivityArn(heapless::String<ARN_MAX>);

/// Why a text is no activity ARN: the first part that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArnError {
    /// Empty, or over 256 bytes.
    #[error("an activity ARN has 1 to 256 bytes, this has {0}")]
    Length(usize),
    /// Not seven parts with colons between them, the first of them `arn`.
    #[error("not an activity ARN: expected arn:PARTITION:states:REGION:ACCOUNT:activity:NAME")]
    Shape,
    /// The partition is none whose endpoints are known: `aws`, `aws-cn`, and so on.
    #[error(
        "the ARN's partition {0:?} is none of those known here: aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f"
    )]
    Partition(String),
    /// The region is one of another partition: requests would go to somebody who knows nothing of the activity.
    #[error(
        "the ARN's partition is {partition}, and its region {region} is one of {home}: one of the two is wrong"
    )]
    Elsewhere {
        /// The partition in the ARN.
        partition: String,
        /// The region in the ARN.
        region: String,
        /// The partition that has this region.
        home: &'static str,
    },
    /// The ARN of another service.
    #[error("the ARN belongs to the service {0:?}, not to states (Step Functions)")]
    Service(String),
    /// The region is empty or holds other characters than `a` to `z`, digits and `-`.
    #[error("the ARN's region {0:?} is not a region")]
    Region(String),
    /// The account is not 12 digits.
    #[error("the ARN's account {0:?} is not 12 digits")]
    Account(String),
    /// The ARN of something else, a state machine for instance.
    #[error("the ARN names a {0:?}, not an activity")]
    Kind(String),
    /// The name is empty or over 80 characters.
    #[error("the activity's name in the ARN has {0} characters, it may have 1 to 80")]
    NameLength(usize),
    /// The name holds a character that the service does not allow.
    #[error("the activity's name in the ARN can't hold {0:?}")]
    NameCharacter(char),
}

impl ActivityArn {
    /// Parses an ARN.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let whole = heapless::String::try_from(text).map_err(|_| ArnError::Length(text.len()))?;
        if text.is_empty() {
            return Err(ArnError::Length(0));
        }
        let mut parts = text.splitn(7, ':');
        let mut next = || parts.next().ok_or(ArnError::Shape);
        let [arn, partition, service, region, account, kind, name] =
            [next()?, next()?, next()?, next()?, next()?, next()?, next()?];
        if arn != "arn" {
            return Err(ArnError::Shape);
        }
        if !is_partition(partition) {
            return Err(ArnError::Partition(partition.to_owned()));
        }
        if service != "states" {
            return Err(ArnError::Service(service.to_owned()));
        }
        if !is_label(region) {
            return Err(ArnError::Region(region.to_owned()));
        }
        let home = partition_of(region);
        if partition != home {
            let (partition, region) = (partition.to_owned(), region.to_owned());
            return Err(ArnError::Elsewhere { partition, region, home });
        }
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ArnError::Account(account.to_owned()));
        }
        if kind != "activity" {
            return Err(ArnError::Kind(kind.to_owned()));
        }
        if let Some(c) = name.chars().find(|c| !allowed_in_names(*c)) {
            return Err(ArnError::NameCharacter(c));
        }
        match name.chars().count() {
            1..=NAME_MAX => Ok(ActivityArn(whole)),
            n => Err(ArnError::NameLength(n)),
        }
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `aws`, `aws-cn`, ...
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The region.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account, 12 digits.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// The activity's name.
    pub fn name(&self) -> &str {
        self.part(6)
    }

    /// A parsed ARN has seven parts, and no part holds a colon.
    fn part(&self, n: usize) -> &str {
        self.0.split(':').nth(n).unwrap_or_default()
    }
}

impl FromStr for ActivityArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        ActivityArn::parse(text)
    }
}

impl fmt::Display for ActivityArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ActivityArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the service allows `c` in the names of activities and workers.
pub(crate) fn allowed_in_names(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"<>{}[]?*\"#%\\^|~`$&,;:/".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "arn:aws-us-gov:states:us-gov-west-1:123456789012:activity:Grüße.v2";

    #[test]
    fn an_arn_gives_its_parts() {
        let arn = ActivityArn::parse(GOOD).unwrap();
        assert_eq!(
            (arn.partition(), arn.region(), arn.account(), arn.name()),
            ("aws-us-gov", "us-gov-west-1", "123456789012", "Grüße.v2")
        );
        assert_eq!(arn.as_str(), GOOD);
    }

    #[test]
    fn the_error_says_which_part_is_wrong() {
        let swap = |from: &str, to: &str| ActivityArn::parse(&GOOD.replace(from, to)).unwrap_err();
        assert_eq!(ActivityArn::parse(""), Err(ArnError::Length(0)));
        assert_eq!(ActivityArn::parse(&"x".repeat(257)), Err(ArnError::Length(257)));
        assert_eq!(ActivityArn::parse("label-parcel"), Err(ArnError::Shape));
        assert_eq!(
            ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity"),
            Err(ArnError::Shape)
        );
        assert_eq!(swap("arn:", "ARN:"), ArnError::Shape);
        assert_eq!(swap("aws-us-gov", "gcp"), ArnError::Partition("gcp".into()));
        assert_eq!(swap("states", "sqs"), ArnError::Service("sqs".into()));
        assert_eq!(swap("us-gov-west-1:", ":"), ArnError::Region(String::new()));
        assert_eq!(swap("us-gov-west-1:", "EU:"), ArnError::Region("EU".into()));
        assert_eq!(swap("123456789012", "1234"), ArnError::Account("1234".into()));
        assert_eq!(swap("activity", "stateMachine"), ArnError::Kind("stateMachine".into()));
        assert_eq!(swap("Grüße.v2", ""), ArnError::NameLength(0));
        assert_eq!(swap("Grüße.v2", &"x".repeat(81)), ArnError::NameLength(81));
        assert_eq!(swap("Grüße.v2", "a:b"), ArnError::NameCharacter(':'));
        assert_eq!(swap("Grüße.v2", "a b"), ArnError::NameCharacter(' '));
    }

    #[test]
    fn field_14_a_partition_has_its_own_regions_only() {
        let regions = [
            ("aws", "eu-west-1"),
            ("aws", "us-east-1"),
            ("aws-cn", "cn-north-1"),
            ("aws-us-gov", "us-gov-west-1"),
            ("aws-eusc", "eusc-de-east-1"),
            ("aws-iso", "us-iso-east-1"),
            ("aws-iso-b", "us-isob-east-1"),
            ("aws-iso-e", "eu-isoe-west-1"),
            ("aws-iso-f", "us-isof-south-1"),
        ];
        for (partition, _) in regions {
            for (home, region) in regions {
                let text = format!("arn:{partition}:states:{region}:123456789012:activity:a");
                match ActivityArn::parse(&text) {
                    Ok(_) => assert_eq!(partition, home, "{text}"),
                    Err(e) => {
                        let elsewhere =
                            ArnError::Elsewhere { partition: partition.into(), region: region.into(), home };
                        assert_eq!((e.clone(), partition == home), (elsewhere, false));
                        let said = format!(
                            "the ARN's partition is {partition}, and its region {region} is one of {home}"
                        );
                        assert!(e.to_string().starts_with(&said), "{e}");
                    }
                }
            }
        }
        let unknown = ActivityArn::parse("arn:aws-iso-z:states:eu-west-1:123456789012:activity:a");
        assert_eq!(unknown, Err(ArnError::Partition("aws-iso-z".into())));
    }

    proptest! {
        #[test]
        fn whatever_parses_is_made_of_its_parts(text in "(arn|x)?:(aws(-cn)?)?:(states)?:[a-z0-9-]{0,9}:[0-9]{11,13}:(activity)?:\\PC{0,12}") {
            if let Ok(arn) = ActivityArn::parse(&text) {
                let parts = format!(
                    "arn:{}:states:{}:{}:activity:{}", arn.partition(), arn.region(), arn.account(), arn.name()
                );
                prop_assert_eq!(parts, text);
                prop_assert!(!arn.name().is_empty());
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,300}") {
            let _ = ActivityArn::parse(&text).map_err(|e| e.to_string());
        }
    }
}
