//! The agent's part, by hand.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The machine's fingerprint, another one for each registration.
static MACHINES: AtomicU32 = AtomicU32::new(1);

/// One registered agent's calls.
#[derive(Debug, Clone)]
pub struct Wire {
    authority: String,
    /// Node id.
    pub id: String,
    key: String,
    token: String,
}

impl Wire {
    /// Registers with the activation of the world, and says that it is there.
    pub fn register(endpoint: &str) -> Self {
        let authority = endpoint.trim_start_matches("http://").to_owned();
        let mut wire = Self { authority, id: String::new(), key: String::new(), token: String::new() };
        let machine = format!("machine-{}", MACHINES.fetch_add(1, Ordering::Relaxed));
        let made = wire.ssm(
            "RegisterManagedInstance",
            &json!({
                "ActivationCode": "secret", "ActivationId": "activation", "Fingerprint": machine,
                "PublicKey": "MIIB", "PublicKeyType": "Rsa",
            }),
        );
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        wire.id = text(&made["InstanceId"]);
        let token = wire.ssm("RequestManagedInstanceRoleToken", &json!({ "Fingerprint": machine }));
        assert_eq!(token["UpdateKeyPair"], false);
        assert!(token["TokenExpirationDate"].is_number(), "{token}");
        assert!(token["SecretAccessKey"].is_string());
        (wire.key, wire.token) = (text(&token["AccessKeyId"]), text(&token["SessionToken"]));
        let empty_ping = json!({
            "AgentName": "amazon-ssm-agent", "AgentVersion": "3.3.1230.0", "InstanceId": wire.id, "PlatformType": "Linux",
        });
        assert_eq!(wire.ssm("UpdateInstanceInformation", &empty_ping), json!({}));
        let ping = json!({
            "AgentName": "amazon-ssm-agent", "AgentStatus": "Active", "AgentVersion": "3.3.1230.0",
            "AvailabilityZone": "us-east-1a", "AvailabilityZoneId": "use1-az1", "ComputerName": "here",
            "IPAddress": "127.0.0.1", "InstanceId": wire.id, "PlatformName": "Debian GNU/Linux",
            "PlatformType": "Linux", "PlatformVersion": "12", "SSMConnectionChannel": "ec2messages",
        });
        assert_eq!(wire.ssm("UpdateInstanceInformation", &ping), json!({}));
        wire
    }

    /// One call to SSM that succeeds.
    pub fn ssm(&self, operation: &str, body: &Value) -> Value {
        let (status, said) = self.post("ssm", "/", &format!("AmazonSSM.{operation}"), body);
        assert_eq!(status, 200, "{operation}: {said}");
        said
    }

    /// One call to message delivery that succeeds.
    pub fn messages(&self, operation: &str, body: &Value) -> Value {
        let target = format!("EC2WindowsMessageDeliveryService.{operation}");
        let (status, said) = self.post("ec2messages", "/", &target, body);
        assert_eq!(status, 200, "{operation}: {said}");
        said
    }

    /// One POST, signed for a service.
    pub fn post(&self, service: &str, path: &str, target: &str, body: &Value) -> (u16, Value) {
        self.try_post(service, path, target, body).unwrap_or_else(|| panic!("{target}: no answer"))
    }

    /// The same; None when nobody listens any more.
    fn try_post(&self, service: &str, path: &str, target: &str, body: &Value) -> Option<(u16, Value)> {
        let signed = if self.key.is_empty() {
            String::new()
        } else {
            format!(
                "authorization: AWS4-HMAC-SHA256 Credential={}/20260302/us-east-1/{service}/aws4_request, \
                 SignedHeaders=host, Signature=0\r\nx-amz-security-token: {}\r\n",
                self.key, self.token
            )
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\ncontent-type: application/x-amz-json-1.1\r\nx-amz-target: {target}\r\n{signed}"
        );
        let (status, bytes) = self.exchange(&head, body.to_string().as_bytes())?;
        Some((status, serde_json::from_slice(&bytes).expect("JSON")))
    }

