//! What opening a store finds, in values and in words.

use std::{fmt, ops::RangeInclusive, path::PathBuf};

/// The file that holds the mark.
pub(super) const MARK: &str = "journal.mark";

/// What opening a store found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The end of the write-ahead log that belongs to no commit, as a process leaves it that dies while it writes.
    pub dropped: Option<Dropped>,
    /// There is something and no `journal.mark`, so that what is missing at the end would not have been noticed.
    pub unmarked: bool,
}

/// Bytes at the end of the write-ahead log that are not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The log.
    pub file: PathBuf,
    /// Where the unused part begins.
    pub offset: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The last event that is stored.
    pub last_position: u64,
    /// The last event that was acknowledged, as `journal.mark` has it; never after `last_position`. `None` without a
    /// mark: then acknowledged events may have been in the unused part.
    pub acknowledged: Option<u64>,
}

/// Acknowledged events or values that are not there, or a file that cannot be trusted to hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The damaged or missing file.
    pub file: PathBuf,
    /// Where in it the damage begins, if that is known.
    pub offset: Option<u64>,
    /// What was noticed.
    pub detail: String,
    /// Positions of the events that are missing, if that is known.
    pub missing: Option<RangeInclusive<u64>>,
    /// How many changes of values are missing, as far as that is known.
    pub missing_changes: u64,
    /// Names of the files without which the store opens, with what is left of it; none if there is no such way.
    pub expendable: &'static [&'static str],
}

impl Recovery {
    /// Says loudly what was found.
    pub(super) fn log(&self) {
        if let Some(dropped) = &self.dropped {
            tracing::warn!("{dropped}");
        }
        if self.unmarked {
            tracing::warn!(
                "there is no journal.mark beside the journal: if something is missing at its end, nobody can tell"
            );
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, last) = (self.file.display(), self.last_position);
        write!(
            f,
            "{file}: dropped {} bytes from offset {} on, which belong to no complete commit; ",
            self.bytes, self.offset,
        )?;
        match self.acknowledged {
            Some(acknowledged) => write!(
                f,
                "nothing acknowledged was in them: the last acknowledged event has position {acknowledged}, and \
                 everything up to position {last} is there"
            ),
            None => write!(
                f,
                "whether anything acknowledged was in them is not known, because there was no {MARK}; everything up \
                 to position {last} is there"
            ),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged", self.file.display())?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        write!(f, ": {}", self.detail)?;
        if let Some(missing) = &self.missing {
            let (first, last) = (missing.start(), missing.end());
            if first == last {
                write!(f, "; the acknowledged event at position {first} is missing")?;
            } else {
                let count = last - first + 1;
                write!(
                    f,
                    "; {count} acknowledged events are missing, positions {first} to {last}"
                )?;
            }
        }
        match self.missing_changes {
            0 => {}
            1 => f.write_str("; the last acknowledged change of a value is missing")?,
            count => write!(
                f,
                "; the last {count} acknowledged changes of values are missing"
            )?,
        }
        f.write_str(". Nothing was changed. Restore the directory from a backup")?;
        if !self.expendable.is_empty() {
            write!(
                f,
                "; or, to go on without what is missing, delete {}",
                self.expendable.join(" and ")
            )?;
        }
        Ok(())
    }
}
