//! Programs that run what they are given: shells, interpreters, and programs that pass commands on.

use super::commands::Call;
use super::language::Family;

/// Whether a program is a shell.
pub(super) fn is_shell(name: &str) -> bool {
    matches!(
        name,
        "sh" | "bash" | "zsh" | "dash" | "ksh" | "ash" | "fish" | "csh" | "tcsh" | "rbash"
    )
}

/// The language that an interpreter runs.
pub(super) fn language(name: &str) -> Option<Family> {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match name {
        "python" | "pypy" | "ipython" => Family::Python,
        "node" | "nodejs" | "deno" | "bun" => Family::Script,
        "perl" => Family::Perl,
        "ruby" => Family::Ruby,
        "php" => Family::Php,
        "lua" => Family::Lua,
        _ => return None,
    })
}

/// Options behind which an interpreter takes code.
fn code_options(family: Family) -> &'static [&'static str] {
    match family {
        Family::Python => &["-c"],
        Family::Script => &["-e", "-p", "--eval", "--print", "eval"],
        Family::Php => &["-r"],
        Family::Perl => &["-e", "-E", "-ne", "-pe"],
        _ => &["-e"],
    }
}

/// The argument behind one of `options`, or joined to it: `-e'code'`.
fn behind<'c>(call: &Call<'c>, options: &[&str]) -> Option<&'c str> {
    call.words.iter().enumerate().find_map(|(at, word)| {
        let text = word.text.as_str();
        if options.contains(&text) {
            return call.words.get(at + 1).map(|word| word.text.as_str());
        }
        let joined = options.iter().find_map(|option| text.strip_prefix(option));
        joined.filter(|code| word.quoted && code.contains(['(', ' ', ';']))
    })
}

/// Code in an argument, with its language; none for the shell's own.
pub(super) fn argument(call: &Call<'_>) -> Option<(Option<Family>, String)> {
    if let Some(family) = language(call.name) {
        return behind(call, code_options(family)).map(|code| (Some(family), code.to_owned()));
    }
    if is_shell(call.name) || matches!(call.name, "su" | "runuser" | "script") {
        // `-c`, also among other letters: `bash -lc`.
        let at = call.arguments().position(|argument| {
            argument.starts_with('-') && !argument.starts_with("--") && argument.ends_with('c')
        });
        return at
            .and_then(|at| call.words.get(at + 1))
            .map(|word| (None, word.text.clone()));
    }
    let joined =
        |words: &mut dyn Iterator<Item = &str>, by: &str| words.collect::<Vec<_>>().join(by);
    let code = match call.name {
        "cmd" => {
            let mut words = call
                .arguments()
                .skip_while(|word| !word.eq_ignore_ascii_case("/c"))
                .skip(1);
            joined(&mut words, " ")
        }
        "powershell" | "pwsh" | "powershell_ise" => {
            let quoted = call
                .words
                .iter()
                .filter(|word| word.quoted && !word.text.starts_with('-'));
            joined(&mut quoted.map(|word| word.text.as_str()), " ; ")
        }
        // The remote side runs what comes as the last argument.
        "ssh" => call
            .words
            .iter()
            .rev()
            .find(|word| word.quoted && word.text.contains(' '))?
            .text
            .clone(),
        "eval" | "watch" | "parallel" => joined(&mut call.arguments(), " "),
        "trap" => call.words.first()?.text.clone(),
        "alias" => call
            .arguments()
            .find_map(|word| word.split_once('='))?
            .1
            .to_owned(),
        "osascript" => {
            let (_, quoted) = behind(call, &["-e"])?.split_once("do shell script \"")?;
            quoted.split('"').next().unwrap_or_default().to_owned()
        }
        _ => return None,
    };
    (!code.is_empty()).then_some((None, code))
}
