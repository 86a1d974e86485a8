//! 32-bit integers in a byte order that only the file tells: the headers of every packet are made of
//! them.

use nom::bytes::complete::take;
use nom::number::Endianness;
use nom::{IResult, Parser};

/// Parses `N` words: one length check, then plain loads. (nom's own integers look at the byte order
/// for every octet; with them reading a file took 8 % longer, the kernel's part included.)
#[inline]
pub(super) fn words<const N: usize>(
    order: Endianness,
    input: &[u8],
) -> IResult<&[u8], [u32; N], ()> {
    let (rest, octets) = take(4 * N).parse(input)?;
    let (chunks, _) = octets.as_chunks::<4>();
    let mut words = [0; N];
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = match order {
            Endianness::Big => u32::from_be_bytes(*chunk),
            _ => u32::from_le_bytes(*chunk),
        };
    }
    Ok((rest, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_order_and_the_rest() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let rest = &[9][..];
        assert_eq!(
            words(Endianness::Big, &bytes),
            Ok((rest, [0x0102_0304, 0x0506_0708]))
        );
        assert_eq!(
            words(Endianness::Little, &bytes),
            Ok((rest, [0x0403_0201, 0x0807_0605]))
        );
        assert_eq!(
            words::<3>(Endianness::Big, &bytes),
            Err(nom::Err::Error(()))
        );
    }
}
