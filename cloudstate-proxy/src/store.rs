use bytestring::ByteString;
use cloudstate_protocol::Any;
use futures_util::future::BoxFuture;
use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntityKey {
    pub persistence_id: Arc<str>,
    pub entity_id: ByteString,
}
impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.persistence_id, self.entity_id)
    }
}
#[derive(Debug)]
pub struct EntityRef {
    key: EntityKey,
}
impl EntityRef {
    pub fn new(key: EntityKey) -> Self {
        Self { key }
    }
    pub fn key(&self) -> &EntityKey {
        &self.key
    }
}
#[derive(Debug)]
pub struct Append {
    pub entity: Arc<EntityRef>,
    pub after: u64,
    pub events: Vec<Any>,
    pub snapshot: Option<Any>,
}
pub struct StoredEvent {
    pub sequence: u64,
    pub payload: Any,
}
pub struct StoredSnapshot {
    pub sequence: u64,
    pub payload: Any,
}
pub trait Store: Send + Sync + fmt::Debug + 'static {
    fn append(&self, append: Append) -> Commit;
    fn latest_snapshot(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<Option<StoredSnapshot>, StoreError>>;
    fn events(
        &self,
        entity: &Arc<EntityRef>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StoredEvent>, StoreError>>;
    fn describe(&self) -> String;
    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>>;
}
#[derive(Debug)]
pub struct Commit(tokio::sync::oneshot::Receiver<Result<u64, StoreError>>);
impl Future for Commit {
    type Output = Result<u64, StoreError>;
    fn poll(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        todo!()
    }
}
#[derive(thiserror::Error, Debug, Clone)]
pub enum StoreError {
    #[error("x")]
    Conflict {
        entity: EntityKey,
        expected: u64,
        actual: u64,
    },
    #[error("x")]
    Overloaded { waiting: usize },
    #[error("x")]
    Unavailable { reason: String },
    #[error("x")]
    Corrupt { file: PathBuf, detail: String },
    #[error("x")]
    Closed,
}
#[derive(thiserror::Error, Debug)]
#[error("x")]
pub struct OpenError;
#[derive(Clone, Debug)]
pub enum StoreLocation {
    Memory,
    Directory(PathBuf),
}
impl FromStr for StoreLocation {
    type Err = String;
    fn from_str(_: &str) -> Result<Self, String> {
        todo!()
    }
}
pub fn open(_: &StoreLocation) -> Result<Arc<dyn Store>, OpenError> {
    todo!()
}
