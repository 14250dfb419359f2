//! Other people's programs, measured before on the same kind of machine, and what we have on the same kind of work.

use crate::{figures::readable, report::markdown, results::Results};

/// A figure of somebody else's, and where ours is.
struct Peer {
    name: &'static str,
    work: &'static str,
    theirs: f64,
    ours: Ours,
    conditions: &'static str,
}

/// A figure of this run.
struct Ours {
    scenario: &'static str,
    /// What the table's title begins and ends with.
    title: (&'static str, &'static str),
    subject: &'static str,
    figure: &'static str,
    /// Whether more of it is better.
    more_is_better: bool,
}

const fn rate(
    scenario: &'static str,
    title: (&'static str, &'static str),
    subject: &'static str,
) -> Ours {
    Ours {
        scenario,
        title,
        subject,
        figure: "calls/s",
        more_is_better: true,
    }
}

const fn less(
    scenario: &'static str,
    title: (&'static str, &'static str),
    subject: &'static str,
    figure: &'static str,
) -> Ours {
    Ours {
        scenario,
        title,
        subject,
        figure,
        more_is_better: false,
    }
}

const ADD_64: (&str, &str) = ("AddItem, 64 in flight over 4", " carts");
const ADD_256: (&str, &str) = ("AddItem, 256 in flight over 4", " carts");
const JSON_64: (&str, &str) = ("AddItem as JSON, 64 in flight", " carts");
const JSON_256: (&str, &str) = ("AddItem as JSON, 256 in flight", " carts");
const STREAM_1_1: (&str, &str) = ("EventSourced.handle, 1 stream on", "1 command in flight");
const STREAM_1_64: (&str, &str) = ("EventSourced.handle, 1 stream on", "64 commands in flight");
const STREAM_64: (&str, &str) = ("EventSourced.handle, 64 streams on 4", "");
const FOOTPRINT: (&str, &str) = ("Memory and start", "");
const EMBEDDED: &str = "cart, SQLite";
const SIDECAR: &str = "cart, SQLite, sidecar";
const USER_FUNCTION: &str = "cart, user function";

const RESTATE: &str = "Restate server 1.7.12 and restate-sdk; two processes, HTTP ingress, 4 partitions and TCP_NODELAY: the best of \
                       the settings that were tried";
const RESTATE_DEFAULTS: &str = "the same with its defaults, 24 partitions";
const CQRS_PG: &str = "cqrs-es 0.5 and PostgreSQL 15, fsync on, a pool of 10; a library, without gRPC of its own: ours has it";
const CQRS_SQLITE: &str = "cqrs-es 0.5 and SQLite, WAL, synchronous=FULL";
const PYTHON_DURABLE: &str = "eventsourcing-grpc 0.1.2, SQLite file";
const PYTHON_MEMORY: &str = "the same, in memory";
const NODE: &str =
    "cloudstate node-support on Node 20; streams of EventSourced.handle, an event per command";
const PYTHON: &str = "cloudstate python-support 0.1.1; the same; it serves 10 streams at a time";

