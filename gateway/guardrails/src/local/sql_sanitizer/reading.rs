//! Whether words that begin with a verb are a statement of it, or a sentence.

use super::statement::{Footing, set_clause};
use super::style::{is_title, is_upper, reads_as_sql};
use super::token::Class;
use super::tokens::Tokens;
use super::verb::Verb;
use super::words::{ACTIONS, CLAUSES, OBJECTS, PRIVILEGES, PROSE};

/// Whether tokens that begin with a verb are a statement of that verb, rather than a sentence.
pub(super) fn is_statement(verb: Verb, tokens: &Tokens<'_>, footing: Footing) -> bool {
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
