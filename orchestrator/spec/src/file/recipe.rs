//! `package.yaml` as it is written.

use crate::scalar::{Text, Word};
use crate::shape::{List, OneOrMany, Table, shape};
use crate::text::{
    ApiVersion, ArchitectureKey, ArgumentKey, ArgumentValue, ChosenVersion, FindingCode, MessageText,
    PackageName, PlatformCode, PlatformVersion, SourceFolder, ZipName,
};
use wavetrain_model::fleet::Architecture;
use wavetrain_model::limit;
use wavetrain_model::spec::InstallMode;

shape! {
    /// A package file: what one version of a Distributor package is made of.
    PackageFile = "a package file" {
        /// Format of this file: `wavetrain/v1`.
        required api_version "apiVersion": Text<ApiVersion>;
        /// The package that the file describes.
        required package "package": Recipe;
    }
}

shape! {
    /// One version of a package.
    Recipe = "a package" {
        /// Name of the package document.
        required name "name": Text<PackageName>;
        /// VersionName, also the version in the manifest. Another content needs another version.
        required version "version": ChosenVersion;
        /// Who publishes it; shown in the console.
        optional publisher "publisher": Text<MessageText>;
        /// What it is; shown in the console.
        optional description "description": Text<MessageText>;
        /// How rollouts replace an installed version; `in-place` needs update scripts.
        defaulted install "install": Word<InstallMode> = "reinstall";
        /// The zips of this version, by file name.
        required zips "zips": Table<Text<ZipName>, Zip, 1, { limit::ATTACHMENTS_PER_VERSION }>;
        /// `additionalArguments` that the scripts read, with the values that `package test` gives them.
        optional arguments "arguments": Table<Text<ArgumentKey>, Text<ArgumentValue>, 0, 100>;
        /// Kinds of machines that must be served.
        optional fleet "fleet": List<Machine, 1, 200>;
        /// Findings of `package lint` that are meant to be.
        optional accept "accept": List<Accepted, 1, 100>;
    }
}

shape! {
    /// One zip, and who gets it.
    Zip = "a zip" {
        /// Folders whose contents it holds, laid over one another. Scripts must end up at the top.
        required from "from": OneOrMany<Text<SourceFolder>, 20>;
        /// Machines that get it.
        required serves "serves": List<Serves, 1, 100>;
    }
}

shape! {
    /// Every combination of these platforms, versions and architectures.
    Serves = "a `serves`" {
        /// Platform codes, such as `amazon`, `ubuntu` or `windows`.
        required platform "platform": OneOrMany<Text<PlatformCode>>;
        /// Versions of the platform, such as `"22.04"` or `"9.*"`.
        defaulted version "version": OneOrMany<Text<PlatformVersion>> = "_any";
        /// Architectures: `x86_64`, `arm64`, `386` or `_any`.
        defaulted architecture "architecture": OneOrMany<Word<ArchitectureKey>> = "_any";
    }
}

shape! {
    /// A kind of machine, as the SSM agent on it describes it.
    Machine = "a machine" {
        /// Platform code, such as `ubuntu`.
        required platform "platform": Text<PlatformCode>;
        /// Version of the platform, such as `"22.04"`.
        required version "version": Text<PlatformVersion>;
        /// Architecture of the processor.
        defaulted architecture "architecture": Word<Architecture> = "x86_64";
    }
}

shape! {
    /// A finding that is meant to be.
    Accepted = "an accepted finding" {
        /// Code that `package lint` prints, such as `L0301`.
        required code "code": Text<FindingCode>;
        /// Why it is meant to be; for the next reader.
        required reason "reason": Text<MessageText>;
        /// Only in this file. Secrets are accepted file by file.
        optional file "file": Text<SourceFolder>;
    }
}
