//! Finds calls of dangerous interfaces in code.

use std::ops::Range;

use super::apis::{APIS, Api, MODULES, When};
use super::language::Family;
use super::token::{Class, Lexer, Token};

/// Tokens of arguments that are looked at.
const ARGUMENTS: usize = 24;
/// Imports that are remembered.
const MAX_IMPORTS: usize = 64;
/// How far behind a call its use is looked for.
const NEAR: usize = 400;

/// A finding in a text: category and bytes.
pub(super) type Found = (&'static str, Range<usize>);

/// A name that was imported: `import os as o`, `from os import popen as p`.
#[derive(Debug)]
struct Import<'t> {
    /// As it is called in the text; `*` for all of a module.
    alias: &'t str,
    module: &'t str,
    /// The member; none when the alias is the module itself.
    member: Option<&'t str>,
}

/// Walks over code.
struct Walk<'t> {
    text: &'t str,
    family: Family,
    imports: Vec<Import<'t>>,
    /// Whether the text names sockets, and Rust's module of processes.
    sockets: bool,
    processes: bool,
    /// Whether it asks Java for its runtime, whose `exec` is then called on a variable.
    runtime: bool,
}

/// A call.
struct Called<'c> {
    /// The names that lead to it.
    path: &'c [Range<usize>],
    /// The string that the call before it was given: `Path('x').unlink(`.
    given: &'c str,
    /// Where its arguments begin.
    at: usize,
    /// Whether the parenthesis follows at once.
    touching: bool,
}

/// Finds dangerous calls in `text`.
pub(super) fn find(text: &str, family: Family, found: &mut Vec<Found>) {
    let names = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    let (sockets, processes) = (names("socket"), names("process::Command"));
    let runtime = names("getRuntime");
    let mut walk = Walk {
        text,
        family,
        imports: Vec::new(),
        sockets,
        processes,
        runtime,
    };
    // The names of a path `a.b.c`, and whether a dot came last.
    let mut path: Vec<Range<usize>> = Vec::new();
    let mut dotted = false;
    // What was called last, and the string it was given.
    let (mut called, mut given) = ("", "");
    let mut last = Class::Line;
    let mut lexer = Lexer::new(text, family, 0);
    while let Some(token) = lexer.next() {
        match token.class {
            Class::Name => {
                let word = walk.written(&token.range);
                if matches!(last, Class::Line | Class::Sign(b';' | b'>')) {
                    match word {
                        "import" => walk.import_modules(lexer.clone()),
                        "from" => walk.import_members(lexer.clone()),
                        _ => {}
                    }
                }
                if dotted && path.len() < 8 {
                    path.push(token.range.clone());
                } else {
                    // `new X(` is a path of its own; `def x(` is no call.
                    let keep = path.len() == 1
                        && path.first().is_some_and(|r| {
                            matches!(
                                walk.written(r),
                                "new"
                                    | "def"
                                    | "function"
                                    | "fn"
                                    | "func"
                                    | "fun"
                                    | "sub"
                                    | "class"
                            )
                        });
                    if !keep || last != Class::Name {
                        path.clear();
                    }
                    path.push(token.range.clone());
                }
                dotted = false;
            }
            Class::Sign(b'.') => dotted = !path.is_empty(),
            Class::Sign(b'(') => {
                called = path.last().map_or("", |name| walk.written(name));
                if let Some(name) = path.last() {
                    let touching = name.end == token.range.start || last == Class::Sign(b')');
                    let at = token.range.end;
                    let call = Called {
                        path: &path,
                        given,
                        at,
                        touching,
                    };
                    walk.call(&call, lexer.clone(), found);
                }
                // `x().y(`: what was called is the base of what follows.
                let base = path.pop();
                given = "";
                path.clear();
                path.extend(base);
                if !walk.may_continue(token.range.end) {
                    path.clear();
                }
                dotted = false;
            }
            Class::Sign(b')') => {}
            Class::Text => {
                walk.text_token(&path, called, last, &token, found);
                given = walk.written(&token.range);
                if last != Class::Sign(b'(') {
                    path.clear();
                }
                dotted = false;
            }
            Class::Command => {
                if !token.range.is_empty() {
                    found.push(("process_spawn", token.range.clone()));
                }
                path.clear();
            }
            Class::Sign(b'`') => {
                walk.backtick(token.range.start, found);
                path.clear();
                dotted = false;
            }
            Class::Number | Class::Line | Class::Sign(_) => {
                path.clear();
                dotted = false;
            }
        }
        last = token.class;
    }
}

