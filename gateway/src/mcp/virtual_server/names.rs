//! How the tools of several servers are called under one endpoint.
//!
//! A name follows from the resource and the member's own name alone: not from what other members list, so that it is the same on
//! every gateway, in every order, and while a member is down. Names that could be another member's, or that model APIs do
//! not take, end in a hash of server and own name.

use sha2::{Digest as _, Sha256};

/// The longest name that model APIs take for a function.
pub(crate) const MOST: usize = 64;
/// Hexadecimal digits of a hash: enough that nobody finds a second name with the same one by trying in passing, and nothing
/// that words end in.
const HASH: usize = 12;
/// The longest prefix that is made of a server's name.
const MOST_PREFIX: usize = 32;

/// The names under one virtual server.
#[derive(Debug)]
pub(crate) struct Names {
    members: Vec<Naming>,
}

/// What one member's names are made with.
#[derive(Debug)]
struct Naming {
    server: String,
    /// With its separator; empty for none.
    prefix: String,
    /// Whether another member has the same prefix.
    is_shared: bool,
    /// Longer prefixes of other members that begin with this one.
    longer: Vec<String>,
}

impl Names {
    /// For members in their order: server and written prefix.
    pub(crate) fn new<'a>(members: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let members: Vec<_> = members.into_iter().collect();
        let is_single = members.len() == 1;
        let prefixes: Vec<String> = members
            .iter()
            .map(|(server, written)| prefix(server, *written, is_single))
            .collect();
        let naming = |(index, (server, _)): (usize, &(&str, Option<&str>))| {
            let own = prefixes.get(index).cloned().unwrap_or_default();
            let others = || {
                let others = prefixes.iter().enumerate();
                others.filter_map(move |(other, prefix)| (other != index).then_some(prefix))
            };
            Naming {
                server: (*server).to_owned(),
                is_shared: others().any(|other| *other == own),
                longer: others()
                    .filter(|other| **other != own && other.starts_with(&own))
                    .cloned()
                    .collect(),
                prefix: own,
            }
        };
        Self {
            members: members.iter().enumerate().map(naming).collect(),
        }
    }

    /// What clients call a tool that a member calls `own`. Empty for a member that is not there.
    pub(crate) fn of(&self, member: usize, own: &str) -> String {
        self.members
            .get(member)
            .map_or_else(String::new, |naming| naming.of(own))
    }

    /// The member that has a name, and its own name for it: none when that cannot be told without its list, or when no member
    /// can have the name.
    pub(crate) fn resolve<'n>(&self, name: &'n str) -> Option<(usize, &'n str)> {
        if is_hashed(name) {
            return None;
        }
        // No two members have one name, so the first that would use it is the only one.
        self.members.iter().enumerate().find_map(|(index, naming)| {
            let own = name.strip_prefix(&*naming.prefix)?;
            (naming.of(own) == name).then_some((index, own))
        })
    }

    /// The members that may have a name which ends in a hash; none for other names.
    pub(crate) fn candidates(&self, name: &str) -> Vec<usize> {
        if !is_hashed(name) {
            return Vec::new();
        }
        let members = self.members.iter().enumerate();
        members
            .filter(|(_, naming)| name.starts_with(&naming.prefix))
            .map(|(index, _)| index)
            .collect()
    }
}

impl Naming {
    fn of(&self, own: &str) -> String {
        let mut name = self.prefix.clone();
        name.extend(own.chars().map(allowed));
        let is_same = name.get(self.prefix.len()..) == Some(own);
        let is_free = !self.is_shared
            && !is_hashed(&name)
            && !self.longer.iter().any(|other| name.starts_with(other));
        if is_same && is_free && !own.is_empty() && name.len() <= MOST {
            return name;
        }
        name.truncate(MOST - HASH - 1);
        name.push('_');
        name.push_str(&hash(&[&self.server, own]));
        name
    }
}

fn prefix(server: &str, written: Option<&str>, is_single: bool) -> String {
    let mut prefix = match written {
        Some(written) => written.to_owned(),
        None if is_single => String::new(),
        None => {
            let name: String = server.chars().map(allowed).collect();
            if name.len() <= MOST_PREFIX {
                name
            } else {
                let begin = name.get(..MOST_PREFIX - HASH - 1).unwrap_or_default();
                format!("{begin}_{}", hash(&[server]))
            }
        }
    };
    if !prefix.is_empty() {
        prefix.push('_');
    }
    prefix
}

/// The character, or one that stands for it: the result is ASCII.
const fn allowed(char: char) -> char {
    if char.is_ascii_alphanumeric() || matches!(char, '_' | '-') {
        char
    } else {
        '_'
    }
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts read the same.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    let digits = hash.iter().map(|byte| format!("{byte:02x}"));
    digits.take(HASH / 2).collect()
}

/// Whether a name ends as one with a hash does.
fn is_hashed(name: &str) -> bool {
    let Some((_, end)) = name.rsplit_once('_') else {
        return false;
    };
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    end.len() == HASH && end.bytes().all(is_digit)
}

#[cfg(test)]
mod tests;
