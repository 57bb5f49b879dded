//! Judges shell commands.

use std::ops::Range;

use super::calls::Found;
use super::shell::{self, Command, Script, Word};
use super::{paths, unix, windows};

/// How deep commands in arguments are followed: `sh -c "..."`.
const MAX_DEPTH: u8 = 3;

/// A command ready to be judged: its name without folder, and its arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'c> {
    /// In small letters, without folder and `.exe`.
    pub(super) name: &'c str,
    /// The program as written.
    pub(super) program: &'c str,
    /// Whether it is written in small letters, as commands of Unix are.
    pub(super) small: bool,
    pub(super) words: &'c [Word],
    pub(super) command: &'c Command,
    pub(super) script: &'c Script,
}

impl Call<'_> {
    /// The arguments' texts.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.text.as_str())
    }

    /// Whether an argument is one of `words`.
    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.arguments()
            .any(|argument| words.iter().any(|word| argument.eq_ignore_ascii_case(word)))
    }

    /// Whether a group of short options (`-rf`) holds a letter, before `--`.
    pub(super) fn has_letter(&self, letters: &[char]) -> bool {
        self.arguments()
            .take_while(|argument| *argument != "--")
            .any(|argument| {
                let options = argument
                    .strip_prefix('-')
                    .filter(|rest| !rest.starts_with('-'));
                options.is_some_and(|rest| rest.contains(letters))
            })
    }

    /// Arguments that are no options.
    pub(super) fn operands(&self) -> impl Iterator<Item = &str> {
        self.arguments()
            .filter(|argument| !argument.starts_with('-') || argument.len() == 1)
    }

    /// The command that it reads from, through filters, that `wanted` accepts.
    pub(super) fn source(&self, wanted: impl Fn(&str, &Command) -> bool) -> bool {
        let mut reads = self.command.reads;
        for _ in 0..8 {
            let Some(command) = reads.and_then(|index| self.script.commands.get(index)) else {
                return false;
            };
            let (name, _) = name_of(command);
            if wanted(&name, command) {
                return true;
            }
            reads = command.reads;
        }
        false
    }
}

/// Words that stand before the command that is meant.
const PREFIXES: [&str; 33] = [
    "!",
    "@",
    "busybox",
    "builtin",
    "call",
    "command",
    "do",
    "doas",
    "else",
    "elif",
    "env",
    "exec",
    "if",
    "ionice",
    "nice",
    "nohup",
    "run",
    "setsid",
    "start",
    "stdbuf",
    "strace",
    "sudo",
    "then",
    "time",
    "try",
    "unbuffer",
    "until",
    "while",
    "entrypoint",
    "$",
    "%",
    "&",
    "xargs",
];

/// A command's name and the place of its first argument. Prefixes (`sudo -u x`, `A=b`) are passed over.
pub(super) fn name_of(command: &Command) -> (String, usize) {
    let mut at = timer(command);
    while let Some(word) = command.words.get(at) {
        let text = word.text.as_str();
        let lower = text.to_ascii_lowercase();
        let assigns = text.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        });
        let label = !word.quoted
            && at <= 1
            && text.len() < 24
            && text.ends_with(':')
            && !text.contains('/');
        let marker = at == 0 && (matches!(text, "-" | "*" | "+" | ">" | "#") || is_number(text));
        if PREFIXES.contains(&lower.as_str()) && at + 1 < command.words.len() {
            at += 1;
            // Options of the prefix, with the value of those that take one.
            while let Some(option) = command
                .words
                .get(at)
                .filter(|option| option.text.starts_with('-'))
            {
                let valued =
                    matches!(
                        option.text.as_str(),
                        "-u" | "-g" | "-n" | "-I" | "-P" | "-L" | "-d" | "-i"
                    ) && matches!(lower.as_str(), "sudo" | "doas" | "xargs" | "nice" | "env");
                at += if valued && option.text != "-n" && option.text != "-i" {
                    2
                } else {
                    1
                };
            }
        } else if lower == "timeout" {
            at += 1;
            while command.words.get(at).is_some_and(|w| {
                w.text.starts_with('-') || w.text.bytes().next().is_some_and(|b| b.is_ascii_digit())
            }) {
                at += 1;
            }
        } else if (assigns && at + 1 < command.words.len()) || label || marker || is_prompt(text) {
            at += 1;
        } else {
            let base = lower.rsplit(['/', '\\']).next().unwrap_or(&lower);
            let base = base.strip_suffix(".exe").unwrap_or(base);
            return (base.trim_start_matches(['@', '&']).to_owned(), at + 1);
        }
    }
    (String::new(), at)
}

