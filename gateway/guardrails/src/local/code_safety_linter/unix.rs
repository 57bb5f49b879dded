//! Commands of Unix.

use super::commands::{Call, name_of};
use super::interpreter::{argument, is_shell, language};
use super::paths::{is_disk, is_log, is_persistent, is_system};
use super::shell::Command;

/// Programs that fetch from the network.
fn fetches(name: &str) -> bool {
    matches!(
        name,
        "curl"
            | "wget"
            | "fetch"
            | "aria2c"
            | "lwp-request"
            | "http"
            | "nc"
            | "ncat"
            | "netcat"
            | "telnet"
    )
}

/// Programs that decode what they read.
fn decodes(name: &str, command: &Command) -> bool {
    let has = |options: &[&str]| {
        command
            .words
            .iter()
            .any(|word| options.contains(&word.text.as_str()))
    };
    match name {
        "base64" | "base32" | "gbase64" => has(&["-d", "-D", "--decode", "-di", "-id"]),
        "xxd" => {
            has(&["-r", "-rp"]) || command.words.iter().any(|word| word.text.starts_with("-r"))
        }
        "openssl" => has(&["-d"]),
        "uudecode" | "basenc" => true,
        "rev" => true,
        _ => false,
    }
}

/// Whether a command fetches something: without an address it is a mention.
fn fetched(name: &str, command: &Command) -> bool {
    let named = |word: &super::shell::Word| {
        !word.text.starts_with('-') && !matches!(word.text.as_str(), "..." | "\u{2026}")
    };
    fetches(name)
        && command
            .words
            .iter()
            .skip_while(|word| !word.text.ends_with(name))
            .skip(1)
            .any(named)
}

/// Whether an earlier command of the line has fetched a file of that name.
fn is_fetched(call: &Call<'_>, file: &str) -> bool {
    let file = file.strip_prefix("./").unwrap_or(file);
    !file.is_empty()
        && call.script.commands.iter().take(8).take_while(|command| !std::ptr::eq(*command, call.command)).any(|command| {
            let (name, first) = name_of(command);
            let words = command.words.get(first..).unwrap_or_default();
            let named = words.windows(2).any(|pair| {
                matches!(pair, [option, target] if matches!(option.text.as_str(), "-o" | "-O" | "--output" | "--output-document") && target.text == file)
            });
            let kept = words.iter().any(|word| word.text.contains("://") && word.text.rsplit('/').next() == Some(file));
            let written = command.outputs.iter().any(|word| word.text == file);
            matches!(name.as_str(), "curl" | "wget") && (named || kept || written)
        })
}

/// Whether a word holds a command that fetches or decodes: `<(curl ..)`, `$(.. | base64 -d)`.
fn brings_code(call: &Call<'_>, word: &super::shell::Word) -> bool {
    let inside = word
        .inside
        .iter()
        .filter_map(|index| call.script.commands.get(*index));
    inside.into_iter().any(|command| {
        let (name, _) = name_of(command);
        let small = command
            .words
            .iter()
            .any(|word| word.text == name || word.text.ends_with(&name));
        small && (fetched(&name, command) || decodes(&name, command))
    })
}

