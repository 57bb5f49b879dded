//! The programs that measuring needs.

use anyhow::{Result, ensure};

use crate::packages::{self, found};

/// Program and Debian package.
const NEEDED: [(&str, &str); 3] = [
    ("nginx", "nginx"),
    ("wrk", "wrk"),
    ("taskset", "util-linux"),
];

/// Makes sure that nginx, wrk and taskset are there and that there are two cores; installs Debian packages
/// when it may.
///
/// # Errors
/// Says what is missing and what to do.
pub fn prepare() -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    ensure!(
        cores >= 2,
        "measuring needs two cores: one for what is measured, one for the load"
    );
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, _)| !found(program))
        .map(|(_, package)| *package)
        .collect();
    packages::install(&missing)
}
