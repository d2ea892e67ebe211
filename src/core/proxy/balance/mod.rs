//! One balancing algorithm, one file. Each answers the place of the picked member, or `None` when nobody is eligible.

pub(super) mod least_connections;
pub(super) mod smooth;
