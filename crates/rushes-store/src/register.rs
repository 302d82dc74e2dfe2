//! Makes ingested files assets: rows, versions, lineage, and everything owed, inside the step's transaction.

use crate::assets;
use crate::copies;
use crate::events::tell;
use crate::folders::into_folders;
use crate::rows::{self, json};
use crate::settle::owe_record;
use crate::sql::{Row, params};
use crate::writer::Write;
use rushes_core::delivery::{CatalogRoute, Route, Routes, staged_key};
use rushes_core::kinds::Slot;
use rushes_core::record::{self, Document};
use rushes_core::store::Ingested;
use rushes_core::subject::{NewSubject, SubjectType};
use rushes_core::{Asset, AssetId, Blob, Code, Fault, JobId, Kind};
use serde_json::json as object;
use std::collections::BTreeMap;

/// Who registers: the step of a job, and the family that waits for the delivery.
pub(crate) struct Maker<'a> {
    pub(crate) job: JobId,
    pub(crate) root: JobId,
    pub(crate) step: &'a str,
}

/// Brings a subject into being. Errors: `name_taken`.
pub(crate) fn subject(write: &mut Write<'_>, new: &NewSubject) -> Result<(), Fault> {
    let made = rows::change(
        write.sql,
        "INSERT INTO subjects(id, type, slug, name, fields, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        params![new.id, new.subject_type.name(), new.slug, new.name, json(&new.fields)?, write.now_ms],
    )?;
    if made == 0 {
        return Err(Fault::new(Code::NameTaken, "make subject").with("slug", &new.slug));
    }
    tell(write, "subject.made", None, &object!({"subject": new.id, "type": new.subject_type}))
}

/// Gives a subject another name and other fields.
pub(crate) fn renew(write: &mut Write<'_>, subject: &NewSubject) -> Result<(), Fault> {
    let changed = rows::change(
        write.sql,
        "UPDATE subjects SET name = ?2, fields = ?3 WHERE id = ?1",
        params![subject.id, subject.name, json(&subject.fields)?],
    )?;
    if changed == 0 {
        return Err(Fault::new(Code::NotFound, "renew subject").with("subject", &subject.id));
    }
    tell(write, "subject.renewed", None, &object!({"subject": subject.id}))
}

/// Owes the record that tells of a renewed subject.
pub(crate) fn owe_renewed(write: &mut Write<'_>, subject: &NewSubject, root: JobId, catalogs: &[CatalogRoute]) -> Result<(), Fault> {
    let document = Document { collection: subject.subject_type.collection(), id: subject.id.clone(), is_own: false };
    let rev = next_rev(write, &document)?;
    owe_after(write, root, &document, rev, &[], catalogs)
}

/// Registers the files of one step, gives those kept back before their places, and owes all but what is kept back to every
/// destination and catalog. Gives what has its place.
pub(crate) fn assets(
    write: &mut Write<'_>,
    maker: &Maker<'_>,
    files: &[Ingested],
    shown: &[AssetId],
    routes: &Routes,
) -> Result<Vec<Asset>, Fault> {
    let mut made: Vec<(Asset, Bytes)> = Vec::with_capacity(files.len() + shown.len());
    for file in files {
        let (asset, bytes) = insert(write, maker, file)?;
        if file.asset.is_aside {
            tell(write, "asset.kept_back", Some(maker.job), &facts(&asset))?;
        } else {
            made.push((asset, bytes));
        }
    }
    for id in shown {
        made.push((show(write, maker, &id.to_string())?, Bytes::Known));
    }
    owe(write, maker, &made, routes)?;
    Ok(made.into_iter().map(|(asset, _)| asset).collect())
}

/// Whether something else may have the bytes of an asset.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bytes {
    New,
    Known,
}

/// What an event says of an asset.
fn facts(asset: &Asset) -> serde_json::Value {
    object!({"asset": asset.id, "kind": asset.kind, "subject": asset.subject, "path": asset.path, "size_bytes": asset.blob.size_bytes})
}

