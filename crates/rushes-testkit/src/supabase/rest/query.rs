//! What stands behind the `?` of an address: which rows, which columns, in which order, how many.

use super::super::names;
use super::told::{Outcome, Told};

/// `column=[not.]operator.value`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) column: String,
    pub(super) is_not: bool,
    pub(super) test: Test,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// An operator of SQL and what stands behind it.
    Compare(&'static str, String),
    In(Vec<String>),
    /// `null`, `true`, `false`, `unknown`: nothing else gets here.
    Is(String),
}

#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) filters: Vec<Filter>,
    /// Empty: all columns.
    pub(super) select: Vec<String>,
    /// Columns, and whether the last come first.
    pub(super) order: Vec<(String, bool)>,
    pub(super) limit: Option<i64>,
    pub(super) offset: i64,
    pub(super) on_conflict: Vec<String>,
}

const OPERATORS: &[(&str, &str)] =
    &[("eq", "="), ("neq", "<>"), ("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<="), ("like", "LIKE"), ("ilike", "ILIKE")];

impl Query {
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| names::decode(&text.replace('+', " ")).ok_or_else(|| Told::bad_query("query", text));
            let (name, value) = (decoded(name)?, decoded(value)?);
            let list = || value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
            let number = || value.parse::<i64>().ok().filter(|number| *number >= 0).ok_or_else(|| Told::bad_query(&name, &value));
            match &*name {
                "select" => query.select = list().into_iter().filter(|column| column != "*").collect(),
                "order" => query.order = list().iter().map(|term| order(term)).collect::<Outcome<_>>()?,
                "limit" => query.limit = Some(number()?),
                "offset" => query.offset = number()?,
                "on_conflict" => query.on_conflict = list(),
                // Which keys of a body count: all that are in it.
                "columns" | "apikey" => {}
                _ => query.filters.push(filter(name, &value)?),
            }
        }
        Ok(query)
    }
}

fn order(term: &str) -> Outcome<(String, bool)> {
    match term.split_once('.') {
        None | Some((_, "asc")) => Ok((term.split('.').next().unwrap_or_default().to_owned(), false)),
        Some((column, "desc")) => Ok((column.to_owned(), true)),
        Some(_) => Err(Told::bad_query("order", term)),
    }
}

fn filter(column: String, value: &str) -> Outcome<Filter> {
    let refused = || Told::bad_query("filter", value);
    let (is_not, rest) = value.strip_prefix("not.").map_or((false, value), |rest| (true, rest));
    let (operator, operand) = rest.split_once('.').ok_or_else(refused)?;
    let test = match operator {
        "in" => Test::In(listed(operand).ok_or_else(refused)?),
        "is" if matches!(operand, "null" | "true" | "false" | "unknown") => Test::Is(operand.to_owned()),
        "like" | "ilike" => Test::Compare(sign(operator).ok_or_else(refused)?, operand.replace('*', "%")),
        _ => Test::Compare(sign(operator).ok_or_else(refused)?, operand.to_owned()),
    };
    Ok(Filter { column, is_not, test })
}

fn sign(operator: &str) -> Option<&'static str> {
    OPERATORS.iter().find(|(name, _)| *name == operator).map(|(_, sign)| *sign)
}

/// `(a,"b,c")`
fn listed(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('(')?.strip_suffix(')')?;
    let mut values = Vec::new();
    while !rest.is_empty() {
        let (value, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        values.push(value.to_owned());
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supabase_table_queries_are_taken_apart() {
        let query = Query::parse("a=eq.1%2C2&b=not.in.(x,%22y,z%22)&c=is.null&select=*,a&order=b.desc,c&limit=3&on_conflict=a,b");
        let query = query.unwrap_or_else(|_| panic!("a good query"));
        let compared = Filter { column: "a".into(), is_not: false, test: Test::Compare("=", "1,2".into()) };
        let listed = Filter { column: "b".into(), is_not: true, test: Test::In(vec!["x".into(), "y,z".into()]) };
        let null = Filter { column: "c".into(), is_not: false, test: Test::Is("null".into()) };
        assert_eq!(query.filters, [compared, listed, null]);
        assert_eq!((query.select, query.limit, query.offset), (vec!["a".to_owned()], Some(3), 0));
        assert_eq!(query.order, [("b".to_owned(), true), ("c".to_owned(), false)]);
        for bad in ["a=1", "a=foo.1", "a=is.1;drop", "a=in.x", "limit=-1", "order=a.b.c", "a=%zz"] {
            assert!(Query::parse(bad).is_err(), "{bad}");
        }
    }
}
