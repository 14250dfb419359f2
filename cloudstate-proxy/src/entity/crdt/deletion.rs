//! Entities that were deleted: they stay so, and say so.

use std::pin::pin;

use tokio::time::{Instant, sleep_until};
use tonic::Code;

use super::{CrdtHost, End, Parked};
use crate::{call::CallError, entity::Inbox};

/// What a caller reads when the entity was deleted.
pub(super) fn entity_deleted() -> CallError {
    CallError::new(Code::NotFound, "Entity deleted")
}

/// Refuses commands until the entity has been idle for a while.
pub(super) async fn serve(host: &CrdtHost, inbox: &mut Inbox<Parked>) -> End {
    let passivate_after = host.limits.passivate_after;
    let mut timer = pin!(sleep_until(Instant::now() + passivate_after));
    let mut stopping = pin!(host.live.stopping());
    loop {
        tokio::select! {
            biased;
            envelope = inbox.next() => {
                envelope.respond.send(Err(entity_deleted()));
                timer.as_mut().reset(Instant::now() + passivate_after);
            }
            () = &mut timer => return End::Idle,
            () = &mut stopping, if inbox.is_empty() => return End::Stopped,
        }
    }
}
