//! The texts of a plan file that have a form of their own.

use crate::code::{self, Code};
use crate::problem::{Problems, quoted};
use crate::region;
use crate::scalar::{Rule, Text, Vocabulary, Word, consists_of};
use crate::shape::{Shape, scalar};
use crate::tree::Node;
use schemars::{Schema, SchemaGenerator, json_schema};
use wavetrain_model::expression::LONGEST;
use wavetrain_model::fleet::{Architecture, Platform};
use wavetrain_model::guardrail::{Effect, Moment};
use wavetrain_model::recipe::ANY;
use wavetrain_model::spec::{InstallMode, InsufficientData, Per, Reaction, Worse};

macro_rules! rule {
    (
        $(#[doc = $doc:literal])*
        $name:ident = $noun:literal, $code:ident, $pattern:literal, $help:literal, $holds:expr
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Rule for $name {
            const NOUN: &'static str = $noun;
            const CODE: Code = code::$code;
            const PATTERN: &'static str = $pattern;
            const HELP: &'static str = $help;
            fn holds(text: &str) -> bool {
                let holds: fn(&str) -> bool = $holds;
                holds(text)
            }
        }
    };
}

fn is_printed(character: char) -> bool {
    !character.is_control() || matches!(character, '\n' | '\t')
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

rule! {
    /// Name of a rollout, a wave or a gate: part of metric labels, file names and command lines.
    Name = "a name", NAME, "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    "use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or a digit",
    |text| consists_of(text, 1, 64, is_plain) && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

rule! {
    /// `Name` of CreateDocument.
    PackageName = "the name of a Distributor package", PACKAGE_NAME, "^[A-Za-z0-9._-]{3,128}$",
    "use the document's name (3 to 128 letters, digits, `.`, `_` and `-`), not its ARN: the ARN follows from `owner`",
    |text| consists_of(text, 3, 128, is_plain)
}

rule! {
    /// `AssociationName` of CreateAssociation.
    AssociationName = "the name of an association", ASSOCIATION_NAME, "^[A-Za-z0-9._-]{3,128}$",
    "use 3 to 128 letters, digits, `.`, `_` and `-`",
    |text| consists_of(text, 3, 128, is_plain) && !text.starts_with("wavetrain.")
}

rule! {
    /// `all`, or an `AssociationId`.
    AllowedAssociation = "`all` or the id of an association", ASSOCIATION_ID,
    "^(all|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$",
    "write `all`, or the ids that the refusal shows",
    |text| text == "all" || {
        let parts: Vec<usize> = text.split('-').map(str::len).collect();
        parts == [8, 4, 4, 4, 12]
            && consists_of(text, 36, 36, |letter| letter.is_ascii_digit() || ('a'..='f').contains(&letter) || letter == '-')
    }
}

rule! {
    /// `ScheduleExpression` of CreateAssociation.
    ScheduleExpression = "a schedule", SCHEDULE, "^(rate\\([1-9][0-9]* (minutes?|hours?|days?)\\)|cron\\([^()]{11,100}\\))$",
    "write `rate(N minutes|hours|days)` from 30 minutes to 30 days, or `cron(…)` with six fields",
    is_schedule
}

rule! {
    /// `MaxConcurrency` of CreateAssociation.
    MaxConcurrency = "a number of nodes or a percentage", RATE_CONTROL, "^([1-9][0-9]{0,6}|[1-9][0-9]?%|100%)$",
    "write a whole number from 1 on, or a whole percentage from 1% to 100%",
    |text| is_rate(text, 1)
}

rule! {
    /// `MaxErrors` of CreateAssociation.
    MaxErrors = "a number of errors or a percentage", RATE_CONTROL, "^(0|[1-9][0-9]{0,6}|[0-9]%|[1-9][0-9]%|100%)$",
    "write a whole number from 0 on, or a whole percentage from 0% to 100%",
    |text| is_rate(text, 0)
}

rule! {
    /// `OutputS3BucketName`.
    Bucket = "the name of an S3 bucket", BUCKET, "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
    "a bucket has 3 to 63 lower-case letters, digits, `.` and `-`",
    |text| consists_of(text, 3, 63, |letter| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '.' | '-')
    }) && !text.starts_with(['.', '-']) && !text.ends_with(['.', '-'])
}

rule! {
    /// `OutputS3KeyPrefix`.
    BucketPrefix = "the beginning of a key", TEXT, "^[^\\x00-\\x1f]{1,500}$",
    "write 1 to 500 characters on one line",
    |text| consists_of(text, 1, 500, |character| !character.is_control())
}

fn is_rate(text: &str, least: u32) -> bool {
    let (number, most) = text.strip_suffix('%').map_or((text, 9_999_999), |number| (number, 100));
    let is_plain = consists_of(number, 1, 7, |digit| digit.is_ascii_digit())
        && (number == "0" || !number.starts_with('0'));
    is_plain && number.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number))
}

