//! One request, bounded in time and size.

use crate::Web;
use reqwest::RequestBuilder;
use wavetrain_ports::failure::{Class, Failure};

pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Web {
    /// Sends a request. Messages name no URL: it may carry what should not be in a log.
    pub(crate) async fn fetch(
        &self,
        operation: &str,
        request: RequestBuilder,
        token_env: Option<&str>,
        most_bytes: usize,
    ) -> Result<Fetched, Failure> {
        let request = match token_env {
            None => request,
            Some(name) => {
                let Some(token) = (self.environment)(name) else {
                    let message = format!("the environment variable {name} is not set");
                    return Err(failure(operation, Class::Denied, message));
                };
                request.bearer_auth(token.trim())
            }
        };
        let unanswered = |error: reqwest::Error| {
            let message = reason(&error.without_url());
            failure(operation, Class::Unavailable, message)
        };
        let mut response = request.send().await.map_err(unanswered)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > most_bytes {
                let message = format!("the answer is longer than {most_bytes} bytes");
                return Err(failure(operation, Class::Invalid, message));
            }
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8(body)
            .map_err(|_| failure(operation, Class::Invalid, "the answer is not UTF-8".to_owned()))?;
        Ok(Fetched { status, body })
    }
}

pub(crate) fn failure(operation: &str, class: Class, message: String) -> Failure {
    Failure { class, operation: operation.to_owned(), message, code: String::new() }
}

/// The innermost cause: "error sending request" alone helps nobody.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
