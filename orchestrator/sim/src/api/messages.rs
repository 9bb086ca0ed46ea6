//! Message delivery to agents: the service they ask for work, and answer to. It is in no public reference; its shapes are
//! those that the agent, whose source is public, sends and expects.

#![expect(missing_docs, reason = "members are named as the agent names them")]

use super::validate::{Text, Violations};
use super::wire::{operations, structures};

operations! {
    Messages:
    GetMessages(GetMessagesInput) -> GetMessagesOutput,
    AcknowledgeMessage(AcknowledgeMessageInput) -> AcknowledgeMessageOutput,
    SendReply(SendReplyInput) -> SendReplyOutput,
    FailMessage(FailMessageInput) -> FailMessageOutput,
    DeleteMessage(DeleteMessageInput) -> DeleteMessageOutput,
}

structures! {
    GetMessagesInput {
        destination: String,
        messages_request_id: String,
        visibility_timeout_in_seconds: Option<i32>,
    }
    GetMessagesOutput { destination: String, messages: Vec<Message>, messages_request_id: String }
    Message {
        created_date: String,
        destination: String,
        message_id: String,
        /// A JSON text.
        payload: String,
        payload_digest: String,
        topic: String,
    }
    AcknowledgeMessageInput { message_id: String }
    AcknowledgeMessageOutput {}
    SendReplyInput { message_id: String, payload: String, reply_id: String }
    SendReplyOutput {}
    FailMessageInput { message_id: String, failure_type: String }
    FailMessageOutput {}
    DeleteMessageInput { message_id: String }
    DeleteMessageOutput {}
}

const ANY: Text = Text::length(1, usize::MAX);

impl GetMessagesInput {
    fn check(&self, v: &mut Violations) {
        v.required("destination", &self.destination, &ANY);
    }
}

impl AcknowledgeMessageInput {
    fn check(&self, v: &mut Violations) {
        v.required("messageId", &self.message_id, &ANY);
    }
}

impl SendReplyInput {
    fn check(&self, v: &mut Violations) {
        v.required("messageId", &self.message_id, &ANY);
        v.required("payload", &self.payload, &ANY);
    }
}

impl FailMessageInput {
    fn check(&self, v: &mut Violations) {
        v.required("messageId", &self.message_id, &ANY);
    }
}

impl DeleteMessageInput {
    fn check(&self, v: &mut Violations) {
        v.required("messageId", &self.message_id, &ANY);
    }
}