/// Owes assets that have their places to every destination, and the records that tell of them.
fn owe(write: &mut Write<'_>, maker: &Maker<'_>, made: &[(Asset, Bytes)], routes: &Routes) -> Result<(), Fault> {
    let mut of_subjects: BTreeMap<&str, OfSubject> = BTreeMap::new();
    let mut objects = Vec::new();
    for (asset, bytes) in made {
        let subject = asset.subject.as_str();
        if !of_subjects.contains_key(subject) {
            of_subjects.insert(subject, OfSubject { owner: owner_of(write, subject)?, ..OfSubject::default() });
        }
        let Some(of_subject) = of_subjects.get_mut(subject) else { continue };
        for (rank, route) in routes.of(asset.kind, of_subject.owner).enumerate() {
            let row = owe_object(write, maker, (asset, *bytes), route)?;
            objects.push((row, route.name.as_str(), route.key_of(asset)));
            // Records wait for the primary destination only: a slow second one must not hold them up.
            if rank == 0 {
                of_subject.needed.push(row);
                owe_unstaging(write, asset, routes, row)?;
            }
        }
        let document = record::document_of(asset.kind, of_subject.owner, subject, &asset.id.to_string());
        of_subject.documents.extend(document.filter(|document| of_subject.documents.last() != Some(document)));
        tell(write, "asset.made", Some(maker.job), &facts(asset))?;
    }
    into_folders(write, &objects)?;
    for OfSubject { needed, documents, .. } in of_subjects.into_values() {
        for document in documents {
            // An asset that was made this moment has had no record.
            let rev = if document.is_own { 1 } else { next_rev(write, &document)? };
            owe_after(write, maker.root, &document, rev, &needed, &routes.catalogs)?;
        }
    }
    Ok(())
}

/// What the files of one subject have in common.
#[derive(Default)]
struct OfSubject {
    /// Of what sort it is, where it is a subject.
    owner: Option<SubjectType>,
    /// The rows of the outbox that its records wait for.
    needed: Vec<i64>,
    /// The records that name the files.
    documents: Vec<Document>,
}

/// The last version at a path; and the current one that has these bytes.
pub(crate) const VERSIONS: &str = "SELECT coalesce(max(version), 0), max(version) FILTER (WHERE sha256 = ?2 AND retired_ms IS NULL)
    FROM assets WHERE path = ?1";

/// Writes blob, asset and lineage. Equal bytes at the path share the version that is there.
fn insert(write: &mut Write<'_>, maker: &Maker<'_>, file: &Ingested) -> Result<(Asset, Bytes), Fault> {
    let (asset, info) = (&file.asset, &file.info);
    let (blob, bytes) = blob_row(write, &file.blob)?;
    let mut made = Asset {
        id: asset.id,
        kind: asset.kind,
        subject: asset.subject.clone(),
        title: asset.title.clone(),
        idx: asset.idx,
        version: 0,
        blob,
        path: file.path.clone(),
        seed: asset.seed,
        width: info.width,
        height: info.height,
        duration_ms: info.duration_ms,
        meta: asset.meta.clone(),
        job: maker.job,
        step: maker.step.to_owned(),
        created_ms: write.now_ms,
        retired_ms: asset.is_aside.then_some(write.now_ms),
    };
    if !asset.is_aside {
        made.version = place(write, &made)?;
    }
    row(write, &made, maker.root)?;
    for parent in &asset.parents {
        rows::change(
            write.sql,
            "INSERT INTO lineage(asset, parent) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![asset.id.to_string(), parent.to_string()],
        )?;
    }
    Ok((made, bytes))
}

