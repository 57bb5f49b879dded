//! What a program is told, and what it says beside its messages.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStderr, ChildStdin};
use tokio::sync::mpsc;

use super::lines::Lines;

/// What a program is given to read a message.
const TO_READ: Duration = Duration::from_secs(60);
/// Bytes of a line of standard error that are shown.
const SHOWN_BYTES: usize = 512;
/// Lines of standard error of one process that are shown.
const SHOWN_LINES: u32 = 1000;

/// Writes lines, and closes the input at their end, or when the program reads nothing for a long time.
pub(super) async fn write(mut stdin: ChildStdin, mut lines: mpsc::Receiver<String>) {
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        let written = async {
            stdin.write_all(line.as_bytes()).await?;
            stdin.flush().await
        };
        let written = tokio::time::timeout(TO_READ, written).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// Reads standard error to its end, so that it never fills. It may hold anything: it is shown only where the resource wants that.
pub(super) async fn read_errors(server: Arc<str>, stderr: ChildStderr, shows: bool) {
    let mut lines = Lines::new(stderr, SHOWN_BYTES);
    let mut left = if shows { SHOWN_LINES } else { 0 };
    loop {
        match lines.next().await {
            Ok(None) => return,
            Err(_) => lines.cut(),
            Ok(Some(line)) if left > 0 => {
                left -= 1;
                let line = String::from_utf8_lossy(&line);
                tracing::info!(server = &*server, ?line, "standard error of a program");
            }
            Ok(Some(_)) => {}
        }
    }
}
