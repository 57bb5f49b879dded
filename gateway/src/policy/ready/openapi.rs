//! An MCP server that is an HTTP API, from its document.

use std::sync::Arc;

use parapet_crds::mcp_server::{McpServerSpec, OpenApi as Written};
use parapet_crds::read::Secrets;
use parapet_policy::bundle::{McpServerEntry, SecretId};
use parapet_policy::secret::PlainOrSecret;

use super::Compiled;
use crate::mcp::openapi::OpenApi;
use crate::mcp::openapi::cache::{ApiCache, Outcome};
use crate::upstream::Location;

/// Makes an API ready; none when that is not possible. What is wrong is said here when nobody else has read the document: whoever
/// compiles a resource reads what stands in it.
pub(super) fn api(
    entry: &McpServerEntry,
    spec: &McpServerSpec,
    written: &Written,
    secrets: &Secrets,
    cache: &ApiCache,
    compiled: Compiled,
    say: &mut impl FnMut(&str, String),
) -> Option<Arc<OpenApi>> {
    let (document, is_news) = match &written.document {
        PlainOrSecret::Plain(text) => (text.as_str(), compiled == Compiled::Elsewhere),
        // A Secret that does not exist is the compiler's to say.
        PlainOrSecret::Secret(value) => {
            let id = SecretId {
                namespace: entry.source.namespace.clone(),
                name: value.secret_key_ref.name.as_str().into(),
                key: value.secret_key_ref.key.as_str().into(),
            };
            (secrets.get(&id)?, true)
        }
    };
    let name = &*entry.source.name;
    let parts = [name, &entry.spec.to_string(), document];
    let outcome = cache.get(&parts, || make(name, spec, written, document));
    match &*outcome {
        Ok(api) => Some(Arc::clone(api)),
        Err((path, message)) => {
            // What a base URL comes to is known to gateways only.
            if is_news || path == BASE_URL {
                say(path, message.clone());
            }
            None
        }
    }
}

const BASE_URL: &str = "spec.openapi.baseUrl";

fn make(name: &str, spec: &McpServerSpec, written: &Written, document: &str) -> Outcome {
    let api = spec.api(written, document)?;
    let base = written.base_url.as_ref().or(api.server.as_ref());
    let base = base.map_or("", |base| base.as_str());
    let base = Location::parse(base).map_err(|reason| (BASE_URL.to_owned(), reason))?;
    Ok(Arc::new(OpenApi::new(name, base, api)))
}
