//! Policy packs: parts of plan files that lie in files of their own. They are put together as trees, before anything is
//! read, so that a value that came from a pack is checked as if it stood in the plan, and its place is in the pack.

use crate::code;
use crate::file;
use crate::outside::{Outside, Source};
use crate::problem::{Problems, quoted};
use crate::scalar::Text;
use crate::shape::{Placed, Shape};
use crate::source;
use crate::text::FilePath;
use crate::tree::{Key, Node, Value};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use wavetrain_model::guardrail::Used;

/// Keys whose mappings are merged key by key: packs in their order, then the plan.
const SECTIONS: [&str; 5] = ["guards", "limits", "rollback", "deadlines", "api"];

/// Texts of the files read beside the plan file, for reports.
pub type Texts = Vec<(String, Option<String>)>;

/// The plan file's tree with the parts that its packs give, and the packs.
pub fn merged(
    plan: Node,
    outside: &dyn Outside,
    texts: &mut Texts,
    problems: &mut Problems,
) -> (Node, Vec<Used>) {
    let Some(rollout) = plan.get("rollout").filter(|rollout| rollout.get("use").is_some()) else {
        return (plan, Vec::new());
    };
    let mut used = Vec::new();
    let mut policies = Vec::new();
    for path in paths(rollout, "use", problems) {
        let Some((node, file)) = open(&path, outside, texts, problems) else { continue };
        let node = without_use(node, problems);
        let _ = file::PolicyFile::read(&node, problems);
        problems.back();
        policies.extend(node.get("policy").cloned());
        used.push(file);
    }
    let is_complete = paths(rollout, "use", &mut Problems::default()).len() == policies.len();
    let rollout = together(rollout, &policies, is_complete, problems);
    (with(&plan, "rollout", rollout), used)
}

/// The paths under a key of the rollout, without repeats.
pub fn paths(rollout: &Node, key: &str, problems: &mut Problems) -> Vec<Placed<Text<FilePath>>> {
    let listed = rollout.get(key).and_then(|node| file::Files::read(node, problems));
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for path in listed.into_iter().flat_map(|listed| listed.0) {
        if seen.insert(path.value.text.clone()) {
            kept.push(path);
        } else {
            crate::check::repeated(&path.value.text, path.span, problems);
        }
    }
    kept
}

/// The tree of a file that the plan names. `problems` stay with that file; None: what is wrong was said.
pub fn open(
    path: &Placed<Text<FilePath>>,
    outside: &dyn Outside,
    texts: &mut Texts,
    problems: &mut Problems,
) -> Option<(Node, Used)> {
    let found = match outside.file(&path.value.text) {
        Ok(found) => found,
        Err(reason) => {
            let message = format!("{} cannot be used: {reason}", quoted(&path.value.text));
            let help = "packs are looked for beside the plan file, then in the folders above it";
            problems.error(code::FILE_USED, path.span, message, help);
            return None;
        }
    };
    let file = Used { path: path.value.text.clone(), digest: digest(&found.bytes) };
    let node = parse(&found, texts, problems);
    if node.is_none() {
        problems.back();
    }
    node.map(|node| (node, file))
}

/// The tree of another file, its places told from those of the plan file.
pub fn parse(found: &Source, texts: &mut Texts, problems: &mut Problems) -> Option<Node> {
    problems.begin(&found.path);
    let text = source::text(&found.bytes, problems);
    texts.push((found.path.clone(), text.map(str::to_owned)));
    let base = problems.base();
    Some(source::document(text?, problems)?.moved(base))
}

/// SHA-256 in hexadecimal, as `sha256sum` prints it.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn without_use(node: Node, problems: &mut Problems) -> Node {
    let Some(policy) = node.get("policy") else { return node };
    let Value::Mapping(entries) = &policy.value else { return node };
    let Some((key, _)) = entries.iter().find(|(key, _)| &*key.text == "use") else { return node };
    problems.error(
        code::NESTED,
        key.span,
        "a policy pack uses another pack",
        "delete it here, and list the other pack under `use` in the plan file",
    );
    let kept = entries.iter().filter(|(key, _)| &*key.text != "use").cloned().collect();
    let policy = Node { span: policy.span, value: Value::Mapping(kept) };
    with(&node, "policy", policy)
}

/// The mapping with another value under a key, which is added at its end if it is not there.
fn with(mapping: &Node, key: &str, value: Node) -> Node {
    let Value::Mapping(entries) = &mapping.value else { return mapping.clone() };
    let mut entries = entries.to_vec();
    match entries.iter_mut().find(|(known, _)| &*known.text == key) {
        Some((_, known)) => *known = value,
        None => entries.push((Key { text: key.into(), span: value.span }, value)),
    }
    Node { span: mapping.span, value: Value::Mapping(entries.into()) }
}

fn together(rollout: &Node, policies: &[Node], is_complete: bool, problems: &mut Problems) -> Node {
    let mut whole = rollout.clone();
    for section in SECTIONS {
        let parts = policies.iter().chain([rollout]).filter_map(|part| part.get(section));
        if let Some(merged) = parts.cloned().reduce(|earlier, later| over(&earlier, later)) {
            whole = with(&whole, section, merged);
        }
    }
    if let Some(gates) = gates(rollout, policies) {
        whole = with(&whole, "gates", gates);
    }
    let mut waves = [rollout].into_iter().chain(policies).filter_map(|part| part.get("waves"));
    if let Some(first) = waves.next() {
        for second in waves {
            let place = problems.line(first.span, second.span);
            problems.error(
                code::WAVES_TWICE,
                second.span,
                "the waves are given twice",
                format!("they already stand on {place}; keep one of the two"),
            );
        }
        whole = with(&whole, "waves", first.clone());
    } else if !is_complete {
        // They may stand in the pack that could not be read.
        whole = with(&whole, "waves", Node { span: rollout.span, value: Value::Unusable });
    }
    whole
}

/// The later mapping, with what only the earlier one has. Anything but two mappings is for the reader to refuse.
fn over(earlier: &Node, later: Node) -> Node {
    let (Value::Mapping(below), Value::Mapping(above)) = (&earlier.value, &later.value) else { return later };
    let only_below = below.iter().filter(|(key, _)| above.iter().all(|(known, _)| known.text != key.text));
    let entries = above.iter().chain(only_below).cloned().collect();
    Node { span: later.span, value: Value::Mapping(entries) }
}

fn gates(rollout: &Node, policies: &[Node]) -> Option<Node> {
    let own = rollout.get("gates");
    if own.is_some_and(|own| !matches!(own.value, Value::List(_))) {
        return None;
    }
    let lists: Vec<&Node> = policies.iter().filter_map(|policy| policy.get("gates")).chain(own).collect();
    let items = |list: &&Node| match &list.value {
        Value::List(items) => items.to_vec(),
        _ => Vec::new(),
    };
    let span = lists.last()?.span;
    Some(Node { span, value: Value::List(lists.iter().flat_map(items).collect()) })
}
