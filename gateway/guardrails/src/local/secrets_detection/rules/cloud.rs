//! Clouds and infrastructure.

use super::super::shape::Part::{OneOf, Run, Text};
use super::super::shape::{ALNUM, BASE64, DOTTED, HEX, LOWER, PADDED, UPPER, URL, UUID};
use super::{Rule, rule};

// One rule a line reads best.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("aws_access_key_id", "AKIA", &[Run(UPPER, 16, 16)], "7LRWFVEALKXWKKX7")
        .floor(2.0),
    rule("aws_access_key_id", "ASIA", &[Run(UPPER, 16, 16)], "WHP0E4FUJFONXAW7")
        .floor(2.0),
    rule("aws_access_key_id", "ABIA", &[Run(UPPER, 16, 16)], "BNMLIQXXY131Q7BA")
        .floor(2.0),
    rule("aws_access_key_id", "ACCA", &[Run(UPPER, 16, 16)], "374Z43H5XEZH3VTA")
        .floor(2.0),
    rule("aws_access_key_id", "A3T", &[Run(UPPER, 17, 17)], "TMQAZX4TUB48I09I7")
        .floor(3.0),
    rule("aws_bedrock_api_key", "ABSK", &[Run(PADDED, 109, 269)], "C+mSiWMFGdfEv7o9/NMhH/jfNhzgBfezXDBvvMLIwko8IOA5DyH2nDbwFLCPJAXVhdrE3VJXjTCOGLgk37eI7O2pjVwp6sc+VEn2KnPoYLgTaHLB"),
    rule("aws_bedrock_api_key", "bedrock-api-key-", &[Run(PADDED, 60, 2000)], "9yTYL/9S4xDQNMAAL5QaDtpc6RzGKXi5Asa6smYgOw9RTEzi1JGLEXa0sO40x9a"),
    rule("aws_mws_token", "amzn.mws.", &[Run(UUID, 36, 36)], "0c85a1c3-81e5-32ae-d954-01a9f6ea4de0")
        .floor(2.5),
    rule("aws_appsync_api_key", "da2-", &[Run(LOWER, 26, 26)], "alcxuy1opakx6zbpc4o9affq3a"),
    rule("google_api_key", "AIza", &[Run(URL, 35, 35)], "j_t5iovL-_VCt7I3II5c7MlF_E_-gAMcM03"),
    rule("google_oauth_token", "ya29.", &[Run(URL, 40, 1000)], "ECaQqtkmhLBfXqdy1NGZZ2vdNpez8QotcpFNC0wBe_a"),
    rule("google_oauth_secret", "GOCSPX-", &[Run(URL, 28, 28)], "ZLmc7VMPENbYFZSbWoQpXqH8wrp3"),
    rule("google_oauth_refresh_token", "1//0", &[Run(URL, 40, 120)], "hKURJT69JpM_Lkk6AzdsAXUO19QN01RhBewep4Px0H3"),
    rule("azure_client_secret", "7Q~", &[Run(DOTTED, 31, 34)], "7qDmXhIWVNYpGTTZpQZTBwJAiphBxCq17d")
        .behind(DOTTED, 3, 3, "IS3"),
    rule("azure_client_secret", "8Q~", &[Run(DOTTED, 31, 34)], "bP9rWwq-E_-HDcdBhWuNTdVZj3pWNiVglB")
        .behind(DOTTED, 3, 3, "HRB"),
    rule("azure_storage_key", "+ASt", &[Run(BASE64, 6, 6), Text("==")], "ucHi73==")
        .within(BASE64, 76, 16, "RIZGf2fpWqWO002Q0k1LhtDNJKLPSQK9+QYak1vEO3mIOnq/b1Fa2OvqjZ4rc/pziph8GYpV16+B"),
    rule("azure_service_key", "ACDb", &[Run(BASE64, 6, 6), Text("==")], "aYkrLa==")
        .within(BASE64, 76, 16, "594Bclbi9OS+Qt/ojM4emvLwlpVw0RI/lFk5sPrQE2G4kZmabhZM4HMmvrDGY7xgMU2IYvackVja"),
    rule("azure_service_key", "+ASb", &[Run(BASE64, 6, 6), Text("=")], "9P9vld=")
        .within(BASE64, 33, 16, "HNcnNGap7hvqrBpqDtXGO2TMwHO/AdF5B"),
    rule("azure_service_key", "+AEh", &[Run(BASE64, 6, 6), Text("=")], "uJu2Va=")
        .within(BASE64, 33, 16, "V/256PCLB8dQqlm1ynrfXAEdGkhbBJcbB"),
    rule("azure_service_key", "AzSe", &[Run(ALNUM, 6, 6)], "K8YHpd")
        .within(ALNUM, 42, 16, "WRm14nXPvi2gJTC2PEZMdSK21qEDZ68gDHCRZFH9Ia"),
    rule("azure_service_key", "AzCa", &[Run(ALNUM, 6, 6), Text("=")], "qvAOGB=")
        .within(ALNUM, 33, 16, "ieB1xWrmZFZ5ZEZjNhTajDi3FaidPZUV3"),
    rule("azure_service_key", "AzFu", &[Run(URL, 6, 6), Text("==")], "fH3-Ra==")
        .within(URL, 44, 16, "5Udq3bL5qC0d2NhEHUyIX2edz42mIVXwbEBnthCgg7-3"),
    rule("azure_devops_token", "JQQJ9", &[Run(ALNUM, 19, 19), Text("AZDO"), Run(ALNUM, 4, 4)], "fRLaF7Sn4lo6s7mf2WdAZDOsQna")
        .within(ALNUM, 52, 16, "kMMOPNkQ7M1h3UVu1j13gf0e9UCktZFCpZeXO99NKEisFy2I0pPB"),
    rule("alibaba_access_key", "LTAI", &[Run(ALNUM, 12, 26)], "c9jI56poAIVQsca"),
    rule("tencent_secret_id", "AKID", &[Run(ALNUM, 32, 32)], "lyzJB3iMy1jnqfjPt0CGWVIa8JQ3Ao0a"),
    rule("volcengine_access_key", "AKLT", &[Run(ALNUM, 40, 60)], "WjhCH7SfVOkSwCzcLuFkloEbNNTyAfXi9phy0caHy1d"),
    rule("baidu_access_key", "ALTAK", &[Run(ALNUM, 21, 21)], "Ara4rfON0II2ysp4zrC0a"),
    rule("digitalocean_token", "dop_v1_", &[Run(HEX, 64, 64)], "86437e433a7bb179dd62d38285a9466ce2e44e7f39416d14ee5cb1fa63906d8a"),
    rule("digitalocean_token", "doo_v1_", &[Run(HEX, 64, 64)], "f705a112f3e048f7d14d85e584432c9d895d714931f7ec6e9cb4d553bd39b8a7"),
    rule("digitalocean_token", "dor_v1_", &[Run(HEX, 64, 64)], "0b6b174b02d30e1396e54a22bf8fe7dc6ab35568a7bf24e65a7e23e6829edcda"),
    rule("heroku_api_key", "HRKU-", &[Run(URL, 36, 64)], "NEgSJwfYVBuS_Yr1ohN294lGqJ9i7wFWJeAiGf3"),
    rule("cloudflare_origin_ca_key", "v1.0-", &[Run(HEX, 24, 24), Text("-"), Run(HEX, 146, 146)], "f845238a7a1673343ce1fc77-a881be891c06cff6b2ffa5dcfd3b445dd788d3f534ce03ece37f5a3a460b0c2e13c68c974d986efde2a3b9851ae7fc32a66c628986b8bde9aecb089ea5aefe2ee3caab83304dcdf77a"),
    rule("fly_token", "fo1_", &[Run(URL, 43, 43)], "5wRyS23B7-PCzU8iwji5Fr4kbTA_yKXmhY0crHVAf1B"),
    rule("fly_token", "fm1r_", &[Run(PADDED, 80, 1500)], "MHpt3r8oFr3NosnLqm2fU/oxjdOlC1St7GgJh0nat8ddc/y2qyNcA6yy8N1ISUvxJhC5DHQA5XahxSQWs4B"),
    rule("fly_token", "fm1a_", &[Run(PADDED, 80, 1500)], "HZCAXsIXwXkciL9EZp03TxBuO0xi8gQYBS3+Lsoxvk80xkZ3m+CzPDygL0Jz/BwFqifMDZFIEz4a+HRRoYa"),
    rule("fly_token", "fm2_", &[Run(PADDED, 80, 1500)], "NpIyEi7QQaZAjBPKRwF4PtBpHSJcxCID5PS8yZMfEFONeWhMUvlZ3R5MfrRn0++uouOl4s9h3tJgB0rgwEa"),
    rule("databricks_token", "dapi", &[Run(HEX, 32, 32)], "13bdc696259cdeda90c023d6fa283447"),
    rule("yandex_token", "t1.", &[Run(URL, 40, 200), Text("."), Run(URL, 60, 100)], "GvJX_TVFu4ongplOBJZGxGyianZ5h0efMmF3C8XBZIa.o4UIOrXlFyfDNGxqaHDEdk5a0QggQB3exJ2GipJuyeBj4ikc47VeglxlM6LYB1B"),
    rule("yandex_token", "AQVN", &[Run(URL, 35, 38)], "tNlrzRQ2K-jymSFOZRO7Ojl6Pxzr8mNXi7F743"),
    rule("yandex_token", "y0_", &[Run(URL, 50, 60)], "fVSk7OOQq3OkKT_ovhEZDUQuu2zzltM-bRoDiP0LGz85BeCpRFFTB"),
    rule("planetscale_token", "pscale_tkn_", &[Run(DOTTED, 32, 64)], "ly1XJCfi2v1EDKXNmsVBTdkpHSy21mrrFva"),
    rule("planetscale_token", "pscale_oauth_", &[Run(DOTTED, 32, 64)], "0NPqDyAtk8x6s10GEWOvIg6K2UbW7JqOqgB"),
    rule("planetscale_token", "pscale_pw_", &[Run(DOTTED, 32, 64)], "oJHiLN0SEy7EsxBV77mWVgzMI5qX2A99gAd"),
    rule("supabase_token", "sbp_", &[Run(HEX, 40, 40)], "158c9c2fa6936df11841bff5fdf3a64fc0c154ca"),
    rule("supabase_token", "sb_secret_", &[Run(URL, 28, 48)], "d6pS3NPmiD6bREQYFmByoRXBA892qf3"),
    rule("neon_api_key", "napi_", &[Run(LOWER, 60, 70)], "4dk8dpi5tu2wjpji4bkdz6l0qksqg3zr2wcx6pve9uhj2bzqulneduqsnsr12wa"),
    rule("aiven_password", "AVNS_", &[Run(URL, 15, 30)], "2l29lt4IfCvnfVmJrd"),
    rule("mongodb_atlas_secret", "mdb_sa_sk_", &[Run(URL, 40, 44)], "qs0IREtMcst-m8XSCeRQ2xLwPDu33_wSQwfTshPo5Ha"),
    rule("clickhouse_secret_key", "4b1d", &[Run(ALNUM, 38, 38)], "qONLI7pwcAJak0c9M2Xxaiexvm4MD0sNlbMjYB"),
    rule("netlify_token", "nfp_", &[Run(ALNUM, 36, 36)], "SvYQobwwPw2GN00wIbPvsrRtm50uUh2NXa0d"),
    rule("render_api_key", "rnd_", &[Run(ALNUM, 28, 36)], "lSZ6HGIFywaqNBBtbuX7SA6z5gUvdia"),
    rule("doppler_token", "dp.pt.", &[Run(ALNUM, 40, 50)], "01zo4bCGjKR1CJO01foXrZZ3yWlUiSkdk9Pc5JrE8Xd"),
    rule("doppler_token", "dp.st.", &[Run(ALNUM, 40, 50)], "XvOu2QeKjtWpj01rqoilgOSOXV8BInpCXY2ilH4PEKd"),
    rule("doppler_token", "dp.ct.", &[Run(ALNUM, 40, 50)], "n9wAOFbn4nNVDxUgWvvZWnPiz5PfxGrIxKI21f3Mrbd"),
    rule("doppler_token", "dp.sa.", &[Run(ALNUM, 40, 50)], "s5olJldZFr6sto19bAungDsgWcZ55YI5zAuTuTcimWB"),
    rule("doppler_token", "dp.scim.", &[Run(ALNUM, 40, 50)], "w6GVoQHACQmma6WSh5VXb1xYAA3VdpnyQJeQ0JXxJz3"),
    rule("doppler_token", "dp.audit.", &[Run(ALNUM, 40, 50)], "MXdZwIN4y26HOYIvcztLBFavLqcjVqfAMBQ1uq2kend"),
    rule("terraform_cloud_token", ".atlasv1.", &[Run(URL, 60, 70)], "K41loq-HCHRD1vJF3B1qxu3FzJ4jxZPY1KPiT8WEPsABQJbg-lyszTdHJ55ljAa")
        .behind(ALNUM, 14, 14, "JCNegFHk9DBrLd"),
    rule("pulumi_token", "pul-", &[Run(HEX, 40, 40)], "3a97912c0a077dc85bd8f251a576b24c32a82e67"),
    rule("vault_token", "hvs.", &[Run(URL, 24, 200)], "kmDD1RBbap3aGTCgfBu484-NdXB"),
    rule("vault_token", "hvb.", &[Run(URL, 130, 300)], "cQtyDu0r71nKL-9YIVzqdJFb31eNZVoR4BSdrD6LMbgUP3vgK6ZQD79NcLuSEjbRIbJ-ffsFVujZmqISsoE3znOTF_E2rkGPLYpTSDE6Idr96riOHdfUrAytPDQj0DxOIB"),
    rule("vault_token", "hvr.", &[Run(URL, 24, 300)], "tLvUFeLRzlOTGx0SGDbHtlwASKB"),
    rule("vercel_token", "vcp_", &[Run(ALNUM, 50, 60)], "rOJiy9e6PbigfJqR105RU7K0qRMAJwRQcageRaZZ8is9ks2jihvdB"),
    rule("onepassword_token", "ops_eyJ", &[Run(PADDED, 200, 2000)], "lS6k+drvCpSmAn/rgmMOnPMpx0+gqomPWk0bl19XsOFIZqzC1+s7L9Jv0GVP7/FP0NDitzM/QIfXgH70fhJpsLuVssUXrkUKMwW44+ftduuVxHyOgo/DqaerpPfAfnS/E7tZYEoH3CyO/xWh6BtbKEkyc2nfygD0v6smvfQ93HFb15ENCcZvOnNwdT+TkEvRO9Y+0HTd"),
    rule("onepassword_secret_key", "A3-", &[Run(UPPER, 6, 6), Text("-"), Run(UPPER, 6, 11), Text("-"), Run(UPPER, 5, 5), Text("-"), Run(UPPER, 5, 5), Text("-"), Run(UPPER, 5, 5)], "BL8Z7A-POI2Z4GN7-J7ML7-0DFXA-VW6L7"),
    rule("openshift_token", "sha256~", &[Run(URL, 43, 43)], "nDSQPbR0iBUTiwzPzroTlUbnEYxqbIlatOY1rbsedqa"),
    rule("tailscale_key", "tskey-", &[OneOf(&["auth", "api", "client", "webhook", "scim"]), Text("-"), Run(ALNUM, 10, 30), Text("-"), Run(ALNUM, 16, 50)], "auth-5dWtirdoVHSva-IpyMotSQWKuJbJ7F5rB"),
    rule("elastic_api_key", "essu_", &[Run(PADDED, 40, 200)], "0HnPRlS4MkFh+J7o5H7/lM0oOBRA6K1bUVz9Ju450KB"),
    rule("octopus_deploy_api_key", "API-", &[Run(UPPER, 26, 26)], "I6TUYI2ZP8EUGDB4RXCN0KFMW7"),
    rule("harness_api_key", "pat.", &[Run(URL, 22, 22), Text("."), Run(ALNUM, 24, 24), Text("."), Run(ALNUM, 20, 20)], "nFusL7GmVacsNKgL7Nuzg3.3L0r90vOvc9fFXgmlH7F1XYa.GRbn4NovQwbFkSfqFtXd"),
    rule("harness_api_key", "sat.", &[Run(URL, 22, 22), Text("."), Run(ALNUM, 24, 24), Text("."), Run(ALNUM, 20, 20)], "H3L9ATBGl9TYF1aemB_753.zOm8LML78evtE6KnJR3ieKna.nora5ImwOycb959N1MAa"),
    rule("defined_networking_token", "dnkey-", &[Run(URL, 26, 26), Text("-"), Run(URL, 52, 52)], "1QP8CtHisDKaeQw6U83cqDx1Ma-tQUGWXrWPwI7qGqREkYDvNfaTn3EQ5zcAY9L3RkG1F0nSxRgj_Od"),
    rule("scalingo_token", "tk-us-", &[Run(URL, 48, 48)], "n4hZqgP-R0NHKcViPs7DH2_QKXPXBXZXW4j9zDl_GOLlBT2a"),
    rule("infracost_api_key", "ico-", &[Run(ALNUM, 32, 32)], "mCoDDKMonAMxTY6N6mI6s0G0YVZ5gtTa"),
    rule("grafana_cloud_token", "glc_", &[Run(PADDED, 32, 400)], "Yi0kuVrGmvXvhwIXCU0WlzwrGVCwOtKV2XB"),
    rule("grafana_service_account_token", "glsa_", &[Run(ALNUM, 32, 32), Text("_"), Run(HEX, 8, 8)], "hnOusrV6EpeE6GNOZwqAM7QqsgYOBvy3_33e85a9a"),
    rule("grafana_api_key", "eyJrIjoi", &[Run(PADDED, 60, 400)], "AIVzPsocaOvJMk7kvNA5AoBfTIMdbKY8vdqvfmfBBV3iTUnjLgCaHO1WAUZ+D1B"),
    rule("newrelic_key", "NRAK-", &[Run(UPPER, 27, 27)], "ZET2A3MHY3BTEILWH1NVWX148JA"),
    rule("newrelic_key", "NRAK-", &[Run(LOWER, 27, 27)], "3aap73obtvp66ly1yidykz9f8i7"),
    rule("newrelic_key", "NRJS-", &[Run(HEX, 19, 19)], "ba53f79597fc222aff7"),
    rule("newrelic_key", "NRII-", &[Run(URL, 32, 32)], "ZPgzUO3usn06OGf9P4dPhfhfGSS5bPcd"),
    rule("newrelic_key", "NRRA-", &[Run(HEX, 42, 42)], "40b5f4393ab1607733e8f50c07bbe98c6e95ac767a"),
    rule("newrelic_key", "NRAA-", &[Run(HEX, 27, 27)], "242e5be93e19919d1228061b6aa"),
    rule("newrelic_key", "NRAL", &[], "")
        .within(HEX, 36, 8, "4837723dc337ed74ee1e51ac6ced12644657"),
    rule("newrelic_key", "px-api-", &[Run(UUID, 36, 36)], "0881df30-c762-cfe2-8ce1-7ddb5f18f91b"),
    rule("newrelic_key", "px-dep-", &[Run(UUID, 36, 36)], "4cda6b74-01b9-e477-2c1f-3ef9dcd81d27"),
    rule("dynatrace_token", "dt0c01.", &[Run(ALNUM, 24, 24), Text("."), Run(ALNUM, 64, 64)], "RyePRVZVEjVZ0em9GNMw7R2B.55UjBhVnHe8G4swhNUx1TAcZmIdM7of3ksAhwzN5IujX4vO8VBZvjgtMfYfBT4Pd"),
    rule("dynatrace_token", "dt0s01.", &[Run(ALNUM, 8, 24), Text("."), Run(ALNUM, 64, 64)], "ORpEb49BKld.6KFUzMR0iORCZ58Il1PS5Cdkh5R8gBwxIiWqkgJIF5nGbLex8Nd5r8N2xlvARoGd"),
    rule("sentry_token", "sntrys_eyJ", &[Run(PADDED, 60, 500), Text("_"), Run(BASE64, 43, 43)], "qE1owROqnZUSUqil9beUXIlIxpwHgXeDKP9VwSBhWEQdLDIoOoprp2nZKpL1LSB_p3jLS1T19TyH5Ny7m6XD+rEIqw/5vDiktwsnTrMKXUB"),
    rule("sentry_token", "sntryu_", &[Run(HEX, 64, 64)], "531b4f7d3f27bd98643b1e053ecc7c7ed6775336f7c1507a0588b3a8b4ad92d7"),
    rule("honeycomb_key", "hcaik_", &[Run(LOWER, 58, 64)], "xo0pd7yuiygd4cd17o446asky5dz34l8ci5779x1ri42710wwj6e3t0sqrssa"),
    rule("honeycomb_key", "hcxik_", &[Run(LOWER, 58, 64)], "u3p57xczhvqo2ps54fmxw820sqqh6b5i2m29ckmldn6mpxy4it3b9fhjekzo7"),
    rule("launchdarkly_key", "sdk-", &[Run(UUID, 36, 36)], "ac175006-1976-ef0a-bcf4-c6cb2c3be070"),
    rule("launchdarkly_key", "api-", &[Run(UUID, 36, 36)], "da19d227-2814-3d6c-aa8b-4e85cb8ed9ac"),
    rule("posthog_api_key", "phx_", &[Run(ALNUM, 40, 60)], "fpvCvMoMZgXgahZrWWvgZPK6no0b0UUTg0otTsNmfNB"),
    rule("prefect_api_key", "pnu_", &[Run(ALNUM, 36, 36)], "ASrqZ2Ol0OSTIZs7I27Gs8sDlMRWETecs3e3"),
    rule("prefect_api_key", "pnb_", &[Run(ALNUM, 36, 36)], "l0ddhepJOnhbHHYZxtrwUyMHS9awp63rQaRB"),
    rule("tinybird_token", "p.eyJ", &[Run(URL, 60, 300), Text("."), Run(URL, 40, 50)], "LMale-4_TJZy2D5uoFAAEID5xHZkBeDJWGIZV80H9XUp4oF1-hfUK8vrf7h7fmB.uTMxUWLMk-rXACV1YYxXugHWg9TwxAShlyqVIjMpRyB"),
];