const PEERS: &[Peer] = &[
    Peer {
        name: "Restate",
        work: "AddItem/s over HTTP, durable, 64 clients, two processes",
        theirs: 2687.0,
        ours: rate("command", JSON_64, SIDECAR),
        conditions: RESTATE,
    },
    Peer {
        name: "Restate",
        work: "AddItem/s over HTTP, durable, 256 clients, two processes",
        theirs: 3539.0,
        ours: rate("command", JSON_256, SIDECAR),
        conditions: RESTATE,
    },
    Peer {
        name: "Restate, defaults",
        work: "AddItem/s over HTTP, durable, 256 clients, two processes",
        theirs: 1289.0,
        ours: rate("command", JSON_256, SIDECAR),
        conditions: RESTATE_DEFAULTS,
    },
    Peer {
        name: "Restate",
        work: "AddItem, p99 in ms, 64 clients",
        theirs: 45.0,
        ours: less("command", JSON_64, SIDECAR, "p99 ms"),
        conditions: RESTATE,
    },
    Peer {
        name: "cqrs-es, PostgreSQL",
        work: "AddItem/s, durable, 64 clients",
        theirs: 3551.0,
        ours: rate("command", ADD_64, EMBEDDED),
        conditions: CQRS_PG,
    },
    Peer {
        name: "cqrs-es, PostgreSQL",
        work: "AddItem/s, durable, 256 clients",
        theirs: 3001.0,
        ours: rate("command", ADD_256, EMBEDDED),
        conditions: CQRS_PG,
    },
    Peer {
        name: "cqrs-es, SQLite",
        work: "AddItem/s, durable, 64 clients",
        theirs: 1620.0,
        ours: rate("command", ADD_64, EMBEDDED),
        conditions: CQRS_SQLITE,
    },
    Peer {
        name: "eventsourcing-grpc, SQLite",
        work: "commands/s, durable, 64 clients",
        theirs: 2042.0,
        ours: rate("command", ADD_64, EMBEDDED),
        conditions: PYTHON_DURABLE,
    },
    Peer {
        name: "eventsourcing-grpc, memory",
        work: "commands/s, in memory, 64 clients",
        theirs: 3508.0,
        ours: rate("command", ADD_64, "cart, memory"),
        conditions: PYTHON_MEMORY,
    },
    Peer {
        name: "node-support",
        work: "commands/s, 1 stream, 1 in flight",
        theirs: 8576.0,
        ours: rate("language", STREAM_1_1, USER_FUNCTION),
        conditions: NODE,
    },
    Peer {
        name: "node-support",
        work: "commands/s, 1 stream, 64 in flight",
        theirs: 27_944.0,
        ours: rate("language", STREAM_1_64, USER_FUNCTION),
        conditions: NODE,
    },
    Peer {
        name: "node-support",
        work: "commands/s, 64 streams on 4 connections",
        theirs: 34_148.0,
        ours: rate("language", STREAM_64, USER_FUNCTION),
        conditions: NODE,
    },
    Peer {
        name: "python-support",
        work: "commands/s, 1 stream, 64 in flight",
        theirs: 5091.0,
        ours: rate("language", STREAM_1_64, USER_FUNCTION),
        conditions: PYTHON,
    },
    Peer {
        name: "node-support",
        work: "idle memory of the user function, MB",
        theirs: 74.0,
        ours: less("footprint", FOOTPRINT, USER_FUNCTION, "idle MB"),
        conditions: NODE,
    },
    Peer {
        name: "node-support",
        work: "start of the user function, ms",
        theirs: 195.0,
        ours: less("footprint", FOOTPRINT, USER_FUNCTION, "ready ms"),
        conditions: NODE,
    },
    Peer {
        name: "python-support",
        work: "start of the user function, ms",
        theirs: 119.0,
        ours: less("footprint", FOOTPRINT, USER_FUNCTION, "ready ms"),
        conditions: PYTHON,
    },
    Peer {
        name: "Restate",
        work: "start until it serves, ms, with a store",
        theirs: 710.0,
        ours: less("footprint", FOOTPRINT, EMBEDDED, "ready ms"),
        conditions: "warm start of the server",
    },
];

/// The comparison, as far as this run has measured its part of it.
pub(super) fn table(results: &Results) -> Option<String> {
    let mut lines = vec![
        ["", "work", "theirs", "ours", "factor"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut notes: Vec<&str> = Vec::new();
    for peer in PEERS {
        let Some(ours) = find(results, &peer.ours) else {
            continue;
        };
        let factor = if peer.ours.more_is_better {
            ours / peer.theirs
        } else {
            peer.theirs / ours
        };
        let note = notes
            .iter()
            .position(|known| *known == peer.conditions)
            .unwrap_or_else(|| {
                notes.push(peer.conditions);
                notes.len() - 1
            });
        lines.push(vec![
            format!("{} [{}]", peer.name, note + 1),
            peer.work.to_owned(),
            readable(peer.theirs),
            readable(ours),
            format!("{factor:.1} x"),
        ]);
    }
    if notes.is_empty() {
        return None;
    }
    let mut text = markdown(&lines, 2) + "\n";
    for (number, note) in notes.iter().enumerate() {
        text += &format!("{}. {note}\n", number + 1);
    }
    Some(text)
}

fn find(results: &Results, ours: &Ours) -> Option<f64> {
    let (begin, end) = ours.title;
    let table = results
        .tables(ours.scenario)
        .iter()
        .find(|table| table.title().starts_with(begin) && table.title().ends_with(end))?;
    Some(table.spread(ours.subject, ours.figure)?.median)
}
