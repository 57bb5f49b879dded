//! The client that guardrail services are called with.

use http::{Method, Uri};
use parapet_guardrails::client::{ClientError, ClientRequest, HttpClient};

use super::*;

fn request(uri: String, max_answer: usize) -> ClientRequest {
    let uri: Uri = uri.parse().unwrap();
    let body = Bytes::from_static(b"{}");
    ClientRequest {
        method: Method::POST,
        uri,
        headers: HeaderMap::new(),
        body,
        max_answer,
    }
}

fn client() -> SharedClient {
    SharedClient::new(connector(), tokio::runtime::Handle::current())
}

#[test]
fn gives_whole_answers_and_follows_nothing() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::answering(answer("x-a: b\r\n", "hello")).await;
        let uri = format!("http://{}/check", upstream.address);
        let client = client();
        for _ in 0..3 {
            let answer = client.send(request(uri.clone(), 100)).await.unwrap();
            assert_eq!(
                (answer.status, &answer.body[..]),
                (StatusCode::OK, &b"hello"[..])
            );
            assert_eq!(answer.headers["x-a"], "b");
        }
        assert_eq!(upstream.connections(), 1);
        let redirect =
            "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
        let upstream = RawUpstream::answering(redirect).await;
        let answer = client
            .send(request(format!("http://{}/", upstream.address), 100))
            .await
            .unwrap();
        assert_eq!(
            (answer.status, upstream.connections()),
            (StatusCode::FOUND, 1)
        );
    });
}

#[test]
fn says_what_went_wrong() {
    on_traffic_thread(async || {
        let client = client();
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = client
            .send(request(format!("http://{closed}/"), 9))
            .await
            .unwrap_err();
        assert!(matches!(error, ClientError::Unavailable { .. }), "{error}");
        let error = client
            .send(request("http://169.254.169.254/".into(), 9))
            .await
            .unwrap_err();
        assert_eq!(
            error,
            ClientError::AddressRefused {
                host: "169.254.169.254:80".into()
            }
        );
        let large = RawUpstream::answering(answer("", "0123456789")).await;
        let error = client
            .send(request(format!("http://{}/", large.address), 9))
            .await
            .unwrap_err();
        assert!(
            matches!(error, ClientError::TooLarge { limit: 9, .. }),
            "{error}"
        );
        let odd = RawUpstream::answering("hello, I am not HTTP\r\n\r\n").await;
        let error = client
            .send(request(format!("http://{}/", odd.address), 9))
            .await
            .unwrap_err();
        assert!(matches!(error, ClientError::BadAnswer { .. }), "{error}");
    });
}

#[test]
fn a_dropped_exchange_is_given_up() {
    on_traffic_thread(async || {
        let closed = Rc::new(Cell::new(false));
        let place = Rc::clone(&closed);
        let upstream = RawUpstream::start(move |mut connection, _| {
            let place = Rc::clone(&place);
            async move {
                connection.until_closed().await;
                place.set(true);
            }
        })
        .await;
        let client = client();
        let exchange = client.send(request(format!("http://{}/", upstream.address), 9));
        assert!(
            tokio::time::timeout(Duration::from_millis(100), exchange)
                .await
                .is_err()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(closed.get());
    });
}
