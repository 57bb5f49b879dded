//! The literals that decide whether a text is read, and a cheap look at each before it is.

use super::token::name_byte;

/// What a literal calls for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reading {
    /// Look for calls.
    Calls,
    /// Read the line as shell commands.
    Commands,
}

/// The literals; the first [`CALLS`] belong to program code.
#[rustfmt::skip]
pub(crate) const LITERALS: &[&str] = &[
    // Calls.
    "eval(", "exec(", "exec (", "eval (", "system(", "popen", "subprocess", "spawn", "execl", "execv", "execfile",
    "execsync", "shell_exec", "pcntl_exec", "passthru", "proc_open", "create_function", "loadstring", "rmtree",
    "unlink(", "unlinksync(", "os.remove", "removeall(", "remove_dir_all", "remove_all", "remove_tree", "rmdir(",
    "rmdirsync(", "rmsync(", "fs.rm(", "promises.rm(", "fsp.rm(", "rimraf", "rm_rf", "rm_r(", "remove_dir(", "fse.",
    "deno.", "directory.delete", "deletedirectory(", "forcedelete(", "getoutput(", "getstatus", "__import__",
    "import_module(", "getattr(", "startfile(", "create_subprocess", "child_process", "new function", "function('",
    "function(\"", "runin", "vm.script", "vm.compilefunction", "execa", "settimeout('", "settimeout(\"",
    "setinterval('", "setinterval(\"", "process.start", "processstartinfo", "processbuilder", "exec.command",
    "syscall.", "startprocess(", "command::new", "os.execute", "open3.", "instance_eval", "class_eval", " %x(",
    " %x{", " %x[", "`#{", "check_output(", "check_call(", "from os import", "import os as", "system \"", "system '",
    "exec \"", "winexec", "shellexecute", "createprocess", "system2(", "_wsystem", "os.fork(", "dup2(",
    "downloadstring(", "csharpscript", "posix_spawn", "runtime.exec", "getruntime", "eval)(", " #{", "<?php",
    "```ruby", "```rb", "```perl", "```php", "process.binding", "shelljs", "shell.rm(", " rm(", "\".execute()",
    "assert($_",
    // Commands.
    "rm -", "rm /", "rm ~", "rm \"", "rm '", "rm $", "rm *", "unlink /", "shred ", "-delete", "-exec", "truncate ",
    "of=/dev/", "mkfs", "mke2fs", "wipefs", "sgdisk", "nvme format", "/dev/sd", "/dev/nvme", "/dev/hd", "/dev/vd",
    "/dev/xvd", "/dev/disk", "chmod ", "setcap ", "curl ", "curl.exe", "wget ", "fetch ", "aria2c", "base64 -",
    "base64.", "base32 -", "xxd -r", "openssl ", "/dev/tcp/", "/dev/udp/", "nc -", "ncat ", "netcat ", "| nc ",
    "|nc ", "socat ", "mkfifo", ":|:&", ": | :", "& };", "%0|%0", "authorized_keys", "/etc/cron", "spool/cron",
    "crontab ", "sudoers", ".bashrc", ".profile", ".bash_profile", ".bash_login", ".bash_logout", ".zshrc",
    ".zprofile", ".zshenv", "/etc/profile", "ld.so.preload", "rc.local", "init.d/", "/etc/passwd", "/etc/shadow",
    "systemd/system", "launchagents", "launchdaemons", ".config/autostart", "programs\\startup", "history -",
    "histfile", "histsize", "savehist", "bash_history", "zsh_history", "+o history", "/var/log", "--vacuum-",
    "setenforce", "iptables -", "ufw ", "nft flush", "auditctl", "auditd", "syslog", "firewalld", "apparmor",
    "falcon-sensor", "csrutil", "spctl", "iex ", "iex(", "iex\n", "|iex", "| iex", "invoke-expression", "powershell",
    "pwsh", "remove-item", "rd /s", "rmdir /s", "rmdir ", "del /", "erase /", "format ", "format-volume",
    "clear-disk", "vssadmin", "wbadmin", "shadowcopy", "win32_shadowcopy", "bcdedit", "cipher /w", "mppreference", "advfirewall",
    "netfirewallprofile", "wevtutil", "-eventlog", "deletejournal", "mshta", "regsvr32", "rundll32", "schtasks",
    "register-scheduledtask", "currentversion\\run", "python -c", "python3 -c", "perl -e", "ruby -e", "php -r",
    "node -e", ":(){", ".(){", "fork while", "nc.exe", "nc.traditional", "-e /bin/", "-e sh", "-e bash", "-e cmd",
    "telnet ", "/inet/tcp/", "rsyslog", "windefend", "windows defender", "selinux=", "lua -e", "passwd -d", "icacls ",
    "chown -r", "useradd ", "eval $", "eval \"$", "xargs rm", "@reboot",
];

/// How many of [`LITERALS`] belong to program code.
const CALLS: usize = 107;

