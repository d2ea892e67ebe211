//! Probabilities of numbers of failures so far.

use super::once::support;
use crate::core::judge::binomial;

/// Probabilities of `first`, `first` + 1, ….
#[derive(Clone, Debug)]
pub(super) struct Spread {
    pub first: u64,
    pub of: Vec<f64>,
}

impl Spread {
    /// Failures among `trials`.
    pub fn binomial(trials: u64, rate: f64) -> Spread {
        let (first, last) = support(trials, rate);
        Spread { first, of: (first..=last).map(|count| binomial::probability(count, trials, rate)).collect() }
    }
}

/// Joint probabilities of failures of canary (rows) and control (columns) so far, of versions that are still judged.
#[derive(Clone, Debug)]
pub(super) struct Joint {
    pub canary: u64,
    pub control: u64,
    pub rows: Vec<Vec<f64>>,
}

impl Joint {
    /// Nothing has failed yet.
    pub fn start() -> Joint {
        Joint { canary: 0, control: 0, rows: vec![vec![1.0]] }
    }

    /// Multiplications that [`Joint::grow`] would take.
    pub fn work(&self, canary: &Spread, control: &Spread) -> usize {
        let columns = self.rows[0].len() + control.of.len();
        self.rows.len() * self.rows[0].len() * control.of.len() + self.rows.len() * canary.of.len() * columns
    }

    /// Adds independent failures to both.
    pub fn grow(self, canary: &Spread, control: &Spread) -> Joint {
        let wide: Vec<Vec<f64>> = self.rows.iter().map(|row| convolve(row, &control.of)).collect();
        let mut rows = vec![vec![0.0; wide[0].len()]; wide.len() + canary.of.len() - 1];
        for (index, row) in wide.iter().enumerate() {
            for (more, weight) in canary.of.iter().enumerate() {
                rows[index + more].iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        Joint { canary: self.canary + canary.first, control: self.control + control.first, rows }
    }

    /// Leaves out the edges that hold next to nothing, so that the table stays small.
    pub fn trim(&mut self) {
        const DUST: f64 = 1e-13;
        let is_dust = |row: &Vec<f64>| row.iter().sum::<f64>() < DUST;
        while self.rows.len() > 1 && self.rows.last().is_some_and(is_dust) {
            self.rows.pop();
        }
        let empty = self.rows.iter().take_while(|row| is_dust(row)).count().min(self.rows.len() - 1);
        self.rows.drain(..empty);
        self.canary += empty as u64;
        let column = |index: usize, rows: &[Vec<f64>]| rows.iter().map(|row| row[index]).sum::<f64>();
        while self.rows[0].len() > 1 && column(self.rows[0].len() - 1, &self.rows) < DUST {
            self.rows.iter_mut().for_each(|row| row.truncate(row.len() - 1));
        }
        let width = self.rows[0].len();
        let empty = (0..width - 1).take_while(|index| column(*index, &self.rows) < DUST).count();
        self.rows.iter_mut().for_each(|row| row.rotate_left(empty));
        self.rows.iter_mut().for_each(|row| row.truncate(width - empty));
        self.control += empty as u64;
    }
}

fn convolve(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (index, weight) in a.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        sum[index..].iter_mut().zip(b).for_each(|(sum, value)| *sum += weight * value);
    }
    sum
}
