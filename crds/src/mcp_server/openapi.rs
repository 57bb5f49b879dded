//! An HTTP API that an OpenAPI document describes, as an MCP server.

use parapet_policy::secret::PlainOrSecret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::McpServerSpec;
use crate::openapi::{Api, Method, Wanted};

/// An HTTP API that an OpenAPI document describes: each operation is a tool.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenApi {
    /// The document, OpenAPI 3.0 or 3.1, as a text: YAML or JSON of at most 1 MiB. Or `{secretKeyRef: {name, key}}`, for one
    /// that is larger than what `kubectl apply` takes (256 KiB); such a document is read by gateways only.
    pub document: PlainOrSecret,
    /// Where the API is, without query. Absent: the document's first server, which has to be an absolute URL then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = "^https?://"))]
    pub base_url: Option<String>,
    /// The operations that are tools. Absent: all that can be, at most 128.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub include: Vec<OperationSelector>,
    /// Operations that are no tools although they are included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub exclude: Vec<OperationSelector>,
}

/// Operations of a document: those of which everything holds that is given. `*` stands for any run of characters.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationSelector {
    /// Their `operationId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub operation_id: Option<String>,
    /// One of their tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub tag: Option<String>,
    /// Their path as the document writes it: `/pets/{petId}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub path: Option<String>,
    /// Their methods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6), extend("x-kubernetes-list-type" = "set"))]
    pub methods: Vec<Method>,
}

/// (path, message) of what is wrong in a resource, or worth knowing.
type Said = (String, String);

/// Remarks about one document that are told; the rest is counted.
const MOST_REMARKS: usize = 20;

impl McpServerSpec {
    /// What the document comes to for this server.
    ///
    /// # Errors
    /// What is wrong in the document, or that nobody says where the API is, as (path, message).
    pub fn api(&self, openapi: &OpenApi, document: &str) -> Result<Api, Said> {
        let per_user = self.auth.as_ref().and_then(|auth| auth.per_user.as_ref());
        let per_user = per_user.map_or(&[][..], |per_user| &per_user.headers);
        let own = self.headers.keys().chain(&self.pass_headers);
        let own: Vec<&str> = own.chain(per_user).map(String::as_str).collect();
        let wanted = Wanted {
            include: &openapi.include,
            exclude: &openapi.exclude,
            headers: &own,
            servers: openapi.base_url.is_none(),
        };
        let api = crate::openapi::read(document, &wanted)
            .map_err(|problem| (DOCUMENT.to_owned(), problem.to_string()))?;
        let base = openapi.base_url.as_ref().or(api.server.as_ref());
        let path = "spec.openapi.baseUrl".to_owned();
        match base {
            None => Err((
                path,
                "give the API's URL: the document names no server by an absolute URL".to_owned(),
            )),
            Some(base) if base.contains(['?', '#']) => Err((
                path,
                "the API's URL has no query and no fragment".to_owned(),
            )),
            Some(_) => Ok(api),
        }
    }

    /// What is wrong in a document that stands in the resource, and what is worth knowing of it.
    pub(crate) fn openapi_remarks(&self) -> (Option<Said>, Vec<Said>) {
        let Some(openapi) = &self.openapi else {
            return (None, Vec::new());
        };
        // What a Secret holds is known to gateways only.
        let PlainOrSecret::Plain(document) = &openapi.document else {
            return (None, Vec::new());
        };
        match self.api(openapi, document) {
            Ok(api) => (None, self.remarks(&api)),
            Err(problem) => (Some(problem), Vec::new()),
        }
    }

    /// What is worth knowing of a document: what is not offered as written, and settings of tools that there are not.
    pub fn remarks(&self, api: &Api) -> Vec<Said> {
        let told = api.remarks.iter().take(MOST_REMARKS);
        let mut remarks: Vec<Said> = told
            .map(|problem| (DOCUMENT.to_owned(), problem.to_string()))
            .collect();
        if let Some(more) = api
            .remarks
            .len()
            .checked_sub(MOST_REMARKS)
            .filter(|n| *n > 0)
        {
            remarks.push((DOCUMENT.to_owned(), format!("and {more} more like these")));
        }
        for (index, tool) in self.tools.iter().enumerate() {
            if !api
                .operations
                .iter()
                .any(|operation| operation.name == tool.name)
            {
                let message = format!("no operation is offered as {:?}", tool.name);
                remarks.push((format!("spec.tools[{index}].name"), message));
            }
        }
        remarks
    }
}

