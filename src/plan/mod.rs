//! What a controller is going to do, before it does it: every sync of a rollout, what the manifest's numbers round to, and
//! what in it is likely not meant.
//!
//! A [`rehearse`]d rollout has no traffic and no chance: the same controllers as everywhere are driven by a platform in
//! which instances take a fixed time to start and to go, metrics are good, and people answer after a fixed time.

mod explain;
mod lint;
mod rehearsal;
mod service;

pub use explain::{explain, instances};
pub use lint::{Finding, Load, lint};
pub use rehearsal::{Ending, Rehearsal, Row, Timing, rehearse};
pub use service::{Delay, Found, on_service, smallest_delay, smallest_surge, typical_boot};
