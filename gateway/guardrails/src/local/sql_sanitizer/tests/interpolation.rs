use parapet_policy::outcome::Operation;

use super::{SqlSanitizer, built};
use crate::scan::scan_text;

fn interpolates(text: &str) -> bool {
    let config = SqlSanitizer {
        require_parameterization: true,
        ..SqlSanitizer::default()
    };
    scan_text(&*built(&config, Operation::Validate), text)
        .iter()
        .any(|hit| hit.category == "sql_interpolation")
}

#[test]
fn values_put_into_strings_are_found() {
    for text in [
        "cur.execute(f\"SELECT * FROM t WHERE id = {uid}\")",
        "cur.execute(\"SELECT * FROM t WHERE id = %s\" % uid)",
        "cur.execute(\"SELECT name FROM t WHERE id = \" + uid)",
        "\"UPDATE t SET a = '{}' WHERE id = {}\".format(a, i)",
        "String q = \"SELECT * FROM t WHERE u='\" + user + \"'\";",
        "const q = `SELECT * FROM t WHERE name = '${name}'`;",
        "$sql = \"SELECT * FROM t WHERE id = $id\";",
        "$sql = 'SELECT * FROM t WHERE id = ' . $id;",
        "fmt.Sprintf(\"SELECT * FROM t WHERE id = %d\", id)",
        "format!(\"SELECT * FROM t WHERE id = {}\", id)",
        "User.where(\"SELECT * FROM t WHERE id = #{id}\")",
        "var q = $\"SELECT * FROM t WHERE id = {id}\";",
        "q = (\"SELECT * \"  # nosec\n     \"FROM foo \"\n     f\"WHERE id = {x}\")",
        r#"{"code": "db.query(\"INSERT INTO t VALUES ('\" + v + \"')\")"}"#,
    ] {
        assert!(interpolates(text), "{text}");
    }
}

#[test]
fn parameters_and_constants_are_not() {
    for text in [
        "cur.execute(\"SELECT name FROM t WHERE id = %s\", (uid,))",
        "cur.execute(\"SELECT * FROM t WHERE id = '%s'\", identifier)",
        "db.query(\"SELECT * FROM t WHERE id = ?\", [id])",
        "$stmt = $pdo->prepare(\"SELECT * FROM t WHERE id = :id\");",
        "db.query(\"SELECT * FROM t WHERE id = $1\", [id])",
        "print(\"updated \" + str(n) + \" rows in t\")",
        "f\"selected {n} rows from orders\"",
        "cur.execute(\"SELECT * \" \"FROM t\")",
        "cur.execute(\"SELECT * FROM t WHERE a = '[V]'\".replace(\"[V]\", x))",
        "print(f\"Select {n} items from the list\")",
        "SELECT * FROM t WHERE a % 2 = 0",
        "SELECT 'a' || name FROM t",
    ] {
        assert!(!interpolates(text), "{text}");
    }
}
