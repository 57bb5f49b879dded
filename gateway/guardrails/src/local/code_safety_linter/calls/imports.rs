//! Names that code imports, and what they stand for.

use super::super::apis::{APIS, Api, MODULES};
use super::super::token::{Class, Lexer};
use super::Walk;

/// Imports that are remembered.
const MAX_IMPORTS: usize = 64;

/// A name that was imported: `import os as o`, `from os import popen as p`.
#[derive(Debug)]
pub(super) struct Import<'t> {
    /// As it is called in the text; `*` for all of a module.
    alias: &'t str,
    module: &'t str,
    /// The member; none when the alias is the module itself.
    member: Option<&'t str>,
}

impl<'t> Walk<'t> {
    /// `import os, sys as s`
    pub(super) fn import_modules(&mut self, lexer: Lexer<'t>) {
        let mut module: Option<&'t str> = None;
        let mut renamed = false;
        for token in lexer.take(24) {
            match token.class {
                Class::Name if self.written(&token.range) == "as" => renamed = true,
                Class::Name => {
                    let word = self.written(&token.range);
                    match module {
                        Some(module) if renamed => self.remember(word, module, None),
                        _ => module = Some(word),
                    }
                }
                Class::Sign(b',') => (module, renamed) = (None, false),
                Class::Sign(b'.') => {}
                _ => return,
            }
        }
    }

    /// `from os import popen as p, system`
    pub(super) fn import_members(&mut self, lexer: Lexer<'t>) {
        let mut tokens = lexer
            .take(48)
            .filter(|token| !matches!(token.class, Class::Sign(b'(')));
        let Some(module) = tokens.next() else { return };
        let module = self.written(&module.range);
        if tokens
            .next()
            .is_none_or(|token| self.written(&token.range) != "import")
        {
            return;
        }
        let mut member: Option<&'t str> = None;
        let mut renamed = false;
        for token in tokens {
            match token.class {
                Class::Name if self.written(&token.range) == "as" => renamed = true,
                Class::Name => {
                    let word = self.written(&token.range);
                    match member {
                        Some(member) if renamed => {
                            self.remember(word, module, Some(member));
                        }
                        _ => {
                            member = Some(word);
                            self.remember(word, module, member);
                        }
                    }
                }
                Class::Sign(b'*') => self.remember("*", module, None),
                Class::Sign(b',') => (member, renamed) = (None, false),
                Class::Line if member.is_none() => {}
                _ => return,
            }
        }
    }

    fn remember(&mut self, alias: &'t str, module: &'t str, member: Option<&'t str>) {
        if self.imports.len() < MAX_IMPORTS && MODULES.contains(&module) {
            self.imports.push(Import {
                alias,
                module,
                member,
            });
        }
    }

    /// Interfaces of that name, with imports resolved.
    pub(super) fn lookup<'s>(
        &'s self,
        base: &'s str,
        name: &'s str,
    ) -> impl Iterator<Item = &'static Api> + 's {
        let import = self.imports.iter().rev().find(|import| {
            if base.is_empty() {
                import.alias == name || import.alias == "*"
            } else {
                import.alias == base && import.member.is_none()
            }
        });
        let (module, member) = match import {
            Some(import) => (import.module, import.member.unwrap_or(name)),
            None => ("", ""),
        };
        APIS.iter().filter(move |api| {
            let here = api.families.is_empty() || api.families.contains(&self.family);
            let direct = (api.base == base || (api.base == "*" && !base.is_empty()))
                && api.names.contains(&name);
            let imported = !module.is_empty() && api.base == module && api.names.contains(&member);
            here && (direct || imported)
        })
    }
}
