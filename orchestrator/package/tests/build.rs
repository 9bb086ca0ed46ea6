//! What a build promises: the same bytes for the same files, whole or not at all.

#![allow(clippy::unwrap_used)] // a test may panic

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use wavetrain_package::archive;
use wavetrain_package::build::{self, Build, Error};
use wavetrain_package::folder;
use wavetrain_package::init::init;

fn built(root: &Path, out: &Path) -> Result<Build, Error> {
    build::build(&folder::open(root).unwrap(), out)
}

fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    fs::read_dir(folder).unwrap().map(read).collect()
}

#[test]
fn the_bytes_of_a_build_do_not_change_from_release_to_release() {
    let root = tempfile::tempdir().unwrap();
    init(root.path(), "tool").unwrap();
    for (path, text) in [("linux/install.sh", "#!/bin/sh\nexit 0\n"), ("linux/uninstall.sh", "exit 0\n")] {
        fs::write(root.path().join(path), text).unwrap();
    }
    fs::write(root.path().join("linux/payload/big"), "lorem ipsum ".repeat(20_000)).unwrap();
    fs::write(root.path().join("linux/payload/big.gz"), [7; 1000]).unwrap();
    for gone in ["linux/update.sh", "linux/validate.sh"] {
        fs::remove_file(root.path().join(gone)).unwrap();
    }
    let build = built(root.path(), &root.path().join("out")).unwrap();
    // A build that differs is a new version for everybody who has published: change the format knowingly.
    assert_eq!(build.attachments[0].sha256.as_str(), LINUX_ZIP);
}

const LINUX_ZIP: &str = "4d6bf5569172f27160057eb85088ee92438cd8e3ece98503d87013f3a2177492";

#[test]
fn what_was_built_is_checked_when_it_is_loaded() {
    let root = tempfile::tempdir().unwrap();
    init(root.path(), "tool").unwrap();
    let out = root.path().join("out");
    let build = built(root.path(), &out).unwrap();
    assert_eq!(build::load(&out).unwrap(), build);
    assert_eq!(build.digest, build.manifest.digest());
    let zip = &build.attachments[0].path;
    let mut damaged = fs::read(zip).unwrap();
    damaged[40] ^= 1;
    fs::write(zip, damaged).unwrap();
    assert!(matches!(build::load(&out), Err(Error::Differs { path, .. }) if path == *zip));
}

#[test]
fn an_earlier_build_is_replaced_as_a_whole_and_nothing_else_is() {
    let root = tempfile::tempdir().unwrap();
    init(root.path(), "tool").unwrap();
    let out = root.path().join("out");
    let first = built(root.path(), &out).unwrap();
    fs::write(root.path().join("linux/payload/more"), "more").unwrap();
    let second = built(root.path(), &out).unwrap();
    assert_ne!(first.digest, second.digest);
    assert_eq!(bytes(&out).len(), 3);

    fs::write(out.join("notes.txt"), "mine").unwrap();
    assert!(matches!(built(root.path(), &out), Err(Error::Occupied { .. })));
    assert!(matches!(built(root.path(), root.path()), Err(Error::Occupied { .. })));
    let left: Vec<_> = fs::read_dir(root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_package_that_cannot_be_read_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    init(root.path(), "tool").unwrap();
    let package = folder::open(root.path()).unwrap();
    fs::remove_file(root.path().join("windows/install.ps1")).unwrap();
    let out = root.path().join("dist/1.0.0-1");
    assert!(matches!(build::build(&package, &out), Err(Error::Contents(_))));
    assert!(!out.exists());
    assert_eq!(fs::read_dir(root.path().join("dist")).unwrap().count(), 0);
}

#[test]
fn programs_stay_executable_whatever_their_source_files_permit() {
    let root = tempfile::tempdir().unwrap();
    init(root.path(), "tool").unwrap();
    fs::write(root.path().join("linux/payload/tool"), b"\x7fELFxx").unwrap();
    let build = built(root.path(), &root.path().join("out")).unwrap();
    let file = fs::File::open(&build.attachments[0].path).unwrap();
    let mut zip = zip::ZipArchive::new(file).unwrap();
    let mode =
        |zip: &mut zip::ZipArchive<_>, name: &str| zip.by_name(name).unwrap().unix_mode().unwrap() & 0o777;
    assert_eq!(mode(&mut zip, "payload/tool"), 0o755);
    assert_eq!(mode(&mut zip, "install.sh"), 0o755);
    assert_eq!(mode(&mut zip, "payload/VERSION"), 0o644);
    assert_eq!(mode(&mut zip, "payload/"), 0o755);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_into_a_zip_comes_out_of_it(
        files in proptest::collection::btree_map("[a-z]{1,8}(/[a-z]{1,8}){0,2}\\.(sh|gz)", proptest::collection::vec(any::<u8>(), 0..2000), 1..12)
    ) {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        for (folder, backwards) in [(&one, false), (&two, true)] {
            let mut listed: Vec<_> = files.iter().collect();
            if backwards {
                listed.reverse();
            }
            for (path, bytes) in listed {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
        let write = |folder: &Path, name: &str| {
            let contents = wavetrain_package::contents::Contents::of_folders([folder]).unwrap();
            archive::write(&root.path().join(name), &contents).unwrap()
        };
        let (first, second) = (write(&one, "1.zip"), write(&two, "2.zip"));
        prop_assert_eq!(&first.sha256, &second.sha256);
        prop_assert_eq!(first, archive::measure(&root.path().join("1.zip")).unwrap());
        let found = archive::contents(&root.path().join("1.zip")).unwrap();
        prop_assert_eq!(found.0.len(), files.len());
        for (path, bytes) in &files {
            let read = found.read(path, 10_000).unwrap();
            prop_assert_eq!(read.as_ref(), Some(bytes));
        }
    }
}
