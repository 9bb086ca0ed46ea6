//! Managed nodes of a site.

use crate::Aws;
use crate::classify::Effect;
use crate::documents;
use crate::page::Pages;
use crate::platform;
use crate::site::{Reach, with_reach};
use async_trait::async_trait;
use aws_sdk_ssm::types::{InstanceInformation, InstanceInformationStringFilter, PingStatus};
use std::collections::BTreeMap;
use wavetrain_model::fleet::{Architecture, Node, PackageView, Ping, Site, TagAnswers, TagMatch};
use wavetrain_model::id::{AccountId, NodeId, SiteIndex, TagMatchIndex};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::fleet::Fleet;

/// `MaxResults` of DescribeInstanceInformation.
const INFORMATION_PAGE: i32 = 50;
/// `MaxResults` of DescribeInstanceProperties.
const PROPERTIES_PAGE: i32 = 1_000;
/// `Values` of one filter.
const FILTER_VALUES: usize = 100;
/// Questions that fit into [`TagAnswers`].
const QUESTIONS_MAX: usize = 64;

#[async_trait]
impl Fleet for Aws {
    async fn caller_account(&self) -> Result<AccountId, Failure> {
        self.sites.caller().await.map(|caller| caller.account.clone())
    }

    async fn nodes(
        &self,
        site: &Site,
        index: SiteIndex,
        questions: &[TagMatch],
    ) -> Result<Vec<Node>, Failure> {
        if questions.len() > QUESTIONS_MAX {
            return Err(Failure {
                class: Class::Invalid,
                operation: INFORMATION.to_owned(),
                message: format!("{} tag questions, at most {QUESTIONS_MAX} can be asked", questions.len()),
                code: String::new(),
            });
        }
        with_reach!(self, site, |reach| nodes(reach, index, questions))
    }

    async fn lost(&self, site: &Site) -> Result<Vec<(NodeId, Timestamp)>, Failure> {
        with_reach!(self, site, |reach| lost(reach))
    }

    async fn package(
        &self,
        site: &Site,
        name: &str,
        owner: &AccountId,
        wanted: &[String],
        look_into_files: bool,
    ) -> Result<PackageView, Failure> {
        let package = documents::Package {
            name: documents::name_at(site, name, owner),
            is_shared: site.account != *owner,
            wanted,
            look: look_into_files.then_some(&self.downloads),
        };
        with_reach!(self, site, |reach| package.view(reach))
    }

    async fn check_documents(&self, site: &Site, names: &[&str]) -> Result<(), Failure> {
        with_reach!(self, site, |reach| documents::check(reach, names))
    }
}

async fn nodes(reach: &Reach, index: SiteIndex, questions: &[TagMatch]) -> Result<Vec<Node>, Failure> {
    let mut nodes = BTreeMap::new();
    each_instance(reach, None, |raw| {
        if let Some(node) = node(raw, index) {
            nodes.insert(node.id.clone(), node);
        }
    })
    .await?;
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    for (number, question) in questions.iter().enumerate() {
        answer(reach, TagMatchIndex(number as u8), question, &mut nodes).await?;
    }
    learn_architectures(reach, &mut nodes).await?;
    Ok(nodes.into_values().collect())
}

const INFORMATION: &str = "DescribeInstanceInformation";

async fn lost(reach: &Reach) -> Result<Vec<(NodeId, Timestamp)>, Failure> {
    let filter = InstanceInformationStringFilter::builder()
        .key("PingStatus")
        .values(PingStatus::ConnectionLost.as_str())
        .values(PingStatus::Inactive.as_str())
        .build()
        .map_err(|error| crate::classify::nonsense(INFORMATION, Effect::Read, &error.to_string()))?;
    let mut lost = Vec::new();
    each_instance(reach, Some(&filter), |raw| {
        lost.extend(raw.instance_id().map(|id| (NodeId::from(id), heard(raw))));
    })
    .await?;
    Ok(lost)
}

/// When SSM last heard of a node.
fn heard(raw: &InstanceInformation) -> Timestamp {
    Timestamp(raw.last_ping_date_time().and_then(|at| at.to_millis().ok()).unwrap_or(0))
}

/// All instances, or those that a filter lets through. A tag filter stands alone: AWS does not combine it with others.
async fn each_instance(
    reach: &Reach,
    filter: Option<&InstanceInformationStringFilter>,
    mut take: impl FnMut(&InstanceInformation) + Send,
) -> Result<(), Failure> {
    let mut pages = Pages::of(INFORMATION);
    loop {
        let call = reach.ssm.describe_instance_information().max_results(INFORMATION_PAGE);
        let call = call.set_filters(filter.map(|filter| vec![filter.clone()])).set_next_token(pages.token());
        let page = reach.settle(INFORMATION, Effect::Read, call.send().await)?;
        page.instance_information_list().iter().for_each(&mut take);
        if !pages.turn(page.next_token())? {
            return Ok(());
        }
    }
}

/// Marks the nodes that carry the tag. Ids that the plain listing did not have registered in between: the next
/// discovery sees them whole.
async fn answer(
    reach: &Reach,
    number: TagMatchIndex,
    question: &TagMatch,
    nodes: &mut BTreeMap<NodeId, Node>,
) -> Result<(), Failure> {
    for values in question.values.chunks(FILTER_VALUES) {
        let filter = InstanceInformationStringFilter::builder()
            .key(format!("tag:{}", question.key))
            .set_values(Some(values.to_vec()))
            .build()
            .map_err(|error| crate::classify::nonsense(INFORMATION, Effect::Read, &error.to_string()))?;
        each_instance(reach, Some(&filter), |raw| {
            let known = raw.instance_id().and_then(|id| nodes.get_mut(&NodeId::from(id)));
            if let Some(node) = known {
                node.tags = node.tags.with(number);
            }
        })
        .await?;
    }
    Ok(())
}

/// DescribeInstanceInformation does not say the architecture; DescribeInstanceProperties does, on larger pages.
async fn learn_architectures(reach: &Reach, nodes: &mut BTreeMap<NodeId, Node>) -> Result<(), Failure> {
    const OPERATION: &str = "DescribeInstanceProperties";
    let mut pages = Pages::of(OPERATION);
    loop {
        let call = reach.ssm.describe_instance_properties().max_results(PROPERTIES_PAGE);
        let result = call.set_next_token(pages.token()).send().await;
        let page = reach.settle(OPERATION, Effect::Read, result)?;
        for raw in page.instance_properties() {
            let known = raw.instance_id().and_then(|id| nodes.get_mut(&NodeId::from(id)));
            if let (Some(node), Some(text)) = (known, raw.architecture()) {
                node.architecture = platform::architecture(text);
            }
        }
        if !pages.turn(page.next_token())? {
            return Ok(());
        }
    }
}

fn node(raw: &InstanceInformation, site: SiteIndex) -> Option<Node> {
    let name = raw.platform_name().unwrap_or_default();
    let family = platform::family(raw.platform_type(), name);
    let version = platform::version(family, name, raw.platform_version().unwrap_or_default());
    Some(Node {
        id: NodeId::from(raw.instance_id()?),
        site,
        platform: family,
        distribution: platform::distribution(family, name).into_boxed_str(),
        distribution_version: version.into_boxed_str(),
        architecture: Architecture::Unknown,
        agent_version: raw.agent_version().unwrap_or_default().into(),
        ping: match raw.ping_status() {
            Some(PingStatus::Online) => Ping::Online,
            Some(PingStatus::ConnectionLost) => Ping::ConnectionLost,
            _ => Ping::Other,
        },
        last_ping: heard(raw),
        tags: TagAnswers::default(),
    })
}
