//! The families: which kind is measured on which rows, and what counts.

use anyhow::Result;
use parapet_guardrails::finding::Hit;
use serde_json::{Value, json};

use super::Detector;
use super::row::Row;

/// A family of rows and the detector for it.
#[derive(Debug)]
pub struct Family {
    /// The folder.
    pub name: &'static str,
    /// The kind that is measured.
    pub kind: &'static str,
    /// What it should reach to be called good: precision, recall, false-positive rate.
    pub aim: &'static str,
    /// Types of spans that the kind claims to find, with the categories of its own that are right for each;
    /// empty: any finding is right.
    pub types: &'static [(&'static str, &'static [&'static str])],
    /// Tags whose rows are reported apart and left out of the total.
    pub apart: &'static [&'static str],
}

/// All families that have a local detector.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "secrets",
        kind: "secretsDetection",
        aim: "precision 0.95, recall 0.75, false-positive rate 1%",
        types: &[],
        // A scanner may reasonably differ on keys that a vendor's documentation prints.
        apart: &["documented-example-key"],
    },
    Family {
        name: "pii",
        kind: "regex",
        aim: "right type: recall 0.92, precision 0.97; documents: false-positive rate 2%",
        types: &[
            ("ABA_ROUTING", &["aba_routing"]),
            ("AGE", &["age"]),
            ("AU_ABN", &["au_abn"]),
            ("AU_MEDICARE", &["au_medicare"]),
            ("AU_TFN", &["au_tfn"]),
            ("BANK_ACCOUNT", &["bank_account"]),
            ("CARD_EXPIRY", &["card_expiry"]),
            ("CA_SIN", &["ca_sin"]),
            (
                "CREDIT_CARD",
                &["credit_card", "visa", "mastercard", "amex", "discover"],
            ),
            ("CRYPTO", &["crypto"]),
            ("CVV", &["cvv"]),
            ("DATE_OF_BIRTH", &["date_of_birth"]),
            ("DE_TAX_ID", &["de_tax_id"]),
            ("EMAIL_ADDRESS", &["email"]),
            ("ES_NIE", &["es_nie"]),
            ("ES_NIF", &["es_nif"]),
            ("FI_HETU", &["fi_hetu"]),
            ("FR_NIR", &["fr_nir"]),
            ("GEO_COORDINATE", &["geo_coordinate"]),
            ("IBAN_CODE", &["iban"]),
            ("IMEI", &["imei"]),
            ("IN_AADHAAR", &["in_aadhaar"]),
            ("IN_PAN", &["in_pan"]),
            ("IP_ADDRESS", &["ipv4", "ipv6"]),
            ("IT_FISCAL_CODE", &["it_fiscal_code"]),
            ("LICENSE_PLATE", &["license_plate"]),
            ("MAC_ADDRESS", &["mac_address"]),
            ("MEDICAL_RECORD_NUMBER", &["medical_record_number"]),
            ("NATIONAL_ID", &["national_id"]),
            (
                "PASSPORT",
                &[
                    "passport_us",
                    "passport_uk",
                    "passport_germany",
                    "passport_france",
                    "passport_netherlands",
                    "passport_canada",
                    "passport_india",
                    "passport_australia",
                    "passport_china",
                    "passport_japan",
                    "passport",
                ],
            ),
            ("PHONE_NUMBER", &["us_phone", "phone"]),
            ("PIN", &["pin"]),
            ("SWIFT_CODE", &["swift"]),
            ("TAX_ID", &["tax_id"]),
            ("UK_NHS", &["uk_nhs"]),
            ("UK_NINO", &["uk_nino"]),
            ("URL", &["url"]),
            ("US_DEA", &["us_dea"]),
            ("US_DRIVER_LICENSE", &["us_driver_license"]),
            ("US_EIN", &["us_ein"]),
            ("US_ITIN", &["us_itin"]),
            ("US_MBI", &["us_mbi"]),
            ("US_NPI", &["us_npi"]),
            ("US_SSN", &["us_ssn", "us_ssn_no_dash"]),
            ("VAT_ID", &["vat_id"]),
            ("VIN", &["vin"]),
        ],
        apart: &["ner-only"],
    },
    Family {
        name: "code",
        kind: "codeSafetyLinter",
        aim: "precision 0.95, recall 0.93",
        types: &[],
        apart: &["extended"],
    },
    Family {
        name: "sql",
        kind: "sqlSanitizer",
        aim: "statements: precision 0.99, recall 0.98; in text 0.95 / 0.90; interpolation false-positive rate 10%",
        types: &[],
        apart: &["injection-payload"],
    },
];

impl Family {
    /// The detectors of the family: the ordinary one first.
    pub(super) fn detectors(&self) -> Result<Vec<Detector>> {
        self.configurations()
            .iter()
            .map(|config| Detector::build(self.kind, config))
            .collect()
    }

    fn configurations(&self) -> Vec<Value> {
        match self.name {
            "pii" => {
                let presets: Vec<&str> = self
                    .types
                    .iter()
                    .flat_map(|(_, categories)| categories.iter().copied())
                    .collect();
                vec![json!({"presetPatterns": {"presets": presets}})]
            }
            // Code that builds SQL is what the option is for that is off by default.
            "sql" => vec![json!({}), json!({"requireParameterization": true})],
            _ => vec![json!({})],
        }
    }

    /// The detector for one row.
    pub(super) fn detector_for<'a>(&self, detectors: &'a [Detector], row: &Row) -> &'a Detector {
        let builds_sql =
            row.has_tag("string-interpolation") || row.has_tag("parameterised-or-constant");
        match detectors {
            [_, interpolation] if builds_sql => interpolation,
            [ordinary, ..] => ordinary,
            [] => unreachable!("a family has a detector"),
        }
    }

    /// Findings that the labels of a row can judge.
    pub(super) fn hits_that_count<'a>(&self, row: &Row, hits: &'a [Hit]) -> Vec<&'a Hit> {
        let only = row.tags.iter().find_map(|tag| tag.strip_prefix("type:"));
        hits.iter()
            .filter(|hit| {
                if self.types.is_empty() {
                    return true;
                }
                let kind = self.type_of(&hit.category);
                // Documents that are not annotated in full say nothing about addresses of pages.
                let unannotated = !row.full && kind == Some("URL");
                // Vectors of one recogniser say nothing about other types.
                let foreign =
                    only.is_some_and(|only| kind.is_none_or(|kind| !only.starts_with(kind)));
                !unannotated && !foreign
            })
            .collect()
    }

    /// The type of span that a category is right for.
    pub(super) fn type_of(&self, category: &str) -> Option<&'static str> {
        self.types
            .iter()
            .find(|(_, categories)| categories.contains(&category))
            .map(|(kind, _)| *kind)
    }

    /// Whether a row is reported apart.
    pub(super) fn keeps_apart(&self, row: &Row) -> bool {
        self.apart.iter().any(|tag| row.has_tag(tag))
    }

    /// Whether the kind claims to find spans of this type.
    pub(super) fn claims(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|(other, _)| *other == kind)
    }
}
