//! What an import says: the table before, the table after, and each file that has no place in them.

use super::{Outcome, Survey};
use crate::cli::{Context, exit, print};
use crate::ways::known::Current;
use crate::ways::plan::{Item, State};
use rushes_core::Kind;
use rushes_core::delivery::DeliveryState;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Lines of one sort shown to people; `--json` has all.
const SHOWN_MAX: usize = 40;

/// One kind before.
#[derive(Debug, Default, Serialize)]
struct Before {
    kind: &'static str,
    named: u64,
    new: u64,
    changed: u64,
    known: u64,
    duplicate: u64,
    conflict: u64,
    missing: u64,
    elsewhere: u64,
    /// Records know only a path of some machine, or there is no record.
    local_only: u64,
}

impl Before {
    fn count(&mut self, item: &Item) {
        self.named += 1;
        self.local_only += u64::from(item.is_local_only);
        *match item.state {
            State::New => &mut self.new,
            State::Changed => &mut self.changed,
            State::Known => &mut self.known,
            State::Duplicate => &mut self.duplicate,
            State::Conflict => &mut self.conflict,
            State::Missing => &mut self.missing,
            State::Elsewhere => &mut self.elsewhere,
        } += 1;
    }
}

/// One kind after.
#[derive(Debug, Default, Serialize)]
struct After {
    kind: &'static str,
    assets: u64,
    proven: u64,
    owed: u64,
    refused: u64,
    /// Not (yet) at any destination.
    local_only: u64,
}

fn lines(survey: &Survey) -> Vec<Before> {
    let mut lines: BTreeMap<Kind, Before> = BTreeMap::new();
    for item in &survey.plan.items {
        lines.entry(item.kind).or_insert_with(|| Before { kind: item.kind.name(), ..Before::default() }).count(item);
    }
    lines.into_values().collect()
}

fn document(survey: &Survey) -> Value {
    let of = |state: State| -> Vec<Value> {
        let items = survey.plan.items.iter().filter(|item| item.state == state);
        let line = |item: &Item| json!({"subject": item.subject, "kind": item.kind, "title": item.title, "file": item.shown, "at": item.at, "why": item.why});
        items.map(line).collect()
    };
    json!({
        "source": survey.source, "before": lines(survey), "characters": survey.plan.characters.len(), "problems": survey.problems,
        "missing": of(State::Missing), "elsewhere": of(State::Elsewhere), "conflicts": of(State::Conflict), "duplicates": of(State::Duplicate),
        "changed": of(State::Changed), "unrecognised": survey.plan.unrecognised, "other_files": survey.plan.others, "ignored": survey.ignored,
        "closed": survey.closed.iter().map(|(path, why)| json!({"path": path.display().to_string(), "why": why})).collect::<Vec<_>>(),
    })
}

/// What would become of each file.
pub(super) fn before(context: &Context, survey: &Survey) -> anyhow::Result<u8> {
    if context.json {
        print::json(&document(survey))?;
        return Ok(exit::DONE);
    }
    let heads = ["kind", "named", "new", "changed", "known", "duplicate", "conflict", "missing", "elsewhere", "local only"];
    let row = |line: Before| {
        let numbers =
            [line.named, line.new, line.changed, line.known, line.duplicate, line.conflict, line.missing, line.elsewhere, line.local_only];
        std::iter::once(line.kind.to_owned()).chain(numbers.iter().map(u64::to_string)).collect()
    };
    print::table(&heads, &[1, 2, 3, 4, 5, 6, 7, 8, 9], lines(survey).into_iter().map(row));
    list("problem", survey.problems.iter().map(|problem| format!("{} ({}): {}", problem.at, problem.code, problem.detail)));
    for (word, state) in
        [("missing", State::Missing), ("elsewhere", State::Elsewhere), ("conflict", State::Conflict), ("duplicate", State::Duplicate)]
    {
        let of = survey.plan.items.iter().filter(|item| item.state == state);
        list(
            word,
            of.map(|item| format!("{} of {}: {}: {}", item.kind.name(), item.subject, item.shown, item.why.as_deref().unwrap_or(""))),
        );
    }
    list("closed", survey.closed.iter().map(|(path, why)| format!("{}: {why}", path.display())));
    list("not recognised", survey.plan.unrecognised.iter().map(|name| format!("{name}: no record names it and its name says nothing")));
    let rest = format!("{} other files and {} passed over by rule stay as they are.", survey.plan.others, survey.ignored);
    print::line(format!("{} characters. {rest}", survey.plan.characters.len()));
    Ok(exit::DONE)
}

fn list(word: &str, lines: impl Iterator<Item = String>) {
    let mut more = 0;
    for (index, line) in lines.enumerate() {
        if index < SHOWN_MAX {
            print::line(format!("{word}: {line}"));
        } else {
            more += 1;
        }
    }
    if more > 0 {
        print::line(format!("{word}: and {more} more; --json lists them all"));
    }
}

/// What has become of each file.
pub(super) fn after(context: &Context, survey: &Survey, current: &Current, outcome: &Outcome) -> anyhow::Result<u8> {
    let mut lines: BTreeMap<Kind, After> = BTreeMap::new();
    for item in survey.plan.items.iter().filter(|item| matches!(item.state, State::New | State::Changed | State::Known)) {
        let Some((_, deliveries)) = current.at(item) else { continue };
        let line = lines.entry(item.kind).or_insert_with(|| After { kind: item.kind.name(), ..After::default() });
        line.assets += 1;
        let is_proven = |state: DeliveryState| state == DeliveryState::Proven;
        if deliveries.iter().any(|delivery| delivery.state == DeliveryState::Refused) {
            line.refused += 1;
        } else if deliveries.iter().all(|delivery| is_proven(delivery.state)) {
            line.proven += 1;
        } else {
            line.owed += 1;
        }
        line.local_only += u64::from(!deliveries.iter().any(|delivery| is_proven(delivery.state)));
    }
    let is_proven = lines.values().all(|line| line.proven == line.assets);
    let is_whole = outcome.refused.is_empty()
        && outcome.failed.is_empty()
        && survey.problems.iter().all(|problem| problem.code == "backup_used")
        && !survey.plan.items.iter().any(|item| matches!(item.state, State::Missing | State::Elsewhere | State::Conflict));
    let code = if is_proven && is_whole { exit::DONE } else { exit::PARTLY };
    if context.json {
        let mut said = document(survey);
        said["after"] = json!(lines.values().collect::<Vec<_>>());
        said["refused"] = json!(outcome.refused);
        said["failed"] = json!(outcome.failed);
        said["whole"] = json!(is_whole);
        said["proven"] = json!(is_proven);
        print::json(&said)?;
        return Ok(code);
    }
    let row = |line: &After| {
        let numbers = [line.assets, line.proven, line.owed, line.refused, line.local_only];
        std::iter::once(line.kind.to_owned()).chain(numbers.iter().map(u64::to_string)).collect()
    };
    print::table(&["kind", "assets", "proven", "owed", "refused", "local only"], &[1, 2, 3, 4, 5], lines.values().map(row));
    list("refused", outcome.refused.iter().map(|refused| format!("{}: {}", refused.from.shown(), refused.fault)));
    list("failed", outcome.failed.iter().map(ToString::to_string));
    print::line(match (is_whole, is_proven) {
        (true, true) => "Everything is delivered and proven. The originals are as they were.".to_owned(),
        (false, true) => "What could be taken is delivered and proven; the lines above say what could not.".to_owned(),
        (_, false) => "Not everything is delivered yet; `rushes status` shows what is owed.".to_owned(),
    });
    Ok(code)
}
