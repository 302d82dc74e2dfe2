//! One table, and the statements it is asked. Each runs as whom the token names: grants and policies decide, not this.

use super::super::database::{Caller, Database};
use super::Wishes;
use super::query::{Filter, Query, Test};
use super::told::{Outcome, Told};
use serde_json::Value;
use tokio_postgres::types::ToSql;

/// Tells rows that are new from rows that were there. No column of a table is called so.
const IS_NEW: &str = "is new?";

/// A table of the schema `public`.
pub(super) struct Table {
    name: String,
    /// Names and types.
    columns: Vec<(String, String)>,
    key: Vec<String>,
}

/// What came of an insert.
pub(super) struct Written {
    pub(super) rows: Vec<Value>,
    /// Whether any row was not there before.
    pub(super) is_new: bool,
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn quoted_list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// The conditions of a statement, and the values they speak of, from `$first` on.
struct Where {
    sql: String,
    values: Vec<String>,
}

const COLUMNS: &str = "SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
        coalesce(a.attnum = ANY(i.indkey::smallint[]), false) AS is_key
    FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = to_regclass('public.' || quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

impl Table {
    pub(super) async fn find(database: &Database, name: &str) -> Outcome<Self> {
        let rows = asked(database, &Caller::server(), COLUMNS, &[name.to_owned()]).await?;
        let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let columns: Vec<_> = rows.iter().map(|row| (text(row, "name"), text(row, "type"))).collect();
        let key = rows.iter().filter(|row| row["is_key"] == true).map(|row| text(row, "name")).collect();
        if columns.is_empty() { Err(Told::no_table(name)) } else { Ok(Self { name: name.to_owned(), columns, key }) }
    }

    fn quoted(&self) -> String {
        format!("public.{}", quoted(&self.name))
    }

    /// A column in a statement, or what stands at a path in one: `column->field->>field`. One that is not there is named all
    /// the same: Postgres refuses it.
    fn column(&self, name: &str) -> String {
        let (column, mut path) = name.split_at(name.find("->").unwrap_or(name.len()));
        let mut sql = format!("{}.{}", quoted(&self.name), quoted(column));
        while let Some(rest) = path.strip_prefix("->") {
            let (sign, rest) = rest.strip_prefix('>').map_or(("->", rest), |rest| ("->>", rest));
            let (field, behind) = rest.split_at(rest.find("->").unwrap_or(rest.len()));
            sql += &format!("{sign}'{}'", field.replace('\'', "''"));
            path = behind;
        }
        sql
    }

    /// The same among what is asked for: what stands at a path is called by its last field.
    fn asked_for(&self, name: &str) -> String {
        let last = name.rsplit("->").next().unwrap_or(name).trim_start_matches('>');
        if last == name { self.column(name) } else { format!("{} AS {}", self.column(name), quoted(last)) }
    }

    fn shown(&self, query: &Query) -> String {
        let all = || format!("{}.*", quoted(&self.name));
        if query.select.is_empty() { all() } else { query.select.iter().map(|name| self.asked_for(name)).collect::<Vec<_>>().join(", ") }
    }

    fn conditions(&self, filters: &[Filter], first: usize) -> Where {
        let (mut sql, mut values) = (String::from("true"), Vec::new());
        for filter in filters {
            let column = self.column(&filter.column);
            let is_json = filter.column.contains("->") && !filter.column.contains("->>");
            let kind = self.columns.iter().find(|(name, _)| *name == filter.column).map(|(_, kind)| kind.as_str());
            let kind = kind.unwrap_or(if is_json { "jsonb" } else { "text" });
            let at = first + values.len();
            let test = match &filter.test {
                Test::Compare(sign @ ("LIKE" | "ILIKE"), value) => {
                    values.push(value.clone());
                    format!("{column} {sign} ${at}::text")
                }
                Test::Compare(sign, value) => {
                    values.push(value.clone());
                    format!("{column} {sign} ${at}::text::{kind}")
                }
                Test::In(listed) => {
                    values.push(Value::from(listed.clone()).to_string());
                    format!("{column} = ANY(ARRAY(SELECT jsonb_array_elements_text(${at}::text::jsonb))::{kind}[])")
                }
                Test::Is(what) => format!("{column} IS {what}"),
            };
            sql += &format!(" AND {}({test})", if filter.is_not { "NOT " } else { "" });
        }
        Where { sql, values }
    }

    pub(super) async fn read(&self, database: &Database, caller: &Caller, query: &Query) -> Outcome<Vec<Value>> {
        let Where { sql, values } = self.conditions(&query.filters, 1);
        let order: Vec<String> = query
            .order
            .iter()
            .map(|(name, is_last_first)| format!("{}{}", self.column(name), if *is_last_first { " DESC" } else { "" }))
            .collect();
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
        let limit = query.limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
        let sql = format!("SELECT {} FROM {} WHERE {sql}{order}{limit} OFFSET {}", self.shown(query), self.quoted(), query.offset);
        asked(database, caller, &sql, &values).await
    }

    /// The columns of a body's objects, which all have the same.
    fn columns_of(&self, rows: &[Value]) -> Outcome<Vec<String>> {
        let keys = |row: &Value| row.as_object().map(|row| row.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let columns = rows.first().map(keys).unwrap_or_default();
        if let Some(unknown) = columns.iter().find(|name| !self.columns.iter().any(|(known, _)| known == *name)) {
            return Err(Told::no_column(&self.name, unknown));
        }
        if rows.iter().all(|row| keys(row) == columns) { Ok(columns) } else { Err(Told::bad_body("All object keys must match")) }
    }

    pub(super) async fn insert(
        &self,
        database: &Database,
        caller: &Caller,
        query: &Query,
        wishes: &Wishes,
        rows: Vec<Value>,
    ) -> Outcome<Written> {
        let columns = self.columns_of(&rows)?;
        if columns.is_empty() {
            return Ok(Written { rows: Vec::new(), is_new: false });
        }
        let listed = quoted_list(&columns);
        let target = quoted_list(if query.on_conflict.is_empty() { &self.key } else { &query.on_conflict });
        let merged = || columns.iter().map(|name| format!("{0} = EXCLUDED.{0}", quoted(name))).collect::<Vec<_>>().join(", ");
        let conflict = match wishes.resolution.as_deref() {
            Some("merge-duplicates") => format!("ON CONFLICT ({target}) DO UPDATE SET {}", merged()),
            Some("ignore-duplicates") => format!("ON CONFLICT ({target}) DO NOTHING"),
            _ => String::new(),
        };
        // Whoever may write and not read may do so as long as nothing is asked back.
        let is_merged = wishes.resolution.as_deref() == Some("merge-duplicates");
        let mut returned = if wishes.is_shown { self.shown(query) } else { "1 AS written".to_owned() };
        if is_merged {
            returned += &format!(", {}.xmax = 0 AS {}", quoted(&self.name), quoted(IS_NEW));
        }
        let sql = format!(
            "INSERT INTO {} ({listed}) SELECT {listed} FROM jsonb_populate_recordset(NULL::{}, $1::text::jsonb) {conflict} RETURNING {returned}",
            self.quoted(),
            self.quoted(),
        );
        let mut rows = asked(database, caller, &sql, &[Value::Array(rows).to_string()]).await?;
        let is_new = !is_merged || rows.iter().any(|row| row[IS_NEW] == true);
        rows.iter_mut().filter_map(Value::as_object_mut).for_each(|row| drop(row.remove(IS_NEW)));
        Ok(Written { rows, is_new })
    }

    pub(super) async fn update(
        &self,
        database: &Database,
        caller: &Caller,
        query: &Query,
        wishes: &Wishes,
        fields: Value,
    ) -> Outcome<Vec<Value>> {
        let columns = self.columns_of(std::slice::from_ref(&fields))?;
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        if query.filters.is_empty() {
            return Err(Told::everything("UPDATE"));
        }
        let set = columns.iter().map(|name| format!("{0} = given.{0}", quoted(name))).collect::<Vec<_>>().join(", ");
        let Where { sql, values } = self.conditions(&query.filters, 2);
        let sql = format!(
            "UPDATE {} SET {set} FROM jsonb_populate_record(NULL::{}, $1::text::jsonb) AS given WHERE {sql} RETURNING {}",
            self.quoted(),
            self.quoted(),
            if wishes.is_shown { self.shown(query) } else { "1 AS written".to_owned() },
        );
        let values: Vec<String> = std::iter::once(fields.to_string()).chain(values).collect();
        asked(database, caller, &sql, &values).await
    }

    pub(super) async fn delete(&self, database: &Database, caller: &Caller, query: &Query, wishes: &Wishes) -> Outcome<Vec<Value>> {
        if query.filters.is_empty() {
            return Err(Told::everything("DELETE"));
        }
        let Where { sql, values } = self.conditions(&query.filters, 1);
        let returned = if wishes.is_shown { self.shown(query) } else { "1 AS written".to_owned() };
        let sql = format!("DELETE FROM {} WHERE {sql} RETURNING {returned}", self.quoted());
        asked(database, caller, &sql, &values).await
    }
}

/// Runs a statement as `caller`; all its values are texts.
async fn asked(database: &Database, caller: &Caller, sql: &str, values: &[String]) -> Outcome<Vec<Value>> {
    let work = async {
        let transaction = database.begin(caller).await?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let rows = transaction.select(sql, &values).await?;
        transaction.commit().await?;
        Ok(rows)
    };
    work.await.map_err(|refusal| Told::of_database(refusal, caller.is_nobody()))
}
