//! How the API server is called: with limits on waiting, and with its own wish to wait made readable.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, StatusCode, header};
use kube::client::Body;
use kube::{Client, Config};
use serde_json::json;
use tower_service::Service;

/// The longest silence on a connection on which an answer is under way. A watch says something at least this often: the
/// server ends it after [`WATCH_FOR`] seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// Seconds after which a watch is begun anew, so that a connection that died unnoticed is noticed. Nothing is listed
/// again for it.
pub const WATCH_FOR: u32 = 45;

/// A call that takes longer is one that failed. The server's own limit is 60 s, which is longer than anybody here can
/// wait.
pub const CALL_LIMIT: Duration = Duration::from_secs(10);

/// A client for the API server.
///
/// Nothing is retried in it: whoever calls tries again in a way of its own, and must not hang in retries that grow to
/// minutes while the server is back already.
///
/// # Errors
/// When authorities or credentials cannot be used.
pub fn client(mut config: Config) -> kube::Result<Client> {
    config.default_retry = false;
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    let namespace = config.default_namespace.clone();
    Ok(Client::new(Readable(Client::try_from(config)?), namespace))
}

/// Ends a call that hangs.
///
/// # Errors
/// Those of the call; and when it takes longer than `limit`.
pub async fn within<T>(
    limit: Duration,
    call: impl Future<Output = kube::Result<T>>,
) -> kube::Result<T> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result,
        Err(elapsed) => Err(kube::Error::Service(Box::new(elapsed))),
    }
}

/// How long the server asks to be left alone, at most a minute; zero when it does not.
pub fn asked_to_wait(error: &kube::Error) -> Duration {
    const MOST: u32 = 60;
    let kube::Error::Api(status) = error else {
        return Duration::ZERO;
    };
    let seconds = status
        .details
        .as_ref()
        .map_or(0, |details| details.retry_after_seconds);
    Duration::from_secs(seconds.min(MOST).into())
}

/// A client whose errors say how long to wait: a server that has too much to do says so in a header, with a body that is
/// plain text, and of an error the client keeps the body only.
#[derive(Clone)]
struct Readable(Client);

impl Service<Request<Body>> for Readable {
    type Response = Response<Body>;
    type Error = kube::Error;
    type Future = BoxFuture<'static, kube::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<kube::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let client = self.0.clone();
        async move { client.send(request).await.map(readable) }.boxed()
    }
}

/// Puts the header's wish where the client reads it.
fn readable(answer: Response<Body>) -> Response<Body> {
    let status = answer.status();
    let is_busy = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ]
    .contains(&status);
    let Some(seconds) = retry_after(answer.headers()).filter(|_| is_busy) else {
        return answer;
    };
    let said = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("the API server has too much to do, and asks to wait for {seconds} s"),
        "reason": "TooManyRequests",
        "code": status.as_u16(),
        "details": {"retryAfterSeconds": seconds},
    });
    answer.map(|_| Body::from(said.to_string().into_bytes()))
}

fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_wait_is_read_from_the_header() {
        let answer = |code: u16, after: Option<&str>| {
            let mut answer = Response::new(Body::from(b"Too many requests".to_vec()));
            *answer.status_mut() = StatusCode::from_u16(code).unwrap();
            if let Some(after) = after {
                let after = after.parse().unwrap();
                answer.headers_mut().insert(header::RETRY_AFTER, after);
            }
            readable(answer).into_body()
        };
        let waits = |body: Body| async move {
            let bytes = body.collect_bytes().await.unwrap();
            let status = serde_json::from_slice(&bytes).ok()?;
            Some(asked_to_wait(&kube::Error::Api(Box::new(status))))
        };
        let seen = |code, after| waits(answer(code, after)).now_or_never().unwrap();
        assert_eq!(seen(429, Some("3")), Some(Duration::from_secs(3)));
        assert_eq!(seen(503, Some("99999")), Some(Duration::from_secs(60)));
        assert_eq!(seen(429, None), None);
        assert_eq!(seen(429, Some("Sat, 21 Nov 2026 19:00:00 GMT")), None);
        assert_eq!(seen(200, Some("3")), None);
    }
}
