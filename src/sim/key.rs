//! What the event list sorts by.

use crate::core::time::Moment;
use crate::sim::flight::FlightId;
use crate::sim::wheel::Timed;

/// Bits of a key that name the flight.
const FLIGHT_BITS: u32 = 24;
/// Flights that a key can name.
pub const FLIGHTS_MAX: u32 = 1 << FLIGHT_BITS;
/// Events that can be planned in one run: the bits that are left count them.
pub const ORDER_MAX: u64 = 1 << (63 - FLIGHT_BITS);

/// When something is due, in which order it was planned, whether it is on its way back, and whose flight it is: 64 bits of
/// nanoseconds, then 39, 1 and 24 bits. Keys compare as numbers; no two that wait are equal, for no two of them share their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u128);

impl Key {
    /// Of `flight`, which is planned as the `order`th.
    #[inline(always)]
    pub fn new(at: Moment, order: u64, flight: FlightId) -> Key {
        let low = order << (FLIGHT_BITS + 1) | u64::from(flight.0);
        Key(u128::from(at.nanos()) << 64 | u128::from(low))
    }

    /// In which order it was planned.
    #[inline(always)]
    pub fn order(self) -> u64 {
        self.0 as u64 >> (FLIGHT_BITS + 1)
    }

    /// The same, for the way back.
    #[inline(always)]
    pub fn back(self) -> Key {
        Key(self.0 | 1 << FLIGHT_BITS)
    }

    /// Whether it is for the way back.
    #[inline(always)]
    pub fn is_back(self) -> bool {
        self.0 as u64 & 1 << FLIGHT_BITS != 0
    }

    /// Whose it is.
    #[inline(always)]
    pub fn flight(self) -> FlightId {
        FlightId(self.0 as u32 & (FLIGHTS_MAX - 1))
    }
}

impl Timed for Key {
    const NEVER: Key = Key(u128::MAX);

    #[inline(always)]
    fn at(self) -> Moment {
        Moment::from_nanos((self.0 >> 64) as u64)
    }
}