/// Judges a command.
pub(super) fn judge(call: &Call<'_>) -> Option<&'static str> {
    if call.name.is_empty() || !call.small {
        return assigned(call);
    }
    match call.name {
        "rm" | "grm" | "srm" => remove(call),
        "unlink" | "rmdir" => deletes_system(call),
        "shred" => call.operands().next().map(|_| "file_delete"),
        "truncate" => call.operands().any(is_log).then_some("log_evasion"),
        "find" => find(call),
        "dd" => call
            .arguments()
            .any(|a| a.strip_prefix("of=").is_some_and(is_disk))
            .then_some("disk_wipe"),
        "wipefs" => (call.has_letter(&['a']) || call.has(&["--all"])).then_some("disk_wipe"),
        "nvme" => (call.has(&["format"]) && call.operands().any(|a| a.starts_with("/dev/")))
            .then_some("disk_wipe"),
        "sgdisk" => call.has(&["--zap-all", "-Z"]).then_some("disk_wipe"),
        name if name == "mkfs"
            || name.starts_with("mkfs.")
            || matches!(name, "mke2fs" | "mkswap") =>
        {
            call.operands()
                .any(|a| a.starts_with("/dev/"))
                .then_some("disk_wipe")
        }
        "cp" | "mv" | "install" | "ln" | "tee" | "rsync" => copies(call),
        "chmod" => chmod(call),
        "chown" => {
            let everything = call.has_letter(&['R'])
                && call
                    .operands()
                    .any(|path| matches!(path, "/" | "/*" | "/etc" | "/usr" | "/bin"));
            everything.then_some("permission_weakening")
        }
        "passwd" => {
            (call.has(&["-d", "--delete"]) && call.has(&["root"])).then_some("permission_weakening")
        }
        "useradd" | "usermod" => {
            let root = call.words.windows(2).any(|pair| matches!(pair, [option, id] if option.text.starts_with('-') && option.text.ends_with('u') && id.text == "0"));
            root.then_some("persistence")
        }
        "awk" | "gawk" | "mawk" => {
            let network = call
                .arguments()
                .any(|code| code.contains("/inet/tcp/") && code.contains("|&"));
            network.then_some("reverse_shell")
        }
        "sed" | "echo" => {
            let off = call.arguments().any(|text| {
                text.contains("SELINUX=disabled") || text.contains("SELINUX=permissive")
            });
            let done = call.name == "echo" && call.command.outputs.is_empty();
            (off && !done).then_some("defence_evasion")
        }
        "setcap" => call
            .arguments()
            .any(|a| {
                a.contains("cap_setuid")
                    || a.contains("cap_sys_admin")
                    || a.contains("cap_dac_override")
            })
            .then_some("permission_weakening"),
        "crontab" => crontab(call),
        "nc" | "ncat" | "netcat" | "nc.traditional" | "nc.openbsd" => netcat(call),
        "socat" => call
            .arguments()
            .any(|a| a.to_ascii_lowercase().contains("exec:"))
            .then_some("reverse_shell"),
        "mkfifo" => pipe_shell(call),
        "history" => (call.has_letter(&['c', 'w']) && call.has_letter(&['c'])
            || call.has(&["clear"]))
        .then_some("log_evasion"),
        "set" => (call.has(&["+o"]) && call.has(&["history"])).then_some("log_evasion"),
        "unset" => call.has(&["HISTFILE"]).then_some("log_evasion"),
        "export" | "declare" | "readonly" => {
            call.arguments().any(hides_history).then_some("log_evasion")
        }
        "journalctl" => call
            .arguments()
            .any(|a| a.starts_with("--vacuum-") && a.ends_with(['0', '1', 's']))
            .then_some("log_evasion"),
        "setenforce" => call.has(&["0", "permissive"]).then_some("defence_evasion"),
        "ufw" => (call.has(&["disable", "reset"])).then_some("defence_evasion"),
        "iptables" | "ip6tables" => {
            (call.has(&["-F", "--flush", "-X"])).then_some("defence_evasion")
        }
        "nft" => (call.has(&["flush"])).then_some("defence_evasion"),
        "auditctl" => {
            (call.has(&["-D"]) || (call.has(&["-e"]) && call.has(&["0"]))).then_some("log_evasion")
        }
        "systemctl" | "service" | "launchctl" | "chkconfig" | "update-rc.d" => services(call),
        "pkill" | "killall" => call.operands().any(is_guard).then_some("defence_evasion"),
        "csrutil" | "spctl" => {
            (call.has(&["disable", "--master-disable"])).then_some("defence_evasion")
        }
        name if is_shell(name) => shell(call),
        "eval" => evaluates(call),
        "source" | "." => call
            .words
            .first()
            .is_some_and(|word| brings_code(call, word))
            .then_some("pipe_to_shell"),
        name if language(name).is_some() => runs_input(call),
        _ if call.program.contains('/')
            && is_fetched(call, call.program.rsplit('/').next().unwrap_or_default()) =>
        {
            Some("pipe_to_shell")
        }
        _ => assigned(call),
    }
}

/// A line that only assigns: `HISTSIZE=0`.
fn assigned(call: &Call<'_>) -> Option<&'static str> {
    let only = call.words.is_empty() && call.command.words.len() == 1;
    let word = call.command.words.first()?;
    (only && hides_history(&word.text)).then_some("log_evasion")
}

fn remove(call: &Call<'_>) -> Option<&'static str> {
    let recursive =
        call.has_letter(&['r', 'R']) || call.has(&["--recursive", "--no-preserve-root"]);
    let fed = call.command.words.iter().any(|word| word.text == "xargs");
    if recursive && (fed || call.operands().next().is_some()) {
        return Some("recursive_delete");
    }
    let searched = fed && call.source(|name, _| matches!(name, "find" | "fd" | "locate"));
    if searched {
        return Some("recursive_delete");
    }
    deletes_system(call)
}

/// `eval` of what is fetched, decoded, or held in a variable.
fn evaluates(call: &Call<'_>) -> Option<&'static str> {
    if call.words.iter().any(|word| brings_code(call, word)) {
        return Some("pipe_to_shell");
    }
    let variable = call.words.first().is_some_and(|word| {
        let name = word.text.strip_prefix('$');
        name.is_some_and(|name| {
            name.starts_with(|c: char| {
                c.is_ascii_alphanumeric() || matches!(c, '_' | '{' | '@' | '*')
            })
        })
    });
    variable.then_some("code_eval")
}

fn deletes_system(call: &Call<'_>) -> Option<&'static str> {
    if call.operands().any(is_log) {
        return Some("log_evasion");
    }
    call.operands()
        .any(|path| path.starts_with('/') && is_system(path))
        .then_some("file_delete")
}

fn find(call: &Call<'_>) -> Option<&'static str> {
    if call.has(&["-delete"]) {
        return Some("recursive_delete");
    }
    let at = call
        .arguments()
        .position(|a| matches!(a, "-exec" | "-execdir" | "-ok"))?;
    let program = call.words.get(at + 1)?.text.as_str();
    match program.rsplit('/').next() {
        Some("rm" | "shred" | "unlink") => Some("recursive_delete"),
        Some("truncate") if call.operands().any(|path| is_log(&format!("{path}/"))) => {
            Some("log_evasion")
        }
        _ => None,
    }
}

/// A copy or a link to a place that matters.
fn copies(call: &Call<'_>) -> Option<&'static str> {
    let target = call.operands().last()?;
    let many = call.name == "tee" || call.operands().count() > 1;
    if many && is_disk(target) && call.name != "ln" {
        return Some("disk_wipe");
    }
    if many && is_persistent(target) && call.name != "rsync" {
        return Some("persistence");
    }
    let voids = call.has(&["/dev/null"]) && is_log(target);
    voids.then_some("log_evasion")
}

fn chmod(call: &Call<'_>) -> Option<&'static str> {
    let mode = call.operands().next()?;
    let octal = mode.bytes().all(|b| matches!(b, b'0'..=b'7')) && mode.len() >= 3;
    let special = octal
        && mode.len() == 4
        && mode
            .bytes()
            .next()
            .is_some_and(|b| matches!(b, b'2' | b'4'..=b'7'));
    let open = octal && mode.ends_with("777");
    let symbolic = mode.split(',').any(|part| {
        let (who, what) = part.split_at(part.find(['+', '=']).unwrap_or(part.len()));
        let all = who.is_empty() || who.contains(['o', 'a']);
        let gives = what.len() > 1;
        gives && ((what.contains('s') && !who.contains('o')) || (all && what.contains('w')))
    });
    let target = call.operands().nth(1)?;
    let exposed = octal && mode.ends_with('6') && is_system(target);
    (special || open || symbolic || exposed).then_some("permission_weakening")
}

fn crontab(call: &Call<'_>) -> Option<&'static str> {
    let harmless = call.has_letter(&['l', 'e', 'i']) || call.words.is_empty();
    let reads = call.command.reads.is_some();
    let file = call.operands().next();
    (!harmless
        && (reads
            || file.is_some_and(|file| {
                file == "-" || file.starts_with('/') || file.starts_with("<(")
            })))
    .then_some("persistence")
}

fn netcat(call: &Call<'_>) -> Option<&'static str> {
    let runs = call.has_letter(&['e']) || call.has(&["-c", "--exec", "--sh-exec"]);
    let program = call.arguments().any(|a| {
        is_shell(a.rsplit('/').next().unwrap_or(a))
            || a.contains("cmd.exe")
            || a.contains("powershell")
    });
    if runs && program {
        return Some("reverse_shell");
    }
    // `sh -i < pipe | nc host port > pipe`
    let from_shell =
        call.source(|name, command| is_shell(name) && command.words.iter().any(|w| w.text == "-i"));
    from_shell.then_some("reverse_shell")
}

/// A named pipe between a shell and the network in one line.
fn pipe_shell(call: &Call<'_>) -> Option<&'static str> {
    let names: Vec<String> = call
        .script
        .commands
        .iter()
        .take(16)
        .map(|command| name_of(command).0)
        .collect();
    let network = names.iter().any(|name| {
        matches!(
            name.as_str(),
            "nc" | "ncat" | "netcat" | "telnet" | "openssl" | "socat"
        )
    });
    (network && names.iter().any(|name| is_shell(name))).then_some("reverse_shell")
}

/// Whether an assignment keeps commands out of the shell's history.
fn hides_history(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else {
        return false;
    };
    match name {
        "HISTFILE" => value.is_empty() || value == "/dev/null",
        "HISTSIZE" | "HISTFILESIZE" | "SAVEHIST" => value == "0",
        _ => false,
    }
}

/// Whether a service watches or guards the machine.
fn is_guard(name: &str) -> bool {
    let name = name.trim_end_matches(".service");
    matches!(
        name,
        "auditd"
            | "rsyslog"
            | "syslog"
            | "rsyslogd"
            | "syslog-ng"
            | "firewalld"
            | "iptables"
            | "nftables"
            | "ufw"
            | "apparmor"
            | "falcon-sensor"
            | "clamav-daemon"
            | "clamd"
            | "fail2ban"
            | "ossec"
            | "wazuh-agent"
            | "osqueryd"
            | "crowdstrike"
            | "systemd-journald"
    )
}

fn services(call: &Call<'_>) -> Option<&'static str> {
    let stops = call.has(&["stop", "disable", "mask", "kill", "unload", "off", "remove"]);
    (stops && call.operands().any(is_guard)).then_some("defence_evasion")
}

/// A shell that runs what comes from the network or out of an encoding.
fn shell(call: &Call<'_>) -> Option<&'static str> {
    // `bash -i >& /dev/tcp/..`
    if call
        .command
        .outputs
        .iter()
        .any(|word| word.text.starts_with("/dev/tcp/") || word.text.starts_with("/dev/udp/"))
    {
        return Some("reverse_shell");
    }
    runs_input(call)
}

/// An interpreter that is fed by a pipe. Given a file, a module or code of its own, it reads data.
fn runs_input(call: &Call<'_>) -> Option<&'static str> {
    if call.words.iter().any(|word| brings_code(call, word))
        || call
            .operands()
            .next()
            .is_some_and(|file| is_fetched(call, file))
    {
        return Some("pipe_to_shell");
    }
    let own = argument(call).is_some()
        || call
            .arguments()
            .any(|a| matches!(a, "-m" | "-n" | "-ne" | "-pe" | "-nle" | "-lne"))
        || (!is_shell(call.name) && call.operands().any(|a| a != "-"));
    let brought = call.source(|name, command| fetched(name, command) || decodes(name, command));
    (!own && brought).then_some("pipe_to_shell")
}