/// Makes room for an asset at its path, where what is there goes; gives its version.
fn place(write: &mut Write<'_>, asset: &Asset) -> Result<u32, Fault> {
    let versions = |row: &Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, Option<u32>>(1)?));
    let (last, equal) = rows::one(write.sql, VERSIONS, params![asset.path, asset.blob.sha256], versions)?.unwrap_or_default();
    if equal.is_some() {
        // The same film made again by the same character: the newer row stands for it. Another's row stays.
        retire(write, &asset.path, Some((&asset.subject, &asset.title)))?;
    } else if last > 0 {
        retire(write, &asset.path, None)?;
    }
    Ok(equal.unwrap_or(last + 1))
}

/// Gives an asset that its family kept back its place. Errors: `not_found`.
fn show(write: &mut Write<'_>, maker: &Maker<'_>, id: &str) -> Result<Asset, Fault> {
    let of_family = "SELECT count(*) FROM assets WHERE id = ?1 AND root = ?2 AND version = 0";
    if rows::number(write.sql, of_family, params![id, maker.root.to_string()])? == 0 {
        return Err(Fault::new(Code::NotFound, "show asset").with("asset", id).because("its family did not keep it back"));
    }
    let mut asset = assets::load(write.sql, id)?;
    asset.version = place(write, &asset)?;
    (asset.retired_ms, asset.created_ms) = (None, write.now_ms);
    rows::change(
        write.sql,
        // Written last, for those who look at what was written since.
        "UPDATE assets SET version = ?2, retired_ms = NULL, created_ms = ?3, rowid = (SELECT max(rowid) + 1 FROM assets) WHERE id = ?1",
        params![id, asset.version, asset.created_ms],
    )?;
    Ok(asset)
}

/// Retires what is current at a path, or of that what one subject has under one title; and owes the removal of records that
/// told of it alone.
fn retire(write: &mut Write<'_>, path: &str, of: Option<(&str, &str)>) -> Result<(), Fault> {
    let (subject, title) = of.unzip();
    let before = rows::all(
        write.sql,
        "UPDATE assets SET retired_ms = ?2 WHERE path = ?1 AND retired_ms IS NULL AND (?3 IS NULL OR (subject = ?3 AND title = ?4))
         RETURNING id, kind, subject",
        params![path, write.now_ms, subject, title],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)),
    )?;
    for (id, kind, subject) in before {
        let document = Kind::named(&kind).map(|kind| document_of(write, kind, &subject, &id)).transpose()?.flatten();
        if let Some(document) = document.filter(|document| document.is_own) {
            owe_no_record(write, document.collection, &id)?;
        }
    }
    Ok(())
}

fn row(write: &Write<'_>, asset: &Asset, root: JobId) -> Result<(), Fault> {
    rows::change(
        write.sql,
        "INSERT INTO assets(id, kind, subject, title, idx, version, sha256, path, seed, width, height, duration_ms, meta, job, root, step, created_ms, retired_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        params![
            asset.id.to_string(),
            asset.kind.name(),
            asset.subject,
            asset.title,
            asset.idx,
            asset.version,
            asset.blob.sha256,
            asset.path,
            asset.seed.map(|seed| seed.to_string()),
            asset.width,
            asset.height,
            asset.duration_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
            json(&asset.meta)?,
            asset.job.to_string(),
            root.to_string(),
            asset.step,
            asset.created_ms,
            asset.retired_ms
        ],
    )?;
    Ok(())
}

/// Writes a blob whose bytes are here; gives it with all that is known of it.
fn blob_row(write: &Write<'_>, blob: &Blob) -> Result<(Blob, Bytes), Fault> {
    let md5 = blob.md5.as_deref().unwrap_or_default();
    let made = rows::change(
        write.sql,
        "INSERT INTO blobs(sha256, md5, crc32c, size_bytes, mime, state, used_ms) VALUES (?1, ?2, ?3, ?4, ?5, 'present', ?6)
         ON CONFLICT DO NOTHING",
        params![blob.sha256, md5, blob.crc32c, i64::try_from(blob.size_bytes).unwrap_or(i64::MAX), blob.mime, write.now_ms],
    )?;
    if made > 0 {
        return Ok((blob.clone(), Bytes::New));
    }
    let known = rows::one(
        write.sql,
        "UPDATE blobs SET state = 'present', used_ms = ?3, md5 = max(md5, ?2) WHERE sha256 = ?1 RETURNING sha256, md5, crc32c, size_bytes, mime",
        params![blob.sha256, md5, write.now_ms],
        |row| rows::blob(row, 0),
    )?;
    let known = known.ok_or_else(|| Fault::new(Code::StoreFailed, "write blob").with("sha256", &blob.sha256))?;
    Ok((known, Bytes::Known))
}

