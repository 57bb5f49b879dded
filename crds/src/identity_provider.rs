//! `IdentityProvider`: an issuer whose tokens are accepted.

use std::collections::BTreeMap;

use std::time::Duration;

use parapet_policy::secret::SecretValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::human_duration::HumanDuration;
use crate::resource::Spec;

/// How old fetched keys get, unless the resource says otherwise. Issuers announce a new key hours before they use it.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(600);
/// The shortest interval that a resource may ask for.
pub const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// An issuer whose tokens are accepted.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(feature = "kube", x_kube(cel, validation = crate::status::one_authority()))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct IdentityProviderSpec {
    /// The `iss` of its tokens, to the letter.
    #[schemars(length(min = 1, max = 2048))]
    #[cfg_attr(feature = "kube", x_kube(validation = crate::status::issuer_stays()))]
    pub issuer: String,
    /// A token's `aud` must hold one of these.
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub audiences: Vec<String>,
    /// Where its keys are; absent: discovered from the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Jwks>,
    /// The certificate authorities, in PEM, to trust for fetching the keys, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub ca: Option<String>,
    /// The same from a file where the gateway runs; it is read again for each fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub ca_file: Option<String>,
    /// The bearer token to fetch the keys with, for an issuer that shows them to nobody else, such as the API server of a
    /// cluster without anonymous access. It is sent over https only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretValue>,
    /// How old fetched keys get before they are fetched again; earlier when the issuer says so. Default `10m`, at least
    /// `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_interval: Option<HumanDuration>,
    /// Which claims tell who calls.
    #[serde(default)]
    pub claims: Claims,
}

impl Spec for IdentityProviderSpec {
    const KIND: &'static str = "IdentityProvider";
}

impl IdentityProviderSpec {
    /// How old fetched keys get.
    pub fn refresh_interval(&self) -> Duration {
        self.refresh_interval
            .map_or(REFRESH_INTERVAL, |given| given.0.max(MIN_REFRESH_INTERVAL))
    }
}

/// Where an issuer's keys are: one of the two.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(feature = "kube", x_kube(cel, validation = crate::status::exactly_one(JWKS_MEMBERS, "place of the keys")))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Jwks {
    /// They are fetched from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = "^https?://"))]
    pub uri: Option<String>,
    /// They are these: a JSON Web Key Set as text, `{"keys":[...]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub inline: Option<String>,
}

/// The members of [`Jwks`], exactly one of which is given. Sorted.
pub const JWKS_MEMBERS: &[&str] = &["inline", "uri"];

/// Which claims tell who calls. A claim is named by its name, or by a path with dots: through objects by name, through
/// lists by number, or without one through every entry.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    /// The claim with the user's name.
    #[schemars(length(min = 1, max = 256))]
    pub user: String,
    /// The claim whose value makes a token a `VirtualAccount`'s, when one lists it under `identities`. Default: the
    /// user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub virtual_account: Option<String>,
    /// The claim with the user's teams: a list of texts, or one text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub teams: Option<String>,
    /// The claim with the user's roles: a list of texts, or one text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub roles: Option<String>,
    /// Metadata key to the claim that its value comes from; wins over the metadata header.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub metadata: BTreeMap<String, String>,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            user: "sub".into(),
            virtual_account: None,
            teams: None,
            roles: None,
            metadata: BTreeMap::new(),
        }
    }
}
