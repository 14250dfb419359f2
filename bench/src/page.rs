//! The page of figures, `docs/performance.md`, with its pictures: made from results, so that no figure is typed by hand.

mod peers;

use std::{fs, path::Path};

use crate::{
    Error,
    figures::{Spread, readable},
    plot::Chart,
    report::{Table, markdown},
    results::Results,
};

/// What the page says of a scenario.
struct Section {
    scenario: &'static str,
    heading: &'static str,
    text: &'static str,
    /// How its tables are shown.
    shown: Shown,
    charts: &'static [Picture],
}

enum Shown {
    /// As they are.
    Whole,
    /// These figures of them.
    Columns(&'static [&'static str]),
    /// One line for each table, one column for each subject, for each of these figures.
    Together(&'static [Pivot]),
}

struct Pivot {
    caption: &'static str,
    figure: &'static str,
    /// What stands in brackets behind the figure.
    ratio: Option<&'static str>,
}

struct Picture {
    file: &'static str,
    title: &'static str,
    figure: &'static str,
    /// What the titles of its tables begin with.
    tables: &'static str,
}

const RATE: Pivot = Pivot {
    caption: "Calls per second, and in brackets as a part of the echo's in the same round",
    figure: "calls/s",
    ratio: Some("calls of echo"),
};
const SERVER_TIME: Pivot = Pivot {
    caption: "Processor time of the server per call in microseconds, and as a multiple of the echo's",
    figure: "server us/call",
    ratio: Some("server time of echo"),
};
const MEDIAN: Pivot = Pivot {
    caption: "Milliseconds that half of the calls took at most",
    figure: "p50 ms",
    ratio: None,
};
const TAIL: Pivot = Pivot {
    caption: "Milliseconds that 99 % of the calls took at most",
    figure: "p99 ms",
    ratio: None,
};

