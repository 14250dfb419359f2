//! Stored messages as a copy, checked.

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::Any;

use super::{
    super::{
        data::{Data, Elements, Entries, Entry, Write},
        dot::{Dot, Dots, Dotted, Seen},
        element::Element,
        update::MAX_DEPTH,
    },
    DecodeError,
    message::{Kind, StoredData, StoredMap, StoredSet, StoredWrites},
};

pub(super) struct Reader<'a> {
    seen: &'a Seen,
    type_urls: Vec<ByteString>,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(seen: &'a Seen, type_urls: Vec<String>) -> Self {
        Self {
            seen,
            type_urls: type_urls.into_iter().map(ByteString::from).collect(),
            depth: 0,
        }
    }

    pub(super) fn data(&mut self, stored: StoredData) -> Result<Data, DecodeError> {
        let kind = stored
            .kind
            .ok_or(DecodeError::Inconsistent("data without a type"))?;
        Ok(match kind {
            Kind::GCounter(stored) => Data::GCounter(self.column(&stored.dots, stored.counts)?),
            Kind::PnCounter(stored) => Data::PnCounter(self.column(&stored.dots, stored.counts)?),
            Kind::GSet(stored) => Data::GSet(self.set(stored)?),
            Kind::OrSet(stored) => Data::OrSet(self.set(stored)?),
            Kind::LwwRegister(stored) => Data::LwwRegister(self.writes(stored)?),
            Kind::Flag(stored) => Data::Flag(self.marks(&stored.dots)?),
            Kind::OrMap(stored) => Data::OrMap(self.map(stored)?),
            Kind::Vote(stored) => Data::Vote(self.marks(&stored.dots)?),
        })
    }

    fn set(&self, stored: StoredSet) -> Result<Elements, DecodeError> {
        let mut column = Column(stored.dots.iter());
        let payloads = self.payloads(&stored.types, stored.values)?;
        let elements: Elements = payloads
            .into_iter()
            .map(|payload| Ok((Element::sharing(payload), self.next_marks(&mut column)?)))
            .collect::<Result<_, DecodeError>>()?;
        column.end()?;
        if elements.values().any(Dots::is_empty) {
            return Err(DecodeError::Inconsistent("an element that nobody added"));
        }
        Ok(elements)
    }

    fn writes(&self, stored: StoredWrites) -> Result<Dots<Write>, DecodeError> {
        let payloads = self.payloads(&stored.types, stored.values)?;
        if payloads.len() != stored.timestamps.len() {
            return Err(UNEVEN);
        }
        let writes = payloads
            .into_iter()
            .zip(stored.timestamps)
            .map(|(value, timestamp)| Write { timestamp, value })
            .collect();
        self.column(&stored.dots, writes)
    }

    fn map(&mut self, stored: StoredMap) -> Result<Entries, DecodeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(DecodeError::Inconsistent("maps too deep in maps"));
        }
        let mut entries = Entries::new();
        for entry in stored.entries {
            let key = Element::sharing(self.payload(entry.key_type, entry.key)?);
            let data = entry
                .data
                .ok_or(DecodeError::Inconsistent("an entry without data"))?;
            let (data, present) = (self.data(data)?, self.marks(&entry.present)?);
            if present.is_empty() {
                return Err(DecodeError::Inconsistent("an entry that nobody added"));
            }
            entries.insert((key, data.kind()), Entry { present, data });
        }
        self.depth -= 1;
        Ok(entries)
    }

    fn payloads(&self, types: &[u32], values: Vec<Bytes>) -> Result<Vec<Any>, DecodeError> {
        if types.len() != values.len() {
            return Err(UNEVEN);
        }
        let payloads = types.iter().zip(values);
        payloads
            .map(|(&type_index, value)| self.payload(type_index, value))
            .collect()
    }

    fn payload(&self, type_index: u32, value: Bytes) -> Result<Any, DecodeError> {
        let type_url = usize::try_from(type_index)
            .ok()
            .and_then(|index| self.type_urls.get(index))
            .ok_or(DecodeError::Inconsistent("an unknown type index"))?;
        Ok(Any {
            type_url: type_url.clone(),
            value,
        })
    }

    fn marks(&self, dots: &[u64]) -> Result<Dots<()>, DecodeError> {
        let mut column = Column(dots.iter());
        let marks = self.next_marks(&mut column)?;
        column.end()?;
        Ok(marks)
    }

    fn next_marks(&self, column: &mut Column<'_>) -> Result<Dots<()>, DecodeError> {
        let marks = (0..column.number()?)
            .map(|_| {
                Ok(Dotted {
                    dot: self.dot(column)?,
                    value: (),
                })
            })
            .collect::<Result<_, DecodeError>>()?;
        sorted(marks)
    }

    /// One group of dots, and what belongs to each.
    fn column<T>(&self, dots: &[u64], values: Vec<T>) -> Result<Dots<T>, DecodeError> {
        let mut column = Column(dots.iter());
        if column.number()? != values.len() as u64 {
            return Err(UNEVEN);
        }
        let dotted = values
            .into_iter()
            .map(|value| {
                Ok(Dotted {
                    dot: self.dot(&mut column)?,
                    value,
                })
            })
            .collect::<Result<_, DecodeError>>()?;
        column.end()?;
        sorted(dotted)
    }

    fn dot(&self, column: &mut Column<'_>) -> Result<Dot, DecodeError> {
        let (index, sequence) = (column.number()?, column.number()?);
        usize::try_from(index)
            .ok()
            .and_then(|index| self.seen.last().get(index))
            .map(|last| Dot::new(last.replica, sequence))
            .filter(|&dot| self.seen.contains(dot))
            .ok_or(DecodeError::Inconsistent("a dot that was not seen"))
    }
}

const UNEVEN: DecodeError = DecodeError::Inconsistent("columns of different lengths");

fn sorted<T>(dotted: Vec<Dotted<T>>) -> Result<Dots<T>, DecodeError> {
    Dots::from_sorted(dotted).ok_or(DecodeError::Inconsistent("dots are not in order"))
}

/// What is left of a column of numbers.
struct Column<'a>(std::slice::Iter<'a, u64>);

impl Column<'_> {
    fn number(&mut self) -> Result<u64, DecodeError> {
        self.0.next().copied().ok_or(UNEVEN)
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        if self.0.next().is_some() {
            return Err(UNEVEN);
        }
        Ok(())
    }
}
