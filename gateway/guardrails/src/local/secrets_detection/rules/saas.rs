//! Messaging, payment and other services.

use super::super::shape::Part::{OneOf, Run, Text};
use super::super::shape::{
    ALNUM, BASE64, DIGIT, DOTTED, HEX, LHEX, LOWER, PADDED, PATH, PERCENT, SLACK, UPPER, URL, UUID,
    UUIDISH,
};
use super::{Rule, rule};

// One rule a line reads best.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("slack_token", "xoxb-", &[Run(DIGIT, 8, 14), Text("-"), Run(SLACK, 18, 60)], "86501709217-846nNMJPLExsgbbYkcABB"),
    rule("slack_token", "xoxp-", &[Run(DIGIT, 8, 14), Text("-"), Run(DIGIT, 8, 14), Text("-"), Run(SLACK, 20, 90)], "93891358067-69574096367-hSa-iBPMD2WoDhGjurPSlf3"),
    rule("slack_token", "xoxs-", &[Run(SLACK, 20, 120)], "ydgxoFV30A5HfE7a-I5Dlpa")
        .floor(2.5),
    rule("slack_token", "xoxo-", &[Run(SLACK, 20, 120)], "bGPFU67sXcr1sIQj1ukMJ5d")
        .floor(2.5),
    rule("slack_token", "xoxc-", &[Run(SLACK, 20, 120)], "3Zp9UgaLpku1WggisIn930B")
        .floor(2.5),
    rule("slack_token", "xoxd-", &[Run(SLACK, 20, 120)], "NU3qE8wmydd1hHtLQMTIpP3")
        .floor(2.5),
    rule("slack_token", "xoxa-", &[Run(DIGIT, 1, 1), Text("-"), Run(SLACK, 8, 60)], "7-SRXcmWUaM8d")
        .floor(1.5),
    rule("slack_token", "xoxr-", &[Run(DIGIT, 1, 1), Text("-"), Run(SLACK, 8, 60)], "7-umwGQ8O37Td")
        .floor(1.5),
    rule("slack_token", "xoxe-", &[Run(DIGIT, 1, 1), Text("-"), Run(ALNUM, 100, 180)], "7-Ytjh7NIL7bw8grxSBSjJU8nwVsfNQYgGHILjEJcI8zutteIuE5ck84RejYaILK0fTRqNweKO9UESJOAsAgO2WomDSw0vbEe8qvurjLa"),
    rule("slack_token", "xoxe.", &[OneOf(&["xoxb-", "xoxp-"]), Run(DIGIT, 1, 1), Text("-"), Run(ALNUM, 100, 180)], "xoxb-7-yxiMqTan8oHl3GGsgbbm8awVzvNgJWD3NXCPN0FR65bnIAXh9sDmF77MkDZeGh5XUPXyzHNpD4hOH08qXn1n517RvKZzlHGYWDfU4LB"),
    rule("slack_token", "xapp-", &[Run(DIGIT, 1, 1), Text("-"), Run(UPPER, 9, 13), Text("-"), Run(DIGIT, 10, 15), Text("-"), Run(HEX, 32, 80)], "7-FZGG7UTWTLK7-9892055630567-89338d824e99f4d0287e2f5ab384aeeb7c7"),
    rule("slack_token", "xapp-", &[Run(DIGIT, 8, 14), Text("-"), Run(BASE64, 20, 30)], "72731364217-JtPpe31d8IFF9iwD9JlHC/a"),
    rule("slack_webhook", "hooks.slack.com/services/", &[Run(PATH, 40, 60)], "5ye2kIXNU1wIMCTeSZi59oqmyDySUERoTF4xdflmef3"),
    rule("slack_webhook", "hooks.slack.com/workflows/", &[Run(PATH, 40, 80)], "EbM8fBGTG9ZVzUI3GSgvKL2wnCdhHel6FGUIf3TZ5sd"),
    rule("teams_webhook", "webhook.office.com/webhookb2/", &[Run(UUIDISH, 36, 36), Text("@"), Run(UUIDISH, 36, 36), Text("/IncomingWebhook/"), Run(ALNUM, 32, 32), Text("/"), Run(UUIDISH, 36, 36)], "c8a7d3-4301e4890-ee8e8431c19c8-69a3a@ba1298f-d82d203-a6071d05c1e89b211eb3/IncomingWebhook/4H4D685QL5t2liVwF9R62mDfN4j8wEMa/4-4edb7f47b239365f594b260e01d344f07a"),
    rule("teams_webhook", "outlook.office.com/webhook/", &[Run(UUIDISH, 36, 36), Text("@"), Run(UUIDISH, 36, 36), Text("/IncomingWebhook/"), Run(ALNUM, 32, 32), Text("/"), Run(UUIDISH, 36, 36)], "8b0d2254acc8275c8-2ef0ed5789b-7fe-eB@e08e80-7-f175e5bb614a166bc-6e7d372-3/IncomingWebhook/MDWhj6ioJ90yHdf9jiKIaKz64lUcNTya/59b94e2cbc4bdd56-6fe2ff-27abb163810a"),
    rule("discord_webhook", "discord.com/api/webhooks/", &[Run(DIGIT, 17, 20), Text("/"), Run(URL, 60, 80)], "84574756816587121677/PsmuvYElsmw79zYEFsm6qRjwr9JKz8J76rDGBWpOGRbVQ5mEl1g16FS0xHfEmM3"),
    rule("discord_webhook", "discordapp.com/api/webhooks/", &[Run(DIGIT, 17, 20), Text("/"), Run(URL, 60, 80)], "32727922963730095857/L_4RiKinEkUAVmtzkzk6yExnbBbKPdAlFj_HVgvCWltQX7D0M5Pfg-VIgT_8epB"),
    rule("zapier_webhook", "hooks.zapier.com/hooks/catch/", &[Run(DIGIT, 5, 10), Text("/"), Run(ALNUM, 6, 12)], "81696787/bWpgYKq53"),
    rule("telegram_bot_token", ":AA", &[Run(URL, 32, 33)], "_FvYarD9JEOnEePlVSyt5xYltpHe8Pbpa")
        .behind(DIGIT, 8, 10, "23387217"),
    rule("sendgrid_api_key", "SG.", &[Run(URL, 22, 22), Text("."), Run(URL, 43, 43)], "bQOldS3cDRDOvw0am_6ro3.7k_IXsXtd_p8q7h_2GdQDyvWaEKdkcJMHLrdv7OhK8d"),
    rule("mailgun_key", "key-", &[Run(HEX, 32, 32)], "4d4f12a2db4038cdd203a5b14eeb6a77"),
    rule("mailchimp_api_key", "-us", &[Run(DIGIT, 1, 2)], "77")
        .within(LHEX, 32, 8, "e2b0f259d97320ca3510268645da3bb3"),
    rule("sendinblue_api_key", "xkeysib-", &[Run(HEX, 64, 64), Text("-"), Run(ALNUM, 16, 16)], "318367c6caf51f31b16a6f4197293a1d9387b453487a68fb6755f2403646c177-X2FZ2GNpBFmT6IQa"),
    rule("sendinblue_api_key", "xsmtpsib-", &[Run(HEX, 64, 64), Text("-"), Run(ALNUM, 16, 16)], "dd6cdd55406159264faa71ffd6c9f667394a3c516095a80f43443966b575c767-navadk7EVptNIe73"),
    rule("resend_api_key", "re_", &[Run(ALNUM, 8, 8), Text("_"), Run(ALNUM, 20, 28)], "VN42fV1d_JIGLq3kpOUJeTgZPrsByEma"),
    rule("stripe_key", "sk_live_", &[Run(ALNUM, 16, 120)], "HsntXv90J7aL1qThP03"),
    rule("stripe_key", "sk_test_", &[Run(ALNUM, 16, 120)], "7pmDozdKIn5wy9S0jha"),
    rule("stripe_key", "rk_live_", &[Run(ALNUM, 16, 120)], "eqIjBr0awZAZzri7Ptd"),
    rule("stripe_key", "rk_test_", &[Run(ALNUM, 16, 120)], "qTNDGblNaNDjZyMYmZ3"),
    rule("stripe_key", "sk_prod_", &[Run(ALNUM, 16, 120)], "e0KsWlOa0GaOWD6fLnB"),
    rule("stripe_key", "rk_prod_", &[Run(ALNUM, 16, 120)], "8MbYKgarLj2Jk0pFV7B"),
    rule("stripe_webhook_secret", "whsec_", &[Run(PADDED, 24, 80)], "CWhrbqybOxIWlbl6xozvfw60red"),
    rule("square_token", "sq0atp-", &[Run(URL, 22, 60)], "ZHtPgoMxG9gsXi33E0kayJnk3"),
    rule("square_token", "sq0csp-", &[Run(URL, 43, 43)], "i3yooSpqzYnafh93DjYMdoDiiToqRfhIAU8Ogi973bB"),
    rule("square_token", "EAAA", &[Run(URL, 22, 60)], "m29uncg6NcVtFluMdYrtH_fRd")
        .floor(3.5),
    rule("facebook_token", "EAAM", &[Run(ALNUM, 100, 300)], "JTRhuI77LxQz0aJxP2o2exscYOBXWP5DdTaHjngA6ksISECWZgvD4C5IBWe2khgX2iXOaQYIRR4sFKLtuC24aLhRmEueMCAjgvWGJOd"),
    rule("facebook_token", "EAAC", &[Run(ALNUM, 100, 300)], "vCEezcy1SOzDs879Z1RguxJeY3qnGs5gWIWXXe8VI6Wh2Kj29BtNpZaBu2E8PTXSMGGUPEGTjv25KCUMcizKv7qaxeOcWkFmrre7K2d"),
    rule("facebook_token", "EAAG", &[Run(ALNUM, 100, 300)], "Y0uuLnxPU6xr1jQtAHLAoLp5n1w3zXRX2mU4kmRN6aQRlNgKdUDLHONvmwazIi3enGnbMPapbfhUAOfloS6tjKrDQ5x8NkvOeV6Nt2a"),
    rule("facebook_token", "EAAB", &[Run(ALNUM, 100, 300)], "ynOl0WZ4RfZuaLd8jbAqhls7bkXuFy4YDBOhivamwTItvlLRTjcqdPEHQVGLb6ACeFjdOzPdYKtDFB4q31Y5rZ4MKYvLV6gj6MmZMEa"),
    rule("twitter_bearer_token", "AAAAAAAAAAAAAAAAAAAAA", &[Run(PERCENT, 60, 120)], "e8ZWbGXjGuVzAVLQjZxhmRDZ2m25D7otd1JMkCek3ziUJ2mWQ6uIUgVf0CHvPca"),
    rule("paypal_token", "access_token$production$", &[Run(LOWER, 16, 16), Text("$"), Run(HEX, 32, 32)], "lhgvbljbwiu8rsf7$985e51192435f28afcc2879c48bfd877"),
    rule("plaid_token", "access-", &[OneOf(&["sandbox-", "production-", "development-"]), Run(UUID, 36, 36)], "sandbox-55079ed0-3f1b-8e08-ba2e-09e993ee5da2"),
    rule("shippo_token", "shippo_", &[OneOf(&["live_", "test_"]), Run(HEX, 40, 40)], "live_0dd0b275032ef8e54c9e304723a6812b7b13ba8a"),
    rule("easypost_api_key", "EZAK", &[Run(ALNUM, 54, 54)], "xdOVWfOS06WjucuUBNQKFl6Xy7GduRAlkpOv9qrWHuDsAoIB3QalQ3"),
    rule("easypost_api_key", "EZTK", &[Run(ALNUM, 54, 54)], "NdkUwckUrjQHG80tUDsx2wyVSLDuBm8YBLo6V0azG5KpPCtl87PAra"),
    rule("duffel_token", "duffel_", &[OneOf(&["live_", "test_"]), Run(DOTTED, 43, 43)], "live_cQGb1aj_hKs_fVCijPTXSe7YY4KOgwQc3ZYO9BwKo-3"),
    rule("flutterwave_key", "FLWSECK_TEST-", &[Run(HEX, 12, 12)], "41b587c3cdfa")
        .floor(2.0),
    rule("flutterwave_key", "FLWSECK_TEST-", &[Run(HEX, 32, 32), Text("-X")], "5ccd4e1104cd499efdff09e3045cf1fa-X"),
    rule("flutterwave_key", "FLWSECK-", &[Run(HEX, 32, 32), Text("-X")], "124e4f6c7c84f7be9409edc977e819e7-X"),
    rule("twitch_stream_key", "live_", &[Run(DIGIT, 6, 12), Text("_"), Run(ALNUM, 20, 40)], "488595927_t1PJmC8toZM6uOY5KHrWZQ3"),
    rule("gocardless_token", "live_", &[Run(DOTTED, 40, 40)], "QjcxN-TJJV4EAiPFmOx5qKOcMK6.Tz7F0VmpkeUd"),
    rule("lob_api_key", "live_", &[Run(HEX, 35, 35)], "8c4fc69a59c41163418431ae70c609ae0c7"),
    rule("lob_api_key", "test_", &[Run(HEX, 35, 35)], "de4f20aad8c0a418d31537647a484ba768a"),
    rule("razorpay_key", "rzp_live_", &[Run(ALNUM, 14, 14)], "CZ8AEWFF3n6sLd"),
    rule("xendit_key", "xnd_production_", &[Run(ALNUM, 40, 80)], "GQizDRYCbZKhd8793hZ2CuhFs6gf0v7u3fjJY2udbNd"),
    rule("shopify_token", "shpat_", &[Run(HEX, 32, 32)], "c6a598da7e4f193fe0162183968d19c7"),
    rule("shopify_token", "shpss_", &[Run(HEX, 32, 32)], "0660e519ef75e68a584c49d96bbd09ea"),
    rule("shopify_token", "shpca_", &[Run(HEX, 32, 32)], "f2717e4c2c4665fc58fb5dcb631f8707"),
    rule("shopify_token", "shppa_", &[Run(HEX, 32, 32)], "13609808c80402fc39e3ca87484ba247"),
    rule("shopify_token", "shptka_", &[Run(HEX, 32, 32)], "0404479d8af1b1b585e770463176935a"),
    rule("adyen_api_key", "AQE", &[Run(BASE64, 80, 200)], "wVCTxX8ayxUUZ9znH8zTD6TnMBJrMH5nUCvClCmBvjsXF1xSIJF8cPgpasPHd5JFXCXttHaac6+S21+Rrja")
        .floor(4.0),
    rule("linear_api_key", "lin_api_", &[Run(ALNUM, 40, 40)], "NJ7mNoJww7KFxDskhpfU6XZJHawsIgErmjY3dR3B"),
    rule("linear_api_key", "lin_oauth_", &[Run(HEX, 64, 64)], "1a3483c07f7d176554fa218756e8b49d4692ca0d6c07bb88ddb264bdd060b787"),
    rule("notion_token", "ntn_", &[Run(ALNUM, 43, 50)], "3JXhwbWobD6pnkAFK6ih4ZohyK2LtGdyNUHr06GgNWNdGB"),
    rule("notion_token", "secret_", &[Run(ALNUM, 43, 43)], "7pgcIhgRPXU80NJgQuzY4HIbmYBlUldt2z4gQ5HgQFa"),
    rule("hubspot_token", "pat-na1-", &[Run(UUID, 36, 36)], "9a576bc3-3e83-5a38-c4ae-435f1d2e1b4b"),
    rule("hubspot_token", "pat-eu1-", &[Run(UUID, 36, 36)], "12dabafe-a855-f010-5951-4b6ad5915cee"),
    rule("intercom_token", "dG9rO", &[Run(PADDED, 50, 80)], "O+wXhqKADG6gp89YHEL/E6FtQ+m4bV7yriSccvjWFBoUWcYDEdKpd"),
    rule("salesforce_token", "!AQ", &[Run(DOTTED, 80, 120)], "cOMujUIibJ.0DP0I1EpxjcoJNsSWVJYP6aGEYEBnJM4nWebVJE.IVfxwwMsVaZZOFwsOVMqd4dbe5Pf1qRa")
        .behind(ALNUM, 15, 18, "eAeIHsu3lJUP4od"),
    rule("contentful_token", "CFPAT-", &[Run(URL, 43, 43)], "1fALN5g-YDUODvslImBjI3L0C-ljicNtNC8vis8qg7d"),
    rule("typeform_token", "tfp_", &[Run(DOTTED, 59, 59)], "W2ppBtZYXhahs93ly7pBREJAEp3u_j-aAKzbBE3tcOqpe0FynXbtQaq833B"),
    rule("frameio_token", "fio-u-", &[Run(DOTTED, 64, 64)], "dSqQyn8QGQ.gyz3AWlsbreWC-_g3PaO5LUu.7E_hkOlR0aDiU07y8tl.FqwGOVyd"),
    rule("adobe_client_secret", "p8e-", &[Run(LOWER, 32, 32)], "zfql4xxiwc70616jlvjv73sgn55ih7q7"),
    rule("adafruit_key", "aio_", &[Run(ALNUM, 28, 28)], "EwlgN59cfIblI66BDv0MLABwteI3"),
    rule("settlemint_token", "sm_aat_", &[Run(ALNUM, 16, 16)], "Bvsi70Hnt9DKcO0B"),
    rule("settlemint_token", "sm_pat_", &[Run(ALNUM, 16, 16)], "sL3Oowy40pFZkfTd"),
    rule("settlemint_token", "sm_sat_", &[Run(ALNUM, 16, 16)], "lWTHrfakGUoopHQa"),
    rule("dropbox_token", "sl.", &[Run(URL, 120, 1500)], "Ak0i8myPRUWh3PzLMsQuMMF_qs4NDjCczIxs9-ZoREb70bHCxrgNCjH861ZuXR23GKydBEaUXR6x-PbTv-ib-PnaTQPhcxAuZmQ6yjcnlP6W5JURYUtiawYB"),
    rule("checkout_key", "sk_sbox_", &[Run(LOWER, 26, 30)], "g6iwmmot3o0hwhuc9wl4a1wchbz1a"),
    rule("wecom_webhook", "cgi-bin/webhook/send?key=", &[Run(UUID, 36, 36)], "d8b1a030-8fac-1cdd-9627-c796e75250ec"),
    rule("klaviyo_key", "pk_", &[Run(HEX, 34, 34)], "fe163d754058f6aec6864b4345289f1117"),
    rule("mandrill_key", "md-", &[Run(URL, 22, 22)], "cH4_Gu2_pe9lSFHVzZ9kAa")
        .floor(3.7),
    rule("mapbox_token", "sk.eyJ", &[Run(URL, 60, 120), Text("."), Run(URL, 20, 30)], "7ItKpMXby4MTora7kKbit94BxENnjsvYSz2ZjQBeKdgJ1n4MZ3ZRB8X-t5N8NC3.1K0nmxhdsVjbJWkcSt65dtB"),
    rule("mapbox_token", "pk.", &[Run(LOWER, 60, 60), Text("."), Run(LOWER, 22, 22)], "i4f6k8o7reueokjxu5gp6g2xatu1ojjhhuwnfkfj9fvg41k2k4wd4g3l32h7.5c53tvxmmdd7iku5qgy9j7"),
    rule("ubidots_token", "BBFF-", &[Run(ALNUM, 30, 30)], "jIPH8WL8IRWXjEKHTOBAMvHzbJpGSB"),
    rule("age_secret_key", "AGE-SECRET-KEY-1", &[Run(UPPER, 58, 58)], "N6L1GN1P0ZAZJJD3SLSWKE4OUZHAZO74KYS29F53NEJP9E8SJFIU5HTOSA")
        .floor(0.0),
];
