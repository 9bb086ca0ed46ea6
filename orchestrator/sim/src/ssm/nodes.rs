//! `DescribeInstanceInformation`, `DescribeInstanceProperties` and the tags of managed nodes.

use crate::api::ssm::{
    AddTagsToResourceInput, AddTagsToResourceOutput, DescribeInstanceInformationInput,
    DescribeInstanceInformationOutput, DescribeInstancePropertiesInput, DescribeInstancePropertiesOutput,
    InstanceInformation, InstanceProperty, ListTagsForResourceInput, ListTagsForResourceOutput, PingStatus,
    PlatformType, ResourceType, Tag,
};
use crate::api::{ApiError, Timestamp};
use crate::clock::WorldTime;
use crate::fault::Judgement;
use crate::fleet::{Node, NodeIndex, Reach};
use crate::page::{Cut, Page};
use crate::world::{SiteIndex, World};

/// An agent says so every five minutes; the service calls it lost after missing it for as long.
const PING_SECONDS: i64 = 300;
/// The newest agent version the world knows of.
const LATEST_AGENT: &str = "3.3.1230.0";

/// A filter of either listing.
struct Filter<'a> {
    key: &'a str,
    values: &'a [String],
    operator: &'a str,
}

impl World {
    /// A managed node of a site, by id.
    pub(crate) fn managed(&self, site: SiteIndex, id: &str) -> Option<NodeIndex> {
        let index = self.ids.get(id).copied()?;
        let node = &self.fleet.nodes[index as usize];
        (node.site == site && node.is_managed()).then_some(index)
    }

    pub(crate) fn describe_instance_information(
        &self,
        site: SiteIndex,
        input: &DescribeInstanceInformationInput,
        judgement: &Judgement,
    ) -> Result<DescribeInstanceInformationOutput, ApiError> {
        let legacy = input.instance_information_filter_list.as_deref().unwrap_or_default();
        let modern = input.filters.as_deref().unwrap_or_default();
        if !legacy.is_empty() && !modern.is_empty() {
            return Err(ApiError::validation(
                "Filters and InstanceInformationFilterList cannot be used in one request.",
            ));
        }
        let legacy = legacy.iter().map(|filter| (filter.key.as_str(), filter.value_set.as_slice()));
        let modern = modern.iter().map(|filter| (filter.key.as_str(), filter.values.as_slice()));
        let filters: Vec<Filter<'_>> =
            legacy.chain(modern).map(|(key, values)| Filter { key, values, operator: "Equal" }).collect();
        let by_tag = filters.iter().filter(|filter| filter.key.starts_with("tag")).count();
        if by_tag > 0 && by_tag < filters.len() {
            return Err(ApiError::invalid_instance_information_filter_value(
                "Tag filters cannot be combined with other filters.",
            ));
        }
        let token = input.next_token.as_deref();
        let (rows, next_token) =
            self.node_page(site, &filters, ("information", token, input.max_results, 10), judgement)?;
        Ok(DescribeInstanceInformationOutput {
            instance_information_list: rows.into_iter().map(|node| self.information(node)).collect(),
            next_token,
        })
    }

    pub(crate) fn describe_instance_properties(
        &self,
        site: SiteIndex,
        input: &DescribeInstancePropertiesInput,
        judgement: &Judgement,
    ) -> Result<DescribeInstancePropertiesOutput, ApiError> {
        let legacy = input.instance_property_filter_list.as_deref().unwrap_or_default();
        let modern = input.filters_with_operator.as_deref().unwrap_or_default();
        let legacy = legacy.iter().map(|filter| Filter {
            key: &filter.key,
            values: &filter.value_set,
            operator: "Equal",
        });
        let modern = modern.iter().map(|filter| Filter {
            key: &filter.key,
            values: &filter.values,
            operator: filter.operator.as_deref().unwrap_or("Equal"),
        });
        let filters: Vec<Filter<'_>> = legacy.chain(modern).collect();
        let token = input.next_token.as_deref();
        let (rows, next_token) =
            self.node_page(site, &filters, ("properties", token, input.max_results, 50), judgement)?;
        Ok(DescribeInstancePropertiesOutput {
            instance_properties: rows.into_iter().map(|node| self.properties(node)).collect(),
            next_token,
        })
    }

