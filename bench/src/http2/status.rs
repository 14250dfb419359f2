//! The one header that is read of a response: `grpc-status`.

use std::collections::VecDeque;

use super::Broken;

/// Entries that a header table of 4096 bytes can have: each counts for 32 bytes at least.
const ENTRIES: usize = 128;
/// Headers that every HPACK table has, before those that the connection's own begins with.
const FIXED: usize = 61;
const NAME: &[u8] = b"grpc-status";
/// The same in Huffman's code.
const NAME_IN_CODE: &[u8] = &[0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];

/// What a connection's header table has, as far as it is about statuses: `None` is another header.
#[derive(Debug, Default)]
pub(super) struct Statuses(VecDeque<Option<u8>>);

impl Statuses {
    /// The status in a block of headers, if it has one.
    pub(super) fn read(&mut self, mut block: &[u8]) -> Result<Option<u8>, Broken> {
        let mut found = None;
        while let Some(&first) = block.first() {
            let header = if first & 0x80 != 0 {
                let index = integer(&mut block, 7)?;
                self.entry(index)
            } else if first & 0xe0 == 0x20 {
                integer(&mut block, 5)?;
                None
            } else {
                let kept = first & 0x40 != 0;
                let header = self.literal(&mut block, if kept { 6 } else { 4 })?;
                if kept {
                    self.0.push_front(header);
                    self.0.truncate(ENTRIES);
                }
                header
            };
            found = found.or(header);
        }
        Ok(found)
    }

    fn literal(&self, block: &mut &[u8], prefix: u32) -> Result<Option<u8>, Broken> {
        let is_status = match integer(block, prefix)? {
            0 => matches!(string(block)?, (false, NAME) | (true, NAME_IN_CODE)),
            index => self.entry(index).is_some(),
        };
        let value = string(block)?;
        is_status.then(|| digits(value)).transpose()
    }

    fn entry(&self, index: usize) -> Option<u8> {
        *self.0.get(index.checked_sub(FIXED + 1)?)?
    }
}

/// An integer that begins in the last bits of a byte (RFC 7541, 5.1).
fn integer(block: &mut &[u8], prefix: u32) -> Result<usize, Broken> {
    let largest = (1 << prefix) - 1;
    let mut value = usize::from(byte(block)?) & largest;
    if value < largest {
        return Ok(value);
    }
    for shift in [0, 7, 14, 21] {
        let more = byte(block)?;
        value += usize::from(more & 0x7f) << shift;
        if more & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Broken("a number in a head is too large"))
}

/// A string, and whether it is in Huffman's code.
fn string<'a>(block: &mut &'a [u8]) -> Result<(bool, &'a [u8]), Broken> {
    let coded = block.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer(block, 7)?;
    let (string, rest) = block
        .split_at_checked(length)
        .ok_or(Broken("a head ends too early"))?;
    *block = rest;
    Ok((coded, string))
}

/// A number in decimal digits.
fn digits((coded, text): (bool, &[u8])) -> Result<u8, Broken> {
    let bad = Broken("a status is not a number");
    if !coded {
        let text = std::str::from_utf8(text).map_err(|_| bad)?;
        return text.parse().map_err(|_| bad);
    }
    // Huffman's codes of 0, 1 and 2 have five bits, those of the other digits six; ones fill the last byte.
    let bits = text
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| u32::from(byte >> at & 1)));
    let (mut number, mut code, mut length) = (0_u8, 0, 0);
    for bit in bits {
        (code, length) = (code << 1 | bit, length + 1);
        let digit = match (length, code) {
            (5, 0..=2) => code as u8,
            (6, 0b01_1001..=0b01_1111) => (code - 0b01_1001) as u8 + 3,
            _ => continue,
        };
        number = number.saturating_mul(10).saturating_add(digit);
        (code, length) = (0, 0);
    }
    Ok(number)
}

fn byte(block: &mut &[u8]) -> Result<u8, Broken> {
    let (first, rest) = block.split_first().ok_or(Broken("a head ends too early"))?;
    *block = rest;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use super::{NAME_IN_CODE, Statuses};

    /// `grpc-status` in Huffman's code with a value in it, to be kept in the table.
    fn status(value: &[u8]) -> Vec<u8> {
        let name = [&[0x40, 0x88], NAME_IN_CODE].concat();
        let value = [&[0x80 | value.len() as u8], value].concat();
        [name, value].concat()
    }

    #[test]
    fn a_status_is_found_by_its_place_in_the_table() {
        let mut statuses = Statuses::default();
        // 0, then 8 with the name of the table, then another header on top.
        assert_eq!(statuses.read(&status(&[0x07])), Ok(Some(0)));
        assert_eq!(statuses.read(b"\x88\x7e\x81\x7b"), Ok(Some(8)));
        assert_eq!(statuses.read(b"\x40\x01a\x01b"), Ok(None));
        assert_eq!(statuses.read(b"\x88\xbf"), Ok(Some(8)));
        assert_eq!(statuses.read(b"\xc0"), Ok(Some(0)));
        assert_eq!(statuses.read(b"\xbe"), Ok(None));
    }

    #[test]
    fn every_status_can_be_read() {
        // 9, 10, 13 and 14 in Huffman's code.
        for (value, number) in [
            (&[0x7f][..], 9),
            (&[0x08, 0x3f], 10),
            (&[0x0b, 0x3f], 13),
            (&[0x0b, 0x5f], 14),
        ] {
            let read = Statuses::default().read(&status(value));
            assert_eq!(read, Ok(Some(number)), "{value:?}");
        }
        let plain = Statuses::default().read(b"\x00\x0bgrpc-status\x0216");
        assert_eq!(plain, Ok(Some(16)));
    }

    #[test]
    fn a_broken_block_is_said_to_be_one() {
        for block in [
            &b"\x00\x0bgrpc"[..],
            b"\x7f\xff\xff\xff\xff\xff",
            b"\x00\x0bgrpc-status\x01x",
        ] {
            assert!(Statuses::default().read(block).is_err(), "{block:?}");
        }
    }
}