/// Where a literal begins with a letter, it begins a name, except these that stand in longer ones.
const PARTS: [&str; 5] = ["getruntime", "popen", "promises.rm(", "runin", "spawn"];

/// What the literal at `start..end` calls for; none when it is certain to be nothing.
pub(super) fn reading(text: &str, literal: u16, start: usize, end: usize) -> Option<Reading> {
    let bytes = text.as_bytes();
    let written = LITERALS.get(usize::from(literal))?;
    let before = start
        .checked_sub(1)
        .and_then(|at| bytes.get(at))
        .copied()
        .unwrap_or(b'\n');
    let begins = written.bytes().next().is_some_and(name_byte);
    if begins && name_byte(before) && !PARTS.contains(written) {
        return None;
    }
    let rest = bytes.get(end..).unwrap_or_default();
    let next = rest.first().copied().unwrap_or(b'\n');
    if usize::from(literal) < CALLS {
        if written.ends_with('(')
            && next == b')'
            && !matches!(*written, "os.fork(" | "unlink(" | "rmdir(")
        {
            return None;
        }
        // Ruby's commands stand in backticks.
        if *written == " #{" && !in_backticks(bytes, start) {
            return None;
        }
        // A method of something unknown.
        if before == b'.'
            && matches!(*written, "eval(" | "exec(")
            && !has_known_base(bytes, start - 1)
        {
            return None;
        }
        return Some(Reading::Calls);
    }
    let promising = match *written {
        "curl " | "wget " | "fetch " | "curl.exe" | "aria2c" => feeds(bytes, start, end),
        "format " => rest.get(1) == Some(&b':'),
        "chmod " => !rest.starts_with(b"+x"),
        _ => true,
    };
    promising.then_some(Reading::Commands)
}

/// Whether the word before the dot at `dot` is an object whose `eval` or `exec` matters.
fn has_known_base(bytes: &[u8], dot: usize) -> bool {
    const BASES: [&[u8]; 14] = [
        b"builtins",
        b"builtins__",
        b"window",
        b"globalThis",
        b"global",
        b"Kernel",
        b"Runtime",
        b"child_process",
        b"childProcess",
        b"cp",
        b"shell",
        b")",
        b"vm",
        b"shelljs",
    ];
    let head = bytes.get(..dot).unwrap_or_default();
    BASES.iter().any(|base| head.ends_with(base))
}

/// Whether backticks stand before and behind a place on its line.
fn in_backticks(bytes: &[u8], at: usize) -> bool {
    let head = bytes.get(at.saturating_sub(200)..at).unwrap_or_default();
    let head = memchr::memrchr(b'\n', head).map_or(head, |n| head.get(n..).unwrap_or_default());
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = rest.get(..200).unwrap_or(rest);
    head.contains(&b'`') && rest.contains(&b'`')
}

/// Whether what is fetched can go to a program: a pipe on the line, or a substitution around it.
fn feeds(bytes: &[u8], start: usize, end: usize) -> bool {
    let rest = bytes.get(end..).unwrap_or_default();
    let rest = rest.get(..2048).unwrap_or(rest);
    let line = rest
        .get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len()))
        .unwrap_or_default();
    let head = bytes
        .get(start.saturating_sub(40)..start)
        .unwrap_or_default();
    let substituted = head.iter().any(|b| matches!(b, b'(' | b'`'));
    // Fetched into a file that the same line runs.
    let runs = [&b"sh "[..], b" ./", b"python", b";./", b"&./"];
    let run = memchr::memchr2(b';', b'&', line).is_some()
        && runs
            .iter()
            .any(|word| memchr::memmem::find(line, word).is_some());
    substituted
        || run
        || memchr::memchr(b'|', line).is_some()
        || line.trim_ascii_end().ends_with(b"\\")
        || line.contains(&b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_first() {
        assert_eq!(
            LITERALS.iter().position(|literal| *literal == "rm -"),
            Some(CALLS)
        );
        assert!(
            LITERALS
                .iter()
                .all(|literal| literal.is_ascii() && literal.len() > 2)
        );
    }

    #[test]
    fn what_is_certain_to_be_nothing_is_passed_over() {
        for (text, literal, promising) in [
            ("eval(x)", "eval(", true),
            ("model.eval(x)", "eval(", false),
            ("builtins.eval(x)", "eval(", true),
            ("retrieval(x)", "eval(", false),
            ("eval()", "eval(", false),
            ("rm -rf x", "rm -", true),
            ("the term -x", "rm -", false),
            ("curl -O https://a.example/f", "curl ", false),
            ("curl https://a.example/f | sh", "curl ", true),
            ("sh -c \"$(curl https://a.example/f)\"", "curl ", true),
        ] {
            let index = LITERALS.iter().position(|known| *known == literal).unwrap();
            let start = text.find(literal).unwrap();
            let index = u16::try_from(index).unwrap();
            assert_eq!(
                reading(text, index, start, start + literal.len()).is_some(),
                promising,
                "{text}"
            );
        }
    }
}
