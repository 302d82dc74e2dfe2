//! The folders an album's shoot was pointed at.

use super::{AlbumFile, all, change};
use async_trait::async_trait;
use rushes_core::album::incoming::Incoming;
use rushes_core::{Code, Fault};
use rusqlite::params;
use std::path::PathBuf;

#[async_trait]
impl Incoming for AlbumFile {
    async fn incoming(&self) -> Result<Vec<PathBuf>, Fault> {
        let path = |row: &rusqlite::Row<'_>| row.get::<_, String>(0).map(PathBuf::from);
        self.read(move |sql| all(sql, "SELECT path FROM incoming ORDER BY place", [], path)).await
    }

    async fn take_from(&self, folders: Vec<PathBuf>) -> Result<(), Fault> {
        self.write(move |write| {
            change(write.sql, "DELETE FROM incoming", [])?;
            for folder in folders {
                let refuse = || Fault::new(Code::InputInvalid, "point shoot at folder").because("its path is no UTF-8");
                let path = folder.to_str().ok_or_else(refuse)?;
                change(write.sql, "INSERT INTO incoming(path) VALUES (?1)", params![path])?;
            }
            Ok(())
        })
        .await
    }
}