/// What State Manager takes as far as a plan file can know: rates from half an hour to 30 days, cron with six fields.
fn is_schedule(text: &str) -> bool {
    let inside = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(rate) = inside("rate") {
        let Some((number, unit)) = rate.split_once(' ') else { return false };
        let minutes = match unit {
            "minute" | "minutes" => 1,
            "hour" | "hours" => 60,
            "day" | "days" => 24 * 60,
            _ => return false,
        };
        let is_number = consists_of(number, 1, 5, |digit| digit.is_ascii_digit()) && !number.starts_with('0');
        let length = number.parse::<u32>().map_or(0, |number| number.saturating_mul(minutes));
        return is_number && (30..=30 * 24 * 60).contains(&length);
    }
    inside("cron").is_some_and(|fields| {
        fields.split(' ').count() == 6
            && fields.split(' ').all(|field| {
                consists_of(field, 1, 30, |letter| {
                    letter.is_ascii_alphanumeric() || matches!(letter, '*' | '?' | ',' | '-' | '/' | '#')
                })
            })
    })
}

rule! {
    /// `VersionName` of CreateDocument.
    VersionName = "a version name", VERSION_NAME, "^[A-Za-z0-9._-]{1,128}$",
    "use the VersionName that the package was published with: 1 to 128 letters, digits, `.`, `_` and `-`",
    |text| consists_of(text, 1, 128, is_plain) && text != "." && text != ".."
}

rule! {
    /// An AWS account.
    Account = "an account id", ACCOUNT, "^[0-9]{12}$",
    "an account id has twelve digits; keep it in quotes, so that no tool drops a leading zero",
    |text| consists_of(text, 12, 12, |digit| digit.is_ascii_digit())
}

rule! {
    /// `ParentId` of ListAccountsForParent.
    Unit = "a unit of an organization", UNIT, "^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})$",
    "write the id that AWS Organizations shows: `ou-…-…` of a unit, `r-…` of the root",
    |text| {
        let is_id = |text: &str, least| {
            consists_of(text, least, 32, |letter| letter.is_ascii_digit() || letter.is_ascii_lowercase())
        };
        let unit = text.strip_prefix("ou-").and_then(|rest| rest.split_once('-'));
        unit.is_some_and(|(root, unit)| is_id(root, 4) && is_id(unit, 8))
            || text.strip_prefix("r-").is_some_and(|root| is_id(root, 4))
    }
}

rule! {
    /// Key of `additionalArguments`.
    ArgumentKey = "a key of install arguments", ARGUMENT_KEY, "^SSM_[A-Za-z0-9_]{1,124}$",
    "the agent accepts only keys that begin with `SSM_`, followed by letters, digits and `_`",
    |text| text.strip_prefix("SSM_").is_some_and(|rest| {
        consists_of(rest, 1, 124, |character| character.is_ascii_alphanumeric() || character == '_')
    })
}

rule! {
    /// Value of `additionalArguments`.
    ArgumentValue = "an argument of at most 4096 characters without control characters", TEXT, "^[^\\x00-\\x1f]{0,4096}$",
    "write one line; longer settings belong in Parameter Store, as `{{ssm:/path}}`",
    |text| consists_of(text, 0, 4096, |character| !character.is_control())
}

rule! {
    /// A shell or PowerShell command; may have several lines.
    Command = "a command of 1 to 8192 characters", TEXT, "^[\\s\\S]{1,8192}$",
    "write the command that prints the product's version, and nothing else",
    |text| !text.trim().is_empty() && consists_of(text, 1, 8192, |character| {
        !character.is_control() || matches!(character, '\n' | '\t')
    })
}

