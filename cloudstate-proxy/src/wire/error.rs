//! What is wrong with an encoded message, and where.

use std::fmt;

/// Bytes that are not an encoding of the expected message.
///
/// The text names the field by its path from the outermost message and the byte offset at which the fault was seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct WireError {
    fault: WireFault,
    offset: usize,
    /// Names from the outermost field inwards; they are collected inwards out, while the walk unwinds.
    path: Vec<Box<str>>,
}

/// The ways in which bytes can fail to be a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireFault {
    /// The bytes end inside a tag, a length or a value.
    CutShort,
    /// A variable-length integer is longer than 64 bits.
    LongVarint,
    /// A tag names no field: number 0, a number above 2^29 - 1, or a wire type that does not exist.
    BadTag,
    /// The wire type does not fit the declared type of the field.
    WireType {
        /// The wire type that was found.
        found: u8,
        /// The wire type that the field's declaration asks for.
        expected: u8,
    },
    /// A `string` field holds something else.
    NotUtf8,
    /// Messages or groups lie deeper in each other than [`WireFault::DEPTH_LIMIT`].
    TooDeep,
    /// A group ends that never began, or another one than began last.
    GroupEnd,
}

impl WireFault {
    /// How many messages and groups may lie inside each other; the limit of every protobuf library in wide use.
    pub const DEPTH_LIMIT: u32 = 100;
}

impl WireError {
    #[cold]
    pub(super) fn new(fault: WireFault, offset: usize) -> Self {
        Self {
            fault,
            offset,
            path: Vec::new(),
        }
    }

    /// Notes that the fault lies inside the field of this name.
    #[cold]
    pub(super) fn within(mut self, field: &str) -> Self {
        self.path.insert(0, field.into());
        self
    }

    /// What is wrong.
    pub fn fault(&self) -> WireFault {
        self.fault
    }

    /// The byte of the message, counted from 0, at which the fault was seen.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The path of the field, such as `item.name`; empty where the fault is in no field of the outermost message.
    pub fn field(&self) -> String {
        self.path.join(".")
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset;
        if self.path.is_empty() {
            write!(f, "the message (offset {offset}) ")?;
        } else {
            write!(f, "field `{}` (offset {offset}) ", self.field())?;
        }
        match self.fault {
            WireFault::CutShort => f.write_str("is cut short"),
            WireFault::LongVarint => f.write_str("has an integer of more than 64 bits"),
            WireFault::BadTag => f.write_str("has a tag that names no field"),
            WireFault::WireType { found, expected } => write!(
                f,
                "is {} on the wire where its declared type is {}",
                wire_type_name(found),
                wire_type_name(expected)
            ),
            WireFault::NotUtf8 => f.write_str("is not UTF-8"),
            WireFault::TooDeep => {
                let limit = WireFault::DEPTH_LIMIT;
                write!(f, "nests deeper than {limit} levels")
            }
            WireFault::GroupEnd => f.write_str("has a group end without its beginning"),
        }
    }
}

fn wire_type_name(wire_type: u8) -> &'static str {
    match wire_type {
        0 => "a varint",
        1 => "64 bits wide",
        2 => "length-delimited",
        3 => "a group",
        4 => "the end of a group",
        _ => "32 bits wide",
    }
}
