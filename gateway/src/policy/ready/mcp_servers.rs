//! MCP servers: from their written `spec` to where to send and with which credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;
use parapet_crds::mcp_server::{MEMBERS, McpServerSpec, Protocol, Trust};
use parapet_crds::read::Secrets;
use parapet_policy::bundle::McpServerEntry;
use parapet_policy::compile::NO_COMMANDS;
use parapet_policy::diagnostic::Diagnostic;
use parapet_policy::subject::Subjects;

use super::{Compiled, error, openapi};
use crate::mcp::backend::{Backend, Described, Http, Place};
use crate::mcp::bridge::era::{Known, Speaks};
use crate::mcp::pinning::pinned::Pinned;
use crate::mcp::server::{Server, Servers};
use crate::mcp::virtual_server::Virtual;
use crate::policy::kinds::KindCache;
use crate::upstream::{Location, named_value};

mod access;

use access::{Access, Missing};

/// Makes the servers ready, virtual ones last: those hold their members.
pub(super) fn servers(
    entries: &[McpServerEntry],
    secrets: &Secrets,
    kinds: &KindCache,
    compiled: Compiled,
    said: &mut Vec<Diagnostic>,
) -> Servers {
    let (of_others, own): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.is_virtual());
    let own = own.into_iter();
    let own: BTreeMap<&str, Arc<Server>> = own
        .map(|entry| {
            (
                &*entry.source.name,
                Arc::new(server(entry, secrets, kinds, compiled, said)),
            )
        })
        .collect();
    let of_others = of_others.into_iter().map(|entry| {
        let mut server = server(entry, secrets, kinds, compiled, said);
        let spec = serde_json::from_value::<McpServerSpec>(entry.spec.clone()).ok();
        if let Some(written) = spec.and_then(|spec| spec.virtual_server) {
            // What cannot be a member the compiler has said.
            let member = |name: &str| {
                let member = own.get(name)?;
                (member.namespace == server.namespace).then_some(member)
            };
            let of = Virtual::new(&written, member);
            server.backend = Some(Backend::Virtual(Arc::new(of)));
        }
        Arc::new(server)
    });
    let of_others: Vec<_> = of_others.collect();
    Servers::new(own.into_values().chain(of_others))
}