rule! {
    /// How a print corresponds to a VersionName.
    Expectation = "a pattern of what the probe prints", EXPECT, "\\{version(_without_revision)?\\}",
    "write what the probe prints, with `{version}` or `{version_without_revision}` where the version stands",
    |text| {
        let rest = text.replace("{version_without_revision}", "").replace("{version}", "");
        rest != text && consists_of(text, 1, 256, |character| !character.is_control()) && !rest.contains(['{', '}'])
    }
}

rule! {
    /// `ComplianceType` of SSM.
    ComplianceType = "a compliance type", COMPLIANCE_TYPE, "^(Association|Patch|Custom:[A-Za-z0-9_-][A-Za-z0-9_]{1,92})$",
    "write `Association`, `Patch`, or `Custom:` and a name of 2 to 93 letters, digits and `_`",
    |text| match text.strip_prefix("Custom:") {
        None => matches!(text, "Association" | "Patch"),
        Some(name) => {
            let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
            let name = name.strip_prefix('-').map_or_else(|| name.to_owned(), |rest| format!("_{rest}"));
            consists_of(&name, 2, 93, is_word)
        }
    }
}

rule! {
    /// A `ComplianceType` that is anybody's.
    CustomType = "a custom compliance type", COMPLIANCE_TYPE, "^Custom:[A-Za-z0-9_][A-Za-z0-9_]{1,92}$",
    "write `Custom:` and a name of 2 to 93 letters, digits and `_`",
    |text| text.strip_prefix("Custom:").is_some_and(|name| {
        consists_of(name, 2, 93, |character| character.is_ascii_alphanumeric() || character == '_')
    })
}

rule! {
    /// `Severity` of SSM's compliance.
    SeverityWord = "a severity", COMPLIANCE_TYPE, "^(CRITICAL|HIGH|MEDIUM|LOW|INFORMATIONAL)$",
    "write `CRITICAL`, `HIGH`, `MEDIUM`, `LOW` or `INFORMATIONAL`; what has no severity always counts",
    |text| matches!(text, "CRITICAL" | "HIGH" | "MEDIUM" | "LOW" | "INFORMATIONAL")
}

rule! {
    /// `ExternalId` of AssumeRole.
    ExternalId = "an external id", EXTERNAL_ID, "^[A-Za-z0-9_+=,.@:/-]{2,1224}$",
    "an external id has 2 to 1224 letters, digits and `_+=,.@:/-`",
    |text| consists_of(text, 2, 1224, |character| {
        character.is_ascii_alphanumeric() || "_+=,.@:/-".contains(character)
    })
}

rule! {
    /// ARN of a role, with `{account}` in it.
    RoleTemplate = "a role ARN with `{account}` for the account", ROLE,
    "^arn:aws[a-z-]*:iam::\\{account\\}:role/[A-Za-z0-9_+=,.@/-]{1,512}$",
    "write it as `arn:aws:iam::{account}:role/NAME`; every account has a role of this name",
    is_role_template
}

rule! {
    /// Key of a tag.
    TagKey = "a tag key", TAG, "^[^\\x00-\\x1f]{1,128}$",
    "a tag key has 1 to 128 characters",
    |text| consists_of(text, 1, 128, |character| !character.is_control())
}

rule! {
    /// Value of a tag.
    TagValue = "a tag value", TAG, "^[^\\x00-\\x1f]{0,256}$",
    "a tag value has at most 256 characters",
    |text| consists_of(text, 0, 256, |character| !character.is_control())
}

rule! {
    /// A managed node, EC2 or hybrid.
    NodeName = "a node id", NODE, "^(i-[0-9a-f]{8}|i-[0-9a-f]{17}|mi-[0-9a-f]{17})$",
    "a node id is `i-` with 8 or 17 hexadecimal digits, or `mi-` with 17",
    is_node_id
}

rule! {
    /// Version of the SSM agent.
    AgentVersion = "an SSM agent version", AGENT_VERSION, "^[0-9]{1,9}(\\.[0-9]{1,9}){3}$",
    "write four numbers with dots, such as `3.1.1374.0`",
    |text| {
        let is_number = |part: &str| consists_of(part, 1, 9, |digit| digit.is_ascii_digit());
        text.split('.').count() == 4 && text.split('.').all(is_number)
    }
}

rule! {
    /// A person or a group; recorded, not resolved.
    Approver = "a name of a person or group", TEXT, "^[^\\x00-\\x1f]{1,128}$",
    "write 1 to 128 characters on one line",
    |text| !text.trim().is_empty() && consists_of(text, 1, 128, |character| !character.is_control())
}

