//! Asks the database how it would find what each hot question asks for: none may walk a whole table.

use crate::attempts::spending::{self, OPEN_THERE, SENT_SINCE};
use crate::sqlite::TAKE_OVER;
use crate::store::{Mode, SqlStore};
use crate::upkeep::{expire, old, owe};
use crate::versions::Versions;
use crate::{assets, attempts, calls, copies, folders, jobs, messages, outbox, pages, register, settle, snapshot};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{DeliveryState, Routes};
use rushes_core::store::{AssetFilter, DeliveryFilter, JobFilter, SubjectFilter};
use rushes_core::subject::SubjectType;
use rushes_core::webhook::MessageFilter;
use rushes_core::{AssetId, EndpointId, JobId, JobState, Kind};
use rusqlite::{Connection, OpenFlags};
use std::sync::Arc;
use std::time::Duration;

/// Indexes that hold only what is open: walking all of one is walking what there is to do.
const OPEN_ONLY: &[&str] = &[
    "jobs_queued",
    "jobs_in_turn",
    "jobs_running",
    "jobs_to_cancel",
    "jobs_choosing",
    "jobs_to_call_for",
    "outbox_leased",
    "outbox_uploads",
    "outbox_ready",
    "outbox_refused",
    "outbox_removals",
    "outbox_folders",
    "outbox_waiting",
    "deliveries_refused",
    "messages_owed",
    // What local bytes may go is looked for in the order in which it may, until there is enough.
    "blobs_by_use",
    "messages_sending",
    "deliveries_open",
    "work_open",
];

/// Searches by so little that they walk nearly everything.
const WIDE: &[&str] = &["(op=?)", "INDEX deliveries_by_key (destination=?)", "INDEX deliveries_by_place (destination=?)"];

/// What a first page that asks for nothing in particular walks: from the beginning, in the order of the page, until it is full.
const FROM_THE_BEGINNING: &[&str] = &[
    "SCAN jobs USING INDEX jobs_top",
    "SCAN a USING INDEX sqlite_autoindex_assets_1",
    "SCAN deliveries",
    "SCAN subjects",
    "SEARCH deliveries USING INDEX deliveries_by_place (destination=?)",
];

/// Every sort of page that can be asked for; beginning in the middle, or from the beginning.
fn lists(is_first: bool) -> Vec<String> {
    let some = "00000000-0000-7000-8000-000000000001";
    let (job, asset): (JobId, AssetId) = (some.parse().unwrap(), some.parse().unwrap());
    let after = JobFilter { after: (!is_first).then_some(job), ..JobFilter::default() };
    let (state, workflow) = (Some(JobState::Running), Some("w".to_owned()));
    let jobs = [
        JobFilter { state, ..after.clone() },
        JobFilter { workflow: workflow.clone(), ..after.clone() },
        JobFilter { state, workflow, ..after.clone() },
        JobFilter { same_as: Some(("w".to_owned(), "h".to_owned())), ..JobFilter::default() },
        JobFilter { cancel_asked: true, state, ..JobFilter::default() },
        JobFilter { choosing: true, ..JobFilter::default() },
        after,
    ];
    let mut all: Vec<String> = jobs.iter().map(|filter| jobs::list_of(filter, &jobs::which(filter))).collect();
    let after = AssetFilter { after: (!is_first).then_some(asset), ..AssetFilter::default() };
    let (kind, subject) = (Some(Kind::Photo), Some("s".to_owned()));
    let mut filters = vec![
        after.clone(),
        AssetFilter { newest_first: true, ..after.clone() },
        AssetFilter { kind, ..after.clone() },
        AssetFilter { kind, newest_first: true, ..after.clone() },
        AssetFilter { subject: subject.clone(), ..after.clone() },
        AssetFilter { subject, kind, ..after.clone() },
        AssetFilter { subjects: vec!["s".to_owned()], kind, ..AssetFilter::default() },
        AssetFilter { root: Some(job), ..after.clone() },
        AssetFilter { job: Some(job), ..after.clone() },
        AssetFilter { id: Some(asset), all_versions: true, ..AssetFilter::default() },
    ];
    let states = [DeliveryState::Proven, DeliveryState::Sending, DeliveryState::Owed, DeliveryState::Refused];
    filters.extend(states.map(|state| AssetFilter { state: Some(state), ..after.clone() }));
    filters.extend(states.map(|state| AssetFilter { state: Some(state), kind, ..after.clone() }));
    all.extend(filters.iter().map(|filter| assets::ids(&assets::which(filter), filter.newest_first)));
    let after = (!is_first).then(|| "s".to_owned());
    let subject_type = Some(SubjectType::Character);
    all.extend(
        [SubjectFilter { subject_type, after: after.clone(), limit: 1 }, SubjectFilter { after, ..SubjectFilter::default() }]
            .map(|f| pages::subjects_of(&f).0),
    );
    let after = (!is_first).then(|| (asset, "d".to_owned(), "k".to_owned()));
    for destination in [None, Some("d".to_owned())] {
        let of = |state| DeliveryFilter { state, destination: destination.clone(), after: after.clone(), limit: 1, folder: None };
        all.push(pages::deliveries_of(&of(None)).0);
        all.extend(states.map(|state| pages::deliveries_of(&of(Some(state))).0));
    }
    all.extend([pages::PAID_BY.to_owned(), assets::subjects_of(), assets::current_at(), assets::kinds_at()]);
    all
}

