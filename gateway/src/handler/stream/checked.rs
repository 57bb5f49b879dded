//! A stream whose text no guardrail judges, where content that none could judge is refused or calls of tools are judged.

use std::rc::Rc;

use super::Job;
use super::coverage::Coverage;
use super::delivery::Delivery;
use super::flowing::{note, unreadable};
use crate::edge::{Cut, Frames};
use crate::handler::error::Failure;
use crate::handler::plan::Planned;
use crate::llm::sse::Decoder;
use crate::llm::stream::Event;

/// Relays the stream event by event until it ends, holds what is refused, or the client goes away.
pub(super) async fn run(job: Job, frames: Frames) -> Result<(), Cut> {
    let Job {
        planned,
        request,
        mut upstream,
        client,
        ..
    } = job;
    let (planned, request) = (Rc::new(planned), Rc::new(request));
    let dialect = request.request.dialect();
    let mut delivery = Delivery::new(frames, &planned, &request, Vec::new(), client);
    let mut decoder = Decoder::new(planned.snapshot.settings.stream_event_bytes);
    let mut coverage = Coverage::new(&planned);
    let mut out = Vec::new();
    let result = async {
        while let Some(chunk) = upstream
            .chunk()
            .await
            .inspect_err(|e| planned.note_error(e))?
        {
            decoder.push(chunk);
            while let Some(frame) = decoder.next_frame().map_err(|_| unreadable())? {
                let raw = frame.raw.clone();
                look_at(&planned, &mut coverage, Event::read(dialect, frame))?;
                out.push(raw);
            }
            delivery.send(std::mem::take(&mut out)).await?;
        }
        planned.note_complete();
        if let Some(frame) = decoder.finish() {
            let raw = frame.raw.clone();
            look_at(&planned, &mut coverage, Event::read(dialect, frame))?;
            delivery.send(vec![raw]).await?;
        }
        delivery.finish().await
    }
    .await;
    if let Err(failure) = result {
        // Nothing more of the answer is wanted: the upstream is let go at once.
        drop(upstream);
        // Whatever becomes of it, the stream has been stopped already.
        let _ = delivery.send(out).await;
        delivery.say(planned.stopped(&failure, dialect)).await;
    }
    Ok(())
}

fn look_at(planned: &Planned, coverage: &mut Coverage<'_>, event: Event) -> Result<(), Failure> {
    note(planned, &event);
    coverage.check(&event)
}