rule! {
    /// `AlarmName` of PutMetricAlarm, or a prefix of one.
    AlarmName = "an alarm name", ALARM_NAME, "^[^\\x00-\\x1f]{1,255}$",
    "an alarm name (or prefix) has 1 to 255 characters",
    |text| consists_of(text, 1, 255, |character| !character.is_control())
}

rule! {
    /// A condition in the Common Expression Language; that it parses is for a check to see.
    CelText = "a condition", CONDITION, "^[^\\x00-\\x08\\x0b-\\x1f]{1,1000}$",
    "write a condition of 1 to 1000 characters, such as `value > 5`",
    |text| text.len() <= LONGEST && consists_of(text, 1, LONGEST, is_printed)
}

rule! {
    /// Where a policy file is: beside the plan file or above it. What leads out of there is refused.
    FilePath = "a path of a policy file", FILE_PATH, "^[^\\x00-\\x1f\\\\]{1,1024}$",
    "write a path such as `policies/waves/cautious.yaml`, without `..` and with `/` between folders",
    |text| consists_of(text, 1, 1024, |character| !character.is_control() && character != '\\')
        && text.split('/').all(|part| part != "..")
        && !text.ends_with('/')
}

rule! {
    /// Name of a time zone in the IANA database; whether there is one, its keeper says.
    ZoneName = "the name of a time zone", ZONE, "^[A-Za-z][A-Za-z0-9_+/-]{0,63}$",
    "write a name such as `UTC` or `Europe/Berlin`",
    |text| text.starts_with(|first: char| first.is_ascii_alphabetic())
        && consists_of(text, 1, 64, |letter| letter.is_ascii_alphanumeric() || "_+/-".contains(letter))
}

rule! {
    /// Why a guardrail is there.
    MessageText = "a message", TEXT, "^[^\\x00-\\x1f]{1,300}$",
    "write one line of 1 to 300 characters",
    |text| !text.trim().is_empty() && consists_of(text, 1, 300, |character| !character.is_control())
}

rule! {
    /// `Name` of an attachment, restricted to zips.
    ZipName = "the name of a zip", ZIP_NAME, "^[A-Za-z0-9._-]{1,124}\\.zip$",
    "use 3 to 128 letters, digits, `.`, `_` and `-`, ending in `.zip`",
    |text| text.strip_suffix(".zip").is_some_and(|stem| consists_of(stem, 1, 124, is_plain))
}

