use super::{found, hits};

#[test]
fn statements_are_found_in_text() {
    for text in [
        "Here is the statement:\nDELETE FROM sessions;\nShall I run it?",
        "Here's the statement:\nDELETE FROM sessions -- WHERE id = 1\nShall I run it?",
        "```sql\ndrop database sessions\n```",
        "Run `DROP TABLE users` first.",
        "I executed \"DELETE FROM users\" as you asked.",
        "Please run DROP TABLE users; then tell me.",
        "Run this: drop table users;",
        "{\"query\": \"delete\\nfrom\\nsessions\"}",
        "Tool result:\n{\"sql\": \"UPDATE users SET active = 0;\"}",
        "cur.execute(\"DROP TABLE users\")",
        "cur.execute(\"DELETE \" \"FROM users\")",
        "db.run('''\nTRUNCATE TABLE users\n''')",
        "psql -c 'DROP DATABASE prod'",
        "mysql> drop table users;",
        "- DROP TABLE users",
        "1. DELETE FROM users;",
    ] {
        assert_eq!(found(text).len(), 1, "{text}");
    }
}

#[test]
fn prose_and_code_stay_silent() {
    for text in [
        "Drop the table from your plans and update the schedule.",
        "Please update the users and delete from the list any items that expired.",
        "Delete from cart",
        "\"Drop files here\", \"Delete user\", \"Grant access to Bob\"",
        "Explain what DROP TABLE does.",
        "What is the difference between DELETE FROM and TRUNCATE TABLE in SQL?",
        "UPDATE: the meeting moved. ALTER EGO is a film.",
        "git branch --delete feature; drop shipping is a business model",
        "Grant me the wisdom to let go.",
        "DELETE /api/users/3 HTTP/1.1",
        "update = \"select\"\ndrop = df.drop(columns=['a'])",
        "cur.execute(\"DELETE FROM foo WHERE id = '%s'\", identifier)",
        "\"DELETE FROM t \" + condition",
        "{\"query\": \"SELECT 'DELETE FROM sessions' AS example\"}",
        "The privilege list of the UPDATE statement",
        "truncate -s 0 /var/log/messages",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

#[test]
fn a_hit_covers_the_verb_and_what_it_acts_on() {
    let text = "{\"sql\": \"SELECT 1;\\nDROP TABLE t\"}";
    let ranges: Vec<_> = hits(text).into_iter().map(|hit| &text[hit.range]).collect();
    assert_eq!(ranges, ["DROP TABLE t"]);
}
