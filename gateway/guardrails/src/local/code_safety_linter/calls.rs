//! Finds calls of dangerous interfaces in code.

use std::ops::Range;

use super::language::Family;
use super::token::{Class, Lexer, Token};

mod forms;
mod imports;

use imports::Import;

/// A finding in a text: category and bytes.
pub(super) type Found = (&'static str, Range<usize>);

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
