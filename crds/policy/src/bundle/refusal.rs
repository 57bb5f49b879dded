//! Why a gateway does not put a bundle in force.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Revision;

/// Why a bundle was refused. The list is closed: reports, metrics and documents name each one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum RefusalCode {
    /// It is not a signed manifest, or was cut off.
    Malformed,
    /// Manifest or body have more bytes than allowed, compressed or not.
    TooLarge,
    /// It is of a format that this build does not read.
    UnknownFormat,
    /// No key that is trusted has signed it.
    UnknownSigner,
    /// A trusted key is named, and the signature is not its.
    BadSignature,
    /// It is for another installation.
    WrongInstallation,
    /// It is for another class of gateways.
    WrongClass,
    /// Its time has run out.
    Expired,
    /// It is of an earlier epoch: a leader that was replaced has published it, or it is replayed.
    StaleEpoch,
    /// It is of an earlier generation of the same epoch: replayed, or from a replica that lags.
    StaleGeneration,
    /// It has the revision in force and says something else.
    ConflictingRevision,
    /// The object with its body is not there.
    BodyMissing,
    /// Its body is not the one that was signed, or was cut off.
    BodyMismatch,
    /// Its body can be neither decompressed nor read.
    Undecodable,
    /// Its body is not the policy whose digest was signed.
    DigestMismatch,
    /// Its credentials are sealed to a key that this gateway does not have.
    UnknownSealKey,
    /// Its credentials are sealed for something else, or were changed.
    BadSeal,
    /// Making it ready failed inside the gateway.
    NotBuildable,
}

impl RefusalCode {
    /// Every code.
    pub const ALL: [Self; 18] = [
        Self::Malformed,
        Self::TooLarge,
        Self::UnknownFormat,
        Self::UnknownSigner,
        Self::BadSignature,
        Self::WrongInstallation,
        Self::WrongClass,
        Self::Expired,
        Self::StaleEpoch,
        Self::StaleGeneration,
        Self::ConflictingRevision,
        Self::BodyMissing,
        Self::BodyMismatch,
        Self::Undecodable,
        Self::DigestMismatch,
        Self::UnknownSealKey,
        Self::BadSeal,
        Self::NotBuildable,
    ];

    /// As reports and metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "Malformed",
            Self::TooLarge => "TooLarge",
            Self::UnknownFormat => "UnknownFormat",
            Self::UnknownSigner => "UnknownSigner",
            Self::BadSignature => "BadSignature",
            Self::WrongInstallation => "WrongInstallation",
            Self::WrongClass => "WrongClass",
            Self::Expired => "Expired",
            Self::StaleEpoch => "StaleEpoch",
            Self::StaleGeneration => "StaleGeneration",
            Self::ConflictingRevision => "ConflictingRevision",
            Self::BodyMissing => "BodyMissing",
            Self::BodyMismatch => "BodyMismatch",
            Self::Undecodable => "Undecodable",
            Self::DigestMismatch => "DigestMismatch",
            Self::UnknownSealKey => "UnknownSealKey",
            Self::BadSeal => "BadSeal",
            Self::NotBuildable => "NotBuildable",
        }
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A bundle that was not put in force, and why. It names no secret and no text of any document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The class of reason.
    pub code: RefusalCode,
    /// For people: what was expected and what was found.
    pub message: String,
    /// What was refused, as far as it was signed by somebody who is trusted.
    pub revision: Option<Revision>,
}

impl Refusal {
    /// A refusal with a message for people.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            revision: None,
        }
    }

    /// The same of a known revision.
    #[must_use]
    pub fn of(self, revision: Revision) -> Self {
        Self {
            revision: Some(revision),
            ..self
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_and_spelled_as_it_is_serialized() {
        let distinct: std::collections::BTreeSet<_> = RefusalCode::ALL.into_iter().collect();
        assert_eq!(distinct.len(), RefusalCode::ALL.len());
        for code in RefusalCode::ALL {
            let spelled = serde_json::to_value(code).unwrap();
            assert_eq!(spelled, code.as_str());
            assert_eq!(code.as_str(), format!("{code:?}"));
        }
    }
}
