//! Building and calling a custom server.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::HeaderMap;
use http::{Method, Uri};
use parapet_policy::compile::Problem;
use parapet_policy::outcome::FailureClass;

use super::{Contract, Custom, wire};
use crate::client::{ClientRequest, HttpClient};
use crate::exchange::{Exchange, ServiceError, Verdict};
use crate::external::request::{authorize, failure, plain_headers, read_url};
use crate::guardrail::{BuildContext, Built, Guardrail, ServiceGuardrail, problem};
use crate::kinds::Kind;

/// A server's answer may be this large: a whole body comes back from a mutator.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

struct Server {
    uri: Uri,
    host: String,
    headers: HeaderMap,
    contract: Contract,
    /// The member `config` as JSON, written once.
    config: Box<str>,
}

/// Checks the configuration and reads the credentials.
pub(super) fn build(config: &Custom, context: &BuildContext<'_>) -> Result<Built, Vec<Problem>> {
    let mut problems = Vec::new();
    let uri = read_url("url", &config.url, &mut problems);
    let headers = read_headers(config, context, &mut problems);
    match uri {
        Some(uri) if problems.is_empty() => Ok(Built {
            guardrail: Guardrail::Service(Arc::new(Server {
                host: uri
                    .authority()
                    .map(|a| a.host().to_owned())
                    .unwrap_or_default(),
                uri,
                headers,
                contract: config.contract,
                config: serde_json::to_string(&config.config.clone().unwrap_or_default())
                    .unwrap_or_else(|_| "{}".to_owned())
                    .into(),
            })),
            kind: Custom::NAME,
            hooks: config.hooks(),
            remarks: Vec::new(),
        }),
        _ => Err(problems),
    }
}

fn read_headers(
    config: &Custom,
    context: &BuildContext<'_>,
    problems: &mut Vec<Problem>,
) -> HeaderMap {
    let mut headers = plain_headers(&config.headers, context, problems);
    let authorization = match (&config.bearer_token, &config.basic_auth) {
        (Some(_), Some(_)) => {
            problems.push(problem("basicAuth", "give either bearerToken or basicAuth"));
            return headers;
        }
        (Some(token), None) => Some((
            "bearerToken",
            (context.secret)(token).map(|t| format!("Bearer {t}")),
        )),
        (None, Some(basic)) => Some((
            "basicAuth.password",
            (context.secret)(&basic.password).map(|password| {
                let pair = format!("{}:{password}", basic.username);
                format!(
                    "Basic {}",
                    base64::engine::general_purpose::STANDARD.encode(pair)
                )
            }),
        )),
        (None, None) => None,
    };
    if let Some((path, value)) = authorization {
        authorize(path, value, &mut headers, problems);
    }
    headers
}

impl ServiceGuardrail for Server {
    fn call<'a>(
        &'a self,
        exchange: &'a Exchange,
        client: &'a dyn HttpClient,
    ) -> BoxFuture<'a, Result<Verdict, ServiceError>> {
        Box::pin(async move {
            let request = ClientRequest {
                method: Method::POST,
                uri: self.uri.clone(),
                headers: self.headers.clone(),
                body: Bytes::from(wire::request_body(exchange, &self.config)),
                max_answer: MAX_ANSWER,
            };
            let answer = client
                .send(request)
                .await
                .map_err(|error| failure(Custom::NAME, &error))?;
            wire::read_answer(
                self.contract,
                exchange.operation,
                answer.status,
                &answer.body,
            )
            .map_err(|what| ServiceError {
                class: FailureClass::BadAnswer,
                message: format!("the custom guardrail at {} {what}", self.host),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use parapet_policy::outcome::Operation;
    use serde_json::json;

    use crate::guardrail::BuildContext;

    fn problems(config: serde_json::Value) -> Vec<String> {
        match crate::kinds::build(
            "custom",
            &config,
            &BuildContext::without_secrets(Operation::Validate),
        ) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.into_iter().map(|p| p.path).collect(),
        }
    }

    #[test]
    fn says_what_does_not_build() {
        let secret = json!({"secretKeyRef": {"name": "s", "key": "k"}});
        let rows = [
            (json!({"url": "http://guard/check"}), vec![]),
            (json!({"url": "guard/check"}), vec!["url"]),
            (json!({"url": "ftp://guard/check"}), vec!["url"]),
            (json!({"url": "https://user:pw@guard/"}), vec!["url"]),
            (
                json!({"url": "http://g/", "headers": {"bad name": "x"}}),
                vec!["headers.bad name"],
            ),
            (
                json!({"url": "http://g/", "headers": {"X-Key": secret.clone()}}),
                vec![],
            ),
            (
                json!({"url": "http://g/", "bearerToken": secret, "basicAuth": {"username": "u", "password": secret}}),
                vec!["basicAuth"],
            ),
        ];
        for (config, expected) in rows {
            assert_eq!(problems(config.clone()), expected, "{config}");
        }
    }

    #[test]
    fn a_missing_secret_is_named_by_its_place() {
        let context = BuildContext {
            operation: Operation::Validate,
            secret: &|_| None,
        };
        let config =
            json!({"url": "http://g/", "bearerToken": {"secretKeyRef": {"name": "s", "key": "k"}}});
        let problems = crate::kinds::build("custom", &config, &context).unwrap_err();
        assert_eq!(problems[0].path, "bearerToken");
    }
}