/// Writes an asset that was found elsewhere, with its bytes here again, as it was.
pub(crate) fn known(write: &Write<'_>, asset: &Asset) -> Result<(), Fault> {
    blob_row(write, &asset.blob)?;
    row(write, asset, asset.job)
}

/// Owes one asset to one destination; gives the outbox row, which may be an older one for the same bytes.
fn owe_object(write: &mut Write<'_>, maker: &Maker<'_>, (asset, bytes): (&Asset, Bytes), route: &Route) -> Result<i64, Fault> {
    let (key, id) = (route.key_of(asset), asset.id.to_string());
    let size_bytes = i64::try_from(asset.blob.size_bytes).unwrap_or(i64::MAX);
    let made = rows::insert(
        write.sql,
        "INSERT INTO outbox(op, destination, asset, key, rev, root, state, not_before_ms, size_bytes, created_ms, home)
         VALUES ('put_object', ?1, ?2, ?3, ?4, ?5, 'owed', ?6, ?7, ?6, ?8) ON CONFLICT DO NOTHING",
        params![route.name, id, key, asset.version, maker.root.to_string(), write.now_ms, size_bytes, write.node],
    )?;
    write.wakes.place(&route.name);
    let Some(row) = made else {
        return share(write, &id, route, &key, asset.version);
    };
    if asset.version > 1 {
        rows::change(write.sql, AFTER_OLDER, params![row, route.name, key, asset.version])?;
    }
    if bytes == Bytes::Known && !route.renders(asset.kind, &asset.blob.mime) {
        copies::wait_for_first(write, row, &route.name, asset)?;
    }
    rows::change(
        write.sql,
        "INSERT INTO deliveries(asset, destination, key, state) VALUES (?1, ?2, ?3, 'owed')",
        params![id, route.name, key],
    )?;
    Ok(row)
}

/// Where nodes share no disk, its bytes may wait at the first destination of all: they go once the object is there.
fn owe_unstaging(write: &Write<'_>, asset: &Asset, routes: &Routes, row: i64) -> Result<(), Fault> {
    let Some(first) = routes.destinations.first().filter(|_| write.node.is_some()) else { return Ok(()) };
    let made = rows::insert(
        write.sql,
        "INSERT INTO outbox(op, destination, key, rev, state, not_before_ms, created_ms)
         VALUES ('delete_object', ?1, ?2, ?3, 'owed', ?4, ?4) ON CONFLICT DO NOTHING",
        params![first.name, staged_key(&first.prefix, &asset.blob.sha256), row, write.now_ms],
    )?;
    let Some(made) = made else { return Ok(()) };
    rows::change(write.sql, "INSERT INTO outbox_needs(row, needs) VALUES (?1, ?2) ON CONFLICT DO NOTHING", params![made, row]).map(drop)
}

/// Has an object wait for the older ones that are still to come under its key, and for a removal from there that is under way.
pub(crate) const AFTER_OLDER: &str = "INSERT INTO outbox_needs(row, needs) SELECT ?1, id FROM outbox
    WHERE op IN ('put_object', 'delete_object') AND destination = ?2 AND key = ?3 AND rev < ?4
        AND (state = 'sending' OR (state = 'owed' AND op = 'put_object')) ON CONFLICT DO NOTHING";

