//! How a server is known, and how it is shown who calls.

use http::Uri;
use parapet_connect::{Origin, PeerError, PeerSettings};
use parapet_crds::mcp_server::{self, ClientCredentials, McpAuth};
use parapet_crds::read::Secrets;
use parapet_crds::tls::Tls;
use parapet_policy::bundle::{McpServerEntry, SecretId};
use parapet_policy::secret::{PlainOrSecret, SecretValue};
use zeroize::Zeroizing;

use crate::mcp::command::{Command, Written};
use crate::mcp::oauth::{Client, Grant, OAuth};
use crate::upstream::PeerTls;

/// Why something is not there.
pub(super) enum Missing {
    /// A Secret, which the compiler has said.
    Secret,
    /// It cannot be used: (path below the resource, what is wrong with it).
    Unusable(String, String),
}

/// One resource and where its credentials are.
#[derive(Clone, Copy)]
pub(super) struct Access<'a> {
    pub(super) entry: &'a McpServerEntry,
    pub(super) secrets: &'a Secrets,
}

impl Access<'_> {
    pub(super) fn secret(&self, value: &SecretValue) -> Result<Zeroizing<String>, Missing> {
        let id = SecretId {
            namespace: self.entry.source.namespace.clone(),
            name: value.secret_key_ref.name.as_str().into(),
            key: value.secret_key_ref.key.as_str().into(),
        };
        let found = self.secrets.get(&id).ok_or(Missing::Secret)?;
        Ok(Zeroizing::new(found.to_owned()))
    }

    pub(super) fn value(&self, value: &PlainOrSecret) -> Result<Zeroizing<String>, Missing> {
        match value {
            PlainOrSecret::Plain(text) => Ok(Zeroizing::new(text.clone())),
            PlainOrSecret::Secret(value) => self.secret(value),
        }
    }

    /// What is special about TLS, as it stands at a path.
    pub(super) fn tls(&self, tls: Option<&Tls>, path: &str) -> Result<Option<PeerTls>, Missing> {
        let Some(tls) = tls else { return Ok(None) };
        let value = |value: &Option<PlainOrSecret>| {
            value.as_ref().map(|value| self.value(value)).transpose()
        };
        let ca = value(&tls.ca)?;
        let certificate = value(&tls.client_certificate)?;
        let key = tls.client_key.as_ref().map(|key| self.secret(key));
        let key = key.transpose()?;
        let made = PeerTls::new(PeerSettings {
            ca: ca.as_ref().map(|text| text.as_str()),
            server_name: tls.server_name.as_deref(),
            certificate: certificate.as_ref().map(|text| text.as_str()),
            key: key.as_ref().map(|text| text.as_str()),
        });
        made.map(Some).map_err(|error| {
            let member = match &error {
                PeerError::Ca(_) => ".ca",
                PeerError::ServerName => ".serverName",
                PeerError::Certificate(_) => ".clientCertificate",
                PeerError::Key(_) => ".clientKey",
                PeerError::System(_) => "",
            };
            Missing::Unusable(format!("{path}{member}"), error.to_string())
        })
    }

    /// A program that is the server.
    pub(super) fn command(&self, spec: &mcp_server::Command) -> Result<Command, Missing> {
        let env = spec.env.iter();
        let env = env.map(|(name, value)| Ok((name.clone(), self.value(value)?)));
        let written = Written {
            program: spec.program.clone(),
            args: spec.args.clone(),
            env: env.collect::<Result<_, Missing>>()?,
            cwd: spec.cwd.as_ref().map(Into::into),
            idle: spec.idle_timeout(),
            log_stderr: spec.log_stderr,
        };
        Ok(Command::new(self.entry.source.name.clone(), written))
    }

    /// How tokens are got, when they are.
    pub(super) fn oauth(&self, auth: Option<&McpAuth>) -> Result<Option<OAuth>, Missing> {
        let Some(auth) = auth else { return Ok(None) };
        let Some((member, client)) = auth.client() else {
            return Ok(None);
        };
        let grant = match &auth.token_exchange {
            None => Grant::ClientCredentials,
            Some(exchange) => Grant::TokenExchange {
                subject: exchange.subject_token_type,
                requested: exchange.requested_token_type,
            },
        };
        let path = format!("spec.auth.{member}");
        let unusable = |reason: String| Missing::Unusable(format!("{path}.tokenUrl"), reason);
        let uri: Uri = client
            .token_url
            .trim()
            .parse()
            .map_err(|_| unusable("it is not a URL".to_owned()))?;
        let origin = Origin::of(&uri).map_err(|error| unusable(error.to_string()))?;
        let tls = self.tls(client.tls.as_ref(), &format!("{path}.tls"))?;
        let own = Client {
            id: client.client_id.clone(),
            secret: self.secret(&client.client_secret)?,
            auth: client.client_auth,
        };
        Ok(Some(OAuth::new(
            self.entry.source.name.clone(),
            (uri, origin.shared_name()),
            grant,
            own,
            wanted(client),
            tls,
        )))
    }
}

/// Parameters that say what a token is for.
fn wanted(client: &ClientCredentials) -> Vec<(&'static str, String)> {
    let mut wanted = Vec::with_capacity(3);
    if !client.scopes.is_empty() {
        wanted.push(("scope", client.scopes.join(" ")));
    }
    for (name, value) in [
        ("audience", &client.audience),
        ("resource", &client.resource),
    ] {
        wanted.extend(value.clone().map(|value| (name, value)));
    }
    wanted
}
