//! What a schema cannot say about a server.

use std::collections::BTreeSet;

use super::{MEMBERS, McpServerSpec, Protocol, refused_header};

impl McpServerSpec {
    /// What is wrong with it, as (path, message).
    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let given = [
            self.command.is_some(),
            self.openapi.is_some(),
            self.url.is_some(),
            self.virtual_server.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            let message = format!("give exactly one upstream: {}", MEMBERS.join(", "));
            found.push(("spec".to_owned(), message));
        }
        found.extend(self.virtual_problems());
        let mut names = BTreeSet::new();
        for (index, tool) in self.tools.iter().enumerate() {
            if !names.insert(tool.name.as_str()) {
                let message = format!("{:?} is listed before", tool.name);
                found.push((format!("spec.tools[{index}].name"), message));
            }
        }
        for (index, name) in self.pass_headers.iter().enumerate() {
            if let Some(reason) = refused_header(name) {
                let message = format!("{name:?} {reason}");
                found.push((format!("spec.passHeaders[{index}]"), message));
            }
        }
        if let Some(auth) = &self.auth {
            found.extend(auth.problems(self.headers.keys()));
        }
        if let Some(tls) = &self.tls {
            let base = self.openapi.as_ref().and_then(|api| api.base_url.as_ref());
            let url = self.url.as_ref().or(base).map(String::as_str);
            let problems = tls.problems(url).into_iter();
            found.extend(problems.map(|message| ("spec.tls".to_owned(), message.to_owned())));
        }
        if let Some(command) = &self.command {
            let message = "this is for servers at a url: give a program what it needs in its env";
            for (path, given) in [
                ("spec.headers", !self.headers.is_empty()),
                ("spec.passHeaders", !self.pass_headers.is_empty()),
                ("spec.auth", self.auth.is_some()),
                ("spec.tls", self.tls.is_some()),
            ] {
                if given {
                    found.push((path.to_owned(), message.to_owned()));
                }
            }
            if self.protocol == Protocol::Modern {
                let message = "programs are spoken to in sessions, one for each process";
                found.push(("spec.protocol".to_owned(), message.to_owned()));
            }
            let problems = command.problems().into_iter();
            found.extend(problems.map(|(path, message)| (format!("spec.command{path}"), message)));
        }
        if let Some(pinning) = &self.pinning {
            let below = pinning.problems().into_iter();
            found.extend(below.map(|(path, message)| (format!("spec.pinning.{path}"), message)));
        }
        found
    }
}