/// The same bytes are already owed or proven under this key: this asset's delivery is that one's.
fn share(write: &mut Write<'_>, id: &str, route: &Route, key: &str, version: u32) -> Result<i64, Fault> {
    let (row, first) = rows::one(
        write.sql,
        "SELECT id, asset FROM outbox WHERE op = 'put_object' AND destination = ?1 AND key = ?2 AND rev = ?3",
        params![route.name, key, version],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
    )?
    .ok_or_else(|| Fault::new(Code::StoreFailed, "share delivery").with("key", key))?;
    // What was refused for the other is tried again for this one: the cause may be mended by now.
    rows::change(
        write.sql,
        "UPDATE outbox SET state = 'owed', not_before_ms = 0, attempts = 0, done_ms = NULL WHERE id = ?1 AND state = 'refused'",
        [row],
    )?;
    rows::change(
        write.sql,
        "UPDATE deliveries SET state = 'owed' WHERE asset = ?1 AND destination = ?2 AND key = ?3 AND state = 'refused'",
        params![first, route.name, key],
    )?;
    rows::change(
        write.sql,
        "INSERT INTO deliveries(asset, destination, key, state, uri, proof, proven_ms, link, link_until_ms, rendition)
         SELECT ?1, destination, key, state, uri, proof, proven_ms, link, link_until_ms, rendition
         FROM deliveries WHERE asset = ?2 AND destination = ?3 AND key = ?4",
        params![id, first, route.name, key],
    )?;
    Ok(row)
}

/// Owes a record when an object it tells of was proven after the row that waited for it had been written without it (it
/// had been refused). A row that is still owed will tell of it anyway.
pub(crate) fn owe_late(write: &mut Write<'_>, document: &Document, root: Option<JobId>, catalogs: &[CatalogRoute]) -> Result<(), Fault> {
    let mut rev = None;
    for CatalogRoute { name: catalog, .. } in catalogs.iter().filter(|catalog| catalog.takes(document.collection)) {
        let owed = rows::number(
            write.sql,
            "SELECT count(*) FROM outbox WHERE op = 'put_record' AND destination = ?1 AND key = ?2 AND state = 'owed'",
            params![catalog, document.key()],
        )?;
        if owed > 0 {
            continue;
        }
        let rev = match rev {
            Some(rev) => rev,
            None => *rev.insert(next_rev(write, document)?),
        };
        owe_record(write, catalog, document.collection, &document.id, rev, root)?;
    }
    Ok(())
}

/// The type of the subject of that id, where there is one.
pub(crate) fn owner_of(write: &Write<'_>, subject: &str) -> Result<Option<SubjectType>, Fault> {
    let owner = rows::one(write.sql, "SELECT type FROM subjects WHERE id = ?1", [subject], |row| row.get::<_, String>(0))?;
    Ok(owner.as_deref().and_then(SubjectType::named))
}

/// The record that names an asset.
pub(crate) fn document_of(write: &Write<'_>, kind: Kind, subject: &str, id: &str) -> Result<Option<Document>, Fault> {
    // Some kinds stand where they stand, whoever's they are.
    let owner = if matches!(kind.row().slot, Slot::Row(_) | Slot::Unlisted) { None } else { owner_of(write, subject)? };
    Ok(record::document_of(kind, owner, subject, id))
}

/// The last number of a record that is known by the outbox only.
pub(crate) const LAST_REV: &str = "SELECT coalesce(max(rev), 0) FROM outbox WHERE op = 'put_record' AND key = ?1";

/// A number above every one the record has had. Single assets keep none of their own: the outbox knows the last.
fn next_rev(write: &Write<'_>, document: &Document) -> Result<i64, Fault> {
    if document.is_own {
        return Ok(rows::number(write.sql, LAST_REV, [document.key()])? + 1);
    }
    rows::number(write.sql, "UPDATE subjects SET rev = rev + 1 WHERE id = ?1 RETURNING rev", [&document.id])
}