/// Questions that stand in the midst of what asks them.
const PLAIN: &[&str] = &[
    "SELECT fence FROM jobs WHERE id = ?1",
    "SELECT last_ms FROM schedules WHERE name = ?1",
    crate::journal::UNHEARD,
    crate::work::WAITING,
    crate::work::OF_TOKEN,
    "SELECT job FROM work WHERE changed_ms < ?1 ORDER BY changed_ms LIMIT ?2",
    "SELECT name FROM steps WHERE job = ?1 ORDER BY seq",
    "SELECT id FROM jobs WHERE root = ?1 ORDER BY created_ms, id",
    "SELECT id FROM assets WHERE root = ?1",
    "SELECT id FROM assets WHERE subject = ?1 AND retired_ms IS NULL ORDER BY id",
    "SELECT id FROM assets WHERE path = ?1 AND sha256 = ?2 AND version = ?3",
    "SELECT id FROM assets WHERE rowid > ?1 ORDER BY rowid LIMIT 1000",
    "SELECT state FROM deliveries WHERE asset = ?1",
    "SELECT id FROM outbox WHERE op = 'put_record' AND destination = ?1 AND key = ?2 AND state = 'sending'",
    "SELECT count(*) FROM outbox WHERE op = 'put_record' AND destination = ?1 AND key = ?2 AND state = 'owed'",
    "SELECT id, collection FROM jobs WHERE id IN (?1, (SELECT root FROM jobs WHERE id = ?1)) AND collection IS NOT NULL",
    "SELECT root FROM outbox WHERE lease = ?1 AND state = 'sending'",
    "SELECT seq FROM events WHERE seq > ?1 ORDER BY seq LIMIT 100",
    "SELECT coalesce(max(seq), 0) FROM events",
    "SELECT coalesce(min(seq), 1) FROM events",
    "SELECT EXISTS (SELECT 1 FROM signals WHERE job = ?1 AND name = ?2 AND (taken_at IS NULL OR taken_at = ?3))",
];

/// What is asked while the days of assets come to an end.
fn of_expiry() -> Vec<String> {
    let fixed = [
        expire::OPEN_ROWS,
        outbox::lease::IS_LAST,
        outbox::lease::IS_CURRENT,
        outbox::lease::IS_TO_GO,
        owe::NO_WAIT,
        old::LEFT_PATHS[0],
        old::LEFT_PATHS[1],
    ];
    fixed.into_iter().map(str::to_owned).chain([expire::expire_of()]).collect()
}

/// What is asked of folders.
fn of_folders() -> Vec<String> {
    let fixed = [folders::LAST, folders::KEEP, folders::AFTER_REMOVAL, folders::INTO_FOLDERS, folders::ANY_OWED, folders::AFTER];
    let fixed = fixed.into_iter().chain(folders::AFTER_ALL_WITHIN).map(str::to_owned);
    fixed.chain([outbox::lease::ready_folders()]).collect()
}

fn steps(sql: &Connection, statement: &str) -> Vec<String> {
    let mut prepared = sql.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap_or_else(|e| panic!("{statement}: {e}"));
    let count = prepared.parameter_count();
    let steps = prepared.query_map(rusqlite::params_from_iter(vec!["1"; count]), |row| row.get::<_, String>(3)).unwrap();
    let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
    assert!(!steps.is_empty(), "{statement}");
    steps
}