rule! {
    /// A folder beside `package.yaml` or below it.
    SourceFolder = "a folder beside this file", SOURCE_FOLDER, "^[^\\x00-\\x1f\\\\/][^\\x00-\\x1f\\\\]{0,255}$",
    "write a path such as `linux` or `payload/linux`, without `..` and with `/` between folders",
    |text| consists_of(text, 1, 256, |character| !character.is_control() && character != '\\' && character != ':')
        && text.trim_end_matches('/').split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

rule! {
    /// Key of a manifest's `packages`.
    PlatformCode = "a platform code", PLATFORM_CODE, "^[a-z_][a-z0-9_.-]{0,63}$",
    "write a code such as `amazon`, `ubuntu`, `debian`, `redhat`, `suse` or `windows`, in lower case",
    |text| consists_of(text, 1, 64, |character| is_plain(character) && !character.is_ascii_uppercase())
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
}

rule! {
    /// Key below a platform.
    PlatformVersion = "a platform's version", PLATFORM_CODE, "^[A-Za-z0-9._*-]{1,64}$",
    "write the system's `VERSION_ID` in quotes, such as `\"22.04\"`, a family such as `\"9.*\"`, or `_any`",
    |text| consists_of(text, 1, 64, |character| is_plain(character) || character == '*')
        && text.strip_suffix(".*").unwrap_or(text).bytes().all(|byte| byte != b'*')
}

rule! {
    /// Code of a finding of `package lint`.
    FindingCode = "the code of a finding", FINDING_CODE, "^L[0-9]{4}$",
    "write a code that `wavetrain package lint` prints, such as `L0301`",
    |text| text.strip_prefix('L').is_some_and(|rest| consists_of(rest, 4, 4, |digit| digit.is_ascii_digit()))
}

rule! {
    /// `Expression` of GetMetricData.
    MathText = "a metric expression", METRIC_TEXT, "^[^\\x00-\\x08\\x0b-\\x1f]{1,2048}$",
    "a metric expression has 1 to 2048 characters",
    |text| consists_of(text, 1, 2048, is_printed)
}

rule! {
    /// PromQL.
    QueryText = "a query", QUERY, "^[^\\x00-\\x08\\x0b-\\x1f]{1,4096}$",
    "a query has 1 to 4096 characters",
    |text| consists_of(text, 1, 4096, is_printed)
}

rule! {
    /// Where a server is.
    UrlText = "a URL", URL, "^https?://[A-Za-z0-9.:\\[\\]_-]{1,255}(/[!-~]{0,1000})?$",
    "write `https://host[:port][/path]`, without user and password; a token stands in the environment (`token_env`)",
    is_url
}

rule! {
    /// Name of an environment variable.
    VariableName = "the name of an environment variable", VARIABLE, "^[A-Za-z_][A-Za-z0-9_]{0,127}$",
    "a name has letters, digits and `_`; the token itself does not belong in a plan file",
    |text| consists_of(text, 1, 128, |character| character.is_ascii_alphanumeric() || character == '_')
        && !text.starts_with(|first: char| first.is_ascii_digit())
}

rule! {
    /// `Id` of GetMetricData.
    QueryId = "the id of a query", METRIC_TEXT, "^[a-z][A-Za-z0-9_]{0,254}$",
    "an id begins with a lower-case letter and has letters, digits and `_`",
    |text| consists_of(text, 1, 255, |character| character.is_ascii_alphanumeric() || character == '_')
        && text.starts_with(|first: char| first.is_ascii_lowercase())
}

rule! {
    /// `Namespace` of a metric.
    NamespaceText = "a namespace", METRIC_TEXT, "^[A-Za-z0-9._/#:\\- ]{1,255}$",
    "a namespace has 1 to 255 letters, digits and `._/#:-`",
    |text| consists_of(text, 1, 255, |character| character.is_ascii_alphanumeric() || "._/#:- ".contains(character))
        && !text.starts_with(':')
}

rule! {
    /// `MetricName`.
    MetricText = "a metric's name", METRIC_TEXT, "^[^\\x00-\\x1f]{1,255}$",
    "a metric's name has 1 to 255 characters",
    |text| consists_of(text, 1, 255, |character| !character.is_control())
}

rule! {
    /// Name or value of a dimension.
    DimensionText = "a dimension", METRIC_TEXT, "^[^\\x00-\\x1f]{1,255}$",
    "a dimension's name or value has 1 to 255 characters",
    |text| consists_of(text, 1, 255, |character| !character.is_control())
}

rule! {
    /// `Stat` of GetMetricData.
    Statistic = "a statistic", METRIC_TEXT, "^[A-Za-z][A-Za-z0-9.:%()]{0,63}$",
    "write `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`",
    |text| consists_of(text, 1, 64, |character| character.is_ascii_alphanumeric() || ".:%()".contains(character))
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
}

rule! {
    /// `3x`.
    Pace = "a pace", PACE, "^([1-9]|10)x$",
    "write a multiple of the forward concurrency from `1x` to `10x`",
    |text| text.strip_suffix('x').is_some_and(|times| {
        times.len() <= 2 && !times.starts_with(['0', '+']) && matches!(times.parse::<u32>(), Ok(1..=10))
    })
}

rule! {
    /// The plan file's format.
    ApiVersion = "a known format of plan files", API_VERSION, "^wavetrain/v1$",
    "write `apiVersion: wavetrain/v1`",
    |text| text == crate::API_VERSION
}

/// A host of letters, digits, `.`, `-`, `_` or an address in brackets; then a path. Credentials would end up in logs.
fn is_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_host = |character: char| character.is_ascii_alphanumeric() || ".:[]_-".contains(character);
    consists_of(host, 1, 255, is_host) && consists_of(path, 0, 1000, |character| character.is_ascii_graphic())
}

fn is_role_template(text: &str) -> bool {
    let Some((before, path)) = text.split_once(":iam::{account}:role/") else { return false };
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    before.strip_prefix("arn:").is_some_and(|partition| region::PARTITIONS.contains(&partition))
        && consists_of(name, 1, 64, is_allowed)
        && consists_of(folders, 0, 511, |character| is_allowed(character) || character == '/')
}

