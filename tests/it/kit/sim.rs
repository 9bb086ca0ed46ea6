//! A simulated AWS in a process of its own.

use super::{binary, http};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ended when dropped.
#[derive(Debug)]
pub struct Sim {
    child: Child,
    /// What `AWS_ENDPOINT_URL` should be.
    pub endpoint: String,
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sim {
    /// Serves a world file and waits until it says that it is ready.
    pub fn serve(world: &Path, speed: u32) -> Self {
        let mut child = Command::new(binary::path())
            .args(["sim", "serve", "--listen", "127.0.0.1:0", "--speed", &speed.to_string(), "--world"])
            .arg(world)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the simulation starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut line).expect("it speaks");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let endpoint = ready["endpoint"].as_str().expect("an endpoint").to_owned();
        Self { child, endpoint }
    }

    fn authority(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    /// `GET /_sim/…`.
    pub fn get(&self, path: &str) -> Value {
        let (status, document) = http::ask(self.authority(), "GET", &format!("/_sim/{path}"), None);
        assert_eq!(status, 200, "{document}");
        document
    }

    /// `POST /_sim/…`.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let (status, document) = http::ask(self.authority(), "POST", &format!("/_sim/{path}"), Some(body));
        assert_eq!(status, 200, "{document}");
        document
    }

    /// Moves the world's clock on at once.
    pub fn pass(&self, seconds: u32) {
        self.post("clock", &json!({ "advance_seconds": seconds }));
    }

    /// Nothing moves in the world any more; calls are still answered.
    pub fn stop_clock(&self) {
        self.post("clock", &json!({ "pause": true }));
    }

    /// Everything moves again.
    pub fn start_clock(&self) {
        self.post("clock", &json!({ "pause": false }));
    }

    /// From now on this goes wrong.
    pub fn add_fault(&self, fault: &Value) {
        self.post("faults", &json!({ "add": [fault] }));
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.post("faults", &json!({ "clear": true }));
    }

    /// Calls of one operation so far.
    pub fn calls(&self, operation: &str) -> Vec<Value> {
        let document = self.get(&format!("calls?operation={operation}"));
        document["calls"].as_array().expect("a list").clone()
    }

    /// Sends an in-place update past wavetrain, as somebody with a console would.
    pub fn send_in_place(&self, nodes: &[String], package: &str, version: &str) {
        let body = json!({
            "DocumentName": "AWS-ConfigureAWSPackage",
            "InstanceIds": nodes,
            // Without it the command ends at the first failure.
            "MaxErrors": "100%",
            "Parameters": {
                "action": ["Install"],
                "installationType": ["In-place update"],
                "name": [package],
                "version": [version],
            },
        });
        let (status, answer) = http::call_ssm(self.authority(), "SendCommand", &body);
        assert_eq!(status, 200, "{answer}");
    }

    /// Asks SSM with the hub's credentials.
    pub fn ask_ssm(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = http::call_ssm(self.authority(), operation, body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// How many commands with this action (`Install`, `Uninstall`) and version were sent so far.
    pub fn sent(&self, action: &str, version: &str) -> usize {
        let wanted = [format!("action={action} "), format!("version={version}")];
        let asks = |call: &Value| {
            let brief = call["brief"].as_str().unwrap_or_default();
            wanted.iter().all(|part| brief.contains(part))
        };
        self.calls("SendCommand").iter().filter(|call| asks(call)).count()
    }
}
