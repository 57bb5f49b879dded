//! Identifiers of Canada, Brazil, Mexico, Chile and Argentina.

use super::super::checks;
use super::super::context::words::{AR_DNI, BR_RG, CL_RUT, CNPJ, CPF, CURP, RFC, SIN};
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "ca_sin",
        what: "Canadian social insurance number",
        how: How::Shapes(&[rule("[1-79][0-9]{2}([ -]?[0-9]{3}){2}")
            .proves(checks::ca_sin)
            .only_with(SIN)]),
        finds: &[
            ("SIN 130-692-544 belongs to", "130-692-544"),
            ("social insurance number 130692544", "130692544"),
        ],
        ignores: &["130-692-544", "SIN 130-692-545"],
    },
    Preset {
        id: "br_cpf",
        what: "Brazilian personal tax number",
        how: How::Shapes(&[
            rule(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}")
                .proves(checks::br_cpf)
                .with(CPF),
            rule("[0-9]{9}-?[0-9]{2}")
                .proves(checks::br_cpf)
                .only_with(CPF),
        ]),
        finds: &[
            ("111.444.777-35", "111.444.777-35"),
            ("CPF 11144477735", "11144477735"),
        ],
        ignores: &["111.444.777-36", "11144477735", "111.111.111-11"],
    },
    Preset {
        id: "br_cnpj",
        what: "Brazilian company tax number",
        how: How::Shapes(&[
            rule(r"[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-[0-9]{2}")
                .proves(checks::br_cnpj)
                .with(CNPJ),
            rule("[0-9A-Z]{8}/?[0-9A-Z]{4}-?[0-9]{2}")
                .proves(checks::br_cnpj)
                .only_with(CNPJ),
        ]),
        finds: &[
            ("11.222.333/0001-81", "11.222.333/0001-81"),
            ("CNPJ 12ABC34501DE35", "12ABC34501DE35"),
        ],
        ignores: &["11.222.333/0001-82", "11222333000181"],
    },
    Preset {
        id: "br_rg",
        what: "Brazilian identity card, beside a word that says so",
        how: How::Shapes(&[rule(r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-?[0-9Xx]")
            .only_with(BR_RG)
            .within(3)]),
        finds: &[("RG 12.345.678-9", "12.345.678-9")],
        ignores: &["12.345.678-9", "RG 12"],
    },
    Preset {
        id: "mx_curp",
        what: "Mexican population registry code",
        how: How::Shapes(&[rule("[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]")
            .proves(checks::curp)
            .with(CURP)]),
        finds: &[("CURP HEGG560427MVZRRL04", "HEGG560427MVZRRL04")],
        ignores: &["HEGG560427MVZRRL05", "HEGG560427AVZRRL04"],
    },
    Preset {
        id: "mx_rfc",
        what: "Mexican tax number, beside a word that says so",
        how: How::Shapes(&[rule("[A-Z&]{3,4}[0-9]{6}[A-Z0-9]{2}[0-9A]")
            .fits(rfc)
            .only_with(RFC)]),
        finds: &[("RFC GODE561231GR8", "GODE561231GR8")],
        ignores: &["GODE561231GR8", "RFC GODE569931GR8", "RFC 2822"],
    },
    Preset {
        id: "cl_rut",
        what: "Chilean identity and tax number",
        how: How::Shapes(&[
            rule(r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]")
                .proves(checks::cl_rut)
                .with(CL_RUT),
            rule("[0-9]{7,8}-[0-9Kk]")
                .proves(checks::cl_rut)
                .only_with(CL_RUT),
        ]),
        finds: &[
            ("12.345.678-5", "12.345.678-5"),
            ("RUT 12345678-5", "12345678-5"),
        ],
        ignores: &["12.345.678-6", "12345678-5"],
    },
    Preset {
        id: "ar_cuit",
        what: "Argentine tax number, and the identity number beside a word that says so",
        how: How::Shapes(&[
            rule("(20|23|24|27|30|33|34)-[0-9]{8}-[0-9]")
                .proves(checks::ar_cuit)
                .with(AR_DNI),
            rule("(20|23|24|27|30|33|34)[0-9]{9}")
                .proves(checks::ar_cuit)
                .only_with(AR_DNI),
            rule(r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}").only_with(AR_DNI),
        ]),
        finds: &[
            ("20-12345678-6", "20-12345678-6"),
            ("DNI 30.123.456", "30.123.456"),
        ],
        ignores: &["20-12345678-7", "30.123.456"],
    },
];

fn rfc(text: &str) -> bool {
    let d = checks::digits(text.trim_start_matches(|c: char| !c.is_ascii_digit()));
    checks::date(2000, d.number(2..4), d.number(4..6))
}
