//! Packages before they are published, with the real program: made from nothing, built, and what stands in the way.

use crate::kit::binary;
use crate::kit::stage::Stage;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn scratch() -> TempDir {
    TempDir::with_prefix("wavetrain-").expect("a temporary directory")
}

/// Runs a shell script in a directory; `$WAVETRAIN` is the program.
fn sh(at: &Path, script: &str) -> Output {
    let mut command = Command::new("sh");
    command
        .args(["-euc", script])
        .current_dir(at)
        .env("WAVETRAIN", binary::path())
        .env("ROOT", concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.output().expect("sh runs")
}

fn succeeds(at: &Path, script: &str) -> String {
    let output = sh(at, script);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{out}{err}");
    out.into_owned()
}

#[test]
fn the_same_files_give_the_same_bytes_whoever_copied_them_and_when() {
    let dir = scratch();
    let at = dir.path();
    succeeds(
        at,
        r#"
        (umask 022; mkdir one; cd "$ROOT/examples/datadog-agent"; tar cf - . | (cd "$OLDPWD/one"; tar xmf -))
        umask 077; mkdir two
        (cd one; find . -type f | sort -r) | while read -r file; do
            mkdir -p "two/$(dirname "$file")"; cat "one/$file" >"two/$file"
            touch -d '1999-12-31 23:59:59' "two/$file"
        done
        (cd one; "$WAVETRAIN" package build . --out ../dist-one)
        (cd two; TZ=Asia/Tokyo LC_ALL=C "$WAVETRAIN" package build . --out ../dist-two)
        "#,
    );
    let sums = |of: &str| succeeds(at, &format!("cd {of}; find . -type f | sort | xargs sha256sum"));
    let first = sums("dist-one");
    assert!(first.lines().count() >= 3, "a manifest and a zip for each platform:\n{first}");
    assert_eq!(first, sums("dist-two"));
}

#[test]
fn what_init_writes_is_built_as_it_stands() {
    let dir = scratch();
    let at = dir.path();
    succeeds(
        at,
        r#""$WAVETRAIN" package init fresh; "$WAVETRAIN" package lint fresh; "$WAVETRAIN" package build fresh --out dist"#,
    );
    assert!(at.join("dist/manifest.json").is_file());
    let again = sh(at, r#""$WAVETRAIN" package init fresh"#);
    assert!(!again.status.success(), "nothing is overwritten");
}

#[test]
fn a_build_without_room_says_so_and_leaves_no_version_behind() {
    let dir = scratch();
    let at = dir.path();
    succeeds(at, r#""$WAVETRAIN" package init fresh; head -c 400000 /dev/urandom >fresh/linux/payload.bin"#);
    // A limit on the size of files stands for a disk that is full: the write fails half-way in both cases.
    let full = sh(at, r#"trap '' XFSZ; ulimit -f 64; exec "$WAVETRAIN" package build fresh --out dist"#);
    let said = String::from_utf8_lossy(&full.stderr).into_owned();
    assert!(!full.status.success(), "{said}");
    assert!(said.contains("dist") && said.contains("too large"), "{said}");
    assert!(!at.join("dist/manifest.json").exists(), "a version without its files would be published");
    succeeds(at, r#""$WAVETRAIN" package build fresh --out dist"#);
}

#[test]
fn the_example_goes_from_its_folder_to_every_node_and_on_to_the_next_version() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/datadog-agent"));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file of the example");
    let stage = Stage::new(&read("world.yaml"), 2_000);
    let plan = read("plan.yaml");
    for (source, version) in [("earlier", "7.57.0-1"), ("", "7.58.0-1")] {
        stage.write("plan.yaml", &plan.replace("7.58.0-1", version));
        let source = folder.join(source).display().to_string();
        let dist = format!("dist/{version}");
        stage.run(&["package", "build", &source, "--out", &dist]).ended_with(0);
        let publish = ["package", "publish", &dist, "--plan", "plan.yaml", "--bucket", "packages-{region}"];
        stage.run(&publish).ended_with(0);
        stage.run(&["package", "verify", "--plan", "plan.yaml"]).ended_with(0);
        stage.apply().ended_with(0);
        assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some(version)));
    }

    let source = folder.display().to_string();
    if stage.run(&["package", "test", &source]).code != 0 {
        let _ = writeln!(std::io::stderr(), "skipped: no script is run, there is no sandbox here");
        return;
    }
    // The world believes that every version works. The canaries know better: they run what was published.
    let copied = stage.file("broken").display().to_string();
    succeeds(folder, &format!(r#"cp -R . "{copied}"; echo 'exit 3' >>"{copied}/linux/install.sh""#));
    let package = std::fs::read_to_string(format!("{copied}/package.yaml")).expect("it was copied");
    stage.write("broken/package.yaml", &package.replace("7.58.0-1", "7.59.0-1"));
    stage.write("broken/linux/payload/VERSION", "7.59.0");
    stage.write("plan.yaml", &plan.replace("7.58.0-1", "7.59.0-1"));
    stage.run(&["package", "build", &copied, "--out", "dist/broken"]).ended_with(0);
    let publish =
        ["package", "publish", "dist/broken", "--plan", "plan.yaml", "--bucket", "packages-{region}"];
    stage.run(&publish).ended_with(0);
    stage.apply().ended_with(5).says("exit status 3");
    assert!(stage.nodes().iter().all(|node| node.version.as_deref() == Some("7.58.0-1")));
}