    /// A page of the nodes that match. Tokens are positions among the site's nodes, so that going through a large
    /// site costs one pass over it, not one for each page.
    fn node_page(
        &self,
        site: SiteIndex,
        filters: &[Filter<'_>],
        (kind, token, asked, usual): (&'static str, Option<&str>, Option<i32>, usize),
        judgement: &Judgement,
    ) -> Result<(Vec<&Node>, Option<String>), ApiError> {
        let wrong_value = if kind == "properties" {
            ApiError::invalid_instance_property_filter_value
        } else {
            ApiError::invalid_instance_information_filter_value
        };
        for filter in filters {
            check_filter(filter, wrong_value)?;
        }
        let page = Page::open(kind, token, asked, usual, Cut { short: judgement.short_pages })?;
        let mut rows = Vec::new();
        let nodes = &self.fleet.sites[site as usize].nodes;
        let start = usize::try_from(page.start).unwrap_or(usize::MAX);
        for (position, index) in nodes.iter().enumerate().skip(start) {
            let node = &self.fleet.nodes[*index as usize];
            if !node.is_managed() || !filters.iter().all(|filter| self.passes(node, filter)) {
                continue;
            }
            if rows.len() >= page.size {
                return Ok((rows, Some(page.token(position as u64))));
            }
            rows.push(node);
        }
        Ok((rows, None))
    }

    fn passes(&self, node: &Node, filter: &Filter<'_>) -> bool {
        let listed = |value: &str| match filter.operator {
            "NotEqual" => filter.values.iter().all(|wanted| wanted != value),
            "BeginWith" => filter.values.iter().any(|wanted| value.starts_with(wanted.as_str())),
            "LessThan" => filter.values.iter().any(|wanted| value < wanted.as_str()),
            "GreaterThan" => filter.values.iter().any(|wanted| value > wanted.as_str()),
            _ => filter.values.iter().any(|wanted| wanted == value),
        };
        match filter.key {
            "InstanceIds" | "InstanceId" => listed(&node.id),
            "AgentVersion" => listed(&node.agent_version),
            "PingStatus" => listed(self.ping(node).0.as_str()),
            "PlatformTypes" | "PlatformType" => listed(node.group.platform.as_str()),
            "ResourceType" => listed(resource_type(node).as_str()),
            "Architecture" => listed(&node.group.architecture),
            "tag-key" => filter.values.iter().any(|key| node.tag(key).is_some()),
            key => key.strip_prefix("tag:").and_then(|key| node.tag(key)).is_some_and(listed),
        }
    }

    /// Ping status and the last ping.
    fn ping(&self, node: &Node) -> (PingStatus, WorldTime) {
        if node.reach == Reach::Online {
            let ago = node.chance.named("ping").between(0, PING_SECONDS.unsigned_abs());
            return (PingStatus::Online, self.now.plus_seconds(-ago.cast_signed()));
        }
        let missed = self.now.millis_since(node.reach_since) > PING_SECONDS * 1000;
        (if missed { PingStatus::ConnectionLost } else { PingStatus::Online }, node.reach_since)
    }

    fn information(&self, node: &Node) -> InstanceInformation {
        let (ping_status, last_ping) = self.ping(node);
        InstanceInformation {
            instance_id: node.id.to_string(),
            ping_status,
            last_ping_date_time: Some(Timestamp::from_millis(last_ping.millis())),
            agent_version: node.agent_version.to_string(),
            is_latest_version: Some(*node.agent_version == *LATEST_AGENT),
            platform_type: wire_platform(node),
            platform_name: node.group.platform_name.clone(),
            platform_version: node.group.platform_version.clone(),
            resource_type: resource_type(node),
            ip_address: Some(address(node)),
            computer_name: Some(computer_name(node)),
            source_id: Some(node.id.to_string()),
            source_type: Some("AWS::EC2::Instance".to_owned()),
            ..Default::default()
        }
    }

    fn properties(&self, node: &Node) -> InstanceProperty {
        let (ping_status, last_ping) = self.ping(node);
        InstanceProperty {
            name: Some(computer_name(node)),
            instance_id: node.id.to_string(),
            instance_type: Some("m6i.large".to_owned()),
            instance_state: Some("running".to_owned()),
            architecture: Some(node.group.architecture.clone()),
            ip_address: Some(address(node)),
            ping_status,
            last_ping_date_time: Some(Timestamp::from_millis(last_ping.millis())),
            agent_version: node.agent_version.to_string(),
            platform_type: wire_platform(node),
            platform_name: node.group.platform_name.clone(),
            platform_version: node.group.platform_version.clone(),
            resource_type: resource_type(node),
            computer_name: Some(computer_name(node)),
            source_id: Some(node.id.to_string()),
            source_type: Some("AWS::EC2::Instance".to_owned()),
            ..Default::default()
        }
    }

    pub(crate) fn add_tags_to_resource(
        &mut self,
        site: SiteIndex,
        input: &AddTagsToResourceInput,
    ) -> Result<AddTagsToResourceOutput, ApiError> {
        if input.resource_type == "Document" {
            self.tag_document(site, &input.resource_id, &input.tags)?;
            return Ok(AddTagsToResourceOutput {});
        }
        let index = self.tagged_node(site, &input.resource_type, &input.resource_id)?;
        for tag in &input.tags {
            self.fleet.nodes[index as usize].set_tag(&tag.key, &tag.value);
        }
        self.plan_meeting(index);
        Ok(AddTagsToResourceOutput {})
    }

    pub(crate) fn list_tags_for_resource(
        &self,
        site: SiteIndex,
        input: &ListTagsForResourceInput,
    ) -> Result<ListTagsForResourceOutput, ApiError> {
        if input.resource_type == "Document" {
            return Ok(ListTagsForResourceOutput { tag_list: self.document_tags(site, &input.resource_id)? });
        }
        let index = self.tagged_node(site, &input.resource_type, &input.resource_id)?;
        let tags = self.fleet.nodes[index as usize].tags();
        let tag_list = tags
            .into_iter()
            .map(|(key, value)| Tag { key: key.to_owned(), value: value.to_owned() })
            .collect();
        Ok(ListTagsForResourceOutput { tag_list })
    }

    fn tagged_node(&self, site: SiteIndex, kind: &str, id: &str) -> Result<NodeIndex, ApiError> {
        if kind != "ManagedInstance" {
            return Err(ApiError::invalid_resource_type());
        }
        self.managed(site, id).ok_or_else(ApiError::invalid_resource_id)
    }
}

fn check_filter(filter: &Filter<'_>, wrong_value: fn(String) -> ApiError) -> Result<(), ApiError> {
    let known = [
        "InstanceIds",
        "InstanceId",
        "AgentVersion",
        "PingStatus",
        "PlatformTypes",
        "PlatformType",
        "ResourceType",
        "Architecture",
        "ActivationIds",
        "IamRole",
        "AssociationStatus",
        "SourceIds",
        "SourceTypes",
        "tag-key",
    ];
    if !known.contains(&filter.key) && !filter.key.starts_with("tag:") {
        return Err(ApiError::invalid_filter_key());
    }
    let allowed: &[&str] = match filter.key {
        "PingStatus" => &["Online", "ConnectionLost", "Inactive"],
        "PlatformTypes" | "PlatformType" => &["Windows", "Linux", "MacOS"],
        "ResourceType" => &["EC2Instance", "ManagedInstance"],
        _ => return Ok(()),
    };
    match filter.values.iter().find(|value| !allowed.contains(&value.as_str())) {
        Some(value) => Err(wrong_value(format!("{value} is not a valid value for {}.", filter.key))),
        None => Ok(()),
    }
}

fn resource_type(node: &Node) -> ResourceType {
    if node.id.starts_with("mi-") { ResourceType::ManagedInstance } else { ResourceType::Ec2Instance }
}

fn wire_platform(node: &Node) -> PlatformType {
    match node.group.platform {
        crate::agent::behaviour::PlatformType::Linux => PlatformType::Linux,
        crate::agent::behaviour::PlatformType::Windows => PlatformType::Windows,
    }
}

fn computer_name(node: &Node) -> String {
    format!("{}-{}.internal", node.group.name, node.number)
}

fn address(node: &Node) -> String {
    let bytes = node.chance.named("address").bits().to_le_bytes();
    format!("10.{}.{}.{}", bytes[0], bytes[1], bytes[2])
}
