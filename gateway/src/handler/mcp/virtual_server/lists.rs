//! The tools of all members in one list.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parapet_crds::mcp_server::OnMemberFailure;

use crate::handler::mcp::asked::Asked;
use crate::handler::mcp::exchange::Exchange;
use crate::mcp::envelope::Message;
use crate::mcp::error::RpcError;
use crate::mcp::own::{Entry, OwnSession};
use crate::mcp::tools::{disabled, with_settings};
use crate::mcp::virtual_server::{Member, Virtual, edit};
use crate::pipeline::recording::Recording;
use crate::telemetry::metrics::{Hidden, ListMetrics, Wanted};
use crate::timer;

/// How long clients may keep what a virtual server says of itself, and lists of members that say nothing about it.
pub(super) const FRESH: Duration = Duration::from_secs(60);
/// How long a member may take to list its tools: the others' wait for it.
const LIMIT: Duration = Duration::from_secs(10);

/// One list, made of several.
pub(super) struct Listed {
    /// Sorted, each name once.
    pub(super) entries: Vec<Entry>,
    /// How long clients may keep it.
    pub(super) fresh: Duration,
}

/// What one member lists.
struct OfMember {
    entries: Vec<Entry>,
    fresh: Duration,
    /// The member's own name.
    server: Arc<str>,
    /// Entries that clients do not see.
    disabled: usize,
    refused: usize,
}

impl OfMember {
    /// Counts what a client's list lacks.
    fn count(&self, lists: &ListMetrics) {
        lists.hidden(&self.server, Hidden::Disabled, self.disabled);
        lists.hidden(&self.server, Hidden::Policy, self.refused);
    }
}

/// The tools of all members that the caller may use.
///
/// # Errors
/// When a member cannot be asked and the resource makes that an error, or when none can be asked. A session that a member has
/// forgotten is gone as a whole.
pub(super) async fn tools(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    sessions: Option<&OwnSession>,
    recording: &Recording,
) -> Result<Listed, RpcError> {
    let members = of.members();
    let open: Vec<(usize, &Member)> = members
        .filter(|(_, member)| !member.is_there() || member.open_to(exchange.caller()).is_some())
        .collect();
    let asked = open.iter().map(|(index, member)| {
        let listing = list(exchange, of, *index, member, sessions, recording);
        async move { (*member, listing.await) }
    });
    let mut entries: Vec<Entry> = Vec::new();
    let mut fresh = FRESH;
    let mut answered = 0;
    let mut failed = None;
    for (member, listed) in join_all(asked).await {
        match listed {
            Ok(listed) => {
                answered += 1;
                listed.count(&exchange.lists);
                fresh = fresh.min(listed.fresh);
                entries.extend(listed.entries);
            }
            Err(error) => {
                let (server, error_text) = (&*exchange.server.name, &*error.message);
                exchange.lists.absent(server, &member.name, Wanted::List);
                tracing::warn!(
                    server,
                    member = &*member.name,
                    error = error_text,
                    "a member of a virtual server gives no list"
                );
                // A client that begins a new session reaches all members again.
                if error == RpcError::no_session() || of.on_failure == OnMemberFailure::Fail {
                    return Err(error);
                }
                failed = Some(error);
            }
        }
    }
    if let Some(error) = failed {
        if answered == 0 {
            return Err(error);
        }
        // The rest may be there the next time.
        fresh = Duration::ZERO;
    }
    // Two have one name only if their hashes are the same: then the member that stands first keeps it.
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    entries.dedup_by(|one, other| one.key == other.key);
    Ok(Listed { entries, fresh })
}

/// Asks members for their names, which are remembered.
///
/// # Errors
/// When one cannot be asked.
pub(super) async fn learn(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    members: &[usize],
    sessions: Option<&OwnSession>,
    recording: &Recording,
) -> Result<(), RpcError> {
    let members = members.iter().filter_map(|index| {
        let member = of.member(*index)?;
        member.open_to(exchange.caller())?;
        Some(list(exchange, of, *index, member, sessions, recording))
    });
    join_all(members)
        .await
        .into_iter()
        .try_for_each(|listed| listed.map(drop))
}

/// What a member lists, under the names that it has here.
async fn list(
    exchange: &Exchange,
    of: &Virtual,
    index: usize,
    member: &Member,
    sessions: Option<&OwnSession>,
    recording: &Recording,
) -> Result<OfMember, RpcError> {
    let absent = || RpcError::upstream("there is no such MCP server");
    let server = member.open_to(exchange.caller()).ok_or_else(absent)?;
    let routed = exchange.to_member(server, None, sessions)?;
    let (exchange, session) =
        routed.ok_or_else(|| RpcError::upstream("the MCP server is not part of this session"))?;
    let listing = Box::pin(exchange.list_tools(session.as_deref(), recording));
    let pages = timer::timeout(LIMIT, listing)
        .await
        .unwrap_or_else(|_| Err(RpcError::upstream_timeout()))?;
    let asked = Asked {
        method: "tools/list".to_owned(),
        ..Asked::default()
    };
    let mut listed = OfMember {
        entries: Vec::new(),
        fresh: FRESH,
        server: Arc::clone(&server.name),
        disabled: 0,
        refused: 0,
    };
    for page in pages {
        let page = exchange.hold_list(&asked, page)?;
        server.definitions.learn(&page);
        listed.disabled += disabled(&page, server);
        // What no header can follow is left out of the whole list.
        let shown = with_settings(&page, server, |_| false);
        let page = shown.map_or(Ok(page), Message::parse)?;
        read(&exchange, &page, of, (index, member), &mut listed);
    }
    Ok(listed)
}

/// Reads one page of a member, but for what the caller may never call.
fn read(
    exchange: &Exchange,
    page: &Message,
    of: &Virtual,
    (index, member): (usize, &Member),
    into: &mut OfMember,
) {
    let Some(result) = page.root().get("result") else {
        return;
    };
    if let Some(millis) = result.get("ttlMs").and_then(|ttl| ttl.as_u64()) {
        into.fresh = into.fresh.min(Duration::from_millis(millis));
    }
    let Some(tools) = result.get("tools") else {
        return;
    };
    for tool in tools.items() {
        let Some(own) = tool.get_str("name").filter(|own| member.offers(own)) else {
            continue;
        };
        let name = of.name(index, &own);
        of.learn(&name, index, &own);
        if exchange.of_tool(&name).never_allows(&own) {
            into.refused += 1;
            continue;
        }
        let json = if name == *own {
            Some(tool.raw().to_owned())
        } else {
            edit::tool_named(tool, &name)
        };
        into.entries
            .extend(json.map(|json| Entry { key: name, json }));
    }
}
