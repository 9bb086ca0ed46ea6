//! Scripts that are run and not modelled, by somebody who only writes down what he is told.

use std::io;
use std::sync::{Arc, Mutex};

use super::publishing::{make_bucket, publish};
use crate::agent::real::{Bytes, Ended, Environment, Folder, ReadSeek, Scripts};
use crate::content::Content;
use crate::trial::{HUB, SPOKE, Trial, WORLD, script};

/// What was asked for, and which exit code scripts end with.
#[derive(Debug, Default)]
struct Notes {
    asked: Vec<String>,
    ends: Vec<(&'static str, i32)>,
}

#[derive(Debug, Clone, Default)]
struct Clerk(Arc<Mutex<Notes>>);

impl Clerk {
    fn note(&self, asked: String) {
        self.0.lock().expect("nobody panicked").asked.push(asked);
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("nobody panicked").asked)
    }

    fn ends(&self, what: &'static str, code: i32) {
        self.0.lock().expect("nobody panicked").ends.push((what, code));
    }

    fn end(&self, asked: &str) -> Ended {
        let notes = self.0.lock().expect("nobody panicked");
        let code = notes.ends.iter().find(|(what, _)| asked.contains(what)).map_or(0, |(_, code)| *code);
        Ended { code, stdout: format!("really {asked}\n"), stderr: String::new() }
    }
}

impl Scripts for Clerk {
    fn unpack(&mut self, folder: Folder<'_>, zip: &mut dyn ReadSeek) -> io::Result<()> {
        let mut bytes = Vec::new();
        zip.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let version = ["1.0.0", "2.0.0", "3.0.0"].into_iter().find(|version| text.contains(version));
        self.note(format!("unpack {} into {}", version.unwrap_or("nothing"), folder.version));
        Ok(())
    }

    fn forget(&mut self, folder: Folder<'_>) -> io::Result<()> {
        self.note(format!("forget {}", folder.version));
        Ok(())
    }

    fn run(
        &mut self,
        folder: Folder<'_>,
        script: &str,
        environment: &Environment,
    ) -> io::Result<Option<Ended>> {
        assert_eq!(environment["BWS_REGION"], "eu-west-1");
        assert_eq!(format!("{}.sh", environment["BWS_ACTION_NAME"]), script);
        let asked = format!("{script} in {} of {}", folder.version, folder.package);
        self.note(asked.clone());
        Ok(Some(self.end(&asked)))
    }

    fn command(&mut self, _: &str, text: &str, _: &Environment) -> io::Result<Ended> {
        self.note(format!("command {text}"));
        Ok(self.end(text))
    }
}

/// Every content is the zip of one version.
impl Bytes for Clerk {
    fn open(&self, _: &Content) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(io::Cursor::new("1.0.0")))
    }
}

/// The usual world, in which the Linux nodes' scripts are run.
fn trial() -> (Trial, Clerk) {
    let text = WORLD.replace("platform: Linux,", "platform: Linux, scripts: real,");
    let mut trial = Trial::of(&text);
    let clerk = Clerk::default();
    trial.world.run_scripts(Box::new(clerk.clone()));
    (trial, clerk)
}

#[test]
fn what_a_node_has_from_the_start_is_on_its_disk_before_anything_else_happens() {
    let (mut trial, clerk) = trial();
    let node = &trial.ids(SPOKE, "web")[..1];
    let asked = script(node, "AWS-RunShellScript", "hello --version");
    trial.send(SPOKE, asked).expect("accepted");
    trial.pass(60);
    let shared = "arn_aws_ssm_eu-west-1_111122223333_document_hello";
    let installed = format!("install.sh in 1.0.0 of {shared}");
    assert_eq!(clerk.taken(), ["unpack 1.0.0 into 1.0.0", &installed, "command hello --version"]);
    assert_eq!(trial.world.print_of(&node[0], "uptime").as_deref(), Some("really uptime\n"));
}

#[test]
fn what_a_node_has_is_on_its_disk_as_soon_as_it_is_published() {
    let text = WORLD
        .replace("platform: Linux,", "platform: Linux, platform_name: Amazon Linux, scripts: real,")
        .replace("hello: { 1.0.0: 1 }", "tool: { 1.0.0: 1 }")
        + "published: [{ package: tool, version: 1.0.0 }]\n";
    let (mut trial, clerk) = (Trial::of(&text), Clerk::default());
    trial.world.run_scripts(Box::new(clerk.clone()));
    trial.world.keep_bytes(Arc::new(clerk.clone()));
    make_bucket(&mut trial);
    let node = &trial.ids(HUB, "web")[0];
    trial.world.print_of(node, "uptime");
    assert_eq!(clerk.taken(), ["command uptime"], "nobody has published it");
    publish(&mut trial, "tool", "1.0.0", "ab");
    trial.world.print_of(node, "uptime");
    assert_eq!(clerk.taken(), ["unpack 1.0.0 into 1.0.0", "install.sh in 1.0.0 of tool", "command uptime"]);
    trial.world.print_of(node, "uptime");
    assert_eq!(clerk.taken(), ["command uptime"], "once");
}

#[test]
fn an_upgrade_runs_the_scripts_that_the_agent_would_run() {
    let (mut trial, clerk) = trial();
    let node = &trial.ids(HUB, "web")[..1];
    let id = trial.install(node, "2.0.0");
    trial.pass(600);
    assert_eq!(
        clerk.taken(),
        [
            "unpack 1.0.0 into 1.0.0",
            "install.sh in 1.0.0 of hello",
            "unpack 2.0.0 into 2.0.0",
            // The agent's fault: what it fetches again for the old version is the new one's zip.
            "unpack 2.0.0 into 1.0.0",
            "uninstall.sh in 1.0.0 of hello",
            "install.sh in 2.0.0 of hello",
            "forget 1.0.0",
        ]
    );
    let invocation = &trial.invocations(&id)[0];
    assert_eq!(invocation.status_details, "Success");
    assert_eq!(trial.bits(&node[0]).as_deref(), Some("2.0.0"));
}

#[test]
fn the_exit_code_of_a_real_script_decides() {
    let (mut trial, clerk) = trial();
    clerk.ends("install.sh in 2.0.0", 3);
    let node = &trial.ids(HUB, "web")[..1];
    let id = trial.install(node, "2.0.0");
    trial.pass(600);
    assert_eq!(trial.invocations(&id)[0].status_details, "Failed");
    // Its own rollback runs what it has laid into the old version's folder.
    let asked = clerk.taken();
    assert!(asked.iter().any(|asked| asked == "uninstall.sh in 2.0.0 of hello"), "{asked:?}");
    assert_eq!(asked.last().map(String::as_str), Some("forget 2.0.0"));
}

#[test]
fn a_script_that_the_world_file_lets_fail_has_done_its_work() {
    let (mut trial, clerk) = trial();
    let node = &trial.ids(HUB, "web")[..1];
    let id = trial.install(node, "3.0.0");
    trial.pass(600);
    assert_eq!(trial.invocations(&id)[0].status_details, "Failed");
    assert!(clerk.taken().iter().any(|asked| asked == "install.sh in 3.0.0 of hello"));
}

#[test]
fn nobody_runs_scripts_of_other_nodes() {
    let (mut trial, clerk) = trial();
    let node = &trial.ids(HUB, "desk")[..1];
    trial.install(node, "2.0.0");
    trial.pass(600);
    assert_eq!(clerk.taken(), Vec::<String>::new());
    assert_eq!(trial.world.print_of(&node[0], "uptime"), None);
    assert_eq!(trial.bits(&node[0]).as_deref(), Some("2.0.0"));
}
