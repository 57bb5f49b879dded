use super::*;
use crate::guardrail::TextGuardrail;
use crate::local::secrets_detection::detect::Detector;
use crate::scan::scan_text;

fn all() -> impl Iterator<Item = &'static Rule> {
    BY_LITERAL.iter().flat_map(|(_, rules)| rules)
}

fn found(text: &str) -> Vec<(std::ops::Range<usize>, String)> {
    let detector = Detector::new("[REDACTED]".into());
    scan_text(&detector, text)
        .into_iter()
        .map(|hit| (hit.range, hit.category.into_owned()))
        .collect()
}

#[test]
fn every_rule_finds_its_example() {
    for rule in all() {
        let token = format!("{}{}{}", rule.example.0, rule.prefix, rule.example.1);
        let text = format!("it is {token} today");
        let begin = match rule.behind {
            Some(behind) => 6 + behind.spared.unwrap_or(rule.example.0.len()),
            None => 6,
        };
        let expected = vec![(begin..6 + token.len(), rule.category.to_owned())];
        assert_eq!(found(&text), expected, "{text}");
        assert_eq!(found(&token).len(), 1, "{token} alone");
    }
}

#[test]
fn no_rule_finds_a_filler_or_a_part_of_a_word() {
    for rule in all() {
        let filler = |example: &str| -> String {
            example
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { 'x' } else { c })
                .collect()
        };
        let text = format!(
            "it is {}{}{} today",
            filler(rule.example.0),
            rule.prefix,
            filler(rule.example.1)
        );
        assert_eq!(found(&text), [], "{text}");
        if rule.behind.is_none() {
            let text = format!("it is z{}{} today", rule.prefix, rule.example.1);
            let same = found(&text)
                .into_iter()
                .any(|(_, category)| category == rule.category);
            assert!(!same, "{text}");
        }
    }
}

#[test]
fn rules_are_searchable() {
    let detector = Detector::new("".into());
    assert_eq!(detector.wants(), crate::scan::Wants::SECRETS);
    for (index, literal) in literals().enumerate() {
        assert!(literal.len() >= 3, "{literal}");
        assert!(of(index).iter().all(|rule| rule.prefix == literal));
        assert!(literal_begins_with(&literal[..2]));
    }
    assert!(!literal_begins_with("hello"));
}

#[test]
fn every_example_is_found_in_a_stream() {
    let detector = Detector::new("[REDACTED]".into());
    for rule in all() {
        let text = format!(
            "it is {}{}{}, thanks",
            rule.example.0, rule.prefix, rule.example.1
        );
        crate::scan::streamed::assert_streams_in(5, &detector, &text);
    }
}
