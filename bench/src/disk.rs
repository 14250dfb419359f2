//! What the disk can do: `fdatasync` after an append.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{Error, figures::percentile};

/// Bytes that are appended before each sync: about one event with what is around it.
const RECORD: [u8; 256] = [0x5a; 256];
/// How long one probe takes at most, and how many syncs it makes.
const PROBE: (Duration, usize) = (Duration::from_millis(50), 32);

/// Appends 256 bytes and waits for the disk, one after the other, for as long as asked.
#[derive(Debug)]
pub struct Appends {
    /// Microseconds of each, sorted.
    latencies: Vec<u32>,
    elapsed: Duration,
}

impl Appends {
    /// Appends to a new file in `directory` until `time` is over, and removes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn run(directory: &Path, time: Duration) -> Result<Self, Error> {
        append(directory, time, usize::MAX)
    }

    /// Appends a second.
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Milliseconds that `percent` of the appends did not exceed.
    pub fn milliseconds(&self, percent: f64) -> f64 {
        f64::from(percentile(&self.latencies, percent)) / 1000.0
    }
}

/// The median time of an `fdatasync` in `directory` just now, in milliseconds. Takes 50 ms at most.
///
/// # Errors
/// A file there cannot be written.
pub fn probe(directory: &Path) -> Result<f64, Error> {
    let (time, count) = PROBE;
    let appends = append(directory, time, count)?;
    Ok(appends.milliseconds(50.0))
}

/// Has the system forget what it has in memory of the files in `directory`.
///
/// # Errors
/// There is no `dd`, or it cannot read a file.
pub fn drop_pages(directory: &Path) -> Result<(), Error> {
    let failed = || {
        Error::io(format!(
            "drop the pages of {} from memory",
            directory.display()
        ))
    };
    for file in fs::read_dir(directory).map_err(failed())? {
        let mut input = OsString::from("if=");
        input.push(file.map_err(failed())?.path());
        // GNU dd reads nothing here, and says that the whole file is not needed any more.
        let dropped = Command::new("dd")
            .arg(input)
            .args(["iflag=nocache", "count=0", "status=none"])
            .status()
            .map_err(failed())?;
        if !dropped.success() {
            return Err(failed()(io::Error::other("dd failed")));
        }
    }
    Ok(())
}

fn append(directory: &Path, time: Duration, count: usize) -> Result<Appends, Error> {
    let path = directory.join("appended");
    let failed = || Error::io(format!("append to {}", path.display()));
    let mut file: File = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(failed())?;
    let mut latencies = Vec::new();
    let started = Instant::now();
    // At least one, however little time there is.
    while latencies.is_empty() || (latencies.len() < count && started.elapsed() < time) {
        let began = Instant::now();
        file.write_all(&RECORD).map_err(failed())?;
        file.sync_data().map_err(failed())?;
        latencies.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    let elapsed = started.elapsed();
    fs::remove_file(&path).map_err(failed())?;
    latencies.sort_unstable();
    Ok(Appends { latencies, elapsed })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Appends, probe};

    #[test]
    fn the_disk_is_measured_and_left_clean() {
        let directory = tempfile::tempdir().unwrap();
        let appends = Appends::run(directory.path(), Duration::ZERO).unwrap();
        assert_eq!(appends.latencies.len(), 1);
        assert!(appends.per_second() > 0.0);
        assert!(probe(directory.path()).unwrap() >= 0.0);
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}