/// The steps of a statement's plan that walk a whole table.
fn walks(sql: &Connection, statement: &str) -> Vec<String> {
    let is_walk = |step: &String| {
        let is_open_only = OPEN_ONLY.iter().any(|index| step.ends_with(&format!("INDEX {index}")));
        let of_few = ["SCAN CONSTANT ROW", "SCAN family", "SCAN past", "SCAN hosts", "SCAN places", "SCAN ready", "SCAN lately"];
        let is_json = step.starts_with("SCAN place VIRTUAL TABLE")
            || step.starts_with("SCAN json_each VIRTUAL TABLE")
            || step.starts_with("SCAN leased VIRTUAL TABLE");
        let is_scan = step.starts_with("SCAN") && !is_open_only && !of_few.contains(&step.as_str()) && !is_json;
        is_scan || WIDE.iter().any(|wide| step.ends_with(wide))
    };
    steps(sql, statement).into_iter().filter(is_walk).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the store is the room with SQL")]
fn plans_of_hot_questions_walk_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rushes.db");
    let store = SqlStore::open(&path, &Mode::Own { owner: "test".into() }, Arc::new(SystemClock), Routes::default()).unwrap();
    let sql = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut hot: Vec<String> = TAKE_OVER.iter().map(|statement| (*statement).to_owned()).collect();
    let several = Versions::new([("production", 4), ("character", 5)].into_iter(), Duration::from_mins(1));
    for versions in [Versions::default(), several] {
        hot.extend(jobs::queued(&versions));
        hot.push(jobs::abandoned(&versions));
    }
    hot.extend([settle::GOES_ON, settle::PAID_BEFORE, jobs::RENEW_LEASES].map(str::to_owned));
    hot.extend([crate::history::past_jobs(), crate::history::past_steps(), attempts::of_job(), attempts::last_of_step()]);
    hot.extend(lists(false));
    hot.push(pages::PAID_BY.to_owned());
    hot.extend([jobs::equal_unfinished(), jobs::cancel_family(), outbox::lease::ready_rows(), outbox::lease::ready_records()]);
    hot.extend([&outbox::backlog::BACKLOG[..], &outbox::OWED_BY, &[outbox::backlog::NEXT]].concat().into_iter().map(str::to_owned));
    hot.extend([spending::spent_since(), spending::spent_there_since(), spending::spent_by_root()]);
    hot.extend([crate::pages::PAID_SINCE, attempts::OPEN, attempts::STANDING, attempts::LEAVE, OPEN_THERE, SENT_SINCE].map(str::to_owned));
    hot.extend(messages::DUE.map(str::to_owned));
    hot.extend(register::NO_RECORD.map(str::to_owned));
    hot.extend([outbox::lease::LEASE, outbox::lease::RENEW].concat().into_iter().map(str::to_owned));
    hot.extend([copies::after_first(), copies::after_copies(), copies::ELSEWHERE.to_owned()]);
    hot.extend(
        [&outbox::ends::PAYING, &outbox::ends::PROVEN].into_iter().flat_map(|telling| [telling.question.clone(), telling.command.clone()]),
    );
    hot.extend([settle::STANDING, snapshot::RAISE].map(str::to_owned));
    hot.extend([register::VERSIONS, register::AFTER_OLDER, messages::OLD, messages::OWED].map(str::to_owned));
    hot.extend([register::LAST_REV, outbox::REMOVED, outbox::backlog::PLACES, owe::REFUSE_PLACE].map(str::to_owned));
    hot.extend([calls::UNDRIVEN, calls::UNDRIVEN_BUT_TURNS, calls::IN_TURN, calls::NEXT].map(str::to_owned));
    hot.extend(of_expiry());
    hot.extend(of_folders());
    hot.extend([jobs::COUNTED[1].to_owned(), owe::missing_of()]);
    hot.extend([old::Among::Present, old::Among::Listed].iter().flat_map(|among| [true, false].map(|old| old::removable_of(old, *among))));
    let (endpoint, job) = (Some(EndpointId(SystemClock.new_id())), Some(JobId(SystemClock.new_id())));
    hot.extend(
        [(None, None), (endpoint, None), (None, job)]
            .map(|(endpoint, job)| messages::list_of(&MessageFilter { endpoint, job, ..MessageFilter::default() })),
    );
    hot.extend([crate::loose::LEFT.to_owned(), crate::loose::ending()]);
    hot.extend(PLAIN.iter().map(|statement| (*statement).to_owned()));
    let found: Vec<(String, Vec<String>)> = hot
        .into_iter()
        .map(|statement| (walks(&sql, &statement), statement))
        .filter(|(walks, _)| !walks.is_empty())
        .map(|(w, s)| (s, w))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    let from_the_beginning: Vec<(Vec<String>, String)> = lists(true)
        .into_iter()
        .map(|list| (walks(&sql, &list), list))
        .filter(|(walks, _)| !walks.iter().all(|walk| FROM_THE_BEGINNING.contains(&walk.as_str())))
        .collect();
    assert!(from_the_beginning.is_empty(), "{from_the_beginning:#?}");
    let mut sorted: Vec<String> = [lists(true), lists(false), vec![crate::loose::ending()]].concat();
    sorted.retain(|list| steps(&sql, list).iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY"));
    // What one job made, what equal input began, and what is to be cancelled is little.
    let is_little =
        |list: &String| ["json_each(:subjects)", "a.root =", "a.job =", "input_hash =", "cancel = 1"].iter().any(|few| list.contains(few));
    assert!(sorted.iter().all(is_little), "whole lists are put in order for one page: {sorted:#?}");
    for seen in ["SELECT id FROM assets WHERE title = ?1", "SELECT id FROM outbox WHERE op = 'put_object' AND key = ?1"] {
        assert_eq!(walks(&sql, seen).len(), 1, "a walk is seen: {seen}");
    }
    drop(store);
}
