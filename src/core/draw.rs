//! Chance as named streams: the same (seed, label, index) always gives the same draws, and no two share a generator.
//!
//! Generator: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), made for streams
//! that are opened by the million: its state is one number, so that a stream costs nothing to open, and a draw that nobody
//! needs costs nothing to pass over. The streams of one label begin far apart on the generator's one cycle.

use rand::TryRng;
use rand::rand_core::utils;
use std::convert::Infallible;

/// Odd, and the golden ratio of 2^64: steps of it spread evenly.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// From the start of a stream to that of the next one. Also odd, and good in spectral tests (Steele and Vigna, "Computationally
/// easy, spectrally good multipliers", 2022): streams whose numbers differ by less than 2^57 have none of their first 64 draws
/// in common, and none of their first 65,536 if they differ by less than 2^45.
const STRIDE: u64 = 0xd134_2543_de82_ef95;

/// A stream of random numbers; implements [`rand::Rng`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// As if `draws` numbers had been drawn.
    #[inline(always)]
    pub fn skip(&mut self, draws: u64) {
        self.0 = self.0.wrapping_add(draws.wrapping_mul(GOLDEN));
    }

    /// The same stream, after so many draws.
    #[inline(always)]
    pub fn after(mut self, draws: u64) -> Stream {
        self.skip(draws);
        self
    }

    /// What will be drawn next.
    #[inline(always)]
    pub fn ahead(self) -> u64 {
        mix(self.0.wrapping_add(GOLDEN))
    }

    /// 64 random bits that belong to the stream as it stands, and have nothing to do with what is drawn from it: as if they had
    /// been drawn last.
    #[inline(always)]
    pub fn dice(self) -> u64 {
        mix(self.0)
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    #[inline(always)]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|bits| (bits >> 32) as u32)
    }

    #[inline(always)]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.skip(1);
        Ok(mix(self.0))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        utils::fill_bytes_via_next_word(bytes, || self.try_next_u64())
    }
}

