//! Model providers and what is built on them.

use super::super::shape::Part::{OneOf, Run, Text};
use super::super::shape::{ALNUM, HEX, LOWER, UPPER, URL, UUID};
use super::{Rule, rule};

// One rule a line reads best.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("openai_api_key", "sk-proj-", &[Run(URL, 40, 200)], "O0CH11kOsmSrp5me1uUNMmCMdL1rJNveG7b53fyIJ9d"),
    rule("openai_api_key", "sk-svcacct-", &[Run(URL, 40, 200)], "--gAOnxTanZdzUgHDoAMLQlrEwWwWt3BwMSUi2XBX9d"),
    rule("openai_api_key", "sk-admin-", &[Run(URL, 40, 200)], "uV9UfmRTBdmAOYtaBqsiHcrl5d7X7xIRMVCQ0EorgQ3"),
    rule("openai_api_key", "sk-None-", &[Run(URL, 40, 200)], "qJWMNfbgoOe7JV8yJhsZkcyDsR0iowzfTZpvXX5E6R3"),
    rule("openai_api_key", "sk-", &[Run(ALNUM, 20, 20), Text("T3BlbkFJ"), Run(ALNUM, 20, 20)], "TXv7kLz0z0qzve4vtTE3T3BlbkFJeZFTToSUZXLJw2FotA13"),
    rule("anthropic_api_key", "sk-ant-api03-", &[Run(URL, 80, 110)], "20lDDfVZn3-eJ-Y9_qTu7cRaCY3RRqBX0DuwkyBwlZr4U1DIQ4HfP6r8QQO23GRnDYhi4kOCbLiws4pCXra"),
    rule("anthropic_api_key", "sk-ant-admin01-", &[Run(URL, 80, 110)], "M8cB9RncsnUZ7OEaRP0fFycKswH8mP9cySiAZrSlXoh02y2KdV0Vk1tz7-rml7abPmLY3Bq_F7yYwr1AAWd"),
    rule("anthropic_api_key", "sk-ant-oat01-", &[Run(URL, 80, 110)], "1w3__gmbLMRKeRLDWeG7h7SLNWBZNG9DegvC-YIcQZxVupQlC7070N5fOBnsXmH7nzI4LuBkqs3wyO5tyB3"),
    rule("anthropic_api_key", "sk-ant-ort01-", &[Run(URL, 80, 110)], "YTD0qtdjXdiyu8nGe_YBDWyIx0_ItljvRJrfd2FJ9PPL3yCNgyNgpQBiXfv07waOU7EjXxICT9I_gyEfsV3"),
    rule("anthropic_api_key", "sk-ant-sid01-", &[Run(URL, 80, 110)], "xZpNTswnUS6R9tJFIA4BKpmI28xxQ00rtr2Zh3tRMzBtL2zficYLBsgUIqOJTlEvGQ8q6glD7NHA-N6GAuB"),
    rule("openrouter_api_key", "sk-or-v1-", &[Run(HEX, 64, 64)], "17403e4483b9347baf164ceed5bdb5418a138789a377d1f1bf4b82b1ed15f7d7"),
    rule("langfuse_key", "sk-lf-", &[Run(UUID, 36, 36)], "90edff94-2464-1424-2b35-f22c331a6778"),
    rule("helicone_api_key", "sk-helicone-", &[Run(URL, 20, 60)], "oBaRmBMBctqxmj626SBJ38a"),
    rule("sk_api_key", "sk-", &[Run(ALNUM, 32, 64)], "eEGPSIdgzsiV01TU8kfBaOiQnJRoJDmchsa")
        .floor(3.3),
    rule("huggingface_token", "hf_", &[Run(ALNUM, 34, 40)], "ilxFlYf2NtoFnQvlMvJ82Q3iz5PCuikWvr57B"),
    rule("huggingface_token", "api_org_", &[Run(ALNUM, 34, 34)], "PoZp9fyXKJgThaufDlMzkXmou0Trle2X13"),
    rule("groq_api_key", "gsk_", &[Run(ALNUM, 52, 52)], "3v6wWnGvjQOqLeXQoWUNWDD6ZaxjtIb07D7dEbxbSU7DW3vbEa13"),
    rule("xai_api_key", "xai-", &[Run(ALNUM, 80, 80)], "2BGbEpHm5OJByUpqrYAZqJzDOeCLsN3xGGu751AaoCAkHVyHwrqNWtehXdqqDafUpcn4yyFDP2PixSSd"),
    rule("perplexity_api_key", "pplx-", &[Run(ALNUM, 40, 56)], "En8C3F6JUHpF9O7H1JVMFcdAbzDJU4FhpbIWbSvpTXB"),
    rule("replicate_token", "r8_", &[Run(ALNUM, 37, 37)], "lz0ds1OvHCTiiYzlPkY3D6H1yIMbfvqPQy8n3"),
    rule("tavily_api_key", "tvly-", &[Run(URL, 28, 44)], "PbuUuQVop1dZ2hIfmSpy2Fl8-mVqcAB"),
    rule("jina_api_key", "jina_", &[Run(URL, 60, 60)], "v8-aBZRH9ppVdKM066AisyqfZaSZawj-NB-VHePK7QdzyGwNwZA_2JcaDZzB"),
    rule("fireworks_api_key", "fw_", &[Run(ALNUM, 22, 30)], "HpMjbe9CztV9X67kGBRAMQDH3"),
    rule("together_api_key", "tgp_v1_", &[Run(URL, 43, 43)], "TlT3uc5c2mPlTsUcq4LZ5dbCDXFCAG3dlbaczk4vmQa"),
    rule("langsmith_api_key", "lsv2_", &[OneOf(&["pt_", "sk_"]), Run(HEX, 32, 32), Text("_"), Run(HEX, 10, 10)], "pt_ca461f8f9ed5afb793224efec8aff277_04dc04ef27"),
    rule("wandb_api_key", "wandb_v1_", &[Run(URL, 40, 100)], "uT2gXomLwq33954BdKERD30o5h1PVVhim5ncMc38P2d"),
    rule("pinecone_api_key", "pcsk_", &[Run(ALNUM, 4, 8), Text("_"), Run(ALNUM, 50, 70)], "s5MPdsa_7sA64Yx3ZybDSb7aWl1WhthI0DePaSENSTS8FkUP3suIQD50r2lHa"),
    rule("elevenlabs_api_key", "sk_", &[Run(HEX, 48, 48)], "b81e0aba7da45083142db2760d9a79ffd7b4333e1cfea13a"),
    rule("voyage_api_key", "pa-", &[Run(URL, 43, 43)], "KIEbg0z6FoyIwkFkRp1mjmgeZoKj7J47lDjYKvC36I3"),
    rule("nvidia_api_key", "nvapi-", &[Run(URL, 60, 72)], "EaIXMHdkEZf46_zANr-VlCWi7xRbAw8HJrZIoyYv79FK-ApICJFW5mfJPOQ3xwB"),
    rule("cerebras_api_key", "csk-", &[Run(LOWER, 48, 48)], "f1zvj3y2d7pgmhg2tx28rs2ebeqagjfvo4gbdxymu2uvpwia"),
    rule("apify_token", "apify_api_", &[Run(ALNUM, 36, 36)], "efv5OXi5kz3VoeXi9H0GTPDs8HwGhkHuTQYB"),
    rule("e2b_api_key", "e2b_", &[Run(HEX, 40, 40)], "ce49db43da925deecc69be1aa1ed0d81df4008d7"),
    rule("firecrawl_api_key", "fc-", &[Run(HEX, 32, 32)], "96d219f5e0e76815b29cee1ab524cc07"),
    rule("runpod_api_key", "rpa_", &[Run(UPPER, 36, 46)], "VBF5ALGU6NN94XSGBBKC01JN6GMW6DY26V0U3Q7"),
    rule("anyscale_api_key", "esecret_", &[Run(LOWER, 26, 26)], "oz25hai13o3h6jurlfjsydgxo7"),
    rule("deepgram_api_key", "dgk_", &[Run(ALNUM, 40, 40)], "5HfE7aI5DlpDgbGPFU67sXcr1sIQj1ukMJ547y3B"),
    rule("brave_search_api_key", "BSA", &[Run(URL, 27, 28)], "mbEvOmmrLBsG9TyXhhoME4VF6eyd")
        .floor(3.5),
];
