use serde_json::json;

use super::*;
use crate::guardrail::{BuildContext, Guardrail};

/// A text guardrail of every kind.
fn every_kind() -> Vec<std::sync::Arc<dyn TextGuardrail>> {
    let regex = json!({"customPatterns": [{"pattern": "ab+c"}]});
    let kinds = [
        ("secretsDetection", json!({})),
        ("regex", regex),
        ("sqlSanitizer", json!({})),
        ("codeSafetyLinter", json!({})),
    ];
    let context = BuildContext::without_secrets(parapet_policy::outcome::Operation::Validate);
    let built = kinds
        .into_iter()
        .filter_map(|(kind, config)| crate::kinds::build(kind, &config, &context).ok());
    built
        .filter_map(|built| match built.guardrail {
            Guardrail::Text(text) => Some(text),
            Guardrail::Context(_) | Guardrail::Service(_) => None,
        })
        .collect()
}

#[test]
fn work_grows_with_the_text_and_not_faster() {
    let kinds = every_kind();
    assert_eq!(kinds.len(), 4);
    let guardrails: Vec<&dyn TextGuardrail> = kinds.iter().map(|kind| &**kind).collect();
    let scanner = Scanner::of(&guardrails);
    for text in hostile::texts() {
        let mut hits = vec![Vec::new(); guardrails.len()];
        scanner.scan(&text, &plain_segment(), &guardrails, &mut hits);
        assert!(
            hits.iter()
                .flatten()
                .all(|hit| text.is_char_boundary(hit.range.start)
                    && text.is_char_boundary(hit.range.end))
        );
        let tail = &text[text.floor_char_boundary(text.len() - 20_000)..];
        let end = Tail::of(tail, 10_000);
        for guardrail in &guardrails {
            let pending = end.pending_from(*guardrail);
            assert!((10_000..=tail.len()).contains(&pending) && tail.is_char_boundary(pending));
        }
    }
}