/// What owes the removal of a record wherever one was owed, and what has it wait for those that are still to be written.
pub(crate) const NO_RECORD: [&str; 2] = [
    "INSERT INTO outbox(op, destination, asset, collection, document, key, rev, state, not_before_ms, created_ms)
     SELECT DISTINCT 'delete_record', destination, ?2, ?3, ?2, ?1, 1, 'owed', ?4, ?4 FROM outbox INDEXED BY outbox_by_document
     WHERE op = 'put_record' AND key = ?1
     ON CONFLICT DO NOTHING",
    "INSERT INTO outbox_needs(row, needs) SELECT gone.id, put.id FROM outbox put CROSS JOIN outbox gone
         ON gone.op = 'delete_record' AND gone.destination = put.destination AND gone.key = put.key
     WHERE put.op = 'put_record' AND put.key = ?1 AND put.state IN ('owed', 'sending') ON CONFLICT DO NOTHING",
];

/// Owes the removal of a single asset's record wherever one was owed, after it was written.
pub(crate) fn owe_no_record(write: &mut Write<'_>, collection: &str, id: &str) -> Result<(), Fault> {
    let key = format!("{collection}/{id}");
    let [owe, wait] = NO_RECORD;
    rows::change(write.sql, owe, params![key, id, collection, write.now_ms])?;
    rows::change(write.sql, wait, [&key])?;
    write.wakes.everywhere();
    Ok(())
}

/// Knows the number under which catalogs have a single asset's record: nobody owes it, and the next one is above.
pub(crate) fn known_record(write: &mut Write<'_>, asset: &Asset, rev: i64, catalogs: &[CatalogRoute]) -> Result<(), Fault> {
    let document = document_of(write, asset.kind, &asset.subject, &asset.id.to_string())?;
    let Some(document) = document.filter(|document| document.is_own) else { return Ok(()) };
    for CatalogRoute { name: catalog, .. } in catalogs.iter().filter(|catalog| catalog.takes(document.collection)) {
        rows::change(
            write.sql,
            "INSERT INTO outbox(op, destination, collection, document, key, rev, state, not_before_ms, created_ms)
             VALUES ('put_record', ?1, ?2, ?3, ?4, ?5, 'known', ?6, ?6) ON CONFLICT DO NOTHING",
            params![catalog, document.collection, document.id, document.key(), rev, write.now_ms],
        )?;
    }
    Ok(())
}

/// Owes a subject's record as it is now to every catalog.
pub(crate) fn owe_anew(write: &mut Write<'_>, document: &Document, catalogs: &[CatalogRoute]) -> Result<(), Fault> {
    let rev = next_rev(write, document)?;
    for CatalogRoute { name: catalog, .. } in catalogs.iter().filter(|catalog| catalog.takes(document.collection)) {
        owe_record(write, catalog, document.collection, &document.id, rev, None)?;
    }
    Ok(())
}

/// Has a row wait for all those whose numbers are given as JSON.
const NEEDS: &str = "INSERT INTO outbox_needs(row, needs) SELECT ?1, CAST(value AS BIGINT) FROM json_each(?2) WHERE true
    ON CONFLICT DO NOTHING";

/// Owes a record to every catalog, after its new objects at the primary destination.
fn owe_after(
    write: &mut Write<'_>,
    root: JobId,
    document: &Document,
    rev: i64,
    needed: &[i64],
    catalogs: &[CatalogRoute],
) -> Result<(), Fault> {
    for CatalogRoute { name: catalog, .. } in catalogs.iter().filter(|catalog| catalog.takes(document.collection)) {
        let row = owe_record(write, catalog, document.collection, &document.id, rev, Some(root))?;
        if let Some(row) = row.filter(|_| !needed.is_empty()) {
            rows::change(write.sql, NEEDS, params![row, json(&needed)?])?;
        }
    }
    Ok(())
}