    fn exchange(&self, head: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(&self.authority).ok()?;
        stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
        let length = body.len();
        let head = format!(
            "{head}host: {}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n",
            self.authority
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(answer[..end].to_vec()).expect("a head is text");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        Some((status, answer[end + 4..].to_vec()))
    }
}

/// An agent at work, on a machine that begins with version 1.0.0.
#[derive(Debug)]
pub struct Agent {
    /// Node id.
    pub id: String,
    work: JoinHandle<Option<String>>,
}

impl Agent {
    /// Joins; the install script of version `broken` fails after it put its files down.
    pub fn join(endpoint: &str, broken: Option<&'static str>) -> Self {
        let wire = Wire::register(endpoint);
        let id = wire.id.clone();
        let mut machine = Machine { wire, broken, installed: Some("1.0.0".to_owned()) };
        let work = std::thread::spawn(move || {
            while machine.poll().is_some() {}
            machine.installed
        });
        Self { id, work }
    }

    /// What is installed, once nobody serves it any more.
    pub fn leave(self) -> Option<String> {
        self.work.join().expect("the agent understood everything")
    }
}

struct Machine {
    wire: Wire,
    broken: Option<&'static str>,
    installed: Option<String>,
}

/// How a step ended.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Machine {
    fn poll(&mut self) -> Option<()> {
        let ask = json!({
            "Destination": self.wire.id, "MessagesRequestId": "11111111-0000-4000-8000-000000000000",
            "VisibilityTimeoutInSeconds": 10,
        });
        let target = "EC2WindowsMessageDeliveryService.GetMessages";
        let (status, got) = self.wire.try_post("ec2messages", "/", target, &ask)?;
        assert_eq!(status, 200, "{got}");
        assert_eq!(
            (&got["Destination"], &got["MessagesRequestId"]),
            (&ask["Destination"], &ask["MessagesRequestId"])
        );
        for message in got["Messages"].as_array().expect("a list") {
            self.take(message);
        }
        Some(())
    }

    fn take(&mut self, message: &Value) {
        let text = message["Payload"].as_str().expect("a text");
        assert_eq!(message["PayloadDigest"], hex(&Sha256::digest(text.as_bytes())));
        let payload: Value = serde_json::from_str(text).expect("JSON in the text");
        let command = payload["CommandId"].as_str().expect("an id");
        assert_eq!(message["MessageId"], format!("aws.ssm.{command}.{}", self.wire.id));
        assert!(message["Topic"].as_str().is_some_and(|topic| topic.starts_with("aws.ssm.sendCommand")));
        assert!(message["CreatedDate"].is_string());
        assert_eq!(payload["OutputS3BucketName"], "", "the agent would look for it on the Internet");
        assert_eq!(payload["DocumentContent"]["schemaVersion"], "2.2");
        self.reply(message, "InProgress", &Value::Null);
        self.wire.messages("AcknowledgeMessage", &json!({ "MessageId": message["MessageId"] }));
        let step = &payload["DocumentContent"]["mainSteps"][0];
        let input = |name: &str| filled(&step["inputs"][name], &payload);
        let ended = match step["action"].as_str() {
            Some("aws:configurePackage") => {
                self.configure(&input("action"), &input("name"), &input("version"))
            }
            Some("aws:runShellScript") => {
                let stdout =
                    self.installed.as_ref().map_or_else(String::new, |version| format!("{version}\n"));
                Ended { code: 0, stdout, stderr: String::new() }
            }
            other => panic!("the agent has no plugin {other:?}"),
        };
        let word = if ended.code == 0 { "Success" } else { "Failed" };
        let runtime = json!({ step["name"].as_str().expect("a name"): {
            "status": word, "code": ended.code, "name": step["action"],
            "output": format!("{}\n----------ERROR-------\n{}", ended.stdout, ended.stderr),
            "startDateTime": "2026-03-02T10:00:00.000Z", "endDateTime": "2026-03-02T10:00:05.000Z",
            "outputS3BucketName": "", "outputS3KeyPrefix": "", "stepName": step["name"],
            "standardOutput": ended.stdout, "standardError": ended.stderr,
        }});
        self.reply(message, "InProgress", &runtime);
        self.reply(message, word, &runtime);
    }

    fn reply(&self, message: &Value, status: &str, runtime: &Value) {
        let payload = json!({
            "additionalInfo": {
                "agent": { "lang": "en-US", "name": "amazon-ssm-agent", "os": "", "osver": "1", "ver": "3.3.1230.0" },
                "dateTime": "2026-03-02T10:00:05.000Z", "runId": "", "runtimeStatusCounts": { status: 1 },
            },
            "documentStatus": status, "documentTraceOutput": "", "runtimeStatus": runtime,
        });
        let body = json!({
            "MessageId": message["MessageId"], "Payload": payload.to_string(),
            "ReplyId": "22222222-0000-4000-8000-000000000000",
        });
        self.wire.messages("SendReply", &body);
    }

