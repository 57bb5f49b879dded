//! Code hosts, package registries and build services.

use super::super::shape::Part::{OneOf, Run, Text};
use super::super::shape::{ALNUM, DJANGO, DOTTED, HEX, LOWER, URL, UUID};
use super::{Check, Rule, rule};

// One rule a line reads best.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("github_token", "ghp_", &[Run(ALNUM, 36, 36)], "Jv0epqSuHi9k7xH29JTeRmgsRfpuPtpxRc73")
        .check(Check::GitHub),
    rule("github_token", "gho_", &[Run(ALNUM, 36, 36)], "4xTQ9gV5WD4JAMcWjBjQND0xUnHJVlnubMLa")
        .check(Check::GitHub),
    rule("github_token", "ghu_", &[Run(ALNUM, 36, 36)], "w4vG0oqXBzwjxGA9TC6Bq0vFQ1qeIQMsp0tB")
        .check(Check::GitHub),
    rule("github_token", "ghs_", &[Run(ALNUM, 36, 36)], "gU8Whvi1QHoFU22iZycpqYW39JTFDLGEEmta")
        .check(Check::GitHub),
    rule("github_token", "ghr_", &[Run(ALNUM, 36, 36)], "zMf3VfmVnNguxTxhyQh2d6D9QxdKFx0vo6Na")
        .check(Check::GitHub),
    rule("github_token", "github_pat_", &[Run(ALNUM, 22, 22), Text("_"), Run(ALNUM, 59, 59)], "a7hiZb6IdL1neBkx4YvEna_tlZmx3orhw1aNcIXEndUWJZ9tqi6o5CRDMn8TbRdvMkWbky3JFCIY4iSGhB"),
    rule("github_token", "github_pat_", &[Run(ALNUM, 82, 82)], "gnCtt5xwn9jqH3AnYdddhigZqh6hmWuxFn6Gt31drfzSlNSEI2NOD4nhuOcvY0umJXXReKEHtxDs5uz2Ba"),
    rule("gitlab_token", "glpat-", &[Run(URL, 20, 20)], "DavorSXt0yZ3OclUbHTB"),
    rule("gitlab_token", "glpat-", &[Run(URL, 27, 300), Text("."), Run(LOWER, 9, 9)], "ewZqFz1nRD1Gk_xP8eF7y51NTetNkB.sk9i8k2da"),
    rule("gitlab_token", "glpat-", &[Run(URL, 27, 300), Text("."), Run(LOWER, 2, 2), Text("."), Run(LOWER, 9, 9)], "D8usN-RePm37LLFheWMxE-ugO9UXn3.07.wc6muef07"),
    rule("gitlab_token", "gldt-", &[Run(URL, 20, 20)], "Ct4sEQuAJccT4-DQLuoa"),
    rule("gitlab_token", "glrt-", &[Run(URL, 20, 20)], "x_2W2IL-TTiT0zVOOfha"),
    rule("gitlab_token", "glrt-", &[Run(URL, 27, 300), Text("."), Run(LOWER, 9, 9)], "R6rwJO2CqzerSUBsYnUoCWtzLsAPYd.v4bfev9u7"),
    rule("gitlab_token", "glrt-", &[Run(URL, 27, 300), Text("."), Run(LOWER, 2, 2), Text("."), Run(LOWER, 9, 9)], "eDlZl7C3Bv5dCesEIbrpxm68rHj7pB.77.taemewv67"),
    rule("gitlab_token", "glcbt-", &[Run(ALNUM, 1, 5), Text("_"), Run(URL, 20, 20)], "Ovta_x0j1GspZuX6HJnEv_PFB"),
    rule("gitlab_token", "glcbt-", &[Run(URL, 20, 26)], "AsRKhocGNC_CkixgWck-Ntd"),
    rule("gitlab_token", "glptt-", &[Run(HEX, 40, 40)], "3013e4cd2f3f0894b7bb6c8807f189da9875781a"),
    rule("gitlab_token", "glft-", &[Run(URL, 20, 30)], "jB_TfpCAdQpGGrMpjSpvsLd"),
    rule("gitlab_token", "glimt-", &[Run(URL, 25, 25)], "EV0a_KZQpD9bkLJGoZLMI7lcB"),
    rule("gitlab_token", "glagent-", &[Run(URL, 50, 60)], "aicjvyZmNWlthHL6mfSIZCavee8TZrxi9ej_EBVkUZEkCqxdM1gLd"),
    rule("gitlab_token", "glsoat-", &[Run(URL, 20, 20)], "5qHiM4htD6JfkMXP_Pld"),
    rule("gitlab_token", "glwt-", &[Run(URL, 20, 30)], "eKeR9Ii108JhdGnc9q3Q09d"),
    rule("gitlab_token", "gloas-", &[Run(URL, 64, 64)], "FvwXH4YaMCIte91RgpZMDBcdmQptDAUR6klWT364x9F2LYjovwpI6IGQVfpuYkra"),
    rule("gitlab_token", "glffct-", &[Run(URL, 20, 20)], "H_s1Bnegvugiou767ona"),
    rule("gitlab_token", "GR1348941", &[Run(URL, 20, 20)], "aH-ntKLd2MRJNv1aHknB"),
    rule("gitlab_session", "_gitlab_session=", &[Run(ALNUM, 32, 32)], "qJSynLS0xaOTiE59yyYjehSVzs8QWXVB"),
    rule("bitbucket_token", "ATBB", &[Run(ALNUM, 24, 36)], "MiyMZOnC4TBQ1nalTc7uU4iAIqd"),
    rule("bitbucket_token", "ATCTT3xFfG", &[Run(DOTTED, 100, 250)], "0k9jmGKo6UOb3JAd-5xTXS4Mg3Kvh4ms5wqG8ikvPmGxr4npYUd9ClARAPizq6yJP6.CQjLx.wHrKDHCNtKn2wa6Z7ZKxWNpkAHDfya"),
    rule("atlassian_token", "ATATT3", &[Run(DOTTED, 100, 250)], "Ke1tbl7CFMH_ddijYQD7Gu9lFoVrmCo6NrqP7FT82lF6aRAo80MrJAEEMBZB4P726BIafmBrV4KgGMZtOXcDxXsF5VlSpKh3u4LiOLd"),
    rule("sourcegraph_token", "sgp_", &[Run(HEX, 40, 40)], "3b20717b47cf47e113c3f2b83c748ca42a3ac0fa"),
    rule("sourcegraph_token", "sgp_", &[Run(HEX, 16, 16), Text("_"), Run(HEX, 40, 40)], "80c8eaa86d205b4a_5a1bc1016e0e27e48d2fd68d3d5e42e92967e527"),
    rule("sourcegraph_token", "sgp_local_", &[Run(HEX, 40, 40)], "eab04e7c47e5ce7a7766f7f0ed2463a4ca2d7e2a"),
    rule("sourcegraph_token", "sgd_", &[Run(HEX, 64, 64)], "40670bfc9d7b4c1fb33478e7d25999db0bdb9f668258c8ff4c53fd92796dd50a"),
    rule("npm_token", "npm_", &[Run(ALNUM, 36, 36)], "gklkZyAHCZ5IGwrJyo9dy9r8zWnIuxCA7MI3"),
    rule("pypi_token", "pypi-AgEIcHlwaS5vcmc", &[Run(URL, 50, 1000)], "QKz_EEVGzSc9pz-axO4cYET9rk9ICKlD_u_TGDwVARb_EHKQtl9na"),
    rule("pypi_token", "pypi-AgENdGVzdC5weXBpLm9yZw", &[Run(URL, 50, 1000)], "KQNFvMlEnRIbjLQVmirYl718uORdudPM-2JTDV4r4ThgdVZ3nMira"),
    rule("rubygems_token", "rubygems_", &[Run(HEX, 48, 48)], "d61f1ca42e963e74516604c3dd015f6657c031d6ac5b8347"),
    rule("cargo_token", "cio", &[Run(ALNUM, 32, 32)], "ZoF0mTHvlPe9I3sUTEz1Ak15wvGIHiE3"),
    rule("nuget_api_key", "oy2", &[Run(LOWER, 43, 43)], "dw6gr09vqdnwlblo48r7a3jrizznbl30mu1k0xkxi6a"),
    rule("clojars_token", "CLOJARS_", &[Run(ALNUM, 60, 60)], "esSRK4SShnqgR7UGDCpCntpeEsp20RxhAjSUyEfIMK4CiBC7WJ8Ri9zFnQJB"),
    rule("artifactory_token", "AKCp", &[Run(ALNUM, 60, 73)], "u19epEwQ5jGQKGpeLsucyAlOcI12F7sTLqZk3mqIEakE6SstYeQ63H46tjjSTXa"),
    rule("artifactory_token", "cmVmd", &[Run(ALNUM, 59, 59)], "89QwExMveHFU7fvA3zwOSI8UfEloblzBrlyLhBIMCSZmXTpbYZOQKcSuGy3"),
    rule("packagist_token", "packagist_", &[OneOf(&["out_", "uut_", "ort_", "urt_"]), Run(HEX, 40, 90)], "out_27f4f75cbb82b6fdbac614e0e4f6cbbc821ea358777"),
    rule("dependency_track_key", "odt_", &[Run(ALNUM, 32, 32)], "uferRcwgyweZrPz6Jo9lOYwaVovm5YYB"),
    rule("stackhawk_api_key", "hawk.", &[Run(URL, 20, 20), Text("."), Run(URL, 20, 20)], "CwHKJBY0Nr4_w2LApzRa.jeZun9DRl01JYayd3zga"),
    rule("zuplo_api_key", "zpka_", &[Run(LOWER, 32, 32), Text("_"), Run(HEX, 8, 8)], "ndeqzs44w2mm9p16cuhh5pjtaexkbq57_52fc3917"),
    rule("docker_token", "dckr_pat_", &[Run(URL, 27, 27)], "9b6Z2VMp_mcdK7LIgHGL4V7zx9d"),
    rule("docker_token", "dckr_oat_", &[Run(URL, 32, 32)], "GcZ0D6c4hPh5YSxNhE7Ysopy3RF6NvwB"),
    rule("circleci_token", "CCIPAT_", &[Run(ALNUM, 20, 24), Text("_"), Run(HEX, 40, 40)], "DAWTJRH1Ku0layK5cTWlEq3_9ce689a014ba3f05e00e4a4a8360fa9b21b24257"),
    rule("circleci_token", "CCIPRJ_", &[Run(ALNUM, 20, 24), Text("_"), Run(HEX, 40, 40)], "WRtMZuzLX34tMy6owy7ZU0a_cdc032f60029354f72ec71686a95b8d51ed8540a"),
    rule("buildkite_token", "bkua_", &[Run(HEX, 40, 40)], "812927ed1a3b9cc946d570b7f4c42ba9453ea247"),
    rule("sonar_token", "squ_", &[Run(HEX, 40, 40)], "9868470f10a0b4c549e69df8e5c703b4475b472a"),
    rule("sonar_token", "sqp_", &[Run(HEX, 40, 40)], "fd7aceec2708a5d6f669f30f29e29e72ea2401ea"),
    rule("sonar_token", "sqa_", &[Run(HEX, 40, 40)], "8ee08b76da70f7ded32eb480905cf11f952bb84a"),
    rule("snyk_token", "snyk_", &[OneOf(&["uat.", "sat."]), Run(DOTTED, 60, 120)], "uat.a3O.Yov4apI0FYDMDOPxAGstdbEx30h7nB23iJqnT7TBn_qALgJ8jmJeOP8k1pa"),
    rule("postman_api_key", "PMAK-", &[Run(HEX, 24, 24), Text("-"), Run(HEX, 34, 34)], "83338d4a685b6d8b9531c3f7-4ed1091b2a18fc2e3d153316a8948a72aa"),
    rule("readme_api_key", "rdme_", &[Run(LOWER, 70, 70)], "gejhhla4jgdoqyifmwky7n4do1btmsn14loskgsfu0ol5lkv3kn4z59ci9wjb270zl5rha"),
    rule("figma_token", "figd_", &[Run(URL, 36, 60)], "BL6TITxZH6vQxPoEX2ypekwMNZImLkzWazLKru3"),
    rule("wakatime_key", "waka_", &[Run(UUID, 36, 36)], "5e5fbd27-8a93-2ba7-9763-f77f1455b803"),
    rule("thunderstore_token", "tss_", &[Run(ALNUM, 36, 36)], "g9UnUFFjupfycjKUwikRsoVlcfhs6FL21c2d"),
    rule("intra42_secret", "s-s4t2ud-", &[Run(HEX, 64, 64)], "0cf854e43d894222dd70f1a7a812ed31e96a5709aeb227b1428bf37800515c37"),
    rule("intra42_secret", "s-s4t2af-", &[Run(HEX, 64, 64)], "d504a0f3fd0861e4b145ff08ff0601a6d2c315fc4005a3d176c72b0790950997"),
    rule("django_secret_key", "django-insecure-", &[Run(DJANGO, 40, 60)], "jj0-zlxb#xgy0ih=rbl7nmyv9dys-jotz4tey=v9vjd"),
];
