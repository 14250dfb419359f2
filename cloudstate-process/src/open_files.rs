//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to the highest that the system allows. The usual one, of 1024, is kept low for programs that use
/// `select`, and a server meets it long before it is busy.
pub(crate) fn allow_many() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Some systems call the highest unlimited and do not grant it.
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, current = ?limit.current, "the limit on open files stays");
    }
}
