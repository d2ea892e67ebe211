//! When clients give up. Most get their answer at a moment that is known long before: the deadline of a request enters the line
//! only when the request comes to where it might still be when its time is over.

use crate::core::time::Moment;
use crate::sim::flight::{FlightId, Flights};
use crate::sim::heap::Heap;

/// When a client gives up, unless it got its answer before. Of equal ones the lowest number is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deadline {
    at: Moment,
    number: u64,
    flight: u32,
}

impl Deadline {
    /// Whether the client has no answer yet.
    fn is_meant(&self, flights: &Flights) -> bool {
        let id = FlightId(self.flight);
        flights.gives_up(id) == self.at && flights[id].number == self.number
    }
}

/// The line of those that may come.
#[derive(Debug)]
pub struct Deadlines {
    line: Heap<Deadline>,
}

/// So many deadlines that are no longer meant may be in line beside those that are.
const STALE_MAX: usize = 1024;

impl Deadlines {
    /// None yet.
    pub const fn new() -> Deadlines {
        Deadlines { line: Heap::new() }
    }

    /// No client gives up before this.
    pub fn first(&self) -> Moment {
        self.line.peek().map_or(Moment::NEVER, |deadline| deadline.at)
    }

    /// The client of `id` may give up while the request is where it is.
    pub fn line_up(&mut self, flights: &mut Flights, id: FlightId) {
        let (at, number) = (flights.gives_up(id), flights[id].number);
        if at == Moment::NEVER || flights.in_line(id) {
            return;
        }
        if self.line.len() > STALE_MAX + 2 * flights.len() {
            self.line.retain(|deadline| deadline.is_meant(flights));
        }
        flights.set_in_line(id, true);
        self.line.push(Deadline { at, number, flight: id.0 });
    }

    /// Takes the first out of the line, and says whose it is, if it is still meant. Those behind it who are no longer meant, and
    /// nearly all are not, go with it, for nothing is to happen for them.
    pub fn pass(&mut self, flights: &Flights) -> Option<FlightId> {
        let first = self.line.pop()?;
        while self.line.peek().is_some_and(|next| !next.is_meant(flights)) {
            self.line.pop();
        }
        first.is_meant(flights).then_some(FlightId(first.flight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Span;
    use crate::sim::flight::Flight;

    const PATIENCE: Span = Span::from_secs(5);

    fn at(second: u64) -> Moment {
        Moment::START + Span::from_secs(second)
    }

    /// A request that was sent at that second, and others before it.
    fn send(flights: &mut Flights, deadlines: &mut Deadlines, second: u64) -> FlightId {
        let id = flights.add(Flight::new(second, at(second), 0));
        deadlines.line_up(flights, id);
        id
    }

    fn waiting(count: u64) -> (Flights, Deadlines, Vec<FlightId>) {
        let (mut flights, mut deadlines) = (Flights::new(Some(PATIENCE)), Deadlines::new());
        let ids = (0..count).map(|second| send(&mut flights, &mut deadlines, second)).collect();
        (flights, deadlines, ids)
    }

    fn those_who_give_up(flights: &Flights, mut deadlines: Deadlines) -> Vec<FlightId> {
        let mut given_up = Vec::new();
        while deadlines.first() < Moment::NEVER {
            given_up.extend(deadlines.pass(flights));
        }
        given_up
    }

    #[test]
    fn deadlines_stay_in_order_whichever_is_cancelled() {
        for cancelled in 0..4 {
            let (mut flights, deadlines, ids) = waiting(4);
            flights.cancel_expiry(ids[cancelled]);
            flights.cancel_expiry(ids[cancelled]);
            let expected: Vec<FlightId> = ids.iter().copied().filter(|&id| id != ids[cancelled]).collect();
            assert_eq!(those_who_give_up(&flights, deadlines), expected);
        }
    }

    #[test]
    fn a_deadline_goes_to_the_other_attempt_and_keeps_its_place() {
        let (mut flights, mut deadlines, ids) = waiting(3);
        let other = flights.fork(ids[1]);
        for (from, to, waited) in [(ids[1], other, true), (ids[1], ids[0], false)] {
            assert_eq!(flights.hand_over(from, to), waited);
            deadlines.line_up(&mut flights, to);
        }
        assert_eq!(those_who_give_up(&flights, deadlines), [ids[0], other, ids[2]]);
    }

    #[test]
    fn deadlines_that_are_not_meant_any_more_do_not_pile_up() {
        let (mut flights, mut deadlines, ids) = waiting(2);
        flights.cancel_expiry(ids[0]);
        let mut last = ids[1];
        for second in 2..100_000 {
            flights.remove(last);
            last = send(&mut flights, &mut deadlines, second);
        }
        assert!(deadlines.line.len() < 2 * STALE_MAX, "{} are in line", deadlines.line.len());
        assert_eq!(those_who_give_up(&flights, deadlines), [last]);
    }

    #[test]
    fn one_who_stands_in_line_does_so_once() {
        let (mut flights, mut deadlines, ids) = waiting(1);
        deadlines.line_up(&mut flights, ids[0]);
        assert_eq!(deadlines.first(), at(0) + PATIENCE);
        assert_eq!(those_who_give_up(&flights, deadlines), [ids[0]]);
    }

    #[test]
    fn without_patience_nobody_gives_up() {
        let (mut flights, mut deadlines) = (Flights::new(None), Deadlines::new());
        send(&mut flights, &mut deadlines, 1);
        assert_eq!(deadlines.first(), Moment::NEVER);
    }
}
