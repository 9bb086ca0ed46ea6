//! Distributor packages: from a folder of installers to zips with a manifest, and what would go wrong with them on a node.
//!
//! For: release managers before they publish, and whoever must know what a published version holds.
//! Must not know: the AWS SDK, rollouts, terminals. It reads and writes folders that it is given; AWS it reaches through ports, and only
//! to [`publish`]. [`trial`] runs a package's scripts, inside a sandbox only.
//! Start at [`folder`] (what a package is made from), then [`build`] and [`manifest`] (what it becomes), then [`publish`] (where it goes).

pub mod archive;
pub mod build;
pub mod contents;
pub mod folder;
pub mod init;
pub mod lint;
pub mod manifest;
pub mod publish;
pub mod trial;
