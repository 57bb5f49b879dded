//! Files and folders whose change matters.

/// Parts of paths that make a file run at login, at boot or by timer, or that decide who may enter.
const PERSISTENT: [&str; 27] = [
    "authorized_keys",
    "/etc/cron",
    "/var/spool/cron",
    "/etc/sudoers",
    "/.bashrc",
    "/.bash_profile",
    "/.bash_login",
    "/.profile",
    "/.zshrc",
    "/.zprofile",
    "/.zshenv",
    "/.zlogin",
    "/.kshrc",
    "/.cshrc",
    "/.bash_logout",
    "/etc/profile",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "/etc/zsh",
    "/etc/rc.local",
    "/etc/init.d/",
    "/etc/ld.so.preload",
    "/etc/systemd/system",
    "/.config/autostart",
    "/launchagents/",
    "/launchdaemons/",
    "/start menu/programs/startup",
];

/// Files that decide who is who.
const ACCOUNTS: [&str; 4] = ["/etc/passwd", "/etc/shadow", "/etc/gshadow", "/etc/pam.d/"];

/// Folders of the system.
const SYSTEM: [&str; 13] = [
    "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/var/log", "/sys", "/proc",
    "/dev", "/root", "/var/lib",
];

/// Beginnings of the names of disks.
const DISKS: [&str; 9] = [
    "/dev/sd",
    "/dev/hd",
    "/dev/vd",
    "/dev/xvd",
    "/dev/nvme",
    "/dev/mmcblk",
    "/dev/disk",
    "/dev/rdisk",
    "/dev/mapper/",
];

/// Whether a path names a disk or a partition of one.
pub(super) fn is_disk(path: &str) -> bool {
    DISKS.iter().any(|disk| path.starts_with(disk)) || path.starts_with("\\\\.\\PhysicalDrive")
}

/// Whether a path lies in a folder of the system, or is the root.
pub(super) fn is_system(path: &str) -> bool {
    let path = path.trim_end_matches('*').trim_end_matches('/');
    path.is_empty()
        || SYSTEM.iter().any(|folder| {
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }) && !path.starts_with("/dev/null")
            && !path.starts_with("/dev/shm")
            && !path.starts_with("/usr/local")
}

/// Whether a path is a log, or a shell's history.
pub(super) fn is_log(path: &str) -> bool {
    path.starts_with("/var/log/")
        || path.starts_with("/private/var/log/")
        || path.contains("/var/audit")
        || ["bash_history", ".zsh_history", ".sh_history", "$HISTFILE"]
            .iter()
            .any(|name| path.contains(name))
}

/// What it means that output is written to a path.
pub(super) fn written(path: &str) -> Option<&'static str> {
    if path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/") {
        return Some("reverse_shell");
    }
    if is_disk(path) {
        return Some("disk_wipe");
    }
    if is_log(path) {
        return Some("log_evasion");
    }
    if is_persistent(path) {
        Some("persistence")
    } else {
        None
    }
}

/// Whether a path makes code run later or lets somebody in.
pub(super) fn is_persistent(path: &str) -> bool {
    let lower = path.to_ascii_lowercase().replace('\\', "/");
    PERSISTENT.iter().chain(&ACCOUNTS).any(|part| lower.contains(part))
        // `~/.bashrc` has its slash; `$HOME/.bashrc` too; a bare name does not.
        || matches!(lower.as_str(), ".bashrc" | ".profile" | ".zshrc" | ".bash_profile")
}
