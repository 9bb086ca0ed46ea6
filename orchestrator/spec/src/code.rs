//! The stable codes of diagnostics, and what each means at length.

/// A stable code such as `E0107`. Never reused for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub &'static str);

macro_rules! codes {
    ($( $name:ident $code:literal $text:literal )*) => {
        $( pub const $name: Code = Code($code); )*

        /// Every code with its explanation, in order.
        pub const ALL: &[(&str, &str)] = &[$( ($code, $text) ),*];
    };
}

codes! {
    // E00: the file and its YAML
    SIZE "E0001"
    "A plan file has at most 1 MiB. Real ones have a few kilobytes, so a larger file is probably not a plan \
     file: a log, an archive, or a dump of an inventory. List accounts and Regions, not nodes; nodes are \
     found through tags."
    ENCODING "E0002"
    "A plan file is UTF-8 text. Editors on Windows sometimes save UTF-16 or a local encoding; save the file \
     as UTF-8 (a byte order mark at its beginning does no harm)."
    CONTROL "E0003"
    "The file holds a control character other than tab and line break, such as a NUL byte. Text files have \
     none: the file may be binary, damaged, or saved as UTF-16 without a byte order mark."
    EMPTY "E0004"
    "The file holds nothing but space and comments. A plan file begins with `apiVersion: wavetrain/v1` and \
     describes one `rollout`."
    SYNTAX "E0005"
    "The file is not valid YAML, so nothing after this place could be read; repair this first, and further \
     problems may show. Usual causes: a tab in the indentation, a bracket or quote that is never closed, or \
     a value with `: `, `#`, `{` or `[` in it that needs quotes."
    DOCUMENTS "E0006"
    "YAML allows several documents in a file, separated by `---`. A plan file holds exactly one, so that a \
     plan's name and digest stand for a file."
    DEPTH "E0007"
    "Mappings and lists are nested more deeply than any plan needs. The limit protects against files made \
     to exhaust memory."
    VALUES "E0008"
    "The file has more values than any plan needs, counted with every alias written out. Aliases that \
     repeat aliases grow exponentially; the limit stops such files before they use memory."
    TOP "E0009"
    "The file's top level must be a mapping with the keys `apiVersion` and `rollout`."
    TAG_MARK "E0010"
    "YAML tags such as `!!str` or `!env` change how a value is read. A plan file does not use them: what a \
     value is follows from its key, and nothing is read from the environment."
    MERGE "E0011"
    "Merge keys (`<<: *name`) hide where a value comes from and are not part of YAML 1.2. Write the keys \
     out; to repeat a whole value, mark it `&name` and use `*name`."
    ANCHOR "E0012"
    "An alias `*name` repeats a value that is marked `&name` and complete before the alias. A value cannot \
     contain itself."
    DUPLICATE_KEY "E0013"
    "A mapping gives one key twice. Many YAML readers silently keep the last; here both would be plausible, \
     so the file is refused."
    COMPLEX_KEY "E0014"
    "The key of a mapping is a list, a mapping or nothing. Keys are single values; quote a key that begins \
     with a bracket."
    TOO_MANY_PROBLEMS "E0015"
    "The file has more problems than are shown. Often one mistake, such as a wrong indentation, causes many \
     of them."

    // E01: keys and values
    UNKNOWN_KEY "E0101"
    "The key is not known here. It may be mistyped, or stand in the wrong mapping: check its indentation. \
     Unknown keys are errors, so that a mistyped limit cannot silently be ignored."
    MISSING_KEY "E0102"
    "A key that has no default is missing from this mapping."
    KIND "E0103"
    "A mapping, a list or a single value stands where another of these belongs. Often the indentation is \
     off, or the `-` of a list item is missing."
    NO_VALUE "E0104"
    "The key is there, but its value is not (or is `null`). Write the value, or delete the key to get its \
     default."
    API_VERSION "E0106"
    "`apiVersion` names the format of the file. This version of wavetrain reads `wavetrain/v1`."
    PERCENT "E0107"
    "A percentage is a number with at most two decimals and an optional `%`: `5`, `5%`, `0.5%`. Where a \
     number of nodes is possible as well, the `%` tells the two apart."
    DURATION "E0108"
    "A length of time is a whole number with a unit: `30s`, `45m`, `2h`, `1h30m`, `2d`. A number alone is \
     refused, because seconds and minutes are easily confused."
    SWITCH "E0109"
    "The value is a switch: `yes` or `no`, `true` or `false`, in lower case and without quotes."
    WHOLE_NUMBER "E0110"
    "The value is a whole number in decimal digits, without sign, point, exponent or unit."
    RANGE "E0111"
    "The value is of the right kind, but outside of what is possible or sensible here; the help line names \
     the bounds."
    WORD "E0112"
    "The value is one word of a short list; the help line has the words."
    TEXT "E0113"
    "The text is empty, too long, or holds control characters."
    LENGTH "E0114"
    "The list or mapping has too few or too many entries."
    REPEATED "E0115"
    "The same entry stands twice in a list. It would have no effect; probably another one was meant."

    // E02: rollout and package
    NAME "E0201"
    "Names of rollouts, waves and gates appear in metric labels, file names and command lines. They have 1 \
     to 64 letters, digits, `.`, `_` and `-`, and begin with a letter or a digit."
    PACKAGE_NAME "E0202"
    "`package.name` is the name of an SSM document of type Package: 3 to 128 letters, digits, `.`, `_` and \
     `-`. Accounts other than the owner's get its ARN, which follows from `owner`."
    VERSION_NAME "E0203"
    "Versions of packages are named by their VersionName: 1 to 128 letters, digits, `.`, `_` and `-`. \
     Document version numbers differ between Regions and are not used."
    CHOSEN_VERSION "E0204"
    "`latest`, `default` and a blank version mean whichever version is newest or default when a node asks. \
     Two waves of one rollout could then install different versions. Name the version."
    ARGUMENT_KEY "E0205"
    "`additionalArguments` of AWS-ConfigureAWSPackage become environment variables of the package's \
     scripts. The agent fails every install whose keys do not begin with `SSM_`."
    ARGUMENTS_SIZE "E0206"
    "AWS-ConfigureAWSPackage accepts at most 4096 characters of `additionalArguments`, written as JSON. \
     Keep longer settings in Parameter Store and pass `{{ssm:/path}}`."
    PROBE_EMPTY "E0207"
    "A probe without a command measures nothing. Give `linux`, `windows` or both."
    EXPECT "E0208"
    "`expect` says what the probe prints for a version, with `{version}` or `{version_without_revision}` \
     where the version stands, such as `v{version}`. Without a placeholder every version would look the \
     same."
    RESERVED_NAME "E0209"
    "Documents whose names begin with `aws`, `amazon`, `amzn`, `AWSEC2`, `AWSConfigRemediation` or \
     `AWSSupport` cannot be created by customers, so no account can own this package."
    PACKAGE_ARN "E0210"
    "Accounts other than the owner's name the package by its ARN, and SSM accepts document names and ARNs \
     of at most 128 characters. Publish the package under a shorter name."

    // E03: fleet
    ACCOUNT "E0301"
    "An AWS account id has exactly twelve digits. Quote it: some tools read an unquoted one as a number and \
     drop leading zeros."
    REGION "E0302"
    "The Region is not one that AWS has. Write its code (`eu-west-1`), not its display name (Europe \
     (Ireland)) or an Availability Zone (`eu-west-1a`)."
    PARTITIONS "E0303"
    "Accounts, roles and package shares end at the border of a partition (AWS, AWS China, GovCloud and so \
     on). Write one plan file for each partition."
    ROLE "E0304"
    "`role` is the ARN of the role to assume, with `{account}` in place of the account id and a name that \
     is the same in every account: `arn:aws:iam::{account}:role/wavetrain-spoke`. Quote it inside of \
     braces."
    ROLE_MISSING "E0305"
    "Credentials belong to one account. To reach several, a role that can be assumed is needed in each."
    ROLE_PARTITION "E0306"
    "The role's ARN begins with another partition than that of the Regions: `arn:aws:` for most Regions, \
     `arn:aws-cn:` for China, `arn:aws-us-gov:` for GovCloud."
    EXTERNAL_ID "E0307"
    "An external id (`sts:ExternalId` in the role's trust policy) has 2 to 1224 letters, digits and \
     `_+=,.@:/-`."
    TAG "E0308"
    "Tag keys have 1 to 128 characters, tag values at most 256, without control characters."
    NODE "E0309"
    "Managed nodes are named by instance id (`i-…`, 8 or 17 hexadecimal digits) or by hybrid activation id \
     (`mi-…`, 17)."
    AGENT_VERSION "E0310"
    "SSM agent versions have four numbers, such as `3.1.1374.0`."
    QUESTIONS "E0311"
    "SSM's list of nodes shows no tags, so every tag that a plan mentions costs one filtered listing in \
     every account and Region. A plan may ask 64 such questions: canary tags, keys of `select` and \
     `exclude`, and every value of `max_unavailable`."
    SITES "E0312"
    "Accounts times Regions is more than one rollout can reach. Split the fleet over several plan files."
    SELECT_EXCLUDED "E0313"
    "A tag key is excluded with every value that it is selected with, so no node can be left."
    NO_ACCOUNTS "E0314"
    "A fleet names its accounts: one by one in `accounts`, by the units of AWS Organizations that they belong to in \
     `organization`, or both ways."
    UNIT "E0315"
    "An organisational unit is named by its id (`ou-…-…`), the whole organization by that of its root (`r-…`): names are not \
     unique, and change."

    // E04: waves
    WAVE_NAME "E0401"
    "Two waves have one name. Names are how `after`, the command line and metrics tell waves apart."
    TAKE "E0402"
    "A wave takes either the nodes of one tag (`tag: { key: value }`), or a cumulative percentage \
     (`percent: 10`)."
    AFTER_UNKNOWN "E0403"
    "`after` names a wave that the file does not have."
    CYCLE "E0404"
    "The waves wait for each other in a circle, so none of them could ever begin."
    UNREACHABLE "E0405"
    "The wave comes after waves that can never pass, because they wait for each other in a circle."
    NOT_RISING "E0406"
    "Percentages are cumulative: they count the nodes of all waves before. A wave must therefore have a \
     higher percentage than every wave before it that takes from the same nodes."
    OVERLAP "E0407"
    "Two waves could run at the same time and take the same nodes; which of them would get a node is then \
     undefined. Order them with `after`, or separate them with `where`."
    COVERAGE "E0408"
    "The waves together do not reach all nodes. A forgotten last wave leaves a fleet on two versions; if \
     that is intended, say `partial: yes`."
    CANARY_LATE "E0409"
    "A tag wave is the canary: its nodes come first, and count towards every later percentage. It cannot \
     come after another wave."
    OUTSIDE_FLEET "E0410"
    "`where` names an account or a Region that `fleet` does not have, so it can match nothing."
    WHERE_ON_TAG "E0411"
    "`where` restricts the nodes that a percentage counts. A tag wave takes every node with its tag; give \
     the tag to other nodes instead."
    TOP_UP_ON_PERCENT "E0412"
    "`top_up` says what happens when a canary lacks a platform or an architecture. A percentage is always \
     spread over all of them."

    // E05: limits
    DOMAIN_REPEATED "E0501"
    "`max_unavailable` names one tag value twice. Which number of nodes would hold is not clear."

    // E06: gates
    GATE_NAME "E0601"
    "Two gates have one name, or a gate has the name of a guard that every rollout has: `connection`, `reporting`, \
     `duration`. Names are how verdicts and metrics tell gates apart."
    GATE_CHECK "E0602"
    "A gate must say what it measures: one kind of check as a key of its own, such as `alarms: { prefix: \
     web- }`. A gate without one would always or never pass."
    ALARM_SELECTION "E0603"
    "An alarm gate needs `names`, `prefix` or both; with neither it would look at no alarm and never learn \
     anything."
    ALARM_NAME "E0604"
    "CloudWatch alarm names have 1 to 255 characters, without control characters."
    GATE_TIMES "E0605"
    "The gate's deadline passes before its second measurement, so a single look would decide; or before its first \
     evidence, so no wave could ever pass."
    CONDITION "E0606"
    "Conditions are written in CEL, a small expression language: comparisons, `&&`, `||`, `!`, arithmetic and \
     lists, over the names that the gate offers. They are true or false."
    METRIC_TEXT "E0607"
    "CloudWatch bounds the form of namespaces, metric names, dimensions, statistics and expressions."
    METRIC_ASK "E0608"
    "A metric gate judges either one metric (`namespace` and `name`) or one expression (`expression`, with \
     inputs in `queries`)."
    METRIC_TIMES "E0609"
    "CloudWatch sums metrics up over 1, 5, 10 or 30 seconds or whole minutes, gives at most 100,800 points a \
     call, and a window holds whole periods only."
    COMPARISON "E0611"
    "A comparison needs enough upgraded and enough untouched nodes, a level between 0 % and 50 %, and a dimension \
     that tells one node from another."
    QUERY "E0612"
    "A query to a Prometheus server has 1 to 4096 characters."
    URL "E0613"
    "A gate asks servers by `http` or `https`. User and password in a URL would end up in logs, so they are \
     refused; a bearer token comes from the environment."
    VARIABLE "E0614"
    "`token_env` is the name of an environment variable, never the token: plan files are kept, and shown."
    INSTALL_CHECK "E0615"
    "A gate on failed installs counts what the failure budgets count. It can only be stricter than `limits.failures`, which stop \
     the rollout by themselves; and it can block only waves before which something was installed."
    COMPLIANCE_TYPE "E0620"
    "SSM knows compliance of the types `Association`, `Patch` and `Custom:NAME`, and severities from \
     `INFORMATIONAL` to `CRITICAL`."
    NODE_CHECK "E0621"
    "A gate that asks about single nodes needs something to ask: types of compliance, or a probe for the truth; and \
     before a wave begins, there is no truth about its nodes yet."
    GATE_SCOPE "E0622"
    "`where` and `per` narrow what a gate looks at, as far as the kind of check knows: servers know neither, \
     CloudWatch knows accounts and Regions, and single nodes have a platform and an architecture too."
    APPROVAL "E0630"
    "An approval asks at least as many people as must agree. Gates that are told (by people, or by a signed report) do not \
     look by themselves, so intervals and limits of measurements have no meaning for them."
    CALLBACK "E0631"
    "An HTTP gate either asks a URL, with a condition on the answer, or waits for a signed report (`callback`)."
    GATE_WAVE "E0610"
    "A gate can only judge waves of its own plan file."

    // E07: rollback
    PACE "E0701"
    "The pace of a rollback is a multiple of the forward concurrency, from `1x` to `10x`."
    ROLLBACK_TO_TARGET "E0702"
    "`rollback.to` names the version that the rollout installs. A failed rollout would give nodes the bad \
     version back."

    // E08: deadlines and manners
    POLLS "E0801"
    "The first look at a command would come later than the longest pause between two looks."

    // E09: policies
    FILE_PATH "E0901"
    "A policy file is named by a path: absolute, or relative to the plan file's folder or, if it is not there, to \
     a folder above it (up to the one that holds `.git`; without one, the next). A path that leads out of that \
     folder, by `..` or by a link, is refused: what a plan does must not depend on what lies somewhere else."
    FILE_USED "E0902"
    "A policy file that the plan names cannot be read. It must be a regular file of at most 1 MiB."
    NESTED "E0903"
    "Policy packs do not use other packs: a plan lists all packs that it is made of, so that reading the list is \
     enough. Name the other pack in the plan too."
    WAVES_TWICE "E0904"
    "Waves come from one place: from the plan itself, or from one of its policy packs. Mixed, nobody could say \
     from one file in which order nodes change."
    ZONE "E0905"
    "A guardrail's `timezone` is a name of the IANA time zone database. Offsets such as `+02:00` are not enough: \
     they know no summer time."
    GUARDRAIL_FROM "E0906"
    "A guardrail with `otherwise: approval` says in `from` who may approve, and in `need` how many of them must; no other \
     guardrail does."
    GUARDRAIL_NAME "E0907"
    "Guardrails of one file need different names, because the log speaks of them by name. Guardrails of \
     different files may share a name: both hold."
    GUARDRAILS "E0908"
    "A rollout is held against at most 500 guardrails, those of all files together. More are refused: one that is left \
     out would be none."
    // E09: State Manager
    ASSOCIATION_NAME "E0921"
    "Associations have names of 3 to 128 letters, digits, `.`, `_` and `-`. Names that begin with `wavetrain.` belong to \
     the batches of rollouts, which delete what they find under them."
    ASSOCIATION_ID "E0922"
    "`allow_associations` is `all`, or lists the ids of associations (36 characters) that may stay although they bring \
     nodes to another version. A refused plan names them."
    SCHEDULE "E0923"
    "State Manager applies associations at `rate(30 minutes)` to `rate(30 days)`, or by `cron(minutes hours day month \
     weekday year)` in UTC."
    RATE_CONTROL "E0924"
    "State Manager takes numbers of nodes (`10`) or whole percentages (`10%`)."
    BUCKET "E0925"
    "The names of S3 buckets have 3 to 63 lower-case letters, digits, `.` and `-`, and begin and end with a letter or a \
     digit."
    UNUSED_ASSOCIATION "E0926"
    "`association` describes the associations of `dispatch: association`. Without that, installs are commands and it \
     would be ignored."
    FINISH_PARTIAL "E0927"
    "A rollout that is `partial` leaves nodes at their old version on purpose. A default version, or an association for \
     the whole fleet, would bring them to the new one after all."
    FINISH_TARGETS "E0928"
    "An association has at most five targets with 50 values each, all of which a node must match."
    FINISH_NOTHING "E0929"
    "`finish` without `default_version: yes` and without `association` does nothing."

    // E10: packages
    ZIP_NAME "E1001"
    "A zip is attached to the package's document under its file name: 3 to 128 letters, digits, `.`, `_` and `-`, \
     ending in `.zip`."
    SOURCE_FOLDER "E1002"
    "The contents of a zip come from folders beside `package.yaml` or below it. Absolute paths and `..` are refused: \
     the same folder must give the same package on every machine."
    PLATFORM_CODE "E1003"
    "Manifests name platforms as the SSM agent does, in lower case: `amazon`, `ubuntu`, `debian`, `redhat`, `suse`, \
     `windows` and so on, with versions as the system's own `VERSION_ID` has them, such as `22.04`, or `9.*`, or \
     `_any`."
    SERVED_TWICE "E1004"
    "Two zips are given for the same platform, version and architecture. A manifest has one file for each."
    FINDING_CODE "E1005"
    "`accept` lists findings of `wavetrain package lint` by their codes, such as L0301. Other problems cannot be \
     accepted."
    FINDING_TWICE "E1006"
    "A finding is accepted once for the whole package, or once for each file; the second entry has no effect."
    FINDING_FILE "E1007"
    "Whoever accepts secrets everywhere will not see the next one. They are accepted in one file each, by `file`."

    // Warnings
    NO_PROBE "W0201"
    "SSM's word for an install is an exit code: a script that exits 0 without installing anything counts as \
     a success, and a node whose upgrade failed can answer that the old version is installed when it is \
     not. A probe asks the product itself."
    PROBE_PLATFORM "W0202"
    "The probe has a command for one platform only. Nodes of the other platform are taken at SSM's word. \
     This does not matter if the fleet has none."
    SHORT_BAKE "W0401"
    "An alarm changes its state only after metrics have arrived (about two minutes), the alarm was \
     evaluated (up to one minute) and its period has passed. A wave that is watched for less than five \
     minutes usually passes before an alarm could fire."
    NO_CANARY "W0402"
    "The first nodes to change are a large share of the fleet. A canary (a tag wave, or a few percent) \
     finds a bad version while few nodes have it."
    ANY_FAILURES "W0501"
    "A failure limit of 100 % never stops a rollout: every node may fail."
    ALL_AT_ONCE "W0502"
    "With all nodes of a wave changing at once, the wave is over before a failure can stop it."
    BLIND_GUARD "W0601"
    "The guard `reporting` reads what the plan's comparisons found, and looks for nodes without a point for as long as its \
     `patience`. A comparison whose window is shorter never shows so long a silence, and one whose period is longer \
     shows every node as silent. Without a usable comparison the guard never speaks."
    NOTHING_KNOWN "W0701"
    "`require_known` leaves out nodes whose previous version is only assumed. Without a probe, a previous \
     version is known only where wavetrain itself verified it earlier, so a first rollout would find no \
     eligible node."
    KEEPS_EXCLUDED "W0921"
    "An association has targets but no exclusions: nodes that `fleet.exclude` leaves alone, and carry the targets' tags, \
     are brought to the version by it. Give `finish.association.targets` tags that they do not carry."
    WAVE_DEADLINE "W0801"
    "A wave's deadline passes before a single slow node could end: `delivery` and `execution` together are \
     longer."
}

/// The explanation of a code.
pub fn explain(code: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, text)| *text)
}
