//! The controller, and who is told what it is asked.

use super::{Answer, Question, Record, Unit, Witness};
use crate::core::rollout::{Controller, Input, Order, Setup, Strategy};
use crate::core::time::Moment;
use std::fmt;

/// A [`Controller`] with its witness.
#[derive(Clone)]
pub struct Pilot {
    controller: Controller,
    witness: Option<Witness>,
}

impl fmt::Debug for Pilot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.controller.fmt(out)
    }
}

impl Pilot {
    /// [`Controller::new`]
    pub fn new(setup: Setup, strategy: Option<Strategy>, witness: Option<Witness>) -> Pilot {
        Pilot { controller: Controller::new(setup, strategy), witness }
    }

    /// The controller itself, for questions that change nothing.
    pub fn controller(&self) -> &Controller {
        &self.controller
    }

    /// [`Controller::handle`]
    pub fn handle(&mut self, now: Moment, input: Input, orders: &mut Vec<Order>) {
        let before = orders.len();
        self.controller.handle(now, input, orders);
        if let Some(witness) = &self.witness {
            let answer = Answer::Orders(orders[before..].to_vec());
            witness(Record { at: now, unit: Unit::Controller, question: Question::Handle { input }, answer });
        }
    }

    /// [`Controller::deadline`]
    pub fn deadline(&self, now: Moment) -> Option<Moment> {
        self.controller.deadline(now)
    }
}
