//! Where a document says that it is served.

use serde_json::Value as Json;

/// Variables of a server's URL that are filled in, at most.
const MAX_VARIABLES: usize = 16;

/// The first server's URL with the defaults of its variables, when it is absolute.
pub(super) fn first(root: &Json) -> Option<String> {
    let server = root.get("servers")?.get(0)?;
    let mut url = server.get("url")?.as_str()?.trim().to_owned();
    let variables = server.get("variables").and_then(Json::as_object);
    for (name, variable) in variables.into_iter().flatten().take(MAX_VARIABLES) {
        let default = variable.get("default")?.as_str()?;
        if url.len() + default.len() > 2048 {
            return None;
        }
        url = url.replacen(&format!("{{{name}}}"), default, 1);
    }
    let is_absolute = url.starts_with("http://") || url.starts_with("https://");
    (is_absolute && url.len() <= 2048 && !url.contains(['{', '}'])).then_some(url)
}
