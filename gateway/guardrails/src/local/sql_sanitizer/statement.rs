//! Judges one statement, given as tokens without comments.

use std::ops::Range;

use super::condition;
use super::engine::Options;
use super::style::{is_title, is_upper, reads_as_sql};
use super::token::{Class, Token};
use super::words::{ACTIONS, CLAUSES, OBJECTS, PRIVILEGES, PROSE};

/// How many verbs are judged in one statement: each looks to the statement's end.
const MAX_VERBS: usize = 16;

/// How deep `EXECUTE '...'` within `EXECUTE '...'` is followed.
const MAX_DEPTH: u8 = 3;

/// A destructive verb.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    Drop,
    Truncate,
    Alter,
    Grant,
    Revoke,
    Delete,
    Update,
}

impl Verb {
    /// Reads a word.
    pub(super) fn of(word: &str) -> Option<Self> {
        const VERBS: [(&str, Verb); 7] = [
            ("DROP", Verb::Drop),
            ("TRUNCATE", Verb::Truncate),
            ("ALTER", Verb::Alter),
            ("GRANT", Verb::Grant),
            ("REVOKE", Verb::Revoke),
            ("DELETE", Verb::Delete),
            ("UPDATE", Verb::Update),
        ];
        VERBS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map(|(_, verb)| *verb)
    }

    /// What a finding of it is called.
    pub(super) const fn category(self) -> &'static str {
        match self {
            Self::Drop => "sql_drop",
            Self::Truncate => "sql_truncate",
            Self::Alter => "sql_alter",
            Self::Grant => "sql_grant",
            Self::Revoke => "sql_revoke",
            Self::Delete => "sql_delete_without_where",
            Self::Update => "sql_update_without_where",
        }
    }

    /// Whether the options object to it.
    pub(super) const fn is_blocked(self, options: &Options) -> bool {
        match self {
            Self::Drop => options.drop,
            Self::Truncate => options.truncate,
            Self::Alter => options.alter,
            Self::Grant => options.grant,
            Self::Revoke => options.revoke,
            Self::Delete => options.delete_without_where,
            Self::Update => options.update_without_where,
        }
    }
}

/// Something to object to: its category, and the bytes from the verb to what it acts on.
pub(super) type Objection = (&'static str, Range<usize>);

/// How sure it is that the text is SQL at all.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Footing {
    /// In a sentence.
    Prose,
    /// At the beginning of a line or text.
    Line,
    /// In a SQL fence or string, or behind another statement.
    Sure,
}

/// Tokens of one statement with their text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'t> {
    pub(super) text: &'t str,
    pub(super) list: &'t [Token],
    /// Whether a `;` ended it.
    pub(super) ended: bool,
}

impl<'t> Tokens<'t> {
    /// The word at `at`; empty when there is none or it is no word.
    pub(super) fn word(&self, at: usize) -> &'t str {
        match self.list.get(at) {
            Some(token) if token.class == Class::Word => self.written(at),
            _ => "",
        }
    }

    /// The token at `at` as written.
    pub(super) fn written(&self, at: usize) -> &'t str {
        self.list
            .get(at)
            .and_then(|token| self.text.get(token.range.clone()))
            .unwrap_or_default()
    }

    pub(super) fn is(&self, at: usize, word: &str) -> bool {
        self.word(at).eq_ignore_ascii_case(word)
    }

    pub(super) fn class(&self, at: usize) -> Option<Class> {
        self.list.get(at).map(|token| token.class)
    }

    pub(super) fn part(&self, range: Range<usize>) -> Self {
        Self {
            list: self.list.get(range).unwrap_or_default(),
            ..*self
        }
    }

    /// The first place at nesting depth 0, from `from`, where `found` holds; stops where the depth
    /// falls below 0.
    pub(super) fn at_depth_0(
        &self,
        from: usize,
        found: impl Fn(&Self, usize) -> bool,
    ) -> Option<usize> {
        let mut depth = 0_u32;
        for at in from..self.list.len() {
            match self.class(at) {
                Some(Class::Open) => depth += 1,
                Some(Class::Close) => depth = depth.checked_sub(1)?,
                _ if depth == 0 && found(self, at) => return Some(at),
                _ => {}
            }
        }
        None
    }

    /// Whether the word at `at` can be a name here. A short word of English can if what follows is SQL.
    pub(super) fn is_name(&self, at: usize) -> bool {
        match self.class(at) {
            Some(Class::Word) if PROSE.contains(self.word(at)) => {
                let ends = match self.class(at + 1) {
                    None => true,
                    Some(Class::Sign(sign)) => matches!(sign, b'.' | b','),
                    Some(class) => {
                        let next = self.word(at + 1);
                        class == Class::Word && (CLAUSES.contains(next) || ACTIONS.contains(next))
                    }
                };
                self.word(at).len() == 1 && ends
            }
            Some(Class::Word | Class::Quoted | Class::Bound | Class::Text) => true,
            _ => false,
        }
    }

    /// The place after a name at `at`: `a.b.c`, `"a"."b"`, `@t`, `{t}`; none when there is no name.
    pub(super) fn after_name(&self, mut at: usize) -> Option<usize> {
        loop {
            match self.class(at)? {
                Class::Word | Class::Quoted | Class::Bound => at += 1,
                Class::Text => at += 1,
                _ => return None,
            }
            if self.class(at) != Some(Class::Sign(b'.')) {
                return Some(at);
            }
            at += 1;
            while self.class(at) == Some(Class::Sign(b'.')) {
                at += 1;
            }
        }
    }

    fn range(&self, from: usize, to: usize) -> Range<usize> {
        let start = self.list.get(from).map_or(0, |token| token.range.start);
        let end = self
            .list
            .get(to)
            .or(self.list.last())
            .map_or(start, |token| token.range.end);
        start..end.max(start)
    }
}

