//! The Regions of AWS and the partitions that they belong to.
//!
//! A list rather than a pattern: a mistyped Region would otherwise be found only when the first call to it
//! fails.

/// One Region.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// Code such as `eu-west-1`.
    pub name: &'static str,
    /// Partition, as in ARNs.
    pub partition: &'static str,
}

/// Partitions, as in ARNs.
pub const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"];

const fn aws(name: &'static str) -> Known {
    Known { name, partition: "aws" }
}

const fn of(partition: &'static str, name: &'static str) -> Known {
    Known { name, partition }
}

/// Every Region, opt-in ones included.
const REGIONS: &[Known] = &[
    aws("af-south-1"),
    aws("ap-east-1"),
    aws("ap-east-2"),
    aws("ap-northeast-1"),
    aws("ap-northeast-2"),
    aws("ap-northeast-3"),
    aws("ap-south-1"),
    aws("ap-south-2"),
    aws("ap-southeast-1"),
    aws("ap-southeast-2"),
    aws("ap-southeast-3"),
    aws("ap-southeast-4"),
    aws("ap-southeast-5"),
    aws("ap-southeast-6"),
    aws("ap-southeast-7"),
    aws("ca-central-1"),
    aws("ca-west-1"),
    aws("eu-central-1"),
    aws("eu-central-2"),
    aws("eu-north-1"),
    aws("eu-south-1"),
    aws("eu-south-2"),
    aws("eu-west-1"),
    aws("eu-west-2"),
    aws("eu-west-3"),
    aws("il-central-1"),
    aws("me-central-1"),
    aws("me-south-1"),
    aws("mx-central-1"),
    aws("sa-east-1"),
    aws("us-east-1"),
    aws("us-east-2"),
    aws("us-west-1"),
    aws("us-west-2"),
    of("aws-cn", "cn-north-1"),
    of("aws-cn", "cn-northwest-1"),
    of("aws-us-gov", "us-gov-east-1"),
    of("aws-us-gov", "us-gov-west-1"),
    of("aws-eusc", "eusc-de-east-1"),
    of("aws-iso", "us-iso-east-1"),
    of("aws-iso", "us-iso-west-1"),
    of("aws-iso-b", "us-isob-east-1"),
    of("aws-iso-b", "us-isob-west-1"),
    of("aws-iso-e", "eu-isoe-west-1"),
    of("aws-iso-f", "us-isof-east-1"),
    of("aws-iso-f", "us-isof-south-1"),
];

/// The Region of this code.
pub fn find(name: &str) -> Option<&'static Known> {
    REGIONS.iter().find(|known| known.name == name)
}

/// All codes.
pub fn names() -> impl Iterator<Item = &'static str> {
    REGIONS.iter().map(|known| known.name)
}
