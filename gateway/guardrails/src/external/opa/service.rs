//! Building and calling an OPA.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::HeaderMap;
use http::{Method, Uri};
use parapet_policy::compile::Problem;
use parapet_policy::outcome::FailureClass;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Opa, wire};
use crate::client::{ClientRequest, HttpClient};
use crate::exchange::{Exchange, ServiceError, Verdict};
use crate::external::request::{authorize, failure, plain_headers, read_url};
use crate::guardrail::{BuildContext, Built, Guardrail, ServiceGuardrail, problem};
use crate::kinds::Kind;

/// A decision is small, with a reason and the ids of some policies.
const MAX_ANSWER: usize = 256 * 1024;

/// What stands for itself in a part of a path.
const PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

struct Agent {
    uri: Uri,
    host: String,
    headers: HeaderMap,
    /// As configured, for explanations.
    path: Box<str>,
}

/// Checks the configuration and reads the credentials.
pub(super) fn build(config: &Opa, context: &BuildContext<'_>) -> Result<Built, Vec<Problem>> {
    let mut problems = Vec::new();
    let base = read_url("opaUrl", &config.opa_url, &mut problems);
    let path = config.policy_path.trim_matches('/');
    let uri = base.and_then(|base| decision(&base, path, &mut problems));
    let mut headers = plain_headers(&config.headers, context, &mut problems);
    if let Some(token) = &config.bearer_token {
        let value = (context.secret)(token).map(|token| format!("Bearer {token}"));
        authorize("bearerToken", value, &mut headers, &mut problems);
    }
    match uri {
        Some(uri) if problems.is_empty() => Ok(Built {
            guardrail: Guardrail::Service(Arc::new(Agent {
                host: uri.host().unwrap_or_default().to_owned(),
                uri,
                headers,
                path: path.into(),
            })),
            kind: Opa::NAME,
            hooks: Opa::HOOKS,
            remarks: Vec::new(),
        }),
        _ => Err(problems),
    }
}

/// The address of a decision below OPA's own.
fn decision(base: &Uri, path: &str, problems: &mut Vec<Problem>) -> Option<Uri> {
    if base.query().is_some() || base.path().trim_end_matches('/').ends_with("/v1/data") {
        let message = "write where OPA listens, without /v1/data and without a query";
        problems.push(problem("opaUrl", message));
        return None;
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts
        .iter()
        .any(|part| part.is_empty() || matches!(*part, "." | ".."))
    {
        let message = "write package and rule with slashes between, such as authz/allow";
        problems.push(problem("policyPath", message));
        return None;
    }
    let parts = parts
        .iter()
        .map(|part| utf8_percent_encode(part, PART).to_string());
    let path = format!(
        "{}/v1/data/{}",
        base.path().trim_end_matches('/'),
        parts.collect::<Vec<_>>().join("/")
    );
    let uri = Uri::builder()
        .scheme(base.scheme_str().unwrap_or("http"))
        .authority(base.authority().map_or("", |authority| authority.as_str()))
        .path_and_query(path)
        .build();
    match uri {
        Ok(uri) => Some(uri),
        Err(error) => {
            problems.push(problem(
                "policyPath",
                format!("this is not a path: {error}"),
            ));
            None
        }
    }
}

impl ServiceGuardrail for Agent {
    fn call<'a>(
        &'a self,
        exchange: &'a Exchange,
        client: &'a dyn HttpClient,
    ) -> BoxFuture<'a, Result<Verdict, ServiceError>> {
        Box::pin(async move {
            // A message that calls no tool: there is nothing to decide about.
            if exchange
                .call
                .mcp
                .as_ref()
                .is_some_and(|mcp| mcp.tool.is_none())
            {
                return Ok(Verdict::Pass);
            }
            let request = ClientRequest {
                method: Method::POST,
                uri: self.uri.clone(),
                headers: self.headers.clone(),
                body: Bytes::from(wire::input(exchange)),
                max_answer: MAX_ANSWER,
            };
            let answer = client
                .send(request)
                .await
                .map_err(|error| failure(Opa::NAME, &error))?;
            wire::read_answer(&self.path, answer.status, &answer.body).map_err(|what| {
                ServiceError {
                    class: FailureClass::BadAnswer,
                    message: format!("the OPA at {} {what}", self.host),
                }
            })
        })
    }
}