/// Judges a statement; `strings` receives texts that it executes as SQL.
pub(super) fn judge(
    tokens: &Tokens<'_>,
    footing: Footing,
    options: &Options,
    found: &mut Vec<Objection>,
    depth: u8,
) {
    let mut at = 0;
    while tokens.class(at) == Some(Class::Open) {
        at += 1;
    }
    let first = tokens.word(at);
    if Verb::of(first).is_some() {
        return verb(tokens, at, footing, options, found);
    }
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    if is("EXPLAIN") {
        // Only ANALYZE executes.
        if let Some(analyze) = tokens.at_depth_0(at, |t, n| {
            n < 6 && (t.is(n, "ANALYZE") || t.is(n, "ANALYSE"))
        }) {
            judge(
                &tokens.part(analyze + 1..tokens.list.len()),
                footing,
                options,
                found,
                depth,
            );
        }
    } else if is("WITH") || is("SELECT") || is("INSERT") {
        with(tokens, at, options, found);
    } else if is("EXEC") || is("EXECUTE") || is("PREPARE") {
        if tokens.is(at + 2, "AS") {
            return judge(
                &tokens.part(at + 3..tokens.list.len()),
                footing,
                options,
                found,
                depth,
            );
        }
        executed(tokens, options, found, depth);
    } else if is("DO") {
        // PostgreSQL: DO $$ ... $$
        executed(tokens, options, found, depth);
    } else if [
        "BEGIN", "IF", "ELSE", "WHILE", "FOR", "LOOP", "DECLARE", "THEN", "CASE", "END",
    ]
    .iter()
    .any(|word| is(word))
    {
        block(tokens, at, options, found, depth);
    }
}

/// A block of a script: verbs behind the words that begin a body, or behind a condition.
fn block(
    tokens: &Tokens<'_>,
    from: usize,
    options: &Options,
    found: &mut Vec<Objection>,
    depth: u8,
) {
    let mut verbs = 0;
    for at in from + 1..tokens.list.len() {
        let word = tokens.word(at);
        if verbs < MAX_VERBS && Verb::of(word).is_some() {
            verbs += 1;
            let before = tokens.word(at - 1);
            let opens = [
                "THEN",
                "ELSE",
                "BEGIN",
                "LOOP",
                "DO",
                "TRAN",
                "TRANSACTION",
                "TRY",
                "CATCH",
            ]
            .iter()
            .any(|word| before.eq_ignore_ascii_case(word))
                || tokens.class(at - 1) == Some(Class::Close);
            let rest = tokens.part(at..tokens.list.len());
            if opens || strong(&rest) {
                verb(tokens, at, Footing::Line, options, found);
                return;
            }
        } else if word.eq_ignore_ascii_case("EXEC") || word.eq_ignore_ascii_case("EXECUTE") {
            return executed(&tokens.part(at..tokens.list.len()), options, found, depth);
        } else if word.eq_ignore_ascii_case("WITH") || word.eq_ignore_ascii_case("MERGE") {
            return;
        }
    }
}

/// A statement behind common table expressions, and statements in them.
fn with(tokens: &Tokens<'_>, from: usize, options: &Options, found: &mut Vec<Objection>) {
    let mut verbs = 0;
    for at in from + 1..tokens.list.len() {
        let behind = tokens.class(at - 1);
        if !matches!(behind, Some(Class::Open | Class::Close)) {
            continue;
        }
        if verbs < MAX_VERBS
            && matches!(Verb::of(tokens.word(at)), Some(Verb::Delete | Verb::Update))
        {
            verbs += 1;
            verb(tokens, at, Footing::Sure, options, found);
        }
    }
}

