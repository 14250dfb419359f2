//! How many dead letters of each group and source there are, and which are too many.

use std::{collections::HashMap, num::NonZeroUsize, sync::Arc};

use crate::store::{EntityValue, Store, StoreError};

/// Letters that are read at a time, and discarded with another one at most: where the limit is lowered, what is too many
/// goes little by little.
const PAGE: usize = 100;

/// Counts what it has seen of the store.
#[derive(Debug)]
pub(super) struct Kept {
    store: Arc<dyn Store>,
    persistence_id: Arc<str>,
    limit: NonZeroUsize,
    /// By group and source, as ids begin with them; of those that one has been added to.
    counts: HashMap<String, usize>,
}

impl Kept {
    pub(super) fn new(
        store: Arc<dyn Store>,
        persistence_id: Arc<str>,
        limit: NonZeroUsize,
    ) -> Self {
        Self {
            store,
            persistence_id,
            limit,
            counts: HashMap::new(),
        }
    }

    /// The oldest letters that have to go for the one with this id, which may be there already.
    pub(super) async fn surplus(
        &mut self,
        id: &str,
        is_new: bool,
    ) -> Result<Vec<EntityValue>, StoreError> {
        let source = source_of(id);
        let count = match self.counts.get(source) {
            Some(count) => *count,
            None => {
                let count = self.count(source).await?;
                self.counts.insert(source.to_owned(), count);
                count
            }
        };
        let surplus = (count + usize::from(is_new)).saturating_sub(self.limit.get());
        let mut oldest = Vec::new();
        let mut after = source.to_owned();
        while oldest.len() < surplus.min(PAGE) {
            let Some(page) = self.page(source, &mut after).await? else {
                break;
            };
            oldest.extend(page.into_iter().filter(|old| old.entity.entity_id != id));
        }
        oldest.truncate(surplus.min(PAGE));
        Ok(oldest)
    }

    /// Letters with ids like this one have been added and removed.
    pub(super) fn changed(&mut self, id: &str, added: usize, removed: usize) {
        if let Some(count) = self.counts.get_mut(source_of(id)) {
            *count = (*count + added).saturating_sub(removed);
        }
    }

    async fn count(&self, source: &str) -> Result<usize, StoreError> {
        let mut count = 0;
        let mut after = source.to_owned();
        while let Some(page) = self.page(source, &mut after).await? {
            count += page.len();
        }
        Ok(count)
    }

    /// The letters of a source among the next ones behind `after`; `None` if there are no more.
    async fn page(
        &self,
        source: &str,
        after: &mut String,
    ) -> Result<Option<Vec<EntityValue>>, StoreError> {
        let read = self.store.values(&self.persistence_id, after, PAGE);
        let mut page = read.await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        *after = last.entity.entity_id.to_string();
        let is_near = |letter: &EntityValue| letter.entity.entity_id.starts_with(source);
        if !page.iter().any(is_near) {
            return Ok(None);
        }
        // A name with slashes may begin like another.
        page.retain(|letter| source_of(&letter.entity.entity_id) == source);
        Ok(Some(page))
    }
}

/// Group and source of a letter, with the slash behind them.
fn source_of(id: &str) -> &str {
    let end = id.rfind('/').map_or(0, |slash| slash + 1);
    &id[..end]
}
