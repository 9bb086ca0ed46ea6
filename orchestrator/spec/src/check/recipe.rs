//! `package.yaml` as written → [`Recipe`].

use super::package::{arguments_size, reserved};
use crate::code;
use crate::file;
use crate::problem::{Problems, quoted};
use crate::shape::Placed;
use std::collections::BTreeMap;
use wavetrain_model::recipe::{Accepted, Machine, Recipe, Serves, Zip, is_of_one_file};

/// The checked package; None when anything refuses the file.
pub fn check(file: file::PackageFile, problems: &mut Problems) -> Option<Recipe> {
    let written = file.package?.value;
    if let Some(name) = &written.name {
        reserved(&name.value.text, name.span, problems);
    }
    let arguments = written.arguments.map(|arguments| {
        let span = arguments.span;
        let entries = arguments.value.0.into_iter().map(|(key, value)| (key.value.text, value.value.text));
        let entries: BTreeMap<String, String> = entries.collect();
        arguments_size(&entries, span, problems);
        entries
    });
    let zips = written.zips.map(|zips| zips.value.0.into_iter().filter_map(zip).collect::<Vec<Zip>>());
    served_once(zips.as_deref().unwrap_or_default(), problems);
    let fleet = written.fleet.into_iter().flat_map(|fleet| fleet.value.0).filter_map(machine).collect();
    let accept = accepted(written.accept.into_iter().flat_map(|accept| accept.value.0), problems);
    let version = written.version?;
    Some(Recipe {
        name: written.name?.value.text,
        version_span: version.span,
        version: version.value.0.text,
        publisher: written.publisher.map(|publisher| publisher.value.text),
        description: written.description.map(|description| description.value.text),
        install: written.install.value.0,
        install_span: written.install.span,
        zips: zips?,
        arguments: arguments.unwrap_or_default(),
        fleet,
        accept,
    })
}

fn zip(
    (name, written): (Placed<crate::scalar::Text<crate::text::ZipName>>, Placed<file::Zip>),
) -> Option<Zip> {
    let folder = |folder: Placed<crate::scalar::Text<_>>| folder.value.text.trim_end_matches('/').to_owned();
    Some(Zip {
        name: name.value.text,
        span: name.span,
        from: written.value.from?.value.0.into_iter().map(folder).collect(),
        serves: written.value.serves?.value.0.into_iter().flat_map(every_combination).collect(),
    })
}

fn every_combination(Placed { value: written, span }: Placed<file::Serves>) -> Vec<Serves> {
    let mut all = Vec::new();
    for platform in written.platform.iter().flat_map(|platforms| &platforms.value.0) {
        for version in &written.version.value.0 {
            for architecture in &written.architecture.value.0 {
                all.push(Serves {
                    platform: platform.value.text.clone(),
                    version: version.value.text.clone(),
                    architecture: architecture.value.0.0.to_owned(),
                    span,
                });
            }
        }
    }
    all
}

fn served_once(zips: &[Zip], problems: &mut Problems) {
    let mut served: BTreeMap<(&str, &str, &str), (&Zip, &Serves)> = BTreeMap::new();
    for (zip, serves) in zips.iter().flat_map(|zip| zip.serves.iter().map(move |serves| (zip, serves))) {
        let Serves { platform, version, architecture, span } = serves;
        let Some((first, _)) = served.insert((platform, version, architecture), (zip, serves)) else {
            continue;
        };
        problems.error(
            code::SERVED_TWICE,
            *span,
            format!("{platform} {version} {architecture} is served twice"),
            format!("{} on line {} has it already; keep one", quoted(&first.name), first.span.line),
        );
    }
}

fn machine(Placed { value: written, span }: Placed<file::Machine>) -> Option<Machine> {
    Some(Machine {
        platform: written.platform?.value.text,
        version: written.version?.value.text,
        architecture: written.architecture.value.0,
        span,
    })
}

fn accepted(written: impl Iterator<Item = Placed<file::Accepted>>, problems: &mut Problems) -> Vec<Accepted> {
    let mut kept: Vec<Accepted> = Vec::new();
    for Placed { value, .. } in written {
        let (Some(code), Some(reason)) = (value.code, value.reason) else { continue };
        let file = value.file.map(|file| file.value.text);
        if !value.given.has("file") && is_of_one_file(&code.value.text) {
            let message = format!("{} is accepted for the whole package", quoted(&code.value.text));
            let help = "name the one file that may have it: `file: linux/settings.conf`";
            problems.error(code::FINDING_FILE, code.span, message, help);
            continue;
        }
        if kept.iter().any(|known| known.code == code.value.text && known.file == file) {
            let message = format!("{} is accepted twice", quoted(&code.value.text));
            problems.error(code::FINDING_TWICE, code.span, message, "keep one entry with all reasons");
            continue;
        }
        kept.push(Accepted { code: code.value.text, span: code.span, reason: reason.value.text, file });
    }
    kept
}
