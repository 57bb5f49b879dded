//! What an answer may be: compressed, and how big.

use std::io::Write as _;

use super::*;

#[test]
fn compressed_answers_are_decoded_and_bombs_are_not() {
    on_traffic_thread(async || {
        let gzip = |data: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        };
        let upstream =
            RawUpstream::answering(answer("content-encoding: gzip\r\n", gzip(b"hello"))).await;
        let response = upstreams()
            .call(&provider(upstream.address), chat("{}"), PATIENT)
            .await
            .unwrap();
        assert!(!response.headers.contains_key("content-encoding"));
        assert_eq!(response.body.collect(100).await.unwrap(), "hello");

        let bomb = gzip(&vec![b' '; 32 << 20]);
        let upstream = RawUpstream::answering(answer("content-encoding: gzip\r\n", bomb)).await;
        let response = upstreams()
            .call(&provider(upstream.address), chat("{}"), PATIENT)
            .await
            .unwrap();
        let error = response.body.collect(1 << 30).await.unwrap_err();
        assert!(matches!(error, UpstreamError::BadAnswer { .. }), "{error}");
    });
}

#[test]
fn collecting_stops_at_the_limit() {
    on_traffic_thread(async || {
        let announced = RawUpstream::answering(answer("", "x".repeat(1000))).await;
        let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n";
        let chunked = RawUpstream::answering(chunks).await;
        let upstreams = upstreams();
        for (upstream, limit, fits) in [
            (&announced, 1000, true),
            (&announced, 999, false),
            (&chunked, 10, true),
            (&chunked, 9, false),
        ] {
            let body = upstreams
                .call(&provider(upstream.address), chat("{}"), PATIENT)
                .await
                .unwrap()
                .body;
            match body.collect(limit).await {
                Ok(_) => assert!(fits, "{limit}"),
                Err(error) => assert!(
                    !fits && matches!(error, UpstreamError::TooLarge { .. }),
                    "{limit}: {error}"
                ),
            }
        }
    });
}
