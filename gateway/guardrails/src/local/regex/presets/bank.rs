//! Bank accounts, and what belongs to a card beside its number.

use super::super::checks::{self, digits};
use super::super::context::words::{
    BANK_ACCOUNT, CARD, CARD_EXPIRY, CVV, IBAN, ID, OTHER_NUMBER, PIN, ROUTING, SORT_CODE, SWIFT,
};
use super::generic::GROUPS;
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "iban",
        what: "international bank account number",
        how: How::Shapes(&[
            rule("[A-Z]{2}[0-9]{2}[A-Z0-9]+").proves(checks::iban).with(IBAN),
            rule("[A-Z]{2}[0-9]{2}([ -][A-Z0-9]+)+").proves(checks::iban).with(IBAN),
            rule("[a-z]{2}[0-9]{2}[a-z0-9]+").proves(checks::iban).only_with(IBAN),
        ]),
        finds: &[
            ("IBAN: DE89370400440532013000", "DE89370400440532013000"),
            ("to GB29 NWBK 6016 1331 9268 19 by BACS", "GB29 NWBK 6016 1331 9268 19"),
            ("BE71 0961 2345 6769 BIC GKCCBEBB", "BE71 0961 2345 6769"),
        ],
        ignores: &["DE89370400440532013001", "DE8937040044053201300", "xDE89370400440532013000"],
    },
    Preset {
        id: "swift",
        what: "bank identifier code, beside BIC or SWIFT",
        how: How::Shapes(&[rule(
            "[A-Z]{4}(A[DEFGILMORTUWZ]|B[ABDEFGHJMNORSWYZ]|C[ADFHILMNORUVYZ]|D[EJKMOZ]|E[CEGST]|F[IJOR]|G[ABEGHILMNQRTW]|H[KNRTU]|I[DELMNQRST]|J[EMOP]|K[EGHRWYZ]|L[ABCIKRSTUVY]|M[ACDEGHKLMNORTUVWXYZ]|N[AEGILOPZ]|OM|P[AEFGHKLRSTY]|QA|R[EOSUW]|S[ACDEGIKLMNORSVXYZ]|T[DGHJLMNORTWZ]|U[AGSYZ]|V[AECGNU]|W[FS]|XK|Y[ET]|Z[AMW])[A-Z0-9]{2}([A-Z0-9]{3})?",
        )
        .only_with(SWIFT)
        .within(3)
        .letters()]),
        finds: &[
            ("BIC COBADEFFXXX.", "COBADEFFXXX"),
            ("SWIFT code: NEDSZAJJ", "NEDSZAJJ"),
            ("{\"bic\": \"CGIJGB4O\"}", "CGIJGB4O"),
        ],
        ignores: &["COBADEFFXXX", "SWIFT AND SOUND", "the BIC is not known"],
    },
    Preset {
        id: "aba_routing",
        what: "US bank routing number",
        how: How::Shapes(&[
            rule("[0-9]{9}").proves(checks::aba).only_with(ROUTING),
            rule("[0-9]{4}-[0-9]{4}-[0-9]").proves(checks::aba).with(ROUTING),
        ]),
        finds: &[("Routing number 021000021, checking", "021000021"), ("3222-7162-7", "3222-7162-7")],
        ignores: &["021000021", "routing 021000022", "routing 993456789"],
    },
    Preset {
        id: "bank_account",
        what: "bank account number, beside a word that says so",
        how: How::Shapes(&[
            rule("[0-9]+").digits(6, 17).fits(account).only_with(BANK_ACCOUNT).within(3).unless(OTHER_NUMBER.or(ID)).base(0.1),
            rule(GROUPS).digits(5, 20).least(6).fits(account).only_with(BANK_ACCOUNT).within(3).unless(OTHER_NUMBER.or(ID)).base(0.1),
        ]),
        finds: &[
            ("checking account 416119731653.", "416119731653"),
            ("Kontonummer: 1234 5678 90", "1234 5678 90"),
        ],
        ignores: &["416119731653", "account of 2024", "Account ID 416119731653"],
    },
    Preset {
        id: "uk_sort_code",
        what: "British sort code, beside a word that says so",
        how: How::Shapes(&[rule("[0-9]{2}[- ]?[0-9]{2}[- ]?[0-9]{2}").only_with(SORT_CODE).within(3)]),
        finds: &[("sort code 20-00-00", "20-00-00"), ("Sort Code: 090128", "090128")],
        ignores: &["20-00-00", "sort code missing"],
    },
    Preset {
        id: "card_expiry",
        what: "expiry date of a card",
        how: How::Shapes(&[rule("(0[1-9]|1[0-2])( ?/ ?|-)(20)?[2-4][0-9]")
            .only_with(CARD_EXPIRY.or(CARD))
            .within(3)]),
        finds: &[("Expiry: 04/29", "04/29"), ("valid thru 12/2031", "12/2031")],
        ignores: &["04/29", "expiry 13/29", "expiry 04/19"],
    },
    Preset {
        id: "cvv",
        what: "verification value of a card",
        how: How::Shapes(&[rule("[0-9]{3,4}").only_with(CVV).within(2)]),
        finds: &[("CVV: 795", "795"), ("security code is 1234", "1234")],
        ignores: &["795", "CVV must have 3 digits", "cvv 12345"],
    },
    Preset {
        id: "pin",
        what: "personal identification number, beside a word that says so",
        how: How::Shapes(&[rule("[0-9]{4,8}").only_with(PIN).within(2).base(0.2)]),
        finds: &[("Her PIN is 7668, do not tell", "7668"), ("pin: 123456", "123456")],
        ignores: &["7668", "pin 13 is ground", "PIN has 4 digits"],
    },
    Preset {
        id: "crypto",
        what: "Bitcoin, Litecoin, Dogecoin, Tron or Ethereum address",
        how: How::Shapes(&[
            rule("[123LMDTmn][1-9A-HJ-NP-Za-km-z]+").proves(checks::base58check),
            rule("(bc1|tb1|ltc1)[02-9ac-hj-np-z]+|BC1[02-9AC-HJ-NP-Z]+").proves(checks::bech32),
            rule("0x[0-9a-fA-F]+").fits(checks::ethereum).base(0.8),
        ]),
        finds: &[
            ("Donate to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa or", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
            ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
        ],
        ignores: &[
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "0x9ff582d5",
            "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed",
        ],
    },
];

fn account(text: &str) -> bool {
    (6..=17).contains(&digits(text).len())
}
