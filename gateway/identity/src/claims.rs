//! From verified claims to an identity.

use std::collections::BTreeMap;
use std::sync::Arc;

use parapet_crds::identity_provider::Claims;
use parapet_policy::facts::{Caller, Subject};
use serde_json::{Map, Value};

use super::{AuthError, Identity, Machine, Machines};

/// Teams, and roles, that a token may list. Nobody's caller has more, and with some left out a rule for one of those would
/// not run.
pub(super) const MAX_NAMES: usize = 1000;
/// Bytes of a name.
const MAX_NAME: usize = 256;

/// The implied team of every user; it is never listed.
const EVERYONE: &str = "everyone";

/// The machine that the claims name, if they name one.
pub(super) fn machine<'a>(
    wanted: &Claims,
    machines: &'a Machines,
    claims: &Map<String, Value>,
) -> Option<&'a Machine> {
    if machines.is_empty() {
        return None;
    }
    let path = wanted.virtual_account.as_ref().unwrap_or(&wanted.user);
    machines.get(one(claims, path)?.as_str()?)
}

/// A machine's identity, with the metadata of the claims.
pub(super) fn of_machine(
    wanted: &Claims,
    identity: &Arc<Identity>,
    claims: &Map<String, Value>,
) -> Arc<Identity> {
    let said = metadata(wanted, claims);
    if said.is_empty() {
        return Arc::clone(identity);
    }
    let mut identity = Identity::clone(identity);
    for (key, value) in said {
        // What the account is given is not for its tokens to change.
        identity.fixed_metadata.entry(key).or_insert(value);
    }
    Arc::new(identity)
}

/// Who the claims name.
pub(super) fn identity(
    wanted: &Claims,
    claims: &Map<String, Value>,
) -> Result<Identity, AuthError> {
    let user = one(claims, &wanted.user)
        .and_then(name)
        .ok_or(AuthError::NoUser)?;
    let listed = |path: &Option<String>| match path {
        Some(path) => names(&find(claims, path)),
        None => Ok(Vec::new()),
    };
    let mut teams = listed(&wanted.teams)?;
    teams.retain(|team| **team != *EVERYONE);
    Ok(Identity {
        caller: Caller {
            subject: Subject::User(user),
            teams,
            roles: listed(&wanted.roles)?,
        },
        metadata: BTreeMap::new(),
        fixed_metadata: metadata(wanted, claims),
    })
}

fn metadata(wanted: &Claims, claims: &Map<String, Value>) -> BTreeMap<String, String> {
    let wanted = wanted.metadata.iter();
    wanted
        .filter_map(|(key, path)| Some((key.clone(), text(one(claims, path)?)?)))
        .collect()
}

/// The one value at a path; none when there are several.
fn one<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    match find(claims, path)[..] {
        [value] => Some(value),
        _ => None,
    }
}

/// What stands at a path: a claim's name, which may itself have dots or slashes, then names and numbers with dots between
/// them. A list that is not entered by a number is entered everywhere.
fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    in_object(claims, path, &mut found);
    found
}

fn in_object<'a>(object: &'a Map<String, Value>, path: &str, found: &mut Vec<&'a Value>) {
    if let Some(value) = object.get(path) {
        found.push(value);
        return;
    }
    // The longest name that is there.
    for (dot, _) in path.rmatch_indices('.') {
        let (name, rest) = path.split_at(dot);
        if let (Some(value), Some(rest)) = (object.get(name), rest.strip_prefix('.')) {
            below(value, rest, found);
            return;
        }
    }
}

