//! A real agent's side of the wire, played message by message.

use serde_json::{Value, json};

use crate::api::messages::{
    AcknowledgeMessageInput, FailMessageInput, GetMessagesInput, Message, Response as Messages,
    SendReplyInput,
};
use crate::api::ssm::{
    GetManifestInput, PutConfigurePackageResultInput, RegisterManagedInstanceInput,
    RequestManagedInstanceRoleTokenInput, Response as Ssm, UpdateInstanceInformationInput,
};
use crate::api::{Caller, Request, Response};
use crate::trial::{HUB, REGION, SPOKE, Trial, code, install};

const ACTIVATION: &str =
    "activations: [{ id: a1, code: c1, account: \"444455556666\", region: eu-west-1 }]\n";

/// An agent with credentials of its own, as on an instance with a profile.
const NODE: &str = "i-0123456789abcdef0";

fn ping(id: &str) -> UpdateInstanceInformationInput {
    UpdateInstanceInformationInput {
        instance_id: id.into(),
        agent_version: Some("3.3.0.0".into()),
        platform_type: Some("Linux".into()),
        platform_name: Some("Debian GNU/Linux".into()),
        platform_version: Some("12".into()),
        ..Default::default()
    }
}

fn joined() -> Trial {
    let mut trial = Trial::new(ACTIVATION);
    trial.call(HUB, ping(NODE)).expect("joins");
    trial
}

fn messages(trial: &mut Trial) -> Vec<Message> {
    let input = GetMessagesInput { destination: NODE.into(), ..Default::default() };
    match trial.call(HUB, input) {
        Ok(Response::Messages(Messages::GetMessages(output))) => output.messages,
        other => panic!("{other:?}"),
    }
}

fn reply(trial: &mut Trial, message: &Message, status: &str, stdout: &str) {
    let step = json!({ "status": status, "code": i32::from(status == "Failed"), "standardOutput": stdout });
    let payload = json!({ "documentStatus": status, "runtimeStatus": { "configurePackage": step } });
    let input = SendReplyInput {
        message_id: message.message_id.clone(),
        payload: payload.to_string(),
        reply_id: "r".into(),
    };
    trial.call(HUB, input).expect("taken");
}

#[test]
fn a_command_is_carried_out_by_the_agent_that_joined() {
    let mut trial = joined();
    let command = trial.install(&[NODE.into()], "2.0.0");
    trial.pass(10);
    assert!(trial.world.has_message(NODE));
    let received = messages(&mut trial);
    let [message] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(message.message_id, format!("aws.ssm.{command}.{NODE}"));
    let payload: Value = serde_json::from_str(&message.payload).expect("JSON");
    assert_eq!(payload["Parameters"]["version"], "2.0.0");
    assert_eq!(payload["DocumentContent"]["mainSteps"][0]["action"], "aws:configurePackage");
    assert_eq!(payload["DocumentContent"]["mainSteps"][0]["inputs"]["name"], "{{ name }}");
    reply(&mut trial, message, "InProgress", "");
    let acknowledge = AcknowledgeMessageInput { message_id: message.message_id.clone() };
    trial.call(HUB, acknowledge).expect("acknowledged");
    assert_eq!(trial.details(&command), super::counts(&[("InProgress", 1)]));

    let manifest = GetManifestInput { package_name: "hello".into(), package_version: None };
    assert_eq!(code(trial.call(HUB, manifest)), "ResourceNotFoundException");
    let result = PutConfigurePackageResultInput {
        package_name: "hello".into(),
        package_version: "2.0.0".into(),
        operation: Some("Install".into()),
        attributes: Some([("instanceID".to_owned(), NODE.to_owned())].into()),
        ..Default::default()
    };
    trial.call(HUB, result).expect("taken");
    reply(&mut trial, message, "Success", "Successfully installed hello 2.0.0");
    assert_eq!(trial.details(&command), super::counts(&[("Success", 1)]));
    assert_eq!(trial.bits(NODE).as_deref(), Some("2.0.0"));
    let output = trial.invocations(&command)[0].command_plugins[0].output.clone().expect("output");
    assert!(output.contains("Successfully installed hello 2.0.0"), "{output}");
}

#[test]
fn what_is_not_acknowledged_is_shown_again_and_what_is_over_is_not() {
    let mut trial = joined();
    let command = trial.install(&[NODE.into()], "2.0.0");
    trial.pass(10);
    assert_eq!(messages(&mut trial).len(), 1);
    assert!(messages(&mut trial).is_empty(), "hidden for a while");
    trial.pass(11);
    let again = messages(&mut trial);
    assert_eq!(again.len(), 1);
    let fail = FailMessageInput {
        message_id: again[0].message_id.clone(),
        failure_type: "InternalHandlerException".into(),
    };
    trial.call(HUB, fail).expect("taken");
    assert_eq!(trial.details(&command), super::counts(&[("Failed", 1)]));
    trial.pass(60);
    assert!(messages(&mut trial).is_empty());
}

#[test]
fn an_activation_gives_a_node_and_credentials_of_its_account() {
    let mut trial = Trial::new(ACTIVATION);
    let register = |code: &str| RegisterManagedInstanceInput {
        activation_id: "a1".into(),
        activation_code: code.into(),
        fingerprint: Some("finger".into()),
        ..Default::default()
    };
    let stranger = Caller::default();
    let mut call = |caller: &Caller, request: Request| trial.world.call(caller, request).result;
    assert_eq!(code(call(&stranger, register("wrong").into())), "InvalidActivation");
    let Ok(Response::Ssm(Ssm::RegisterManagedInstance(made))) = call(&stranger, register("c1").into()) else {
        panic!("not registered");
    };
    assert!(made.instance_id.starts_with("mi-") && made.instance_id.len() == 20, "{}", made.instance_id);
    let ask = RequestManagedInstanceRoleTokenInput { fingerprint: "finger".into() };
    let Ok(Response::Ssm(Ssm::RequestManagedInstanceRoleToken(token))) = call(&stranger, ask.into()) else {
        panic!("no token");
    };
    let agent = Caller {
        access_key_id: token.access_key_id,
        session_token: Some(token.session_token),
        region: REGION.into(),
    };
    call(&agent, ping(&made.instance_id).into()).expect("known");
    assert!(trial.send(SPOKE, install(&[made.instance_id], "2.0.0")).is_ok());
}

#[test]
fn a_modelled_node_is_not_taken_over() {
    let mut trial = joined();
    let id = trial.ids(HUB, "web")[0].clone();
    assert_eq!(code(trial.call(HUB, ping(&id))), "InvalidInstanceId");
}
