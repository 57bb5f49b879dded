//! The reasons that conditions give. The lists are closed: `docs/status.md` has every one of them, and a test compares.

use parapet_policy::diagnostic::Reason as Said;

/// The conditions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It is well formed and can be built.
    Accepted,
    /// What it names exists and may be used.
    ResolvedRefs,
    /// Every gateway enforces it.
    Programmed,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $word:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $name {
            $($(#[$of])* $word,)*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$word,)*];

            /// As the condition writes it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)*
                }
            }
        }
    };
}

impl Kind {
    /// As the condition's `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::Programmed => "Programmed",
        }
    }
}

words! {
    /// Why `Accepted` is as it is.
    Accepted {
        /// True.
        Accepted,
        /// Not well formed, or a value is wrong.
        Invalid,
        /// An older resource holds the name, or two parts claim one.
        Conflicted,
        /// The kind of guardrail cannot do what is asked of it.
        UnsupportedValue,
        /// A configuration does not build.
        NotBuildable,
        /// It counts only in the policy namespace.
        WrongNamespace,
    }
}

words! {
    /// Why `ResolvedRefs` is as it is.
    Resolved {
        /// True.
        ResolvedRefs,
        /// No such guardrail.
        IntegrationNotFound,
        /// The guardrail's integration does not allow the namespace.
        RefNotPermitted,
        /// No such Secret, or it does not carry the label.
        SecretNotFound,
        /// The Secret has no such key.
        SecretKeyMissing,
        /// No such model, provider, server or account.
        TargetNotFound,
    }
}

words! {
    /// Why `Programmed` is as it is.
    Programmed {
        /// True: every gateway has said that it enforces this generation.
        Programmed,
        /// Published; not every gateway has answered yet.
        Pending,
        /// Some gateways have not answered in time.
        PartiallyProgrammed,
        /// A gateway has refused the revision and keeps an older one.
        RejectedByGateway,
        /// A gateway has it and cannot do what it says, so it counts as failed there.
        FailsInGateway,
        /// No gateway is running.
        NoGateways,
        /// The newest generation is not in force; the message says which one is.
        NotAccepted,
        /// It could not be published.
        PublishFailed,
        /// The way to the gateways is down; they keep what they have.
        DistributionUnavailable,
    }
}

impl Accepted {
    /// The reason that an error leads to; none when it is about what the resource names.
    pub const fn of(said: Said) -> Option<Self> {
        match said {
            Said::Invalid | Said::NeverMatches | Said::Suspicious => Some(Self::Invalid),
            Said::Conflicted => Some(Self::Conflicted),
            Said::UnsupportedHook | Said::CannotMutate | Said::HoldBack | Said::Unbounded => {
                Some(Self::UnsupportedValue)
            }
            Said::NotBuildable => Some(Self::NotBuildable),
            Said::WrongNamespace => Some(Self::WrongNamespace),
            Said::UnknownSelector
            | Said::SelectorNotAllowed
            | Said::UnknownReference
            | Said::UnknownSecret => None,
        }
    }
}

impl Resolved {
    /// The reason that an error leads to; none when it is about the resource itself.
    pub const fn of(said: Said) -> Option<Self> {
        match said {
            Said::UnknownSelector => Some(Self::IntegrationNotFound),
            Said::SelectorNotAllowed => Some(Self::RefNotPermitted),
            Said::UnknownSecret => Some(Self::SecretNotFound),
            Said::UnknownReference => Some(Self::TargetNotFound),
            Said::Invalid
            | Said::NeverMatches
            | Said::Suspicious
            | Said::Conflicted
            | Said::UnsupportedHook
            | Said::CannotMutate
            | Said::HoldBack
            | Said::Unbounded
            | Said::NotBuildable
            | Said::WrongNamespace => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_about_status_has_every_reason_and_no_other() {
        let page = include_str!("../../../docs/status.md");
        let listed = |kind: Kind| -> Vec<String> {
            let (_, section) = page
                .split_once(&format!("\n## {}\n", kind.as_str()))
                .unwrap();
            let section = section.split("\n## ").next().unwrap();
            let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
            rows.map(|row| row.split('`').next().unwrap().to_owned())
                .collect()
        };
        let accepted: Vec<_> = Accepted::ALL.iter().map(|word| word.as_str()).collect();
        let resolved: Vec<_> = Resolved::ALL.iter().map(|word| word.as_str()).collect();
        let programmed: Vec<_> = Programmed::ALL.iter().map(|word| word.as_str()).collect();
        assert_eq!(listed(Kind::Accepted), accepted);
        assert_eq!(listed(Kind::ResolvedRefs), resolved);
        assert_eq!(listed(Kind::Programmed), programmed);
    }
}