const SECTIONS: &[Section] = &[
    Section {
        scenario: "command",
        heading: "Commands",
        text: "The shopping cart beside an **echo**, a bare tonic service of the same `.proto` (for JSON a bare hyper service) that \
               keeps nothing. With SQLite no reply leaves before its event is on the disk. *Sidecar* is the same program as a \
               user function of its own behind `cloudstate-proxy`.",
        shown: Shown::Together(&[RATE, SERVER_TIME, MEDIAN, TAIL]),
        charts: &[
            Picture {
                file: "command-add.svg",
                title: "AddItem over gRPC: calls per second",
                figure: "calls/s",
                tables: "AddItem, ",
            },
            Picture {
                file: "command-add-time.svg",
                title: "AddItem over gRPC: processor time of the server per call, microseconds",
                figure: "server us/call",
                tables: "AddItem, ",
            },
            Picture {
                file: "command-json.svg",
                title: "AddItem as JSON over HTTP/1.1: calls per second",
                figure: "calls/s",
                tables: "AddItem as JSON, ",
            },
        ],
    },
    Section {
        scenario: "language",
        heading: "The language half",
        text: "The cart as a user function alone, driven over `EventSourced.handle` as a proxy drives it, each command emitting an \
               event; beside a bare tonic stream of the same messages.",
        shown: Shown::Together(&[RATE, SERVER_TIME, TAIL]),
        charts: &[Picture {
            file: "language.svg",
            title: "EventSourced.handle: commands per second",
            figure: "calls/s",
            tables: "EventSourced.handle, ",
        }],
    },
    Section {
        scenario: "stream",
        heading: "Streams and replicated data",
        text: "Actions that stream, and CRDT entities: each beside a bare tonic service of the same `.proto`. A call is a message \
               here, where the call itself is a stream.",
        shown: Shown::Together(&[RATE, SERVER_TIME, TAIL]),
        charts: &[Picture {
            file: "stream.svg",
            title: "Messages and updates per second",
            figure: "calls/s",
            tables: "",
        }],
    },
    Section {
        scenario: "overload",
        heading: "More than it can carry",
        text: "The durable cart on one core, with 256 places for requests. First as many callers as that, each waiting for its \
               answer: what the cart can carry. Then calls that arrive at a rate, whatever becomes of those before. The load is \
               on the other core. *Refused* is `RESOURCE_EXHAUSTED`; a latency counts from when the call was due.",
        shown: Shown::Columns(&[
            "due/s",
            "sent/s",
            "answered/s",
            "refused/s",
            "of peak",
            "answered p50 ms",
            "answered p99 ms",
            "refused p50 ms",
            "refused p99 ms",
            "server cores",
            "client cores",
            "peak MB",
        ]),
        charts: &[Picture {
            file: "overload.svg",
            title: "Calls answered per second",
            figure: "answered/s",
            tables: "",
        }],
    },
    Section {
        scenario: "size",
        heading: "A journal that grows",
        text: "The same load on the same 1,000 carts while the journal in the same directory grows by other carts; and, in the \
               same minute, on a journal that stays small.",
        shown: Shown::Columns(&[
            "journal MB",
            "events loaded/s",
            "first reply ms",
            "calls/s",
            "calls of a small journal",
            "p99 ms",
            "server us/call",
            "peak MB",
        ]),
        charts: &[Picture {
            file: "size.svg",
            title: "AddItem per second, 64 in flight, by the number of events in the journal",
            figure: "calls/s",
            tables: "",
        }],
    },
    Section {
        scenario: "start",
        heading: "Start",
        text: "From the start of the process to its first reply to `AddItem`, which is on the disk where there is one.",
        shown: Shown::Whole,
        charts: &[Picture {
            file: "start.svg",
            title: "From process start to first reply, milliseconds",
            figure: "first reply ms",
            tables: "",
        }],
    },
    Section {
        scenario: "replay",
        heading: "Replay",
        text: "The first reply of an entity that is not live. *Cold*: the journal's pages were dropped from the page cache before.",
        shown: Shown::Whole,
        charts: &[Picture {
            file: "replay.svg",
            title: "First reply of an entity that is not live, milliseconds",
            figure: "first reply ms",
            tables: "",
        }],
    },
    Section {
        scenario: "live",
        heading: "Live entities",
        text: "Entities without state, made live by their first call. Memory is what the process grew by.",
        shown: Shown::Whole,
        charts: &[Picture {
            file: "live.svg",
            title: "Bytes per idle live entity",
            figure: "bytes/entity",
            tables: "",
        }],
    },
    Section {
        scenario: "footprint",
        heading: "Footprint",
        text: "The programs as they are built, and what they take when they are idle.",
        shown: Shown::Whole,
        charts: &[],
    },
    Section {
        scenario: "compile",
        heading: "Building",
        text: "The cart as a package of its own, in cargo's default profile for development.",
        shown: Shown::Whole,
        charts: &[],
    },
    Section {
        scenario: "floor",
        heading: "The limits",
        text: "What the libraries and the disk do without us.",
        shown: Shown::Together(&[
            Pivot {
                caption: "Calls or messages per second",
                ratio: None,
                ..RATE
            },
            Pivot {
                caption: "Processor time of the server per call in microseconds",
                ratio: None,
                ..SERVER_TIME
            },
            TAIL,
        ]),
        charts: &[],
    },
];

/// Writes `performance.md`, and beside it `performance/` with the pictures and the figures of every round.
///
/// # Errors
/// A file cannot be written.
pub fn write(results: &Results, directory: &Path) -> Result<(), Error> {
    let beside = directory.join("performance");
    plots(results, &beside)?;
    results.write(&beside.join("figures.json"))?;
    let page = directory.join("performance.md");
    fs::write(&page, text(results)).map_err(Error::io(format!("write {}", page.display())))
}

/// Writes the pictures alone.
///
/// # Errors
/// A file cannot be written.
pub fn plots(results: &Results, directory: &Path) -> Result<(), Error> {
    let failed = |path: &Path| Error::io(format!("write {}", path.display()));
    fs::create_dir_all(directory).map_err(failed(directory))?;
    for (picture, chart) in SECTIONS.iter().flat_map(|section| charts(section, results)) {
        let file = directory.join(picture.file);
        fs::write(&file, chart.svg()).map_err(failed(&file))?;
    }
    Ok(())
}

fn charts<'a>(
    section: &'a Section,
    results: &'a Results,
) -> impl Iterator<Item = (&'a Picture, Chart)> {
    let tables = results.tables(section.scenario);
    let charts = section.charts.iter().map(move |picture| {
        let mut tables = tables
            .iter()
            .filter(|table| table.title().starts_with(picture.tables));
        let chart = match section.shown {
            Shown::Together(_) => {
                Chart::of_tables(picture.title, tables, picture.tables, picture.figure)
            }
            Shown::Whole | Shown::Columns(_) => tables
                .find(|table| table.all(picture.figure).next().is_some())
                .map_or_else(
                    || Chart::of_tables(picture.title, [], "", picture.figure),
                    |table| Chart::of_rows(picture.title, table, picture.figure),
                ),
        };
        (picture, chart)
    });
    charts.filter(|(_, chart)| !chart.is_empty())
}

