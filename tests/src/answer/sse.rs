//! Server-sent events as a client reads them.

/// One event.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SseEvent {
    /// The `event:` field; empty when there was none.
    pub event: String,
    /// The `data:` lines, joined.
    pub data: String,
}

/// Reads a whole stream. Lines end with LF, CRLF or CR; comments are skipped; a last event without its empty
/// line counts, as it does for the clients of models.
pub fn sse_events(body: &str) -> Vec<SseEvent> {
    let mut events = Vec::new();
    let mut current = SseEvent::default();
    let mut data: Vec<&str> = Vec::new();
    let body = body
        .strip_prefix('\u{feff}')
        .unwrap_or(body)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    for line in body.split('\n').chain([""]) {
        if line.is_empty() {
            if !data.is_empty() || !current.event.is_empty() {
                current.data = data.join("\n");
                events.push(std::mem::take(&mut current));
                data.clear();
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => current.event = value.into(),
            "data" => data.push(value),
            _ => {}
        }
    }
    events
}
