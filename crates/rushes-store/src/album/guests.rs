//! Guests of an album: the link they join by, their tokens, and who they turn out to be.

use super::correct::{correct, of_one};
use super::decide::alike;
use super::{AlbumFile, Writing, change, one};
use async_trait::async_trait;
use rushes_core::album::guests::{Guest, Guests, Invitation, Joining};
use rushes_core::album::{Corrected, Correction, Rules};
use rushes_core::{Code, Fault};
use rusqlite::{Connection, params};

#[async_trait]
impl Guests for AlbumFile {
    async fn invitation(&self) -> Result<Invitation, Fault> {
        let row = |row: &rusqlite::Row<'_>| Ok(Invitation { link: row.get(0)?, made_ms: row.get(1)?, pin: row.get(2)? });
        self.read(move |sql| Ok(one(sql, "SELECT link, made_ms, pin FROM invitation", [], row)?.unwrap_or_default())).await
    }

    async fn invite(&self, link: Option<String>) -> Result<(), Fault> {
        let statement = "INSERT INTO invitation(id, link, made_ms) VALUES (1, ?1, ?2)
            ON CONFLICT DO UPDATE SET link = excluded.link, made_ms = excluded.made_ms";
        self.write(move |write| change(write.sql, statement, params![link, write.now_ms]).map(drop)).await
    }

    async fn ask_pin(&self, pin: Option<String>) -> Result<(), Fault> {
        let statement = "INSERT INTO invitation(id, made_ms, pin) VALUES (1, ?2, ?1) ON CONFLICT DO UPDATE SET pin = excluded.pin";
        self.write(move |write| change(write.sql, statement, params![pin, write.now_ms]).map(drop)).await
    }

    async fn admit(&self, token: &str, until_ms: i64) -> Result<(), Fault> {
        let token = token.to_owned();
        self.write(move |write| {
            // Who left it at that is nobody's concern any more.
            change(write.sql, "DELETE FROM guests WHERE until_ms < ?1", [write.now_ms])?;
            let statement = "INSERT INTO guests(token, consent_ms, made_ms, until_ms) VALUES (?1, ?2, ?2, ?3)";
            change(write.sql, statement, params![token, write.now_ms, until_ms]).map(drop)
        })
        .await
    }

    async fn guest(&self, token: &str) -> Result<Option<Guest>, Fault> {
        let (token, now_ms) = (token.to_owned(), self.clock.now_ms());
        self.read(move |sql| guest(sql, &token, now_ms)).await
    }

    async fn join(&self, token: &str, joining: Joining, rules: Rules) -> Result<Corrected, Fault> {
        let token = token.to_owned();
        self.write(move |write| join(write, &token, joining, &rules)).await
    }

    async fn dismiss(&self, person: u32) -> Result<usize, Fault> {
        self.write(move |write| change(write.sql, "DELETE FROM guests WHERE person = ?1", [person])).await
    }
}

fn guest(sql: &Connection, token: &str, now_ms: i64) -> Result<Option<Guest>, Fault> {
    let question = "SELECT g.consent_ms, g.person FROM guests g LEFT JOIN people p ON p.number = g.person
        WHERE g.token = ?1 AND g.until_ms > ?2 AND (g.person IS NULL OR (p.is_gone = 0 AND p.is_enrolled = 1))";
    one(sql, question, params![token, now_ms], |row| Ok(Guest { consent_ms: row.get(0)?, person: row.get(1)? }))
}

fn join(write: &Writing<'_>, token: &str, joining: Joining, rules: &Rules) -> Result<Corrected, Fault> {
    let sql = write.sql;
    let missing = || Fault::new(Code::NotFound, "join").because("no guest waits there");
    let waiting = guest(sql, token, write.now_ms)?.filter(|guest| guest.person.is_none()).ok_or_else(missing)?;
    let Joining { name, selfies, model, until_ms } = joining;
    let templates = of_one(&selfies, rules)?;
    let corrected = match alike(sql, &templates, rules)? {
        // They come back, perhaps with another telephone: a second person of the same face would leave neither any photo.
        Some(person) => Corrected { person: Some(person), photos: 0, undone: None },
        None => correct(write, Correction::Enrol { name, selfies, model, consent_ms: waiting.consent_ms, contact: None }, rules)?,
    };
    let statement = "UPDATE guests SET person = ?2, until_ms = ?3 WHERE token = ?1";
    change(sql, statement, params![token, corrected.person, until_ms])?;
    Ok(corrected)
}
