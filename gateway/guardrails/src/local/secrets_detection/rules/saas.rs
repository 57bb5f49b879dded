//! Messaging, payment and other services.

use super::super::shape::Part::{OneOf, Run, Text};
use super::super::shape::{
    ALNUM, ARGON, BASE64, CRYPT, DIGIT, DOTTED, HEX, LHEX, LOWER, PADDED, PATH, PERCENT, SLACK,
    UPPER, URL, UUID, UUIDISH,
};
use super::{Rule, rule};

// One rule a line reads best.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("slack_token", "xoxb-", &[Run(DIGIT, 8, 14), Text("-"), Run(SLACK, 18, 60)], "54535896467-h7NIL7bw8grxSBSjJU8n3"),
    rule("slack_token", "xoxp-", &[Run(DIGIT, 8, 14), Text("-"), Run(DIGIT, 8, 14), Text("-"), Run(SLACK, 20, 90)], "19188892787-54418570217-ILK0fTRqNweKO9UESJOAsAB"),
    rule("slack_token", "xoxs-", &[Run(SLACK, 20, 120)], "mDSw0vbEe8qvurjLWONfISd")
        .floor(2.5),
    rule("slack_token", "xoxo-", &[Run(SLACK, 20, 120)], "xiMqTan8oHl3GGsgbbm8awd")
        .floor(2.5),
    rule("slack_token", "xoxc-", &[Run(SLACK, 20, 120)], "vNgJWD3NXCPN0FR65bnIAX3")
        .floor(2.5),
    rule("slack_token", "xoxd-", &[Run(SLACK, 20, 120)], "DmF77MkDZeGh5XUPXyzHNpa")
        .floor(2.5),
    rule("slack_token", "xoxa-", &[Run(DIGIT, 1, 1), Text("-"), Run(SLACK, 8, 60)], "7-Xn1n517RvKd")
        .floor(1.5),
    rule("slack_token", "xoxr-", &[Run(DIGIT, 1, 1), Text("-"), Run(SLACK, 8, 60)], "7-fU4LGnfp7Ta")
        .floor(1.5),
    rule("slack_token", "xoxe-", &[Run(DIGIT, 1, 1), Text("-"), Run(ALNUM, 100, 180)], "7-gHuNtwtlkZOPDOR9S5VZuQKP2TJ5N0jY3dxv6AncvBhbqQtPTggL2qXAr2f4iDts1EKSV05jBbeq0oMCf3EKluYwhqYXivSSDCVXwo3"),
    rule("slack_token", "xoxe.", &[OneOf(&["xoxb-", "xoxp-"]), Run(DIGIT, 1, 1), Text("-"), Run(ALNUM, 100, 180)], "xoxb-7-kWFVogPnzOqiXYf8werWjGuhcBW7JATbXErpp8E2MS1KUe69loYWESr2fPqoXF7kd5ye2kIXNU1wIMCTeSZi59oqmyDySUERoTF4xdB"),
    rule("slack_token", "xapp-", &[Run(DIGIT, 1, 1), Text("-"), Run(UPPER, 9, 13), Text("-"), Run(DIGIT, 10, 15), Text("-"), Run(HEX, 32, 80)], "7-FP9Q4BF166ZA-5995370181277-9cc8a7d34301e4890ee8e8431c19c869a3a"),
    rule("slack_token", "xapp-", &[Run(DIGIT, 8, 14), Text("-"), Run(BASE64, 20, 30)], "95501447867-0lcnPycEh3awWe4ILVlhe7d"),
    rule("slack_webhook", "hooks.slack.com/services/", &[Run(PATH, 40, 60)], "IS3Lt4H4D685QL5t2liVwF9R62mDfN4j8wEMF17U2hB"),
    rule("slack_webhook", "hooks.slack.com/workflows/", &[Run(PATH, 40, 80)], "DBJ69SQUxPoE8jo1RIOwehtSg5mLkKQEkIsWi1Iwfna"),
    rule("teams_webhook", "webhook.office.com/webhookb2/", &[Run(UUIDISH, 36, 36), Text("@"), Run(UUIDISH, 36, 36), Text("/IncomingWebhook/"), Run(ALNUM, 32, 32), Text("/"), Run(UUIDISH, 36, 36)], "e01d344f07818b0d2254acc8275c8-2ef0eB@789b-7fe-e5--6e08e80-7-f175e5bb614aB/IncomingWebhook/06nxyYNSHI23nCpR1AhP3oeXHXvwMDWB/47c-12440c51c0359b94e2cbc4bdd56-6fed"),
    rule("teams_webhook", "outlook.office.com/webhook/", &[Run(UUIDISH, 36, 36), Text("@"), Run(UUIDISH, 36, 36), Text("/IncomingWebhook/"), Run(ALNUM, 32, 32), Text("/"), Run(UUIDISH, 36, 36)], "f-27abb163810-19ae8fbd2cbf353dee3-aa@55c72435ef6c774-3e4a25-4f896f8ee4-7B/IncomingWebhook/y9h4ZuQqva9xNOvCgMpJQVZVf8POMAdd/7bd5817392-965f4f55c6e710ab509fe-a2a"),
    rule("discord_webhook", "discord.com/api/webhooks/", &[Run(DIGIT, 17, 20), Text("/"), Run(URL, 60, 80)], "19315835192313173327/BbKPdAlFj_HVgvCWltQX7D0M5Pfg-VIgT_8epSyi1W_40cFmHG_FvYarD9JEOna"),
    rule("discord_webhook", "discordapp.com/api/webhooks/", &[Run(DIGIT, 17, 20), Text("/"), Run(URL, 60, 80)], "51595382792619218407/bpflwzz-riCbQOldS3cDRDOvw0am_6roJJ7k_IXsXtd_p8q7h_2GdQDyvWaEKda"),
    rule("zapier_webhook", "hooks.zapier.com/hooks/catch/", &[Run(DIGIT, 5, 10), Text("/"), Run(ALNUM, 6, 12)], "44844207/Jud9WsMEB"),
    rule("telegram_bot_token", ":AA", &[Run(URL, 32, 33)], "_q1s_fjQj2UscpGZ33kbmPxShs57UzQF3")
        .behind(DIGIT, 8, 10, "74857157"),
    rule("sendgrid_api_key", "SG.", &[Run(URL, 22, 22), Text("."), Run(URL, 43, 43)], "kuL2KCpicYOmxhckBHzsx3.oSVMPmhIozDZyXQ_xe_ngUhyPy8tgKCkLmOf3MmJEUB"),
    rule("mailgun_key", "key-", &[Run(HEX, 32, 32)], "3487a68fb6755f2403646c17eaf7df67"),
    rule("mailchimp_api_key", "-us", &[Run(DIGIT, 1, 2)], "67")
        .within(LHEX, 32, 8, "dd55406159264faa71ffd6c9f667394a"),
    rule("sendinblue_api_key", "xkeysib-", &[Run(HEX, 64, 64), Text("-"), Run(ALNUM, 16, 16)], "c516095a80f43443966b575c767b60a015f7929a2ed8572389dcf62969a0835a-mDozdKIn5wy9S0ja"),
    rule("sendinblue_api_key", "xsmtpsib-", &[Run(HEX, 64, 64), Text("-"), Run(ALNUM, 16, 16)], "284d80bdc849d8e050e4c61929500e26c40308457f47c140460a58c202e5365a-14DSY2AKi4ccz183"),
    rule("resend_api_key", "re_", &[Run(ALNUM, 8, 8), Text("_"), Run(ALNUM, 20, 28)], "juVdht93_EWdjyeUPB7BpAN0Pf3Z1ama"),
    rule("stripe_key", "sk_live_", &[Run(ALNUM, 16, 120)], "fiYt0QeNB8mhhMQGIT3"),
    rule("stripe_key", "sk_test_", &[Run(ALNUM, 16, 120)], "hR3L0imzTgaLKcdLEBa"),
    rule("stripe_key", "rk_live_", &[Run(ALNUM, 16, 120)], "ztKWbhoRVQeSOeS5wRa"),
    rule("stripe_key", "rk_test_", &[Run(ALNUM, 16, 120)], "ivcdrJ8OnxEu5deVEJd"),
    rule("stripe_key", "sk_prod_", &[Run(ALNUM, 16, 120)], "ayj4gBEU2kgbZMdMDt3"),
    rule("stripe_key", "rk_prod_", &[Run(ALNUM, 16, 120)], "jVQpfk4tbSzL3RH4ij3"),
    rule("stripe_webhook_secret", "whsec_", &[Run(PADDED, 24, 80)], "+fRV/pPUYaVCjUKf27hbtBm0uKd"),
    rule("square_token", "sq0atp-", &[Run(URL, 22, 60)], "nQ752jvpmqbL_MO5aoy8Oj40a"),
    rule("square_token", "sq0csp-", &[Run(URL, 43, 43)], "Q44R58iYfWY6KmOUjHALnjot2MEa3P99tR5erZRHaUa"),
    rule("square_token", "EAAA", &[Run(URL, 22, 60)], "v_zJJi1PPAUUItN00CFASZyua")
        .floor(3.5),
    rule("facebook_token", "EAAM", &[Run(ALNUM, 100, 300)], "QRlNgKdUDLHONvmwazIi3enGnbMPapbfhUAOfloS6tjKrDQ5x8NkvOeV6Nt21gynOl0WZ4RfZuaLd8jbAqhls7bkXuFy4YDBOhivam3"),
    rule("facebook_token", "EAAC", &[Run(ALNUM, 100, 300)], "vlLRTjcqdPEHQVGLb6ACeFjdOzPdYKtDFB4q31Y5rZ4MKYvLV6gj6MmZME4Rhe8ZWbGXjGuVzAVLQjZxhmRDZ2m25D7otd1JMkCek3B"),
    rule("facebook_token", "EAAG", &[Run(ALNUM, 100, 300)], "UJ2mWQ6uIUgVf0CHvPc2WflXhg4vbljWPbwiPuIrZs6fkr5Qsql12DZkcOcXt5Ke51MiglZXG7NVEeI6Iru1FyyKSfqQo7tyTiQG0rd"),
    rule("facebook_token", "EAAB", &[Run(ALNUM, 100, 300)], "9XAHSQGHrpqwk9QlaNotDAZGaSUg9US0FdxqT3RODb49r6LYxveCa8MU185Vs5QCssgCDXk2HAUOu2ebABRaxfokPb02heCEVqSDWlB"),
    rule("twitter_bearer_token", "AAAAAAAAAAAAAAAAAAAAA", &[Run(PERCENT, 60, 120)], "Mzt9CJYgKbjLITo2fhumRr14Zd6ex8XpJwdhxvNNqJr4MdxdOVWfOS06WjucuUd"),
    rule("paypal_token", "access_token$production$", &[Run(LOWER, 16, 16), Text("$"), Run(HEX, 32, 32)], "ly6du0lkpvqr7u37$7d05a15b15849e9bbcead6d70c7e95da"),
    rule("plaid_token", "access-", &[OneOf(&["sandbox-", "production-", "development-"]), Run(UUID, 36, 36)], "sandbox-0a80d02f-194f-1b72-2abc-b1ecce9a15a0"),
    rule("shippo_token", "shippo_", &[OneOf(&["live_", "test_"]), Run(HEX, 40, 40)], "live_dccaf6593f6a41b587c3cdfa55ccd4e1104cd497"),
    rule("easypost_api_key", "EZAK", &[Run(ALNUM, 54, 54)], "LREBHEKFR1b1sDhaQ84H23R6iRWlHyEc4T97RFYU1rSV3OPmTWdSfd"),
    rule("easypost_api_key", "EZTK", &[Run(ALNUM, 54, 54)], "2iFnyp09z1ri77EYoxDK8I3sSMK3Ujb9Mt62DKUA7zVtNMOo8pDr9a"),
    rule("duffel_token", "duffel_", &[OneOf(&["live_", "test_"]), Run(DOTTED, 43, 43)], "live_M7XPMRQwmVNz4MCPIQQjcxN-TJJV4EAiPFmOx5qKOc3"),
    rule("flutterwave_key", "FLWSECK_TEST-", &[Run(HEX, 12, 12)], "eb6e7db33217")
        .floor(2.0),
    rule("flutterwave_key", "FLWSECK_TEST-", &[Run(HEX, 32, 32), Text("-X")], "f8c4fc69a59c41163418431ae70c6097-X"),
    rule("flutterwave_key", "FLWSECK-", &[Run(HEX, 32, 32), Text("-X")], "0c8bde4f20aad8c0a418d31537647a4a-X"),
    rule("twitch_stream_key", "live_", &[Run(DIGIT, 6, 12), Text("_"), Run(ALNUM, 20, 40)], "553341277_WFF3n6sL2FGQizDRYCbZKha"),
    rule("gocardless_token", "live_", &[Run(DOTTED, 40, 40)], "4Op_KnlRPlsOhc7YAPvLH2RD5s9eMo_7beBifGnB"),
    rule("lob_api_key", "live_", &[Run(HEX, 35, 35)], "8d19c680660e519ef75e68a584c49d96bba"),
    rule("lob_api_key", "test_", &[Run(HEX, 35, 35)], "9ec5f2717e4c2c4665fc58fb5dcb631f877"),
    rule("razorpay_key", "rzp_live_", &[Run(ALNUM, 14, 14)], "0xSMdWWh48Tna3"),
    rule("xendit_key", "xnd_production_", &[Run(ALNUM, 40, 80)], "5rarWR2zq6OVaiTQbe9FPOzhsDgzTMurpiqiO9wuejd"),
    rule("shopify_token", "shpat_", &[Run(HEX, 32, 32)], "0404479d8af1b1b585e770463176935a"),
    rule("shopify_token", "shpss_", &[Run(HEX, 32, 32)], "5b7b5cf065bbcf638f6b7eb3968498e7"),
    rule("shopify_token", "shpca_", &[Run(HEX, 32, 32)], "7572736524c7d5b887f0a1304a80e87a"),
    rule("shopify_token", "shppa_", &[Run(HEX, 32, 32)], "c448000efbddfa42d067bbfbe9537207"),
    rule("shopify_token", "shptka_", &[Run(HEX, 32, 32)], "3f864141a3483c07f7d176554fa2187a"),
    rule("adyen_api_key", "AQE", &[Run(BASE64, 80, 200)], "4HVtM2tyMkXOc3AYdDVUJJ11ViztS03dBaVFHP5oSdCc7EAu1+qoCpWMgWJnhsFmfpmmPYdy3xxgNZmm+U3")
        .floor(4.0),
    rule("linear_api_key", "lin_api_", &[Run(ALNUM, 40, 40)], "OvlUo0UInwzggTTMCrhKkvhqzivDi0g9k43Y9R7d"),
    rule("linear_api_key", "lin_oauth_", &[Run(HEX, 64, 64)], "1d2e1b4b12dabafea855f01059514b6ad5915ceeaf5c149678e13ffc879f7e77"),
    rule("notion_token", "ntn_", &[Run(ALNUM, 43, 50)], "F0g3CYaTQ3WPxXWSD9mi8eYVM9w0bb04keYRy4pTnZhxyd"),
    rule("notion_token", "secret_", &[Run(ALNUM, 43, 43)], "Hop0bshfIz0buOtkT2ex9OY2Urear0GAo9uMA7rPApB"),
    rule("hubspot_token", "pat-na1-", &[Run(UUID, 36, 36)], "203894bc-b8ca-e087-c763-89e3c10b878b"),
    rule("hubspot_token", "pat-eu1-", &[Run(UUID, 36, 36)], "155594b0-cca7-54ab-940e-001ea1d4aa32"),
    rule("intercom_token", "dG9rO", &[Run(PADDED, 50, 80)], "0jKPxCV61fALN5g/YDUODvslImBjI3L0C/ljicNtNC8vis8qg7f4d"),
    rule("salesforce_token", "!AQ", &[Run(DOTTED, 80, 120)], "ppBtZYXhahs93ly7pBREJAEp3u_j-aAKzbBE3tcOqpe0FynXbtQaq833cqdSqQyn8QGQ.gyz3AWlsbreWCd")
        .behind(ALNUM, 15, 18, "IU8TZdZ9BKKuaR3"),
    rule("contentful_token", "CFPAT-", &[Run(URL, 43, 43)], "5LUu7E_hkOlR0aDiU07y8tlFqwGOVyJXZkHw8UVrTfd"),
    rule("typeform_token", "tfp_", &[Run(DOTTED, 59, 59)], "twQsR6LmA--qpG78Sxnfkdx37R02SNjN2RKqAN7eTCKCSXE_uk9xIlavDDa"),
    rule("frameio_token", "fio-u-", &[Run(DOTTED, 64, 64)], "Ak0i8myPRUWh3PzLMsQuMMF_qs4NDjCczIxs9-ZoREb70bHCxrgNCjH861ZuXR23"),
    rule("adobe_client_secret", "p8e-", &[Run(LOWER, 32, 32)], "96sm9bnpaxyv3l5uawk5ea5u7ga6wvua"),
    rule("adafruit_key", "aio_", &[Run(ALNUM, 28, 28)], "YHlOYMMnJkzgYvTUOGDSme3bQMOa"),
    rule("settlemint_token", "sm_aat_", &[Run(ALNUM, 16, 16)], "fIM4uDyMCrxvzxja"),
    rule("settlemint_token", "sm_pat_", &[Run(ALNUM, 16, 16)], "alzepgGiwmmotDLd"),
    rule("settlemint_token", "sm_sat_", &[Run(ALNUM, 16, 16)], "hw7huLcJwlENaB63"),
    rule("dropbox_token", "sl.", &[Run(URL, 120, 1500)], "epcZ3hd2IUhPdmcI9RZhW23NzjDWFLB7Cujxa5X-4fzm1FwtbwJ9yQ7ZzGysUqntukHN_fggTRcH4_Gu2_pe9lSFHVzZ9kALp7ItKpMXby4MTora7kKbit9B"),
    rule("checkout_key", "sk_sbox_", &[Run(LOWER, 26, 30)], "lptgejkzwm81ze6vn7cs6bdr0g2t7"),
    rule("wecom_webhook", "cgi-bin/webhook/send?key=", &[Run(UUID, 36, 36)], "ca6fcf4e-9f97-69d9-d335-104b208c20b4"),
    rule("klaviyo_key", "pk_", &[Run(HEX, 34, 34)], "ee04944f25782a2754baf373eb09ad744a"),
    rule("mandrill_key", "md-", &[Run(URL, 22, 22)], "PTAkvkslRm93v5v8Tg8m7d")
        .floor(3.7),
    rule("mapbox_token", "sk.eyJ", &[Run(URL, 60, 120), Text("."), Run(URL, 20, 30)], "4oCP-f-6MQVyyhgqvP-GnXt43st920QYcF0tAw2nA3F0ZaYssg6LwKSvi8DPYod.C9uXK5l-6AjsFiKskrP-pM3"),
    rule("mapbox_token", "pk.", &[Run(LOWER, 60, 60), Text("."), Run(LOWER, 22, 22)], "anox6i8awdv3cyzvqqcbg6lp3e6nkyyajiht4q7cb8eglesb3yxixbjyalq7.5eyrw96ptywiyeu4xducya"),
    rule("riot_api_key", "RGAPI-", &[Run(UUID, 36, 36)], "f885f5fa-0645-8817-ea98-484e4ba410a9"),
    rule("pubnub_secret_key", "sec-c-", &[Run(PADDED, 44, 64)], "tWK2XN0Yj22XQFvoTUgdNZ50x8CbAL05RB8bx+oMc+QAn3a"),
    rule("voiceflow_api_key", "VF.DM.", &[Run(HEX, 24, 24), Text("."), Run(ALNUM, 16, 16)], "4fb4119494355d71497b83ca.i0R8dccVAKus5G4B"),
    rule("onesignal_api_key", "os_v2_app_", &[Run(LOWER, 60, 120)], "yu2txrz0x7uutezxtl0rs271kqvayg2ggtmnx7k9jeekt6595r9e8fgkcxbmi47"),
    rule("firebase_server_key", ":APA91b", &[Run(URL, 134, 134)], "C0KV-b2UQ1tdG5lRMGBf-xt7h7JRfSacIlOp_jEEPmx2CCbTPb_BBsZkOe3r8oh-nPgE_B2w_DZL4HFHll9DbS0Q-zQrkyp-3zf7OMcTsr1dUWCarbJK5vJWpzB6mlalfCnVmB")
        .behind(URL, 11, 11, "IrjHcg3Itza"),
    rule("feishu_webhook", "open-apis/bot/v2/hook/", &[Run(UUID, 36, 36)], "c4ec1230-41ab-ae72-8ece-a1aa87a7993e"),
    rule("password_hash", "$2a$", &[Run(DIGIT, 2, 2), Text("$"), Run(CRYPT, 53, 53)], "77$gW74uHVLAImIxc499BUqjTf8OecBnS2w4H0NXNdJho9rQadeZR1NB"),
    rule("password_hash", "$2b$", &[Run(DIGIT, 2, 2), Text("$"), Run(CRYPT, 53, 53)], "67$0RjsgPhd62KPseFwh3J.V7Nd5hHwk6opWlMGiA2pqDkttPyYwHi4d"),
    rule("password_hash", "$2y$", &[Run(DIGIT, 2, 2), Text("$"), Run(CRYPT, 53, 53)], "47$9mmvLK4mONFqE6/ZG.Ha8czN0bXo..HUPZTCrvQGLgmZsnPqVyQy3"),
    rule("password_hash", "$6$", &[Run(CRYPT, 8, 16), Text("$"), Run(CRYPT, 86, 86)], "2TVlKcyGWVd$.klchbN.OkLQfqkSBWVxsXrARz2D12zIGTZeASrUeMkIlaHcX25C6Gmuud6SvyJFLDvvhaLsqk/iUujU1NdXZB"),
    rule("password_hash", "$argon2", &[OneOf(&["id", "i", "d"]), Text("$v="), Run(DIGIT, 2, 2), Text("$"), Run(ARGON, 8, 40), Text("$"), Run(BASE64, 8, 60), Text("$"), Run(BASE64, 16, 120)], "id$v=87$LjCJrziDDTd$j6iKBjeWLna$HCsN5o/vuB3QEE6NHXd"),
    rule("ubidots_token", "BBFF-", &[Run(ALNUM, 30, 30)], "9EspElvudp2vDr1ZQHZoMm8LLpTUMd"),
    rule("age_secret_key", "AGE-SECRET-KEY-1", &[Run(UPPER, 58, 58)], "0B4I56XZUYJHQF7KG5FSW0EI7R3SXN1LVA8JXGUS716SICDLN9FXW7ZLM7")
        .floor(0.0),
];
