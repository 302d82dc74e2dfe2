//! The conditions of a look, only those asked for: so each question finds its own index.

use crate::sql::value::{Bind, Given, Params};

/// Conditions, and the values they name.
#[derive(Default)]
pub(crate) struct Which {
    conditions: Vec<String>,
    values: Vec<(&'static str, Box<dyn Bind + Send + Sync>)>,
}

impl Which {
    /// One more condition.
    pub(crate) fn and(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    /// One more condition, where there is a value for it.
    pub(crate) fn only<T: Bind + Send + Sync + 'static>(&mut self, condition: &str, name: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.and(condition);
            self.value(name, value);
        }
    }

    /// A value by its name.
    pub(crate) fn value<T: Bind + Send + Sync + 'static>(&mut self, name: &'static str, value: T) {
        self.values.push((name, Box::new(value)));
    }

    /// For behind a WHERE.
    pub(crate) fn text(&self) -> String {
        if self.conditions.is_empty() { "true".to_owned() } else { self.conditions.join(" AND ") }
    }
}

impl Params for &Which {
    fn given(&self) -> Given<'_> {
        Given::Named(self.values.iter().map(|(name, value)| (*name, value.value())).collect())
    }
}
