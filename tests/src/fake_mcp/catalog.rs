//! What a scripted MCP server has, and what it says about it when no script says otherwise.

use serde_json::{Map, Value, json};

/// Everything that can be listed, called or read. Members of entries are relayed as they stand.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Name, version and whatever else is to be in `serverInfo`.
    pub server_info: Value,
    /// What the server tells models about itself.
    pub instructions: Option<String>,
    /// The capabilities that it declares.
    pub capabilities: Value,
    /// Tool definitions.
    pub tools: Vec<Value>,
    /// Resources; `text` or `blob` is what reading gives and is not listed.
    pub resources: Vec<Value>,
    /// Resource templates.
    pub templates: Vec<Value>,
    /// Prompts; `messages` is what getting gives and is not listed.
    pub prompts: Vec<Value>,
    /// What is offered to complete an argument with.
    pub completions: Vec<String>,
}

impl Default for Catalog {
    fn default() -> Self {
        let text = json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
        let region = json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"}, "query": {"type": "string"}}});
        Self {
            server_info: json!({"name": "fake-mcp", "version": "1.0.0"}),
            instructions: None,
            capabilities: json!({
                "tools": {"listChanged": true}, "prompts": {"listChanged": true}, "completions": {},
                "resources": {"listChanged": true, "subscribe": true}, "logging": {},
            }),
            tools: vec![
                json!({"name": "echo", "description": "Says what it is told.", "inputSchema": text}),
                json!({"name": "lookup", "description": "Finds a record.", "inputSchema": text, "outputSchema": text}),
                json!({"name": "regional", "description": "Asks one region.", "inputSchema": region}),
            ],
            resources: vec![
                json!({"uri": "note://one", "name": "one", "mimeType": "text/plain", "text": "a note"}),
            ],
            templates: vec![
                json!({"uriTemplate": "note://{name}", "name": "note", "description": "Notes by name."}),
            ],
            prompts: vec![json!({
                "name": "greet", "description": "Greets somebody.",
                "arguments": [{"name": "who", "required": true}],
                "messages": [{"role": "user", "content": {"type": "text", "text": "Greet ${who}."}}],
            })],
            completions: vec!["Ada".into(), "Grace".into()],
        }
    }
}

/// What a method gives: a result, or a JSON-RPC error.
pub(super) type Answered = Result<Value, (i64, String)>;

impl Catalog {
    /// What the server answers to a request that no script speaks about; none for a method that it does not know.
    pub(super) fn answer(&self, method: &str, params: &Value, page: usize) -> Option<Answered> {
        Some(match method {
            "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => {
                Ok(json!({}))
            }
            "tools/list" => paged("tools", &self.tools, &[], params, page),
            "resources/list" => paged(
                "resources",
                &self.resources,
                &["text", "blob"],
                params,
                page,
            ),
            "resources/templates/list" => {
                paged("resourceTemplates", &self.templates, &[], params, page)
            }
            "prompts/list" => paged("prompts", &self.prompts, &["messages"], params, page),
            "tools/call" => self.call(params),
            "resources/read" => self.read(params),
            "prompts/get" => self.prompt(params),
            "completion/complete" => {
                let typed = params["argument"]["value"].as_str().unwrap_or_default();
                let fits = self
                    .completions
                    .iter()
                    .filter(|word| word.starts_with(typed));
                let values: Vec<&String> = fits.collect();
                Ok(
                    json!({"completion": {"total": values.len(), "hasMore": false, "values": values}}),
                )
            }
            _ => return None,
        })
    }

    fn call(&self, params: &Value) -> Answered {
        let name = params["name"].as_str().unwrap_or_default();
        let tool = self.tools.iter().find(|tool| tool["name"] == name);
        let tool = tool.ok_or_else(|| (-32602, format!("Unknown tool: {name}")))?;
        let arguments = &params["arguments"];
        let said = arguments["text"].as_str();
        let said = said.map_or_else(|| arguments.to_string(), str::to_owned);
        let mut result = json!({"content": [{"type": "text", "text": said}]});
        if tool["outputSchema"].is_object() {
            result["structuredContent"] = json!({"text": said});
        }
        Ok(result)
    }

    fn read(&self, params: &Value) -> Answered {
        let uri = params["uri"].as_str().unwrap_or_default();
        let resource = self.resources.iter().find(|entry| entry["uri"] == uri);
        let resource = resource.ok_or_else(|| (-32602, format!("Resource not found: {uri}")))?;
        let members = ["uri", "mimeType", "text", "blob"];
        Ok(json!({"contents": [only(resource, |key| members.contains(&key))]}))
    }

    fn prompt(&self, params: &Value) -> Answered {
        let name = params["name"].as_str().unwrap_or_default();
        let prompt = self.prompts.iter().find(|prompt| prompt["name"] == name);
        let prompt = prompt.ok_or_else(|| (-32602, format!("Unknown prompt: {name}")))?;
        let mut messages = prompt["messages"].clone();
        for message in messages.as_array_mut().into_iter().flatten() {
            let Some(text) = message["content"]["text"].as_str() else {
                continue;
            };
            let mut text = text.to_owned();
            for (key, value) in params["arguments"].as_object().into_iter().flatten() {
                text = text.replace(&format!("${{{key}}}"), value.as_str().unwrap_or_default());
            }
            message["content"]["text"] = text.into();
        }
        Ok(json!({"description": prompt["description"], "messages": messages}))
    }
}

/// One page of a list without the members that are not listed. A cursor is the index to go on from.
fn paged(key: &str, all: &[Value], hidden: &[&str], params: &Value, page: usize) -> Answered {
    let from = match &params["cursor"] {
        Value::Null => 0,
        cursor => cursor
            .as_str()
            .and_then(|cursor| cursor.parse::<usize>().ok())
            .filter(|from| *from < all.len())
            .ok_or_else(|| (-32602, "Invalid cursor".to_owned()))?,
    };
    let entries = all.iter().skip(from).take(page.max(1));
    let entries = entries.map(|entry| only(entry, |key| !hidden.contains(&key)));
    let entries: Vec<Value> = entries.collect();
    let next = from + entries.len();
    let mut result = json!({ key: entries });
    if next < all.len() {
        result["nextCursor"] = next.to_string().into();
    }
    Ok(result)
}

fn only(entry: &Value, keep: impl Fn(&str) -> bool) -> Value {
    let members = entry.as_object().into_iter().flatten();
    let kept = members.filter(|(key, _)| keep(key));
    kept.map(|(key, value)| (key.clone(), value.clone()))
        .collect::<Map<_, _>>()
        .into()
}
