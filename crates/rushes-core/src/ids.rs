//! Typed ids: time-ordered (UUIDv7), plain for jobs, prefixed when shown for all else.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text.strip_prefix($prefix).unwrap_or(text)).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One execution of a workflow; a plain UUID everywhere.
    JobId,
    ""
);
id!(
    /// One registered file.
    AssetId,
    "asset_"
);
id!(
    /// One registered address that is told of ends of jobs.
    EndpointId,
    "hook_"
);
id!(
    /// One message to one address.
    MessageId,
    "msg_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_json_and_take_both_spellings() {
        let id = AssetId(Uuid::from_u128(7));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"asset_00000000-0000-0000-0000-000000000007\"");
        assert_eq!(serde_json::from_str::<AssetId>(&json).unwrap(), id);
        assert_eq!("00000000-0000-0000-0000-000000000007".parse::<AssetId>().unwrap(), id);
    }
}
