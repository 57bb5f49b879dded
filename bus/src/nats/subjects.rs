//! Names on the bus, in one place: permissions and documents repeat them.

/// The bucket with the bundles.
pub(super) const BUCKET_STREAM: &str = "KV_rules";
/// What is stored in it.
pub(super) const BUCKET_SUBJECTS: &str = "$KV.rules.>";
/// Where what is stored is republished.
pub(super) const REPUBLISHED: &str = "cfg.rules.>";
/// The object store with the bodies that are too large for a message.
pub(super) const OBJECT_STORE: &str = "snaps";
/// Its stream.
pub(super) const OBJECT_STREAM: &str = "OBJ_snaps";
/// The stream that keeps traces for forwarders, in the account of records and traces.
pub(super) const TRACE_STREAM: &str = "TRACES";
/// What is stored in it.
pub(super) const TRACE_SUBJECTS: &str = "otel.traces.>";
/// On this subject a leader asks all gateways for a report.
pub const CONTROL_STATUS: &str = "ctl.status";

/// Whether a text can be a part of a subject: a class, an installation or a pod's uid.
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The key of a class's bundle in a format.
fn key(class: &str, format: u32) -> String {
    format!("snapshot.{class}.v{format}")
}

/// Where a bundle is stored.
pub(super) fn stored(class: &str, format: u32) -> String {
    format!("$KV.rules.{}", key(class, format))
}

/// Where it is heard of.
pub(super) fn republished(class: &str, format: u32) -> String {
    format!("cfg.rules.{}", key(class, format))
}

/// Where one gateway reports.
pub fn status_subject(class: &str, pod_uid: &str) -> String {
    format!("gw.status.{class}.{pod_uid}")
}

/// Where the gateways of a class send their records.
pub(super) fn records_of_class(class: &str) -> String {
    format!("records.{class}")
}

/// Where the gateways of a class send their traces.
pub(super) fn traces_of_class(class: &str) -> String {
    format!("otel.traces.{class}")
}

/// The consumer that all forwarders of a class share.
pub(super) fn forwarders_of_class(class: &str) -> String {
    format!("forwarders-{class}")
}

/// Where one gateway reports the tools of servers. Nobody who waits for a report hears it, and whoever may send one may
/// send this.
pub(super) fn tools_subject(class: &str, pod_uid: &str) -> String {
    format!("gw.status.{class}.{pod_uid}.tools")
}

/// Where the gateways of a class report the tools of servers.
pub(super) fn tools_of_class(class: &str) -> String {
    format!("gw.status.{class}.*.tools")
}

/// Where the gateways of a class report.
pub(super) fn status_of_class(class: &str) -> String {
    format!("gw.status.{class}.*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_part_of_a_subject() {
        for good in ["default", "a-b_C9", "0f8fad5b-d9cb-469f-a165-70867728950e"] {
            assert!(is_token(good), "{good}");
        }
        for bad in ["", "a.b", "*", ">", "a b", "a\n", "ä"] {
            assert!(!is_token(bad), "{bad}");
        }
    }

    #[test]
    fn subjects_fit_the_patterns_of_the_permissions() {
        assert_eq!(stored("default", 1), "$KV.rules.snapshot.default.v1");
        assert_eq!(republished("default", 1), "cfg.rules.snapshot.default.v1");
        assert_eq!(status_subject("default", "u"), "gw.status.default.u");
    }
}
