//! Ways to reach a person.

use super::{How, Preset};

pub(super) static PRESETS: &[Preset] = &[Preset {
    id: "email",
    what: "e-mail address",
    how: How::Email,
    finds: &[
        (
            "write to ada.lovelace+x@example.co.uk.",
            "ada.lovelace+x@example.co.uk",
        ),
        ("<a@b.org>", "a@b.org"),
    ],
    ignores: &[
        "@decorator",
        "a@b",
        "user@host:path",
        "x@1.5",
        "lodash@4.17.21",
        "a@.com",
        "a@-x.com",
        "logo@2x.png",
    ],
}];
