//! Messaging, payment and other services.

use super::super::shape::Part::{OneOf, Run, Text};
use super::super::shape::{
    ALNUM, BASE64, DIGIT, DOTTED, HEX, LOWER, PADDED, PATH, PERCENT, SLACK, TEAMS, UPPER, URL, UUID,
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
    rule("slack_token", "xoxa-", &[Run(DIGIT, 1, 1), Text("-"), Run(SLACK, 8, 50)], "7-SRXcmWUaM8d")
        .floor(1.5),
    rule("slack_token", "xoxr-", &[Run(DIGIT, 1, 1), Text("-"), Run(SLACK, 8, 50)], "7-umwGQ8O37Td")
        .floor(1.5),
    rule("slack_token", "xoxe-", &[Run(DIGIT, 1, 1), Text("-"), Run(ALNUM, 100, 180)], "7-Ytjh7NIL7bw8grxSBSjJU8nwVsfNQYgGHILjEJcI8zutteIuE5ck84RejYaILK0fTRqNweKO9UESJOAsAgO2WomDSw0vbEe8qvurjLa"),
    rule("slack_token", "xoxe.", &[OneOf(&["xoxb-", "xoxp-"]), Run(DIGIT, 1, 1), Text("-"), Run(ALNUM, 100, 180)], "xoxb-7-yxiMqTan8oHl3GGsgbbm8awVzvNgJWD3NXCPN0FR65bnIAXh9sDmF77MkDZeGh5XUPXyzHNpD4hOH08qXn1n517RvKZzlHGYWDfU4LB"),
    rule("slack_token", "xapp-", &[Run(DIGIT, 1, 1), Text("-"), Run(UPPER, 9, 13), Text("-"), Run(DIGIT, 10, 15), Text("-"), Run(HEX, 32, 80)], "7-FZGG7UTWTLK7-9892055630567-89338d824e99f4d0287e2f5ab384aeeb7c7"),
    rule("slack_token", "xapp-", &[Run(DIGIT, 8, 14), Text("-"), Run(BASE64, 20, 30)], "72731364217-JtPpe31d8IFF9iwD9JlHC/a"),
    rule("slack_webhook", "hooks.slack.com/services/", &[Run(PATH, 40, 60)], "5ye2kIXNU1wIMCTeSZi59oqmyDySUERoTF4xdflmef3"),
    rule("slack_webhook", "hooks.slack.com/workflows/", &[Run(PATH, 40, 80)], "EbM8fBGTG9ZVzUI3GSgvKL2wnCdhHel6FGUIf3TZ5sd"),
    rule("teams_webhook", "webhook.office.com/webhookb2/", &[Run(TEAMS, 100, 220)], "c8a7d34301e4890ee8e8431c19c869a3e1ba1298fd82d203a6071d05c1e89b211ebe9e954bf6e24bff344edb7f47b239365f593"),
    rule("teams_webhook", "outlook.office.com/webhook/", &[Run(TEAMS, 100, 220)], "260e01d344f07818b0d2254acc8275c82ef0ed5789b7fee56e08e807f175e5bb614a166bc6e7d372abe3447c12440c51c0359bB"),
    rule("discord_webhook", "discord.com/api/webhooks/", &[Run(DIGIT, 17, 20), Text("/"), Run(URL, 60, 80)], "71656892586682389377/98iCQSVhzmGgceNR5H8S0lXV-nwm265oPsmuvYElsmw79zYEFsm6qRjwr9JKz8d"),
    rule("discord_webhook", "discordapp.com/api/webhooks/", &[Run(DIGIT, 17, 20), Text("/"), Run(URL, 60, 80)], "72838436154505957197/1g16FS0xHfEmMiLBw9q9xvZz6FfdRUxcL_4RiKinEkUAVmtzkzk6yExnbBbKPda"),
    rule("zapier_webhook", "hooks.zapier.com/hooks/catch/", &[Run(DIGIT, 5, 10), Text("/"), Run(ALNUM, 6, 12)], "31789457/GoyW0fjvd"),
    rule("telegram_bot_token", ":AA", &[Run(URL, 32, 33)], "D0M5Pfg-VIgT_8epSyi1W_40cFmHG_Fva")
        .behind(DIGIT, 8, 10, "23743517"),
    rule("sendgrid_api_key", "SG.", &[Run(DOTTED, 60, 70)], "PlVSyt5xYltpHe8Pbpflwzz-riCbQOldS3cDRDOvw0am_6roJJ7k_IXsXtd_p.B"),
    rule("mailgun_key", "key-", &[Run(HEX, 32, 32)], "e1fd80a765c0790208989405ea19f6f7"),
    rule("mailchimp_api_key", "-us", &[Run(DIGIT, 1, 2)], "97")
        .behind(HEX, 32, 32, "12a2db4038cdd203a5b14eeb6a7d9f87"),
    rule("sendinblue_api_key", "xkeysib-", &[Run(HEX, 64, 64), Text("-"), Run(ALNUM, 16, 16)], "2b0f259d97320ca3510268645da3bb9a318367c6caf51f31b16a6f4197293a17-Lgrp69xilWgir6p3"),
    rule("sendinblue_api_key", "xsmtpsib-", &[Run(HEX, 64, 64), Text("-"), Run(ALNUM, 16, 16)], "68fb6755f2403646c17eaf7df62dd6cdd55406159264faa71ffd6c9f667394a7-kWdnPaJRWs4K0kZ3"),
    rule("resend_api_key", "re_", &[Run(ALNUM, 8, 8), Text("_"), Run(ALNUM, 20, 28)], "bRFNjgja_t5m9nUwLkL0p9Vlzpnoxnaa"),
    rule("stripe_key", "sk_live_", &[Run(ALNUM, 16, 120)], "dk7EVptNIe7tNvVN42d"),
    rule("stripe_key", "sk_test_", &[Run(ALNUM, 16, 120)], "2BJIGLq3kpOUJeTgZP3"),
    rule("stripe_key", "rk_live_", &[Run(ALNUM, 16, 120)], "ByEmHeHsntXv90J7aL3"),
    rule("stripe_key", "rk_test_", &[Run(ALNUM, 16, 120)], "ThP0lIX00w7pmDozdKB"),
    rule("stripe_key", "sk_prod_", &[Run(ALNUM, 16, 120)], "5wy9S0jhReeqIjBr0ad"),
    rule("stripe_key", "rk_prod_", &[Run(ALNUM, 16, 120)], "Zzri7Pt0BqTNDGblNad"),
    rule("stripe_webhook_secret", "whsec_", &[Run(PADDED, 24, 80)], "sXyeKjKxaa6kAZrcmbJtvF+tCWB"),
    rule("square_token", "sq0atp-", &[Run(URL, 22, 60)], "bqybOxIWlbl6xozvfw60refY3"),
    rule("square_token", "sq0csp-", &[Run(URL, 43, 43)], "tPgoMxG9gsXi33E0kayJnkrNi3yooSpqzYnafh93Dj3"),
    rule("square_token", "EAAA", &[Run(URL, 22, 60)], "doDiiToqRfhIAU8Ogi973bXtd")
        .floor(3.5),
    rule("facebook_token", "EAAM", &[Run(ALNUM, 100, 300)], "EU2kgbZMdMDtbxjVQpfk4tbSzL3RH4ij4UqFcXv6x0ULFJTRhuI77LxQz0aJxP2o2exscYOBXWP5DdTaHjngA6ksISECWZgvD4C5IBa"),
    rule("facebook_token", "EAAC", &[Run(ALNUM, 100, 300)], "2khgX2iXOaQYIRR4sFKLtuC24aLhRmEueMCAjgvWGJOCICvCEezcy1SOzDs879Z1RguxJeY3qnGs5gWIWXXe8VI6Wh2Kj29BtNpZaBd"),
    rule("facebook_token", "EAAG", &[Run(ALNUM, 100, 300)], "8PTXSMGGUPEGTjv25KCUMcizKv7qaxeOcWkFmrre7K24JAY0uuLnxPU6xr1jQtAHLAoLp5n1w3zXRX2mU4kmRN6aQRlNgKdUDLHONv3"),
    rule("facebook_token", "EAAB", &[Run(ALNUM, 100, 300)], "azIi3enGnbMPapbfhUAOfloS6tjKrDQ5x8NkvOeV6Nt21gynOl0WZ4RfZuaLd8jbAqhls7bkXuFy4YDBOhivamwTItvlLRTjcqdPEHa"),
    rule("twitter_bearer_token", "AAAAAAAAAAAAAAAAAAAAA", &[Run(PERCENT, 60, 120)], "6ACeFjdOzPdYKtDFB4q31Y5rZ4MKYvLV6gj6MmZME4Rhe8ZWbGXjGuVzAVLQjZa"),
    rule("paypal_token", "access_token$production$", &[Run(LOWER, 16, 16), Text("$"), Run(HEX, 32, 32)], "m3m3otd9k2ekzi97$32ea12533a0540b4a89258985e51192a"),
    rule("plaid_token", "access-", &[OneOf(&["sandbox-", "production-", "development-"]), Run(UUID, 36, 36)], "sandbox-5f28afcc-2879-c48b-fd87-8b55079ed03f"),
    rule("shippo_token", "shippo_", &[OneOf(&["live_", "test_"]), Run(HEX, 40, 40)], "live_1b8e08ba2e09e993ee5da20dd0b275032ef8e547"),
    rule("easypost_api_key", "EZAK", &[Run(ALNUM, 54, 54)], "9CJYgKbjLITo2fhumRr14Zd6ex8XpJwdhxvNNqJr4MdxdOVWfOS06B"),
    rule("easypost_api_key", "EZTK", &[Run(ALNUM, 54, 54)], "ucuUBNQKFl6Xy7GduRAlkpOv9qrWHuDsAoIB3QalQP1vNdkUwckUr3"),
    rule("duffel_token", "duffel_", &[OneOf(&["live_", "test_"]), Run(DOTTED, 43, 43)], "live_7KUSX6P2z3CbY.F5Nw1JicQGb1aj_hKs_fVCijPTXSd"),
    rule("flutterwave_key", "FLWSECK_TEST-", &[Run(HEX, 12, 12)], "cce9a15a0dc7")
        .floor(2.0),
    rule("flutterwave_key", "FLWSECK_TEST-", &[Run(HEX, 32, 32), Text("-X")], "f6593f6a41b587c3cdfa55ccd4e11047-X"),
    rule("flutterwave_key", "FLWSECK-", &[Run(HEX, 32, 32), Text("-X")], "499efdff09e3045cf1f86124e4f6c7ca-X"),
    rule("twitch_stream_key", "live_", &[Run(DIGIT, 6, 12), Text("_"), Run(ALNUM, 20, 40)], "735798497_b9Mt62DKUA7zVtNMOo8pDra"),
    rule("gocardless_token", "live_", &[Run(DOTTED, 40, 40)], "M7XPMRQwmVNz4MCPIQQjcxN-TJJV4EAiPFmOx5q3"),
    rule("lob_api_key", "live_", &[Run(HEX, 35, 35)], "099eb6e7db3321bff8c4fc69a59c4116347"),
    rule("lob_api_key", "test_", &[Run(HEX, 35, 35)], "431ae70c609ae0c8bde4f20aad8c0a418da"),
    rule("razorpay_key", "rzp_live_", &[Run(ALNUM, 14, 14)], "KPWVkgpnipvjZB"),
    rule("xendit_key", "xnd_production_", &[Run(ALNUM, 40, 80)], "wu9pnr0UfkCZ8AEWFF3n6sL2FGQizDRYCbZKhd8793d"),
    rule("shopify_token", "shpat_", &[Run(HEX, 32, 32)], "a3f932aa24a10ec6a598da7e4f193fea"),
    rule("shopify_token", "shpss_", &[Run(HEX, 32, 32)], "62183968d19c680660e519ef75e68a5a"),
    rule("shopify_token", "shpca_", &[Run(HEX, 32, 32)], "c49d96bbd09ec5f2717e4c2c4665fc57"),
    rule("shopify_token", "shppa_", &[Run(HEX, 32, 32)], "b5dcb631f870eb13609808c80402fc37"),
    rule("shopify_token", "shptka_", &[Run(HEX, 32, 32)], "3ca87484ba24af0404479d8af1b1b587"),
    rule("adyen_api_key", "AQE", &[Run(BASE64, 80, 200)], "ECcsAofEALpwCzwVCTxX8ayxUUZ9znH8zTD6TnMBJrMH5nUCvClCmBvjsXF1xSIJF8cPgpasPHd5JFXCXt3")
        .floor(4.0),
    rule("linear_api_key", "lin_api_", &[Run(ALNUM, 40, 40)], "aabDJFwBAFvi3eAU20HObNJ7mNoJww7KFxDskhpa"),
    rule("linear_api_key", "lin_oauth_", &[Run(HEX, 64, 64)], "b93f864141a3483c07f7d176554fa218756e8b49d4692ca0d6c07bb88ddb2647"),
    rule("notion_token", "ntn_", &[Run(ALNUM, 43, 50)], "LBLLSbH8H3JnaxpYU9quMC3JXhwbWobD6pnkAFK6ih4Zod"),
    rule("notion_token", "secret_", &[Run(ALNUM, 43, 43)], "K2LtGdyNUHr06GgNWNdGP0j7pgcIhgRPXU80NJgQuza"),
    rule("hubspot_token", "pat-na1-", &[Run(UUID, 36, 36)], "6d5519c3-3fb3-9a57-6bc3-3e835a38c4ae"),
    rule("hubspot_token", "pat-eu1-", &[Run(UUID, 36, 36)], "435f1d2e-1b4b-12da-bafe-a855f0105951"),
    rule("intercom_token", "dG9rO", &[Run(PADDED, 50, 80)], "sTAR3vLgvY45O+wXhqKADG6gp89YHEL/E6FtQ+m4bV7yriSccvjWB"),
    rule("salesforce_token", "!AQ", &[Run(DOTTED, 80, 120)], "oUWcYDEdKpkZcOMujUIibJ.0DP0I1EpxjcoJNsSWVJYP6aGEYEBnJM4nWebVJE.IVfxwwMsVaZZOFwsOVMa")
        .behind(ALNUM, 15, 18, "CbY5Ta8c8COuc9d"),
    rule("contentful_token", "CFPAT-", &[Run(URL, 43, 43)], "qROmj0jKPxCV61fALN5g-YDUODvslImBjI3L0C-lji3"),
    rule("typeform_token", "tfp_", &[Run(DOTTED, 59, 59)], "tNC8vis8qg7f4W2ppBtZYXhahs93ly7pBREJAEp3u_j-aAKzbBE3tcOqpeB"),
    rule("frameio_token", "fio-u-", &[Run(DOTTED, 64, 64)], "ynXbtQaq833cqdSqQyn8QGQ.gyz3AWlsbreWC-_g3PaO5LUu.7E_hkOlR0aDiU0B"),
    rule("adobe_client_secret", "p8e-", &[Run(LOWER, 32, 32)], "4jf66pilquxmryzfql4xxiwc70616jla"),
    rule("adafruit_key", "aio_", &[Run(ALNUM, 28, 28)], "O5VvKP7HDsTQRgnORFYFKih63Hqd"),
    rule("settlemint_token", "sm_aat_", &[Run(ALNUM, 16, 16)], "EwlgN59cfIblI66d"),
    rule("settlemint_token", "sm_pat_", &[Run(ALNUM, 16, 16)], "v0MLABwteI1RtBvB"),
    rule("settlemint_token", "sm_sat_", &[Run(ALNUM, 16, 16)], "70Hnt9DKcO0w41oB"),
    rule("dropbox_token", "sl.", &[Run(URL, 120, 1500)], "SXE_uk9xIlavDDFiAk0i8myPRUWh3PzLMsQuMMF_qs4NDjCczIxs9-ZoREb70bHCxrgNCjH861ZuXR23GKydBEaUXR6x-PbTv-ib-PnaTQPhcxAuZmQ6yjca"),
    rule("checkout_key", "sk_sbox_", &[Run(LOWER, 26, 30)], "8u3y2rxvzxjealzepg6iwmmot3o07"),
    rule("wecom_webhook", "cgi-bin/webhook/send?key=", &[Run(UUID, 36, 36)], "3a1b5f0d-b130-cd10-d8b1-a0308fac1cdd"),
    rule("klaviyo_key", "pk_", &[Run(HEX, 34, 34)], "9627c796e75250ecfe163d754058f6aec7"),
    rule("mandrill_key", "md-", &[Run(URL, 22, 22)], "ysUqntukHN_fggTRcH4_Gd")
        .floor(3.7),
    rule("mapbox_token", "sk.eyJ", &[Run(URL, 60, 120), Text("."), Run(URL, 20, 30)], "_pe9lSFHVzZ9kALp7ItKpMXby4MTora7kKbit94BxENnjsvYSz2ZjQBeKdgJ1n3.Z3ZRB8X-t5N8NCzL1K0nmxa"),
    rule("mapbox_token", "pk.", &[Run(LOWER, 60, 60), Text("."), Run(LOWER, 22, 22)], "jxearyfbwj32bjtii4f6k8o7reueokjxu5gp6g2xatu1ojjhhuwnfkfj9fv7.1k2k4wd4g3l32hou5c53t7"),
    rule("ubidots_token", "BBFF-", &[Run(ALNUM, 30, 30)], "mm7ddHiMkuFqgLyJjCBjIPH8WL8IRB"),
    rule("age_secret_key", "AGE-SECRET-KEY-1", &[Run(UPPER, 58, 58)], "4710V7ZB9P60JN6L1GN1P0ZAZJJD3SLSWKE4OUZHAZO74KYS29F53NEJPA")
        .floor(0.0),
];
