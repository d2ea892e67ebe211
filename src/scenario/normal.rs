//! Draws from the standard normal law, as `rand_distr` makes them, to the bit; of a hundred, 99 without a call.
//!
//! Its method is the ziggurat (Marsaglia and Tsang, 2000): one number chooses a layer and a point in it, and nearly always that
//! is all. This first look is taken here, where it costs a third of the call; what it leaves open, the library decides.

use crate::core::draw::Stream;
use rand::TryRng;
use rand::rand_core::utils;
use rand_distr::{Distribution, StandardNormal};
use std::convert::Infallible;
use std::sync::LazyLock;

const LAYERS: usize = 256;

/// The widths of the layers, from the lowest on, and none above the last.
#[derive(Debug)]
pub struct Normal([f64; LAYERS + 1]);

impl Normal {
    /// The standard normal law.
    pub fn standard() -> &'static Normal {
        static STANDARD: LazyLock<Normal> = LazyLock::new(|| {
            let mut widths = [0.0; LAYERS + 1];
            (0..LAYERS).for_each(|layer| widths[layer] = width(layer as u64));
            Normal(widths)
        });
        &STANDARD
    }

    /// One draw.
    #[inline(always)]
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        let bits = stream.ahead();
        let layer = usize::from(bits as u8);
        let x = place(bits) * self.0[layer];
        if x.abs() < self.0[layer + 1] {
            stream.skip(1);
            return x;
        }
        draw_slowly(stream)
    }
}

/// From the number on that the first look was taken at.
#[inline(never)]
fn draw_slowly(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

/// Where in its layer a point lies, from −1 to 1: the first 52 bits, as digits of a number from 2 to 4.
#[inline(always)]
fn place(bits: u64) -> f64 {
    f64::from_bits(bits >> 12 | 2.0_f64.to_bits()) - 3.0
}

/// How wide the library's layer is: what it makes of a point half-way to its edge, twice.
fn width(layer: u64) -> f64 {
    const HALF_WAY: u64 = 3.5_f64.to_bits() << 12;
    let half: f64 = StandardNormal.sample(&mut Always(HALF_WAY | layer));
    2.0 * half
}

/// Not random at all.
struct Always(u64);

impl TryRng for Always {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0 as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        utils::fill_bytes_via_next_word(bytes, || Ok(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::draw::Seed;

    #[test]
    fn draws_are_those_of_the_library_and_leave_the_stream_where_it_would() {
        let (mut ours, mut theirs) = (Seed(3).stream("normal", 0), Seed(3).stream("normal", 0));
        for _ in 0..1_000_000 {
            let expected: f64 = StandardNormal.sample(&mut theirs);
            assert_eq!(Normal::standard().draw(&mut ours), expected);
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn layers_become_narrower() {
        assert!(Normal::standard().0.windows(2).all(|pair| pair[0] > pair[1]));
    }
}
