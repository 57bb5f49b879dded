//! How long a client waits for the first text of a stream.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;

use crate::fake::{Call, Fake, Reply, Step};
use crate::http_client::{Client, Outgoing};

/// Streams measured for one figure.
const SAMPLES: usize = 60;

/// A model that streams its 200 chunks with a pause of a millisecond after each, as a real one would pause:
/// what is held back is then not hidden by what comes right after.
///
/// # Errors
/// When no local port can be had.
pub async fn paced_model(stream: &str) -> Result<Fake> {
    let steps: Vec<Step> = stream
        .split_inclusive("\n\n")
        .flat_map(|event| {
            [
                Step::Send(Bytes::copy_from_slice(event.as_bytes())),
                Step::Pause(Duration::from_millis(1)),
            ]
        })
        .collect();
    let answer = move |_: &Call| Reply {
        steps: steps.clone(),
        ..Reply::event_stream([])
    };
    Fake::start(answer).await
}

/// The median time from sending a request to the first piece of text, in microseconds.
///
/// # Errors
/// When a stream fails or holds no text.
pub async fn first_text(addr: SocketAddr, path: &str, token: &str, body: &str) -> Result<f64> {
    let client = Client::new(addr);
    let mut times = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let request = Outgoing::post(path, body.to_owned()).bearer(token);
        let started = Instant::now();
        let mut opened = client.open(request).await?;
        opened
            .read_until("\"delta\":{\"content\":\"")
            .await
            .context("waiting for the first text")?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
        // The rest is read so that the connection is used again: connecting is not what is measured.
        let _ = opened.rest().await;
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}
