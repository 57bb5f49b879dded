//! What an API server asks, and what it is told. Pure.

use kube::api::DynamicObject;
use kube::core::Status;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, Operation};
use parapet_crds::crd;

/// What there is to judge.
#[derive(Debug)]
pub struct Forms {
    /// The resource's kind, one of ours.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// As it is to be.
    pub now: DynamicObject,
    /// As it is; none when it is new.
    pub before: Option<DynamicObject>,
}

/// What is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is taken, with these warnings.
    Allowed(Vec<String>),
    /// It is taken, because it could not be checked.
    Unjudged(&'static str),
    /// It is not taken.
    Refused {
        /// Where, what, and what to write instead.
        message: String,
        /// Reasons as the status would give them, each once.
        reasons: Vec<&'static str>,
    },
}

/// The code of a refusal: what was sent is understood, and wrong.
const UNPROCESSABLE: u16 = 422;

/// What there is to judge in a request; none for what is never refused: a deletion, a status, a resource that is not ours,
/// is about to go, or says what it has said before.
pub fn forms(request: AdmissionRequest<DynamicObject>) -> Option<Forms> {
    match request.operation {
        Operation::Create | Operation::Update => {}
        Operation::Delete | Operation::Connect => return None,
    }
    let is_ours = request.kind.group == parapet_crds::GROUP
        && request.kind.version == parapet_crds::VERSION
        && request.sub_resource.unwrap_or_default().is_empty();
    let names = crd::KINDS
        .iter()
        .find(|names| is_ours && names.kind == request.kind.kind)?;
    let now = request.object?;
    if now.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let before = request.old_object;
    let spec = |object: &DynamicObject| object.data.get("spec").cloned();
    if before.as_ref().map(spec) == Some(spec(&now)) {
        return None;
    }
    Some(Forms {
        kind: names.kind,
        namespace: request.namespace.unwrap_or_default(),
        now,
        before,
    })
}

impl Answer {
    /// As metrics call it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Allowed(warnings) if warnings.is_empty() => "allowed",
            Self::Allowed(_) => "warned",
            Self::Unjudged(_) => "unjudged",
            Self::Refused { .. } => "refused",
        }
    }

    /// As the API server wants it. `response` is that of the request.
    pub fn respond(self, mut response: AdmissionResponse) -> AdmissionResponse {
        match self {
            Self::Allowed(warnings) => {
                response.warnings = Some(warnings).filter(|warnings| !warnings.is_empty());
                response
            }
            Self::Unjudged(why) => {
                let warning = format!("parapet has not checked this ({why}); its status will tell");
                response.warnings = Some(vec![warning]);
                response
            }
            Self::Refused { message, .. } => {
                response.allowed = false;
                response.result = Status::failure(&message, "Invalid").with_code(UNPROCESSABLE);
                response
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::admission::AdmissionReview;
    use serde_json::{Value, json};

    use super::*;

    fn request(change: &Value) -> AdmissionRequest<DynamicObject> {
        let object = |pattern: &str| {
            json!({
                "apiVersion": "parapet.dev/v1alpha1", "kind": "GuardrailIntegration",
                "metadata": {"name": "g", "namespace": "team"},
                "spec": {"guardrails": [{"name": "x", "regex": {"customPatterns": [{"pattern": pattern}]}}]},
            })
        };
        let mut request = json!({
            "uid": "u", "operation": "UPDATE", "name": "g", "namespace": "team", "userInfo": {},
            "kind": {"group": "parapet.dev", "version": "v1alpha1", "kind": "GuardrailIntegration"},
            "resource": {"group": "parapet.dev", "version": "v1alpha1", "resource": "guardrailintegrations"},
            "object": object("new"), "oldObject": object("old"),
        });
        for (pointer, value) in change.as_object().unwrap() {
            match request.pointer_mut(pointer) {
                Some(place) => *place = value.clone(),
                None => request[&pointer[1..]] = value.clone(),
            }
        }
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        let review: AdmissionReview<DynamicObject> = serde_json::from_value(review).unwrap();
        review.try_into().unwrap()
    }

    #[test]
    fn an_edit_is_judged_beside_what_it_was() {
        let forms = forms(request(&json!({}))).unwrap();
        assert_eq!(
            (forms.kind, &*forms.namespace),
            ("GuardrailIntegration", "team")
        );
        assert!(forms.before.is_some());
        let created = json!({"/operation": "CREATE", "/oldObject": null});
        assert!(super::forms(request(&created)).unwrap().before.is_none());
    }

    #[test]
    fn what_says_nothing_new_or_is_not_ours_is_no_question() {
        let spec = request(&json!({})).object.unwrap().data["spec"].clone();
        let rows = [
            json!({"/operation": "DELETE", "/object": null}),
            json!({"/operation": "CONNECT"}),
            json!({"/subResource": "status"}),
            json!({"/kind/group": "apps"}),
            json!({"/kind/version": "v2"}),
            json!({"/kind/kind": "Nonsense"}),
            json!({"/object": null}),
            json!({"/object/metadata": {"name": "g", "deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            // Labels, annotations, owners, managed fields.
            json!({"/oldObject/spec": spec, "/object/metadata": {"name": "g", "labels": {"a": "b"}}}),
        ];
        for row in rows {
            assert!(forms(request(&row)).is_none(), "{row}");
        }
    }

    #[test]
    fn an_answer_carries_the_uid_of_its_request_and_says_why() {
        let response = || AdmissionResponse::from(&request(&json!({})));
        let shown = |answer: Answer| {
            serde_json::to_value(answer.respond(response()).into_review()).unwrap()
        };
        let allowed = shown(Answer::Allowed(Vec::new()));
        assert_eq!(allowed["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(allowed["response"]["uid"], "u");
        assert_eq!(allowed["response"]["allowed"], true);
        assert!(allowed["response"].get("warnings").is_none());
        let warned = shown(Answer::Unjudged("busy"));
        assert_eq!(warned["response"]["allowed"], true);
        assert_eq!(
            warned["response"]["warnings"][0],
            "parapet has not checked this (busy); its status will tell"
        );
        let refused = shown(Answer::Refused {
            message: "spec.x: write y".to_owned(),
            reasons: vec!["Invalid"],
        });
        assert_eq!(refused["response"]["allowed"], false);
        assert_eq!(refused["response"]["status"]["message"], "spec.x: write y");
        assert_eq!(refused["response"]["status"]["code"], 422);
    }
}
