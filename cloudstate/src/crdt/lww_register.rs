//! One value, of which the last write counts.

use std::mem;

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::{CrdtClock, LwwRegisterDelta, crdt_delta::Delta};

use super::{
    CrdtError, CrdtType,
    element::{Reader, Writer},
    replicated::Replicated,
};
use crate::Payload;

/// One value, of which the last write counts.
///
/// ```
/// use cloudstate::crdt::LWWRegister;
///
/// let mut title = LWWRegister::new(String::from("Untitled"));
/// title.set("Moby-Dick".into());
/// assert_eq!(title.get(), "Moby-Dick");
/// ```
#[derive(Clone, Debug)]
pub struct LWWRegister<T> {
    written: Written<T>,
    /// Clock of the pending write; the default one if nothing is pending.
    clock: Clock,
    pending: Pending<T>,
    /// Whether the proxy has been told of this value, or has told of it. See [`Replicated::is_attached`].
    attached: bool,
}

#[derive(Clone, Debug)]
struct Written<T> {
    value: T,
    encoded: Bytes,
}

#[derive(Clone, Debug)]
enum Pending<T> {
    Nothing,
    /// The register is new.
    Created,
    /// What the running command has written over.
    Overwrote(Written<T>),
}

/// Which of several writes to a [`LWWRegister`] is the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Clock {
    /// The latest by the nodes' system clocks.
    #[default]
    Default,
    /// The earliest by the nodes' system clocks: the first write stays.
    Reverse,
    /// The one with the largest number.
    Custom(i64),
    /// As [`Custom`](Self::Custom), but a number that is not above the last one counts as one more than that, so that
    /// the write is never lost.
    CustomAutoIncrement(i64),
}

impl Clock {
    fn into_wire(self) -> (CrdtClock, i64) {
        match self {
            Self::Default => (CrdtClock::Default, 0),
            Self::Reverse => (CrdtClock::Reverse, 0),
            Self::Custom(number) => (CrdtClock::Custom, number),
            Self::CustomAutoIncrement(number) => (CrdtClock::CustomAutoIncrement, number),
        }
    }
}

impl<T: Payload> LWWRegister<T> {
    /// A register that begins with this value, which counts until the first write by any node.
    pub fn new(value: T) -> Self {
        Self::new_with(value, Clock::Default)
    }

    /// A register that begins with this value, written by a clock.
    pub fn new_with(value: T, clock: Clock) -> Self {
        Self {
            written: Written::new(value),
            clock,
            pending: Pending::Created,
            attached: false,
        }
    }

    /// The value of the last write that this node knows of.
    pub fn get(&self) -> &T {
        &self.written.value
    }

    /// Writes a value; writing the value that is there changes nothing.
    pub fn set(&mut self, value: T) {
        self.set_with(value, Clock::Default);
    }

    /// Writes a value by a clock; with a clock other than the default one, writing the value that is there is a new
    /// write.
    pub fn set_with(&mut self, value: T, clock: Clock) {
        let written = Written::new(value);
        if written.encoded == self.written.encoded && clock == self.clock {
            return;
        }
        let before = mem::replace(&mut self.written, written);
        self.clock = clock;
        if let Pending::Nothing = self.pending {
            self.pending = Pending::Overwrote(before);
        }
    }
}

impl<T: Payload> Written<T> {
    fn new(value: T) -> Self {
        let encoded = value.encode();
        Self { value, encoded }
    }
}

impl<T: Payload + Default> Default for LWWRegister<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> PartialEq for LWWRegister<T> {
    fn eq(&self, other: &Self) -> bool {
        self.written.encoded == other.written.encoded
    }
}

impl<T: Payload> Replicated for LWWRegister<T> {
    fn delta(&self) -> Option<Delta> {
        (!matches!(self.pending, Pending::Nothing)).then(|| self.whole())
    }

    fn whole(&self) -> Delta {
        let (clock, custom_clock_value) = self.clock.into_wire();
        Delta::Lwwregister(LwwRegisterDelta {
            value: Some(Writer::new::<T>().write(&self.written.encoded)),
            clock: clock.into(),
            custom_clock_value,
        })
    }

    fn is_attached(&self) -> bool {
        self.attached
    }

    fn settle(&mut self) {
        self.attached = true;
        self.clock = Clock::Default;
        self.pending = Pending::Nothing;
    }

    fn roll_back(&mut self) {
        self.clock = Clock::Default;
        match mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Overwrote(before) => self.written = before,
            other => self.pending = other,
        }
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        *self = Self::from_delta(delta)?;
        Ok(())
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        let Delta::Lwwregister(delta) = delta else {
            return Err(CrdtError::mismatch(CrdtType::LWWRegister, &delta));
        };
        let reader = Reader::new::<T>("LWWRegisterDelta.value");
        let any = delta.value.ok_or_else(|| reader.missing())?;
        let (encoded, value) = reader.element(any)?;
        Ok(Self {
            written: Written { value, encoded },
            clock: Clock::Default,
            pending: Pending::Nothing,
            attached: true,
        })
    }
}