/// Makes a server ready. One that cannot be called is there all the same: callers are told so, and nobody else gets its
/// name.
fn server(
    entry: &McpServerEntry,
    secrets: &Secrets,
    kinds: &KindCache,
    compiled: Compiled,
    said: &mut Vec<Diagnostic>,
) -> Server {
    let mut server = Server {
        name: entry.source.name.clone(),
        namespace: entry.source.namespace.clone(),
        collaborators: entry
            .collaborators
            .as_ref()
            .map(|subjects| Subjects::new(subjects)),
        backend: None,
        oauth: None,
        headers: Vec::new(),
        pass_headers: Vec::new(),
        user_headers: Vec::new(),
        tools: Default::default(),
        untrusted: false,
        trusts_annotations: false,
        definitions: Default::default(),
        annotations: Default::default(),
        pinned: Default::default(),
    };
    let mut say = |path: &str, message: String| {
        said.push(error(entry.source.clone(), path, message));
    };
    let Ok(spec) = serde_json::from_value::<McpServerSpec>(entry.spec.clone()) else {
        say("spec", "this server is not of this version".to_owned());
        return server;
    };
    server.untrusted = spec.trust == Trust::Untrusted;
    server.trusts_annotations = spec.trust_annotations;
    let access = Access { entry, secrets };
    // What callers and servers are to know each other by is there as a whole, or the server is not called.
    let known = headers(&spec, access).and_then(|headers| {
        let tls = access.tls(spec.tls.as_ref(), "spec.tls")?;
        Ok((headers, tls, access.oauth(spec.auth.as_ref())?))
    });
    let tls = match known {
        Ok((headers, tls, oauth)) => {
            server.headers = headers;
            server.oauth = oauth.map(Into::into);
            tls
        }
        // A Secret that does not exist is the compiler's to say.
        Err(Missing::Secret) => return server,
        Err(Missing::Unusable(path, reason)) => {
            say(&path, reason);
            return server;
        }
    };
    let per_user = spec.auth.as_ref().and_then(|auth| auth.per_user.as_ref());
    let per_user = per_user.map_or(&[][..], |per_user| &per_user.headers);
    for (path, names, into) in [
        (
            "spec.passHeaders",
            &*spec.pass_headers,
            &mut server.pass_headers,
        ),
        (
            "spec.auth.perUser.headers",
            per_user,
            &mut server.user_headers,
        ),
    ] {
        for (index, name) in names.iter().enumerate() {
            match HeaderName::try_from(name.as_str()) {
                Ok(name) => into.push(name),
                Err(_) => say(
                    &format!("{path}[{index}]"),
                    "this is no name of a header".to_owned(),
                ),
            }
        }
    }
    // A token of the gateway's own is the same for all callers.
    let auth = spec.auth.as_ref();
    let own = auth.is_some_and(|auth| auth.client_credentials.is_none());
    let per_caller = own || !spec.pass_headers.is_empty();
    let pinning = spec.pinning.clone().unwrap_or_default();
    server.pinned = Pinned::new(&pinning, place(entry), per_caller);
    if let Some(written) = &spec.openapi {
        let apis = kinds.apis();
        let api = openapi::api(entry, &spec, written, secrets, apis, compiled, &mut say);
        server.backend = api.map(|api| {
            let base = api.base.clone().with_tls(tls.clone());
            Backend::OpenApi(Described { api, base })
        });
    }
    server.tools = spec
        .tools
        .into_iter()
        .map(|tool| (tool.name.clone(), tool))
        .collect();
    match (&spec.command, compiled) {
        (None, _) => {}
        // A gateway that serves a folder starts what stands there. What comes from elsewhere starts nothing, whoever
        // has signed it.
        (Some(_), Compiled::Elsewhere) => {
            say("spec.command", NO_COMMANDS.to_owned());
            return server;
        }
        (Some(command), Compiled::Here) => {
            // A Secret that does not exist is the compiler's to say.
            if let Ok(command) = access.command(command) {
                server.backend = Some(Backend::Http(Http {
                    place: Place::Program(command.into()),
                    // What such a server does without sessions would be one process for all callers.
                    speaks: Speaks::said(Known::LegacyOnly),
                }));
            }
            return server;
        }
    }
    match spec.url.as_deref().map(Location::parse) {
        Some(Ok(location)) => {
            let location = location.with_tls(tls);
            let speaks = match spec.protocol {
                Protocol::Auto => Speaks::default(),
                Protocol::Modern => Speaks::said(Known::ModernOnly),
                Protocol::Legacy => Speaks::said(Known::LegacyOnly),
            };
            let place = Place::Url(location);
            server.backend = Some(Backend::Http(Http { place, speaks }));
        }
        Some(Err(reason)) => say("spec.url", reason),
        // The reader has said that there is none.
        None => {}
    }
    server
}

/// What the resource says of where the server is. It is compared, and never shown.
fn place(entry: &McpServerEntry) -> String {
    let members = MEMBERS.iter().map(|member| entry.spec.get(*member));
    let said: Vec<_> = members.flatten().map(ToString::to_string).collect();
    said.join(" ")
}

type Headers = Vec<(HeaderName, http::HeaderValue)>;

fn headers(spec: &McpServerSpec, access: Access<'_>) -> Result<Headers, Missing> {
    let header = |(name, value): (&String, _)| {
        named_value(name, access.value(value)?).map_err(|_| {
            let message =
                format!("the header {name:?} has a name or a value that HTTP does not allow");
            Missing::Unusable("spec.headers".to_owned(), message)
        })
    };
    spec.headers.iter().map(header).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_program_is_started_for_files_and_never_for_what_comes_from_elsewhere() {
        let entry = McpServerEntry {
            source: parapet_policy::diagnostic::Source {
                kind: "MCPServer".into(),
                namespace: "default".into(),
                name: "git".into(),
                file: None,
            },
            collaborators: None,
            spec: json!({"command": {"program": "uvx", "args": ["mcp-server-git"]}}),
        };
        for (compiled, usable) in [(Compiled::Here, true), (Compiled::Elsewhere, false)] {
            let mut said = Vec::new();
            let (secrets, kinds) = (Secrets::default(), KindCache::default());
            let server = server(&entry, &secrets, &kinds, compiled, &mut said);
            assert_eq!(server.backend.is_some(), usable, "{compiled:?}");
            let paths: Vec<&str> = said.iter().map(|one| one.path.as_str()).collect();
            let expected: &[&str] = if usable { &[] } else { &["spec.command"] };
            assert_eq!(paths, expected);
        }
    }
}
