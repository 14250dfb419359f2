//! What every engine must do with snapshots.

use super::{append, entity, payload, replay};
use crate::store::{Append, Store};

/// The newest snapshot wins, belongs to the last event of its append, and is stored only with events.
pub async fn newest(store: &dyn Store) {
    let entity = entity("snapshot");
    let with = |after, events: &[&str], snapshot: &str| Append {
        snapshot: Some(payload(snapshot)),
        ..append(&entity, after, events)
    };
    store.append(with(0, &["a", "b"], "ab")).await.unwrap();
    store.append(append(&entity, 2, &["c"])).await.unwrap();
    let found = store.latest_snapshot(&entity).await.unwrap().unwrap();
    assert_eq!((found.sequence, found.payload), (2, payload("ab")));
    store.append(with(3, &["d"], "abcd")).await.unwrap();
    let found = store.latest_snapshot(&entity).await.unwrap().unwrap();
    assert_eq!((found.sequence, found.payload), (4, payload("abcd")));
    store.append(with(4, &[], "ignored")).await.unwrap();
    assert_eq!(
        store
            .latest_snapshot(&entity)
            .await
            .unwrap()
            .unwrap()
            .payload,
        payload("abcd")
    );
    assert_eq!(
        store.latest_snapshot(&super::entity("none")).await.unwrap(),
        None
    );
}

/// The state from the snapshot and the events after it is the state from all events.
pub async fn equal_replay(store: &dyn Store) {
    let mut random = Random(0x5eed);
    for number in 0..40 {
        let entity = entity(&format!("replay-{number}"));
        let mut state = String::new();
        let mut sequence = 0;
        for _ in 0..random.below(12) {
            let texts: Vec<String> = (0..random.below(5))
                .map(|_| random.below(100).to_string())
                .collect();
            let events: Vec<&str> = texts.iter().map(String::as_str).collect();
            state.extend(events.iter().copied());
            let snapshot = (random.below(3) == 0 && !events.is_empty()).then(|| payload(&state));
            let append = Append {
                snapshot,
                ..append(&entity, sequence, &events)
            };
            sequence = store.append(append).await.unwrap();
        }
        let snapshot = store.latest_snapshot(&entity).await.unwrap();
        let (start, after) = snapshot.map_or_else(Default::default, |snapshot| {
            (
                String::from_utf8(snapshot.payload.value.to_vec()).unwrap(),
                snapshot.sequence,
            )
        });
        let page = random.below(7) as usize + 1;
        let from_snapshot = start + &replay(store, &entity, after, page).await.concat();
        assert_eq!(
            from_snapshot,
            replay(store, &entity, 0, page).await.concat()
        );
        assert_eq!(from_snapshot, state);
    }
}

/// The same history every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // Xorshift, which is random enough to vary lengths.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
