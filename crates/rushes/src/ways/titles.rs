//! Which title each of a character's dances has: `primary` the first, `alternate_1` and so on the others. What is known
//! keeps its title, whatever comes later.

use rushes_core::kinds::segment;
use rushes_core::recognise::{PRIMARY, Recognised, recognise_among};
use rushes_core::{Asset, Kind};
use std::collections::{BTreeMap, HashMap};

/// The titles of dances, by subject and reference.
#[derive(Debug, Default)]
pub(crate) struct Titles {
    known: HashMap<String, BTreeMap<String, String>>,
}

impl Titles {
    /// Those of dances that are assets already.
    pub(crate) fn of<'a>(assets: impl Iterator<Item = &'a Asset>) -> Self {
        let mut titles = Self::default();
        for asset in assets.filter(|asset| asset.kind == Kind::DanceVideo) {
            // By its owner's id, whatever words that holds.
            let found = recognise_among(&asset.path, &|id| id == segment(&asset.subject));
            if let Some(reference) = found.as_ref().and_then(Recognised::reference) {
                titles.learn(&asset.subject, reference, &asset.title);
            }
        }
        titles
    }

    /// Has a dance keep this title, unless it has one.
    pub(crate) fn learn(&mut self, subject: &str, reference: &str, title: &str) {
        let own = self.known.entry(subject.to_owned()).or_default();
        if !own.contains_key(reference) && !own.values().any(|taken| taken == title) {
            own.insert(reference.to_owned(), title.to_owned());
        }
    }

    /// The title of the dance on a reference; one that has none gets the next that is free.
    pub(crate) fn title(&mut self, subject: &str, reference: &str) -> String {
        let own = self.known.entry(subject.to_owned()).or_default();
        if let Some(title) = own.get(reference) {
            return title.clone();
        }
        let name = |n: usize| if n == 0 { PRIMARY.to_owned() } else { format!("alternate_{n}") };
        let free = (0..=own.len()).map(name).find(|title| !own.values().any(|taken| taken == title));
        let title = free.unwrap_or_else(|| name(own.len()));
        own.insert(reference.to_owned(), title.clone());
        title
    }

    /// The reference of the primary dance.
    pub(crate) fn primary(&self, subject: &str) -> Option<&str> {
        self.known.get(subject)?.iter().find(|(_, title)| *title == PRIMARY).map(|(reference, _)| reference.as_str())
    }

    /// The reference of the dance with this title.
    pub(crate) fn reference(&self, subject: &str, title: &str) -> Option<&str> {
        self.known.get(subject)?.iter().find(|(_, of)| *of == title).map(|(reference, _)| reference.as_str())
    }

    /// Whether a subject of this id has a dance.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.known.contains_key(id)
    }

    /// The subjects with a dance on this reference.
    pub(crate) fn dancers(&self, reference: &str) -> Vec<String> {
        let mut found: Vec<String> = self.known.iter().filter(|(_, own)| own.contains_key(reference)).map(|(id, _)| id.clone()).collect();
        found.sort();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_stay_and_new_dances_get_the_next() {
        let mut titles = Titles::default();
        titles.learn("mira", "zebra", PRIMARY);
        titles.learn("mira", "zebra", "alternate_1");
        titles.learn("mira", "late", "alternate_2");
        let mut title = |reference: &str| titles.title("mira", reference);
        assert_eq!((title("zebra").as_str(), title("ant").as_str(), title("bee").as_str()), (PRIMARY, "alternate_1", "alternate_3"));
        assert_eq!(title("late"), "alternate_2");
        assert_eq!((titles.primary("mira"), titles.reference("mira", "alternate_3")), (Some("zebra"), Some("bee")));
        assert_eq!((titles.title("rin", "zebra").as_str(), titles.dancers("zebra")), (PRIMARY, vec!["mira".to_owned(), "rin".to_owned()]));
    }
}
