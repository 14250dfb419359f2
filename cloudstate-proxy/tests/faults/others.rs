//! Those who have nothing to do with it: clients whose calls must not fail, whatever others do.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::programs::Sidecar;

/// A client with a connection and an entity of its own, which calls again and again.
pub(crate) struct Others {
    served: JoinHandle<()>,
    stop: CancellationToken,
}

impl Others {
    /// Begins, and waits until the first call is answered.
    pub(crate) async fn of(sidecar: &Sidecar) -> Self {
        let (client, stop) = (sidecar.client(), CancellationToken::new());
        assert_eq!(client.add("other", "first").await.unwrap(), "1");
        let stopped = stop.clone();
        let served = tokio::spawn(async move {
            let mut count = 1;
            while !stopped.is_cancelled() {
                count += 1;
                let answer = client.add("other", "again").await;
                assert_eq!(answer.unwrap(), count.to_string());
            }
        });
        Self { served, stop }
    }

    /// Ends, and asserts that each call has been served.
    pub(crate) async fn were_served(self) {
        self.stop.cancel();
        self.served.await.unwrap();
    }
}