fn below<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) => in_object(object, path, found),
        Value::Array(list) => {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            match first.parse::<usize>() {
                Ok(index) => match list.get(index) {
                    Some(value) if rest.is_empty() => found.push(value),
                    Some(value) => below(value, rest, found),
                    None => {}
                },
                Err(_) => {
                    for value in list {
                        below(value, path, found);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn name(value: &Value) -> Option<Arc<str>> {
    let text = value.as_str()?;
    let fits = !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control);
    fits.then(|| text.into())
}

/// Lists of names, or single ones. What is not a name is left out.
fn names(values: &[&Value]) -> Result<Vec<Arc<str>>, AuthError> {
    let mut names = Vec::new();
    for value in values {
        match value {
            Value::Array(list) => names.extend(list.iter().filter_map(name)),
            Value::String(_) => names.extend(name(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
        }
    }
    names.sort_unstable();
    names.dedup();
    if names.len() > MAX_NAMES {
        return Err(AuthError::TooMany);
    }
    Ok(names)
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
            .fixed_metadata
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(metadata, [("department", "research"), ("level", "3")]);
    }

    #[test]
    fn paths_go_through_objects_and_lists() {
        let claims = json!({
            "sub": "1",
            "emails": ["first@example.com", "second@example.com"],
            "groups": [{"name": "a", "roles": ["x"]}, {"name": "b", "roles": ["y", "z"]}, "c", 7],
            "https://acme.example/app": {"roles": ["admin"], "v1.2": {"team": "dotted"}},
            "realm_access": {"roles": ["viewer"]},
            "resource_access": {"my.app": {"roles": ["editor"]}},
        });
        let Value::Object(object) = &claims else {
            unreachable!()
        };
        for (path, expected) in [
            ("emails.0", &["first@example.com"][..]),
            ("emails.1", &["second@example.com"]),
            ("emails.2", &[]),
            ("emails", &["first@example.com", "second@example.com"]),
            ("emails.x", &[]),
            ("groups.name", &["a", "b"]),
            ("groups.1.name", &["b"]),
            ("groups.roles", &["x", "y", "z"]),
            ("groups.2", &["c"]),
            ("groups.0", &[]),
            ("https://acme.example/app.roles", &["admin"]),
            ("https://acme.example/app.v1.2.team", &["dotted"]),
            ("https://acme.example/other.roles", &[]),
            ("realm_access.roles", &["viewer"]),
            ("resource_access.my.app.roles", &["editor"]),
            ("sub.more", &[]),
            ("sub.", &[]),
            ("", &[]),
            ("...", &[]),
        ] {
            let found = names(&find(object, path)).unwrap();
            let found: Vec<&str> = found.iter().map(|name| &**name).collect();
            assert_eq!(found, expected, "{path}");
        }
        let user = |path: &str| {
            read(json!({"user": path}), claims.clone())
                .map(|found| found.caller.subject.to_string())
        };
        assert_eq!(user("emails.0"), Ok("user:first@example.com".into()));
        assert_eq!(user("emails"), Err(AuthError::NoUser));
        assert_eq!(user("groups.name"), Err(AuthError::NoUser), "two are none");
    }

    #[test]
    fn a_token_with_more_teams_than_are_read_is_nobodys() {
        let many = |count: usize| -> Vec<_> { (0..count).map(|team| format!("{team}")).collect() };
        let read = |wanted: Value, count: usize| {
            let (some, others) = (many(count / 2), many(count));
            let claims = json!({"sub": "1", "groups": others, "all": [{"g": some}, {"g": others}]});
            read(wanted, claims).map(|found| found.caller.teams.len() + found.caller.roles.len())
        };
        for wanted in [
            json!({"teams": "groups"}),
            json!({"teams": "all.g"}),
            json!({"roles": "groups"}),
        ] {
            // One that is listed twice is one.
            assert_eq!(read(wanted.clone(), MAX_NAMES), Ok(MAX_NAMES), "{wanted}");
            let more = read(wanted.clone(), MAX_NAMES + 1);
            assert_eq!(more, Err(AuthError::TooMany), "{wanted}");
        }
        // What nobody asks for is not counted.
        assert_eq!(read(json!({}), 5000), Ok(0));
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
