//! Which collection lies in which table, which columns it has beside the whole record, and the statements for it.
//!
//! A record is written by one statement: it is compared, merged and told in columns where it lies, so that nothing can
//! come between. Fields and columns of others stay.

use std::sync::LazyLock;

/// A column and what it is of the record `r`.
type Column = (&'static str, &'static str);

/// A table of its own for a collection.
struct Table {
    name: &'static str,
    columns: &'static [&'static [Column]],
}

const NAMED: &[Column] = &[("name", "r->>'name'"), ("slug", "r->>'slug'")];

const FILE: &[Column] = &[
    ("kind", "r->>'kind'"),
    ("path", "r->>'path'"),
    ("uri", "r->>'uri'"),
    ("url", "coalesce(r->>'public_url', r->>'signed_url')"),
    ("sha256", "r->>'sha256'"),
    ("size_bytes", "(r->>'size_bytes')::bigint"),
    ("mime", "r->>'mime'"),
    ("width", "(r->>'width')::integer"),
    ("height", "(r->>'height')::integer"),
    ("duration_ms", "(r->>'duration_ms')::bigint"),
    ("seed", "(r->>'seed')::numeric"),
    ("created_at", "to_timestamp((r->>'created_ms')::bigint / 1000.0)"),
];

/// A path of these kinds is `{user}/{job}/{index}`; an address names the bucket first.
const WORKSPACE: &[Column] = &[
    ("user_id", "r->>'owner'"),
    ("job_id", "split_part(r->>'path', '/', 2)"),
    ("idx", "(r->>'idx')::integer"),
    ("bucket", "substring(r->>'uri' from '^[a-z0-9]+://([^/]+)/')"),
    ("key", "substring(r->>'uri' from '^[a-z0-9]+://[^/]*/(.*)$')"),
    ("prompt", "r->'meta'->>'prompt'"),
    ("meta", "r->'meta'"),
];

const JOB: &[Column] = &[
    ("status", "r->>'status'"),
    ("current_stage", "r->'progress'->>'current_stage'"),
    ("completed", "(r->'progress'->>'completed')::integer"),
    ("total_characters", "(r->'progress'->>'total_characters')::integer"),
    ("created_at", "(r->>'created_at')::timestamptz"),
    ("updated_at", "(r->>'updated_at')::timestamptz"),
];

const TABLES: &[Table] = &[
    Table { name: "characters", columns: &[NAMED] },
    // People, and the photos that show them.
    Table { name: "people", columns: &[NAMED, FILE] },
    Table { name: "users", columns: &[NAMED] },
    Table { name: "shoots", columns: &[NAMED] },
    Table { name: "photos", columns: &[FILE] },
    Table { name: "assets", columns: &[FILE] },
    Table { name: "workspace_assets", columns: &[FILE, WORKSPACE] },
    Table { name: "pipeline_jobs", columns: &[JOB] },
];

/// Holds the records of all other collections.
const OTHERS: &str = "rushes_records";

/// What is asked of one collection. Each takes the collection and the id first.
pub(super) struct Statements {
    /// The table, for words about it.
    pub(super) table: &'static str,
    /// … the number, the record as text.
    pub(super) put: String,
    /// Gives the number and the record as text.
    pub(super) get: String,
    /// Here the id is the cursor; … how many at most. Gives ids.
    pub(super) list: String,
    pub(super) delete: String,
}

/// The collection whose table may be an app's own.
pub(super) const APPS: &str = "workspace_assets";

/// The statements for a collection. `is_apps`: [`APPS`] is not ours here, and its records lie among all others.
pub(super) fn statements(collection: &str, is_apps: bool) -> &'static Statements {
    static ALL: LazyLock<Vec<Statements>> = LazyLock::new(|| TABLES.iter().map(own).collect());
    static SHARED: LazyLock<Statements> = LazyLock::new(shared);
    let own = ALL.iter().find(|statements| statements.table == collection);
    own.filter(|_| !is_apps || collection != APPS).unwrap_or(&SHARED)
}

/// Every table records lie in.
pub(super) fn names() -> Vec<&'static str> {
    TABLES.iter().map(|table| table.name).chain([OTHERS]).collect()
}

/// The collection is in the table's name; it is given all the same, so that all are asked alike.
fn own(table: &Table) -> Statements {
    let name = table.name;
    let columns: Vec<&Column> = table.columns.iter().flat_map(|columns| columns.iter()).collect();
    let names: String = columns.iter().map(|(column, _)| format!(", {column}")).collect();
    let values: String = columns.iter().map(|(_, of)| format!(", {of}")).collect();
    let news: String = columns.iter().map(|(column, _)| format!(", {column} = excluded.{column}")).collect();
    Statements {
        table: name,
        put: format!(
            "INSERT INTO {name} AS there (id, rev, record, written_at{names})
             SELECT $2, $3, r, now(){values} FROM (SELECT $4::jsonb AS r WHERE $1 <> '') AS given
             ON CONFLICT (id) DO UPDATE SET rev = excluded.rev, record = there.record || excluded.record, written_at = now(){news}
             WHERE excluded.rev > there.rev"
        ),
        get: format!("SELECT rev, record::text FROM {name} WHERE $1 <> '' AND id = $2"),
        list: format!("SELECT id FROM {name} WHERE $1 <> '' AND id COLLATE \"C\" > $2 ORDER BY id COLLATE \"C\" LIMIT $3"),
        delete: format!("DELETE FROM {name} WHERE $1 <> '' AND id = $2"),
    }
}

fn shared() -> Statements {
    Statements {
        table: OTHERS,
        put: format!(
            "INSERT INTO {OTHERS} AS there (collection, id, rev, record) VALUES ($1, $2, $3, $4::jsonb)
             ON CONFLICT (collection, id) DO UPDATE SET rev = excluded.rev, record = there.record || excluded.record, written_at = now()
             WHERE excluded.rev > there.rev"
        ),
        get: format!("SELECT rev, record::text FROM {OTHERS} WHERE collection = $1 AND id = $2"),
        list: format!("SELECT id FROM {OTHERS} WHERE collection = $1 AND id > $2 ORDER BY id LIMIT $3"),
        delete: format!("DELETE FROM {OTHERS} WHERE collection = $1 AND id = $2"),
    }
}