impl<'t> Walk<'t> {
    fn written(&self, range: &Range<usize>) -> &'t str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// Whether the call whose arguments begin at `at` is soon closed and goes on with a member:
    /// `getRuntime().exec(`, `__import__('os').system(`.
    fn may_continue(&self, at: usize) -> bool {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let rest = rest.get(..40).unwrap_or(rest);
        memchr::memchr(b')', rest).is_some_and(|close| {
            !rest.get(..close).unwrap_or_default().contains(&b'(')
                && rest
                    .get(close + 1..)
                    .unwrap_or_default()
                    .iter()
                    .find(|b| !b.is_ascii_whitespace())
                    == Some(&b'.')
        })
    }

    /// `import os, sys as s`
    fn import_modules(&mut self, lexer: Lexer<'t>) {
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
    fn import_members(&mut self, lexer: Lexer<'t>) {
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

    /// Judges a call.
    fn call(&self, call: &Called<'_>, arguments: Lexer<'t>, found: &mut Vec<Found>) {
        let (path, at) = (call.path, call.at);
        let Some((name_range, before)) = path.split_last() else {
            return;
        };
        let name = self.written(name_range);
        let base = match before.last().map_or("", |range| self.written(range)) {
            // `__import__('os').system(`
            "__import__" | "import_module" if !call.given.is_empty() => call.given,
            base => base,
        };
        if matches!(
            base,
            "def" | "function" | "fn" | "func" | "fun" | "sub" | "class"
        ) {
            return;
        }
        // In prose a space separates a word from a remark in parentheses.
        if !call.touching && self.family == Family::Unknown && base.is_empty() {
            return;
        }
        if name == "x"
            && self
                .text
                .get(..name_range.start)
                .is_some_and(|before| before.ends_with('%'))
        {
            found.push(("process_spawn", name_range.start - 1..name_range.end));
            return;
        }
        if base.is_empty() && self.is_definition(arguments.clone()) {
            return;
        }
        // `exec(s)` is a plural.
        let plural = self.family == Family::Unknown && base.is_empty() && self.is_plural(at);
        if plural {
            return;
        }
        let hit = self
            .lookup(base, name)
            .find(|api| self.fits(api.when, at, arguments.clone()));
        let range = before.first().unwrap_or(name_range).start..name_range.end;
        if let Some(api) = hit {
            found.push((api.category, range));
        } else if name == "exec" && self.runtime && !base.is_empty() {
            found.push(("process_spawn", range));
        } else if matches!(name, "unlink" | "rmdir")
            && base == "Path"
            && call.given.starts_with('/')
        {
            found.push(("file_delete", range));
        } else if matches!(
            name,
            "exec" | "spawn" | "fork" | "execSync" | "execFile" | "spawnSync"
        ) && matches!(call.given, "child_process" | "node:child_process")
        {
            found.push(("process_spawn", range));
        } else if name == "getattr" && base.is_empty() {
            self.by_name(range, arguments, found);
        } else if name == "fork" && base == "os" && self.in_loop(at) {
            found.push(("fork_bomb", range));
        } else if name == "dup2" && self.sockets {
            found.push(("reverse_shell", range));
        } else if matches!(name, "DownloadString" | "downloadstring" | "Downloadstring") {
            found.push(("pipe_to_shell", range));
        }
    }

    /// Whether what looks like a call is the head of a method: `exec(query: string) {`.
    fn is_definition(&self, arguments: Lexer<'t>) -> bool {
        let head: Vec<Token> = arguments.clone().take(3).collect();
        let class = |n: usize| head.get(n).map(|token| token.class);
        // `:=` assigns.
        if class(0) == Some(Class::Name)
            && class(1) == Some(Class::Sign(b':'))
            && class(2) != Some(Class::Sign(b'='))
        {
            return true;
        }
        let mut depth = 1_u32;
        let mut typed = false;
        for token in arguments.take(ARGUMENTS) {
            match token.class {
                // `exec(query: string): void {`
                Class::Sign(b':') if depth == 0 && !typed => typed = true,
                Class::Sign(b'{') if depth == 0 => return self.family != Family::Ruby,
                Class::Name | Class::Sign(b'.' | b'<' | b'>' | b'[' | b']' | b'|') if typed => {}
                _ if depth == 0 => return false,
                Class::Sign(b'(') => depth += 1,
                Class::Sign(b')') => depth -= 1,
                _ => {}
            }
        }
        false
    }

    /// Interfaces of that name, with imports resolved.
    fn lookup<'s>(
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

    /// Whether the parentheses at `at` hold the ending of a word in a sentence.
    fn is_plural(&self, at: usize) -> bool {
        let rest = self.text.get(at..).unwrap_or_default();
        ["s) ", "es) ", "ed) ", "ing) "].iter().any(|ending| {
            let behind = rest
                .strip_prefix(ending)
                .and_then(|rest| rest.chars().next());
            behind.is_some_and(|c| c.is_ascii_lowercase())
        })
    }

    /// `getattr(os, 'system')`, also `getattr(os, 'sys' + 'tem')`.
    fn by_name(&self, range: Range<usize>, mut arguments: Lexer<'t>, found: &mut Vec<Found>) {
        let (Some(object), Some(comma)) = (arguments.next(), arguments.next()) else {
            return;
        };
        if comma.class != Class::Sign(b',') {
            return;
        }
        let mut member = String::new();
        for token in arguments.take(8) {
            match token.class {
                Class::Text => member.push_str(self.written(&token.range)),
                Class::Sign(b'+') => {}
                _ => break,
            }
        }
        let api = self
            .lookup(self.written(&object.range), &member)
            .next()
            .map(|api| api.category);
        found.extend(api.map(|category| (category, range)));
    }

    /// Whether the call is the body of an endless loop.
    fn in_loop(&self, at: usize) -> bool {
        let bytes = self.text.as_bytes();
        let before = bytes.get(at.saturating_sub(60)..at).unwrap_or_default();
        let behind = bytes
            .get(at..(at + 12).min(bytes.len()))
            .unwrap_or_default();
        let heads = [
            "while True",
            "while 1",
            "while(1",
            "while (1",
            "for(;;",
            "for (;;",
        ];
        memchr::memmem::find(behind, b") for ").is_some()
            || heads
                .iter()
                .any(|head| memchr::memmem::find(before, head.as_bytes()).is_some())
    }

    /// Whether the arguments at `at` are as a row wants them.
    fn fits(&self, when: When, at: usize, arguments: Lexer<'t>) -> bool {
        let list: Vec<Token> = arguments
            .filter(|token| token.class != Class::Line)
            .take(ARGUMENTS)
            .collect();
        let class = |n: usize| list.get(n).map(|token| token.class);
        let given = !matches!(class(0), None | Some(Class::Sign(b')')));
        let string = class(0) == Some(Class::Text)
            // f"..", b"..", @"..", L"..".
            || (class(1) == Some(Class::Text) && list.first().is_some_and(|token| token.range.len() <= 2));
        let word = |n: usize| list.get(n).map_or("", |token| self.written(&token.range));
        match when {
            When::Always => true,
            // `subprocess.run(shell=True)` is a mention.
            When::Given => {
                let keyword = class(0) == Some(Class::Name) && word(1) == "=" && word(2) != "=";
                given
                    && word(0) != "..."
                    && (!keyword || matches!(word(0), "args" | "cmd" | "command" | "path"))
            }
            When::Text => string,
            When::Operand => {
                let name = class(0) == Some(Class::Name) && word(0).len() > 1;
                string || name || matches!(class(0), Some(Class::Sign(b'$' | b'@' | b'[' | b'`')))
            }
            When::TextAndList => {
                string && list.iter().any(|token| token.class == Class::Sign(b'['))
            }
            When::Recursive => {
                let options = string && word(0).starts_with('-') && word(0).contains(['r', 'R']);
                options
                    || (0..list.len()).any(|n| {
                        let given = matches!(word(n + 1), "," | "}");
                        word(n) == "recursive"
                            && (given || matches!(word(n + 2), "true" | "True" | "!"))
                    })
            }
            When::Request => word(0).starts_with("$_"),
            When::True => (0..list.len()).any(|n| word(n) == "true"),
            When::Run => {
                let end = (at + NEAR).min(self.text.len());
                let near = self.text.as_bytes().get(at..end).unwrap_or_default();
                let run = [&b".output()"[..], b".spawn()", b".status()", b".exec()"];
                run.iter()
                    .any(|call| memchr::memmem::find(near, call).is_some())
                    || self.processes
            }
        }
    }

    /// A string that names a module: `require('child_process')`, `from 'node:child_process'`.
    fn text_token(
        &self,
        path: &[Range<usize>],
        called: &str,
        last: Class,
        token: &Token,
        found: &mut Vec<Found>,
    ) {
        let content = self.written(&token.range);
        let word = path.last().map_or("", |range| self.written(range));
        let rest = self.text.get(token.range.end + 1..).unwrap_or_default();
        if rest.starts_with(".execute()") && self.family != Family::Python {
            found.push(("process_spawn", token.range.clone()));
        }
        if matches!(content, "child_process" | "node:child_process" | "shelljs") {
            let required = last == Class::Sign(b'(') && matches!(called, "require" | "import");
            let imported = last == Class::Name && matches!(word, "from" | "import");
            if required || imported {
                found.push(("process_spawn", token.range.clone()));
            }
        }
        // Ruby and Perl call without parentheses: `system "ls"`.
        let bare = last == Class::Name && path.len() == 1 && matches!(word, "system" | "exec");
        let known = matches!(self.family, Family::Ruby | Family::Perl)
            || (self.family == Family::Unknown
                && content.contains([' ', '/', '#', '$'])
                && self.starts_line(path));
        if bare && known {
            found.push((
                "process_spawn",
                path.first().map_or(0, |r| r.start)..token.range.end,
            ));
        }
    }

    /// Whether a path begins its line.
    fn starts_line(&self, path: &[Range<usize>]) -> bool {
        let start = path.first().map_or(0, |range| range.start);
        let before = self.text.get(..start).unwrap_or_default();
        before
            .bytes()
            .rev()
            .find(|b| !matches!(b, b' ' | b'\t'))
            .is_none_or(|b| b == b'\n')
    }

    /// A backtick in text whose language is not known: Ruby's commands have `#{}` in them.
    fn backtick(&self, at: usize, found: &mut Vec<Found>) {
        let rest = self.text.as_bytes().get(at + 1..).unwrap_or_default();
        let rest = rest.get(..256).unwrap_or(rest);
        if let Some(end) = memchr::memchr2(b'`', b'\n', rest)
            && rest.get(end) == Some(&b'`')
            && memchr::memmem::find(rest.get(..end).unwrap_or_default(), b"#{").is_some()
        {
            found.push(("process_spawn", at..at + 1 + end + 1));
        }
    }
}