/// Strings that a statement executes.
pub(super) fn executed(
    tokens: &Tokens<'_>,
    options: &Options,
    found: &mut Vec<Objection>,
    depth: u8,
) {
    if depth >= MAX_DEPTH {
        return;
    }
    for at in 1..tokens.list.len() {
        let (Some(Class::Text | Class::Quoted), written) = (tokens.class(at), tokens.written(at))
        else {
            continue;
        };
        let place = tokens.range(at, at);
        // What is concatenated to it is not known; a value stands for it.
        let goes_on = matches!(tokens.class(at + 1), Some(Class::Sign(b'|' | b'+')));
        let inner = if goes_on {
            format!("{} ?", content(written))
        } else {
            content(written).to_owned()
        };
        let mut objections = Vec::new();
        super::split::statements(&inner, &mut |statement| {
            judge(
                &statement,
                Footing::Sure,
                options,
                &mut objections,
                depth + 1,
            );
        });
        found.extend(
            objections
                .into_iter()
                .map(|(category, _)| (category, place.clone())),
        );
        if goes_on && options.interpolation {
            found.push(("sql_interpolation", place));
        }
    }
}

/// What a string's quotes enclose.
fn content(written: &str) -> &str {
    if let Some(tagged) = written.strip_prefix('$') {
        let tag = tagged.find('$').map_or(0, |n| n + 2);
        return written
            .get(tag..written.len().saturating_sub(tag))
            .unwrap_or_default();
    }
    let open = written.find(['\'', '"', '`', '[']).map_or(0, |n| n + 1);
    written
        .get(open..written.len().saturating_sub(1))
        .unwrap_or_default()
}

/// Whether a verb with what follows can hardly be anything but SQL.
pub(super) fn strong(tokens: &Tokens<'_>) -> bool {
    let second = tokens.word(1);
    match Verb::of(tokens.word(0)) {
        Some(Verb::Drop | Verb::Alter) => OBJECTS.contains(second),
        Some(Verb::Truncate) => tokens.is(1, "TABLE"),
        Some(Verb::Grant | Verb::Revoke) => PRIVILEGES.contains(second),
        Some(Verb::Delete) => tokens.is(1, "FROM"),
        Some(Verb::Update) => set_clause(tokens, 0).is_some(),
        None => false,
    }
}

/// The place of `SET` of an update that begins at `at`.
fn set_clause(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    // Names, hints, aliases and joins stand between.
    let set = tokens.at_depth_0(at + 2, |t, n| t.is(n, "SET"))?;
    let assigns = tokens.at_depth_0(set + 1, |t, n| {
        matches!(t.class(n), Some(Class::Sign(b'=')))
    });
    let listed = matches!(tokens.class(set + 1), Some(Class::Open | Class::Bound));
    (assigns.is_some() || listed).then_some(set)
}

/// Judges a verb at `at`, in the position of a statement.
fn verb(
    tokens: &Tokens<'_>,
    at: usize,
    footing: Footing,
    options: &Options,
    found: &mut Vec<Objection>,
) {
    let Some(verb) = Verb::of(tokens.word(at)) else {
        return;
    };
    if !verb.is_blocked(options) {
        return;
    }
    let rest = tokens.part(at..tokens.list.len());
    if !is_statement(verb, &rest, footing) {
        return;
    }
    let objects = match verb {
        Verb::Drop | Verb::Truncate | Verb::Alter | Verb::Grant | Verb::Revoke => true,
        Verb::Delete | Verb::Update => {
            let condition = rest.at_depth_0(1, |t, n| t.is(n, "WHERE"));
            condition.is_none_or(|at| condition::always_true(&rest.part(at + 1..rest.list.len())))
        }
    };
    if objects {
        found.push((verb.category(), tokens.range(at, at + 2)));
    }
}

/// Whether tokens that begin with a verb are a statement of that verb, rather than a sentence.
fn is_statement(verb: Verb, tokens: &Tokens<'_>, footing: Footing) -> bool {
    if tokens.after_name(1).is_none() {
        return false;
    }
    match verb {
        Verb::Drop | Verb::Alter => is_thing(tokens, footing) && tail(tokens, footing),
        Verb::Truncate => {
            (tokens.is(1, "TABLE")
                || footing == Footing::Sure
                || is_upper(tokens.word(0))
                || tokens.list.len() < 4)
                && is_thing(tokens, Footing::Sure)
                && tail(tokens, footing)
        }
        Verb::Grant | Verb::Revoke => is_grant(verb, tokens, footing),
        Verb::Delete => is_delete(tokens, footing) && tail(tokens, footing),
        Verb::Update => {
            let conflict = ["REPLACE", "IGNORE", "ROLLBACK", "ABORT", "FAIL"];
            let resolved = tokens.is(1, "OR") && conflict.iter().any(|word| tokens.is(2, word));
            (resolved || tokens.is_name(1))
                && set_clause(tokens, 0).is_some_and(|set| set < MAX_NAMES)
        }
    }
}

