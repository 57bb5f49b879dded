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

/// Code in an argument, with its language; none for the shell's own.
pub(super) fn argument(call: &Call<'_>) -> Option<(Option<Family>, String)> {
    let behind = |options: &[&str]| {
        let at = call
            .arguments()
            .position(|argument| options.contains(&argument));
        at.and_then(|at| call.words.get(at + 1))
            .map(|word| word.text.clone())
    };
    if let Some(family) = language(call.name) {
        return behind(&["-c", "-e", "-r", "-E", "--eval", "-p"]).map(|code| (Some(family), code));
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
    let code = match call.name {
        "cmd" => call
            .words
            .iter()
            .skip_while(|word| !word.text.eq_ignore_ascii_case("/c"))
            .skip(1)
            .map(|word| word.text.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        "powershell" | "pwsh" | "powershell_ise" => {
            let options = |text: &str| text.starts_with('-');
            let quoted = call
                .words
                .iter()
                .filter(|word| word.quoted && !options(&word.text))
                .map(|word| word.text.as_str());
            quoted.collect::<Vec<_>>().join(" ; ")
        }
        // The remote side runs what comes as the last argument.
        "ssh" => call
            .words
            .iter()
            .rev()
            .find(|word| word.quoted && word.text.contains(' '))?
            .text
            .clone(),
        "eval" | "watch" | "parallel" => call.arguments().collect::<Vec<_>>().join(" "),
        "osascript" => {
            let script = behind(&["-e"])?;
            let (_, quoted) = script.split_once("do shell script \"")?;
            quoted.split('"').next().unwrap_or_default().to_owned()
        }
        _ => return None,
    };
    (!code.is_empty()).then_some((None, code))
}
