use super::found;

#[test]
fn destructive_statements_are_found() {
    for (category, statements) in [
        (
            "sql_drop",
            &[
                "DROP TABLE users",
                "drop table users;",
                "DROP TABLE IF EXISTS a.b, c CASCADE",
                "drop view a",
                "DROP/**/TABLE/**/users",
                "DROP MATERIALIZED VIEW v",
                "DROP DATABASE \"prod\"",
                "DROP OWNED BY bob",
                "SELECT 1; DROP TABLE sessions;",
                "IF EXISTS (SELECT 1 FROM sys.tables) DROP TABLE #tmp",
                "BEGIN DROP TABLE t; END",
                "/*!50000 DROP TABLE t */",
                "DO $$ BEGIN DROP TABLE t; END $$",
                "EXECUTE IMMEDIATE 'DROP TABLE t'",
                "EXEC sp_executesql N'DROP TABLE t'",
                "SELECT 1\nGO\nDROP TABLE t\nGO",
            ][..],
        ),
        (
            "sql_truncate",
            &[
                "TRUNCATE users",
                "truncate a",
                "truncate table temp",
                "/* cleanup */ TRUNCATE users;",
            ],
        ),
        (
            "sql_alter",
            &[
                "ALTER TABLE users ADD COLUMN x int",
                "alter table event alter column name type varchar(300)",
                "ALTER SYSTEM SET max_wal_size = '2GB'",
                "ALTER DEFAULT PRIVILEGES FOR ROLE r GRANT SELECT ON TABLES TO g",
                "ALTER EXTENSION repmgr UPDATE",
                "ALTER TABLE rooms DROP PERIOD FOR p",
            ],
        ),
        (
            "sql_grant",
            &[
                "GRANT SELECT, DELETE ON orders TO app",
                "grant all privileges on mytable to myrole",
                "GRANT admin TO bob",
            ],
        ),
        (
            "sql_revoke",
            &[
                "REVOKE ALL ON t FROM u",
                "revoke select on table a from group b",
            ],
        ),
        (
            "sql_delete_without_where",
            &[
                "DELETE FROM users",
                "delete\nfrom\nusers",
                "DELETE FROM users -- WHERE id = 1",
                "DELETE FROM users # WHERE id = 1",
                "DELETE FROM users /* WHERE id = 1 */",
                "DELETE FROM users WHERE 1=1",
                "DELETE FROM users WHERE true",
                "DELETE FROM users WHERE ('a' = 'a')",
                "DELETE FROM users WHERE id = 3 OR 1 = 1",
                "DELETE FROM users WHERE id = id",
                "DELETE FROM users WHERE 2 > 1 LIMIT 5",
                "DELETE FROM users USING (SELECT id FROM old WHERE id > 3) x",
                "WITH old AS (SELECT id FROM t WHERE id < 3) DELETE FROM t",
                "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone WHERE id = 1",
                "DELETE FROM log WHERE note = 'x' OR NOT FALSE",
            ],
        ),
        (
            "sql_update_without_where",
            &[
                "UPDATE users SET active = 0",
                "UPDATE orders SET note = 'where is it'",
                "UPDATE t SET a = (SELECT b FROM c WHERE d = 1)",
                "update \"my table\" set a = 1, b = 2",
                "UPDATE TOP (10) PERCENT t SET a = 'x'",
                "UPDATE t1 AS a, t2 AS b SET a.id = 1",
                "WITH a AS (SELECT * FROM b) UPDATE a SET col = 1",
                "EXPLAIN ANALYZE UPDATE t SET a = 1",
            ],
        ),
    ] {
        for statement in statements {
            assert_eq!(found(statement), [category], "{statement}");
        }
    }
}

#[test]
fn harmless_statements_are_not() {
    for statement in [
        "SELECT deleted_at, updated_at FROM orders",
        "DELETE FROM orders WHERE id = 3",
        "UPDATE t SET a = 1 WHERE id = 3",
        "UPDATE t SET a = 'it\\'s' WHERE id = 1",
        "DELETE FROM t WHERE 1 = 1 AND id = 3",
        "DELETE FROM t WHERE id BETWEEN 1 AND 1",
        "SELECT 'DELETE FROM sessions' AS example",
        "INSERT INTO t VALUES ('drop table x')",
        "SELECT 1 -- DROP TABLE x",
        "SELECT 1 /* DROP TABLE x; */",
        "SELECT /* a /* DROP TABLE x */ b */ 1",
        "CREATE TABLE c (id int REFERENCES p ON DELETE CASCADE ON UPDATE SET NULL)",
        "SELECT * FROM t FOR UPDATE",
        "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1",
        "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1",
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN DELETE",
        "UPDATE STATISTICS sales",
        "CREATE TRIGGER x AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "SELECT $$DROP TABLE x$$",
        "EXPLAIN DELETE FROM t",
        "SELECT truncate(x, 2) FROM t",
        "SELECT \"drop table x\" FROM t",
    ] {
        assert_eq!(found(statement), [""; 0], "{statement}");
    }
}
