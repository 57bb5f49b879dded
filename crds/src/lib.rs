//! Parapet's resources as Rust types, and the reader for manifest files.
//!
//! One file per resource. A resource is a plain [`resource::Resource`] around its `spec`; with the feature
//! `kube` a `spec` also carries the rules that admission checks, and `crdgen` writes the CRDs from it. [`read`] turns a folder of documents into written policy.

#![cfg_attr(
    feature = "kube",
    allow(
        unreachable_pub,
        reason = "the derives repeat a struct inside a function"
    )
)]

pub mod collaborator;
pub mod convert;
#[cfg(feature = "kube")]
pub mod crd;
pub mod gateway_settings;
pub mod guardrail_config;
pub mod guardrail_integration;
pub mod human_duration;
pub mod identity_provider;
pub mod mcp_server;
pub mod model_provider;
pub mod openapi;
pub mod read;
pub mod resource;
#[cfg(feature = "kube")]
pub mod status;
pub mod tls;
pub mod virtual_account;

/// The API group of every resource.
pub const GROUP: &str = "parapet.dev";

/// The version of every resource.
pub const VERSION: &str = "v1alpha1";

/// Group and version, as a document writes them.
pub const API_VERSION: &str = "parapet.dev/v1alpha1";