/// The seed of a run, from which every stream is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream called `label` with number `index`.
    pub fn stream(self, label: &str, index: u64) -> Stream {
        self.family(label).stream(index)
    }

    /// All streams called `label`: hashes the label once, where streams are opened by the million.
    pub fn family(self, label: &str) -> Family {
        let hash = label.bytes().fold(self.0 ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            mix(hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Family(mix(hash))
    }

    /// The seed of the replication with number `index`: the first, 0, has this seed itself.
    pub fn replication(self, index: u32) -> Seed {
        match index {
            0 => self,
            _ => Seed(further(self.family("replication").0, u64::from(index))),
        }
    }
}

/// The streams of one label.
#[derive(Clone, Copy, Debug)]
pub struct Family(u64);

impl Family {
    /// The stream with number `index`.
    #[inline]
    pub fn stream(self, index: u64) -> Stream {
        Stream(self.0.wrapping_add(index.wrapping_mul(STRIDE)))
    }
}

/// The finaliser of SplitMix64: every input bit changes every output bit with probability one half.
#[inline(always)]
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Other 64 random bits from `bits`: the `index`th of a series that belongs to them.
#[inline]
pub fn further(bits: u64, index: u64) -> u64 {
    mix(bits.wrapping_add(index.wrapping_mul(GOLDEN)))
}

/// A draw in [0, 1) from 64 random bits, with the 53 bits that an `f64` can hold.
#[inline]
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// A number below `bound` from 64 random bits, by multiplication; the bias is below 2^-32 for any 32-bit bound.
#[inline]
pub fn below(bits: u64, bound: u32) -> u32 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_differ_by_seed_label_and_index_and_repeat_exactly() {
        let first = |seed, label, index| Seed(seed).stream(label, index).next_u64();
        assert_eq!(first(7, "request", 1), first(7, "request", 1));
        let all = [first(7, "request", 1), first(8, "request", 1), first(7, "boot", 1), first(7, "request", 2)];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b));
        }
    }

    /// The numbers of the authors' own program for the seed 1234567.
    #[test]
    fn the_generator_is_splitmix64() {
        let mut stream = Stream(1_234_567);
        let drawn: Vec<u64> = (0..5).map(|_| stream.next_u64()).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, published);
    }

    #[test]
    fn what_is_passed_over_is_what_would_have_been_drawn() {
        let mut stream = Seed(1).stream("request", 7);
        let (mut passed, ahead) = (stream, stream.ahead());
        assert_eq!(stream.next_u64(), ahead);
        (0..4).for_each(|_| _ = stream.next_u64());
        passed.skip(5);
        assert_eq!(passed, stream);
    }

    /// Of pairs of uniform draws that have nothing to do with each other, the mean product is 1/4 ± √(7/144/n).
    #[test]
    fn dice_and_draws_of_a_stream_have_nothing_to_do_with_each_other() {
        let family = Seed(1).family("request");
        let count = 100_000;
        let pairs = |of: fn(Stream) -> (u64, u64)| {
            let products = (0..count).map(|index| of(family.stream(index))).map(|(a, b)| unit(a) * unit(b));
            products.sum::<f64>() / count as f64
        };
        let first_and_second = |mut stream: Stream| (stream.next_u64(), stream.next_u64());
        let dice_and_first = |mut stream: Stream| (stream.dice(), stream.next_u64());
        let further_and_first = |mut stream: Stream| (further(stream.dice(), 1), stream.next_u64());
        for of in [first_and_second, dice_and_first, further_and_first] as [fn(Stream) -> (u64, u64); 3] {
            let mean = pairs(of);
            assert!((mean - 0.25).abs() < 4.0 * (7.0 / 144.0 / count as f64).sqrt(), "mean product {mean}");
        }
    }

    #[test]
    fn the_first_replication_has_the_seed_itself_and_the_others_have_their_own() {
        let seeds: Vec<u64> = (0..100).map(|index| Seed(7).replication(index).0).collect();
        assert_eq!(seeds[0], 7);
        assert_eq!(seeds.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
        assert!((1..100).all(|index| Seed(8).replication(index) != Seed(7).replication(index)));
    }

    /// Draws of neighbours fall into the cells of a square evenly, whichever draw it is and however the neighbours are
    /// numbered: chi-square of 1,023 degrees of freedom, whose deviation is 45.
    #[test]
    fn neighbouring_streams_are_independent() {
        const SIDE: u32 = 32;
        let family = Seed(1).family("request");
        let count = 200_000;
        for (draw, apart) in [(0, 1), (1, 1), (3, 1), (0, 4), (0, 1 << 32), (1, 1 << 32)] {
            let mut cells = vec![0_u32; (SIDE * SIDE) as usize];
            for index in 0..count {
                let drawn = |index: u64| below(family.stream(index * apart).after(draw).ahead(), SIDE);
                cells[(drawn(index) * SIDE + drawn(index + 1)) as usize] += 1;
            }
            let expected = f64::from(count as u32) / f64::from(SIDE * SIDE);
            let chi = cells.iter().map(|&cell| (f64::from(cell) - expected).powi(2) / expected).sum::<f64>();
            assert!((chi - 1_023.0).abs() < 4.0 * 45.2, "draw {draw}, {apart} apart: {chi}");
        }
    }

    /// The smallest difference of numbers at which a draw of one stream is another draw of the other.
    #[test]
    fn streams_of_one_label_have_no_draws_in_common() {
        // Newton's iteration doubles the digits of an inverse modulo 2^64 that are right.
        let inverse = (0..6).fold(STRIDE, |x, _| x.wrapping_mul(2_u64.wrapping_sub(STRIDE.wrapping_mul(x))));
        assert_eq!(STRIDE.wrapping_mul(inverse), 1);
        let least = |draws: u64| {
            let apart = |lag: u64| (lag.wrapping_mul(GOLDEN).wrapping_mul(inverse) as i64).unsigned_abs();
            (1..draws).map(apart).min().expect("there are some")
        };
        assert!(least(64) > 1 << 57 && least(65_536) > 1 << 45);
    }

    #[test]
    fn below_covers_its_range_and_nothing_else() {
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, 10), 9);
    }
}
