mod hostile;

use std::sync::Mutex;

use axum::body::Body;
use http::{Method, Request as HttpRequest};
use http_body_util::BodyExt as _;
use parapet_policy::bundle::Bundle;
use parapet_policy::facts::Subject;
use tower_service::Service as _;

use super::*;
use crate::pages::testing::record;
use crate::session::SealingKey;
use crate::{Gateway, Installation, Limits, Refused, Settings};

/// Tokens by whom they belong to; one that is gone is not accepted any more.
struct Tokens(Mutex<Vec<(&'static str, Caller)>>);

impl Installation for Tokens {
    fn authenticate(&self, token: &str) -> Result<Caller, Refused> {
        let known = self.0.lock().unwrap();
        let found = known.iter().find(|(known, _)| *known == token);
        found.map(|(_, caller)| caller.clone()).ok_or(Refused {
            message: "the token is not accepted".to_owned(),
            unavailable: token == "LATER",
        })
    }

    fn has_identities(&self) -> bool {
        !self.0.lock().unwrap().is_empty()
    }

    fn policy(&self) -> Option<Arc<Bundle>> {
        Some(Arc::new(Bundle::default()))
    }

    fn gateways(&self) -> Vec<Gateway> {
        Vec::new()
    }
}

fn caller(name: &str, role: &str) -> Caller {
    Caller {
        subject: Subject::User(name.into()),
        teams: Vec::new(),
        roles: vec![role.into()],
    }
}

struct World {
    tokens: Arc<Tokens>,
    console: Arc<Console>,
    router: Router,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// What a browser sends back.
    fn cookie(&self) -> String {
        let set = self.headers.get_all(header::SET_COOKIE).iter();
        let pairs = set.filter_map(|value| value.to_str().unwrap().split(';').next());
        pairs.collect::<Vec<_>>().join("; ")
    }
}

fn world() -> World {
    let tokens = Arc::new(Tokens(Mutex::new(vec![
        ("READER", caller("alice@example.com", "console-reader")),
        ("OTHER", caller("bob@example.com", "developer")),
    ])));
    let settings = Settings {
        limits: Limits::default(),
        readers: vec!["role:console-reader".to_owned()],
        file: None,
    };
    let key = SealingKey::derived(b"secret").unwrap();
    let console = Arc::new(Console::new(&settings, key, Arc::<Tokens>::clone(&tokens)).unwrap());
    let router = router(Arc::clone(&console));
    World {
        tokens,
        console,
        router,
    }
}

impl World {
    async fn send(&mut self, request: HttpRequest<Body>) -> Answer {
        let response = self.router.call(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = HttpRequest::get(path).header("host", "console.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&mut self, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = HttpRequest::builder()
            .method(Method::POST)
            .uri(path)
            .header("host", "console.example")
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(form.to_owned())).unwrap())
            .await
    }

    /// A page as the reader sees it.
    async fn read(&mut self, path: &str) -> Answer {
        self.get(path, &[("authorization", "Bearer READER")]).await
    }
}

const PAGES: [&str; 4] = [
    "/console/",
    "/console/requests/a",
    "/console/policy",
    "/console/health",
];

#[tokio::test]
async fn nobody_sees_a_page_who_is_no_reader() {
    let mut world = world();
    world.console.add(&"gw".into(), [record("a")]);
    let forged = SealingKey::derived(b"another")
        .unwrap()
        .seal("READER", SystemTime::now())
        .unwrap();
    let forged = format!("parapet_console={forged}");
    for page in PAGES {
        for (headers, expected) in [
            (&[][..], 401),
            (&[("authorization", "Bearer NOBODY")], 401),
            (&[("authorization", "Bearer ")], 401),
            (&[("authorization", "Basic READER")], 401),
            (&[("authorization", "Bearer LATER")], 503),
            (&[("authorization", "Bearer OTHER")], 403),
            (&[("cookie", "parapet_console=READER")], 401),
            (&[("cookie", forged.as_str())], 401),
            (&[("x-parapet-part", "list")], 401),
            (&[("authorization", "Bearer READER")], 200),
        ] {
            let answer = world.get(page, headers).await;
            assert_eq!(answer.status, expected, "{page} {headers:?}");
            assert_eq!(answer.headers["cache-control"], "no-store");
            if expected != 200 {
                assert!(!answer.body.contains("alice"), "{page} {headers:?}");
            }
            // Whoever is nobody does not learn whose token would do.
            let tells = answer.body.contains("role:console-reader");
            assert_eq!(tells, expected == 403 && !headers.is_empty());
        }
    }
    let denied = world
        .get("/console/", &[("authorization", "Bearer OTHER")])
        .await;
    assert!(
        denied
            .body
            .contains("user:bob@example.com is not among those who may read this")
    );
}

#[tokio::test]
async fn who_signs_in_gets_a_cookie_that_lasts_as_long_as_the_token() {
    let mut world = world();
    let answer = world
        .post(
            "/console/sign-in",
            "token=READER",
            &[("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!(
        (answer.status, answer.headers["location"].to_str().unwrap()),
        (303, "/console/")
    );
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/console"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure") && !set.contains("READER"));
    let cookie = answer.cookie();
    let page = world.get("/console/", &[("cookie", &cookie)]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("user:alice@example.com"));
    assert!(!page.body.contains("READER"), "no token on a page");
    let again = world.get("/console/sign-in", &[("cookie", &cookie)]).await;
    assert_eq!(again.status, 303);
    // Behind TLS the cookie is for TLS.
    let https = world
        .post(
            "/console/sign-in",
            "token=READER",
            &[("x-forwarded-proto", "https")],
        )
        .await;
    assert!(
        https.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("; Secure")
    );
    let out = world
        .post("/console/sign-out", "", &[("cookie", &cookie)])
        .await;
    assert!(
        out.status == 303
            && out.headers["set-cookie"]
                .to_str()
                .unwrap()
                .contains("Max-Age=0")
    );
    // The token is taken back: the cookie is worth nothing any more.
    world.tokens.0.lock().unwrap().clear();
    let page = world.get("/console/", &[("cookie", &cookie)]).await;
    assert_eq!(page.status, 401);
    assert!(page.body.contains("Nobody can sign in"));
}

#[tokio::test]
async fn signing_in_refuses_what_it_must() {
    let mut world = world();
    let long = format!("token={}", "a".repeat(100_000));
    for (form, headers, expected) in [
        ("token=NOBODY", &[][..], 401),
        ("token=OTHER", &[], 403),
        ("token=LATER", &[], 503),
        ("token=", &[], 401),
        ("", &[], 401),
        ("other=READER", &[], 401),
        (long.as_str(), &[], 401),
        // A page of another site must not sign anybody in.
        ("token=READER", &[("sec-fetch-site", "cross-site")], 403),
        ("token=READER", &[("sec-fetch-site", "same-site")], 403),
        ("token=READER", &[("origin", "https://evil.example")], 403),
        ("token=READER", &[("origin", "null")], 403),
        ("token=READER", &[("origin", "http://console.example")], 303),
        ("token=%20READER%0a", &[], 303),
    ] {
        let answer = world.post("/console/sign-in", form, headers).await;
        assert_eq!(answer.status, expected, "{form:.40} {headers:?}");
        assert_eq!(answer.headers.contains_key("set-cookie"), expected == 303);
        for token in ["READER", "OTHER", "NOBODY"] {
            assert!(!answer.body.contains(token));
        }
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_and_no_page_has_a_script_or_a_style() {
    let mut world = world();
    world.console.add(&"gw".into(), [record("a")]);
    for page in PAGES.into_iter().chain([
        "/console/sign-in",
        "/console/assets/console.css",
        "/console/assets/console.js",
        "/nowhere",
        "/",
        "/console",
    ]) {
        let answer = world.read(page).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{page}"
        );
        assert_eq!(
            answer.headers["x-content-type-options"], "nosniff",
            "{page}"
        );
        if page.contains("assets") {
            continue;
        }
        for inline in [
            " style=",
            "<style",
            " onclick",
            "javascript:",
            "http://",
            "https://",
        ] {
            assert!(!answer.body.contains(inline), "{page} has {inline}");
        }
        let scripts = answer.body.matches("<script").count();
        assert_eq!(
            scripts,
            answer
                .body
                .matches("<script src=\"/console/assets/console.js\" defer></script>")
                .count()
        );
    }
    let script = world.get("/console/assets/console.js", &[]).await;
    assert!(script.status == 200 && !script.body.contains("eval"));
}

#[tokio::test]
async fn the_list_alone_is_sent_when_there_is_something_new() {
    let mut world = world();
    world.console.add(&"gw".into(), [record("a")]);
    let reader = ("authorization", "Bearer READER");
    let part = ("x-parapet-part", "list");
    let first = world.get("/console/", &[reader, part]).await;
    assert!(
        first.status == 200
            && first.body.starts_with("<table")
            && first.body.contains("/console/requests/a")
    );
    let seen = first.headers["x-parapet-seen"].to_str().unwrap().to_owned();
    let same = world
        .get("/console/", &[reader, part, ("x-parapet-seen", &seen)])
        .await;
    assert_eq!((same.status, same.body.as_str()), (204, ""));
    world.console.add(&"gw".into(), [record("b")]);
    let new = world
        .get("/console/", &[reader, part, ("x-parapet-seen", &seen)])
        .await;
    assert!(new.status == 200 && new.body.contains("/console/requests/b"));
}

#[tokio::test]
async fn pages_lead_through_all_requests() {
    let mut world = world();
    world.console.add(
        &"gw".into(),
        (0..120).map(|id| record(&format!("req-{id:03}"))),
    );
    let mut path = "/console/".to_owned();
    let mut seen = 0;
    let mut pages = 0;
    loop {
        let answer = world.read(&path).await;
        assert_eq!(answer.status, 200);
        pages += 1;
        seen += answer.body.matches("<tr data-id=").count();
        let Some((_, rest)) = answer.body.split_once("<a rel=\"next\" href=\"") else {
            break;
        };
        path = rest.split('"').next().unwrap().replace("&amp;", "&");
    }
    assert_eq!((seen, pages), (120, 3));
    assert_eq!(world.read("/console/requests/nowhere").await.status, 404);
    assert_eq!(world.read("/console/?show=nonsense").await.status, 400);
}