fn text(results: &Results) -> String {
    let command = format!(
        "cargo run --release -p bench -- {}",
        quoted(&results.command)
    );
    let mut page = format!(
        "# Performance\n\n\
         <!-- Made by `{command}`; the texts are in bench/src/page.rs. -->\n\n\
         {}, on {}; {}. `{}`, {} minutes.\n{}{}\n\n\
         Figures of different runs and machines are not comparable; ratios within a run are. A figure is the median of the rounds, \
         and behind it stand the smallest and the largest. What the figures are, how they are measured and how to do it again is \
         in [bench/README.md](../bench/README.md); every round is in [figures.json](performance/figures.json).\n",
        results.date(),
        results.machine,
        results.built,
        command,
        readable(results.took / 60.0),
        results.noise(),
        disk(results),
    );
    if !results.optimised {
        page += "\n**A debug build: the figures say nothing.**\n";
    }
    if let Some(table) = peers::table(results) {
        page += &format!(
            "\n## Beside others\n\nWhat others do on the same kind of work. Their figures were taken before this run, on the same \
             kind of machine (2 cores, the load on the same machine, the same cart where there is a cart), and in quiet hours: \
             take the factors as rough.\n\n{table}"
        );
    }
    for section in SECTIONS {
        page += &described(section, results);
    }
    page
}

/// Arguments as a shell takes them.
fn quoted(arguments: &[String]) -> String {
    let quoted = arguments.iter().map(|argument| {
        if argument.contains(' ') {
            format!("'{argument}'")
        } else {
            argument.clone()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn disk(results: &Results) -> String {
    let probes = results.over_all("fdatasync ms");
    probes.map_or_else(String::new, |Spread { median, min, max }| {
        format!(
            " A lone `fdatasync` took {} ms ({} - {}).",
            readable(median),
            readable(min),
            readable(max)
        )
    })
}

fn described(section: &Section, results: &Results) -> String {
    let Some(outcome) = results
        .scenarios
        .iter()
        .find(|outcome| outcome.scenario == section.scenario)
    else {
        return String::new();
    };
    let mut text = format!("\n## {}\n\n{}\n", section.heading, section.text);
    if let Some(failure) = &outcome.failure {
        text += &format!("\n**Not everything was measured in this run:** {failure}\n");
    }
    for (picture, _) in charts(section, results) {
        text += &format!("\n![{}](performance/{})\n", picture.title, picture.file);
    }
    match section.shown {
        Shown::Whole => {
            for table in &outcome.tables {
                text += &format!("\n{table}");
            }
        }
        Shown::Columns(columns) => {
            for table in &outcome.tables {
                text += &format!("\n{}", table.only(columns));
            }
        }
        Shown::Together(pivots) => {
            let (compared, rest): (Vec<&Table>, Vec<&Table>) = outcome
                .tables
                .iter()
                .partition(|table| table.all("calls/s").next().is_some());
            for pivot in pivots {
                text += &format!("\n### {}\n\n{}", pivot.caption, pivoted(&compared, pivot));
            }
            for table in rest {
                text += &format!("\n{table}");
            }
        }
    }
    text
}

/// A line for each table, a column for each subject.
fn pivoted(tables: &[&Table], pivot: &Pivot) -> String {
    let mut subjects: Vec<&str> = Vec::new();
    for subject in tables.iter().flat_map(|table| table.subjects()) {
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    let header = std::iter::once("").chain(subjects.iter().copied());
    let mut lines: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
    for table in tables {
        let cells = subjects.iter().map(|subject| cell(table, subject, pivot));
        lines.push(
            std::iter::once(table.title().to_owned())
                .chain(cells)
                .collect(),
        );
    }
    markdown(&lines, 1)
}

fn cell(table: &Table, subject: &str, pivot: &Pivot) -> String {
    let Some(spread) = table.spread(subject, pivot.figure) else {
        return String::new();
    };
    let ratio = pivot
        .ratio
        .and_then(|ratio| table.spread(subject, ratio))
        .map_or_else(String::new, |ratio| format!(" ({:.2})", ratio.median));
    readable(spread.median) + &ratio
}
