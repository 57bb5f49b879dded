//! From verified claims to an identity.

use std::collections::BTreeMap;
use std::sync::Arc;

use parapet_crds::identity_provider::Claims;
use parapet_policy::facts::{Caller, Subject};
use serde_json::{Map, Value};

use super::{AuthError, Identity};

/// Teams and roles that are read; who has more has a broken issuer.
const MAX_NAMES: usize = 1000;
/// Bytes of a name.
const MAX_NAME: usize = 256;

/// The implied team of every user; it is never listed.
const EVERYONE: &str = "everyone";

/// Who the claims name.
pub(super) fn identity(
    wanted: &Claims,
    claims: &Map<String, Value>,
) -> Result<Identity, AuthError> {
    let user = find(claims, &wanted.user)
        .and_then(name)
        .ok_or(AuthError::NoUser)?;
    let listed = |path: &Option<String>| {
        path.as_ref()
            .and_then(|path| find(claims, path))
            .map_or_else(Vec::new, names)
    };
    let mut teams = listed(&wanted.teams);
    teams.retain(|team| **team != *EVERYONE);
    let caller = Caller {
        subject: Subject::User(user),
        teams,
        roles: listed(&wanted.roles),
    };
    let metadata: BTreeMap<String, String> = wanted
        .metadata
        .iter()
        .filter_map(|(key, path)| Some((key.clone(), text(find(claims, path)?)?)))
        .collect();
    Ok(Identity { caller, metadata })
}

/// A claim by its name, which may itself have dots or slashes, or by a path with dots.
fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    find(claims.get(first)?.as_object()?, rest)
}

fn name(value: &Value) -> Option<Arc<str>> {
    let text = value.as_str()?;
    let fits = !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control);
    fits.then(|| text.into())
}

/// A list of names, or one name. What is not a name is left out.
fn names(value: &Value) -> Vec<Arc<str>> {
    let mut names: Vec<_> = match value {
        Value::Array(list) => list.iter().take(MAX_NAMES).filter_map(name).collect(),
        Value::String(_) => name(value).into_iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    names.sort_unstable();
    names.dedup();
    names
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(wanted: Value, claims: Value) -> Result<Identity, AuthError> {
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        identity(&serde_json::from_value(wanted).unwrap(), &claims)
    }

    #[test]
    fn reads_what_is_configured() {
        let wanted = json!({
            "user": "email", "teams": "realm.groups", "roles": "https://acme.example/roles",
            "metadata": {"department": "org.department", "level": "level", "none": "missing"},
        });
        let claims = json!({
            "sub": "1", "email": "alice@example.com",
            "realm": {"groups": ["search", "payments", "search", "everyone", "", 7, "a\nb"]},
            "https://acme.example/roles": "admin",
            "org": {"department": "research"}, "level": 3,
        });
        let identity = read(wanted, claims).unwrap();
        assert_eq!(
            identity.caller.subject.to_string(),
            "user:alice@example.com"
        );
        assert_eq!(
            identity.caller.teams,
            ["payments".into(), "search".into()] as [Arc<str>; 2]
        );
        assert_eq!(identity.caller.roles, ["admin".into()] as [Arc<str>; 1]);
        let metadata: Vec<_> = identity
            .metadata
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(metadata, [("department", "research"), ("level", "3")]);
    }

    #[test]
    fn without_a_user_there_is_no_identity() {
        for claims in [
            json!({}),
            json!({"sub": ""}),
            json!({"sub": 7}),
            json!({"sub": null}),
            json!({"sub": "a\u{0}"}),
        ] {
            assert_eq!(
                read(json!({}), claims.clone()),
                Err(AuthError::NoUser),
                "{claims}"
            );
        }
        assert_eq!(
            read(json!({}), json!({"sub": "x".repeat(257)})),
            Err(AuthError::NoUser)
        );
    }
}
