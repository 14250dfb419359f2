//! Whether a database is one, as far as its own words tell. Looks at everything, and is for those who go on without a part
//! of the log.

use rusqlite::Connection;

use super::schema::WITH_INDEX;

/// SQL that is true where rows do not fit together, and what that means.
const SNAPSHOTS: (&str, &str) = (
    "SELECT EXISTS (
         SELECT 1 FROM snapshot
         LEFT JOIN (SELECT entity, max(sequence) AS last FROM event GROUP BY entity) USING (entity)
         WHERE sequence > coalesce(last, 0)
     )",
    "table snapshot has states of which events are missing",
);
const INDEX: (&str, &str) = (
    "SELECT EXISTS (
         SELECT 1 FROM event LEFT JOIN event_of_entity AS entry
         ON entry.entity = event.entity AND entry.sequence = event.sequence
         WHERE event.position <= coalesce((SELECT position FROM indexed), 0)
         AND entry.position IS NOT event.position
     ) OR EXISTS (
         SELECT 1 FROM event_of_entity AS entry LEFT JOIN event ON event.position = entry.position
         WHERE event.entity IS NOT entry.entity OR event.sequence IS NOT entry.sequence
     )",
    "table event_of_entity does not fit table event",
);

/// What does not fit together, in a database of this version of the schema.
pub(super) fn contradiction(
    connection: &Connection,
    version: usize,
) -> rusqlite::Result<Option<String>> {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Some(verdict));
    }
    let mut checks = vec![SNAPSHOTS];
    // Before, SQLite kept the index, and has just looked at it.
    checks.extend((version >= WITH_INDEX).then_some(INDEX));
    for (sql, meaning) in checks {
        if connection.query_row(sql, [], |row| row.get(0))? {
            return Ok(Some(meaning.into()));
        }
    }
    Ok(None)
}
