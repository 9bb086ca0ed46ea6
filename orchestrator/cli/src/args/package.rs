//! `wavetrain package …`.

use super::{Format, Published};
use clap::Subcommand;
use std::path::PathBuf;

/// Make Distributor packages.
#[derive(Debug, Subcommand)]
pub enum Package {
    /// Write a commented package.yaml with scripts for Linux and Windows. Never overwrites a file.
    Init {
        /// Directory to write into; created if it is not there.
        path: PathBuf,
        /// Name of the package; the directory's unless given.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Say what would go wrong on a node, without running anything. Ends with code 3 if something would.
    Lint {
        /// Directory with a package.yaml, or with a manifest.json and its zips.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// VersionName that a package without package.yaml will be published under.
        #[arg(long, value_name = "NAME")]
        version_name: Option<String>,
        /// Form of the report.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    /// Run the Linux scripts as the SSM agent would, in a throw-away root: install, repeat, upgrade, failed upgrade, rollback,
    /// uninstall. Nothing runs on a machine without user namespaces.
    Test {
        /// Directory with a package.yaml, or with a manifest.json and its zips.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Directory of an earlier version, to upgrade from and to go back to.
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// Longest run of one script, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = wavetrain_package::trial::SCRIPT_SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
        timeout: u32,
        /// Form of the report.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    /// Build the zips and the manifest of a version: the same files give the same bytes, on every machine. Refused if lint
    /// finds errors.
    Build {
        /// Directory with a package.yaml.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Directory to build into; an earlier build there is replaced. Unless given: dist/VERSION beside package.yaml.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Form of the answer.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    #[command(flatten)]
    Published(Published),
}
