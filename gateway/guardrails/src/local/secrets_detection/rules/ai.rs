//! Model providers and what is built on them.

use super::super::shape::Part::{OneOf, Run, Text};
use super::super::shape::{ALNUM, HEX, LOWER, UPPER, URL, UUID};
use super::{Rule, rule};

// One rule a line reads best.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("openai_api_key", "sk-proj-", &[Run(URL, 40, 200)], "gwWpvK3warQd_m83aHAh7tTftx9-aG-9aAaeRA0iWnB"),
    rule("openai_api_key", "sk-svcacct-", &[Run(URL, 40, 200)], "9ZsacwRo0gEBZEiTaDLaNvcLKyXtt1YwVdVnX0qpJcB"),
    rule("openai_api_key", "sk-admin-", &[Run(URL, 40, 200)], "yWRgXLtCNY9NiWQRs_O0CH11kOsmSrp5me1uUNMmCM3"),
    rule("openai_api_key", "sk-None-", &[Run(URL, 40, 200)], "1rJNveG7b53fyIJ9rY--gAOnxTanZdzUgHDoAMLQlrB"),
    rule("openai_api_key", "sk-", &[Run(ALNUM, 20, 20), Text("T3BlbkFJ"), Run(ALNUM, 20, 20)], "yRlKyjPB7YnGltwxeBYBT3BlbkFJVIOyESNeNWEkxSVExcg3"),
    rule("anthropic_api_key", "sk-ant-api03-", &[Run(URL, 80, 110)], "BdmAOYtaBqsiHcrl5d7X7xIRMVCQ0EorgQKIqJWMNfbgoOe7JV8yJhsZkcyDsR0iowzfTZpvXX5E6R0NRvd"),
    rule("anthropic_api_key", "sk-ant-admin01-", &[Run(URL, 80, 110)], "HYRiRM9BMi-DT_CN0H20lDDfVZn3-eJ-Y9_qTu7cRaCY3RRqBX0DuwkyBwlZr4U1DIQ4HfP6r8QQO23GRnd"),
    rule("anthropic_api_key", "sk-ant-oat01-", &[Run(URL, 80, 110)], "hi4kOCbLiws4pCXrAlM8cB9RncsnUZ7OEaRP0fFycKswH8mP9cySiAZrSlXoh02y2KdV0Vk1tz7-rml7aba"),
    rule("anthropic_api_key", "sk-ant-ort01-", &[Run(URL, 80, 110)], "LY3Bq_F7yYwr1AAWc41w3__gmbLMRKeRLDWeG7h7SLNWBZNG9DegvC-YIcQZxVupQlC7070N5fOBnsXmH7B"),
    rule("anthropic_api_key", "sk-ant-sid01-", &[Run(URL, 80, 110)], "I4LuBkqs3wyO5tyBePYTD0qtdjXdiyu8nGe_YBDWyIx0_ItljvRJrfd2FJ9PPL3yCNgyNgpQBiXfv07waOd"),
    rule("openrouter_api_key", "sk-or-v1-", &[Run(HEX, 64, 64)], "72c587bf8f16714bab5c39b453bbeaf48786e69338df55add444dc1d4a96649a"),
    rule("langfuse_key", "sk-lf-", &[Run(UUID, 36, 36)], "120c9641-b84a-8b27-58af-4e127e986f9e"),
    rule("helicone_api_key", "sk-helicone-", &[Run(URL, 20, 60)], "GAurDeEqdo5qsImVMmsDSOa"),
    rule("sk_api_key", "sk-", &[Run(ALNUM, 32, 64)], "nVXiy4DQCZXBkw9BwYRLkHjdKrudhYLrp23")
        .floor(3.3),
    rule("huggingface_token", "hf_", &[Run(ALNUM, 34, 40)], "UOsvZgo61I8pAPdEdxXERiGYWJwXHKrT0Wewd"),
    rule("huggingface_token", "api_org_", &[Run(ALNUM, 34, 34)], "AZdkWVZW5MQMF5pAjEsbDBEYZHPFtRZHia"),
    rule("groq_api_key", "gsk_", &[Run(ALNUM, 52, 52)], "jmicV8ie8jfXMwhlE7eMW9Kfyh86IgSRcvmoWZpGqhnPaYN9OvWB"),
    rule("xai_api_key", "xai-", &[Run(ALNUM, 80, 80)], "tJXnbXjilge1D4BDw0nr9JBEG7gbeEGPSIdgzsiV01TU8kfBaOiQnJRoJDmchsH7hilxFlYf2NtoFnQB"),
    rule("perplexity_api_key", "pplx-", &[Run(ALNUM, 40, 56)], "MvJ82Q3iz5PCuikWvr570lPoZp9fyXKJgThaufDlMzB"),
    rule("replicate_token", "r8_", &[Run(ALNUM, 37, 37)], "ou0Trle2X1ls3v6wWnGvjQOqLeXQoWUNWDD6a"),
    rule("tavily_api_key", "tvly-", &[Run(URL, 28, 44)], "VsNd7h8dVd7Rc8b9O3c9Ey2XEGJ1HZa"),
    rule("jina_api_key", "jina_", &[Run(URL, 60, 60)], "4KUP0bC51vXSJHMiphHH7alEfBXX-7rV09A4_E-_fh0dY7-pEddREgvwZhLd"),
    rule("fireworks_api_key", "fw_", &[Run(ALNUM, 22, 30)], "TiiYzlPkY3D6H1yIMbfvqPQyB"),
    rule("together_api_key", "tgp_v1_", &[Run(URL, 43, 43)], "QPPbuUuQVop1dZ2hIfmSpy2Fl8-mVqcADAv8-aBZRHa"),
    rule("langsmith_api_key", "lsv2_", &[OneOf(&["pt_", "sk_"]), Run(HEX, 32, 32), Text("_"), Run(HEX, 10, 10)], "pt_3b099dee624641c0bc052f96fb81a9ea_668595c6f7"),
    rule("wandb_api_key", "wandb_v1_", &[Run(URL, 40, 100)], "caDZziqEtdj5ZNu317PGTlT3uc5c2mPlTsUcq4LZ5dB"),
    rule("pinecone_api_key", "pcsk_", &[Run(ALNUM, 4, 8), Text("_"), Run(ALNUM, 50, 70)], "oypP8UB_RInqOS2TLPBTYTbfaWa0bmfCQkJgvXH4bZVhVX7zvYiPmd6EQRrEd"),
    rule("elevenlabs_api_key", "sk_", &[Run(HEX, 48, 48)], "d5afb793224efec8aff275e04dc04ef20b5bd1c33954ddf7"),
    rule("voyage_api_key", "pa-", &[Run(URL, 43, 43)], "BdKERD30o5h1PVVhim5ncMc38P2jXLgLlnK0UWd6dba"),
    rule("nvidia_api_key", "nvapi-", &[Run(URL, 60, 72)], "Np6ja9_uLP7IxMoTHh5dRSQF2QquaInfri3SiDAa0KQCM_-0FUsmoo6gW95RgoB"),
    rule("cerebras_api_key", "csk-", &[Run(LOWER, 48, 48)], "srpad0m3phmrlfpfvh0gegdczhse3r23foezsko13r8a9vpa"),
    rule("apify_token", "apify_api_", &[Run(ALNUM, 36, 36)], "r0QTy53StMHTqJbGQfLXLpzcCH21DFmQKOnB"),
    rule("e2b_api_key", "e2b_", &[Run(HEX, 40, 40)], "fb27c2e5a065f884c836c5ef79f638787ce318a7"),
    rule("firecrawl_api_key", "fc-", &[Run(HEX, 32, 32)], "d55672dca4ece173633e9be89e20280a"),
    rule("runpod_api_key", "rpa_", &[Run(UPPER, 36, 46)], "FVO4GBDXYMU2UVPWIXHEFVIKZOEI763S7W6HK77"),
    rule("anyscale_api_key", "esecret_", &[Run(LOWER, 26, 26)], "oy37i6s1wjh0utel123yzntw37"),
    rule("deepgram_api_key", "dgk_", &[Run(ALNUM, 40, 40)], "uQW2dCBZaBqZ8c9A3FWi5HbMRObrAhPMAtnOVP8d"),
    rule("brave_search_api_key", "BSA", &[Run(URL, 27, 28)], "ifN_w5c7CBHhwViMY46eOUxirXYa")
        .floor(3.5),
];
