//! Users that NATS knows by an nkey.

use std::fmt;

use zeroize::Zeroizing;

use crate::keys::KeyError;

/// A NATS user, made here: its seed belongs into a Secret, its public half into the server's configuration.
pub struct UserKey {
    /// `SU...`
    pub seed: Zeroizing<String>,
    /// `U...`
    pub public: String,
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl UserKey {
    /// The user with this seed.
    ///
    /// # Errors
    /// When it is no user's seed.
    pub fn from_seed(seed: &str) -> Result<Self, KeyError> {
        let pair = nkeys::KeyPair::from_seed(seed.trim()).map_err(|_| KeyError::NotAKey)?;
        let public = pair.public_key();
        // Servers, accounts and operators have seeds too; a user's public half begins with a U.
        if !public.starts_with('U') {
            return Err(KeyError::Unusable);
        }
        Ok(Self {
            seed: Zeroizing::new(seed.trim().to_owned()),
            public,
        })
    }

    /// A new user; none when the system gives no random bytes.
    pub fn generate() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut()).ok()?;
        let pair = nkeys::KeyPair::new_from_raw(nkeys::KeyPairType::User, *bytes).ok()?;
        Some(Self {
            seed: Zeroizing::new(pair.seed().ok()?),
            public: pair.public_key(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_its_user_and_nothing_else_does() {
        let made = UserKey::generate().unwrap();
        let read = UserKey::from_seed(&format!("{}\n", *made.seed)).unwrap();
        assert_eq!((&read.public, &read.seed), (&made.public, &made.seed));
        let account = nkeys::KeyPair::new(nkeys::KeyPairType::Account);
        let account = account.seed().unwrap();
        for (text, expected) in [
            ("", KeyError::NotAKey),
            (made.public.as_str(), KeyError::NotAKey),
            (account.as_str(), KeyError::Unusable),
        ] {
            assert_eq!(UserKey::from_seed(text).unwrap_err(), expected);
        }
    }
}
