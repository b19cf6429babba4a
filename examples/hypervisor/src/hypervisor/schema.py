"""The record of guests, and how an older one is brought up to date. Takes any DB-API connection."""

from __future__ import annotations

MIGRATIONS = (
    ("CREATE TABLE guests (name VARCHAR(64) PRIMARY KEY, memory_kb INTEGER NOT NULL)",),
    (
        "ALTER TABLE guests ADD COLUMN memory_mb INTEGER NOT NULL DEFAULT 0",
        # SQLite divides integers and MySQL does not: take the remainder off first, and both agree
        "UPDATE guests SET memory_mb = (memory_kb - memory_kb % 1024) / 1024",
    ),
)


def version(connection) -> int:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    cursor.execute("SELECT MAX(version) FROM schema_version")
    return cursor.fetchone()[0] or 0


def upgrade(connection, target: int = len(MIGRATIONS)) -> None:
    cursor = connection.cursor()
    for number in range(version(connection), target):
        for statement in MIGRATIONS[number]:
            cursor.execute(statement)
        cursor.execute(f"INSERT INTO schema_version VALUES ({number + 1})")
    connection.commit()