/// How many tokens may name what is updated.
const MAX_NAMES: usize = 48;

/// `GRANT privileges ON thing TO whom`, `GRANT role TO whom`.
fn is_grant(verb: Verb, tokens: &Tokens<'_>, footing: Footing) -> bool {
    let whom = tokens.at_depth_0(2, |t, n| {
        t.is(n, "TO") || (verb == Verb::Revoke && t.is(n, "FROM"))
    });
    let Some(whom) = whom.filter(|n| tokens.is_name(n + 1) || !is_word(tokens, n + 1)) else {
        return false;
    };
    let listed = PRIVILEGES.contains(tokens.word(1))
        && (PRIVILEGES.contains(tokens.word(2))
            || ["ON", "PRIVILEGES", "OPTION"]
                .iter()
                .any(|word| tokens.is(2, word))
            || !is_word(tokens, 2));
    let word = tokens.word(0);
    let on = tokens.at_depth_0(1, |t, n| t.is(n, "ON")).is_some();
    footing == Footing::Sure
        || (listed && (tokens.ended || !is_title(word)))
        || (is_upper(word) && (on || whom == 2 || PRIVILEGES.contains(tokens.word(1))))
        || (whom == 2 && tokens.ended)
}

/// `DELETE FROM t`, and forms that leave out `FROM` or name it later.
fn is_delete(tokens: &Tokens<'_>, footing: Footing) -> bool {
    if tokens.is(1, "FROM") {
        let name = if tokens.is(2, "ONLY") && tokens.class(3).is_some() {
            3
        } else {
            2
        };
        let given = tokens.class(name).is_some() && !is_word(tokens, name);
        return tokens.is_name(name) || (given && tokens.after_name(name).is_some());
    }
    let rowset = tokens.class(2) == Some(Class::Open)
        && tokens
            .word(1)
            .get(..4)
            .is_some_and(|w| w.eq_ignore_ascii_case("open"));
    let later = tokens
        .at_depth_0(1, |t, n| t.is(n, "FROM") || t.is(n, "WHERE"))
        .is_some();
    tokens.is_name(1)
        && (footing == Footing::Sure || later || rowset || (tokens.ended && tokens.list.len() == 2))
}

fn is_word(tokens: &Tokens<'_>, at: usize) -> bool {
    tokens.class(at) == Some(Class::Word)
}

/// Whether a kind of thing and a name follow: `DROP TABLE` alone is no statement.
fn is_thing(tokens: &Tokens<'_>, footing: Footing) -> bool {
    let sure = footing == Footing::Sure;
    let shouted = is_upper(tokens.word(0)) && footing >= Footing::Line;
    let mut at = 1;
    while OBJECTS.contains(tokens.word(at)) && at < 6 {
        at += 1;
    }
    if at == 1 && !sure {
        // A dialect's own kind of thing, in capitals: `DROP RLS POLICY p`, `ALTER CAPACITY \`c\``.
        let known = OBJECTS.contains(tokens.word(2))
            || OBJECTS.contains(tokens.word(3))
            || tokens.is(2, "SET")
            || matches!(tokens.class(2), Some(Class::Quoted));
        return shouted
            && known
            && is_upper(tokens.word(1))
            && !PROSE.contains(tokens.word(1))
            && tokens.list.len() > 3;
    }
    if (tokens.is(1, "OWNED") && tokens.is(2, "BY"))
        || (tokens.is(1, "DEFAULT") && tokens.is(2, "PRIVILEGES"))
    {
        return true;
    }
    for word in ["CONCURRENTLY", "IF", "NOT", "EXISTS", "ONLY"] {
        if tokens.is(at, word) {
            at += 1;
        }
    }
    match tokens.class(at) {
        // The last word was the name: `TRUNCATE TABLE temp`.
        None => at > 2 && (sure || shouted),
        Some(Class::Sign(b'.')) => at > 2,
        Some(Class::Word) => {
            tokens.is_name(at)
                || (at > 2
                    && (CLAUSES.contains(tokens.word(at)) || ACTIONS.contains(tokens.word(at))))
        }
        Some(Class::Quoted | Class::Bound | Class::Text | Class::Open | Class::Sign(b'=')) => true,
        Some(_) => sure,
    }
}

/// Whether what follows reads as a statement goes on. Written in capitals, or known to be SQL, that is
/// taken for granted.
fn tail(tokens: &Tokens<'_>, footing: Footing) -> bool {
    match footing {
        Footing::Sure => true,
        Footing::Line if is_upper(tokens.word(0)) => true,
        Footing::Line | Footing::Prose => reads_as_sql(tokens),
    }
}