fn is_node_id(text: &str) -> bool {
    let is_hex = |text: &str, length| {
        consists_of(text, length, length, |digit| digit.is_ascii_digit() || ('a'..='f').contains(&digit))
    };
    match (text.strip_prefix("mi-"), text.strip_prefix("i-")) {
        (Some(hex), _) => is_hex(hex, 17),
        (_, Some(hex)) => is_hex(hex, 17) || is_hex(hex, 8),
        _ => false,
    }
}

/// A VersionName that names one version: the words for "whichever" are refused.
#[derive(Debug, Clone)]
pub struct ChosenVersion(pub Text<VersionName>);

impl Shape for ChosenVersion {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = scalar(node, VersionName::NOUN, problems)?;
        let word = text.trim().trim_start_matches('$').to_lowercase();
        if matches!(word.as_str(), "" | "latest" | "default") {
            problems.error(
                code::CHOSEN_VERSION,
                node.span,
                format!("{} does not name one version", quoted(text)),
                "write the VersionName to install; what is newest may change while the rollout runs",
            );
            return None;
        }
        Text::read(node, problems).map(Self)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": VersionName::PATTERN,
            "not": { "enum": ["latest", "default", "LATEST", "DEFAULT", "Latest", "Default"] },
        })
    }
}

/// `recorded`, or a version.
#[derive(Debug, Clone)]
pub struct RestoreVersion(pub Option<ChosenVersion>);

impl Shape for RestoreVersion {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = scalar(node, "`recorded` or a version name", problems)?;
        if &**text == "recorded" {
            return Some(Self(None));
        }
        ChosenVersion::read(node, problems).map(|version| Self(Some(version)))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        ChosenVersion::schema(generator)
    }
}

/// A Region that AWS has.
#[derive(Debug, Clone)]
pub struct KnownRegion(pub &'static region::Known);

impl Shape for KnownRegion {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = scalar(node, "a Region", problems)?;
        if let Some(known) = region::find(text) {
            return Some(Self(known));
        }
        let help = match problems.nearest(text, region::names()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "write a Region code such as `eu-west-1`, not its display name or an Availability Zone"
                .to_owned(),
        };
        problems.error(code::REGION, node.span, format!("there is no Region {}", quoted(text)), help);
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": region::names().collect::<Vec<_>>() })
    }
}

impl Vocabulary for InstallMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("reinstall", Self::Reinstall), ("in-place", Self::InPlace)];
}

impl Vocabulary for Reaction {
    const WORDS: &'static [(&'static str, Self)] =
        &[("rollback", Self::Rollback), ("pause", Self::Pause), ("abort", Self::Abort)];
}

impl Vocabulary for InsufficientData {
    const WORDS: &'static [(&'static str, Self)] =
        &[("inconclusive", Self::Inconclusive), ("fail", Self::Fail), ("ignore", Self::Ignore)];
}

impl Vocabulary for Per {
    const WORDS: &'static [(&'static str, Self)] = &[("site", Self::Site), ("stratum", Self::Stratum)];
}

impl Vocabulary for Worse {
    const WORDS: &'static [(&'static str, Self)] = &[("higher", Self::Higher), ("lower", Self::Lower)];
}

impl Vocabulary for Moment {
    const WORDS: &'static [(&'static str, Self)] =
        &[("validate", Self::Validate), ("start", Self::Start), ("wave", Self::Wave)];
}

impl Vocabulary for Effect {
    const WORDS: &'static [(&'static str, Self)] =
        &[("deny", Self::Deny), ("warn", Self::Warn), ("approval", Self::Approval)];
}

/// macOS is missing on purpose: Distributor does not install there.
impl Vocabulary for Platform {
    const WORDS: &'static [(&'static str, Self)] = &[("linux", Self::Linux), ("windows", Self::Windows)];
}

impl Vocabulary for Architecture {
    const WORDS: &'static [(&'static str, Self)] =
        &[("x86_64", Self::X86_64), ("arm64", Self::Arm64), ("386", Self::X86)];
}

/// An architecture as the key of a manifest, which may stand for any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchitectureKey(pub &'static str);

impl Vocabulary for ArchitectureKey {
    const WORDS: &'static [(&'static str, Self)] =
        &[("x86_64", Self("x86_64")), ("arm64", Self("arm64")), ("386", Self("386")), (ANY, Self(ANY))];
}

/// A platform's word.
pub type PlatformWord = Word<Platform>;
