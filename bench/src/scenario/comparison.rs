//! What all comparisons have in common: turns, rows, and ratios of figures that were measured in the same round.

use crate::{
    Error,
    plan::in_turn,
    report::{Figure, Table},
    server::Server,
};

/// What every other subject is a ratio of; subjects of this name keep nothing.
pub(super) const ECHO: &str = "echo";

/// Measures every subject once, beginning with another one in each round, and records them in the order in which they
/// are given. Every row but the first has its ratios to the first, where that is an echo.
pub(super) fn compare(
    table: &mut Table,
    servers: &[&Server],
    round: u32,
    mut measure: impl FnMut(&Server) -> Result<Vec<Figure>, Error>,
) -> Result<(), Error> {
    let mut measured: Vec<Option<Vec<Figure>>> = servers.iter().map(|_| None).collect();
    let numbers: Vec<usize> = (0..servers.len()).collect();
    for &number in in_turn(&numbers, round) {
        measured[number] = Some(measure(servers[number])?);
    }
    let rows: Vec<(&str, Vec<Figure>)> = servers
        .iter()
        .zip(measured)
        .filter_map(|(server, figures)| Some((server.name(), figures?)))
        .collect();
    let echo = rows.first().filter(|(name, _)| name.starts_with(ECHO));
    for (number, (name, figures)) in rows.iter().enumerate() {
        table.record(name, figures);
        if let Some((_, echo)) = echo.filter(|_| number > 0) {
            table.record(name, &ratios(figures, echo));
        }
    }
    Ok(())
}

fn ratios(figures: &[Figure], echo: &[Figure]) -> Vec<Figure> {
    let value = |figures: &[Figure], wanted| {
        let found = figures.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| *value)
    };
    [
        ("calls/s", "calls of echo"),
        ("server us/call", "server time of echo"),
    ]
    .into_iter()
    .filter_map(|(figure, ratio)| Some((ratio, value(figures, figure)? / value(echo, figure)?)))
    .collect()
}

/// Records the most memory that each server has had in RAM, and stops them.
pub(super) fn finish(servers: Vec<Server>, table: &mut Table) -> Result<(), Error> {
    for server in servers {
        table.record(
            server.name(),
            &[("peak MB", server.peak_memory()? as f64 / 1e6)],
        );
        if let Some(behind) = server.user_function() {
            table.record(
                server.name(),
                &[("of it user function MB", behind.peak_memory()? as f64 / 1e6)],
            );
        }
        // An echo has nothing to finish.
        if server.name().starts_with(ECHO) {
            server.kill();
        } else {
            server.stop()?;
        }
    }
    Ok(())
}
