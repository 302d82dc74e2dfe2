//! Words of core's tables on the wire: read strictly, and listed in the OpenAPI document as what they may be.

use rushes_core::delivery::DeliveryState;
use rushes_core::kinds::KINDS;
use rushes_core::subject::SubjectType;
use rushes_core::{JobState, Kind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! word {
    ($(#[doc = $doc:literal])* $word:ident, $noun:ty, $all:expr) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $word(pub(crate) $noun);

        impl Serialize for $word {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.0.name())
            }
        }

        impl<'de> Deserialize<'de> for $word {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                let names = || $all.map(|noun| noun.name()).collect::<Vec<_>>().join(", ");
                <$noun>::named(&text).map(Self).ok_or_else(|| de::Error::custom(format!("{text:?} is none of: {}", names())))
            }
        }

        impl PartialSchema for $word {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some($all.map(|noun| noun.name()))).into()
            }
        }

        impl ToSchema for $word {}
    };
}

word!(
    /// Where a job stands.
    JobWord, JobState, JobState::ALL.iter()
);
word!(
    /// How far a delivery is, the worse the later.
    DeliveryWord, DeliveryState, DeliveryState::ALL.iter()
);
word!(
    /// What a file is.
    KindWord, Kind, KINDS.iter().map(|row| row.kind)
);
word!(
    /// A sort of subject.
    SubjectWord, SubjectType, [SubjectType::Character, SubjectType::Person, SubjectType::User, SubjectType::Shoot].iter()
);
