//! The users that NATS knows: who has the seed of which, and what the server is told about them.

use parapet_bus::keys::KeyError;
use parapet_bus::nats::{Role, ServerConfig, UserKey, Users};

use super::{Holder, Ring, RingError, bad, contents, file};

/// Every user: whose Secret has its seed, in which file, and what it may do.
pub const USERS: [(Holder, &str, Role); 5] = [
    (Holder::Operator, file::NATS, Role::Operator),
    (Holder::Gateway, file::NATS, Role::Gateway),
    (Holder::Operator, file::TRACES, Role::Watcher),
    (Holder::Gateway, file::TRACES, Role::Recorder),
    (Holder::Forwarder, file::NATS, Role::Forwarder),
];

/// Makes the users that are missing.
pub(super) fn complete(ring: &mut Ring) -> Result<(), RingError> {
    for (holder, file, _) in USERS {
        let contents = ring.entry(holder).or_default();
        if contents.lines(file).is_empty() {
            let user = UserKey::generate().ok_or(RingError::Random(KeyError::NoRandom))?;
            contents.set_lines(file, [user.seed.as_str()]);
        }
    }
    Ok(())
}

/// Writes down which users NATS admits. All of it is made here: with another version other rights may be needed.
pub(in crate::keys) fn accounts(ring: &mut Ring, prefix: &str) -> Result<(), RingError> {
    let mut users = Users::default();
    for (holder, file, role) in USERS {
        let found = nats_users(ring, prefix, holder, file)?;
        let keys = match role {
            Role::Operator => &mut users.operators,
            Role::Gateway => &mut users.gateways,
            Role::Recorder => &mut users.recorders,
            Role::Watcher => &mut users.watchers,
            Role::Forwarder => &mut users.forwarders,
        };
        keys.extend(found.into_iter().map(|user| user.public));
    }
    let text = ServerConfig::new(users).accounts();
    let nats = ring.entry(Holder::Nats).or_default();
    if nats.text(file::ACCOUNTS) != text {
        nats.set(file::ACCOUNTS, &text);
    }
    Ok(())
}

/// The users in a file of a Secret, in their order.
///
/// # Errors
/// When one of them is none.
pub fn nats_users(
    ring: &Ring,
    prefix: &str,
    holder: Holder,
    file: &'static str,
) -> Result<Vec<UserKey>, RingError> {
    let lines = contents(ring, holder).lines(file);
    let users = lines.into_iter().map(UserKey::from_seed);
    users
        .collect::<Result<_, _>>()
        .map_err(bad(prefix, holder, file))
}
