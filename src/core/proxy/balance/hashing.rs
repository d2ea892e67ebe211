//! The hash functions that balancers go by.

/// CRC-32 as in Ethernet, of several pieces in a row.
pub(super) fn crc32(pieces: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finalize()
}

/// xxHash, 64 bits.
pub(super) fn xxh64(bytes: &[u8], seed: u64) -> u64 {
    xxhash_rust::xxh64::xxh64(bytes, seed)
}

/// Murmur 2, 64 bits, in the form of the GNU C++ library, which Envoy uses; its seed is fixed there.
pub(super) fn murmur2(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
    const SEED: u64 = 0xc70f_6907;
    let shift_mix = |value: u64| value ^ (value >> 47);
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let data = shift_mix(u64::from_le_bytes(*chunk).wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
        hash = (hash ^ data).wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, &byte| tail << 8 | u64::from(byte));
        hash = (hash ^ tail).wrapping_mul(MULTIPLIER);
    }
    shift_mix(shift_mix(hash).wrapping_mul(MULTIPLIER))
}

/// FNV-1a, 64 bits.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Bob Jenkins' integer hash times a prime, which HAProxy calls avalanche.
pub(super) fn avalanche(mut a: u32) -> u32 {
    a = a.wrapping_add(0x7ed5_5d16).wrapping_add(a << 12);
    a = (a ^ 0xc761_c23c) ^ (a >> 19);
    a = a.wrapping_add(0x1656_67b1).wrapping_add(a << 5);
    a = a.wrapping_add(0xd3a2_646c) ^ (a << 9);
    a = a.wrapping_add(0xfd70_46c5).wrapping_add(a << 3);
    a = (a ^ 0xb55a_4f09) ^ (a >> 16);
    a.wrapping_mul(3_221_225_473)
}

/// HAProxy's default for keys.
pub(super) fn sdbm(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0_u32, |hash, &byte| u32::from(byte).wrapping_add(hash << 6).wrapping_add(hash << 16).wrapping_sub(hash))
}

/// Bernstein's hash, as HAProxy has it.
pub(super) fn djb2(bytes: &[u8]) -> u32 {
    bytes.iter().fold(5381_u32, |hash, &byte| (hash << 5).wrapping_add(hash).wrapping_add(u32::from(byte)))
}

/// Tarreau's hash in HAProxy.
pub(super) fn wt6(bytes: &[u8]) -> u32 {
    let (mut h0, mut h1) = (0xa53c_965a_u32, 0x5ca6_953a_u32);
    let (mut step0, mut step1) = (6, 18);
    for &byte in bytes {
        h0 = !(h0 ^ u32::from(byte));
        h1 = !h1.wrapping_add(u32::from(byte));
        let turned = h1.rotate_left(step0);
        h1 = h0.rotate_left(step1);
        h0 = turned;
        let mixed = ((h0 >> 16) ^ h1) & 0xffff;
        (step0, step1) = (mixed & 0x1f, mixed >> 11);
    }
    h0 ^ h1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values_are_met() {
        assert_eq!(crc32(&[b"123", b"456789"]), 0xcbf4_3926);
        assert_eq!(xxh64(b"", 0), 0xef46_db37_51d8_e999);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        // From the tests of Envoy.
        assert_eq!(murmur2(b"foo"), 9_631_199_822_919_835_226);
        assert_eq!(murmur2(b"lyft"), 12_847_078_931_730_529_320);
        assert_eq!(murmur2(b"foo\nbar"), 16_306_510_975_912_980_159);
        assert_eq!(djb2(b"a"), 5381 * 33 + 97);
    }
}
