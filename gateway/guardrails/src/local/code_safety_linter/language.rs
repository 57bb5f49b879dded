//! Programming languages, as far as they differ in comments, strings and dangerous calls.

/// A family of languages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Family {
    /// Not told: code of any language, or prose.
    Unknown,
    Python,
    /// JavaScript and TypeScript.
    Script,
    /// POSIX shells and files that consist of their commands.
    Shell,
    /// PowerShell and the Windows command prompt.
    Windows,
    Php,
    Ruby,
    Perl,
    /// Java, Kotlin, Scala, Groovy.
    Java,
    /// C#, F#, Visual Basic.
    DotNet,
    Go,
    Rust,
    /// C and C++.
    C,
    Lua,
    R,
    Sql,
}

impl Family {
    /// Reads the language of a fence. What is not known, and formats that hold code of other
    /// languages, are [`Family::Unknown`].
    pub(super) fn of(language: &str) -> Self {
        const NAMES: [(&str, Family); 58] = [
            ("python", Family::Python),
            ("py", Family::Python),
            ("python3", Family::Python),
            ("ipython", Family::Python),
            ("pycon", Family::Python),
            ("javascript", Family::Script),
            ("js", Family::Script),
            ("jsx", Family::Script),
            ("mjs", Family::Script),
            ("node", Family::Script),
            ("typescript", Family::Script),
            ("ts", Family::Script),
            ("tsx", Family::Script),
            ("bash", Family::Shell),
            ("sh", Family::Shell),
            ("shell", Family::Shell),
            ("zsh", Family::Shell),
            ("ksh", Family::Shell),
            ("fish", Family::Shell),
            ("console", Family::Shell),
            ("terminal", Family::Shell),
            ("shellsession", Family::Shell),
            ("shell-session", Family::Shell),
            ("dockerfile", Family::Shell),
            ("docker", Family::Shell),
            ("makefile", Family::Shell),
            ("make", Family::Shell),
            ("powershell", Family::Windows),
            ("pwsh", Family::Windows),
            ("ps1", Family::Windows),
            ("ps", Family::Windows),
            ("bat", Family::Windows),
            ("batch", Family::Windows),
            ("cmd", Family::Windows),
            ("php", Family::Php),
            ("ruby", Family::Ruby),
            ("rb", Family::Ruby),
            ("perl", Family::Perl),
            ("pl", Family::Perl),
            ("java", Family::Java),
            ("kotlin", Family::Java),
            ("kt", Family::Java),
            ("scala", Family::Java),
            ("groovy", Family::Java),
            ("csharp", Family::DotNet),
            ("cs", Family::DotNet),
            ("c#", Family::DotNet),
            ("go", Family::Go),
            ("golang", Family::Go),
            ("rust", Family::Rust),
            ("rs", Family::Rust),
            ("c", Family::C),
            ("cpp", Family::C),
            ("c++", Family::C),
            ("lua", Family::Lua),
            ("r", Family::R),
            ("sql", Family::Sql),
            ("postgresql", Family::Sql),
        ];
        let found = NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(language));
        found.map_or(Self::Unknown, |(_, family)| *family)
    }

    /// Guesses the family of text that is not fenced, from words that only one family has. Prose and
    /// what stays in doubt are [`Family::Unknown`].
    pub(super) fn guess(text: &str) -> Self {
        const SIGNS: [(&[u8], Family); 16] = [
            (b"#!/usr/bin/env python", Family::Python),
            (b"#!/usr/bin/python", Family::Python),
            (b"\nimport os\n", Family::Python),
            (b"\n    def ", Family::Python),
            (b"):\n    ", Family::Python),
            (b"-> None:", Family::Python),
            (b"import sys\n", Family::Python),
            (b"const ", Family::Script),
            (b"=> {", Family::Script),
            (b" = require(", Family::Script),
            (b"<?php", Family::Php),
            (b"package main", Family::Go),
            (b"\nfunc ", Family::Go),
            (b"#include <", Family::C),
            (b"fn main()", Family::Rust),
            (b"public static void main", Family::Java),
        ];
        let head = text.as_bytes();
        let head = head.get(..2048).unwrap_or(head);
        let sign = SIGNS
            .iter()
            .find(|(sign, _)| memchr::memmem::find(head, sign).is_some());
        let prose = text
            .lines()
            .next()
            .is_some_and(|line| line.ends_with(':') && line.contains(' '));
        match sign {
            Some((_, family)) if !prose => *family,
            Some(_) => Self::Unknown,
            None if text.trim_end().ends_with("\nend") => Self::Ruby,
            None if [&b"import "[..], b"from ", b"def "]
                .iter()
                .any(|word| head.starts_with(word)) =>
            {
                let line = text.lines().next().unwrap_or_default();
                let foreign = line.contains(['\'', '"', ';', '{']);
                let definition = line.starts_with('d') && !line.trim_end().ends_with(':');
                if foreign || definition {
                    Self::Unknown
                } else {
                    Self::Python
                }
            }
            None => Self::Unknown,
        }
    }

    /// Whether lines of it can be commands of a shell.
    pub(super) const fn has_commands(self) -> bool {
        matches!(self, Self::Unknown | Self::Shell | Self::Windows)
    }

    /// Whether calls are looked for in it.
    pub(super) const fn has_calls(self) -> bool {
        !matches!(self, Self::Shell | Self::Sql)
    }
}
