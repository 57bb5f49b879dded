//! What stands around a call: whether it is one at all, and whether its arguments are as a row wants them.

use super::super::apis::When;
use super::super::language::Family;
use super::super::token::{Class, Lexer, Token};
use super::Walk;

/// Tokens of arguments that are looked at.
const ARGUMENTS: usize = 24;
/// How far behind a call its use is looked for.
const NEAR: usize = 400;

impl<'t> Walk<'t> {
    /// Whether what looks like a call is the head of a method: `exec(query: string) {`.
    pub(super) fn is_definition(&self, arguments: Lexer<'t>) -> bool {
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

    /// Whether the parentheses at `at` hold the ending of a word in a sentence.
    pub(super) fn is_plural(&self, at: usize) -> bool {
        let rest = self.text.get(at..).unwrap_or_default();
        ["s) ", "es) ", "ed) ", "ing) "].iter().any(|ending| {
            let behind = rest
                .strip_prefix(ending)
                .and_then(|rest| rest.chars().next());
            behind.is_some_and(|c| c.is_ascii_lowercase())
        })
    }

    /// Whether the call is the body of an endless loop.
    pub(super) fn in_loop(&self, at: usize) -> bool {
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
    pub(super) fn fits(&self, when: When, at: usize, arguments: Lexer<'t>) -> bool {
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
}
