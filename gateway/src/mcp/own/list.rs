//! Lists, page by page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Answer, Own};
use crate::mcp::envelope::Message;
use crate::mcp::error::RpcError;
use crate::mcp::version::{Era, Version};

/// Entries on one page: more than most servers have, because not every client asks for a second one.
pub(super) const MOST_ENTRIES: usize = 256;
/// Bytes of the entries on one page; one entry stands on it whatever its size.
pub(super) const MOST_BYTES: usize = 1024 * 1024;
/// The longest cursor that is read.
const MOST_CURSOR: usize = 4096;

/// One entry of a list.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Entry {
    /// What the list is sorted by: names, or addresses.
    pub(crate) key: String,
    /// The entry's JSON.
    pub(crate) json: String,
}

impl Own {
    /// The answer to a request for a list, such as `tools/list`. `member` is the list's name in the result (`tools`), and
    /// `entries` are sorted by their keys, none of which is there twice.
    ///
    /// A cursor says after which key the next page begins, so that it means the same on every gateway, and that an entry
    /// which comes or goes in between moves no other.
    pub(crate) fn list(
        &self,
        version: Version,
        message: &Message,
        member: &str,
        entries: &[Entry],
    ) -> Answer {
        let rest = match message.param("cursor") {
            None => entries,
            Some(cursor) => match cursor.as_str().and_then(|cursor| read(&cursor)) {
                Some(after) => {
                    let from = entries.partition_point(|entry| entry.key <= after);
                    entries.get(from..).unwrap_or_default()
                }
                None => {
                    let error = RpcError::params("there is no such cursor");
                    return Self::error(version, message, error);
                }
            },
        };
        let mut list = String::new();
        let mut last = None;
        let mut count = 0;
        for entry in rest {
            let is_full = count >= MOST_ENTRIES || list.len() + entry.json.len() > MOST_BYTES;
            if is_full && count > 0 {
                break;
            }
            if count > 0 {
                list.push(',');
            }
            list.push_str(&entry.json);
            last = Some(&entry.key);
            count += 1;
        }
        let mut members = format!("\"{member}\":[{list}]");
        if let Some(last) = last.filter(|_| count < rest.len()) {
            members.push_str(&format!(",\"nextCursor\":{}", json!(cursor(last))));
        }
        if version.era == Era::Modern {
            let fresh = self.fresh_ms();
            members.push_str(&format!(",\"ttlMs\":{fresh},\"cacheScope\":\"private\""));
        }
        Self::result(version, message, &members)
    }
}

fn cursor(after: &str) -> String {
    URL_SAFE_NO_PAD.encode(after)
}

fn read(cursor: &str) -> Option<String> {
    if cursor.len() > MOST_CURSOR {
        return None;
    }
    String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}
