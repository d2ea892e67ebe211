//! Names of things, as small integers that index into tables.

use serde::{Deserialize, Serialize};
/// A version of the service; index into the scenario's versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VersionId(pub u8);

/// One instance (process, pod, task). Never used twice in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceId(pub u32);

/// A user: the identity behind a client address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId(pub u32);

macro_rules! index {
    ($($id:ident),*) => {$(
        impl $id {
            /// As an index into a table.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index!(VersionId, InstanceId, UserId);