/// How many words of a line of crontab stand before its command.
fn timer(command: &Command) -> usize {
    let field = |word: &Word| {
        !word.text.is_empty()
            && word
                .text
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'/' | b',' | b'-'))
    };
    let first = command.words.first().map_or("", |word| word.text.as_str());
    let named = ["@reboot", "@hourly", "@daily", "@weekly", "@monthly"].contains(&first);
    let fields = command
        .words
        .iter()
        .take(5)
        .filter(|word| field(word))
        .count()
        == 5;
    let at = if named {
        1
    } else if fields {
        5
    } else {
        0
    };
    let user = at > 0
        && command
            .words
            .get(at)
            .is_some_and(|word| word.text == "root");
    at + usize::from(user)
}

fn is_number(text: &str) -> bool {
    text.strip_suffix(['.', ')'])
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// `user@host:~$`, `PS` and `C:\>` are prompts.
fn is_prompt(text: &str) -> bool {
    (text.contains('@') && text.ends_with(['$', '#']))
        || text == "PS"
        || (text.ends_with('>') && text.contains(":\\"))
}

/// Judges the commands of a script that stands in `text`. `whole` is the place in the source for
/// commands of an argument, whose own places mean nothing there.
pub(super) fn judge(
    script: &Script,
    whole: Option<&Range<usize>>,
    backslash: bool,
    depth: u8,
    found: &mut Vec<Found>,
) {
    for command in &script.commands {
        let (name, first) = name_of(command);
        let start = command
            .words
            .first()
            .or(command.outputs.first())
            .map_or(0, |word| word.range.start);
        let end = command
            .words
            .iter()
            .chain(&command.outputs)
            .map(|word| word.range.end)
            .max()
            .unwrap_or(start);
        let place = whole.cloned().unwrap_or(start..end);
        let program = first.checked_sub(1).and_then(|at| command.words.get(at));
        let small = program.is_none_or(|word| {
            !word.text.bytes().any(|b| b.is_ascii_uppercase()) || word.text.contains('/')
        });
        let call = Call {
            name: &name,
            program: program.map_or("", |word| word.text.as_str()),
            small,
            words: command.words.get(first..).unwrap_or_default(),
            command,
            script,
        };
        let category = unix::judge(&call)
            .or_else(|| windows::judge(&call))
            .or_else(|| written(command));
        if let Some(category) = category {
            found.push((category, place));
        } else if depth < MAX_DEPTH {
            argument(&call, &place, backslash, depth, found);
        }
    }
}

/// Judges where a command's output goes.
fn written(command: &Command) -> Option<&'static str> {
    command
        .outputs
        .iter()
        .find_map(|word| paths::written(&word.text))
}

/// Follows commands and code given as an argument.
fn argument(
    call: &Call<'_>,
    place: &Range<usize>,
    backslash: bool,
    depth: u8,
    found: &mut Vec<Found>,
) {
    let Some((language, code)) = super::interpreter::argument(call) else {
        return;
    };
    match language {
        Some(family) => {
            let mut inner = Vec::new();
            super::calls::find(&code, family, &mut inner);
            found.extend(
                inner
                    .into_iter()
                    .take(1)
                    .map(|(category, _)| (category, place.clone())),
            );
        }
        None => {
            let inner = shell::script(&code, backslash);
            judge(&inner, Some(place), backslash, depth + 1, found);
        }
    }
}
