//! Accounts, Regions, the role between them, and the selection of nodes.

use super::distinct;
use crate::code;
use crate::file;
use crate::problem::{Problems, quoted};
use crate::region;
use crate::scalar::Text;
use crate::shape::{OneOrMany, Placed, Table};
use crate::text::{KnownRegion, RoleTemplate, TagKey, TagValue};
use std::collections::BTreeMap;
use wavetrain_model::diagnostic::Span;
use wavetrain_model::id::{AccountId, Region};
use wavetrain_model::limit;
use wavetrain_model::spec::{Fleet, Organization};

/// The fleet and the partition of its Regions.
pub struct CheckedFleet {
    pub value: Fleet,
    pub partition: &'static str,
}

type Values = BTreeMap<String, Vec<String>>;

pub fn check(written: Option<Placed<file::Fleet>>, problems: &mut Problems) -> Option<CheckedFleet> {
    let Placed { value: written, span } = written?;
    let organization = written.organization.map(|written| organization(written.value, problems));
    if !written.given.has("accounts") && !written.given.has("organization") {
        problems.error(
            code::NO_ACCOUNTS,
            span,
            "the fleet has neither `accounts` nor an `organization`".to_owned(),
            "list the accounts in `accounts`, or name units in `organization: { units: [ou-…] }`",
        );
        return None;
    }
    // Unusable as written is not the same as not written: what depends on the accounts would be reported wrongly.
    let accounts = match written.accounts {
        Some(accounts) => Some(account_ids(accounts.value.0, problems)),
        None => (!written.given.has("accounts")).then(Vec::new),
    };
    let organization = match organization {
        Some(organization) => organization.map(Some),
        None => (!written.given.has("organization")).then_some(None),
    };
    let regions = written.regions.map(|list| regions(list.value.0, problems));
    if let Some(accounts) = &accounts {
        let is_open = written.given.has("organization");
        role_is_there(accounts.len(), is_open, written.given.has("role"), span, problems);
    }
    if let (Some(role), Some((_, Some(partition)))) = (&written.role, &regions) {
        role_partition(role, partition, problems);
    }
    let select = written.select.and_then(|select| select.value.tags);
    let (exclude_tags, exclude_nodes) =
        written.exclude.map_or((None, None), |exclude| (exclude.value.tags, exclude.value.nodes));
    let exclude_span = exclude_tags.as_ref().map_or(span, |tags| tags.span);
    let select = select.map(|tags| tag_values(tags.value, problems)).unwrap_or_default();
    let exclude = exclude_tags.map(|tags| tag_values(tags.value, problems)).unwrap_or_default();
    nothing_left(&select, &exclude, exclude_span, problems);
    let exclude_nodes = exclude_nodes.map(|nodes| distinct(nodes.value.0, problems)).unwrap_or_default();
    let (accounts, organization, (regions, partition)) = (accounts?, organization?, regions?);
    if !is_reachable(accounts.len(), regions.len(), span, problems) {
        return None;
    }
    let value = Fleet {
        accounts,
        organization,
        regions,
        role: written.role.map(|role| role.value.text),
        external_id: written.external_id.map(|id| id.value.text),
        select,
        exclude,
        exclude_nodes,
        min_coverage: written.min_coverage.value.0,
        max_offline_age: written.max_offline_age.value.0,
        min_agent: written.min_agent.value.text,
    };
    Some(CheckedFleet { value, partition: partition.unwrap_or("aws") })
}

fn organization(written: file::Organization, problems: &mut Problems) -> Option<Organization> {
    let units = written.units.map(|units| distinct(units.value.0, problems));
    let exclude = written.exclude.map(|accounts| account_ids(accounts.value.0, problems));
    Some(Organization { units: units?, exclude: exclude.unwrap_or_default(), listed: None })
}

/// Account ids without repeats.
pub fn account_ids(
    written: Vec<Placed<Text<crate::text::Account>>>,
    problems: &mut Problems,
) -> Vec<AccountId> {
    distinct(written, problems).into_iter().map(AccountId::new).collect()
}

/// Regions without repeats, and the partition of the first.
pub fn regions(
    written: Vec<Placed<KnownRegion>>,
    problems: &mut Problems,
) -> (Vec<Region>, Option<&'static str>) {
    let mut kept: Vec<&region::Known> = Vec::new();
    for Placed { value: KnownRegion(known), span } in written {
        if kept.contains(&known) {
            super::repeated(known.name, span, problems);
            continue;
        }
        if let Some(first) = kept.first().filter(|first| first.partition != known.partition) {
            problems.error(
                code::PARTITIONS,
                span,
                format!(
                    "{} belongs to the partition {}, {} to {}",
                    known.name, known.partition, first.name, first.partition
                ),
                "write one plan file for each partition",
            );
        }
        kept.push(known);
    }
    let partition = kept.first().map(|known| known.partition);
    (kept.iter().map(|known| Region::new(known.name)).collect(), partition)
}

fn role_is_there(accounts: usize, is_open: bool, is_given: bool, span: Span, problems: &mut Problems) {
    if !is_given && (is_open || accounts > 1) {
        let which = if is_open {
            "the accounts of an organization".to_owned()
        } else {
            format!("{accounts} accounts")
        };
        problems.error(
            code::ROLE_MISSING,
            span,
            format!("{which} cannot be reached without a role"),
            "add `role: arn:aws:iam::{account}:role/NAME`",
        );
    }
}

fn role_partition(role: &Placed<Text<RoleTemplate>>, partition: &str, problems: &mut Problems) {
    let found = role.value.text.split(':').nth(1).unwrap_or_default();
    if found != partition {
        problems.error(
            code::ROLE_PARTITION,
            role.span,
            format!("the role belongs to the partition {found}, the Regions to {partition}"),
            format!("begin the ARN with `arn:{partition}:`"),
        );
    }
}

fn tag_values<const MIN: usize, const MAX: usize>(
    table: Table<Text<TagKey>, OneOrMany<Text<TagValue>>, MIN, MAX>,
    problems: &mut Problems,
) -> Values {
    table.0.into_iter().map(|(key, values)| (key.value.text, distinct(values.value.0, problems))).collect()
}

fn nothing_left(select: &Values, exclude: &Values, span: Span, problems: &mut Problems) {
    for (key, wanted) in select {
        let is_all_excluded =
            exclude.get(key).is_some_and(|unwanted| wanted.iter().all(|value| unwanted.contains(value)));
        if is_all_excluded && !wanted.is_empty() {
            problems.error(
                code::SELECT_EXCLUDED,
                span,
                format!("the tag {} is excluded with every value that it is selected with", quoted(key)),
                "no node can match; change `select` or `exclude`",
            );
        }
    }
}

/// Whether the sites are not too many. Otherwise nothing that looks at every site may follow.
fn is_reachable(accounts: usize, regions: usize, span: Span, problems: &mut Problems) -> bool {
    let sites = accounts.saturating_mul(regions);
    let is_reachable = sites <= limit::SITES_PER_ROLLOUT;
    if !is_reachable {
        problems.error(
            code::SITES,
            span,
            format!(
                "{accounts} accounts in {regions} Regions are {sites} sites; at most {} are possible",
                limit::SITES_PER_ROLLOUT
            ),
            "split the fleet over several plan files",
        );
    }
    is_reachable
}
