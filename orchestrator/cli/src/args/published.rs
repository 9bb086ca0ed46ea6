//! `wavetrain package …`, as far as AWS is asked.

use super::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::str::FromStr;
use wavetrain_model::recipe::is_of_one_file;

/// Where documents of a package are.
#[derive(Debug, Args)]
pub struct Homes {
    /// Plan file: its package, the account that owns it, and the accounts and Regions that install it.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// Every account of the plan keeps a copy of its own, instead of the owner sharing one. The same as `package: { copies: yes }` in
    /// the plan, without which rollouts do not use them.
    #[arg(long)]
    pub copy: bool,
    /// Role in the owner's account; the caller's own credentials unless given. Copies use the plan's role.
    #[arg(long, value_name = "ARN", conflicts_with = "copy")]
    pub role: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

/// A finding that does not stop a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its code, in letters of any case.
    pub code: String,
    /// The one file that may have it, by the end of its path; None: everywhere.
    pub file: Option<String>,
}

impl FromStr for Accepted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (code, file) = match text.split_once('=') {
            Some((_, "")) => return Err("there is no file behind the `=`".to_owned()),
            Some((code, file)) => (code, Some(file.to_owned())),
            None => (text, None),
        };
        if file.is_none() && is_of_one_file(code) {
            return Err(format!("a secret is accepted in one file: {code}=linux.zip/settings.conf"));
        }
        Ok(Self { code: code.to_owned(), file })
    }
}

/// Publish packages, and keep what is published in order.
#[derive(Debug, Subcommand)]
pub enum Published {
    /// Upload a built version, make it in all Regions and share it. Run it again after anything went wrong: it goes on from there.
    Publish {
        /// Directory of a build, such as dist/VERSION.
        path: PathBuf,
        /// Bucket to upload to; `{account}` and `{region}` are filled in.
        #[arg(long, value_name = "NAME")]
        bucket: String,
        /// Folder in the bucket.
        #[arg(long, value_name = "PREFIX", default_value = "wavetrain")]
        prefix: String,
        /// A finding of `package lint` that does not stop it, such as L0305; one about secrets in one file only, as in
        /// L0501=linux.zip/settings.conf. Can be given several times.
        #[arg(long, value_name = "CODE[=FILE]")]
        accept: Vec<Accepted>,
        /// Make it the default version too. Nodes that install without naming a version get that one.
        #[arg(long)]
        default: bool,
        #[command(flatten)]
        homes: Homes,
    },
    /// Versions in every account and Region, and how many nodes are known to have them.
    Versions {
        #[command(flatten)]
        homes: Homes,
    },
    /// Check that a version is active, the same and shared everywhere.
    Verify {
        /// VersionName; the plan's unless given.
        version: Option<String>,
        #[command(flatten)]
        homes: Homes,
    },
    /// Share all versions with the accounts of the plan that do not have them yet.
    Share {
        #[command(flatten)]
        homes: Homes,
    },
    /// Make a version the default one, in all Regions.
    SetDefault {
        /// VersionName.
        version: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        homes: Homes,
    },
    /// Delete versions that nobody needs: never the default one, what nodes have or would get back, or the newest.
    Prune {
        /// So many of the newest stay.
        #[arg(long, value_name = "COUNT", default_value_t = 5)]
        keep: usize,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Prune although there is no state that knows what nodes have: by age alone.
        #[arg(long)]
        without_state: bool,
        #[command(flatten)]
        homes: Homes,
    },
}
