//! What `docs/cedar.md` shows.

use super::*;

const PAGE: &str = include_str!("../../../../../../docs/cedar.md");

#[test]
fn the_resources_on_the_page_build() {
    for block in blocks("yaml") {
        let (_, policy) = block.split_once("policy: |\n").unwrap();
        let (policy, _) = policy.split_once("---").unwrap();
        assert!(build(policy).is_ok(), "{policy}");
    }
}

/// The blocks of a language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let open = format!("```{language}\n");
    let blocks = PAGE.split(&*open).skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_schema_on_the_page_is_the_one_that_is_used() {
    assert_eq!(blocks("cedarschema"), [schema::PUBLISHED]);
}

/// Every table below a policy has rows `| caller | tool or model | arguments | decision |`.
#[test]
fn the_examples_decide_as_the_page_says() {
    let sections = PAGE.split("```cedar\n").skip(1);
    let mut rows = 0;
    for section in sections {
        let (policy, rest) = section.split_once("```").unwrap();
        let table = rest.lines().skip_while(|line| !line.starts_with("| `"));
        for row in table.take_while(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let code = |cell: &str| cell.trim_matches('`').to_owned();
            let [subject, called, arguments, decision] = &cells[..] else {
                panic!("{row}");
            };
            let (subject, called) = (code(subject), code(called));
            let call = match called.contains(':') {
                true => tool(&subject, &called, &code(arguments)),
                false => model(&subject, &called),
            };
            let told = match judge(policy, &call) {
                Ok(()) => "allowed".to_owned(),
                Err(violation) => violation.explanation,
            };
            assert_eq!(told, *decision, "{row}");
            rows += 1;
        }
    }
    assert!(rows > 8, "{rows} rows");
}
