//! The quality tool reads rows, scores them and prints its tables; on rows that no detector may get wrong.

use std::io::Write as _;
use std::path::Path;

use parapet_tests::quality::score::Counts;
use parapet_tests::quality::{combined_cost, report, run};

fn sample() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("quality/sample")
}

const fn counts(true_positives: u32, true_negatives: u32) -> Counts {
    Counts {
        true_positives,
        true_negatives,
        false_positives: 0,
        false_negatives: 0,
    }
}

#[test]
fn the_sample_is_scored_without_a_fault() {
    let reports = run(&sample()).unwrap();
    let found: Vec<(&str, Counts)> = reports
        .iter()
        .map(|report| (report.family, report.scores.texts))
        .collect();
    // The row that only names a person is of a type that no preset claims, and kept apart.
    let expected = [
        ("secrets", counts(2, 2)),
        ("pii", counts(2, 1)),
        ("code", counts(1, 1)),
        ("sql", counts(2, 2)),
    ];
    assert_eq!(found, expected);
    let pii = &reports[1].scores;
    assert_eq!(pii.spans, counts(3, 0));
    assert_eq!(
        pii.spans_by_type.keys().collect::<Vec<_>>(),
        ["CREDIT_CARD", "EMAIL_ADDRESS", "US_SSN"]
    );
    // Offsets are code points: a place after an umlaut is found only where it is converted.
    assert_eq!(reports[0].scores.spans, counts(2, 0));
    let printed = reports.iter().map(ToString::to_string).collect::<String>()
        + &report::summary(&reports).to_string();
    for part in [
        "## secrets (secretsDetection)",
        "places by type",
        "US_SSN",
        "texts by tag",
        "µs per KB",
    ] {
        assert!(printed.contains(part), "{part:?} is not in:\n{printed}");
    }
    assert!(combined_cost(&sample()).unwrap() > 0.0);
}

#[test]
fn gzipped_rows_are_rows_and_a_broken_line_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let sql = dir.path().join("sql");
    std::fs::create_dir(&sql).unwrap();
    let file = std::fs::File::create(sql.join("a.jsonl.gz")).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder
        .write_all(b"{\"text\": \"TRUNCATE TABLE t\", \"label\": 1}\n")
        .unwrap();
    encoder.finish().unwrap();
    assert_eq!(run(dir.path()).unwrap()[0].scores.texts, counts(1, 0));
    std::fs::write(
        sql.join("b.jsonl"),
        "{\"text\": \"x\", \"label\": 0}\n{\"text\": 1}\n",
    )
    .unwrap();
    let error = format!("{:#}", run(dir.path()).unwrap_err());
    assert!(error.contains("b.jsonl line 2"), "{error}");
}
