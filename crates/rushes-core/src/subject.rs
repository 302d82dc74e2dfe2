//! Subjects: whom or what assets belong to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The sort of subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the house's words")]
pub enum SubjectType {
    Character,
    Person,
    User,
    Shoot,
}

impl SubjectType {
    /// As written in JSON and the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Character => "character",
            Self::Person => "person",
            Self::User => "user",
            Self::Shoot => "shoot",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Character, Self::Person, Self::User, Self::Shoot].into_iter().find(|t| t.name() == name)
    }

    /// The collection its records live in.
    #[must_use]
    pub fn collection(self) -> &'static str {
        match self {
            Self::Character => "characters",
            Self::Person => "people",
            Self::User => "users",
            Self::Shoot => "shoots",
        }
    }
}

/// A subject that a step brings into being, in the transaction of that step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewSubject {
    /// As people see it, frozen: `mira_kisaragi_1770337530`.
    pub id: String,
    /// The sort.
    pub subject_type: SubjectType,
    /// Unique among all subjects: `mira_kisaragi`.
    pub slug: String,
    /// As spoken: `Mira Kisaragi`.
    pub name: String,
    /// What its record says beside its assets.
    pub fields: Value,
}

/// A subject as stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subject {
    /// What it was made with.
    #[serde(flatten)]
    pub made: NewSubject,
    /// Raised with each written record.
    pub rev: u64,
}

/// `Mira Kisaragi` → `mira_kisaragi`: letters and digits of any script, joined by single underscores; never empty.
#[must_use]
pub fn slug(name: &str) -> String {
    let words: Vec<String> = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    if words.is_empty() { "unnamed".to_owned() } else { words.join("_") }
}

/// `ai_hoshino_1770337530` → `Ai Hoshino`.
#[must_use]
pub fn name_of(id: &str) -> String {
    let words: Vec<&str> = id.split(['_', '-', ' ']).filter(|word| !word.is_empty()).collect();
    let is_second = |word: &&str| word.len() >= 9 && word.bytes().all(|b| b.is_ascii_digit());
    let words = match words.split_last() {
        Some((last, rest)) if is_second(last) && !rest.is_empty() => rest,
        _ => &words[..],
    };
    let capital = |word: &&str| {
        let mut chars = word.chars();
        chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
    };
    let name = words.iter().map(capital).collect::<Vec<String>>().join(" ");
    if name.is_empty() { id.to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    #[test]
    fn subject_slugs_are_plain() {
        assert_eq!(super::slug("  Mira  Kisaragi! "), "mira_kisaragi");
        assert_eq!(super::slug("Ω/№ 5"), "ω_5");
        assert_eq!(super::slug("///"), "unnamed");
    }
}
