"""Writes the SQL of the sqlite3 test: a table in a database file, grown, indexed and summed up in rounds."""
print("PRAGMA journal_mode = DELETE;")
print("CREATE TABLE numbers (id INTEGER PRIMARY KEY, value INTEGER, name TEXT);")
print("CREATE INDEX by_value ON numbers (value);")
for round in range(60):
    print("BEGIN;")
    print(f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO numbers (value, name) SELECT (i * 7919 + {round} * 104729) % 10007, printf('name %d', i % 97) FROM n;""")
    print("COMMIT;")
    print(f"SELECT 'round {round}', count(*), sum(value), count(DISTINCT name), group_concat(DISTINCT value % 5)"
          " FROM numbers WHERE value BETWEEN 100 AND 9000;")
