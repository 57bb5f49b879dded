use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, join_all};
use http::StatusCode;
use parapet_connect::ConnectorConfig;
use parapet_crds::mcp_server::{ClientAuth, TokenType};
use parapet_guardrails::client::{ClientError, ClientResponse};
use prometheus::Opts;
use tokio::sync::Semaphore;

use super::super::{Grant, for_tests};
use super::*;

/// Answers when it may, with tokens that count up, or with a status.
struct Endpoint {
    calls: AtomicUsize,
    status: u16,
    may: Semaphore,
}

impl HttpClient for Endpoint {
    fn send(&self, _: ClientRequest) -> BoxFuture<'_, Result<ClientResponse, ClientError>> {
        Box::pin(async {
            let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            self.may.acquire().await.unwrap().forget();
            let mut headers = HeaderMap::new();
            headers.insert(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            let body = format!(
                r#"{{"access_token": "t{number}", "token_type": "Bearer", "expires_in": 600}}"#
            );
            Ok(ClientResponse {
                status: StatusCode::from_u16(self.status).unwrap(),
                headers,
                body: body.into(),
            })
        })
    }
}

fn tokens(status: u16, may: usize) -> (Arc<Tokens>, Arc<Endpoint>) {
    let endpoint = Arc::new(Endpoint {
        calls: AtomicUsize::new(0),
        status,
        may: Semaphore::new(may),
    });
    let counts = IntCounterVec::new(Opts::new("a", "b"), &["server", "result"]).unwrap();
    let tokens = Tokens::new(
        endpoint.clone(),
        Connector::new(&ConnectorConfig::default()).unwrap(),
        Handle::current(),
        counts,
    );
    (Arc::new(tokens), endpoint)
}

fn exchange() -> OAuth {
    let grant = Grant::TokenExchange {
        subject: TokenType::AccessToken,
        requested: None,
    };
    for_tests(grant, ClientAuth::Basic)
}

#[tokio::test]
async fn those_who_ask_at_once_share_one_call_also_when_the_first_has_gone() {
    let (tokens, endpoint) = tokens(200, 0);
    let oauth = for_tests(Grant::ClientCredentials, ClientAuth::Basic);
    let first = tokio::time::timeout(
        Duration::from_millis(20),
        tokens.get(&oauth, None, |_: &mut HeaderMap| {}),
    );
    assert!(first.await.is_err(), "the endpoint has not answered");
    let waiting = join_all((0..50).map(|_| tokens.get(&oauth, None, |_: &mut HeaderMap| {})));
    endpoint.may.add_permits(9);
    for got in waiting.await {
        assert_eq!(got.result.unwrap(), "Bearer t1");
        assert!(!got.called);
    }
    assert_eq!(endpoint.calls.load(Ordering::SeqCst), 1);
    assert_eq!(
        tokens
            .counts
            .with_label_values(&["test", "succeeded"])
            .get(),
        1
    );
}

#[tokio::test]
async fn a_failure_is_told_to_all_and_asked_once() {
    let (tokens, endpoint) = tokens(503, 100);
    let oauth = for_tests(Grant::ClientCredentials, ClientAuth::Basic);
    for number in 0..5 {
        let got = tokens.get(&oauth, None, |_: &mut HeaderMap| {}).await;
        assert_eq!((got.called, got.status()), (number == 0, Some(503)));
        assert_eq!(got.result.unwrap_err().word(), "failed");
    }
    assert_eq!(endpoint.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn each_caller_has_a_token_of_their_own_and_a_refused_one_is_fetched_again() {
    let (tokens, endpoint) = tokens(200, 100);
    let oauth = exchange();
    let get = async |subject| {
        let got = tokens.get(&oauth, Some(subject), |_: &mut HeaderMap| {});
        got.await.result.unwrap()
    };
    let (ada, bob) = (get("ada").await, get("bob").await);
    assert_ne!(ada, bob);
    assert_eq!((get("ada").await, get("bob").await), (ada.clone(), bob));
    assert!(tokens.refuse(&oauth, Some("ada"), &ada));
    let again = get("ada").await;
    assert_ne!(again, ada);
    assert!(!tokens.refuse(&oauth, Some("ada"), &again));
    assert_eq!(endpoint.calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_the_oldest_goes() {
    let (tokens, _) = tokens(200, usize::MAX >> 4);
    let oauth = exchange();
    tokens.get(&oauth, Some("first"), |_| {}).await;
    for number in 0..MOST + 10 {
        let subject = number.to_string();
        tokens.get(&oauth, Some(&subject), |_| {}).await;
    }
    let kept = tokens.lock();
    assert!(kept.slots.len() <= MOST, "{}", kept.slots.len());
    assert!(!kept.slots.contains_key(&key(&oauth, Some("first"))));
    let newest = (MOST + 9).to_string();
    assert!(kept.slots.contains_key(&key(&oauth, Some(&newest))));
}