    fn configure(&mut self, action: &str, name: &str, version: &str) -> Ended {
        let before = self.installed.clone();
        let said = |code, stdout: String, stderr: &str| Ended { code, stdout, stderr: stderr.to_owned() };
        if action == "Uninstall" {
            self.installed = None;
            let gone = before.clone().unwrap_or_default();
            self.note(name, &gone, before.as_deref(), action, 0);
            return said(0, format!("Successfully uninstalled {name} {gone}\n"), "");
        }
        if before.as_deref() == Some(version) {
            return said(0, format!("{name} {version} is already installed\n"), "");
        }
        self.download(name, version);
        // The files are there whether the script fails or not.
        self.installed = Some(version.to_owned());
        let fails = self.broken == Some(version);
        self.note(name, version, before.as_deref(), action, i64::from(fails));
        if fails {
            let errors = "install errors: boom\nFailed to install package; install status Failed\n";
            return said(1, format!("Initiating {name} {version} install\n"), errors);
        }
        said(0, format!("Initiating {name} {version} install\nSuccessfully installed {name} {version}\n"), "")
    }

    /// Fetches the version's file as the agent does, and checks it against the manifest.
    fn download(&self, name: &str, version: &str) {
        let asked = json!({ "PackageName": name, "PackageVersion": version });
        let (status, said) = self.wire.post("ssm", "/", "AmazonSSM.GetManifest", &asked);
        assert_eq!(status, 400, "{said}");
        assert!(
            said["__type"].as_str().is_some_and(|code| code.ends_with("ResourceNotFoundException")),
            "{said}"
        );
        let named = json!({ "Name": name, "VersionName": version });
        let described = &self.wire.ssm("DescribeDocument", &named)["Document"];
        assert_eq!(described["Status"], "Active");
        assert!(described["DocumentVersion"].is_string() && described["Hash"].is_string(), "{described}");
        let document = self.wire.ssm("GetDocument", &named);
        let manifest: Value =
            serde_json::from_str(document["Content"].as_str().expect("a text")).expect("a manifest");
        let file = manifest["packages"]["_any"]["_any"]["_any"]["file"].as_str().expect("a file");
        let attached = document["AttachmentsContent"].as_array().expect("a list");
        let attached = attached.iter().find(|attached| attached["Name"] == file).expect("it is attached");
        let url = attached["Url"].as_str().expect("a URL");
        let path = url.strip_prefix(&format!("http://{}", self.wire.authority)).expect("the same server");
        let (status, zip) = self.wire.exchange(&format!("GET {path} HTTP/1.1\r\n"), &[]).expect("an answer");
        assert_eq!(status, 200);
        assert_eq!(attached["Size"], zip.len());
        assert_eq!(manifest["files"][file]["checksums"]["sha256"], hex(&Sha256::digest(&zip)));
    }

    fn note(&self, name: &str, version: &str, previous: Option<&str>, operation: &str, result: i64) {
        let body = json!({
            "PackageName": name, "PackageVersion": version, "PreviousPackageVersion": previous,
            "Operation": operation, "OverallTiming": 4_000_000, "Result": result,
            "Attributes": {
                "platformName": "debian", "platformVersion": "12", "architecture": "x86_64", "instanceID": self.wire.id,
                "instanceType": "", "region": "us-east-1", "availabilityZone": "us-east-1a",
            },
            "Steps": [{ "Action": "download", "Result": 0, "Timing": 1_000_000 }],
        });
        assert_eq!(self.wire.ssm("PutConfigurePackageResult", &body), json!({}));
    }
}

/// An input of a step with its placeholder replaced: by what was sent, else by the document's own value.
fn filled(input: &Value, payload: &Value) -> String {
    let text = input.as_str().unwrap_or_default();
    let Some(name) = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim) else {
        return text.to_owned();
    };
    let sent = payload["Parameters"][name].as_str();
    let usual = payload["DocumentContent"]["parameters"][name]["default"].as_str();
    sent.or(usual).unwrap_or_default().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
