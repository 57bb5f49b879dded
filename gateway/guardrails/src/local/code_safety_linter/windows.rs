//! Commands of PowerShell and of the Windows command prompt.

use super::commands::Call;

/// Services that guard a Windows machine.
const GUARDS: [&str; 8] = [
    "windefend",
    "mpssvc",
    "wscsvc",
    "eventlog",
    "sense",
    "wdnissvc",
    "mcafee",
    "sophos",
];

/// Judges a command.
pub(super) fn judge(call: &Call<'_>) -> Option<&'static str> {
    let joined = || {
        call.arguments()
            .collect::<Vec<_>>()
            .join(" ")
            .to_ascii_lowercase()
    };
    let found = |holds: bool, category| holds.then_some(category);
    match call.name {
        "iex" | "invoke-expression" => expression(call),
        "powershell" | "pwsh" => powershell(call),
        "remove-item" | "ri" | "rm" | "del" | "rd" | "rmdir" | "erase" => {
            let switch = call.arguments().any(|a| {
                let a = a.to_ascii_lowercase();
                (a.len() > 3 && "-recurse".starts_with(&a))
                    || (a == "/s" && call.name != "remove-item")
            });
            found(switch, "recursive_delete")
        }
        "format" => found(
            call.operands().any(|a| a.len() == 2 && a.ends_with(':')),
            "disk_wipe",
        ),
        "format-volume" | "clear-disk" | "initialize-disk" => {
            found(!call.words.is_empty(), "disk_wipe")
        }
        "cipher" => found(
            call.arguments()
                .any(|a| a.to_ascii_lowercase().starts_with("/w")),
            "disk_wipe",
        ),
        "vssadmin" => found(call.has(&["delete", "resize"]), "backup_delete"),
        "wbadmin" => found(call.has(&["delete"]), "backup_delete"),
        "wmic" => {
            let words = joined();
            found(
                words.contains("shadowcopy") && words.contains("delete"),
                "backup_delete",
            )
        }
        "bcdedit" => {
            let words = joined();
            found(
                words.contains("recoveryenabled no") || words.contains("ignoreallfailures"),
                "backup_delete",
            )
        }
        "set-mppreference" => found(joined().contains("-disable"), "defence_evasion"),
        "add-mppreference" => found(joined().contains("-exclusion"), "defence_evasion"),
        "netsh" => {
            let words = joined();
            found(
                words.contains("firewall")
                    && (words.contains("state off") || words.contains("disable")),
                "defence_evasion",
            )
        }
        "set-netfirewallprofile" => found(joined().contains("false"), "defence_evasion"),
        "wevtutil" => found(call.has(&["cl", "clear-log"]), "log_evasion"),
        "clear-eventlog" | "remove-eventlog" | "limit-eventlog" => {
            found(!call.words.is_empty(), "log_evasion")
        }
        "fsutil" => found(joined().contains("deletejournal"), "log_evasion"),
        "schtasks" => found(call.has(&["/create"]), "persistence"),
        "register-scheduledtask" => found(!call.words.is_empty(), "persistence"),
        "reg"
            if joined().contains("disableantispyware")
                || joined().contains("disablerealtimemonitoring") =>
        {
            found(call.has(&["add"]), "defence_evasion")
        }
        "reg" => found(
            call.has(&["add"]) && joined().contains("currentversion\\run"),
            "persistence",
        ),
        "set-itemproperty" | "new-itemproperty" => {
            found(joined().contains("currentversion\\run"), "persistence")
        }
        "mshta" => found(
            call.arguments().any(is_remote) || joined().contains("script:"),
            "pipe_to_shell",
        ),
        "regsvr32" => found(
            call.arguments()
                .any(|a| a.to_ascii_lowercase().contains("/i:http")),
            "pipe_to_shell",
        ),
        "rundll32" => found(joined().contains("javascript:"), "pipe_to_shell"),
        "sc" | "net" | "stop-service" | "set-service" => {
            let words = joined();
            let stops = ["stop", "delete", "disabled"]
                .iter()
                .any(|word| words.contains(word))
                || call.name == "stop-service";
            found(
                stops && GUARDS.iter().any(|guard| words.contains(guard)),
                "defence_evasion",
            )
        }
        "icacls" | "cacls" => {
            let words = joined();
            let all = words.contains("everyone:") || words.contains("*s-1-1-0:");
            found(words.contains("/grant") && all, "permission_weakening")
        }
        "get-wmiobject" | "gwmi" | "get-ciminstance" => {
            let commands = call.script.commands.iter().take(16);
            let deletes = commands
                .flat_map(|command| &command.words)
                .any(|word| word.text.to_ascii_lowercase().contains("delete"));
            found(
                deletes && joined().contains("win32_shadowcopy"),
                "backup_delete",
            )
        }
        _ => None,
    }
}

fn is_remote(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.starts_with("http:") || text.starts_with("https:")
}

/// `iex` runs what it is given or what it reads. Elixir's shell of that name is given options.
fn expression(call: &Call<'_>) -> Option<&'static str> {
    let piped = call.command.reads.is_some();
    let given = call.words.first().is_some_and(|word| {
        !word.text.starts_with('-') || word.text.eq_ignore_ascii_case("-command")
    });
    let group = call.words.is_empty() && call.script.commands.len() > 1 && call.name == "iex";
    (piped
        || given
        || group
        || (call.words.is_empty() && call.name != "iex" && call.script.commands.len() > 1))
        .then_some("pipe_to_shell")
}

/// PowerShell with an encoded command.
fn powershell(call: &Call<'_>) -> Option<&'static str> {
    call.words.windows(2).find_map(|pair| {
        let (option, value) = (pair.first()?, pair.get(1)?);
        let option = option.text.to_ascii_lowercase();
        let encoded = option.len() > 1
            && ("-encodedcommand".starts_with(&option) || option == "-ec")
            && option.starts_with("-e");
        let code = value.text.len() >= 16
            && value
                .text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        (encoded && code).then_some("encoded_command")
    })
}
