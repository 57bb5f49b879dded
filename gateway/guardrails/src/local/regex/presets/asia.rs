//! Identifiers of Asia, Australia and South Africa.

use super::super::checks;
use super::super::context::words::{
    AADHAAR, ABN, ACN, AU_MEDICARE, GSTIN, KR_BRN, MY_NUMBER, NATIONAL_ID, NRIC, PAN_IN,
    RESIDENT_ID, RRN, TFN, TH_ID, VOTER, ZA_ID,
};
use super::super::spans::Edge;
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "au_tfn",
        what: "Australian tax file number",
        how: How::Shapes(&[rule("[0-9]{3}([ -]?[0-9]{3}){2}")
            .proves(checks::au_tfn)
            .only_with(TFN)]),
        finds: &[("TFN 123 456 782", "123 456 782")],
        ignores: &["123 456 782", "TFN 123 456 783"],
    },
    Preset {
        id: "au_medicare",
        what: "Australian Medicare card",
        how: How::Shapes(&[
            rule("[2-6][0-9]{3} [0-9]{5} [0-9]([ /-][0-9])?")
                .proves(checks::au_medicare)
                .with(AU_MEDICARE),
            rule("[2-6][0-9]{9,10}")
                .proves(checks::au_medicare)
                .only_with(AU_MEDICARE),
        ]),
        finds: &[
            ("Medicare card 2123 45670 1", "2123 45670 1"),
            ("medicare: 2123456701", "2123456701"),
        ],
        ignores: &["2123 45671 1", "2123456701"],
    },
    Preset {
        id: "au_abn",
        what: "Australian business number",
        how: How::Shapes(&[
            rule("[1-9][0-9]( [0-9]{3}){3}")
                .proves(checks::au_abn)
                .with(ABN),
            rule("[1-9][0-9]{10}").proves(checks::au_abn).only_with(ABN),
        ]),
        finds: &[
            ("ABN 51 824 753 556", "51 824 753 556"),
            ("ABN: 51824753556", "51824753556"),
        ],
        ignores: &["51 824 753 557", "51824753556", "51 824 753 5564"],
    },
    Preset {
        id: "au_acn",
        what: "Australian company number",
        how: How::Shapes(&[rule("[0-9]{3}( ?[0-9]{3}){2}")
            .proves(checks::au_acn)
            .only_with(ACN)]),
        finds: &[("ACN 004 085 616", "004 085 616")],
        ignores: &["004 085 616", "ACN 004 085 617"],
    },
    Preset {
        id: "in_aadhaar",
        what: "Indian Aadhaar number",
        how: How::Shapes(&[rule("[2-9][0-9]{3}([ -]?[0-9]{4}){2}")
            .proves(checks::in_aadhaar)
            .only_with(AADHAAR)]),
        finds: &[
            ("Aadhaar: 2341 2341 2346, PAN", "2341 2341 2346"),
            ("aadhaar 234123412346", "234123412346"),
        ],
        ignores: &["2341 2341 2346", "Aadhaar 2341 2341 2347"],
    },
    Preset {
        id: "in_pan",
        what: "Indian permanent account number",
        how: How::Shapes(&[
            rule("[A-Z]{3}P[A-Z][0-9]{4}[A-Z]").with(PAN_IN),
            rule("[A-Z]{5}[0-9]{4}[A-Z]").only_with(PAN_IN),
        ]),
        finds: &[
            ("PAN: PRHBR9121R", "PRHBR9121R"),
            ("ABCPD1234E", "ABCPD1234E"),
        ],
        ignores: &["PRHBR9121R", "PAN PRHB9121R"],
    },
    Preset {
        id: "in_gstin",
        what: "Indian goods and services tax number",
        how: How::Shapes(&[
            rule("[0-3][0-9][A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]").proves(checks::gstin),
            rule("[0-3][0-9][A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]")
                .with(GSTIN)
                .base(0.6),
        ]),
        finds: &[
            ("27AAPFU0939F1ZV", "27AAPFU0939F1ZV"),
            ("GSTIN 27ABCDE1234F1Z5", "27ABCDE1234F1Z5"),
        ],
        ignores: &["27AAPFU0939F1YV", "47AAPFU0939F1ZV"],
    },
    Preset {
        id: "in_voter",
        what: "Indian voter card, beside a word that says so",
        how: How::Shapes(&[rule("[A-Z]{3}[0-9]{7}").only_with(VOTER)]),
        finds: &[("my voter id: DBJ2289013", "DBJ2289013")],
        ignores: &["DBJ2289013", "voter DBJ228901"],
    },
    Preset {
        id: "sg_nric",
        what: "Singaporean NRIC or FIN",
        how: How::Shapes(&[rule("[STFGM][0-9]{7}[A-Z]").proves(checks::nric).with(NRIC)]),
        finds: &[("NRIC S1234567D", "S1234567D")],
        ignores: &["S1234567E", "A1234567D"],
    },
    Preset {
        id: "kr_rrn",
        what: "Korean resident registration number",
        how: How::Shapes(&[
            rule("[0-9]{6}-[1-8][0-9]{6}")
                .fits(checks::kr_rrn_date)
                .with(RRN)
                .base(0.6),
            rule("[0-9]{6}[1-8][0-9]{6}").proves(kr_rrn).only_with(RRN),
        ]),
        finds: &[
            ("주민등록번호는 960121-1234567입니다", "960121-1234567"),
            ("RRN 9001011234568", "9001011234568"),
        ],
        ignores: &["961321-1234567", "9001011234568"],
    },
    Preset {
        id: "kr_brn",
        what: "Korean business number",
        how: How::Shapes(&[
            rule("[0-9]{3}-[0-9]{2}-[0-9]{5}")
                .proves(checks::kr_brn)
                .with(KR_BRN),
            rule("[0-9]{10}").proves(checks::kr_brn).only_with(KR_BRN),
        ]),
        finds: &[
            ("104-86-56659", "104-86-56659"),
            ("My BRN is 1048656659", "1048656659"),
        ],
        ignores: &["104-86-56658", "1048656659"],
    },
    Preset {
        id: "jp_my_number",
        what: "Japanese individual number",
        how: How::Shapes(&[rule("[0-9]{4}([ -]?[0-9]{4}){2}")
            .proves(checks::jp_my_number)
            .only_with(MY_NUMBER)]),
        finds: &[
            ("マイナンバーは1234 5678 9018です", "1234 5678 9018"),
            ("My Number: 123456789018", "123456789018"),
        ],
        ignores: &["123456789018", "my number 123456789019"],
    },
    Preset {
        id: "cn_resident_id",
        what: "Chinese resident identity number",
        how: How::Shapes(&[
            rule("[1-8][0-9]{5}(19|20)[0-9]{9}[0-9Xx]")
                .proves(checks::cn_resident_id)
                .with(RESIDENT_ID),
            rule("[1-8][0-9]{14}").only_with(RESIDENT_ID).within(3),
        ]),
        finds: &[("身份证号码：11010519491231002X", "11010519491231002X")],
        ignores: &["110105194912310021", "11010519491331002X"],
    },
    Preset {
        id: "hk_id",
        what: "Hong Kong identity card",
        how: How::Shapes(&[
            rule(r"[A-Z]{1,2}[0-9]{6}(\([0-9A]\)|\[[0-9A]\])")
                .proves(checks::hk_id)
                .edge(Edge::Word),
            rule("[A-Z]{1,2}[0-9]{6}[0-9A]")
                .proves(checks::hk_id)
                .only_with(NATIONAL_ID),
        ]),
        finds: &[("HKID A123456(3)", "A123456(3)")],
        ignores: &["A123456(4)", "A1234563"],
    },
    Preset {
        id: "tw_id",
        what: "Taiwanese identity card",
        how: How::Shapes(&[rule("[A-Z][1289][0-9]{8}")
            .proves(checks::tw_id)
            .only_with(NATIONAL_ID)]),
        finds: &[("身分證字號 A123456789", "A123456789")],
        ignores: &["A123456789", "身分證 A123456788"],
    },
    Preset {
        id: "th_national_id",
        what: "Thai identity number",
        how: How::Shapes(&[
            rule("[1-8]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]").proves(checks::th_id),
            rule("[1-8][0-9]{12}")
                .proves(checks::th_id)
                .only_with(TH_ID),
        ]),
        finds: &[
            ("Thai National ID 1234567890121", "1234567890121"),
            ("1-2345-67890-12-1", "1-2345-67890-12-1"),
        ],
        ignores: &["1234567890121", "1-2345-67890-12-2"],
    },
    Preset {
        id: "my_nric",
        what: "Malaysian identity card",
        how: How::Shapes(&[rule("[0-9]{6}-[01][0-9]-[0-9]{4}")
            .fits(checks::my_nric)
            .base(0.6)]),
        finds: &[("800101-14-5566", "800101-14-5566")],
        ignores: &["801301-14-5566", "800101-24-5566"],
    },
    Preset {
        id: "pk_cnic",
        what: "Pakistani identity card",
        how: How::Shapes(&[rule("[1-7][0-9]{4}-[0-9]{7}-[0-9]").base(0.6)]),
        finds: &[("45504-4185771-3", "45504-4185771-3")],
        ignores: &["85504-4185771-3", "45504-4185771-33"],
    },
    Preset {
        id: "ae_emirates_id",
        what: "Emirates id",
        how: How::Shapes(&[rule("784-(19|20)[0-9]{2}-[0-9]{7}-[0-9]").base(0.8)]),
        finds: &[("784-1984-1234567-1", "784-1984-1234567-1")],
        ignores: &["785-1984-1234567-1", "784-1884-1234567-1"],
    },
    Preset {
        id: "za_id",
        what: "South African identity number",
        how: How::Shapes(&[rule("[0-9]{6} ?[0-9]{4} ?[0-9]{3}")
            .proves(checks::za_id)
            .only_with(ZA_ID)]),
        finds: &[("My South African ID is 8001015009087.", "8001015009087")],
        ignores: &["8001015009087", "RSA ID 8001015009088"],
    },
];

fn kr_rrn(text: &str) -> bool {
    checks::kr_rrn_date(text) && checks::kr_rrn_checked(text)
}
