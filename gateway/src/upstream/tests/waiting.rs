//! Slow and silent upstreams, and calls that nobody waits for any more.

use super::*;

#[test]
fn a_slow_first_byte_is_a_timeout_that_closes_the_connection() {
    on_traffic_thread(async || {
        let closed = Rc::new(Cell::new(false));
        let place = Rc::clone(&closed);
        let upstream = RawUpstream::start(move |mut connection, _| {
            let place = Rc::clone(&place);
            async move {
                connection.request().await;
                connection.until_closed().await;
                place.set(true);
            }
        })
        .await;
        let error = upstreams()
            .call(&provider(upstream.address), chat("{}"), HASTY)
            .await
            .unwrap_err();
        assert!(
            matches!(error, UpstreamError::FirstByteTimeout { .. }),
            "{error}"
        );
        assert_eq!(
            (error.status(), error.word()),
            (StatusCode::GATEWAY_TIMEOUT, "timeout")
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(closed.get());
    });
}

#[test]
fn silence_in_mid_stream_is_a_timeout() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::start(|mut connection, _| async move {
            connection.request().await;
            connection
                .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
                .await;
            connection.until_closed().await;
        })
        .await;
        let mut body = upstreams()
            .call(&provider(upstream.address), chat("{}"), HASTY)
            .await
            .unwrap()
            .body;
        assert_eq!(body.chunk().await.unwrap().unwrap(), "hello");
        let error = body.chunk().await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::IdleTimeout { .. }),
            "{error}"
        );
        assert_eq!(body.chunk().await, Ok(None));
    });
}

#[test]
fn a_stream_may_be_slow_as_long_as_something_comes() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::start(|mut connection, _| async move {
            connection.request().await;
            connection
                .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                .await;
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(120)).await;
                connection.send("2\r\nab\r\n").await;
            }
            connection.send("0\r\n\r\n").await;
        })
        .await;
        let body = upstreams()
            .call(&provider(upstream.address), chat("{}"), HASTY)
            .await
            .unwrap()
            .body;
        assert_eq!(body.collect(100).await.unwrap(), "ababababab");
    });
}

#[test]
fn dropping_a_call_or_its_body_closes_the_connection() {
    on_traffic_thread(async || {
        let closed = Rc::new(Cell::new(0));
        let place = Rc::clone(&closed);
        let upstream = RawUpstream::start(move |mut connection, number| {
            let place = Rc::clone(&place);
            async move {
                connection.request().await;
                if number == 0 {
                    connection
                        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
                        .await;
                }
                connection.until_closed().await;
                place.set(place.get() + 1);
            }
        })
        .await;
        let (upstreams, provider) = (upstreams(), provider(upstream.address));
        let mut body = upstreams
            .call(&provider, chat("{}"), PATIENT)
            .await
            .unwrap()
            .body;
        assert_eq!(body.chunk().await.unwrap().unwrap(), "hello");
        drop(body);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(closed.get(), 1);

        let call = upstreams.call(&provider, chat("{}"), PATIENT);
        assert!(
            tokio::time::timeout(Duration::from_millis(50), call)
                .await
                .is_err()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(
            (
                closed.get(),
                upstream.connections(),
                upstreams.pool().idle()
            ),
            (2, 2, 0)
        );
    });
}
