//! What is made of files, and made anew when they change.

use std::{
    fmt, fs,
    sync::{Arc, PoisonError, RwLock, Weak},
    time::Duration,
};

use cloudstate_process::BadSetting;
use tokio::task;

use super::pem::Complaint;
use crate::files::NamedFile;

/// How often files are looked at. They are small, and there are few.
const INTERVAL: Duration = Duration::from_secs(2);
/// A larger file is not what it should be.
const MAX_FILE_SIZE: u64 = 1 << 20;

type Files = Vec<(NamedFile, Vec<u8>)>;
type Make<T> = Box<dyn Fn(&[(NamedFile, Vec<u8>)]) -> Result<T, Complaint> + Send + Sync>;

/// The newest `T` that could be made of some files.
pub(super) struct Reloaded<T>(Arc<Source<T>>);

struct Source<T> {
    files: Vec<NamedFile>,
    make: Make<T>,
    current: RwLock<Arc<T>>,
}

impl<T: Send + Sync + 'static> Reloaded<T> {
    /// Makes it, and watches the files for as long as a clone of this is there.
    pub(super) fn open(
        files: Vec<NamedFile>,
        make: impl Fn(&[(NamedFile, Vec<u8>)]) -> Result<T, Complaint> + Send + Sync + 'static,
    ) -> Result<Self, BadSetting> {
        let contents = read(&files)?;
        let current = RwLock::new(Arc::new(make(&contents)?));
        let source = Arc::new(Source {
            files,
            make: Box::new(make),
            current,
        });
        tokio::spawn(watch(Arc::downgrade(&source), contents));
        Ok(Self(source))
    }

    pub(super) fn current(&self) -> Arc<T> {
        let current = self.0.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Clone for Reloaded<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Reloaded<T> {
    /// The files alone: what is in them is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reloaded").field(&self.0.files).finish()
    }
}

/// What was last seen of the files.
enum Seen {
    Contents(Files),
    Unreadable(String),
}

async fn watch<T: Send + Sync + 'static>(source: Weak<Source<T>>, contents: Files) {
    let mut signals = Signals::listen();
    let mut seen = Seen::Contents(contents);
    loop {
        let asked = signals.next_or(INTERVAL).await;
        let Some(source) = source.upgrade() else {
            return;
        };
        let looked = task::spawn_blocking(move || source.look(seen, asked));
        let Ok(now_seen) = looked.await else {
            tracing::error!("the files of TLS are not watched any more");
            return;
        };
        seen = now_seen;
    }
}

impl<T> Source<T> {
    /// Makes it anew if the files are not as they were, or somebody asks. What is wrong is said once.
    fn look(&self, seen: Seen, asked: bool) -> Seen {
        let contents = match read(&self.files) {
            Ok(contents) => contents,
            Err(complaint) => {
                let text = complaint.to_string();
                let is_news = !matches!(&seen, Seen::Unreadable(before) if *before == text);
                if is_news || asked {
                    tracing::error!("{text}; what it held before stays in use");
                }
                return Seen::Unreadable(text);
            }
        };
        let is_same = match &seen {
            Seen::Contents(before) => {
                let mut pairs = before.iter().zip(&contents);
                pairs.all(|((_, before), (_, now))| before == now)
            }
            Seen::Unreadable(_) => false,
        };
        if is_same && !asked {
            return seen;
        }
        match (self.make)(&contents) {
            Ok(made) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(made);
                let files: Vec<_> = self.files.iter().map(|file| &file.path).collect();
                tracing::info!(?files, "certificates have been read again");
            }
            Err(complaint) => {
                tracing::error!("{complaint}; what was there before stays in use");
            }
        }
        Seen::Contents(contents)
    }
}

fn read(files: &[NamedFile]) -> Result<Files, Complaint> {
    let mut contents = Vec::with_capacity(files.len());
    for file in files {
        let size = fs::metadata(&file.path).map_err(|error| Complaint::new(file, &error))?;
        if size.is_file() && size.len() > MAX_FILE_SIZE {
            return Err(Complaint::new(file, &"it is larger than 1 MiB"));
        }
        let bytes = fs::read(&file.path).map_err(|error| Complaint::new(file, &error))?;
        contents.push((file.clone(), bytes));
    }
    Ok(contents)
}

/// SIGHUP, by which people ask a process to read its files again.
struct Signals {
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = signal(SignalKind::hangup());
        let hangup = hangup
            .inspect_err(|error| {
                tracing::warn!("SIGHUP will not have certificates read again: {error}");
            })
            .ok();
        Self { hangup }
    }

    #[cfg(not(unix))]
    fn listen() -> Self {
        Self {}
    }

    /// Waits for a signal, and says that there was one, or for as long as this.
    #[cfg(unix)]
    async fn next_or(&mut self, interval: Duration) -> bool {
        let Some(hangup) = &mut self.hangup else {
            tokio::time::sleep(interval).await;
            return false;
        };
        tokio::select! {
            Some(()) = hangup.recv() => true,
            () = tokio::time::sleep(interval) => false,
        }
    }

    #[cfg(not(unix))]
    async fn next_or(&mut self, interval: Duration) -> bool {
        tokio::time::sleep(interval).await;
        false
    }
}
