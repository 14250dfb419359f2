//! What Linux says of a process and of the machine.

use std::{fs, io, path::PathBuf, str::FromStr, time::Duration};

/// Processor time in `/proc` is counted in hundredths of a second on every architecture we run on.
const TICK: Duration = Duration::from_millis(10);

/// A running process.
#[derive(Clone, Debug)]
pub struct Process {
    directory: PathBuf,
}

impl Process {
    /// The process with this id.
    pub fn new(id: u32) -> Self {
        Self {
            directory: format!("/proc/{id}").into(),
        }
    }

    /// This process.
    pub fn this() -> Self {
        Self::new(std::process::id())
    }

    /// Processor time of all its threads so far, user and system.
    ///
    /// # Errors
    /// The process is gone.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        // Exact to 10 ms, and includes threads that have ended.
        let ticks = Duration::from_nanos(TICK.as_nanos() as u64 * self.ticks()?);
        // Exact to the nanosecond, of the threads that live. The servers keep theirs, so this is usually the larger.
        Ok(ticks.max(self.time_of_threads()?))
    }

    fn ticks(&self) -> io::Result<u64> {
        let text = fs::read_to_string(self.directory.join("stat"))?;
        // The program's name is in parentheses and may contain blanks; `utime` and `stime` are fields 14 and 15.
        let (_, after_name) = text.rsplit_once(')').ok_or_else(|| unexpected("stat"))?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        Ok(number::<u64>(fields.get(11), "stat")? + number::<u64>(fields.get(12), "stat")?)
    }

    fn time_of_threads(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(self.directory.join("task"))? {
            // A thread may end while we look.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            nanoseconds += number::<u64>(text.split_whitespace().next(), "schedstat")?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The most memory it ever had in RAM, in bytes.
    ///
    /// # Errors
    /// The process is gone.
    pub fn peak_memory(&self) -> io::Result<u64> {
        let text = fs::read_to_string(self.directory.join("status"))?;
        Ok(1024 * named(&text, "VmHWM:")?)
    }

    /// The memory it has in RAM now, in bytes.
    ///
    /// # Errors
    /// The process is gone.
    pub fn memory(&self) -> io::Result<u64> {
        let text = fs::read_to_string(self.directory.join("status"))?;
        Ok(1024 * named(&text, "VmRSS:")?)
    }

    /// Bytes it has caused to be written to a disk so far.
    ///
    /// # Errors
    /// The process is gone, or belongs to somebody else.
    pub fn bytes_written(&self) -> io::Result<u64> {
        self.io("write_bytes:")
    }

    /// Bytes it has caused to be read from a disk so far.
    ///
    /// # Errors
    /// The process is gone, or belongs to somebody else.
    pub fn bytes_read(&self) -> io::Result<u64> {
        self.io("read_bytes:")
    }

    fn io(&self, name: &'static str) -> io::Result<u64> {
        named(&fs::read_to_string(self.directory.join("io"))?, name)
    }
}

/// Processor time of everything that runs on this machine, since it was started.
///
/// # Errors
/// This is not Linux.
pub fn machine_time() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let mut fields = text.split_whitespace().skip(1);
    let mut next = || number::<u64>(fields.next(), "stat");
    let (user, nice, system) = (next()?, next()?, next()?);
    Ok(Duration::from_nanos(
        TICK.as_nanos() as u64 * (user + nice + system),
    ))
}

/// The machine in one line: processor, cores, memory, kernel.
pub fn machine() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = named(&memory, "MemTotal:").map_or(0.0, |kilobytes| kilobytes as f64 / 1048576.0);
    format!(
        "{model}, {cores} cores, {memory:.0} GiB, Linux {}",
        kernel.trim()
    )
}

fn named(text: &str, name: &'static str) -> io::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    number(line.and_then(|line| line.split_whitespace().next()), name)
}

fn number<T: FromStr>(text: Option<impl AsRef<str>>, name: &str) -> io::Result<T> {
    text.and_then(|text| text.as_ref().parse().ok())
        .ok_or_else(|| unexpected(name))
}

fn unexpected(name: &str) -> io::Error {
    io::Error::other(format!("{name} in /proc is not as Linux documents it"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Process, machine_time};

    #[test]
    fn busy_time_counts() {
        let this = Process::this();
        let (before, machine_before) = (this.cpu_time().unwrap(), machine_time().unwrap());
        let started = Instant::now();
        while this.cpu_time().unwrap() < before + Duration::from_millis(30) {
            assert!(started.elapsed() < Duration::from_secs(60));
        }
        assert!(machine_time().unwrap() > machine_before);
    }

    #[test]
    fn memory_counts() {
        let this = Process::this();
        let before = this.peak_memory().unwrap();
        let used = vec![1_u8; 64 << 20];
        assert!(
            this.peak_memory().unwrap() >= before.max(64 << 20),
            "{}",
            used.len()
        );
    }
}
