//! Reads the parts of an encoded message.

use super::error::{WireError, WireFault};

/// The six wire types of the protobuf encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Delimited = 2,
    StartGroup = 3,
    EndGroup = 4,
    Fixed32 = 5,
}

/// What stands before every value: the number of its field and how it is encoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    pub(super) number: u32,
    pub(super) wire_type: WireType,
    /// Where the tag began.
    pub(super) offset: usize,
}

/// A position in encoded bytes. Offsets count from the start of the outermost message.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let start = self.at;
        let mut value = 0;
        for (index, &byte) in self.bytes[start..].iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                // The tenth byte has room for one bit.
                if index == 9 && byte > 1 {
                    break;
                }
                self.at += index + 1;
                return Ok(value);
            }
        }
        let fault = if self.bytes.len() - start < 10 {
            WireFault::CutShort
        } else {
            WireFault::LongVarint
        };
        Err(WireError::new(fault, start))
    }

    #[inline]
    pub(super) fn tag(&mut self) -> Result<Tag, WireError> {
        let offset = self.at;
        let key = self.varint()?;
        let wire_type = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Delimited,
            3 => WireType::StartGroup,
            4 => WireType::EndGroup,
            5 => WireType::Fixed32,
            _ => return Err(WireError::new(WireFault::BadTag, offset)),
        };
        match u32::try_from(key >> 3) {
            Ok(number) if (1..1 << 29).contains(&number) => Ok(Tag {
                number,
                wire_type,
                offset,
            }),
            _ => Err(WireError::new(WireFault::BadTag, offset)),
        }
    }

    /// Reads a length and the bytes that it announces.
    #[inline]
    pub(super) fn delimited(&mut self) -> Result<&'a [u8], WireError> {
        let offset = self.at;
        let length = self.varint()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.bytes.len() - self.at => {
                let start = self.at;
                self.at += length;
                Ok(&self.bytes[start..self.at])
            }
            _ => Err(WireError::new(WireFault::CutShort, offset)),
        }
    }

    /// Reads a length; the reader given back ends with the bytes that the length announces.
    #[inline]
    pub(super) fn nested(&mut self) -> Result<Reader<'a>, WireError> {
        let content = self.delimited()?;
        Ok(Reader {
            bytes: &self.bytes[..self.at],
            at: self.at - content.len(),
        })
    }

    #[inline]
    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(WireError::new(WireFault::CutShort, self.at)),
        }
    }

    /// Passes over the value after `tag`, whatever it is; `depth` more groups may lie in it.
    pub(super) fn skip(&mut self, tag: Tag, depth: u32) -> Result<(), WireError> {
        match tag.wire_type {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.fixed::<8>().map(drop),
            WireType::Delimited => self.delimited().map(drop),
            WireType::Fixed32 => self.fixed::<4>().map(drop),
            WireType::EndGroup => Err(WireError::new(WireFault::GroupEnd, tag.offset)),
            WireType::StartGroup => {
                let Some(depth) = depth.checked_sub(1) else {
                    return Err(WireError::new(WireFault::TooDeep, tag.offset));
                };
                loop {
                    let inner = self.tag()?;
                    if inner.wire_type != WireType::EndGroup {
                        self.skip(inner, depth)?;
                    } else if inner.number == tag.number {
                        return Ok(());
                    } else {
                        return Err(WireError::new(WireFault::GroupEnd, inner.offset));
                    }
                }
            }
        }
    }
}