const DOCUMENT: &str = "spec.openapi.document";

#[cfg(test)]
mod tests {
    use parapet_policy::diagnostic::{Diagnostic, Severity, Source};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::convert::{Said, mcp_server};

    const PETS: &str = "openapi: 3.0.0\npaths: {/pets: {get: {operationId: listPets}, post: {operationId: addPet}}}";

    /// What is said about a server: (severity, path, message).
    fn said(spec: Json) -> Vec<(Severity, String, String)> {
        let spec: McpServerSpec = serde_json::from_value(spec).unwrap();
        let source = Source {
            kind: "MCPServer".into(),
            namespace: "default".into(),
            name: "pets".into(),
            file: None,
        };
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        let mut said = Said {
            source: &source,
            diagnostics: &mut diagnostics,
        };
        mcp_server(&spec, None, &mut said);
        let each = diagnostics.into_iter();
        each.map(|one| (one.severity, one.path, one.message))
            .collect()
    }

    #[test]
    fn an_api_is_read_and_written_back() {
        let spec = json!({"openapi": {
            "document": PETS, "baseUrl": "https://pets.example.com",
            "include": [{"operationId": "list*", "tag": "pets", "path": "/pets", "methods": ["GET", "HEAD"]}],
            "exclude": [{"methods": ["DELETE"]}],
        }});
        let read: McpServerSpec = serde_json::from_value(spec.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), spec);
    }

    #[test]
    fn a_document_is_judged_where_the_resource_is() {
        let base = "https://pets.example.com";
        let of = |document: &str| json!({"openapi": {"document": document, "baseUrl": base}});
        let elsewhere =
            "openapi: 3.0.0\npaths: {/pets: {$ref: 'https://evil.example.com/pets.yaml'}}";
        let multipart = "openapi: 3.0.0\npaths: {/a: {get: {}, post: {requestBody: {required: true, content: {multipart/form-data: {}}}}}}";
        let rows = [
            (of(PETS), None),
            (
                json!({"openapi": {"document": {"secretKeyRef": {"name": "a", "key": "b"}}}}),
                None,
            ),
            (
                of(elsewhere),
                Some((
                    Severity::Error,
                    DOCUMENT,
                    "#/paths/~1pets: \"https://evil.example.com/pets.yaml\" is not in this document",
                )),
            ),
            (
                of("a: [b"),
                Some((Severity::Error, DOCUMENT, "not valid YAML")),
            ),
            (
                of(multipart),
                Some((Severity::Warning, DOCUMENT, "not offered")),
            ),
            (
                json!({"openapi": {"document": PETS}}),
                Some((Severity::Error, "spec.openapi.baseUrl", "no server")),
            ),
            (
                json!({"openapi": {"document": PETS, "baseUrl": "https://pets.example.com/v1?key=1"}}),
                Some((Severity::Error, "spec.openapi.baseUrl", "no query")),
            ),
            (
                json!({"openapi": {"document": PETS, "baseUrl": base}, "tools": [{"name": "addPet"}, {"name": "add_pet"}]}),
                Some((Severity::Warning, "spec.tools[1].name", "add_pet")),
            ),
            (
                json!({"url": "https://mcp.example.com", "openapi": {"document": PETS, "baseUrl": base}}),
                Some((Severity::Error, "spec", "exactly one")),
            ),
        ];
        for (spec, expected) in rows {
            let said = said(spec.clone());
            match expected {
                None => assert_eq!(said, [], "{spec}"),
                Some((severity, path, words)) => {
                    assert_eq!(said.len(), 1, "{said:?}");
                    assert_eq!(
                        (said[0].0, said[0].1.as_str()),
                        (severity, path),
                        "{said:?}"
                    );
                    assert!(said[0].2.contains(words), "{said:?}");
                }
            }
        }
    }
}
