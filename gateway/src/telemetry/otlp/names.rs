//! Names of spans and attributes.
//!
//! The `gen_ai` names are in the status Development; they are those of release 1.41 of the conventions, the last with
//! `gen_ai` inside. Nothing has been accepted for guardrails yet: their names are our own, in the shape of what is
//! proposed (a child of the guarded operation; what was found apart from what was done about it).

/// Of the conventions that the standard names come from.
pub(super) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.41.0";

pub(super) const HTTP_METHOD: &str = "http.request.method";
pub(super) const HTTP_ROUTE: &str = "http.route";
pub(super) const HTTP_STATUS: &str = "http.response.status_code";
pub(super) const HTTP_REQUEST_SIZE: &str = "http.request.body.size";
pub(super) const HTTP_RESPONSE_SIZE: &str = "http.response.body.size";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const ERROR_TYPE: &str = "error.type";

pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const PROVIDER: &str = "gen_ai.provider.name";
pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const REQUEST_STREAM: &str = "gen_ai.request.stream";
pub(super) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(super) const FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(super) const MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub(super) const TEMPERATURE: &str = "gen_ai.request.temperature";
pub(super) const TOP_P: &str = "gen_ai.request.top_p";
pub(super) const TOP_K: &str = "gen_ai.request.top_k";
pub(super) const FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
pub(super) const PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
pub(super) const SEED: &str = "gen_ai.request.seed";
pub(super) const CHOICES: &str = "gen_ai.request.choice.count";
pub(super) const RESPONSE_ID: &str = "gen_ai.response.id";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub(super) const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(super) const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
pub(super) const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
pub(super) const TOOL: &str = "gen_ai.tool.name";
/// The operations.
pub(super) const CHAT: &str = "chat";
pub(super) const EXECUTE_TOOL: &str = "execute_tool";

pub(super) const MCP_METHOD: &str = "mcp.method.name";
pub(super) const MCP_VERSION: &str = "mcp.protocol.version";
pub(super) const MCP_SERVER: &str = "parapet.mcp.server";
pub(super) const MCP_SOURCE: &str = "parapet.mcp.source";

pub(super) const REQUEST_ID: &str = "parapet.request.id";
pub(super) const SUBJECT: &str = "parapet.subject";
pub(super) const TEAMS: &str = "parapet.teams";
pub(super) const REVISION: &str = "parapet.policy.revision";
pub(super) const END: &str = "parapet.end";
pub(super) const UNJUDGED: &str = "parapet.unjudged.classes";
pub(super) const UNJUDGED_COUNTS: &str = "parapet.unjudged.counts";
pub(super) const REWRITES: &str = "parapet.rewrites";
/// The bodies as they went out, by a setting only.
pub(super) const INPUT: &str = "parapet.input";
pub(super) const OUTPUT: &str = "parapet.output";
pub(super) const SKIPPED: &str = "parapet.guardrails.skipped";
pub(super) const ACCOUNT: &str = "parapet.model.account";

pub(super) const SELECTOR: &str = "parapet.guardrail.selector";
pub(super) const KIND: &str = "parapet.guardrail.kind";
pub(super) const HOOK: &str = "parapet.guardrail.hook";
pub(super) const GUARDRAIL_OPERATION: &str = "parapet.guardrail.operation";
pub(super) const STRATEGY: &str = "parapet.guardrail.strategy";
pub(super) const OUTCOME: &str = "parapet.guardrail.outcome";
pub(super) const ACTION: &str = "parapet.guardrail.action";
pub(super) const CATEGORIES: &str = "parapet.guardrail.categories";
pub(super) const COUNTS: &str = "parapet.guardrail.counts";
pub(super) const EDITS: &str = "parapet.guardrail.edits";
pub(super) const PLACES: &str = "parapet.guardrail.places";
pub(super) const CHANGED: &str = "parapet.guardrail.changed";
pub(super) const DURATION: &str = "parapet.guardrail.duration_us";
pub(super) const RULES: &str = "parapet.guardrail.rules";

/// The published names, written beside the standard ones by a setting.
pub(super) mod published {
    pub(in super::super) const SPAN_TYPE: &str = "tfy.span_type";
    pub(in super::super) const MODEL_NAME: &str = "tfy.request.model_name";
    pub(in super::super) const SUBJECT: &str = "tfy.request.created_by_subject";
    pub(in super::super) const TEAMS: &str = "tfy.request.created_by_subject_teams";
    pub(in super::super) const INPUT: &str = "tfy.input";
    pub(in super::super) const OUTPUT: &str = "tfy.output";
    pub(in super::super) const TRIGGERED: &str = "tfy.triggered_guardrail_fqns";
    pub(in super::super) const MODEL_ID: &str = "tfy.model.id";
    pub(in super::super) const MODEL: &str = "tfy.model.name";
    pub(in super::super) const MODEL_FQN: &str = "tfy.model.fqn";
    pub(in super::super) const STREAMING: &str = "tfy.model.streaming";
    pub(in super::super) const FIRST_TOKEN: &str = "tfy.model.metric.time_to_first_token_in_ms";
    pub(in super::super) const MODEL_LATENCY: &str = "tfy.model.metric.latency_in_ms";
    pub(in super::super) const INPUT_TOKENS: &str = "tfy.model.metric.input_tokens";
    pub(in super::super) const CACHE_READ_TOKENS: &str = "tfy.model.metric.cache_read_input_tokens";
    pub(in super::super) const CACHE_WRITE_TOKENS: &str =
        "tfy.model.metric.cache_creation_input_tokens";
    pub(in super::super) const OUTPUT_TOKENS: &str = "tfy.model.metric.output_tokens";
    pub(in super::super) const GUARDRAIL: &str = "tfy.guardrail.name";
    pub(in super::super) const GUARDRAIL_FQN: &str = "tfy.guardrail.fqn";
    pub(in super::super) const RESULT: &str = "tfy.guardrail.result";
    pub(in super::super) const GUARDRAIL_LATENCY: &str = "tfy.guardrail.metric.latency_in_ms";
    pub(in super::super) const APPLIED_ON: &str = "tfy.guardrail.applied_on_entity.type";
    pub(in super::super) const APPLIED_ON_NAME: &str = "tfy.guardrail.applied_on_entity.name";
}
